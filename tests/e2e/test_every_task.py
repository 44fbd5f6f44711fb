"""Each kind of label in a real browser: what is pressed and drawn is what the ledger keeps."""

from __future__ import annotations

import pytest

from querist.engine import offline
from tests.e2e import every_task
from tests.e2e.desk import DONE, SAVED, at_work

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def desk(chromium, tmp_path_factory):
    home = tmp_path_factory.mktemp("every")
    with at_work(chromium, home, every_task.make(home)) as desk:
        yield desk


@pytest.fixture(autouse=True)
def no_complaints(desk):
    yield
    assert desk.complaints == []


def test_multi_label_switches_and_sends(desk):
    desk.sit("multi_label")
    desk.press("Digit3", "Digit1", "Digit3", "Digit2", "Enter")
    assert desk.answers(1)[0].value == ["refund", "delivery"]
    desk.press("n")
    assert desk.answers(2)[1].value == []


def test_a_number_is_typed_and_one_out_of_range_is_not_sent(desk):
    desk.sit("numeric")
    desk.page.keyboard.type("81")
    assert "between 0 and 80 MPa" in desk.page.inner_text("#range")
    desk.press("Enter", "Backspace", "Backspace")
    desk.page.keyboard.type("61,5")
    desk.press("Enter")
    assert desk.answers(1)[0].value == 61.5


def test_a_pair_is_answered_for_the_side_on_the_screen_whichever_it_is(desk):
    desk.sit("pairwise")
    for n, (key, side) in enumerate((("ArrowLeft", 0), ("ArrowRight", 1)), start=1):
        shown = desk.page.locator(".pair section").nth(side).inner_text()
        desk.press(key)
        event = desk.answers(n)[-1]
        assert desk.content(event.item)[event.value]["value"]["text"] in shown
        desk.page.wait_for_timeout(250)
    desk.press("ArrowUp", "ArrowDown")
    assert [e.value for e in desk.answers(4)[2:]] == ["tie", "bad"]


def test_a_list_is_put_in_order_by_keyboard(desk):
    desk.sit("ranking")
    before = desk.page.locator("li[data-entry] .text").all_inner_texts()
    desk.page.locator("li[data-entry='2']").focus()
    desk.press("Alt+ArrowUp", "Alt+ArrowUp")
    after = desk.page.locator("li[data-entry] .text").all_inner_texts()
    assert after == [before[2], before[0], before[1]]
    desk.page.click(DONE)
    event = desk.answers(1)[0]
    fields = desk.content(event.item)["fields"]
    assert [fields[name] for name in event.value] == after


def test_spans_are_chosen_word_by_word_and_by_mouse_and_count_code_points(desk):
    desk.sit("spans")
    desk.press("ArrowRight", "ArrowRight", "Digit1")  # the second word
    desk.press("ArrowRight", "Shift+ArrowLeft", "Shift+ArrowRight", "Digit2")  # from there on
    box = desk.page.locator("blockquote.spans").bounding_box()
    desk.page.mouse.dblclick(box["x"] + box["width"] * 0.5, box["y"] + 24)
    desk.press("Digit3")
    pane = desk.page.locator(".marks li").count()
    desk.press("Enter")
    event = desk.answers(1)[0]
    text = desk.content(event.item)["text"]
    assert len(event.value) == pane >= 2
    assert all(0 <= m["start"] < m["end"] <= len(text) and text[m["start"] : m["end"]].strip() for m in event.value)
    assert {m["label"] for m in event.value} >= {"drug", "dose"}
    drug = next(m for m in event.value if m["label"] == "drug")
    words = text.replace("-", " ").replace("😀", " ").split()
    assert text[drug["start"] : drug["end"]] in words
    desk.press("n")
    assert desk.answers(2)[1].value == []


def test_relations_join_two_marks(desk):
    desk.sit("relations")
    desk.press("ArrowRight", "Digit1", "ArrowRight", "ArrowRight", "ArrowRight", "Digit2")
    marks = desk.page.locator("blockquote .sp")
    assert marks.count() == 2
    marks.nth(1).click()
    desk.press("Digit3")
    marks.nth(0).click()
    desk.page.click(DONE)
    value = desk.answers(1)[0].value
    assert [m["label"] for m in value["spans"]] in (["drug", "dose"], ["dose", "drug"])
    assert value["relations"] == [{"from": 1, "to": 0, "label": "dose of"}]


