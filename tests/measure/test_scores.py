"""Scores against scikit-learn's, on random cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure import scores

metrics = pytest.importorskip("sklearn.metrics")


@st.composite
def cases(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    n, c = draw(st.integers(2, 40)), draw(st.integers(2, 5))
    target = rng.integers(0, c, n)
    proba = rng.dirichlet(np.full(c, 0.5), n).round(draw(st.sampled_from([1, 2, 9])))
    return target, proba / proba.sum(axis=1, keepdims=True)


@given(cases())
@settings(max_examples=50, deadline=None)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_classification_scores_equal_scikit_learns(case):
    target, proba = case
    predicted = proba.argmax(axis=1)
    c = proba.shape[1]
    ours = scores.classification(target, proba)
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(target, predicted))
    assert ours["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, predicted))
    assert ours["macro_f1"] == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    assert ours["log_loss"] == pytest.approx(-np.log(np.clip(proba[np.arange(len(target)), target], 1e-15, 1)).mean())
    assert ours["brier"] == pytest.approx(np.mean(((np.eye(c)[target] - proba) ** 2).sum(axis=1)))
    np.testing.assert_array_equal(
        scores.confusion(target, predicted, classes=c), metrics.confusion_matrix(target, predicted, labels=range(c))
    )


@given(cases())
@settings(max_examples=50, deadline=None)
def test_per_class_equals_scikit_learns_where_a_class_can_be_judged(case):
    target, proba = case
    predicted, c = proba.argmax(axis=1), proba.shape[1]
    ours = scores.per_class(target, predicted, classes=c)
    theirs = metrics.precision_recall_fscore_support(target, predicted, labels=range(c), zero_division=np.nan)
    for mine, other in zip((ours.precision, ours.recall, ours.f1, ours.support), theirs, strict=True):
        np.testing.assert_allclose(mine, other)


@given(cases())
@settings(max_examples=50, deadline=None)
def test_areas_equal_scikit_learns(case):
    target, proba = case
    present = np.unique(target)
    if len(present) < 2:
        assert np.isnan(scores.roc_auc(target, proba))
        return
    columns = [1] if proba.shape[1] == 2 else present
    roc = np.mean([metrics.roc_auc_score(target == k, proba[:, k]) for k in columns])
    precision = np.mean([metrics.average_precision_score(target == k, proba[:, k]) for k in columns])
    assert scores.roc_auc(target, proba) == pytest.approx(roc)
    assert scores.average_precision(target, proba) == pytest.approx(precision)


@given(st.integers(0, 10_000), st.integers(2, 50))
@settings(max_examples=30, deadline=None)
def test_regression_scores_equal_scikit_learns(seed, n):
    target, predicted = np.random.default_rng(seed).normal(size=(2, n))
    assert scores.rmse(target, predicted) == pytest.approx(metrics.root_mean_squared_error(target, predicted))
    assert scores.mae(target, predicted) == pytest.approx(metrics.mean_absolute_error(target, predicted))
    assert scores.r2(target, predicted) == pytest.approx(metrics.r2_score(target, predicted))


def test_a_constant_target_has_no_explained_variance():
    assert np.isnan(scores.r2(np.ones(3), np.arange(3.0)))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: scores.accuracy(np.array([0, 1]), np.array([0])), "predicted"),
        (lambda: scores.accuracy(np.array([]), np.array([])), "target"),
        (lambda: scores.confusion(np.array([0, 3]), np.array([0, 1]), classes=3), "classes"),
        (lambda: scores.confusion(np.array([0, -1]), np.array([0, 1])), "target"),
        (lambda: scores.log_loss(np.array([2]), np.array([[0.5, 0.5]])), "target"),
        (lambda: scores.brier(np.array([0]), np.array([0.5, 0.5])), "proba"),
    ],
)
def test_what_cannot_be_measured_is_refused_by_name(call, named):
    with pytest.raises(BadValue) as caught:
        call()
    assert caught.value.field == named
