"""What is half done on a page survives everything that is read meanwhile: the network is held back, then let go."""

from __future__ import annotations

import contextlib

import pytest

from querist.engine import asking_again, classes, offline, reviewing, steering
from tests.e2e import every_task
from tests.e2e.desk import DONE, at_work

pytestmark = pytest.mark.browser

CANVAS = "svg[role=application]"
NAMES = ["refund", "delivery", "app"]


@pytest.fixture(scope="module")
def desk(chromium, tmp_path_factory):
    home = tmp_path_factory.mktemp("held")
    projects = every_task.make(home, "polygons")
    projects |= {name: every_task.mails(home, name, NAMES) for name in ("settings", "items", "refused")}
    projects["review"] = every_task.mails(home, "review", NAMES, opinions=2, most_opinions=2)
    projects["training"] = every_task.mails(home, "training", NAMES, training=True)
    with at_work(chromium, home, projects) as desk:
        yield desk


@contextlib.contextmanager
def held_back(page, pattern, method):
    """Requests of one kind wait until the block ends."""
    held = []

    def hold(route):
        held.append(route) if route.request.method == method else route.fallback()

    page.route(pattern, hold)
    yield held
    for route in held:
        route.continue_()
    page.unroute(pattern, hold)


def until(page, seen, what=""):
    for _ in range(1200):
        if seen():
            return
        page.wait_for_timeout(25)
    raise AssertionError(what)


def go(desk, name, tab):
    desk.name = name
    desk.page.goto(f"{desk.base}/p/{desk.projects[name].id}/{tab}")


def kept(desk, kind):
    return [recorded.event for recorded in desk.projects[desk.name].store.events(kinds=[kind])]


def test_saving_one_part_of_the_settings_leaves_the_others_half_written(desk):
    page = desk.page
    go(desk, "settings", "settings")
    page.get_by_label("People who answer each item").fill("3")
    page.get_by_label("The rule in general").fill("Half of a rule")
    page.get_by_label("What belongs into app").fill("half a definition")
    page.get_by_label("Question").fill("Which is it?")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_text("Saved").first.wait_for()
    page.get_by_role("button", name="Rename app").click()
    page.keyboard.type("the app")
    page.keyboard.press("Enter")
    page.get_by_text("app → the app").wait_for()
    assert page.get_by_label("People who answer each item").input_value() == "3"
    assert page.get_by_label("The rule in general").input_value() == "Half of a rule"
    assert page.get_by_label("What belongs into the app").input_value() == "half a definition"
    assert page.get_by_label("Question").input_value() == "Which is it?"


def test_settings_that_could_not_be_read_at_first_are_filled_when_they_are(desk):
    page = desk.page
    page.route("**/api/v1/projects/*", lambda route: route.abort(), times=1)
    go(desk, "items", "settings")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("textbox", name="Name").wait_for()
    assert page.get_by_role("textbox", name="Name").input_value() == "items"
    assert page.get_by_label("Question").input_value() == "What is it about?"


def test_a_decision_is_made_once_and_the_next_item_is_not_decided_with_it(desk):
    project, page = desk.projects["review"], desk.page
    for item in project.pool().items[:3]:
        offline.tell_one(project, "ann", item, "refund")
        offline.tell_one(project, "bob", item, "app")
    assert reviewing.review(project, viewer="x")["total"] == 3
    go(desk, "review", "review")
    page.get_by_role("heading", name="3 items wait").wait_for()
    item = page.locator(".case .item").inner_text()
    with held_back(page, "**/review?**", "GET"):
        with held_back(page, "**/decision", "POST") as sent:
            page.keyboard.press("a")
            page.keyboard.press("Digit2")
            page.keyboard.press("Enter")
            until(page, lambda: sent)
            page.keyboard.press("Enter")
        page.get_by_role("heading", name="2 items wait").wait_for()
        assert page.locator(".case .item").inner_text() != item
        page.keyboard.press("Enter")
        page.get_by_label("Note").fill("half a note")
        assert page.locator(".case .answer[aria-pressed='true']").count() == 0
    page.wait_for_load_state("networkidle")
    assert page.get_by_label("Note").input_value() == "half a note"
    page.get_by_role("button", name="delivery").click()  # chooses, and does not send it
    page.locator(".case .answer[aria-pressed='true']").wait_for()
    page.reload()
    page.get_by_role("heading", name="2 items wait").wait_for()
    assert [event.value for event in kept(desk, "answer_adjudicated")] == ["delivery"]


