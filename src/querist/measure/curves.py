"""Learning curves: their area, a monotone form, labels needed to a target, labels saved at equal accuracy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array, Json


def area(labels: Array, score: Array) -> float:
    """Return the area under a learning curve (trapezoid), divided by the span of labels: its mean height.

    Args:
        labels: (p,) labels used, increasing, at least two.
        score: (p,) the score at each.

    >>> area(np.array([20, 40, 80]), np.array([0.5, 0.7, 0.9]))
    0.733...
    """
    x, y = _curve(labels, score)
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def area_thirds(labels: Array, score: Array) -> tuple[float, float, float]:
    """Return the mean height of the first, middle and last third of the span: strategies differ in where they gain.

    >>> [round(a, 2) for a in area_thirds(np.array([0, 30]), np.array([0.0, 0.9]))]
    [0.15, 0.45, 0.75]
    """
    x, y = _curve(labels, score)
    cuts = np.linspace(x[0], x[-1], 4)
    first, middle, last = (_between(x, y, cuts[i], cuts[i + 1]) for i in range(3))
    return first, middle, last


def monotone(score: Array, weight: Array | None = None) -> Array:
    """Return the closest curve (in squares) that never falls; pool-adjacent-violators.

    Accuracy wobbles from round to round; "the labels needed for 90 %" needs a curve that crosses 90 % once.

    Args:
        score: (p,) in order of labels.
        weight: (p,) positive; 1 by default.

    Ayer, Brunk, Ewing, Reid & Silverman, Annals of Mathematical Statistics 1955.

    >>> monotone(np.array([0.5, 0.8, 0.6, 0.9]))
    array([0.5, 0.7, 0.7, 0.9])
    """
    values = np.asarray(score, dtype=float).tolist()
    weights = [1.0] * len(values) if weight is None else np.asarray(weight, dtype=float).tolist()
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for value, heavy in zip(values, weights, strict=True):
        block = (value, heavy, 1)
        while blocks and blocks[-1][0] >= block[0]:
            mean, mass, length = blocks.pop()
            together = mass + block[1]
            block = ((mean * mass + block[0] * block[1]) / together, together, length + block[2])
        blocks.append(block)
    return np.repeat([b[0] for b in blocks], [b[2] for b in blocks])


def labels_to(labels: Array, score: Array, target: float) -> float | None:
    """Return the smallest number of labels (interpolated) at which the monotone curve reaches the target, or None.

    A curve that begins at or above the target answers with its first point: nothing is extrapolated downwards.

    >>> labels_to(np.array([20, 40, 80]), np.array([0.5, 0.75, 1.0]), 0.875)
    60.0
    >>> labels_to(np.array([20, 40, 80]), np.array([0.5, 0.7, 0.9]), 0.95) is None
    True
    """
    x, y = _curve(labels, score)
    return _reach(x, monotone(y), target)


@dataclass(frozen=True, slots=True)
class Saving:
    """Labels saved at equal accuracy: random needed `random_labels` for `score`, the strategy `active_labels`.

    `reached` is False where the strategy never got there; then `active_labels` is its largest size and `saved` only
    an upper end ("at least so many lost").
    """

    score: float
    random_labels: float
    active_labels: float
    reached: bool

    @property
    def saved(self) -> float:
        """Labels saved; negative where labels were lost."""
        return self.random_labels - self.active_labels

    @property
    def factor(self) -> float:
        """How many random labels one label of the strategy was worth."""
        return self.random_labels / self.active_labels

    def to_json(self) -> Json:
        """Return the fields and the two figures."""
        return {
            "score": self.score,
            "random_labels": self.random_labels,
            "active_labels": self.active_labels,
            "reached": self.reached,
            "saved": self.saved,
            "factor": self.factor,
        }


def labels_saved(
    active_labels: Array,
    active_score: Array,
    random_labels: Array,
    random_score: Array,
    *,
    at: float | None = None,
) -> Saving:
    """Return what a strategy saved against random labelling, inside the measured range only.

    Both curves are made monotone first. The accuracy compared at is random's at its largest size, or `at`.

    Args:
        active_labels: (p,) increasing.
        active_score: (p,).
        random_labels: (r,) increasing.
        random_score: (r,).
        at: the score to compare at; must be reached by random.

    Raises:
        BadValue: random never reaches `at`.

    >>> s = labels_saved(np.array([20, 60, 100]), np.array([0.5, 0.8, 0.9]),
    ...                  np.array([20, 60, 100]), np.array([0.5, 0.7, 0.8]))
    >>> s.saved, round(s.factor, 2), s.reached
    (40.0, 1.67, True)
    """
    ax, ay = _curve(active_labels, active_score)
    rx, ry = _curve(random_labels, random_score)
    ry = monotone(ry)
    score = float(ry[-1]) if at is None else at
    needed = float(rx[-1]) if at is None else _reach(rx, ry, score)
    if needed is None:
        raise BadValue("at", at, f"random labelling reached {ry[-1]:.4g} at most")
    reached = _reach(ax, monotone(ay), score)
    return Saving(score, needed, float(ax[-1]) if reached is None else reached, reached is not None)


def _curve(labels: Array, score: Array) -> tuple[Array, Array]:
    x, y = np.asarray(labels, dtype=float), np.asarray(score, dtype=float)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise BadValue("score", y.shape, f"must have the shape of labels, {x.shape}, with at least two points")
    if not np.all(np.diff(x) > 0):
        raise BadValue("labels", x.tolist(), "must increase")
    return x, y


def _between(x: Array, y: Array, start: float, end: float) -> float:
    inside = (x > start) & (x < end)
    xs = np.concatenate([[start], x[inside], [end]])
    return float(np.trapezoid(np.interp(xs, x, y), xs) / (end - start))


def _reach(x: Array, y: Array, target: float) -> float | None:
    """Return where a rising curve first reaches the target; a hair of rounding does not count as falling short."""
    high_enough = np.flatnonzero(y >= target - 1e-12)
    if len(high_enough) == 0:
        return None
    i = int(high_enough[0])
    if i == 0:
        return float(x[0])
    share = min((target - y[i - 1]) / (y[i] - y[i - 1]), 1.0)
    return float(x[i - 1] + share * (x[i] - x[i - 1]))
