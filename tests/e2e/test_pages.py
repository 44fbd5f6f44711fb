"""The pages in a real browser, on a real service: nothing is lost, and nobody is shut out."""

import pytest

from querist.engine.project import Project

pytestmark = pytest.mark.browser

READY = ".answer:not([disabled])"
SAVED = "[data-unsent='0']"
SIZES = {"wide": (1280, 800), "phone": (390, 844), "small": (320, 640)}


class Person:
    """Somebody before a browser; complaints of the page are collected."""

    def __init__(self, browser, served, **options) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.complaints: list[str] = []
        self.page = self.open()
        self.base, token = served.read_until(r"(http://\S+)/(sign-in\?token=\S+)").groups()
        self.page.goto(f"{self.base}/{token}")
        self.page.wait_for_url("**/p/**", timeout=60_000)

    def open(self):
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type != "log" else None)
        return page

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.wait_for_selector(READY, timeout=120_000)
            self.page.keyboard.press(key)

    def all_saved(self) -> None:
        self.page.wait_for_selector(SAVED, timeout=60_000)


def events(folder, kind):
    return [recorded.event for recorded in Project.open(folder).store.events(kinds=[kind])]


def test_answers_outlive_the_network_and_the_page_and_can_be_taken_back(serve, new_project, chromium):
    folder = new_project()
    me = Person(chromium, serve(folder))
    project = Project.open(folder).id
    me.page.goto(f"{me.base}/p/{project}/label")

    # Everything that is not an answer of the usual kind has its key.
    me.press("Digit1", "Shift+Digit2", "f", "Space")
    me.page.wait_for_selector("dialog[open]")
    me.page.keyboard.press("Digit2")
    me.all_saved()
    given = [(e.outcome, e.value, e.confidence) for e in events(folder, "answer_submitted")]
    assert given == [
        ("answered", "1", None),
        ("answered", "2", "unsure"),
        ("unanswerable", None, None),
        ("skipped", None, None),
    ]
    assert events(folder, "answer_submitted")[-1].reason

    # Undo reaches back beyond what has been sent.
    me.press("Backspace", "Backspace", "Backspace")
    me.all_saved()
    assert len(events(folder, "answer_withdrawn")) == 3
    assert "You had answered two" in me.page.inner_text(".stage")

    # The network goes, then the page; the answers are sent by the next one, once.
    me.context.set_offline(True)
    me.press("Digit3", "Digit4", "Digit5")
    me.page.wait_for_selector("text=3 answers kept here", timeout=60_000)
    me.page.close()
    me.context.set_offline(False)
    me.page = me.open()
    me.page.goto(f"{me.base}/p/{project}/label")
    me.page.wait_for_selector(READY, timeout=60_000)
    me.all_saved()
    assert [e.value for e in events(folder, "answer_submitted")[4:]] == ["3", "4", "5"]

    # A wrong answer is found and corrected; the earlier one stays in the ledger.
    me.page.goto(f"{me.base}/p/{project}/items")
    me.page.select_option("select >> nth=1", "5")
    me.page.wait_for_function("() => document.querySelectorAll('.list li').length === 1", timeout=60_000)
    me.page.click(".list li a")
    me.page.click("text=Correct the answer")
    me.page.keyboard.press("Digit9")
    me.page.wait_for_selector("text=Corrected: nine", timeout=60_000)
    correction = events(folder, "answer_submitted")[-1]
    assert correction.value == "9"
    assert correction.replaces is not None
    # Only the browser's own words about the lost network.
    assert [text for text in me.complaints if "ERR_INTERNET_DISCONNECTED" not in text] == []


@pytest.mark.long
def test_axe_finds_nothing_and_no_page_scrolls_sideways(serve, chromium):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    served = serve()
    # axe is put into the page by a script, which the strict policy of the pages would refuse.
    me = Person(chromium, served, bypass_csp=True, reduced_motion="reduce")
    me.press("Digit1", "Digit2", "Digit3")
    me.all_saved()
    project = me.page.url.split("/p/")[1].split("/")[0]
    found = []
    for path in (f"p/{project}", f"p/{project}/label", f"p/{project}/items", f"p/{project}/settings", "projects"):
        me.page.goto(f"{me.base}/{path}")
        me.page.wait_for_selector("h1")
        for theme in ("light", "dark"):
            me.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            for size, (width, height) in SIZES.items():
                me.page.set_viewport_size({"width": width, "height": height})
                me.page.wait_for_timeout(150)
                if me.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    found.append(f"{path} {size}: scrolls sideways")
                for fault in axe.run(me.page).response["violations"]:
                    found += [f"{path} {size} {theme}: {fault['id']}: {n['html'][:160]}" for n in fault["nodes"]]
    assert found == []