def test_boxes_are_drawn_moved_and_removed(desk):
    desk.sit("boxes", "svg[role=application]")
    frame = desk.page.locator("svg[role=application]").bounding_box()
    at = lambda x, y: (frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])  # noqa: E731
    for start, end in (((0.1, 0.1), (0.3, 0.4)), ((0.5, 0.5), (0.7, 0.8)), ((0.75, 0.1), (0.9, 0.3))):
        desk.page.mouse.move(*at(*start))
        desk.page.mouse.down()
        desk.page.mouse.move(*at(*end), steps=4)
        desk.page.mouse.up()
        desk.press("Digit2")
    assert desk.page.locator(".marks li").count() == 3
    desk.page.mouse.click(*at(0.8, 0.2))
    desk.press("Delete")
    desk.page.mouse.click(*at(0.6, 0.6))
    desk.press("ArrowRight")
    with desk.answers_on_the_way():
        desk.page.click(DONE)
        desk.page.wait_for_function("() => !document.querySelector('.marks li')")
        whole = desk.page.get_attribute("svg[role=application]", "viewBox")
        desk.page.mouse.move(*at(0.5, 0.5))
        desk.page.mouse.wheel(0, -400)
        desk.page.wait_for_function(
            "whole => document.querySelector('svg[role=application]').getAttribute('viewBox') !== whole", arg=whole
        )
        closer = desk.page.get_attribute("svg[role=application]", "viewBox")
    value = desk.answers(1)[0].value
    desk.page.wait_for_selector("[data-unsent='0']")
    # Whoever has zoomed in is not thrown back by an answer that arrives.
    assert desk.page.get_attribute("svg[role=application]", "viewBox") == closer
    assert [box["label"] for box in value] == ["red cell", "white cell"]
    assert value[0]["x"] == pytest.approx(72, abs=3)
    assert value[0]["width"] == pytest.approx(144, abs=4)
    assert value[1]["x"] == pytest.approx(362, abs=3)


def test_an_outline_is_closed_by_enter_and_a_corner_is_taken_back(desk):
    desk.sit("polygons", "svg[role=application]")
    frame = desk.page.locator("svg[role=application]").bounding_box()
    for x, y in ((0.2, 0.2), (0.6, 0.25), (0.5, 0.7), (0.9, 0.9)):
        desk.page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
    desk.press("Backspace", "Enter")
    desk.page.click(DONE)
    value = desk.answers(1)[0].value
    assert [(shape["label"], len(shape["points"])) for shape in value] == [("red cell", 3)]
    assert value[0]["points"][0] == pytest.approx([144, 96], abs=3)


def test_a_text_is_corrected(desk):
    desk.sit("text", "textarea:not([disabled])")
    draft = desk.page.input_value("textarea")
    desk.page.keyboard.press("End")
    desk.page.keyboard.type("!")
    desk.press("Control+Enter")
    assert desk.answers(1)[0].value == draft + "!"


def test_a_sound_can_be_heard_and_labelled(desk):
    desk.sit("audio")
    ready = "() => document.querySelector('audio')?.readyState >= 1"
    desk.page.wait_for_function(ready, timeout=60_000)
    desk.press("Digit2")
    assert desk.answers(1)[0].value == "high"


def test_an_unfinished_answer_outlives_the_page_and_is_sent_once(desk):
    desk.sit("multi_label")
    kept = len(list(desk.projects["multi_label"].store.events(kinds=["answer_submitted"])))
    text = desk.page.inner_text("blockquote.item")
    desk.press("Digit2")
    desk.page.reload()
    desk.page.wait_for_selector(".done:not([disabled])", timeout=60_000)
    desk.page.wait_for_timeout(200)
    if desk.page.inner_text("blockquote.item") == text:
        assert desk.page.locator(".answer[aria-pressed=true]").inner_text().endswith("delivery")
    desk.press("Enter")
    desk.answers(kept + 1)
    desk.page.wait_for_selector(SAVED)


