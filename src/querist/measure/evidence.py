"""Better than random? The difference between the active models and the random arm on the same items, and both curves.

Both arms come as `shadow.Arm`: the archived active models, and the cross-fitted shadow models, scored on the same
evaluation items. Everything here was simulated before it was allowed on a screen; the rates are in `docs/evidence.md`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from querist.errors import BadValue, NotReady
from querist.measure.intervals import accuracy, normal_quantile
from querist.measure.shadow import Arm
from querist.types import Array, Json

STRETCH: Final = math.sqrt(1.5)
"""Factor on half-widths for the luck of the random training sets, which the evaluation items cannot see."""
COMPARISON_LOOKS: Final = (180, 280, 580)
"""Random labels at which "better" may be claimed; then at each doubling. The claim spends a third of 5 % at each."""
FEWEST_DIFFERING: Final = 10
"""Evaluation items on which the arms must differ before anything but "not decided" is said."""

Finding = Literal["better", "worse", "undecided"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Accuracy of the active model minus that of random labelling, both with `labels` training labels.

    `low` and `high` are the one-look interval for the screen; `finding` is stricter (a third of 5 % one-sided, for
    three planned looks). `error` is the standard error, stretched. `differing` counts the evaluation items on which
    the arms differ.
    """

    labels: int
    active_labels: int
    value: float
    low: float
    high: float
    n: int
    differing: int
    error: float
    finding: Finding

    @property
    def smallest_visible(self) -> float:
        """The smallest difference that so many evaluation items could show: the half-width of the interval."""
        return (self.high - self.low) / 2

    @property
    def best_case(self) -> float:
        """The one-sided 90 % upper bound."""
        return self.value + normal_quantile(0.9) * self.error

    def to_json(self) -> Json:
        """Return the fields and the smallest visible difference."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**fields, "smallest_visible": self.smallest_visible}


def comparison_look(random_labels: int) -> int:
    """Return the last planned look that so many random labels have passed; 0 before the first.

    The engine computes a comparison when this number grows, and shows it until it grows again.

    >>> [comparison_look(n) for n in (179, 180, 579, 1160, 2400)]
    [0, 180, 280, 1160, 2320]
    """
    passed = [look for look in COMPARISON_LOOKS if look <= random_labels]
    look = passed[-1] if passed else 0
    while look >= COMPARISON_LOOKS[-1] and look * 2 <= random_labels:
        look *= 2
    return look


def difference(active: Arm, random: Arm, *, at: int | None = None, level: float = 0.95) -> Difference:
    """Compare the arms at equal numbers of labels: the paired difference, its interval stretched by 1.22.

    The active model is the archived one with the most labels, `at` at most, so a tie in size never favours it. The arms
    may be of any metric (`measure.metrics`); of a ratio or a root the scatter is that of its linearisation.

    Args:
        active: archived active models.
        random: the random arm; the same evaluation items in the same order.
        at: a size of the random arm; by default its largest.
        level: of the interval on the screen.

    Raises:
        NotReady: the first active model had more labels than `at`.
        BadValue: the arms were scored on different items, or the random arm has no such size.

    >>> right = np.repeat([[1.0], [0.0]], [170, 30], axis=0).T
    >>> worse = np.repeat([[1.0], [0.0]], [140, 60], axis=0).T
    >>> found = difference(Arm(np.array([220]), right), Arm(np.array([222]), worse))
    >>> found.finding, round(found.value, 2), round(found.low, 2), round(found.high, 2), found.differing
    ('better', 0.15, 0.09, 0.21, 30)
    """
    same_items(active, random)
    size = int(random.labels[-1]) if at is None else at
    places = np.flatnonzero(random.labels == size)
    if len(places) == 0:
        raise BadValue("at", size, f"the random arm was measured at {random.labels.tolist()}")
    place = active.up_to(size)
    other = int(places[0])
    value = float(active.score[place] - random.score[other])
    if not math.isfinite(value):
        raise NotReady("no evaluation item counts in this metric yet")
    d, n = active.influence(place) - random.influence(other), active.n
    # The floor keeps a handful of agreeing items from looking like certainty.
    spread = max(float(d.std(ddof=1)) if n > 1 else 1.0, _floor(active, random, place, other))
    error = STRETCH * spread / math.sqrt(n)
    differing = _differing(active, random, place, other)
    half, claim = normal_quantile((1 + level) / 2) * error, normal_quantile(1 - 0.05 / 3) * error
    finding: Finding = "undecided"
    if differing >= FEWEST_DIFFERING and abs(value) > claim:
        finding = "better" if value > 0 else "worse"
    return Difference(size, int(active.labels[place]), value, value - half, value + half, n, differing, error, finding)


def _floor(active: Arm, random: Arm, place: int, other: int) -> float:
    """Half an item's worth of scatter, in the unit of the metric; squared errors have none, and are never all equal."""
    if active.squared:
        return 0.0
    counted = [1.0 if arm.of is None else float(arm.of[i].mean()) for arm, i in ((active, place), (random, other))]
    return 0.5 / math.sqrt(active.n) / min(counted)


