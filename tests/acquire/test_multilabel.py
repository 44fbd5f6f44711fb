import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression

from querist.acquire.multilabel import (
    binary_minimum,
    cvirs,
    label_cardinality_inconsistency,
    max_label_entropy,
    mean_label_entropy,
    mmc,
)

SEEDS = st.integers(0, 10_000)


def made(seed, n=7, k=4, labelled=9):
    rng = np.random.default_rng(seed)
    return rng.random((n, k)), rng.random((labelled, k)), rng.integers(0, 2, (labelled, k))


def toss(p):
    return -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_single_label_formulas(seed):
    proba, _, target = made(seed)
    usual = target.sum(axis=1).mean()
    for row, p in enumerate(proba):
        assert binary_minimum(label_proba=proba)[row] == 1 - 2 * min(abs(x - 0.5) for x in p)
        np.testing.assert_allclose(max_label_entropy(label_proba=proba)[row], max(toss(x) for x in p))
        np.testing.assert_allclose(mean_label_entropy(label_proba=proba)[row], np.mean([toss(x) for x in p]))
        expected = abs(sum(x >= 0.5 for x in p) - usual)
        found = label_cardinality_inconsistency(label_proba=proba, labelled_target=target)[row]
        np.testing.assert_allclose(found, expected)


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_mmc_by_definition(seed):
    proba, seen, target = made(seed)
    counts = target.sum(axis=1)
    if len(set(counts)) == 1:
        return
    model = LogisticRegression(C=10.0, max_iter=1000).fit(-np.sort(-seen, axis=1), counts)
    expected = []
    for p in proba:
        m = int(model.predict([sorted(p, reverse=True)])[0])
        order = sorted(range(len(p)), key=lambda i: -p[i])
        signs = {i: 1 if place < m else -1 for place, i in enumerate(order)}
        expected.append(sum((1 - signs[i] * (2 * p[i] - 1)) / 2 for i in range(len(p))))
    np.testing.assert_allclose(mmc(label_proba=proba, labelled_label_proba=seen, labelled_target=target), expected)


def entropy(shares):
    return -sum(s * math.log(s) for s in shares if s > 0)


def set_distance(a, b):
    k = len(a)
    if all(x != y for x, y in zip(a, b, strict=True)):
        return 1.0
    cells = [sum((x, y) == pair for x, y in zip(a, b, strict=True)) / k for pair in ((1, 1), (1, 0), (0, 1), (0, 0))]
    joint = entropy(cells)
    if joint == 0:
        return 0.0
    return (2 * joint - entropy([sum(a) / k, 1 - sum(a) / k]) - entropy([sum(b) / k, 1 - sum(b) / k])) / joint


@given(SEEDS)
@settings(max_examples=25, deadline=None)
def test_cvirs_by_definition(seed):
    proba, _, target = made(seed)
    n, k = proba.shape
    ranks = np.stack([rankdata(column) for column in np.abs(2 * proba - 1).T], axis=1)
    expected = []
    for row in range(n):
        borda = sum(n - ranks[row, label] for label in range(k)) / (k * (n - 1))
        predicted = [int(p >= 0.5) for p in proba[row]]
        expected.append(borda * np.mean([set_distance(predicted, y.tolist()) for y in target]))
    np.testing.assert_allclose(cvirs(label_proba=proba, labelled_target=target), expected, atol=1e-9)
