"""More classes than keys, groups at a stroke, questions and guidelines, and German, in a real browser."""

from __future__ import annotations

import re

import pytest

from querist.engine import create, steering
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from tests.e2e import every_task
from tests.e2e.desk import at_work

pytestmark = pytest.mark.browser

SHOPS = [
    f"{trade} in {town}" for trade in ("baker", "tailor", "smith") for town in ("Cork", "Lyon", "Graz", "Oslo", "Bern")
]


@pytest.fixture(scope="module")
def desk(chromium, tmp_path_factory):
    home = tmp_path_factory.mktemp("many")
    rows = [
        {"text": f"Is the {shop} open on day {n}?", "shop": shop if n < 2 else ""} for shop in SHOPS for n in range(6)
    ]
    data = every_task.lines(home / "shops.jsonl", rows)
    options = {"lanes": {"evaluation": 0.0}, "features": {}, "labels": {"question": "Which shop is meant?"}}
    create.init(home / "shops", data=data, text="text", label="shop", classes=SHOPS, settings=options)
    projects = {"shops": Project.open(home / "shops")}
    run_until_waiting(projects["shops"])
    with at_work(chromium, home, projects) as desk:
        yield desk


@pytest.fixture(autouse=True)
def no_complaints(desk):
    yield
    assert desk.complaints == []


def given(desk):
    events = desk.projects["shops"].store.events(kinds=["answer_submitted"])
    return [recorded.event for recorded in events if recorded.event.source == "ui"]


def settled(desk, n):
    for _ in range(400):
        if len(given(desk)) >= n:
            break
        desk.page.wait_for_timeout(25)
    return given(desk)


def sit(desk):
    desk.sit("shops", ready="[data-search]:not([disabled])")
    desk.page.wait_for_selector(".hits li")


def test_the_classes_given_most_come_first_and_a_digit_takes_one(desk):
    sit(desk)
    before = len(given(desk))
    assert "The model" not in desk.page.inner_text(".find")
    names = desk.page.locator(".hits li .t").all_inner_texts()
    assert len(names) == 9
    assert set(names) <= set(SHOPS)
    with desk.answers_on_the_way():
        desk.press("Digit2")
        assert desk.page.locator(".recent button").first.inner_text().split("\n")[-1] == names[1]
        desk.page.keyboard.type("smith gr")
    assert settled(desk, before + 1)[-1].value == names[1]
    desk.page.wait_for_selector("[data-unsent='0']")
    # What is typed for the item in view stays when the answer before it arrives.
    assert desk.page.input_value("[data-search]") == "smith gr"
    desk.press("Enter")
    assert settled(desk, before + 2)[-1].value == "smith in Graz"


def test_the_item_has_half_of_the_height_however_many_classes(desk):
    sit(desk)
    box = desk.page.locator(".stage").bounding_box()
    assert box["height"] >= 0.5 * 800


def test_a_group_is_answered_at_a_stroke_less_what_was_picked_out_and_undone_as_one(desk):
    sit(desk)
    before = len(given(desk))
    desk.page.get_by_role("button", name="Similar").click()
    desk.page.wait_for_selector(".grid li")
    n = desk.page.locator(".grid li").count()
    assert n > 2
    desk.page.locator(".grid input").nth(1).uncheck()
    desk.page.locator("dialog [data-search]").fill("baker in lyon")
    desk.page.keyboard.press("Enter")
    desk.page.click(f"text={n - 1} items are baker in Lyon")
    answers = settled(desk, before + n - 1)[before:]
    assert len(answers) == n - 1
    assert {(event.value, event.bulk) for event in answers} == {("baker in Lyon", True)}
    desk.page.get_by_role("button", name="Undo").click()
    project = desk.projects["shops"]
    for _ in range(400):
        if len(list(project.store.events(kinds=["answer_withdrawn"]))) >= n - 1:
            break
        desk.page.wait_for_timeout(25)
    assert len(list(project.store.events(kinds=["answer_withdrawn"]))) == n - 1


def test_a_question_is_asked_answered_and_stands_in_the_guidelines(desk):
    sit(desk)
    desk.page.get_by_role("button", name="Ask").click()
    desk.page.fill("dialog textarea", "Is a stall a shop?")
    desk.page.click("dialog .btn.primary")
    desk.page.wait_for_selector("text=Asked. The answer will stand here.")
    desk.page.goto(f"{desk.base}/p/{desk.projects['shops'].id}/review")
    desk.page.wait_for_selector("text=Is a stall a shop?")
    desk.page.click("#questions .btn")
    desk.page.fill("#questions textarea", "Yes, where it stands every day.")
    desk.page.get_by_label("Make the item an example of").select_option("baker in Oslo")
    desk.page.click("text=Send the answer")
    desk.page.wait_for_selector("text=1 question answered")
    guide = steering.guidelines(desk.projects["shops"])
    assert guide["version"] == 1
    assert guide["classes"]["baker in Oslo"]["examples"][0]["good"] is True


def test_guidelines_are_markdown_and_never_html(desk):
    project = desk.projects["shops"]
    text = "# Shops\n\n* **open** ones\n\n<img src=x onerror=alert(1)> [bad](javascript:alert(1)) [good](https://example.org)"
    steering.change_guidelines(project, "p_test", "guide 2", text, {"baker in Cork": {"definition": "Sells *bread*."}})
    sit(desk)
    pane = desk.page.locator(".pane")
    assert pane.locator("strong").first.inner_text() == "open"
    assert pane.locator("li li, .md li").first.inner_text() == "open ones"
    assert pane.locator("img").count() == 0
    assert "<img src=x onerror=alert(1)>" in pane.inner_text()
    assert [link.get_attribute("href") for link in pane.locator("a").all()] == ["https://example.org"]
    before = len(given(desk))
    desk.press("Digit1")
    version = steering.guidelines(project)["version"]
    assert settled(desk, before + 1)[-1].guideline == version


def test_every_page_is_german_for_who_chose_it(desk):
    page = desk.context.new_page()
    page.goto(desk.base + "/projects")
    page.evaluate("localStorage.setItem('language', 'de')")
    project = desk.projects["shops"].id
    english = re.compile(r"\b(Settings|Overview|Guidelines|Undo|Search|Answered|Labels|The project|Too early)\b")
    for path in ("/projects", "/projects/new", f"/p/{project}/label", f"/p/{project}/settings", f"/p/{project}/items"):
        page.goto(desk.base + path)
        page.wait_for_timeout(600)
        assert page.get_attribute("html", "lang") == "de"
        assert not english.search(re.sub(r"\{[^}]*\}", "", page.inner_text("body"))), path
    page.evaluate("localStorage.removeItem('language')")
    page.close()
