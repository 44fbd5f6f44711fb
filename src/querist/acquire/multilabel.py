"""Ask where the labels of an item that may have several are unsure: scores from the probability of each label."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, read, spans, working_type
from querist.registry import scorer
from querist.types import Array


@scorer
def binary_minimum(*, label_proba: Array) -> Array:
    """Ask where some label is nearest to a coin toss; the margin of items with several labels.

    Args:
        label_proba: (n, k) probability of each label.

    Returns:
        (n,) 1 − 2·min |p − ½|, from 0 (all certain) to 1.

    Brinker, "On active learning in multi-label classification", 2006.

    >>> binary_minimum(label_proba=np.array([[0.9, 0.6], [1.0, 0.0]])).round(3)
    array([0.8, 0. ])
    """
    nearest: Array = np.abs(_floats(label_proba) - 0.5).min(axis=1)
    return 1 - 2 * nearest


@scorer
def max_label_entropy(*, label_proba: Array) -> Array:
    """Ask where the least certain label is least certain; ranks like `binary_minimum`, in nats.

    Args:
        label_proba: (n, k) probability of each label.

    Returns:
        (n,) greatest binary entropy of a label, from 0 to log 2.

    Reyes, Morell & Ventura, Neurocomputing 2018.

    >>> max_label_entropy(label_proba=np.array([[0.5, 1.0], [0.0, 0.0]])).round(3)
    array([0.693, 0.   ])
    """
    greatest: Array = _binary_entropy(label_proba).max(axis=1)
    return greatest


@scorer
def mean_label_entropy(*, label_proba: Array) -> Array:
    """Ask where labels are unsure on average; for items that take time to read, whatever the labels.

    Args:
        label_proba: (n, k) probability of each label.

    Returns:
        (n,) mean binary entropy of the labels, from 0 to log 2.

    Reyes, Morell & Ventura, Neurocomputing 2018.

    >>> mean_label_entropy(label_proba=np.array([[0.5, 1.0], [0.0, 0.0]])).round(3)
    array([0.347, 0.   ])
    """
    mean: Array = _binary_entropy(label_proba).mean(axis=1)
    return mean


@scorer
def label_cardinality_inconsistency(*, label_proba: Array, labelled_target: Array) -> Array:
    """Ask where the number of predicted labels is unlike that of the labelled items.

    Args:
        label_proba: (n, k) probability of each label; it is predicted from ½ on.
        labelled_target: (l, k) 0 or 1 for each label.

    Returns:
        (n,) |predicted number − mean number of the labelled items|.

    Li & Guo, "Active learning with multi-label SVM classification", IJCAI 2013.

    >>> label_cardinality_inconsistency(label_proba=np.array([[0.9, 0.6], [0.9, 0.1]]), labelled_target=np.eye(2))
    array([1., 0.])
    """
    predicted = (np.asarray(label_proba) >= 0.5).sum(axis=1)
    usual = float(_zero_one(labelled_target, label_proba).sum(axis=1).mean()) if len(labelled_target) else 0.0
    difference: Array = np.abs(predicted - usual)
    return difference


@scorer
def mmc(*, label_proba: Array, labelled_label_proba: Array, labelled_target: Array) -> Array:
    """Ask where the expected loss of the predicted labels falls most: maximum loss reduction with maximal confidence.

    How many labels an item has is predicted first, by a logistic regression on its sorted probabilities.

    Args:
        label_proba: (n, k) probability of each label.
        labelled_label_proba: (l, k) of the labelled items, by the same model.
        labelled_target: (l, k) 0 or 1 for each label.

    Returns:
        (n,) Σ (1 − ŷ·f) / 2 over the labels, with f = 2p − 1 and ŷ = ±1 for the likeliest m labels and the others.

    Yang, Sun, Wang & Chen, "Effective multi-label active learning for text classification", KDD 2009.

    >>> seen = np.array([[0.9, 0.1], [0.8, 0.3], [0.9, 0.8], [0.7, 0.9]])
    >>> mmc(label_proba=np.array([[0.9, 0.2], [0.6, 0.5]]), labelled_label_proba=seen,
    ...     labelled_target=np.array([[1, 0], [1, 0], [1, 1], [1, 1]])).round(2)
    array([0.3, 0.9])
    """
    proba = np.asarray(label_proba, np.float64)
    numbers = _predicted_numbers(proba, np.asarray(labelled_label_proba), _zero_one(labelled_target, label_proba))
    ranks = np.argsort(np.argsort(-proba, axis=1, kind="stable"), axis=1)
    signs = np.where(ranks < numbers[:, None], 1.0, -1.0)
    result: Array = (1 - signs * (2 * proba - 1)).sum(axis=1) / 2
    return result


def _predicted_numbers(proba: Array, labelled_proba: Array, target: Array) -> Array:
    """Return how many labels each item is predicted to have."""
    counts = target.sum(axis=1).astype(np.int64)
    if not len(counts):
        return np.asarray((proba >= 0.5).sum(axis=1))
    if len(np.unique(counts)) == 1:
        return np.full(len(proba), counts[0])
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=1000).fit(-np.sort(-labelled_proba, axis=1), counts)
    return np.asarray(model.predict(-np.sort(-proba, axis=1)))


@scorer(whole_pool=True)
def cvirs(*, label_proba: Array, labelled_target: Array) -> Array:
    """Ask where many labels are among the least certain, and the predicted set is unlike those of labelled items.

    Args:
        label_proba: (n, k) probability of each label.
        labelled_target: (l, k) 0 or 1 for each label.

    Returns:
        (n,) Borda score of the labels' margins × mean inconsistency with the labelled items, from 0 to 1.

    Reyes, Morell & Ventura, "Effective active learning strategy for multi-label learning", Neurocomputing 2018.

    >>> cvirs(label_proba=np.array([[0.9, 0.6], [0.99, 0.01]]), labelled_target=np.array([[1, 0]])).round(3)
    array([1., 0.])
    """
    proba = np.asarray(label_proba, np.float64)
    margins = np.abs(2 * proba - 1)
    rows, labels = proba.shape
    points: Array = np.zeros(rows)
    for column in margins.T:
        _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        # Rank 1 is the least margin; equal margins share their mean rank.
        points += rows - (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    borda: Array = points / max(1, labels * (rows - 1))
    target = _zero_one(labelled_target, label_proba)
    if not len(target):
        return borda
    inconsistency: Array = np.empty(rows)
    for span in spans(rows, len(target) * labels, 2**22):
        inconsistency[span] = _set_distance((proba[span] >= 0.5).astype(np.float64), target).mean(axis=1)
    inconsistency *= borda
    return inconsistency


def _set_distance(predicted: Array, target: Array) -> Array:
    """Return (r, l) normalised entropy distance between label sets; 1 where they differ in every label."""
    labels = predicted.shape[1]
    both = predicted @ target.T
    only_first = predicted.sum(axis=1)[:, None] - both
    only_second = target.sum(axis=1) - both
    neither = labels - both - only_first - only_second
    joint = _entropy_of(np.stack([both, only_first, only_second, neither]) / labels)
    first = _entropy_of(np.stack([both + only_first, neither + only_second]) / labels)
    second = _entropy_of(np.stack([both + only_second, neither + only_first]) / labels)
    distance = np.divide(2 * joint - first - second, joint, out=np.zeros_like(joint), where=joint > 1e-12)
    result: Array = np.where(only_first + only_second == labels, 1.0, np.clip(distance, 0, 1))
    return result


def _entropy_of(shares: Array) -> Array:
    total: Array = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=0)
    return total


def _zero_one(target: Array, label_proba: Array) -> Array:
    """Return (l, k) zeros and ones; class numbers of a single-label task become one label each."""
    target = np.asarray(target)
    return target.astype(np.float64) if target.ndim == 2 else np.eye(label_proba.shape[1])[target.astype(np.int64)]


def _floats(proba: Any) -> Array:
    return read(proba, slice(None), working_type(proba))


def _binary_entropy(proba: Array) -> Array:
    result = np.empty(proba.shape, working_type(proba))
    for span in spans(len(proba), proba.shape[1] * result.itemsize, CACHED):
        p = read(proba, span, result.dtype)
        tiny = np.finfo(result.dtype).tiny
        result[span] = -(p * np.log(np.maximum(p, tiny)) + (1 - p) * np.log(np.maximum(1 - p, tiny)))
    return np.maximum(result, 0, out=result)
