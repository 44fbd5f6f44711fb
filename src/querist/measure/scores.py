"""Figures of merit: how good predictions are, as single numbers without an interval (those are in `intervals`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array


def accuracy(target: Array, predicted: Array) -> float:
    """Return the share of right predictions; says little where one class is rare (see `macro_f1`).

    Args:
        target: (n,) true class numbers.
        predicted: (n,) predicted class numbers.

    >>> accuracy(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 2]))
    0.75
    """
    target, predicted = _pair(target, predicted)
    return float(np.mean(target == predicted))


def confusion(target: Array, predicted: Array, *, classes: int | None = None) -> Array:
    """Return how often each true class (row) was predicted as each class (column).

    Args:
        target: (n,) true class numbers.
        predicted: (n,) predicted class numbers.
        classes: c; by default one more than the largest number that occurs.

    Returns:
        (c, c) int64 counts.

    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]))
    array([[1, 0],
           [1, 1]])
    """
    target, predicted = _pair(target, predicted)
    largest = int(max(target.max(), predicted.max()))
    if min(target.min(), predicted.min()) < 0:
        raise BadValue("target", int(min(target.min(), predicted.min())), "class numbers start at 0")
    c = largest + 1 if classes is None else classes
    if largest >= c:
        raise BadValue("classes", c, f"class number {largest} occurs")
    counts = np.bincount(target.astype(np.int64) * c + predicted.astype(np.int64), minlength=c * c)
    return counts.reshape(c, c)


@dataclass(frozen=True, slots=True)
class PerClass:
    """Precision, recall and F1 of each class, (c,) each; NaN where there is nothing to judge by.

    `support` (c,) counts the true items of a class. An absent class has no recall, not a recall of 0.
    """

    precision: Array
    recall: Array
    f1: Array
    support: Array


def per_class(target: Array, predicted: Array, *, classes: int | None = None) -> PerClass:
    """Return precision, recall and F1 class by class; use it where a rare class matters.

    >>> found = per_class(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]))
    >>> found.recall.round(2), found.precision.round(2)
    (array([0.67, 1.  ]), array([1. , 0.5]))
    """
    counts = confusion(target, predicted, classes=classes)
    right = np.diag(counts).astype(float)
    truly, said = counts.sum(axis=1), counts.sum(axis=0)
    return PerClass(
        precision=_ratio(right, said),
        recall=_ratio(right, truly),
        f1=_ratio(2 * right, truly + said),
        support=truly,
    )


def balanced_accuracy(target: Array, predicted: Array) -> float:
    """Return the mean recall of the classes that occur in `target`.

    >>> balanced_accuracy(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    return float(np.nanmean(per_class(target, predicted).recall))


def macro_f1(target: Array, predicted: Array) -> float:
    """Return the mean F1 of the classes that occur in `target` or `predicted`.

    >>> round(macro_f1(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])), 3)
    0.733
    """
    return float(np.nanmean(per_class(target, predicted).f1))


def log_loss(target: Array, proba: Array) -> float:
    """Return the mean negative log probability of the true class, in nats; probabilities count as at least 1e-15.

    Args:
        target: (n,) true class numbers.
        proba: (n, c) class probabilities.

    >>> round(log_loss(np.array([0, 1]), np.array([[0.9, 0.1], [0.5, 0.5]])), 3)
    0.399
    """
    target, proba = _with_proba(target, proba)
    chosen = proba[np.arange(len(target)), target].astype(float)
    return float(-np.mean(np.log(np.clip(chosen, 1e-15, 1.0))))


def brier(target: Array, proba: Array) -> float:
    """Return the mean squared distance between probabilities and the truth, summed over classes: 0 best, 2 worst.

    With two classes it is twice the form that looks at one class only. Brier, Monthly Weather Review 1950.

    >>> brier(np.array([0, 1]), np.array([[1.0, 0.0], [0.5, 0.5]]))
    0.25
    """
    target, proba = _with_proba(target, proba)
    p = proba.astype(float)
    chosen = p[np.arange(len(target)), target]
    return float(np.mean((p * p).sum(axis=1) - 2 * chosen + 1))


def roc_auc(target: Array, proba: Array) -> float:
    """Return the area under the ROC curve: how surely a random member outranks a random non-member.

    With two classes the score is the probability of class 1; with more it is the mean over the classes that occur,
    each against the rest. NaN when fewer than two classes occur.

    >>> roc_auc(np.array([0, 1, 1]), np.array([[0.6, 0.4], [0.7, 0.3], [0.1, 0.9]]))
    0.5
    """
    return _mean_over_classes(target, proba, _rank_area)


def average_precision(target: Array, proba: Array) -> float:
    """Return the area under the precision-recall curve (steps, no interpolation); prefer it to ROC for rare classes.

    Classes are handled as in `roc_auc`.

    >>> round(average_precision(np.array([0, 1, 1]), np.array([[0.6, 0.4], [0.7, 0.3], [0.1, 0.9]])), 3)
    0.833
    """
    return _mean_over_classes(target, proba, _step_area)


def classification(target: Array, proba: Array) -> dict[str, float]:
    """Return every figure of this page for probabilities (the likeliest class counts as the prediction).

    >>> sorted(classification(np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]])))
    ['accuracy', 'average_precision', 'balanced_accuracy', 'brier', 'log_loss', 'macro_f1', 'roc_auc']
    """
    target, proba = _with_proba(target, proba)
    predicted = proba.argmax(axis=1)
    return {
        "accuracy": accuracy(target, predicted),
        "balanced_accuracy": balanced_accuracy(target, predicted),
        "macro_f1": macro_f1(target, predicted),
        "log_loss": log_loss(target, proba),
        "brier": brier(target, proba),
        "roc_auc": roc_auc(target, proba),
        "average_precision": average_precision(target, proba),
    }


def rmse(target: Array, predicted: Array) -> float:
    """Return the root of the mean squared error, in the unit of the target.

    >>> rmse(np.array([0.0, 0.0]), np.array([3.0, -3.0]))
    3.0
    """
    target, predicted = _pair(target, predicted)
    return float(np.sqrt(np.mean((target.astype(float) - predicted) ** 2)))


def mae(target: Array, predicted: Array) -> float:
    """Return the mean absolute error, in the unit of the target; one wild value moves it less than `rmse`.

    >>> mae(np.array([0.0, 0.0]), np.array([1.0, -3.0]))
    2.0
    """
    target, predicted = _pair(target, predicted)
    return float(np.mean(np.abs(target.astype(float) - predicted)))


def r2(target: Array, predicted: Array) -> float:
    """Return the share of the target's variance that is explained; NaN when the target is constant.

    >>> r2(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 2.0]))
    0.5
    """
    target, predicted = _pair(target, predicted)
    total = float(np.sum((target - target.mean()) ** 2))
    return float("nan") if total == 0 else 1.0 - float(np.sum((target.astype(float) - predicted) ** 2)) / total


def _pair(target: Array, predicted: Array) -> tuple[Array, Array]:
    target, predicted = np.asarray(target), np.asarray(predicted)
    if target.ndim != 1 or target.shape != predicted.shape:
        raise BadValue("predicted", predicted.shape, f"must have the shape of target, {target.shape}, with one axis")
    if len(target) == 0:
        raise BadValue("target", "empty", "there is nothing to measure")
    return target, predicted


def _with_proba(target: Array, proba: Array) -> tuple[Array, Array]:
    target, proba = np.asarray(target), np.asarray(proba)
    if proba.ndim != 2 or target.shape != proba.shape[:1]:
        raise BadValue("proba", proba.shape, f"must be (n, c) for a target of shape {target.shape}")
    if len(target) == 0:
        raise BadValue("target", "empty", "there is nothing to measure")
    if target.min() < 0 or target.max() >= proba.shape[1]:
        raise BadValue("target", int(target.max()), f"class numbers run from 0 to {proba.shape[1] - 1}")
    return target, proba


def _ratio(part: Array, whole: Array) -> Array:
    ratio: Array = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return ratio


def _mean_over_classes(target: Array, proba: Array, area: Callable[[Array, Array], float]) -> float:
    target, proba = _with_proba(target, proba)
    present = np.unique(target)
    if len(present) < 2:
        return float("nan")
    columns = [1] if proba.shape[1] == 2 else present.tolist()
    return float(np.mean([area(target == k, proba[:, k]) for k in columns]))


def _rank_area(member: Array, score: Array) -> float:
    _, position, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[position]  # ties share their mean rank
    inside = int(member.sum())
    outside = len(member) - inside
    return float((rank[member].sum() - inside * (inside + 1) / 2) / (inside * outside))


def _step_area(member: Array, score: Array) -> float:
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    found = np.cumsum(member[order])[last_of_tie]
    seen = np.flatnonzero(last_of_tie) + 1
    gained = np.diff(found, prepend=0)
    return float(np.sum(gained * found / seen) / member.sum())
