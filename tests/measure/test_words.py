"""What may be said, and what may not."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure import words
from querist.measure.alarm import watch
from querist.measure.evidence import Difference
from querist.measure.guarantee import recall_guarantee
from querist.measure.intervals import anytime, planned, wilson
from querist.measure.saving import LabelsSaved

counts = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def difference(value, half, finding="undecided", n=200):
    return Difference(222, 220, value, value - half, value + half, n, 30, half / 1.96, finding)


@pytest.mark.parametrize("evaluated", [0, 1, 49])
def test_no_figure_is_said_before_fifty_evaluation_labels(evaluated):
    estimate = wilson(evaluated, evaluated) if evaluated else None
    for told in (words.accuracy(estimate, evaluated=evaluated), words.verdict(estimate, evaluated=evaluated)):
        assert "oo early" in told
        assert "%" not in told
    assert "%" not in words.calibration(0.1, 0.05, evaluated=evaluated)


@pytest.mark.parametrize("evaluated", [50, 99])
def test_no_comparison_is_said_before_a_hundred(evaluated):
    found = difference(0.2, 0.01, "better")
    assert words.comparison(found, evaluated=evaluated) == (
        f"Better than random: too early to say. {evaluated} of 100 evaluation labels."
    )
    assert "too early" in words.saving(LabelsSaved(0.9, 200, 100, True, 50, 150, 60, 300, 60), evaluated=evaluated)


@given(counts, st.integers(1, 99))
@settings(max_examples=50, deadline=None)
def test_a_rounded_bound_never_seems_to_reach_a_target_that_it_missed(case, target):
    estimate = wilson(*case)
    told = words.accuracy(estimate, evaluated=1000, threshold=target / 100)
    value, low, high = (float(x) / 100 for x in re.findall(r"(\d+(?:\.\d)?) %", told)[:3])
    assert abs(value - estimate.value) <= 0.0051
    if estimate.low < target / 100:
        assert low < target / 100
    if estimate.high > target / 100:
        assert high > target / 100
    assert f"{case[1]:,} random item" in told


@given(counts)
@settings(max_examples=50, deadline=None)
def test_a_promise_is_never_rounded_up(case):
    for estimate in (anytime(*case), planned(*case)):
        told = words.promise(estimate)
        assert float(re.match(r"At least ([\d.]+) %", told)[1]) / 100 <= estimate.low + 1e-9
    assert "at all planned looks" in told
    with pytest.raises(BadValue):
        words.promise(wilson(*case))


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.2))
@settings(max_examples=50, deadline=None)
def test_an_undecided_difference_is_never_a_verdict(value, half):
    told = words.comparison(difference(value, half), evaluated=200)
    assert told.startswith("Not decided: between ")
    assert "cannot be seen with 200 evaluation labels" in told
    assert "at 222 labels" in told


def test_a_decided_difference_names_size_interval_and_where_it_holds():
    better = words.comparison(difference(0.041, 0.03, "better"), evaluated=200)
    worse = words.comparison(difference(-0.041, 0.03, "worse"), evaluated=200)
    assert better.startswith("Better than random: 4.1 points more (between 1.1 and 7.1) at 222 labels")
    assert worse.startswith("Worse than random: 4.1 points less (between 1.1 and 7.1) at 222 labels")


@given(st.integers(-300, 300), st.integers(1, 200), st.integers(1, 200), st.booleans())
@settings(max_examples=50, deadline=None)
def test_a_saving_is_said_only_when_its_interval_excludes_nothing_saved(saved, down, up, reached):
    low, high = saved - down, saved + up
    found = LabelsSaved(0.9, 400, 400 - saved, reached, low, high, low + down / 2, 800, 200)
    told = words.saving(found, evaluated=200)
    if low <= 0 <= high:
        assert "not measurable yet" in told
    elif reached:
        assert f"about {abs(saved)} {'saved' if saved > 0 else 'lost'}" in told
        assert "200 evaluation labels are not counted" in told
    assert "400" in told


def test_labels_lost_without_ever_getting_there():
    found = LabelsSaved(0.934, 222, 600, False, -400, -378, -380, 600, 200)
    assert words.saving(found, evaluated=200) == (
        "Random labelling needed 222 labels for 93 %; this project did not get there with 600: "
        "at least 378 labels lost."
    )


def test_alarms_speak_only_when_they_fire():
    assert words.red(watch([1] * 40)) == ""
    assert "random was right 12 times" in words.red(watch([-1] * 12))
    assert "Switched" not in words.red(watch([-1] * 12))
    assert words.amber(difference(0.03, 0.04)) == ""
    assert "nothing is lost" in words.amber(difference(0.0, 0.01))
    assert "nothing is lost" not in words.amber(difference(-0.1, 0.01, "worse"))


def test_nothing_is_extrapolated_into_a_number_that_is_not_there():
    assert words.extrapolated(None) == words.extrapolated(0.4) == ""


def test_a_rare_class_that_was_not_seen_has_no_recall():
    told = words.recall("fraud", None, evaluated=200)
    assert "unknown" in told
    assert "%" not in told


@given(st.integers(0, 80), st.integers(0, 80), st.sampled_from([0.7, 0.9]))
@settings(max_examples=50, deadline=None)
def test_recall_is_guaranteed_only_when_it_is(known, passed, recall):
    found = recall_guarantee(known, min(passed, known), recall=recall)
    told = words.guarantee(found, prevalence=0.01)
    assert told.startswith("At least") == found.reached
    assert ("needs" in told and "more random labels" in told) == (found.needed is None)


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ((412.8, 218.1, 617.0), "about $410, between $220 and $620"),
        ((-3.2, -5.1, -1.0), "about −$3.20, between −$5.10 and −$1.00"),
        ((12_345, 10_100, 14_400), "about $12,300, between $10,100 and $14,400"),
    ],
)
def test_money_is_rounded_like_its_interval(figures, told):
    assert words.money(*figures) == told
