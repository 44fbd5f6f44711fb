"""Unbiased estimates from labels that were not drawn uniformly, where the probability of each draw is known.

A strategy that takes the top of a ranking has no such probability: then nothing here applies, and the functions refuse.
"""

from __future__ import annotations

import math

import numpy as np

from querist.errors import BadValue
from querist.measure.intervals import Estimate, normal_quantile
from querist.types import Array


def lure_weights(probabilities: Array, n: int, *, everywhere: bool = True) -> Array:
    """Return the weight of each pick with which the mean of weighted losses is unbiased for the pool's mean loss.

    Args:
        probabilities: (m,) in order of picking, of each pick among what was left of the pool.
        n: rows in the pool at the beginning.
        everywhere: whether each row that was left had a positive chance at every pick, as a batch's `everywhere` and
            the evidence in the ledger say; rows that could not be picked cannot be spoken for.

    Returns:
        (m,) weights; all 1 when the picks were uniform, or when the whole pool was picked.

    Raises:
        BadValue: a probability is 0, missing or above 1; not everywhere positive; more picks than rows.

    Farquhar, Gal & Rainforth, ICLR 2021.

    >>> lure_weights(np.array([1 / 4, 1 / 3]), 4)
    array([1., 1.])
    """
    if not everywhere:
        reason = "some rows of the pool had no chance of being picked (a score of 0, a filter, a rule); use softmax"
        raise BadValue("everywhere", everywhere, reason)
    q = np.asarray(probabilities, dtype=float)
    m = len(q)
    if q.ndim != 1 or m == 0:
        raise BadValue("probabilities", q.shape, "must be (m,), one for each pick")
    if m > n:
        raise BadValue("n", n, f"the pool cannot be smaller than its {m} picks")
    possible = (q > 0) & (q <= 1 + 1e-12)
    if not possible.all():
        place = int(np.flatnonzero(~possible)[0])
        reason = f"pick {place} has no positive probability: a strategy that ranks cannot be weighted"
        raise BadValue("probabilities", float(q[place]), reason)
    if m == n:
        return np.ones(m)
    pick = np.arange(1, m + 1)
    weights: Array = 1 + (n - m) / (n - pick) * (1 / ((n - pick + 1) * q) - 1)
    return weights


def lure(losses: Array, probabilities: Array, n: int, *, everywhere: bool = True) -> float:
    """Return the mean loss over the pool, unbiased, from actively chosen labels (levelled unbiased risk estimator).

    Use it to measure with labels that a sampling strategy chose. To train an over-parameterised network do not
    re-weight: there the bias helps.

    Args:
        losses: (m,) in order of picking.
        probabilities: (m,) of each pick among what was left.
        n: rows in the pool at the beginning.
        everywhere: see `lure_weights`, which refuses where it is false.

    Farquhar, Gal & Rainforth, ICLR 2021.

    >>> lure(np.array([1.0, 0.0]), np.array([0.5, 0.5]), 3)
    0.416...
    """
    weights = lure_weights(probabilities, n, everywhere=everywhere)
    losses = np.asarray(losses, dtype=float)
    if losses.shape != weights.shape:
        raise BadValue("losses", losses.shape, f"must have the shape of probabilities, {weights.shape}")
    return float(np.mean(weights * losses))


def active_mean(
    measured: Array, predicted: Array, probabilities: Array, asked: Array, *, level: float = 0.95
) -> Estimate:
    """Return the mean of a quantity over rows that were each asked independently with a known probability.

    The model's guess stands in for rows that were not asked, and the asked ones correct it: the mean of
    `predicted + (measured - predicted) * asked / probabilities`. Mix the probabilities with a uniform share (half the
    mean rate, say); tiny ones make the interval wide.

    Args:
        measured: (n,) the quantity; read only where asked.
        predicted: (n,) the model's guess.
        probabilities: (n,) with which each row was asked, all positive.
        asked: (n,) bool.
        level: of the normal interval.

    Zrnic & Candès, ICML 2024 (active statistical inference).

    >>> rng = np.random.default_rng(0); truth = rng.random(400); guess = truth + 0.1 * rng.normal(size=400)
    >>> asked = rng.random(400) < 0.25
    >>> found = active_mean(truth, guess, np.full(400, 0.25), asked)
    >>> bool(found.low < truth.mean() < found.high), found.n == int(asked.sum())
    (True, True)
    """
    y, f, q = (np.asarray(a, dtype=float) for a in (measured, predicted, probabilities))
    chosen = np.asarray(asked, dtype=bool)
    if not (y.shape == f.shape == q.shape == chosen.shape) or y.ndim != 1 or len(y) < 2:
        raise BadValue("predicted", f.shape, "measured, predicted, probabilities and asked must be (n,), n at least 2")
    if not np.all((q > 0) & (q <= 1)):
        raise BadValue("probabilities", float(q.min()), "every row must have a positive chance of being asked")
    corrected = f + np.where(chosen, (np.where(chosen, y, 0.0) - f) / q, 0.0)
    value, error = float(corrected.mean()), float(corrected.std(ddof=1)) / math.sqrt(len(y))
    half = normal_quantile((1 + level) / 2) * error
    return Estimate(value, value - half, value + half, int(chosen.sum()), "active inference")
