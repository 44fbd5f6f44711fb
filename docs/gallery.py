"""Photograph the labelling screen of each kind of label into docs/gallery: light, dark, and the size of a phone.

python -m docs.gallery     (needs Chromium, Playwright and the built web app)
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright
from tests.e2e import every_task
from tests.e2e.desk import running

from querist.server.app import create_app
from querist.server.site import Site

OUT: Final = Path(__file__).parent / "gallery"
LOOKS: Final = {"": (1280, 800, "light"), "-dark": (1280, 800, "dark"), "-phone": (390, 844, "light")}
MARKS: Final = [*["ArrowLeft"] * 3, "Digit1", "ArrowLeft", "Shift+ArrowLeft", "Digit2"]
"""The drug and its dose in a text that runs to the left."""
AROUND: Final = {
    "boxes": [(0.38, 0.34), (0.475, 0.5)],
    "polygons": [(0.1, 0.21), (0.17, 0.17), (0.24, 0.21), (0.26, 0.36), (0.17, 0.45), (0.08, 0.38)],
}
"""A red cell and the white one, in shares of the picture."""


def begun(page: Page, name: str) -> None:
    """Bring the screen half way, so that a picture shows what it is for."""
    keys = {
        "multi_label": ["Digit1", "Digit3"],
        "numeric": ["6", "1", ".", "5"],
        "spans": [*MARKS, "ArrowLeft"],
        "relations": MARKS,
    }
    if name in ("boxes", "polygons"):
        if name == "polygons":
            page.keyboard.press("Digit2")
        page.wait_for_selector("svg[role=application]")
        frame = page.locator("svg[role=application]").bounding_box()
        assert frame is not None
        for x, y in AROUND[name]:
            page.mouse.move(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
            page.mouse.up() if name == "boxes" and (x, y) == AROUND[name][-1] else page.mouse.down()
            if name == "polygons":
                page.mouse.up()
        if name == "polygons":
            page.keyboard.press("Enter")
    if name == "numeric":
        page.locator("input[inputmode]").focus()
    for key in keys.get(name, []):
        page.keyboard.press(key)
    page.wait_for_timeout(350)


def main(wanted: list[str]) -> int:
    """Write the pictures of the wanted kinds, or of all."""
    OUT.mkdir(exist_ok=True)
    home = Path(tempfile.mkdtemp())
    projects = every_task.make(home, *wanted)
    site = Site.open(home)
    site.people.create_person("admin", role="owner")
    said: list[Any] = []
    with running(create_app(site)) as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for suffix, (width, height, theme) in LOOKS.items():
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=theme, has_touch=suffix == "-phone"
            )
            page = context.new_page()
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(f"{base}/sign-in?token={site.people.create_link_token(site.admin().id)}")
            page.wait_for_url("**/p*", timeout=60_000)
            for name, project in projects.items():
                page.goto(f"{base}/p/{project.id}/label")
                page.wait_for_selector(".answer:not([disabled]), .done", timeout=60_000)
                begun(page, name)
                page.screenshot(path=OUT / f"{name}{suffix}.png")
            context.close()
        browser.close()
    sys.stderr.writelines(f"{line}\n" for line in said)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
