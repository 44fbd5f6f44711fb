"""Confident learning against its slow twin, and on planted errors in real digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.crowd import label_errors
from querist.errors import BadValue


@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(2, 4))
@settings(max_examples=50, deadline=None)
def test_equals_its_slow_twin(seed, n, c):
    rng = np.random.default_rng(seed)
    label, proba = rng.integers(0, c, n), rng.dirichlet(np.ones(c), n)
    found = label_errors(label=label, proba=proba)
    threshold = [np.mean([proba[i, k] for i in range(n) if label[i] == k] or [np.inf]) for k in range(c)]
    np.testing.assert_allclose(found.threshold, threshold)
    for i in range(n):
        sure = [k for k in range(c) if proba[i, k] >= threshold[k] - 1e-12]
        if all(abs(proba[i, k] - threshold[k]) > 1e-9 for k in range(c)):
            assert found.suspected[i] == (bool(sure) and max(sure, key=lambda k: proba[i, k]) != label[i])
        margin = max(proba[i, k] for k in range(c) if k != label[i]) - proba[i, label[i]]
        assert found.score[i] == pytest.approx((1 + margin) / 2)


def test_planted_errors_are_found_on_digits():
    datasets = pytest.importorskip("sklearn.datasets")
    x, truth = datasets.load_digits(return_X_y=True)
    x, truth = x[:900] / 16, truth[:900]
    rng = np.random.default_rng(0)
    wrong = rng.permutation(900)[:45]
    label = truth.copy()
    label[wrong] = (label[wrong] + rng.integers(1, 10, 45)) % 10
    fold = rng.permutation(900) % 5
    proba = np.empty((900, 10))
    for k in range(5):
        train, held = fold != k, fold == k
        f = x[train]
        weight = np.linalg.solve(f.T @ f + np.eye(64), f.T @ np.eye(10)[label[train]])
        scores = np.exp(8 * (x[held] @ weight))
        proba[held] = scores / scores.sum(axis=1, keepdims=True)
    found = label_errors(label=label, proba=proba)
    first = np.argsort(-found.score)[:45]
    assert np.mean(np.isin(first, wrong)) > 0.7
    assert np.mean(found.suspected[wrong]) > 0.6
    assert np.mean(found.suspected[np.setdiff1d(np.arange(900), wrong)]) < 0.1


def test_misuse_is_refused_by_name():
    for label, proba in (([0], np.ones((2, 2))), ([], np.ones((0, 2))), ([2], np.ones((1, 2)))):
        with pytest.raises(BadValue):
            label_errors(label=np.array(label, dtype=int), proba=proba)
