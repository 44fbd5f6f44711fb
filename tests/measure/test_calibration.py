"""Calibration: the figures against slow twins, the temperature against a grid and a planted truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure import calibration


def sample(seed, n=200, c=3, heat=1.0):
    """Return probabilities that are `heat` times too sure, and labels drawn from the honest ones."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, c))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    target = np.array([rng.choice(c, p=row) for row in honest])
    sure = np.exp(heat * logits)
    return sure / sure.sum(axis=1, keepdims=True), target


@given(st.integers(0, 10_000), st.sampled_from([2, 4]), st.sampled_from([0.5, 1.0, 3.0]))
@settings(max_examples=15, deadline=None)
def test_the_temperature_is_the_best_on_a_grid(seed, c, heat):
    proba, target = sample(seed, n=60, c=c, heat=heat)
    found = calibration.fit_temperature(np.log(proba), target)

    def loss(t):
        scaled = proba ** (1 / t)
        scaled /= scaled.sum(axis=1, keepdims=True)
        return -np.log(scaled[np.arange(len(target)), target]).mean()

    assert loss(found) <= min(loss(t) for t in np.geomspace(0.06, 19, 300)) + 1e-6


@pytest.mark.parametrize("heat", [0.5, 1.0, 2.5])
def test_a_planted_temperature_is_found_and_undone(heat):
    proba, target = sample(1, n=4000, heat=heat)
    found = calibration.fit_temperature(np.log(proba), target)
    assert found == pytest.approx(heat, rel=0.08)
    honest, _ = sample(1, n=4000)
    np.testing.assert_allclose(calibration.apply_temperature(proba, heat), honest, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(0.1, 10))
@settings(max_examples=30, deadline=None)
def test_temperature_keeps_rows_normal_and_predictions_as_they_were(seed, temperature):
    proba, _ = sample(seed, n=20)
    after = calibration.apply_temperature(proba, temperature)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    np.testing.assert_array_equal(after.argmax(axis=1), proba.argmax(axis=1))


def test_logits_and_log_probabilities_give_the_same_temperature():
    proba, target = sample(2, heat=2.0)
    shifted = np.log(proba) - np.arange(len(proba))[:, None] * 10.0
    assert calibration.fit_temperature(shifted, target) == pytest.approx(
        calibration.fit_temperature(np.log(proba), target), rel=1e-4
    )


def test_a_spread_holds_few_rows_near_1_and_leaves_many_alone() -> None:
    right = np.log(np.full((10, 2), [0.9, 0.1]))
    assert 0.5 < calibration.fit_temperature(right, np.zeros(10, int), spread=0.5) < 1
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(3), 5000)
    target = np.array([rng.choice(3, p=row) for row in proba])
    sure = 2 * np.log(proba)
    free = calibration.fit_temperature(sure, target)
    assert free == pytest.approx(2, rel=0.1)
    assert calibration.fit_temperature(sure, target, spread=0.5) == pytest.approx(free, rel=0.01)


def test_a_probability_of_zero_for_the_truth_is_survived():
    proba = np.array([[1.0, 0.0]] * 19 + [[1.0, 0.0]])
    with np.errstate(divide="ignore"):
        found = calibration.fit_temperature(np.log(proba), np.array([0] * 19 + [1]))
    assert 1 < found <= 20


