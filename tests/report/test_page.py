"""The report speaks the same visual language as the app, and reads well in a real browser."""

import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from querist.report import project, simulation
from tests.report.reader import Reader

TOKENS = Path(__file__).parents[2] / "ui" / "src" / "styles" / "tokens.css"
AHEAD = [0.0, 0.06, 0.06, 0.05, 0.04]


def tokens(css: str) -> dict[str, str]:
    """Colours by role, from the first `:root`: what follows changes them for print and contrast."""
    root = css[css.index(":root {") :]
    return dict(re.findall(r"--([\w-]+):\s*(light-dark\([^)]*\))", root[: root.index("\n}")]))


@pytest.mark.skipif(not TOKENS.is_file(), reason="the app's sources are not here")
def test_every_colour_is_the_apps() -> None:
    ours = tokens((files("querist.report") / "templates" / "report.css").read_text())
    theirs = tokens(TOKENS.read_text())
    assert len(ours) > 15
    assert {name: theirs[name] for name in ours} == ours


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page_file(summary_with, tmp_path) -> Path:
    gains = {"margin": AHEAD, "entropy": [0.0, -0.05, -0.04, 0.0, 0.02]}
    file = tmp_path / "index.html"
    file.write_text(simulation.page(summary_with(gains, price=1.2)))
    return file


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_it_opens_from_disk_and_axe_finds_nothing(browser, page_file, width, theme) -> None:
    from axe_playwright_python.sync_playwright import Axe

    shown = browser.new_page(viewport={"width": width, "height": 844}, color_scheme=theme)
    asked: list[str] = []
    said: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: said.append(message.text))
    shown.goto(page_file.as_uri())
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    assert shown.locator(".chart:visible").count() == 3
    assert shown.evaluate("document.fonts.check('16px \"Inter Variable\"')")
    found = Axe().run(shown)
    assert found.response["violations"] == []
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    shown.close()


@pytest.mark.browser
def test_names_of_curves_do_not_overlap(browser, page_file) -> None:
    for width in (1280, 390):
        shown = browser.new_page(viewport={"width": width, "height": 844})
        shown.goto(page_file.as_uri())
        boxes = [name.bounding_box() for name in shown.locator(".chart text.end:visible").all()]
        assert len(boxes) == 3
        for i, a in enumerate(boxes):
            for b in boxes[:i]:
                apart = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
                above = a["y"] + a["height"] <= b["y"] + 3 or b["y"] + b["height"] <= a["y"] + 3
                assert apart or above
        shown.close()


def test_a_curve_that_ends_early_is_named_there() -> None:
    def curve(name: str, sizes: list[int], height: float) -> dict:
        points = [{"labels": n, "value": height, "low": height - 0.05, "high": height + 0.05} for n in sizes]
        return {"name": name, "points": points, "ends": ""}

    curves = {
        "axis": "Correct",
        "active": curve("Active model", [20, 100, 200, 400], 0.9),
        "random": curve("Random labelling", [20, 100, 160], 0.8),
        "saved": {
            "state": "saved",
            "accuracy": 0.8,
            "active_labels": 60,
            "random_labels": 160,
            "gross": {"value": 100.0},
        },
    }
    drawn = project._curves(curves)
    Reader(f"<body>{drawn['wide']}{drawn['narrow']}</body>")
    at = {name: float(x) for x, name in re.findall(r'<text class="end[^"]*" x="([\d.]+)"[^>]*>(\w+)', drawn["wide"])}
    assert at["Active"] > 670
    assert 200 < at["Random"] < 330
    assert "100 labels saved" in drawn["wide"]
