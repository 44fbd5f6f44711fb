"""Strategies over several data sets: ranks, critical differences, wins and losses, Bayesian signed ranks.

A data set is one observation, whatever the number of its seeds: seeds of one set are not independent of each other, and
pooling them makes any difference look certain. Demšar, "Statistical Comparisons of Classifiers over Multiple Data
Sets", JMLR 2006; Benavoli, Corani, Demšar & Zaffalon, "Time for a Change", JMLR 2017.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.measure.comparison import holm
from querist.types import Array, Json


@dataclass(frozen=True, slots=True)
class Ranks:
    """Mean ranks over data sets, 1 best; two strategies differ where their ranks are further apart than `critical`.

    `cliques` are the groups of strategies, by number, that cannot be told apart; `p_value` is Friedman's, of the
    hypothesis that all are alike: where it is large, nothing may be said of pairs either.
    """

    mean: Array
    statistic: float
    p_value: float
    critical: float
    cliques: tuple[tuple[int, ...], ...]
    sets: int

    def to_json(self) -> Json:
        """Return the fields."""
        return {
            "mean": self.mean.tolist(),
            "statistic": self.statistic,
            "p_value": self.p_value,
            "critical": self.critical,
            "cliques": [list(clique) for clique in self.cliques],
            "sets": self.sets,
        }


def ranks(scores: Array, *, level: float = 0.95) -> Ranks:
    """Rank strategies on each data set; test whether they differ (Friedman), and say by how much they must (Nemenyi).

    Args:
        scores: (sets, strategies), higher is better; ties share their mean rank.
        level: of the critical difference.

    Raises:
        BadValue: fewer than two sets or three strategies, or a score that is not finite.

    Friedman, JASA 1937; Nemenyi, thesis, Princeton 1963.

    >>> found = ranks(np.array([[0.9, 0.8, 0.7], [0.8, 0.7, 0.5], [0.9, 0.6, 0.5], [0.7, 0.6, 0.4]]))
    >>> found.mean, round(found.p_value, 3), round(found.critical, 2), found.cliques
    (array([1., 2., 3.]), 0.018, 1.66, ((0, 1), (1, 2)))
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    values = np.asarray(scores, dtype=float)
    if values.ndim != 2 or values.shape[0] < 2 or values.shape[1] < 3:
        raise BadValue("scores", values.shape, "must be (sets, strategies), at least 2 × 3")
    if not np.isfinite(values).all():
        raise BadValue("scores", "not finite", "leave out sets that a strategy did not finish, and say so")
    n, k = values.shape
    mean = rankdata(-values, axis=1).mean(axis=0)
    alike = bool((values == values[:, :1]).all())
    statistic, p_value = (0.0, 1.0) if alike else friedmanchisquare(*values.T)
    quantile = float(studentized_range.ppf(level, k, np.inf)) / math.sqrt(2)
    critical = quantile * math.sqrt(k * (k + 1) / (6 * n))
    return Ranks(mean, float(statistic), float(p_value), critical, _cliques(mean, critical), n)


def _cliques(mean: Array, critical: float) -> tuple[tuple[int, ...], ...]:
    """The widest runs of neighbours in rank that lie within the critical difference."""
    order = np.argsort(mean, kind="stable").tolist()
    found: list[tuple[int, ...]] = []
    end = 0
    for start in range(len(order)):
        stop = max(i for i in range(start, len(order)) if mean[order[i]] - mean[order[start]] <= critical)
        if stop > start and stop >= end + (1 if found else 0):
            found.append(tuple(order[start : stop + 1]))
            end = stop
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Practical:
    """Chances that a strategy is practically worse, about as good, or practically better, on a next data set."""

    worse: float
    alike: float
    better: float

    def to_json(self) -> Json:
        """Return the three chances."""
        return {"worse": self.worse, "alike": self.alike, "better": self.better}


