"""Selectors in which rows do not interact: the best scores, draws by score, and plain chance."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng

TRANSFORMS: Final = ("power", "softmax", "softrank")


@selector
def top(*, scores: Array, n: int, rng: Rng | None = None) -> Array:  # noqa: ARG001 - every selector takes rng
    """Take the highest scores; for small batches, and wherever rows that resemble each other are rare.

    Args:
        scores: (n,) higher means ask sooner.
        n: how many rows.
        rng: not used; a tie goes to the lower row.

    Returns:
        (n,) rows by falling score.

    >>> top(scores=np.array([0.1, 0.9, 0.4, 0.9]), n=3)
    array([1, 3, 2])
    """
    return highest(scores, n)


def highest(scores: Array, n: int) -> Array:
    """Return the n rows of highest score in falling order; a tie goes to the lower row."""
    n = min(n, len(scores))
    if n < 1:
        return np.empty(0, np.int64)
    if n < len(scores):
        least = np.partition(scores, len(scores) - n)[len(scores) - n]
        above = np.flatnonzero(scores > least)
        rows = np.concatenate([above, np.flatnonzero(scores == least)[: n - len(above)]])
    else:
        rows = np.arange(len(scores))
    return rows[np.lexsort((rows, -scores[rows]))]


@selector(sampling=True)
def gumbel_top(
    *, scores: Array, n: int, rng: Rng, how: str = "power", beta: float = 1.0, probabilities: bool = False
) -> Any:
    """Draw rows by score, without replacement; the cheapest cure for batches of near-duplicates.

    Chance spreads the batch over all high scores, at the cost of sorting. It also keeps the probability of each pick,
    with which weighted estimates of the error stay unbiased.

    Args:
        scores: (n,) of the whole pool; not negative for `power`.
        n: how many rows.
        rng: the source of chance.
        how: the next pick is drawn in proportion to score ** beta (`power`), exp(beta · score) (`softmax`), or
            rank ** −beta (`softrank`, equal scores share their mean rank).
        beta: 0 is uniform; towards infinity it becomes `top`.
        probabilities: also return the probability of each pick among the rows that were left.

    Returns:
        (n,) rows in the order of drawing; with `probabilities`, a pair with (n,) floats.

    Raises:
        BadValue: `how` is unknown, or a score is negative where it may not be.

    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal, "Stochastic Batch Acquisition", TMLR 2023; drawing
    by the Gumbel maximum: Yellott 1977, Kool, van Hoof & Welling, ICML 2019.

    >>> rows, q = gumbel_top(scores=np.array([3.0, 1.0, 0.0]), n=2, rng=np.random.default_rng(0), probabilities=True)
    >>> rows, q
    (array([1, 0]), array([0.25, 1.  ]))
    """
    weights = log_weights(scores, how=how, beta=beta)
    n = min(n, len(weights))
    # Rows without weight come last, in an order of their own: they are drawn uniformly once nothing else is left.
    possible = np.isfinite(weights)
    keys = np.where(possible, weights, 0) + rng.gumbel(size=len(weights))
    order = np.lexsort((-keys, ~possible))[:n] if n > np.count_nonzero(possible) else _largest_keys(keys, possible, n)
    if not probabilities:
        return order
    return order, _chance(weights, order)


def log_weights(scores: Array, *, how: str, beta: float) -> Array:
    """Return the logarithm of the weight that each row is drawn with; −inf where it is 0."""
    if how not in TRANSFORMS:
        raise BadValue("how", how, "is not a way to turn scores into chances", choices=TRANSFORMS)
    scores = np.asarray(scores, np.float64)
    if how == "softmax":
        return beta * scores
    if how == "softrank":
        return -beta * np.log(_mean_ranks(scores))
    if len(scores) and scores.min() < 0:
        raise BadValue("how", how, "needs scores that are not negative; use softmax or softrank for these")
    if beta == 0:
        return np.zeros_like(scores)
    with np.errstate(divide="ignore"):
        return beta * np.log(scores)


def _mean_ranks(scores: Array) -> Array:
    """Return the rank of each score, 1 for the highest; equal scores share the mean of their ranks."""
    _, inverse, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Array = (last - (counts - 1) / 2)[inverse]
    return ranks


def _largest_keys(keys: Array, possible: Array, n: int) -> Array:
    keys[~possible] = -np.inf
    return highest(keys, n)


def _chance(weights: Array, order: Array) -> Array:
    """Return the probability of each pick among the rows left; sums from the smallest remainder up, so none cancels."""
    possible = np.isfinite(weights)
    scale = weights.max() if possible.any() else 0.0
    weight = np.exp(np.where(possible, weights - scale, -np.inf))
    picked = weight[order]
    weight[order] = 0
    left = weight.sum() + np.cumsum(picked[::-1])[::-1]
    uniform = 1 / (len(weights) - np.arange(len(order)))
    drawn = np.divide(picked, left, out=np.zeros_like(picked), where=left > 0)
    return np.where(possible[order], drawn, uniform)


@selector(sampling=True)
def random(*, scores: Array, n: int, rng: Rng, probabilities: bool = False) -> Any:
    """Take rows by plain chance: the baseline that every strategy has to beat, and the fairest sample of the pool.

    Args:
        scores: (n,) of which only the length counts.
        n: how many rows.
        rng: the source of chance.
        probabilities: also return the probability of each pick among the rows that were left.

    Returns:
        (n,) rows in the order of drawing; with `probabilities`, a pair with (n,) floats.

    >>> random(scores=np.zeros(4), n=3, rng=np.random.default_rng(0), probabilities=True)[1].round(3)
    array([0.25 , 0.333, 0.5  ])
    """
    n = min(n, len(scores))
    rows = rng.choice(len(scores), size=n, replace=False)
    return (rows, 1 / (len(scores) - np.arange(n))) if probabilities else rows
