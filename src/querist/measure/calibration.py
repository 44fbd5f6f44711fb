"""Can a model's certainty be trusted: measures of calibration, and the one-number repair, temperature.

Fit a temperature on out-of-fold probabilities (of rows that the model did not train on), never on the evaluation lane,
which only measures. Maps with more numbers are in `calibrators`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from querist.errors import BadValue
from querist.measure import scores
from querist.measure.intervals import wilson
from querist.types import Array, Json

TINY: Final = 1e-12
"""What a probability of 0 counts as."""
_COLDEST, _HOTTEST = 0.05, 20.0


def log_softmax(logits: Array) -> Array:
    """Return normalised log probabilities, none below log 1e-12: one 0 from a model must not make a loss infinite.

    Args:
        logits: (n, c) logits or log probabilities; -inf is a probability of 0.

    Raises:
        BadValue: not two axes, or a row that is NaN or wholly -inf; names the row.

    >>> np.exp(log_softmax(np.array([[0.0, -np.inf]]))).round(3)
    array([[1., 0.]])
    """
    given = np.asarray(logits, dtype=float)
    if given.ndim != 2:
        raise BadValue("log_proba", given.shape, "must be (n, c)")
    top = given.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        row = int(np.flatnonzero(~np.isfinite(top[:, 0]))[0])
        raise BadValue("log_proba", given[row].tolist(), f"row {row} is not a distribution")
    normal = top + np.log(np.exp(given - top).sum(axis=1, keepdims=True))
    found: Array = np.maximum(given - normal, np.log(TINY))
    return found


def fit_temperature(log_proba: Array, target: Array, *, spread: float = math.inf) -> float:
    """Return the temperature that makes held-out labels likeliest: above 1 the model was too sure, below 1 too unsure.

    Args:
        log_proba: (n, c) log probabilities or logits, out of fold; -inf is read as log 1e-12.
        target: (n,) true class numbers.
        spread: how far from 0 its logarithm is expected to lie, as a normal prior's deviation. Ten rows that are all
            right would otherwise make a model endlessly sure; some hundred rows hardly feel it.

    Returns:
        A temperature between 0.05 and 20; close to an end of the range where the likelihood still rises there.

    Guo, Pleiss, Sun & Weinberger, ICML 2017.

    >>> proba = np.array([[0.99, 0.01]] * 10); target = np.array([0] * 9 + [1])
    >>> round(fit_temperature(np.log(proba), target), 2)
    2.09
    >>> right = np.log([[0.9, 0.1]] * 10)
    >>> fit_temperature(right, np.zeros(10, int)) < 0.1, round(fit_temperature(right, np.zeros(10, int), spread=0.5), 2)
    (True, 0.71)
    """
    from scipy.optimize import minimize_scalar

    normal = log_softmax(log_proba)
    scores.log_loss(target, np.exp(normal))  # refuses what does not fit together
    rows = np.arange(len(normal))

    def loss(log_temperature: float) -> float:
        likely = -np.mean(log_softmax(normal * np.exp(-log_temperature))[rows, target])
        return float(likely + (log_temperature / spread) ** 2 / (2 * len(rows)))

    # The loss is convex in 1/T, so it has one minimum in log T too.
    found = minimize_scalar(
        loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x))


def apply_temperature(proba: Array, temperature: float) -> Array:
    """Return probabilities at a temperature; the order of classes within a row stays as it was.

    Args:
        proba: (n, c) class probabilities; a probability of 0 counts as 1e-12.
        temperature: above 0; 1 changes nothing.

    >>> apply_temperature(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    if not temperature > 0:
        raise BadValue("temperature", temperature, "must be above 0")
    return np.exp(log_softmax(np.log(np.clip(proba, TINY, None)) / temperature))


def expected_calibration_error(
    *,
    proba: Array,
    target: Array,
    bins: int = 15,
    binning: Literal["equal_mass", "equal_width"] = "equal_mass",
    debiased: bool = False,
) -> float:
    """Return how far certainty and accuracy are apart on average: 0 is perfect, 0.1 is 10 points.

    Certainty is the top probability. Equal-mass bins hold equally many items (equal certainties stay together, so the
    order of rows never matters); equal-width bins are the older habit, and biased. The plain figure is too high with
    few items, since each bin's accuracy is itself uncertain; the debiased one is the root of the squared gap with that
    uncertainty taken off, and 0 where nothing is left.

    Args:
        proba: (n, c) class probabilities.
        target: (n,) true class numbers.
        bins: at most so many.
        binning: how items are divided.
        debiased: use the debiased root-mean-square form.

    Naeini, Cooper & Hauskrecht, AAAI 2015; debiased: Kumar, Liang & Ma, NeurIPS 2019.

    >>> proba = np.array([[0.9, 0.1]] * 10)
    >>> round(expected_calibration_error(proba=proba, target=np.array([0] * 6 + [1] * 4)), 3)
    0.3
    """
    certainty, correct = _certainty(proba, target)
    count, mean_certainty, accuracy = _binned(certainty, correct, _bin_of(certainty, bins, binning))
    gap = mean_certainty - accuracy
    if not debiased:
        return float(np.sum(count * np.abs(gap)) / count.sum())
    noise = np.divide(accuracy * (1 - accuracy), count - 1, out=np.zeros(len(count)), where=count > 1)
    several = count > 1  # the accuracy of a bin of one says nothing about its own uncertainty
    if not several.any():
        return float("nan")
    squared = np.sum((count * (gap**2 - noise))[several]) / count[several].sum()
    return float(np.sqrt(max(squared, 0.0)))


def ks_calibration_error(*, proba: Array, target: Array) -> float:
    """Return the largest gap between summed certainty and summed correctness, in order of certainty; needs no bins.

    Gupta, Rahimi, Ajanthan, Mensink, Sminchisescu & Hartley, ICLR 2021.

    >>> proba = np.array([[0.9, 0.1]] * 10)
    >>> round(ks_calibration_error(proba=proba, target=np.array([0] * 6 + [1] * 4)), 3)
    0.3
    """
    certainty, correct = _certainty(proba, target)
    order = np.argsort(certainty, kind="stable")
    last_of_tie = np.append(np.diff(certainty[order]) != 0, True)
    summed = np.cumsum(certainty[order] - correct[order])[last_of_tie]
    return float(np.abs(summed).max() / len(certainty))


@dataclass(frozen=True, slots=True)
class Reliability:
    """The points of a reliability diagram, from the least certain bin to the surest; (b,) each.

    `low` and `high` are the one-look 95 % interval of a bin's accuracy: draw them, a bin holds few items.
    """

    certainty: Array
    accuracy: Array
    low: Array
    high: Array
    count: Array

    def to_json(self) -> list[Json]:
        """Return one record a point."""
        columns = (self.certainty, self.accuracy, self.low, self.high, self.count)
        names = ("certainty", "accuracy", "low", "high", "count")
        return [dict(zip(names, point, strict=True)) for point in zip(*(c.tolist() for c in columns), strict=True)]


def reliability(proba: Array, target: Array, bins: int = 10) -> Reliability:
    """Return what the model says against how often it is right, in bins of equal mass.

    Args:
        proba: (n, c) class probabilities.
        target: (n,) true class numbers.
        bins: at most so many.

    >>> points = reliability(np.array([[0.9, 0.1]] * 8 + [[0.6, 0.4]] * 2), np.array([0] * 9 + [1]), bins=2)
    >>> points.certainty.round(2), points.accuracy, points.count
    (array([0.6, 0.9]), array([0.5, 1. ]), array([2, 8]))
    """
    certainty, correct = _certainty(proba, target)
    count, mean_certainty, accuracy = _binned(certainty, correct, _bin_of(certainty, bins, "equal_mass"))
    ends = [wilson(round(n * share), n) for n, share in zip(count.tolist(), accuracy.tolist(), strict=True)]
    return Reliability(
        mean_certainty, accuracy, np.array([e.low for e in ends]), np.array([e.high for e in ends]), count
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What a map did to held-out probabilities: each figure before and after, lower is better."""

    ece_before: float
    ece_after: float
    nll_before: float
    nll_after: float
    brier_before: float
    brier_after: float

    def to_json(self) -> Json:
        """Return the six figures."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def change(before: Array, after: Array, target: Array) -> Change:
    """Return calibration error, log loss and Brier score of two (n, c) arrays of probabilities of the same rows.

    >>> p = np.array([[0.99, 0.01]] * 10); target = np.array([0] * 8 + [1] * 2)
    >>> moved = change(p, apply_temperature(p, 3.3), target)
    >>> round(moved.ece_before, 2), round(moved.ece_after, 2)
    (0.19, 0.0)
    """
    return Change(
        ece_before=expected_calibration_error(proba=before, target=target),
        ece_after=expected_calibration_error(proba=after, target=target),
        nll_before=scores.log_loss(target, before),
        nll_after=scores.log_loss(target, after),
        brier_before=scores.brier(target, before),
        brier_after=scores.brier(target, after),
    )


def _certainty(proba: Array, target: Array) -> tuple[Array, Array]:
    proba, target = np.asarray(proba), np.asarray(target)
    scores.brier(target, proba)  # refuses what does not fit together
    return proba.max(axis=1).astype(float), (proba.argmax(axis=1) == target).astype(float)


def _bin_of(certainty: Array, bins: int, binning: str) -> Array:
    if bins < 1:
        raise BadValue("bins", bins, "must be at least 1")
    if binning == "equal_width":
        by_width: Array = np.minimum((certainty * bins).astype(int), bins - 1)
        return by_width
    if binning != "equal_mass":
        raise BadValue("binning", binning, "unknown", choices=["equal_mass", "equal_width"])
    _, value_of, count = np.unique(certainty, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2  # the mean rank of each distinct certainty, from 0
    return (middle * bins / len(certainty)).astype(int)[value_of]


def _binned(certainty: Array, correct: Array, bin_of: Array) -> tuple[Array, Array, Array]:
    count = np.bincount(bin_of)
    used = count > 0
    with_values = [np.bincount(bin_of, weights=values)[used] / count[used] for values in (certainty, correct)]
    return count[used], with_values[0], with_values[1]