def bayesian_signed_rank(
    difference: Array, *, rope: float, draws: int = 20_000, strength: float = 0.5, seed: int = 0
) -> Practical:
    """Return how probable it is that differences below, within and above a region of equivalence prevail.

    Unlike a p-value it can say that two strategies are as good as equal. A Dirichlet process over the differences, its
    prior on equality; draws of weights, not of data.

    Args:
        difference: (sets,) mean difference of each data set, first strategy minus second.
        rope: half-width of the region of practical equivalence, in the unit of the differences.
        draws: from the posterior; the error of a chance is at most 0.5 / √draws.
        strength: of the prior: how many sets its one pseudo-observation of 0 counts for.
        seed: of the draws.

    Raises:
        BadValue: no differences, one that is not finite, or a negative `rope`.

    Benavoli, Mangili, Corani, Zaffalon & Ruggeri, ICML 2014.

    >>> found = bayesian_signed_rank(np.array([0.02, 0.03, 0.01, 0.04, 0.02]), rope=0.005)
    >>> found.better > 0.99
    True
    """
    z = np.asarray(difference, dtype=float)
    if z.ndim != 1 or not len(z) or not np.isfinite(z).all():
        raise BadValue("difference", z.shape, "must be one finite figure for each data set")
    if rope < 0:
        raise BadValue("rope", rope, "must not be negative")
    z = np.append(z, 0.0)
    pairs = (z[:, None] + z[None, :]) / 2
    weights = np.random.default_rng(seed).dirichlet(np.append(np.ones(len(z) - 1), strength), draws)
    regions = (pairs < -rope, np.abs(pairs) <= rope, pairs > rope)
    shares = np.stack([np.einsum("di,ij,dj->d", weights, region.astype(float), weights) for region in regions])
    # Where two regions hold the same share, each gets its part of the draw.
    largest = shares == shares.max(axis=0)
    worse, alike, better = (largest / largest.sum(axis=0)).mean(axis=1).tolist()
    return Practical(worse, alike, better)


def tally(p_values: Sequence[float], difference: Sequence[float], *, level: float = 0.05) -> Json:
    """Return wins, ties and losses over data sets: a win or loss is one that stands after Holm's correction.

    Args:
        p_values: (sets,) two-sided, one for each data set.
        difference: (sets,) its sign says who won.
        level: of the whole family of sets.

    >>> tally([0.001, 0.5, 0.002], [0.02, 0.01, -0.02])
    {'wins': 1, 'ties': 1, 'losses': 1}
    """
    shown = [p <= level for p in holm(list(p_values))]
    wins = sum(s and d > 0 for s, d in zip(shown, difference, strict=True))
    losses = sum(s and d < 0 for s, d in zip(shown, difference, strict=True))
    return {"wins": wins, "ties": len(shown) - wins - losses, "losses": losses}


def penalties(curves: Mapping[str, Array], *, level: float = 0.05) -> Array:
    """Return how often each strategy was beaten: entry (i, j) is the share of points at which i was better than j.

    Args:
        curves: data set → (strategies, seeds, points), paired by seed; at least two seeds.
        level: of the paired t test at each point.

    Returns:
        (strategies, strategies), summed over the data sets: row i beats column j. The mean of a column, lower is
        better, is the figure that the paper ranks by.

    Ash, Zhang, Krishnamurthy, Langford & Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
    Bounds", ICLR 2020.

    >>> low = np.array([[0.5, 0.6], [0.51, 0.62], [0.52, 0.61]])
    >>> penalties({"one set": np.stack([low, low + 0.1])})
    array([[0., 0.],
           [1., 0.]])
    """
    from scipy.special import stdtrit

    total: Array | None = None
    for name, values in curves.items():
        if values.ndim != 3 or values.shape[1] < 2:
            raise BadValue(
                "curves", values.shape, f"must be (strategies, seeds, points) with two seeds or more: {name}"
            )
        _, n, points = values.shape
        apart = values[:, None] - values[None, :]  # (k, k, seeds, points): small, k is a few dozen
        mean, error = apart.mean(axis=2), apart.std(axis=2, ddof=1) / math.sqrt(n)
        beaten = (mean > 0) & (mean >= stdtrit(n - 1, 1 - level / 2) * error)
        share = beaten.sum(axis=2) / points
        total = share if total is None else total + share
    if total is None:
        raise BadValue("curves", 0, "there must be at least one data set")
    return total


def bootstrap_over_sets(
    difference: Array, *, level: float = 0.95, draws: int = 10_000, seed: int = 0
) -> tuple[float, float]:
    """Return the percentile interval of a mean over data sets, sets resampled.

    Args:
        difference: (sets,) one figure for each.
        level: of the interval.
        draws: resamples.
        seed: of the resampling.

    Efron & Tibshirani, "An Introduction to the Bootstrap", 1993.

    >>> low, high = bootstrap_over_sets(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> low, high
    (1.5, 3.5)
    """
    values = np.asarray(difference, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise BadValue("difference", values.shape, "must be figures of two data sets or more")
    rows = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    low, high = np.quantile(values[rows].mean(axis=1), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
