"""How far people agree beyond chance: Cohen's kappa for two, Fleiss' for equally many, Krippendorff's alpha for any.

1 is full agreement, 0 what chance would give, below 0 systematic disagreement. An interval comes from resampling items
(`measure.intervals.bootstrap`). NaN is returned where agreement has no meaning: everybody used one and the same value.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from querist.errors import BadValue
from querist.types import Array

Level = Literal["nominal", "ordinal", "interval", "ratio"]


def cohen_kappa(a: Array, b: Array, *, weights: Literal["none", "linear", "quadratic"] = "none") -> float:
    """Return the agreement of two people, or two models, on the same items.

    Args:
        a: (n,) class numbers by one.
        b: (n,) class numbers by the other, same items.
        weights: how far apart classes count as apart: "none" any two alike; "linear" and "quadratic" by the difference
            of their numbers, for ordered classes.

    Cohen, Educational and Psychological Measurement 1960; weighted: Cohen, Psychological Bulletin 1968.

    >>> round(cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])), 2)
    0.5
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 1 or a.shape != b.shape or len(a) == 0:
        raise BadValue("b", b.shape, f"must have the shape of a, {a.shape}, with at least one item")
    values, numbers = np.unique(np.concatenate([a, b]), return_inverse=True)
    if weights == "none":
        apart = 1.0 - np.eye(len(values))
    elif weights in ("linear", "quadratic"):
        apart = np.abs(values[:, None] - values[None, :]).astype(float) ** (1 if weights == "linear" else 2)
    else:
        raise BadValue("weights", weights, "unknown", choices=["none", "linear", "quadratic"])
    c, n = len(values), len(a)
    table = np.bincount(numbers[:n] * c + numbers[n:], minlength=c * c).reshape(c, c) / n
    by_chance = np.outer(table.sum(axis=1), table.sum(axis=0))
    expected = float(np.sum(apart * by_chance))
    return float("nan") if expected == 0 else 1 - float(np.sum(apart * table)) / expected


def fleiss_kappa(counts: Array) -> float:
    """Return the agreement of people where each item has equally many answers, whoever gave them.

    Args:
        counts: (items, categories) how often each item got each category; equal row sums of 2 or more.

    Fleiss, Psychological Bulletin 1971.

    >>> round(fleiss_kappa(np.array([[3, 0], [0, 3], [2, 1]])), 2)
    0.55
    """
    counts = np.asarray(counts)
    if counts.ndim != 2 or counts.size == 0:
        raise BadValue("counts", counts.shape, "must be (items, categories)")
    answers = counts.sum(axis=1)
    if answers.min() != answers.max() or answers[0] < 2:
        seen = sorted({int(x) for x in answers})
        raise BadValue("counts", seen, "each item needs equally many answers, two or more; see krippendorff_alpha")
    n = int(answers[0])
    observed = float(np.mean((np.sum(counts**2, axis=1) - n) / (n * (n - 1))))
    expected = float(np.sum((counts.sum(axis=0) / counts.sum()) ** 2))
    return float("nan") if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(values: Array, *, level: Level = "nominal") -> float:
    """Return the agreement of any number of people with any answers missing, for any kind of value.

    Args:
        values: (people, items); NaN where a person did not answer. Items with fewer than two answers do not count.
        level: what the values are: names, ranks, figures, or figures with a true zero.

    Raises:
        BadValue: no item has two answers.

    Krippendorff, Content Analysis, 2004; Hayes & Krippendorff, Communication Methods and Measures 2007.

    >>> nan = np.nan
    >>> values = np.array([[1, 2, 3, 3, 2, 1, 4, 1, 2, nan, nan, nan], [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, nan, 3],
    ...                    [nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, nan], [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, nan]])
    >>> [round(krippendorff_alpha(values, level=level), 3) for level in ("nominal", "ordinal", "interval", "ratio")]
    [0.743, 0.815, 0.849, 0.797]
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2:
        raise BadValue("values", table.shape, "must be (people, items)")
    given = ~np.isnan(table)
    names, numbers = np.unique(table[given], return_inverse=True)
    item = np.broadcast_to(np.arange(table.shape[1]), table.shape)[given]
    c = len(names)
    counts = np.bincount(item * c + numbers, minlength=table.shape[1] * c).reshape(-1, c).astype(float)
    counts = counts[counts.sum(axis=1) > 1]
    if len(counts) == 0:
        raise BadValue("values", table.shape, "no item has two answers")
    # Coincidences: all ordered pairs of answers to one item, each item counting as many times as it has answers.
    weight = 1 / (counts.sum(axis=1) - 1)
    together = (counts * weight[:, None]).T @ counts - np.diag((counts * weight[:, None]).sum(axis=0))
    total = together.sum(axis=0)
    apart = _distance(names, total, level)
    expected = float(np.sum(apart * np.outer(total, total))) / float(total.sum() - 1)
    return float("nan") if expected == 0 else 1 - float(np.sum(apart * together)) / expected


def alpha_by_distance(item: Array, apart: Array) -> float:
    """Return Krippendorff's alpha of any kind of value that has a distance: spans, boxes, rankings.

    1 minus the mean distance of two answers to one item, over that of any two answers; each item weighs as in
    `krippendorff_alpha`, with which this agrees where the distance is 0 or 1.

    Args:
        item: (a,) item number of each answer; items with one answer do not count.
        apart: (a, a) distances of the answers, 0 on the diagonal.

    Raises:
        BadValue: no item has two answers, or `apart` is not (a, a).

    Krippendorff, Content Analysis, 2004, chapter 11.

    >>> round(alpha_by_distance(np.array([0, 0, 1, 1]), 1.0 - np.equal.outer([1, 1, 2, 1], [1, 1, 2, 1])), 2)
    0.0
    """
    item, apart = np.asarray(item), np.asarray(apart, dtype=float)
    if apart.shape != (len(item), len(item)):
        raise BadValue("apart", apart.shape, f"must be ({len(item)}, {len(item)})")
    _, numbers, counts = np.unique(item, return_inverse=True, return_counts=True)
    paired = counts[numbers] > 1
    if not paired.any():
        raise BadValue("item", item.shape, "no item has two answers")
    within, numbers = apart[np.ix_(paired, paired)], numbers[paired]
    n = len(numbers)
    same = numbers[:, None] == numbers[None, :]
    observed = float(np.sum(within * same / (counts[numbers] - 1)[:, None])) / n
    expected = float(within.sum()) / (n * (n - 1))
    return float("nan") if expected == 0 else 1 - observed / expected


def _distance(names: Array, total: Array, level: str) -> Array:
    """Return (c, c) squared distances between values."""
    if level == "nominal":
        return 1.0 - np.eye(len(names))
    if level == "ordinal":
        upto = np.cumsum(total)
        place = upto - total / 2  # the mean rank of each value
        ranks: Array = (place[:, None] - place[None, :]) ** 2
        return ranks
    apart = names[:, None] - names[None, :]
    if level == "interval":
        squared: Array = apart**2
        return squared
    if level != "ratio":
        raise BadValue("level", level, "unknown", choices=["nominal", "ordinal", "interval", "ratio"])
    if names.min() < 0:
        raise BadValue("values", float(names.min()), "a ratio scale has no values below 0")
    sums = names[:, None] + names[None, :]
    ratio: Array = np.divide(apart, sums, out=np.zeros(apart.shape), where=sums > 0) ** 2
    return ratio
