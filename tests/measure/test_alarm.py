"""The alarm: its evidence against numerical integration, its false alarms and its power in simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.measure.alarm import log_evidence, no_useful_gain, outcomes, watch
from querist.measure.evidence import Difference
from querist.measure.shadow import Arm, progressive_plan


@given(st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=50, deadline=None)
def test_evidence_is_the_mean_likelihood_ratio_over_rates_above_one_half(against, favour):
    rates = (np.arange(200_000) + 0.5) / 400_000 + 0.5
    ratio = (2 * rates) ** against * (2 * (1 - rates)) ** favour
    # The mixture is Beta(1, 1) on (1/2, 1), whose density is 2.
    assert math.exp(log_evidence(against, favour)) == pytest.approx(2 * ratio.mean() / 2, rel=1e-4)


def test_evidence_holds_at_great_numbers():
    assert log_evidence(0, 5000) == pytest.approx(-math.log(5001), abs=1)
    assert log_evidence(5000, 0) == pytest.approx(5001 * math.log(2) - math.log(5001), rel=1e-9)


@given(st.integers(0, 40), st.integers(0, 40))
@settings(max_examples=50, deadline=None)
def test_evidence_is_a_martingale_under_the_fair_coin(against, favour):
    step = [math.exp(log_evidence(against + 1, favour)), math.exp(log_evidence(against, favour + 1))]
    assert np.mean(step) == pytest.approx(math.exp(log_evidence(against, favour)), rel=1e-9)


def test_a_fired_alarm_stays_fired_and_agreement_says_nothing():
    seen = watch([-1] * 10 + [0] * 50 + [1] * 40)
    assert seen.red
    assert seen.fired_at == 7
    assert (seen.active_right, seen.random_right) == (40, 10)
    assert seen.log_evidence < 0 < seen.log_evidence_better
    assert seen.peak > math.log(20)
    assert seen.to_json()["red"] is True
    assert not watch([]).red
    assert not watch([0] * 99).red


def fired(runs, length, rate, seed):
    rng = np.random.default_rng(seed)
    return np.mean([watch(np.where(rng.random(length) < rate, -1, 1)).red for _ in range(runs)])


def test_false_alarms_are_rare_and_real_ones_are_found():
    assert fired(150, 100, 0.5, seed=0) <= 0.05
    assert fired(40, 100, 0.75, seed=1) >= 0.9


@pytest.mark.long
def test_the_rates_of_the_reference_page():
    assert fired(2000, 300, 0.5, seed=2) <= 0.05
    assert fired(400, 100, 0.65, seed=3) == pytest.approx(0.69, abs=0.07)
    assert fired(400, 50, 0.75, seed=4) == pytest.approx(0.86, abs=0.06)


@given(st.integers(0, 1000), st.integers(0, 40), st.integers(1, 60), st.sampled_from([10, 20]))
@settings(max_examples=30, deadline=None)
def test_each_evaluation_item_is_met_once_by_models_of_no_more_labels(seed, a, b, step):
    rng = np.random.default_rng(seed)
    rows = rng.permutation(500)[: a + b]
    evaluation = rows[a:]
    fits = list(progressive_plan(rows, step=step))
    right = [rng.random(len(f.scored)) < 0.5 for f in fits]
    active = Arm(np.array([15, 25, 60]), rng.random((3, b)) < 0.5)
    expected = []
    for position in range(step, a + b):
        size = position // step * step
        if position < a or size < 15:
            continue
        model = max(i for i, labels in enumerate(active.labels) if labels <= size)
        shadow = right[size // step - 1][position - size]
        expected.append(int(active.right[model, position - a]) - int(shadow))
    assert outcomes(fits, right, active, evaluation) == expected


def test_amber_rules_out_a_useful_gain():
    assert no_useful_gain(Difference(222, 220, 0.0, -0.02, 0.02, 200, 30, 0.01, "undecided"))
    assert not no_useful_gain(Difference(222, 220, 0.01, -0.01, 0.03, 200, 30, 0.01, "undecided"))