def slow_ece(certainty, correct, bin_of):
    total = 0.0
    for b in set(bin_of.tolist()):
        inside = bin_of == b
        total += inside.sum() * abs(certainty[inside].mean() - correct[inside].mean())
    return total / len(certainty)


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(5, 120))
@settings(max_examples=50, deadline=None)
def test_calibration_error_is_the_mean_gap_of_bins(seed, bins, n):
    proba, target = sample(seed, n=n)
    certainty, correct = proba.max(axis=1), proba.argmax(axis=1) == target
    rank = np.argsort(np.argsort(certainty))  # all distinct
    mass = calibration.expected_calibration_error(proba=proba, target=target, bins=bins)
    assert mass == pytest.approx(slow_ece(certainty, correct, rank * bins // n))
    width = calibration.expected_calibration_error(proba=proba, target=target, bins=bins, binning="equal_width")
    assert width == pytest.approx(slow_ece(certainty, correct, np.minimum((certainty * bins).astype(int), bins - 1)))


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_calibration_error_does_not_depend_on_the_order_of_rows(seed):
    rng = np.random.default_rng(seed)
    proba, target = sample(seed, n=60)
    proba = np.round(proba, 1) + 0.01  # many ties
    proba /= proba.sum(axis=1, keepdims=True)
    order = rng.permutation(60)
    for options in ({}, {"debiased": True}, {"binning": "equal_width"}):
        one = calibration.expected_calibration_error(proba=proba, target=target, **options)
        other = calibration.expected_calibration_error(proba=proba[order], target=target[order], **options)
        assert one == pytest.approx(other)
    one = calibration.ks_calibration_error(proba=proba, target=target)
    assert one == pytest.approx(calibration.ks_calibration_error(proba=proba[order], target=target[order]))


def test_debiasing_takes_off_what_chance_alone_shows():
    plain, debiased = [], []
    for seed in range(40):
        proba, target = sample(seed, n=150)
        plain.append(calibration.expected_calibration_error(proba=proba, target=target))
        debiased.append(calibration.expected_calibration_error(proba=proba, target=target, debiased=True))
    assert np.mean(plain) > 0.05  # perfectly calibrated, and yet
    assert np.mean(debiased) < 0.6 * np.mean(plain)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_debiased_error_is_the_formula(seed):
    proba, target = sample(seed, n=90, heat=3.0)
    certainty, correct = proba.max(axis=1), (proba.argmax(axis=1) == target).astype(float)
    rank = np.argsort(np.argsort(certainty))
    total = 0.0
    for b in range(5):
        inside = rank * 5 // 90 == b
        accuracy, n = correct[inside].mean(), inside.sum()
        total += n / 90 * ((certainty[inside].mean() - accuracy) ** 2 - accuracy * (1 - accuracy) / (n - 1))
    found = calibration.expected_calibration_error(proba=proba, target=target, bins=5, debiased=True)
    assert found == pytest.approx(max(total, 0) ** 0.5)


def test_sure_and_always_wrong_is_the_worst():
    proba, target = np.array([[1.0, 0.0]] * 7), np.ones(7, dtype=int)
    assert calibration.expected_calibration_error(proba=proba, target=target) == 1
    assert calibration.ks_calibration_error(proba=proba, target=target) == 1


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_ks_error_equals_its_definition(seed):
    proba, target = sample(seed, n=50)
    certainty, correct = proba.max(axis=1), proba.argmax(axis=1) == target
    largest = max(abs(sum((certainty - correct)[certainty <= t])) / 50 for t in certainty)
    assert calibration.ks_calibration_error(proba=proba, target=target) == pytest.approx(largest)


def test_a_reliability_diagram_accounts_for_every_item():
    proba, target = sample(3, n=500)
    points = calibration.reliability(proba, target, bins=10)
    assert points.count.sum() == 500
    assert len(points.count) == 10
    assert np.all(np.diff(points.certainty) > 0)
    assert np.all((points.low <= points.accuracy) & (points.accuracy <= points.high))
    assert (points.count @ points.accuracy) / 500 == pytest.approx((proba.argmax(axis=1) == target).mean())
    assert set(points.to_json()[0]) == {"certainty", "accuracy", "low", "high", "count"}


def test_change_reports_before_and_after():
    proba, target = sample(4, n=2000, heat=3.0)
    after = calibration.apply_temperature(proba, calibration.fit_temperature(np.log(proba), target))
    moved = calibration.change(proba, after, target).to_json()
    for figure in ("ece", "nll", "brier"):
        assert moved[f"{figure}_after"] < moved[f"{figure}_before"]


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda p, t: calibration.apply_temperature(p, 0), "temperature"),
        (lambda p, t: calibration.fit_temperature(p[0], t), "log_proba"),
        (lambda p, t: calibration.fit_temperature(np.log(p), t[:1]), "proba"),
        (lambda p, t: calibration.fit_temperature(np.full((2, 2), np.nan), t[:2] % 2), "log_proba"),
        (lambda p, t: calibration.expected_calibration_error(proba=p, target=t, bins=0), "bins"),
        (lambda p, t: calibration.expected_calibration_error(proba=p, target=t, binning="even"), "binning"),
    ],
)
def test_misuse_is_refused_by_name(call, named):
    proba, target = sample(0, n=10)
    with pytest.raises(BadValue) as caught:
        call(proba, target)
    assert caught.value.field == named
