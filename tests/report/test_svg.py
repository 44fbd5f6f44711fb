"""Marks on the screen: escaping, scales, ticks, places that keep apart."""

import itertools
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from querist.report.svg import Scale, element, spread, ticks


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_text_is_text(text) -> None:
    read = ET.fromstring(element("text", text, title=text))
    assert (read.text or "") == text
    assert read.get("title") == text


def test_markup_inside_is_not_escaped_twice() -> None:
    assert str(element("g", element("text", "1 < 2"))) == "<g><text>1 &lt; 2</text></g>"


@given(st.floats(-1e4, 1e4), st.floats(1e-3, 1e4), st.integers(2, 9))
@settings(max_examples=50, deadline=None)
def test_ticks_enclose_the_range_and_are_not_many(low, span, about) -> None:
    found = ticks(low, low + span, about=about)
    tolerance = 1e-6 * max(1, abs(low) + span)
    assert found[0] <= low + tolerance
    assert found[-1] >= low + span - tolerance
    assert 2 <= len(found) <= about + 2


def test_a_scale_may_run_downwards() -> None:
    assert [Scale(0, 100, 300, 20)(v) for v in (0, 50, 100)] == [300, 160, 20]


@given(st.lists(st.floats(0, 300), min_size=1, max_size=6))
@settings(max_examples=50, deadline=None)
def test_spread_names_keep_apart_in_range_and_in_order(wanted) -> None:
    found = spread(wanted, gap=17, low=0, high=300)
    ordered = sorted(range(len(wanted)), key=lambda i: wanted[i])
    places = [found[i] for i in ordered]
    assert all(b - a >= 17 - 1e-6 for a, b in itertools.pairwise(places))
    assert min(places) >= -1e-6
    assert max(places) <= 300 + 1e-6


def test_names_with_room_stay_where_they_are() -> None:
    assert spread([20, 100, 60], gap=17, low=0, high=200) == [20, 100, 60]
