"""The live baseline: formulas by hand, and coverage on simulated projects whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue, NotReady
from querist.measure import intervals
from querist.measure.alarm import watch
from querist.measure.duel import Duel, duel, settle
from querist.measure.evidence import active_curve, comparison_look, difference, random_curve
from querist.measure.saving import extrapolated_saving, labels_saved
from querist.measure.shadow import Arm


@given(st.integers(0, 10_000), st.integers(2, 120))
@settings(max_examples=50, deadline=None)
def test_the_difference_is_the_formula_of_the_page(seed, n):
    rng = np.random.default_rng(seed)
    active = Arm(np.array([20, 60, 100]), rng.random((3, n)) < 0.8)
    random = Arm(np.array([20, 80]), (rng.random((2, n)) < 0.6) / 2 + (rng.random((2, n)) < 0.6) / 2)
    found = difference(active, random)
    d = [float(a) - r for a, r in zip(active.right[1], random.right[1], strict=True)]
    mean = sum(d) / n
    spread = max(math.sqrt(sum((x - mean) ** 2 for x in d) / (n - 1)), 0.5 / math.sqrt(n))
    half = 1.959964 * math.sqrt(1.5) * spread / math.sqrt(n)
    assert (found.labels, found.active_labels, found.n) == (80, 60, n)
    assert (found.value, found.low, found.high) == pytest.approx((mean, mean - half, mean + half), abs=1e-6)
    assert found.differing == sum(x != 0 for x in d)
    assert found.smallest_visible == pytest.approx(half, abs=1e-6)
    claims = found.differing >= 10 and abs(mean) > 2.128045 * half / 1.959964
    assert found.finding == (("better" if mean > 0 else "worse") if claims else "undecided")


def test_few_differing_items_decide_nothing():
    right = np.ones(400)
    worse = right.copy()
    worse[:9] = 0
    assert difference(Arm([20], right[None]), Arm([20], worse[None])).finding == "undecided"
    worse[:40] = 0
    assert difference(Arm([20], right[None]), Arm([20], worse[None])).finding == "better"
    assert difference(Arm([20], worse[None]), Arm([20], right[None])).finding == "worse"


def test_the_active_model_never_has_more_labels_than_the_random_one():
    arm = Arm([50, 100], np.ones((2, 5)))
    with pytest.raises(NotReady):
        difference(arm, Arm([40], np.ones((1, 5))))
    assert difference(arm, Arm([99], np.ones((1, 5)))).active_labels == 50
    with pytest.raises(BadValue, match="evaluation items"):
        difference(arm, Arm([60], np.ones((1, 6))))
    with pytest.raises(BadValue, match=r"60.*\[40\]"):
        difference(arm, Arm([40], np.ones((1, 5))), at=60)


@given(st.integers(0, 100_000))
@settings(max_examples=50, deadline=None)
def test_looks_are_180_280_580_and_then_every_doubling(n):
    looks = [0, 180, 280, *(580 * 2**i for i in range(10))]
    assert comparison_look(n) == max(look for look in looks if look <= n)


def test_bands_are_the_intervals_of_each_model():
    rng = np.random.default_rng(0)
    arm = Arm([20, 40], rng.random((2, 60)) < 0.7)
    band = active_curve(arm)
    for i in range(2):
        one = intervals.wilson(arm.right[i].sum(), 60)
        assert (band.value[i], band.low[i], band.high[i]) == pytest.approx((one.value, one.low, one.high))
    wider = random_curve(arm)
    assert np.all(wider.low < band.low)
    assert np.all(wider.high > band.high)
    sure, rest = rng.random((2, 60)), rng.random((2, 500))
    narrowed = active_curve(arm, certainty=sure, reserve_certainty=rest)
    one = intervals.accuracy(arm.right[1], certainty=sure[1], reserve_certainty=rest[1])
    assert narrowed.low[1] == pytest.approx(one.low)


def learning(labels, speed, n=2000, seed=0):
    """Return an arm whose model with m labels is right with a chance of 1 − 5 / (speed · m) on each item."""
    rng = np.random.default_rng([seed, int(10 * speed)])
    ease = rng.random(n)
    flicker = 0.002 * rng.normal(size=(len(labels), n))
    return Arm(labels, np.array([ease + f < 1 - 5 / (speed * m) for m, f in zip(labels, flicker, strict=True)]))


def test_a_strategy_that_is_twice_as_fast_saves_half():
    found = labels_saved(learning(np.arange(10, 610, 10), 2), learning(np.array([20, 40, 80, 160, 220]), 1))
    assert found.saved == pytest.approx(110, abs=40)
    assert found.low < found.at_least < found.saved < found.high
    assert found.low < 110 < found.high
    assert found.net == found.saved - 2000
    assert found.to_json()["net"] == found.net


def test_the_saving_covers_the_truth():
    hits = 0
    for seed in range(40):
        active = learning(np.arange(10, 310, 10), 2, n=400, seed=seed)
        found = labels_saved(active, learning(np.array([20, 40, 80, 120]), 1, n=400, seed=seed), draws=100)
        hits += found.low <= 60 <= found.high
    assert hits >= 34


def test_a_strategy_that_never_gets_there_has_lost_at_least_so_many():
    found = labels_saved(learning(np.arange(10, 310, 10), 0.2), learning(np.array([20, 40, 80, 160, 220]), 1))
    assert not found.reached
    assert found.saved == 220 - 300
    assert found.high < 0
    assert not math.isnan(found.low)


def test_the_saving_needs_curves():
    with pytest.raises(NotReady):
        labels_saved(Arm([20], np.ones((1, 4))), Arm([20, 40], np.ones((2, 4))))


def test_the_same_seed_gives_the_same_interval():
    arms = learning(np.arange(10, 310, 10), 1.5), learning(np.array([20, 80, 220]), 1)
    assert labels_saved(*arms, seed=1) == labels_saved(*arms, seed=1)


def test_beyond_the_range_only_a_bound_is_given_and_never_one_that_is_too_high():
    random = learning(np.array([20, 40, 80, 160, 220]), 1, n=40_000)
    found = extrapolated_saving(learning(np.arange(20, 160, 20), 4, n=40_000), random, draws=50)
    true_saving = 4 * 140 - 140
    assert found is not None
    assert 0 < found < true_saving
    assert extrapolated_saving(learning(np.arange(20, 420, 20), 1), random=learning(np.array([20, 80, 220]), 1)) is None


@given(st.integers(0, 1000), st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_a_duel_draws_where_the_models_disagree(seed, n):
    rng = np.random.default_rng(seed)
    a, b, rows = rng.integers(0, 3, 50), rng.integers(0, 3, 50), rng.permutation(900)[:50]
    apart = set(rows[a != b])
    drawn = duel(a, b, rows, n=n, seed=seed)
    assert set(drawn.rows) <= apart
    assert len(set(drawn.rows)) == min(n, len(apart))
    assert drawn.share == len(apart) / 50
    assert drawn.probability == pytest.approx(min(n / len(apart), 1))


def test_a_duel_covers_the_difference_of_the_two_models():
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(200):
        target = rng.integers(0, 2, 1500)
        a = np.where(rng.random(1500) < 0.92, target, 1 - target)
        b = np.where(rng.random(1500) < 0.88, target, 1 - target)
        drawn = duel(a, b, np.arange(1500), seed=int(rng.integers(1e6)))
        value, low, high = settle(drawn, (a == target)[drawn.rows], (b == target)[drawn.rows])
        hits += low <= np.mean(a == target) - np.mean(b == target) <= high
        assert high - low <= 2 * drawn.widest * 1.02 + 1e-9
        assert low <= value <= high
    assert hits >= 176


def test_a_duel_of_equal_models_is_refused():
    with pytest.raises(NotReady, match="agree"):
        duel(np.zeros(5), np.zeros(5), np.arange(5))
    with pytest.raises(BadValue):
        settle(Duel(np.arange(3), 0.1, 9, 90), np.ones(2), np.ones(2))


def rates(world, strategy, projects):
    found = [world.project(seed, strategy) for seed in range(projects)]
    compared = [difference(p.active, p.random) for p in found]
    covers = np.mean([d.low <= p.difference <= d.high for d, p in zip(compared, found, strict=True)])
    says = {f: np.mean([d.finding == f for d in compared]) for f in ("better", "worse", "undecided")}
    red = np.mean([watch(p.outcomes).red for p in found])
    bias = np.mean([d.value - p.difference for d, p in zip(compared, found, strict=True)])
    truth = np.mean([p.difference for p in found])
    return covers, says, red, bias, truth


def test_a_neutral_strategy_is_called_neither_better_nor_worse(world):
    covers, says, red, bias, truth = rates(world, "random", 25)
    assert abs(truth) < 0.01
    assert covers >= 0.88
    assert says["better"] + says["worse"] <= 0.12
    assert red <= 0.12
    assert abs(bias) < 0.02


def test_a_harmful_strategy_is_found_out(world):
    covers, says, red, _, truth = rates(world, "certain", 15)
    assert truth < -0.05
    assert covers >= 0.85
    assert says["worse"] >= 0.8
    assert red >= 0.5


@pytest.mark.long
@pytest.mark.parametrize("strategy", ["random", "margin", "certain"])
def test_rates_over_two_hundred_projects(world, strategy):
    covers, says, red, bias, _ = rates(world, strategy, 200)
    assert covers >= 0.93
    assert abs(bias) < 0.02  # all projects share one pool and one test set, whose own difference stays in it
    if strategy == "random":
        assert says["better"] <= 0.05
        assert red <= 0.06
    if strategy == "margin":
        assert red <= 0.06
        assert says["worse"] <= 0.03
    if strategy == "certain":
        assert says["worse"] >= 0.75
