"""A manager begins a project of every kind of label in the browser, and sees its first item."""

from __future__ import annotations

import io
import zipfile

import pytest
from PIL import Image

from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.server import pages
from querist.server.app import create_app
from querist.server.site import Site
from tests.e2e import every_task
from tests.e2e.desk import Desk
from tests.serving import running

pytestmark = pytest.mark.browser

ROWS = "asked,reply_a,reply_b\n" + "".join(
    f"How do I send back order number {n}?,Open the app and tap return {n},Please call us on {n}\n" for n in range(12)
)


def pictures() -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as packed:
        for n in range(5):
            picture = io.BytesIO()
            Image.new("RGB", (240, 160), (40 * n, 90, 120)).save(picture, "PNG")
            packed.writestr(f"{n}.png", picture.getvalue())
    return kept.getvalue()


def classes(page, *names: str) -> None:
    page.fill("input[aria-label='Add a label']", ", ".join(names))
    page.press("input[aria-label='Add a label']", "Enter")


KINDS = {
    "single_label": lambda page: classes(page, "yes", "no"),
    "multi_label": lambda page: (classes(page, "yes", "no"), page.get_by_label("At least so many labels").fill("1")),
    "numeric": lambda page: (
        page.get_by_label("Smallest number").fill("0"),
        page.get_by_label("Largest number").fill("9"),
    ),
    "pairwise": lambda page: page.get_by_label("People may say “both are bad”").uncheck(),
    "ranking": lambda page: None,
    "spans": lambda page: (classes(page, "thing"), page.get_by_label("Parts may overlap").check()),
    "relations": lambda page: (
        classes(page, "thing"),
        page.fill("input[aria-label='Add a relation']", "part of"),
        page.press("input[aria-label='Add a relation']", "Enter"),
    ),
    "boxes": lambda page: classes(page, "stain"),
    "polygons": lambda page: classes(page, "stain"),
    "text": lambda page: page.get_by_label("People begin with").select_option("empty"),
}
SETTINGS = {
    "multi_label": {"at_least": 1},
    "numeric": {"low": 0, "high": 9},
    "pairwise": {"bad": False},
    "spans": {"overlap": True},
    "relations": {"relations": ["part of"]},
    "text": {"start": "empty"},
}


@pytest.fixture(scope="module")
def office(chromium, tmp_path_factory):
    if not (pages.BUILT / "index.html").is_file():
        pytest.skip("the web app is not built: `npm ci && npm run build` in ui/ does that")
    home = tmp_path_factory.mktemp("office")
    every_task.make(home, "text")
    site = Site.open(home)
    site.people.create_person("admin", role="owner")
    with running(create_app(site)) as base:
        desk = Desk(chromium, base, site, {})
        yield home, desk
        desk.context.close()
    site.close()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_label_can_be_begun_from_the_page(office, kind):
    home, desk = office
    page = desk.page
    page.goto(f"{desk.base}/projects/new")
    has_pictures = kind in ("boxes", "polygons")
    name, data = ("shirts.zip", pictures()) if has_pictures else ("replies.csv", ROWS.encode())
    page.set_input_files("input[type=file]", {"name": name, "mimeType": "", "buffer": data})
    page.wait_for_selector("text=rows read")
    assert page.is_disabled("input[value=boxes]") is not has_pictures
    page.check(f"input[value={kind}]")
    KINDS[kind](page)
    page.get_by_label("Name", exact=True).fill(f"my {kind}")
    page.click("text=Create and label the first item")
    page.wait_for_url("**/label")
    project = Project.open(home / f"my-{kind}".replace("_", "-"))
    assert project.spec.project.task == kind
    assert dict(project.spec.project.settings) == SETTINGS.get(kind, {})
    run_until_waiting(project)
    page.reload()
    page.wait_for_selector(".answer:not([disabled]), .done", timeout=60_000)
    assert desk.complaints == []


def test_what_is_missing_is_said_in_words_before_anything_is_sent(office):
    _, desk = office
    desk.page.goto(f"{desk.base}/projects/new")
    desk.page.get_by_label("Name", exact=True).fill("nothing")
    desk.page.click("text=Create and label the first item")
    assert desk.page.inner_text("[role=alert]") == "Choose a file first."
    desk.page.set_input_files("input[type=file]", {"name": "r.csv", "mimeType": "", "buffer": ROWS.encode()})
    desk.page.wait_for_selector("text=rows read")
    for kind, said in (
        ("single_label", "Add at least two labels."),
        ("spans", "Add at least one label."),
        ("numeric", "Give the smallest and the largest number."),
    ):
        desk.page.check(f"input[value={kind}]")
        desk.page.click("text=Create and label the first item")
        assert desk.page.inner_text("[role=alert]") == said
