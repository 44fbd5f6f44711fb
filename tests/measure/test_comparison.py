"""Paired comparisons against scipy's t test, and savings where the truth is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure.comparison import holm, paired, saving_over_seeds


@given(st.integers(0, 10_000), st.integers(2, 30))
@settings(max_examples=40, deadline=None)
def test_paired_equals_scipys_t_test(seed, n):
    stats = pytest.importorskip("scipy.stats")
    a, b = np.random.default_rng(seed).normal(size=(2, n))
    ours, theirs = paired(a, b, strategy="margin"), stats.ttest_rel(a, b)
    low, high = theirs.confidence_interval(0.95)
    assert (ours.difference, ours.low, ours.high) == pytest.approx(((a - b).mean(), low, high))
    assert ours.p_value == pytest.approx(theirs.pvalue)
    assert ours.excludes_zero == (ours.p_value < 0.05)
    assert ours.wins == sum(a > b)


def test_the_record_of_the_summary():
    record = paired(np.array([2.0, 3.0]), np.array([1.0, 2.0]), strategy="margin", metric="area").to_json()
    assert record == {
        "strategy": "margin",
        "baseline": "random",
        "metric": "area",
        "difference": 1.0,
        "low": 1.0,
        "high": 1.0,
        "n": 2,
        "p_value": 0.0,
        "wins": 2,
    }


def test_equal_arms_differ_by_nothing():
    same = np.array([0.5, 0.7, 0.6])
    found = paired(same, same, strategy="margin")
    assert (found.difference, found.p_value, found.excludes_zero) == (0.0, 1.0, False)


@pytest.mark.parametrize("values", [[1.0], [1.0, np.nan]])
def test_what_cannot_be_paired_is_refused(values):
    with pytest.raises(BadValue):
        paired(np.array(values), np.array(values), strategy="margin")


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_holm_rejects_as_the_step_down_procedure_does(p):
    adjusted = holm(p)
    for alpha in (0.01, 0.05, 0.2):
        rejected = set()
        for place, i in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
            if (len(p) - place) * p[i] > alpha:
                break
            rejected.add(i)
        assert {i for i, q in enumerate(adjusted) if q <= alpha} == rejected


def _bench(rng, seeds, labels, speed, noise=0.01):
    """Return curves of an arm that learns `speed` times as fast, and of random; both share each seed's luck."""
    luck = rng.normal(0, 0.02, (seeds, 1))
    random = 1 - 10 / labels + luck + rng.normal(0, noise, (seeds, len(labels)))
    active = 1 - 10 / (speed * labels) + luck + rng.normal(0, noise, (seeds, len(labels)))
    return active, random


def test_the_saving_over_seeds_covers_the_truth():
    rng = np.random.default_rng(5)
    labels = np.arange(20, 420, 20)
    hits = sum(
        found.low <= 200 <= found.high
        for found in (
            saving_over_seeds(labels, *_bench(rng, 10, labels, speed=2, noise=0.002), draws=100) for _ in range(20)
        )
    )
    assert hits >= 15


def test_a_slower_arm_saves_less_than_nothing():
    labels = np.arange(20, 420, 20)
    active, random = _bench(np.random.default_rng(6), 10, labels, speed=0.5)
    found = saving_over_seeds(labels, active, random, at=0.94, draws=100)
    assert found.high < 0
    assert found.saving.saved < 0
    assert found.factor_high < 1


def test_the_same_seed_gives_the_same_interval():
    labels = np.arange(20, 120, 20)
    arms = _bench(np.random.default_rng(7), 5, labels, speed=1.5)
    assert saving_over_seeds(labels, *arms, seed=3) == saving_over_seeds(labels, *arms, seed=3)


@pytest.mark.long
@pytest.mark.parametrize("seeds", [5, 20])
@pytest.mark.parametrize("shape", ["normal", "skewed"])
def test_the_paired_interval_covers_the_true_difference(seeds, shape):
    """Areas of two arms share each seed's luck; what is left over may be skewed, as near a ceiling."""
    rng = np.random.default_rng([seeds, len(shape)])
    hits, times = 0, 2000
    for _ in range(times):
        luck = rng.normal(0.8, 0.05, seeds)
        own = rng.normal(0, 0.01, seeds) if shape == "normal" else 0.01 * (1 - rng.exponential(1, seeds))
        found = paired(luck + 0.02 + own, luck, strategy="margin")
        hits += found.low <= 0.02 <= found.high
    # Skewed seeds make Student's interval a little narrow: 5 of them by at most 8 points, 20 by at most 4.
    least = {"normal": 0.935, "skewed": 0.87 if seeds == 5 else 0.91}[shape]
    assert least <= hits / times <= 0.965


@pytest.mark.long
def test_the_saving_over_seeds_covers_at_its_rate():
    rng = np.random.default_rng(8)
    labels = np.arange(20, 420, 20)
    benches = (_bench(rng, 20, labels, speed=2, noise=0.002) for _ in range(200))
    found = [saving_over_seeds(labels, *bench, draws=300) for bench in benches]
    hits = sum(each.low <= 200 <= each.high for each in found)
    assert 0.86 <= hits / len(found) <= 1.0
