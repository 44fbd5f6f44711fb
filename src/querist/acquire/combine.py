"""Combinators: several scores of the same rows become one; and `refine` and `narrow`, in which strategies propose.

A strategy names a combinator where it would name a scorer, with the parts in its settings:
`Strategy("mine", scorer="product", scorer_settings={"parts": ["entropy", "information_density"]})`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.registry import register
from querist.types import Array, Rng, Strategy


@register("combinator")
def weighted_sum(scores: Sequence[Array], *, weights: Sequence[float] = ()) -> Array:
    """Add scores, each scaled to [0, 1] over the pool, by weight; for parts that may stand in for each other.

    Args:
        scores: arrays (n,), one for each part.
        weights: one for each part; none means equal ones.

    Returns:
        (n,) sum divided by the sum of the weights, from 0 to 1 where weights are not negative.

    >>> weighted_sum([np.array([0.0, 1.0, 2.0]), np.array([5.0, 3.0, 4.0])], weights=[3, 1])
    array([0.25 , 0.375, 0.875])
    """
    shares = _weights(weights, len(scores))
    total: Array = sum(weight * _unit_range(part) for weight, part in zip(shares, scores, strict=True))  # type: ignore[assignment]
    return total / sum(shares)


@register("combinator")
def product(scores: Sequence[Array], *, powers: Sequence[float] = ()) -> Array:
    """Multiply scores, each to its power; for parts that must all be high, such as doubt times density.

    Args:
        scores: arrays (n,), one for each part; not negative.
        powers: one for each part; none means 1 for each.

    Returns:
        (n,) product.

    Raises:
        BadValue: a score is negative.

    >>> product([np.array([0.5, 1.0]), np.array([4.0, 3.0])], powers=[1, 2])
    array([8., 9.])
    """
    result = np.ones(len(scores[0]))
    for power, part in zip(_weights(powers, len(scores)), scores, strict=True):
        if len(part) and part.min() < 0:
            raise BadValue("parts", float(part.min()), "a product needs scores that are not negative; use rank_mean")
        result *= np.asarray(part, np.float64) ** power
    return result


@register("combinator")
def rank_mean(scores: Sequence[Array], *, weights: Sequence[float] = ()) -> Array:
    """Average the ranks; for parts of different scales, or of different sign.

    Args:
        scores: arrays (n,), one for each part.
        weights: one for each part; none means equal ones.

    Returns:
        (n,) mean share of other rows that score lower, from 0 to 1; equal scores share their mean rank.

    >>> rank_mean([np.array([-9.0, 0.0, 7.0]), np.array([3.0, 3.0, 1.0])])
    array([0.375, 0.625, 0.5  ])
    """
    shares = _weights(weights, len(scores))
    return np.average([_rank_shares(part) for part in scores], axis=0, weights=shares)


@register("combinator")
def per_cost(scores: Sequence[Array], *, cost: Array, gamma: float = 1.0) -> Array:
    """Divide scores by the cost of the row: most gain for the money. Combine it with a `budget` for the batch.

    Args:
        scores: one array (n,), not negative.
        cost: (n,) positive.
        gamma: 0 leaves cost out, 1 is gain for each unit of cost.

    Returns:
        (n,) score / cost ** gamma.

    Raises:
        BadValue: a cost is not positive, or a score is negative.

    Settles, Craven & Friedland, NIPS workshop on cost-sensitive learning 2008.

    >>> per_cost([np.array([0.9, 0.8])], cost=np.array([3.0, 2.0]))
    array([0.3, 0.4])
    """
    if len(cost) and not np.min(cost) > 0:
        raise BadValue("cost", float(np.min(cost)), "must be positive in every row")
    return product(scores) / np.asarray(cost, np.float64) ** gamma


@register("combinator")
def refine(
    propose: Callable[[Strategy, Array, int], Array],
    rows: Array,
    n: int,
    *,
    rng: Rng,
    proposers: Sequence[Strategy] | None = None,
    parts: Sequence[str] = ("margin", "badge", "bait", "max_herding"),
    final: Any = "uncertainty_herding",
    rounds: int = 3,
    shrink: float = 0.4,
    subset: int = 5000,
    most: int = 10000,
) -> Array:
    """Let several strategies narrow the pool, round by round, and one of them choose: slow, and hard to beat.

    In each round every strategy proposes a batch out of a random part of what is left, so that none of them decides
    alone; what they proposed between them is the next pool.

    Args:
        propose: called with a strategy, rows and a number; returns the rows that it would choose.
        rows: (r,) rows that may be chosen.
        n: how many.
        rng: draws the random parts.
        proposers: the strategies of `parts`.
        parts: names of the strategies that propose.
        final: the strategy that chooses the batch.
        rounds: of narrowing.
        shrink: what is left after a round, as a share.
        subset: rows that a strategy sees at most.
        most: rows that are left after a round at most.

    Returns:
        (n,) rows in the order of choice.

    Huseljic et al., "Refine", CVPR 2026; the authors' code proposes with nine strategies in five rounds.

    >>> first = lambda strategy, rows, n: np.sort(rows)[:n]
    >>> refine(first, np.arange(100), 2, rng=np.random.default_rng(0), proposers=[None], final=None)
    array([0, 1])
    """
    pool = np.asarray(rows)
    voters = list(proposers if proposers is not None else parts)
    for _ in range(rounds):
        wanted = min(most, max(n, round(shrink * len(pool))))
        if wanted >= len(pool):
            break
        share = -(-wanted // len(voters))
        proposed = []
        for voter in voters:
            seen = rng.choice(pool, size=min(max(subset, share), len(pool)), replace=False)
            proposed.append(propose(voter, np.sort(seen), share))  # type: ignore[arg-type]
        pool = np.unique(np.concatenate(proposed))
        if len(pool) < n:
            left = np.setdiff1d(rows, pool)
            pool = np.sort(np.concatenate([pool, rng.choice(left, size=n - len(pool), replace=False)]))
    return propose(final, pool, n)


@register("combinator")
def narrow(
    propose: Callable[[Strategy, Array, int], Array],
    rows: Array,
    n: int,
    *,
    rng: Rng,  # noqa: ARG001 - the form of a combinator of strategies
    proposers: Sequence[Strategy] | None = None,
    parts: Sequence[str] = ("margin",),
    final: Any = "eer_newton",
    keep: int = 200,
) -> Array:
    """Let quick strategies name some rows, and a slow one choose among these: what makes look-ahead affordable.

    Args:
        propose: called with a strategy, rows and a number; returns the rows that it would choose.
        rows: (r,) rows that may be chosen.
        n: how many.
        rng: not used; strategies draw from their own.
        proposers: the strategies of `parts`.
        parts: names of the quick strategies; each names its share of `keep`.
        final: the slow strategy.
        keep: how many rows it sees, n at least.

    Returns:
        (n,) rows in the order of choice.

    Roy & McCallum, ICML 2001, who sample the candidates of expected error reduction.

    >>> low = lambda strategy, rows, n: np.sort(rows)[:n] if strategy == "low" else np.sort(rows)[::-1][:n]
    >>> narrow(low, np.arange(100), 2, rng=np.random.default_rng(0), parts=["low"], final="high", keep=10)
    array([9, 8])
    """
    pool = np.asarray(rows)
    voters = list(proposers if proposers is not None else parts)
    wanted = max(n, keep)
    if wanted < len(pool):
        share = -(-wanted // len(voters))
        pool = np.unique(np.concatenate([propose(voter, pool, share) for voter in voters]))  # type: ignore[arg-type]
    if len(pool) < n:
        left = np.setdiff1d(rows, pool)
        pool = np.sort(np.concatenate([pool, left[: n - len(pool)]]))
    return propose(final, pool, n)


def _weights(given: Sequence[float], parts: int) -> Sequence[float]:
    if given and len(given) != parts:
        raise BadValue("weights", list(given), f"must be one for each of the {parts} parts")
    return given or [1.0] * parts


def _unit_range(part: Array) -> Array:
    part = np.asarray(part, np.float64)
    low, high = (part.min(), part.max()) if len(part) else (0.0, 0.0)
    return (part - low) / (high - low) if high > low else np.zeros_like(part)


def _rank_shares(part: Array) -> Array:
    """Return the share of other rows that score lower; equal scores share their mean."""
    _, inverse, counts = np.unique(part, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: Array = (ends - (counts + 1) / 2)[inverse]
    return ranks / max(1, len(part) - 1)


def parts_of(settings: Any) -> list[str]:
    """Return the names of the scorers that a combinator's settings list.

    Raises:
        BadValue: there are none.
    """
    parts = list(settings.get("parts", ()))
    if not parts:
        raise BadValue("parts", parts, "a combinator needs the names of the scores to combine")
    return parts