def _differing(active: Arm, random: Arm, place: int, other: int) -> int:
    """Items on which the arms differ in what the metric counts."""
    apart = active.right[place] != random.right[other]
    if active.of is not None and random.of is not None:
        apart |= active.of[place] != random.of[other]
    return int(np.count_nonzero(apart))


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve with its band; (p,) each."""

    labels: Array
    value: Array
    low: Array
    high: Array

    def to_json(self) -> list[Json]:
        """Return one record a point."""
        columns = (self.labels, self.value, self.low, self.high)
        names = ("labels", "value", "low", "high")
        return [dict(zip(names, point, strict=True)) for point in zip(*(c.tolist() for c in columns), strict=True)]


def active_curve(
    active: Arm, *, certainty: Array | None = None, reserve_certainty: Array | None = None, level: float = 0.95
) -> Curve:
    """Return accuracy of the archived active models with one-look intervals, each model by itself.

    Args:
        active: (p models, n items).
        certainty: (p, n) top probabilities of the same models on the same items; narrows the band (PPI++).
        reserve_certainty: (p, N) top probabilities on the unlabelled reserve.
        level: of the band.

    >>> active_curve(Arm(np.array([20]), np.array([[1, 1, 1, 0.0]]))).to_json()
    [{'labels': 20, 'value': 0.75, 'low': 0.300..., 'high': 0.954...}]
    """
    nothing = [None] * len(active.labels)
    sure = nothing if certainty is None else certainty
    reserve = nothing if reserve_certainty is None else reserve_certainty
    points = [
        accuracy(right, certainty=own, reserve_certainty=rest, level=level)
        for right, own, rest in zip(active.right, sure, reserve, strict=True)
    ]
    value, low, high = (np.array([getattr(p, end) for p in points]) for end in ("value", "low", "high"))
    return Curve(active.labels, value, low, high)


def random_curve(random: Arm, *, level: float = 0.95) -> Curve:
    """Return expected accuracy of random labelling, its band stretched by 1.22 for the luck of the training sets.

    >>> point = random_curve(Arm(np.array([20]), np.array([[1, 1, 1, 0.0]]))).to_json()[0]
    >>> round(point["low"], 2), point["high"]
    (0.2, 1.0)
    """
    plain = active_curve(random, level=level)
    low = np.clip(plain.value + STRETCH * (plain.low - plain.value), 0, 1)
    high = np.clip(plain.value + STRETCH * (plain.high - plain.value), 0, 1)
    return Curve(plain.labels, plain.value, low, high)


def same_items(active: Arm, random: Arm) -> None:
    """Raise BadValue unless both arms were scored on equally many evaluation items."""
    if active.n != random.n:
        raise BadValue("random", random.n, f"must be scored on the {active.n} evaluation items of the active arm")
    if active.squared != random.squared or (active.of is None) != (random.of is None):
        raise BadValue("random", "another metric", "must be measured in the metric of the active arm")
