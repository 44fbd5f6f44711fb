"""The figures of one evaluation point, of each kind of target."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from querist.engine.bench.measured import MEASURED, bins, figures, of_classes
from querist.tasks import task_type


def test_figures_of_classes_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), 300)
    target = rng.integers(0, 4, 300)
    point, predicted = of_classes(target, proba), proba.argmax(axis=1)
    assert point["accuracy"] == pytest.approx(metrics.accuracy_score(target, predicted))
    assert point["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(target, predicted))
    assert point["macro_f1"] == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    assert point["log_loss"] == pytest.approx(metrics.log_loss(target, proba))
    assert point["recall"] == pytest.approx(metrics.recall_score(target, predicted, average=None).tolist())


def test_a_class_that_is_not_held_out_has_no_recall() -> None:
    assert of_classes(np.array([0, 0]), np.array([[0.9, 0.1], [0.2, 0.8]]))["recall"] == [0.5, None]


@given(st.integers(1, 60), st.integers(0, 100))
@settings(max_examples=30, deadline=None)
def test_bins_hold_every_row_and_its_means(n, seed) -> None:
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(3), n)
    target = rng.integers(0, 3, n)
    sure, right = proba.max(axis=1), proba.argmax(axis=1) == target
    found = bins(sure, right)
    assert sum(b["n"] for b in found) == n
    assert sum(b["n"] * b["certain"] for b in found) == pytest.approx(sure.sum())
    assert sum(b["n"] * b["right"] for b in found) == pytest.approx(right.sum())
    assert all(k / 10 - 1e-6 <= b["certain"] <= (k + 1) / 10 + 1e-6 for k, b in enumerate(found) if b["n"])


def test_figures_of_label_sets_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    target = (rng.random((80, 3)) < 0.4).astype(np.int8)
    matrix = rng.random((80, 3))
    predicted = (matrix >= 0.5).astype(int)
    point = figures(task_type("multi_label", classes=["a", "b", "c"]).target, target, matrix)
    assert point["macro_f1"] == pytest.approx(metrics.f1_score(target, predicted, average="macro"))
    assert point["micro_f1"] == pytest.approx(metrics.f1_score(target, predicted, average="micro"))
    assert point["hamming"] == pytest.approx(metrics.hamming_loss(target, predicted))
    assert point["accuracy"] == pytest.approx(metrics.accuracy_score(target, predicted))
    assert point["recall"] == pytest.approx(metrics.recall_score(target, predicted, average=None).tolist())
    assert set(MEASURED["label_proba"].figures) <= set(point)


def test_figures_of_numbers_agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(2)
    target = rng.normal(size=60)
    matrix = np.column_stack([target + rng.normal(scale=0.5, size=60), np.full(60, 0.5)])
    point = figures(task_type("numeric", settings={"low": -5.0, "high": 5.0}).target, target, matrix)
    assert point["r2"] == pytest.approx(metrics.r2_score(target, matrix[:, 0]))
    assert point["rmse"] == pytest.approx(metrics.root_mean_squared_error(target, matrix[:, 0]))
    assert point["mae"] == pytest.approx(metrics.mean_absolute_error(target, matrix[:, 0]))
    assert point["accuracy"] == pytest.approx((np.abs(target - matrix[:, 0]) <= 0.5).mean())
    assert point["ece"] < 0.2
    assert set(MEASURED["mean"].figures) <= set(point)