def test_a_letter_of_ones_own_answers_and_a_taken_one_is_refused(desk):
    desk.sit("single_label")
    desk.press("?")
    field = desk.page.locator("input.letter").first
    field.fill("w")
    field.press("Tab")
    assert "W is taken: why this item" in desk.page.inner_text("dialog")
    field.fill("r")
    field.press("Tab")
    desk.press("Escape")
    desk.page.wait_for_selector("dialog", state="detached")
    desk.press("r")
    assert desk.answers(1)[0].value == "refund"


DARK = pytest.param("dark", marks=pytest.mark.long)


@pytest.mark.parametrize("theme", ["light", DARK])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_no_screen_has_a_fault_that_axe_can_see(desk, size, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    width, height = size
    context = desk.context.browser.new_context(
        viewport={"width": width, "height": height},
        bypass_csp=True,
        reduced_motion="reduce",
        color_scheme=theme,
        storage_state=desk.context.storage_state(),
    )
    page = context.new_page()
    found = []
    for name, project in desk.projects.items():
        page.goto(f"{desk.base}/p/{project.id}/label")
        page.wait_for_selector(".answer, .done, .msg", timeout=60_000)
        page.wait_for_timeout(300)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [f"{name}: {wide} px too wide"] if wide > 0 else []
        for fault in axe.Axe().run(page).response["violations"]:
            found += [f"{name}: {fault['id']}: {node['html'][:120]}" for node in fault["nodes"][:2]]
    context.close()
    assert found == []


@pytest.mark.parametrize(
    ("name", "format", "file", "holds"),
    [
        ("boxes", "COCO", "labels.json", "bbox"),
        ("boxes", "YOLO", "labels.zip", "labels/smear"),
        ("spans", "CoNLL", "labels.conll", "B-dose"),
    ],
)
def test_the_labels_leave_as_another_tools_file(desk, name, format, file, holds):
    project = desk.projects[name]
    item = next(item for item in project.pool().items if not project.store.answers(items=[item]))
    mark = {"label": "white cell", "x": 10.0, "y": 20.0, "width": 30.0, "height": 40.0}
    if name == "spans":
        first_word = project.store.contents([item])[0].value["text"].split()[0]
        mark = {"start": 0, "end": len(first_word), "label": "dose"}
    offline.tell_one(project, "ann", item, [mark])
    desk.page.goto(f"{desk.base}/p/{project.id}")
    desk.page.get_by_role("button", name="As another format").click()
    with desk.page.expect_download() as download:
        desk.page.get_by_role("button", name=format, exact=True).click()
    assert download.value.suggested_filename == file
    assert holds.encode() in download.value.path().read_bytes()


JUMPS = """
(() => {
  window.jumps = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const sources = entry.sources.map(({ node }) => node?.className || node?.nodeName);
      window.jumps.push([entry.value, ...sources]);
    }
  }).observe({ type: "layout-shift", buffered: true });
})()
"""


@pytest.mark.long
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_jumps_when_an_item_loads_and_the_item_has_half_of_the_height(desk, size):
    width, height = size
    context = desk.context.browser.new_context(
        viewport={"width": width, "height": height}, storage_state=desk.context.storage_state()
    )
    context.add_init_script(JUMPS)
    page = context.new_page()
    found = []
    for name, project in desk.projects.items():
        page.goto(f"{desk.base}/p/{project.id}/label")
        page.wait_for_selector(".answer, .done, .msg", timeout=60_000)
        page.wait_for_timeout(600)
        for skipped in range(2):
            page.evaluate("window.jumps.length = 0") if skipped else None
            jumps = [jump for jump in page.evaluate("window.jumps") if jump[0] > 0.01]
            found += [f"{name}, {'next item' if skipped else 'first item'}: {jumps}"] if jumps else []
            page.keyboard.press("f")  # cannot be answered: the next item loads
            page.wait_for_timeout(400)
        stage = page.locator(".stage").bounding_box()["height"]
        found += [f"{name}: the item has {stage:.0f} px of {height}"] if stage < height / 2 else []
    context.close()
    assert found == []
