"""Labels saved against random labelling, at equal accuracy: inside the measured range, and a bound beyond it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from querist.errors import NotReady
from querist.measure.curves import labels_to, monotone
from querist.measure.evidence import STRETCH, same_items
from querist.measure.shadow import Arm
from querist.types import Array, Json


@dataclass(frozen=True, slots=True)
class LabelsSaved:
    """Labels saved at equal accuracy, inside the measured range: random needed `random_labels` for `accuracy`.

    `low` and `high` hold with 95 %, `at_least` one-sided with 95 %. `reached` is False when no active model got to
    that accuracy: `active_labels` is then the largest size, and at least `-saved` labels are lost. `labels` is the
    size of the largest active model, `evaluation_labels` what the proof cost.
    """

    accuracy: float
    random_labels: int
    active_labels: float
    reached: bool
    low: float
    high: float
    at_least: float
    labels: int
    evaluation_labels: int

    @property
    def saved(self) -> float:
        """Labels saved by the strategy alone (gross); negative where labels are lost."""
        return self.random_labels - self.active_labels

    @property
    def net(self) -> float:
        """Labels saved with the cost of proving it; control labels train the active model too and cost nothing."""
        return self.saved - self.evaluation_labels

    @property
    def measurable(self) -> bool:
        """Whether the interval lies on one side of 0."""
        return self.low > 0 or self.high < 0

    def to_json(self) -> Json:
        """Return the fields, gross, net and `measurable`."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "saved": self.saved, "net": self.net, "measurable": self.measurable}


def labels_saved(active: Arm, random: Arm, *, draws: int = 200, seed: int = 0) -> LabelsSaved:
    """Return the labels saved against random at the largest size of the random arm.

    Both curves are made monotone; the interval is a bootstrap over the evaluation items, without refitting, both ends
    stretched around the estimate by 1.22.

    Args:
        active: archived active models, two or more.
        random: the random arm at two or more sizes; the same items in the same order.
        draws: resamples.
        seed: of the bootstrap.

    Raises:
        NotReady: an arm has one point only.

    >>> item = np.arange(200) / 200
    >>> active = Arm(np.array([20, 110, 600]), np.array([item < 0.7, item < 0.9, item < 0.95]))
    >>> random = Arm(np.array([20, 220]), np.array([item < 0.7, item < 0.9]))
    >>> found = labels_saved(active, random)
    >>> found.saved, found.at_least > 0, found.net
    (110.0, True, -90.0)
    """
    weights = _bootstrap_weights(active, random, draws, seed)
    equal = np.full((1, active.n), 1 / active.n)
    (estimate,), (reached,) = _needed(active, random, equal)
    needed, _ = _needed(active, random, weights)
    size = int(random.labels[-1])
    saved, drawn = size - estimate, size - needed
    low, least, high = (saved + STRETCH * (q - saved) for q in np.quantile(drawn, [0.025, 0.05, 0.975]))
    return LabelsSaved(
        accuracy=float(monotone(random.score)[-1]),
        random_labels=size,
        active_labels=float(estimate),
        reached=bool(reached),
        low=float(low),
        high=float(high),
        at_least=float(least),
        labels=int(active.labels[-1]),
        evaluation_labels=active.n,
    )


def extrapolated_saving(active: Arm, random: Arm, *, draws: int = 200, seed: int = 0) -> float | None:
    """Return "at least so many labels saved" at the full budget, or None where nothing positive can be said.

    Beyond the measured range only a bound exists: random's accuracy against the log of its labels, as a line through
    the sizes from a quarter of the largest on. Real curves bend below that line. Print it marked "extrapolated", never
    as an estimate.

    >>> item = np.arange(200) / 200
    >>> random = Arm(np.array([50, 100, 200]), np.array([item < 0.70, item < 0.75, item < 0.80]))
    >>> extrapolated_saving(Arm(np.array([50, 400]), np.array([item < 0.75, item < 0.98])), random) > 0
    True
    >>> extrapolated_saving(Arm(np.array([50, 400]), np.array([item < 0.70, item < 0.80])), random) is None
    True
    """
    weights = _bootstrap_weights(active, random, draws, seed)
    equal = np.full((1, active.n), 1 / active.n)
    estimate = float(_needed_on_line(active, random, equal)[0])
    drawn = float(np.quantile(_needed_on_line(active, random, weights), 0.05))
    least = estimate + STRETCH * (drawn - estimate) - float(active.labels[-1])
    return least if least > 0 else None


def _bootstrap_weights(active: Arm, random: Arm, draws: int, seed: int) -> Array:
    """Return (draws, n) shares of the items in bootstrap resamples."""
    same_items(active, random)
    if len(active.labels) < 2 or len(random.labels) < 2:
        raise NotReady("a saving needs at least two models in each arm")
    rng = np.random.default_rng(seed)
    return rng.multinomial(active.n, np.full(active.n, 1 / active.n), size=draws) / active.n


def _needed(active: Arm, random: Arm, weights: Array) -> tuple[Array, Array]:
    """Return, for each weighting of the items, the active labels for random's top accuracy, and if it was reached."""
    found = [
        labels_to(active.labels, curve, float(monotone(other)[-1]))
        for curve, other in zip(_finite(active.weighted(weights)), _finite(random.weighted(weights)), strict=True)
    ]
    reached = np.array([x is not None for x in found])
    return np.array([active.labels[-1] if x is None else x for x in found], dtype=float), reached


def _finite(scores: Array) -> Array:
    """A resample without an item of the class says nothing: its curve is the lowest score there is."""
    if np.isnan(scores).all():
        raise NotReady("no evaluation item counts in this metric yet")
    found: Array = np.where(np.isnan(scores), np.nanmin(scores), scores)
    return found


def _needed_on_line(active: Arm, random: Arm, weights: Array) -> Array:
    """Return the labels at which random's log-linear line meets the best active accuracy; 1e12 where it is flat."""
    late = random.labels >= random.labels[-1] / 4
    x = np.log(random.labels[late])
    if len(x) < 2:
        raise NotReady("a line needs two sizes of the random arm")
    y = _finite(random.weighted(weights))[:, late]
    slope = (y - y.mean(axis=1, keepdims=True)) @ (x - x.mean()) / np.sum((x - x.mean()) ** 2)
    best = np.array([monotone(curve)[-1] for curve in _finite(active.weighted(weights))])
    rise = best - y.mean(axis=1)
    steps = np.divide(rise, slope, out=np.where(rise > 0, np.inf, -np.inf), where=slope > 1e-9)
    needed: Array = np.exp(np.clip(x.mean() + steps, 0, math.log(1e12)))
    return needed
