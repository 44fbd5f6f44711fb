"""Figures for what is found rather than classed: entities, boxes, ranked lists, relevant items within a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array

Span = tuple[int, int, str]
"""Start, end (exclusive), type."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Precision, recall and F1 of what was found; NaN where there is nothing to judge by."""

    precision: float
    recall: float
    f1: float
    right: int
    found: int
    true: int


def _matched(right: int, found: int, true: int) -> Matched:
    nan = float("nan")
    return Matched(
        right / found if found else nan,
        right / true if true else nan,
        2 * right / (found + true) if found + true else nan,
        right,
        found,
        true,
    )


def entities(target: Sequence[Sequence[Span]], predicted: Sequence[Sequence[Span]]) -> Matched:
    """Return the entity scores of a set of texts: an entity counts if both ends and the type are right.

    Counts are summed over the texts, as CoNLL does; a text without entities that is left alone changes nothing.

    Args:
        target: for each text its true (start, end, type), end exclusive.
        predicted: for each text what was found; the same entity found twice counts once.

    Tjong Kim Sang & De Meulder, CoNLL 2003.

    >>> entities([[(0, 2, "PER"), (5, 6, "LOC")]], [[(0, 2, "PER"), (5, 7, "LOC")]]).f1
    0.5
    """
    _as_many(target, predicted)
    pairs = [(set(map(tuple, t)), set(map(tuple, p))) for t, p in zip(target, predicted, strict=True)]
    return _matched(sum(len(t & p) for t, p in pairs), sum(len(p) for _, p in pairs), sum(len(t) for t, _ in pairs))


def spans_of(tags: Sequence[str]) -> list[Span]:
    """Return the entities of BIO tags; an `I-` that continues nothing of its type begins an entity, as CoNLL reads it.

    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC", "B-LOC"])
    [(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'LOC')]
    """
    found: list[Span] = []
    start, kind = 0, ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            found.append((start, place, kind))
            kind = ""
        if prefix in ("B", "I") and not kind:
            start, kind = place, name
    return found


def overlap(a: Array, b: Array) -> Array:
    """Return (n, m) intersections over unions of boxes.

    Args:
        a: (n, 4) left, top, right, bottom.
        b: (m, 4).

    >>> overlap(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 3, 2], [5, 5, 6, 6]])).round(3)
    array([[0.333, 0.   ]])
    """
    a, b = np.asarray(a, dtype=float).reshape(-1, 4), np.asarray(b, dtype=float).reshape(-1, 4)
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    area_a, area_b = (np.prod(x[:, 2:] - x[:, :2], axis=1) for x in (a, b))
    union = area_a[:, None] + area_b[None, :] - shared
    found: Array = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    return found


@dataclass(frozen=True, slots=True)
class Boxes:
    """The boxes of one image: (k, 4) corners, (k,) class numbers, and (k,) certainty where they are predictions."""

    corners: Array
    classes: Array
    score: Array | None = None


def mean_average_precision(
    target: Sequence[Boxes], predicted: Sequence[Boxes], *, thresholds: Sequence[float] = (0.5,)
) -> float:
    """Return the mean over classes and thresholds of the average precision of boxes; NaN without a true box.

    In the order of certainty each predicted box takes the free true box of its class and image that it overlaps most,
    if it overlaps enough. The area is under the precision made monotone, over all points (not COCO's 101).

    Args:
        target: the true boxes, image by image.
        predicted: what was found, with `score`, image by image.
        thresholds: intersection over union that counts as found; COCO's mean takes 0.5, 0.55, …, 0.95.

    Raises:
        BadValue: not as many images, or predictions without a score.

    Everingham, Van Gool, Williams, Winn & Zisserman, IJCV 2010; Lin et al., ECCV 2014.

    >>> truth = Boxes(np.array([[0, 0, 2, 2], [4, 4, 6, 6]]), np.array([0, 0]))
    >>> said = Boxes(np.array([[0, 0, 2, 2], [9, 9, 10, 10]]), np.array([0, 0]), np.array([0.9, 0.8]))
    >>> mean_average_precision([truth], [said])
    0.5
    """
    _as_many(target, predicted)
    if any(p.score is None and len(p.classes) for p in predicted):
        raise BadValue("predicted", None, "each box needs a score, to be put in order")
    present = sorted({int(k) for boxes in target for k in boxes.classes})
    found = [_average_precision(target, predicted, k, least) for k in present for least in thresholds]
    return float(np.mean(found)) if found else float("nan")


