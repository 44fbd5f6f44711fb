"""One form for all metrics: against scikit-learn, against the jackknife, against formulas by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from querist.errors import BadValue, NotReady, UnknownName
from querist.measure.evidence import difference
from querist.measure.metrics import Metric, arm_of, estimate, metric
from querist.measure.saving import labels_saved
from querist.measure.shadow import Arm, collect, cross_fit_plan

KINDS = ["accuracy", "recall", "precision", "f1"]
LABELS = np.array([20, 40])


def made(kind: str) -> Metric:
    return Metric(kind) if kind == "accuracy" else Metric(kind, "b")


@given(st.integers(0, 10_000), st.integers(8, 80), st.sampled_from(KINDS))
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_scikit_learn(seed, n, kind):
    rng = np.random.default_rng(seed)
    target, said = rng.integers(0, 3, n), rng.integers(0, 3, (2, n))
    arm = arm_of(made(kind), LABELS, said, target, positive=1)
    plain = {"recall": sk.recall_score, "precision": sk.precision_score, "f1": sk.f1_score}
    for score, own in zip(arm.score, said, strict=True):
        if kind == "accuracy":
            assert score == pytest.approx(sk.accuracy_score(target, own))
        elif np.isfinite(score):
            assert score == pytest.approx(plain[kind](target, own, labels=[1], average=None, zero_division=0)[0])
        else:
            assert not (target == 1).any() or not (own == 1).any()


def test_rmse_is_negative_so_that_higher_is_better_and_shown_positive():
    target = np.array([0.0, 1.0, 2.0, 3.0])
    said = target + np.array([[1.0, -1.0, 1.0, -1.0], [0.0, 0.0, 2.0, 0.0]])
    arm = arm_of(Metric("rmse"), LABELS, said, target)
    np.testing.assert_allclose(arm.score, [-1.0, -1.0])
    shown = estimate(Metric("rmse"), arm, 1)
    assert shown.value == pytest.approx(1.0)
    assert shown.low < 1 < shown.high


@pytest.mark.parametrize("kind", [*KINDS, "rmse"])
def test_the_influence_is_what_the_jackknife_sees(kind):
    rng = np.random.default_rng(3)
    n = 400
    target = rng.integers(0, 2, n)
    said = np.where(rng.random(n) < 0.7, target, 1 - target)[None]
    arm = arm_of(made(kind) if kind != "rmse" else Metric("rmse"), LABELS[:1], said, target, positive=1)
    without = np.array([arm.weighted((np.arange(n) != i)[None] / (n - 1))[0, 0] for i in range(n)])
    jackknife = (n - 1) * (arm.score[0] - without)
    np.testing.assert_allclose(arm.influence(0), jackknife - jackknife.mean(), atol=0.02)


def test_models_of_one_size_are_averaged():
    target = np.array([0, 1, 1, 0])
    said = np.array([[[0, 1, 1, 0], [1, 0, 0, 1]]])
    assert arm_of(Metric("accuracy"), LABELS[:1], said, target).score[0] == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_a_better_arm_is_called_better_in_every_metric(kind):
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 300)
    good = np.where(rng.random(300) < 0.95, target, 1 - target)
    poor = np.where(rng.random((1, 2, 300)) < 0.6, target, 1 - target)
    active = arm_of(made(kind), LABELS[:1], good[None], target, positive=1)
    random = arm_of(made(kind), LABELS[:1], poor, target, positive=1)
    assert difference(active, random).finding == "better"
    assert difference(random, active).finding == "worse"


def test_a_metric_without_an_item_that_counts_is_not_ready():
    target = np.zeros(30, dtype=int)
    arm = arm_of(Metric("recall", "b"), LABELS, np.zeros((2, 30)), target, positive=1)
    assert estimate(Metric("recall", "b"), arm, 0) is None
    with pytest.raises(NotReady, match="no evaluation item counts"):
        difference(arm, arm)
    with pytest.raises(NotReady):
        labels_saved(arm, arm)


def test_arms_of_two_metrics_are_not_compared():
    target = np.array([0, 1] * 20)
    said = target[None]
    with pytest.raises(BadValue, match="metric"):
        difference(
            arm_of(Metric("accuracy"), LABELS[:1], said, target),
            arm_of(Metric("f1", "b"), LABELS[:1], said, target, positive=1),
        )
    with pytest.raises(BadValue, match="of"):
        Arm(LABELS[:1], np.ones((1, 3)), np.zeros((1, 3)))


def test_names_are_checked():
    with pytest.raises(UnknownName, match="acuracy"):
        metric("acuracy")
    with pytest.raises(BadValue, match="must name a class"):
        metric("recall:nothing", ["a", "b"])
    assert str(metric("f1:a b", ["a b"])) == "f1:a b"


def test_collected_predictions_stand_at_their_item():
    evaluation = np.arange(10, 20)
    plan = list(cross_fit_plan(np.arange(10), evaluation, repeats=2, seed=1))
    sizes, said = collect(plan, [fit.scored * 10 + fit.repeat for fit in plan], evaluation)
    assert said.shape == (len(sizes), 2, 10)
    for repeat in (0, 1):
        np.testing.assert_array_equal(said[0, repeat], evaluation * 10 + repeat)
    with pytest.raises(NotReady, match="row"):
        collect(plan[1:], [fit.scored for fit in plan[1:]], evaluation)
