"""One strategy against another over seeds: paired differences with a t interval, labels saved, Holm's correction.

Strategies of one bench share splits, initial sets and model seeds, so that each seed is a pair; most of the scatter of
a learning curve is common to both and falls out of the difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.measure.curves import Saving, labels_saved
from querist.types import Array, Json


@dataclass(frozen=True, slots=True)
class Comparison:
    """The mean paired difference `strategy` − `baseline` of a metric over `n` seeds, with its t interval.

    `p_value` is two-sided. `excludes_zero` is what "better" or "worse" may be said on.
    """

    strategy: str
    baseline: str
    metric: str
    difference: float
    low: float
    high: float
    n: int
    p_value: float
    wins: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies wholly on one side of 0."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> Json:
        """Return the record that `summary.json` lists under `comparisons`."""
        return {
            "strategy": self.strategy,
            "baseline": self.baseline,
            "metric": self.metric,
            "difference": self.difference,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "p_value": self.p_value,
            "wins": self.wins,
        }


def paired(
    strategy_values: Array,
    baseline_values: Array,
    *,
    strategy: str,
    baseline: str = "random",
    metric: str = "area",
    level: float = 0.95,
) -> Comparison:
    """Compare two strategies seed by seed.

    Args:
        strategy_values: (seeds,) one figure a seed, higher is better.
        baseline_values: (seeds,) the same seeds in the same order.
        strategy: name.
        baseline: name.
        metric: what the figures are.
        level: of the interval.

    Raises:
        BadValue: fewer than two seeds, unequal lengths, or a figure that is not finite.

    Student, Biometrika 1908.

    >>> found = paired(np.array([0.91, 0.93, 0.92]), np.array([0.88, 0.91, 0.89]), strategy="margin")
    >>> round(found.difference, 3), round(found.low, 3), round(found.high, 3), found.wins
    (0.027, 0.012, 0.041, 3)
    """
    from scipy.special import stdtr, stdtrit

    a, b = np.asarray(strategy_values, dtype=float), np.asarray(baseline_values, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 2:
        raise BadValue("baseline_values", b.shape, f"must have the shape of strategy_values, {a.shape}, two seeds up")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise BadValue("strategy_values", "not finite", "leave out seeds that failed, in both arms, and say so")
    d = a - b
    n, mean = len(d), float(d.mean())
    error = float(d.std(ddof=1)) / math.sqrt(n)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    p_value = float(mean == 0) if error == 0 else float(2 * stdtr(n - 1, -abs(mean) / error))
    return Comparison(strategy, baseline, metric, mean, mean - half, mean + half, n, p_value, int((d > 0).sum()))


def wilcoxon(strategy_values: Array, baseline_values: Array) -> float:
    """Return the two-sided p-value of Wilcoxon's signed ranks: what `paired` tests, without trusting to normal errors.

    From fewer than six pairs it can never fall below 0.05.

    Args:
        strategy_values: (seeds,) one figure a seed.
        baseline_values: (seeds,) the same seeds in the same order.

    Wilcoxon, Biometrics Bulletin 1945; exact up to 50 pairs without ties, by scipy.

    >>> wilcoxon(np.array([0.7, 0.8, 0.9, 0.6, 0.75, 0.95]), np.full(6, 0.5))
    0.03125
    """
    from scipy import stats

    d = np.asarray(strategy_values, dtype=float) - np.asarray(baseline_values, dtype=float)
    d = np.round(d, 12)  # ties that only rounding keeps apart
    return 1.0 if not d.any() else float(stats.wilcoxon(d).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, so that 0.05 holds for all claims together.

    Holm, Scandinavian Journal of Statistics 1979.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for place, i in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - place) * p_values[i]))
        adjusted[i] = largest
    return adjusted


@dataclass(frozen=True, slots=True)
class SavingOverSeeds:
    """Labels saved by the mean curves, with a percentile interval over resampled seeds.

    `reached` is the share of resamples in which the strategy got to random's accuracy at all; where it did not, its
    largest size counts, so `low` may then be too kind and is to be read as "at least so many lost".
    """

    saving: Saving
    low: float
    high: float
    factor_low: float
    factor_high: float
    seeds: int
    reached: float

    def to_json(self) -> Json:
        """Return the saving's fields with the intervals beside them."""
        return {
            **self.saving.to_json(),
            "low": self.low,
            "high": self.high,
            "factor_low": self.factor_low,
            "factor_high": self.factor_high,
            "seeds": self.seeds,
            "reached_share": self.reached,
        }


def saving_over_seeds(
    labels: Array,
    active: Array,
    random: Array,
    *,
    at: float | None = None,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
    random_labels: Array | None = None,
) -> SavingOverSeeds:
    """Return labels saved against random in a bench, seeds resampled in pairs.

    Args:
        labels: (p,) sizes at which both arms were measured.
        active: (seeds, p) scores of the strategy.
        random: (seeds, p) scores of random, same seeds.
        at: the score to compare at; by default what random's mean curve reaches at the end. A resample in which
            random falls short of it is compared at what random reaches there.
        level: of the intervals.
        draws: resamples.
        seed: of the resampling.
        random_labels: (p,) what random's points cost, where that is not `labels` (a price for each item, say).

    >>> labels = np.array([20, 40, 60, 80])
    >>> random = np.array([[0.5, 0.6, 0.7, 0.8]] * 3) + np.array([[0.0], [0.01], [0.02]])
    >>> found = saving_over_seeds(labels, random + 0.1, random)
    >>> round(found.saving.saved), round(found.low), round(found.high)
    (20, 20, 20)
    """
    a, r = np.asarray(active, dtype=float), np.asarray(random, dtype=float)
    if a.ndim != 2 or a.shape != r.shape or a.shape[1] != len(labels):
        raise BadValue("active", a.shape, f"must be (seeds, {len(labels)}), as random {r.shape}")
    rng = np.random.default_rng(seed)
    theirs = labels if random_labels is None else random_labels
    point = labels_saved(labels, a.mean(axis=0), theirs, r.mean(axis=0), at=at)
    found = [_resampled(labels, a[rows], theirs, r[rows], at) for rows in rng.integers(0, len(a), (draws, len(a)))]
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile([s.saved for s in found], tails)
    factor_low, factor_high = np.quantile([s.factor for s in found], tails)
    return SavingOverSeeds(
        point,
        float(low),
        float(high),
        float(factor_low),
        float(factor_high),
        len(a),
        float(np.mean([s.reached for s in found])),
    )


def _resampled(labels: Array, active: Array, random_labels: Array, random: Array, at: float | None) -> Saving:
    mean = random.mean(axis=0)
    reachable = None if at is None or mean.max() < at else at
    return labels_saved(labels, active.mean(axis=0), random_labels, mean, at=reachable)