def _average_precision(target: Sequence[Boxes], predicted: Sequence[Boxes], k: int, least: float) -> float:
    scored: list[tuple[float, int, Array]] = []
    for image, boxes in enumerate(predicted):
        for i in np.flatnonzero(np.asarray(boxes.classes) == k):
            assert boxes.score is not None
            scored.append((float(boxes.score[i]), image, boxes.corners[i]))
    scored.sort(key=lambda entry: -entry[0])
    true = {image: boxes.corners[np.asarray(boxes.classes) == k] for image, boxes in enumerate(target)}
    free = {image: np.ones(len(corners), bool) for image, corners in true.items()}
    right = np.zeros(len(scored), bool)
    for place, (_, image, corners) in enumerate(scored):
        if not len(true[image]):
            continue
        shares = np.where(free[image], overlap(corners[None], true[image])[0], -1.0)
        best = int(shares.argmax())
        if shares[best] >= least:
            free[image][best], right[place] = False, True
    count = sum(len(corners) for corners in true.values())
    recall = np.cumsum(right) / count
    precision = np.cumsum(right) / np.arange(1, len(right) + 1)
    height = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * height))


def ndcg(relevance: Array, score: Array, *, at: int | None = None) -> float:
    """Return how much of the gain of the best order the order by score has, early places counting more.

    Gains are the relevances themselves and the discount is log2(1 + place); tied scores share the mean of their places.
    NaN where nothing is relevant.

    Args:
        relevance: (n,) at least 0.
        score: (n,) higher comes first.
        at: only so many places count; None for all.

    Järvelin & Kekäläinen, ACM TOIS 2002.

    >>> round(ndcg(np.array([3.0, 0.0, 1.0]), np.array([0.9, 0.8, 0.1])), 3)
    0.964
    """
    gain, score = np.asarray(relevance, dtype=float), np.asarray(score, dtype=float)
    if gain.ndim != 1 or gain.shape != score.shape or not len(gain):
        raise BadValue("score", score.shape, f"must have the shape of relevance, {gain.shape}, with one axis")
    if gain.min() < 0:
        raise BadValue("relevance", float(gain.min()), "must not be negative")
    discount = 1 / np.log2(np.arange(2, len(gain) + 2))
    discount[at if at is not None else len(gain) :] = 0
    best = float(np.sum(np.sort(gain)[::-1] * discount))
    order = np.argsort(-score, kind="stable")
    _, tie = np.unique(-score[order], return_inverse=True)
    shared = np.bincount(tie, gain[order]) / np.bincount(tie)
    return float(np.sum(shared[tie] * discount) / best) if best else float("nan")


def recall_at(relevant: Array, score: Array, budget: int) -> float:
    """Return the share of all relevant items among the `budget` items with the highest scores; ties count in part.

    Args:
        relevant: (n,) bool.
        score: (n,).
        budget: how many can be looked at.

    >>> recall_at(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]), 2)
    0.5
    """
    relevant, score = np.asarray(relevant, dtype=bool), np.asarray(score, dtype=float)
    if relevant.ndim != 1 or relevant.shape != score.shape:
        raise BadValue("score", score.shape, f"must have the shape of relevant, {relevant.shape}, with one axis")
    if budget < 1:
        raise BadValue("budget", budget, "must be at least 1")
    if not relevant.any():
        return float("nan")
    if budget >= len(score):
        return 1.0
    last = np.partition(score, len(score) - budget)[len(score) - budget]
    sure, tied = score > last, score == last
    inside = relevant[sure].sum() + relevant[tied].mean() * (budget - sure.sum())
    return float(inside / relevant.sum())


def _as_many(target: Sequence[object], predicted: Sequence[object]) -> None:
    if len(target) != len(predicted):
        raise BadValue("predicted", len(predicted), f"must be as many as there are targets: {len(target)}")
