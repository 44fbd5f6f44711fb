"""Intervals against scipy's, against their definitions on a grid, and against the truth in simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure import intervals, scores

counts = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=50, deadline=None)
def test_wilson_equals_scipys(case, level):
    stats = pytest.importorskip("scipy.stats")
    k, n = case
    theirs = stats.binomtest(k, n).proportion_ci(level, method="wilson")
    ours = intervals.wilson(k, n, level)
    assert (ours.value, ours.n) == (k / n, n)
    assert ours.low == pytest.approx(theirs.low, abs=1e-9)
    assert ours.high == pytest.approx(theirs.high, abs=1e-9)


@given(counts)
@settings(max_examples=50, deadline=None)
def test_anytime_keeps_exactly_the_shares_that_the_definition_keeps(case):
    k, n = case
    grid = np.linspace(0.0005, 0.9995, 1000)
    mixture = math.log(1 / ((n + 1) * math.comb(n, k)))  # B(k+1, n-k+1)
    kept = grid[mixture - k * np.log(grid) - (n - k) * np.log(1 - grid) < math.log(20)]
    found = intervals.anytime(k, n)
    assert found.low <= kept.min() + 1e-9
    assert found.low >= kept.min() - 0.0011
    assert found.high >= kept.max() - 1e-9
    assert found.high <= kept.max() + 0.0011


@given(counts)
@settings(max_examples=50, deadline=None)
def test_what_promises_more_is_wider(case):
    one, few, always = (f(*case) for f in (intervals.wilson, intervals.planned, intervals.anytime))
    assert few.low <= one.low
    assert few.high >= one.high
    assert always.low <= one.low
    assert always.high >= one.high


def test_the_figures_of_the_reference_page():
    one, always = intervals.wilson(180, 200), intervals.anytime(180, 200)
    assert [round(100 * x, 1) for x in (one.low, one.high)] == [85.1, 93.4]
    assert [round(100 * x, 1) for x in (always.low, always.high)] == [81.2, 95.7]


def test_unplanned_looks_spend_no_more_than_the_whole_error():
    z = [intervals.unplanned(50, 100, look=j) for j in range(1, 6)]
    widths = [e.high - e.low for e in z]
    assert widths == sorted(widths)
    spent = sum(6 / (math.pi * j) ** 2 for j in range(1, 100_000))
    assert spent == pytest.approx(1, abs=1e-4)
    assert widths[0] == pytest.approx(np.subtract(*_ends(intervals.wilson(50, 100, 1 - 0.05 * 6 / math.pi**2))))


def _ends(estimate):
    return estimate.high, estimate.low


@given(st.integers(0, 10_000), st.integers(2, 80), st.integers(1, 200))
@settings(max_examples=50, deadline=None)
def test_powered_accuracy_is_the_formula_of_the_page(seed, n, rest):
    rng = np.random.default_rng(seed)
    f, unlabelled = rng.uniform(0.4, 1, n), rng.uniform(0.4, 1, rest)
    h = rng.random(n) < f
    mean_f, mean_h = sum(f) / n, sum(h) / n
    cov = sum((a - mean_h) * (b - mean_f) for a, b in zip(h, f, strict=True)) / (n - 1)
    var_f = sum((b - mean_f) ** 2 for b in f) / (n - 1)
    weight = min(max(cov / (var_f * (1 + n / rest)), 0), 1)
    value = mean_h + weight * (unlabelled.mean() - mean_f)
    var_h = np.var(h, ddof=1)
    v = np.var(h - weight * f, ddof=1) / n + (weight**2 * np.var(unlabelled, ddof=1) / rest if rest > 1 else 0)
    gain = 1 if var_h == 0 else min(max(v / (var_h / n), 0.4), 1)
    value = min(max(value, 0), 1)
    expected = intervals.wilson(value * (n / gain), n / gain)
    found = intervals.accuracy(h, certainty=f, reserve_certainty=unlabelled)
    assert found.n == n
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_useless_certainty_changes_nothing():
    correct = np.array([True, False] * 20)
    found = intervals.accuracy(correct, certainty=np.full(40, 0.7), reserve_certainty=np.full(100, 0.9))
    plain = intervals.accuracy(correct)
    assert (found.value, found.low, found.high) == (plain.value, plain.low, plain.high)


@given(st.integers(0, 10_000), st.integers(2, 5))
@settings(max_examples=30, deadline=None)
def test_class_intervals_hold_their_figures(seed, c):
    rng = np.random.default_rng(seed)
    target = rng.integers(0, c, 60)
    predicted = np.where(rng.random(60) < 0.7, target, rng.integers(0, c, 60))
    table = scores.confusion(target, predicted, classes=c)
    figures = scores.per_class(target, predicted, classes=c)
    for k in range(c):
        for interval, figure in (
            (intervals.recall, figures.recall),
            (intervals.precision, figures.precision),
            (intervals.f1, figures.f1),
        ):
            found = interval(table, k)
            if math.isnan(figure[k]):
                assert found is None
            else:
                assert found.value == pytest.approx(figure[k])
                assert found.low <= found.value <= found.high
    whole = intervals.macro_f1(table, rng=rng)
    assert whole.value == pytest.approx(scores.macro_f1(target, predicted))
    assert whole.low < whole.value < whole.high


def test_macro_f1_is_not_printed_from_too_few_items():
    table = scores.confusion(np.arange(26), np.arange(26)) * 7
    assert intervals.macro_f1(table, rng=np.random.default_rng(0)) is None
    assert intervals.macro_f1(table * 2, rng=np.random.default_rng(0)) is not None


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: intervals.wilson(0, 0), "n"),
        (lambda: intervals.wilson(3, 2), "successes"),
        (lambda: intervals.wilson(1, 2, level=95), "level"),
        (lambda: intervals.planned(1, 2, looks=0), "looks"),
        (lambda: intervals.unplanned(1, 2, look=0), "look"),
        (lambda: intervals.accuracy(np.array([])), "correct"),
        (lambda: intervals.accuracy(np.ones(3), certainty=np.ones(2), reserve_certainty=np.ones(4)), "certainty"),
        (lambda: intervals.prediction_powered(np.ones(3), np.ones(3), np.ones(1)), "reserve_predicted"),
    ],
)
def test_what_has_no_interval_is_refused_by_name(call, named):
    with pytest.raises(BadValue) as caught:
        call()
    assert caught.value.field == named


def test_bootstrap_covers_a_mean_error():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(100):
        error = rng.normal(size=60)
        found = intervals.bootstrap(scores.rmse, np.zeros(60), error, rng=rng, draws=200)
        hits += found.low <= 1 <= found.high
    assert hits >= 86


def test_prediction_powered_covers_and_narrows():
    rng = np.random.default_rng(4)
    hits, widths = 0, []
    for _ in range(300):
        truth = rng.normal(size=860)
        guess = truth + 0.3 * rng.normal(size=860)
        found = intervals.prediction_powered(truth[:60], guess[:60], guess[60:])
        hits += found.low <= 0 <= found.high
        widths.append(found.high - found.low)
    assert hits >= 270
    assert np.mean(widths) < 0.6 * 2 * 1.96 / math.sqrt(60)


def _powered_coverage(projects, seed=0):
    """Return coverage and mean width of both accuracy intervals at 97 % accuracy with 50 items."""
    rng = np.random.default_rng(seed)
    certainty = 1 - rng.beta(0.35, 8, size=100_000)
    truth = certainty.mean()
    hits, widths = np.zeros(2), np.zeros(2)
    for _ in range(projects):
        f = rng.choice(certainty, 1050)
        h = rng.random(50) < f[:50]
        both = (intervals.accuracy(h), intervals.accuracy(h, certainty=f[:50], reserve_certainty=f[50:]))
        hits += [e.low <= truth <= e.high for e in both]
        widths += [e.high - e.low for e in both]
    return truth, hits / projects, widths / projects


def test_powered_accuracy_covers_where_accuracy_is_high():
    truth, covered, width = _powered_coverage(300)
    assert 0.95 < truth < 0.98
    assert covered[1] >= 0.9
    assert width[1] < width[0]


@pytest.mark.long
def test_powered_accuracy_covers_at_its_rate():
    _, covered, width = _powered_coverage(10_000)
    assert covered[1] >= 0.93
    assert width[1] < 0.97 * width[0]


def _always_right(runs, looks, p, seed):
    rng = np.random.default_rng(seed)
    right = promised = 0
    for _ in range(runs):
        k = np.cumsum(rng.random(looks) < p)
        ends = [intervals.anytime(int(k[n - 1]), n) for n in range(20, looks + 1, 4)]
        right += all(e.low <= p <= e.high for e in ends)
        promised += any(e.low > p for e in ends)
    return right / runs, promised / runs


def test_anytime_is_right_at_all_looks():
    right, promised = _always_right(60, 120, 0.9, seed=1)
    assert right >= 0.93
    assert promised <= 0.05


@pytest.mark.long
@pytest.mark.parametrize("p", [0.6, 0.9, 0.98])
def test_anytime_is_right_at_all_looks_of_a_long_project(p):
    right, promised = _always_right(600, 500, p, seed=2)
    assert right >= 0.95
    assert promised <= 0.025
