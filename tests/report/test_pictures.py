"""Charts as files of their own: an SVG that stands alone, a PNG where matplotlib is."""

import sys
from xml.etree import ElementTree

import pytest
from sklearn.datasets import load_iris

from querist import simulate
from querist.errors import MissingExtra
from querist.report.pictures import of_simulation, png_of_simulation


@pytest.fixture(scope="module")
def summary():
    x, y = load_iris(return_X_y=True)
    return simulate(
        x, y, model="naive_bayes", budget=30, batch=10, seed_set=10, seeds=2, jobs=1, calibrate=False
    ).summary


def test_an_svg_stands_alone(summary) -> None:
    (svg,) = of_simulation(summary).values()
    found = ElementTree.fromstring(svg)
    assert found.tag.endswith("svg")
    assert "var(--" not in svg
    assert "href" not in svg


def test_a_png_is_one_or_names_the_extra(summary, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match="papers"):
        png_of_simulation(summary)
    monkeypatch.undo()
    pytest.importorskip("matplotlib")
    assert png_of_simulation(summary).startswith(b"\x89PNG")
