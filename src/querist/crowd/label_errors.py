"""Confident learning: which single labels are probably wrong, by a model that did not train on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """How suspect each label is.

    Fields:
        score: (n,) from 0 (the model agrees, surely) to 1 (it is sure of another class); ask again in this order.
        suspected: (n,) bool, whether the model is as sure of another class as it usually is of that class's own items.
        threshold: (c,) that usual certainty; infinite for a class without a label.
    """

    score: Array
    suspected: Array
    threshold: Array


def label_errors(*, label: Array, proba: Array) -> LabelErrors:
    """Rank labels for a second look, where each item has one opinion; people must not see that they are suspected.

    The thresholds are each class's own, so that a model that is less sure of a hard class does not suspect all of it.

    Args:
        label: (n,) class numbers as given.
        proba: (n, c) out-of-fold probabilities: a model that saw the label would believe it.

    Northcutt, Jiang & Chuang, Journal of Artificial Intelligence Research 2021.

    >>> proba = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    >>> found = label_errors(label=np.array([0, 0, 1, 1, 1]), proba=proba)  # the last one is wrong
    >>> found.suspected, int(found.score.argmax())
    (array([False, False, False, False,  True]), 4)
    """
    label, proba = np.asarray(label), np.asarray(proba, dtype=float)
    if proba.ndim != 2 or label.shape != proba.shape[:1] or len(label) == 0:
        raise BadValue("proba", proba.shape, f"must be (n, c) for labels of shape {label.shape}, n at least 1")
    if label.min() < 0 or label.max() >= proba.shape[1]:
        raise BadValue("label", int(label.max()), f"class numbers run from 0 to {proba.shape[1] - 1}")
    c = proba.shape[1]
    own = proba[np.arange(len(label)), label]
    count = np.bincount(label, minlength=c)
    threshold = np.divide(np.bincount(label, weights=own, minlength=c), count, out=np.full(c, np.inf), where=count > 0)
    sure = proba >= threshold
    likely = np.where(sure, proba, -1.0).argmax(axis=1)
    others = proba.copy()
    others[np.arange(len(label)), label] = -np.inf
    best_other = others.max(axis=1) if c > 1 else np.zeros(len(label))
    return LabelErrors((1 + best_other - own) / 2, sure.any(axis=1) & (likely != label), threshold)
