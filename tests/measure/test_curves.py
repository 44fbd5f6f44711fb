"""Areas, monotone curves and savings against slow, obvious twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure import curves

curve = st.integers(2, 12).flatmap(
    lambda p: st.tuples(
        st.lists(st.integers(1, 50), min_size=p, max_size=p).map(np.cumsum),
        st.lists(st.integers(0, 100), min_size=p, max_size=p).map(lambda score: np.array(score) / 100),
    )
)


@given(curve)
@settings(max_examples=50, deadline=None)
def test_area_is_the_mean_height_of_the_drawn_line(case):
    labels, score = case
    fine = np.linspace(labels[0], labels[-1], 20_001)
    assert curves.area(labels, score) == pytest.approx(np.interp(fine, labels, score).mean(), abs=2e-3)
    thirds = curves.area_thirds(labels, score)
    assert np.mean(thirds) == pytest.approx(curves.area(labels, score))
    parts = np.interp(fine, labels, score)
    assert thirds[0] == pytest.approx(parts[: len(fine) // 3].mean(), abs=3e-3)
    assert thirds[2] == pytest.approx(parts[-(len(fine) // 3) :].mean(), abs=3e-3)


def test_the_area_of_a_straight_line_is_its_middle():
    assert curves.area(np.array([0, 10, 30]), np.array([0.0, 1 / 3, 1.0])) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=30))
@settings(max_examples=50, deadline=None)
def test_monotone_equals_scikit_learns_isotonic_regression(pairs):
    isotonic = pytest.importorskip("sklearn.isotonic")
    score, weight = np.array(pairs, dtype=float).T
    expected = isotonic.isotonic_regression(score, sample_weight=weight)
    np.testing.assert_allclose(curves.monotone(score, weight), expected)


@given(curve, st.integers(0, 100))
@settings(max_examples=50, deadline=None)
def test_labels_to_is_the_first_crossing_of_the_monotone_line(case, target):
    labels, score = case
    target = target / 100
    found = curves.labels_to(labels, score, target)
    rising = curves.monotone(score)
    if rising[-1] < target - 1e-12:
        assert found is None
        return
    assert np.interp(found, labels, rising) >= target - 1e-9
    before = np.linspace(labels[0], found, 500)[:-1]
    before = before[before < found - 1e-6]
    assert np.all(np.interp(before, labels, rising) < target + 1e-9)


@given(curve)
@settings(max_examples=30, deadline=None)
def test_a_strategy_saves_nothing_against_itself(case):
    labels, score = case
    at = float(curves.monotone(score)[-1])
    own = curves.labels_saved(labels, score, labels, score, at=at)
    assert own.reached
    assert own.saved == 0


def test_twice_as_fast_saves_half():
    labels = np.arange(20, 220, 20)
    random = 1 - 20 / labels
    saving = curves.labels_saved(labels / 2, random, labels, random)
    assert (saving.random_labels, saving.active_labels, saving.saved, saving.factor) == (200, 100, 100, 2)


def test_a_strategy_that_never_gets_there_is_not_reached():
    labels = np.array([20, 40, 60])
    saving = curves.labels_saved(labels, np.array([0.4, 0.5, 0.6]), labels, np.array([0.5, 0.6, 0.7]))
    assert (saving.reached, saving.active_labels, saving.saved) == (False, 60, 0)
    assert saving.to_json()["reached"] is False


def test_what_random_never_reached_cannot_be_compared_at():
    labels = np.array([20, 40])
    with pytest.raises(BadValue, match=r"0\.9.*at most"):
        curves.labels_saved(labels, np.array([0.5, 0.95]), labels, np.array([0.5, 0.7]), at=0.9)


@pytest.mark.parametrize("labels", [[20], [20, 20], [40, 20]])
def test_sizes_must_increase(labels):
    with pytest.raises(BadValue):
        curves.area(np.array(labels), np.zeros(len(labels)))