def test_the_list_of_items_stays_where_it_was_after_a_correction(desk):
    page = desk.page
    go(desk, "items", "items")
    page.get_by_role("button", name="Show more").click()
    until(page, lambda: page.locator(".list li").count() == 70)
    last = page.locator(".list li a").last
    address = last.get_attribute("href")
    last.click()
    page.get_by_role("button", name="Answer it").click()
    page.keyboard.press("Digit2")
    page.get_by_text("Corrected: delivery").wait_for()
    assert page.locator(".list li").count() == 70
    page.locator(".list li a[aria-current] .state.good").wait_for()
    assert page.locator(".list li a[aria-current]").get_attribute("href") == address


def test_items_that_could_not_be_read_at_first_are_shown_when_they_are(desk):
    page = desk.page
    page.route("**/items?**", lambda route: route.abort(), times=1)
    page.route("**/items", lambda route: route.abort() if "/api/" in route.request.url else route.fallback(), times=2)
    go(desk, "items", "items")
    page.get_by_role("button", name="Try again").wait_for()
    page.locator(".list li").first.wait_for()  # it tries again by itself
    page.unroute_all(behavior="wait")


def test_a_lesson_waits_until_the_question_in_the_making_is_put_aside(desk):
    project, page = desk.projects["training"], desk.page
    items = project.pool().items
    asking_again.change_gold(project, "boss", "gold", dict.fromkeys(items[::2], "app"))
    desk.sit("training")
    for n in range(1, 30):
        with desk.answers_on_the_way():
            desk.press("Digit1", "q")
            page.get_by_label("Your question").fill("half a question")
        desk.answers(n)
        page.wait_for_selector("[data-unsent='0']")
        assert page.get_by_label("Your question").input_value() == "half a question"
        page.keyboard.press("Escape")
        page.get_by_label("Your question").wait_for(state="detached")
        if page.locator("dialog[open]").count():
            break
    assert "Another answer is known" in page.locator("dialog[open]").inner_text()


def test_once_a_refused_answer_is_dealt_with_the_keys_answer_again(desk):
    project, page = desk.projects["refused"], desk.page
    desk.sit("refused")
    asked = []
    with desk.answers_on_the_way():
        desk.press("Digit1")
        classes.change_classes(project, "boss", "rename", "rename", ["refund"], ["money back"])
    page.get_by_text("1 answer needs you").wait_for()
    page.get_by_role("button", name="money back").wait_for()  # the classes were read again
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith(project.id) else None)
    for n in range(1, 5):
        desk.press("Digit2")
        desk.answers(n)
    assert len(asked) <= 1, "the project is not read again with every answer"
    page.get_by_text("1 answer needs you").click()
    page.locator("dialog").get_by_role("button", name="money back").click()
    page.locator("dialog").wait_for(state="detached")
    assert desk.answers(5)[-1].value == "money back"
    desk.press("Digit3")
    assert desk.answers(6)[-1].value == "app"


def test_half_an_outline_outlives_the_page(desk):
    page = desk.page
    desk.sit("polygons", CANVAS)
    frame = page.locator(CANVAS).bounding_box()
    for x, y in ((0.3, 0.3), (0.6, 0.3), (0.6, 0.6)):
        page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
    page.reload()
    page.wait_for_selector(f"{CANVAS} >> css=path")
    page.keyboard.press("Enter")  # closes it
    page.click(DONE)
    [answer] = desk.answers(1)
    assert len(answer.value[0]["points"]) == 3


def test_guidelines_that_change_meanwhile_leave_an_answer_in_the_making_alone(desk):
    page = desk.page
    desk.sit("polygons", CANVAS)
    whole = page.locator(CANVAS).get_attribute("viewBox")
    page.keyboard.press("z")
    until(page, lambda: page.locator(CANVAS).get_attribute("viewBox") != whole)
    zoomed = page.locator(CANVAS).get_attribute("viewBox")
    steering.change_guidelines(desk.projects["polygons"], "boss", "guide", "Look *twice*.", {})
    page.get_by_text("Look twice.").or_(page.get_by_role("tab", name="Guidelines")).first.wait_for()
    assert page.locator(CANVAS).get_attribute("viewBox") == zoomed


@pytest.fixture(autouse=True)
def no_complaints(desk):
    """Of the page; what the browser itself says about requests that were cut off or refused is none."""
    desk.complaints.clear()
    yield
    assert [text for text in desk.complaints if not text.startswith("Failed to load resource")] == []
