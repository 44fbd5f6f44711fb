"""The page: one file, nothing from elsewhere, nothing unescaped, readable by people and machines."""

import re

import pytest

from querist.report.simulation import page
from tests.report.reader import Reader

AHEAD = [0.0, 0.06, 0.06, 0.05, 0.04]


def test_the_page_needs_nothing_from_elsewhere(summary_with) -> None:
    read = Reader(page(summary_with({"margin": AHEAD})))
    assert read.open == []
    assert "script" not in read.tags
    targets = [value for name, value in read.attributes if name in ("src", "href")]
    assert all(target.startswith(("#", "data:")) for target in targets)
    inside = {value for name, value in read.attributes if name == "id"}
    assert {target[1:] for target in targets if target.startswith("#")} <= inside
    assert not re.search(r"url\((?!\"data:)", page(summary_with({"margin": AHEAD})))


def test_what_people_came_for_is_there(summary_with) -> None:
    html = page(summary_with({"margin": AHEAD, "entropy": [0.0] * 5}, price=1.2))
    text = " ".join(" ".join(Reader(html).text).split())
    for wanted in (
        "What each label bought",
        "What it means",
        "Strategy by strategy",
        "Which classes does it find?",
        "Can its certainty be trusted?",
        "Every seed",
        "Settings",
        "Repeat this",
        "querist simulate x",
        "The 60 held-out labels that measure it are not counted",
        "the yardstick",
        "Labels saved",
        "Money saved",
        "spam",
    ):
        assert wanted in text, wanted
    assert html.count('<svg class="chart"') == 4  # curves twice, for wide and narrow screens; two reliabilities
    assert not re.search(r"\b(nan|none|inf)\b", text[text.index("What each label bought") :], re.IGNORECASE)


def test_data_and_errors_are_text(summary_with) -> None:
    names = ("<img src=x onerror=alert(1)>", "b&b")
    html = page(summary_with({"margin": AHEAD}, classes=names, failed=(("margin", 0),)))
    assert "<img" not in html
    assert "&lt;img src=x" in html
    assert "&lt;b&gt;singular&lt;/b&gt;" in html
    assert "made &lt;data&gt;" in html


def test_every_chart_says_its_finding(summary_with) -> None:
    html = page(summary_with({"margin": AHEAD}))
    for chart in re.findall(r"<svg class=\"chart\".*?</svg>", html, re.DOTALL):
        assert re.search(r"aria-label=\"[^\"]{20,}\"", chart)
        assert "<title>" in chart


def test_no_more_curves_than_looks(summary_with) -> None:
    gains = {f"strategy_{k}": [0.0, *[0.005 * k] * 4] for k in range(9)}
    html = page(summary_with(gains))
    wide = re.search(r"<svg class=\"chart\".*?</svg>", html, re.DOTALL).group()
    assert wide.count('class="line ') == 6
    assert "Not drawn: " in html
    assert html.count('<th scope="row"><span class="lg">') == 10


def test_many_classes_show_those_that_changed_most(summary_with) -> None:
    classes = tuple(f"class {k}" for k in range(50))
    change = [0.0] * 49 + [-0.3]
    html = page(summary_with({"margin": AHEAD}, classes=classes, recall={"margin": change}))
    table = html[html.index("Recall by class") :]
    assert '<th scope="row" dir="auto">class 49</th>' in table
    assert "30 more classes" in html


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_still_make_a_page(summary_with, seeds) -> None:
    Reader(page(summary_with({"margin": AHEAD}, seeds=seeds)))


def test_a_page_of_nothing_but_failures(summary_with) -> None:
    every = tuple((name, seed) for name in ("random", "margin") for seed in range(8))
    html = page(summary_with({"margin": AHEAD}, failed=every))
    assert "Nothing was measured" in html
    assert "What failed" in html
    Reader(html)


def test_without_a_baseline_there_is_a_page(summary_with) -> None:
    every = tuple(("random", seed) for seed in range(8))
    html = page(summary_with({"margin": AHEAD}, failed=every))
    assert "Measured, not compared" in html
    Reader(html)


def test_the_page_is_a_function_of_the_summary(summary_with) -> None:
    assert page(summary_with({"margin": AHEAD})) == page(summary_with({"margin": AHEAD}))
