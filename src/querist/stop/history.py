"""What a project has been through, as stopping rules see it: models, their predictions, what was spent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import numpy as np

from querist.errors import BadValue
from querist.types import Array, Json

LEAST_SCATTER: Final = 0.5
"""Floor on the scatter of item-wise gains, divided by the root of n: a few items that agree are not certainty."""


class Bounds(Protocol):
    """An interval that holds at every look (`measure.intervals.anytime` or `planned`)."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def n(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Round:
    """What one model left behind.

    Args of the constructor:
        labelled: training labels of the model.
        predictions: (r,) its classes on the unlabelled reserve.
        correct: (n,) whether it is right on each evaluation item labelled so far; old models are scored on new items.
        reserve_items: (r,) ids of the reserve items; None when every round has the same, in the same order.
        evaluation_items: (n,) ids of the evaluation items, likewise.
        entropy: mean entropy of its probabilities on the reserve, as a share of the largest possible.
        posterior_shift: KL divergence from the posterior of the round before, where the model has one.
    """

    labelled: int
    predictions: Array
    correct: Array
    reserve_items: Array | None = None
    evaluation_items: Array | None = None
    entropy: float | None = None
    posterior_shift: float | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Everything that a rule may look at.

    Args of the constructor:
        rounds: one for each trained model, oldest first.
        labels: labels that people have given, in all lanes; imported ones are not counted.
        money: what they cost, in the project's currency.
        hours: active time spent.
        promises: by metric, an interval of the present model that holds at every look.
        price: what the next label costs, in the unit of `value_per_point`.
        currency: of `money`, for sentences.
    """

    rounds: tuple[Round, ...]
    labels: int = 0
    money: float = 0.0
    hours: float = 0.0
    promises: Mapping[str, Bounds] = field(default_factory=dict)
    price: float = 0.0
    currency: str = "money"

    def before_last(self) -> History:
        """Return the history as it was one round earlier; sums and promises stay."""
        return replace(self, rounds=self.rounds[:-1])

    @property
    def labelled(self) -> int:
        """Training labels of the last model; 0 before the first."""
        return self.rounds[-1].labelled if self.rounds else 0

    @property
    def one_class(self) -> bool:
        """Whether the last model predicts one class only: it never changes its mind, and has settled nothing."""
        return bool(self.rounds) and len(np.unique(self.rounds[-1].predictions)) < 2

    def agreements(self, window: int) -> list[float]:
        """Return Cohen's kappa of neighbouring models on the reserve, for the last `window` pairs."""
        return [kappa(*_on_reserve(a, b)) for a, b in self._neighbours(window)]

    def changes(self, window: int) -> list[float]:
        """Return the share of reserve predictions that changed between neighbouring models, for the last pairs."""
        return [_changed(a, b) for a, b in self._neighbours(window)]

    def f1_changes(self, window: int) -> list[float]:
        """Return 1 − macro-F1 of each model against the one before, on the reserve, for the last pairs."""
        return [1 - macro_overlap(*_on_reserve(a, b)) for a, b in self._neighbours(window)]

    def _neighbours(self, window: int) -> list[tuple[Round, Round]]:
        return list(itertools.pairwise(self.rounds))[-window:]


def kappa(a: Array, b: Array) -> float:
    """Return Cohen's kappa of two models' classes; 1 where both know one and the same class only.

    >>> flipped = np.tile([0, 1], 500); flipped[:5] = 1 - flipped[:5]
    >>> round(kappa(np.tile([0, 1], 500), flipped), 3)
    0.99
    """
    observed = float(np.mean(a == b))
    by_chance = float(sum(np.mean(a == k) * np.mean(b == k) for k in np.union1d(a, b)))
    return 1.0 if by_chance >= 1 else (observed - by_chance) / (1 - by_chance)


def macro_overlap(a: Array, b: Array) -> float:
    """Return the mean over classes of 2 · both / (in a + in b): macro-F1 of one model's classes against another's.

    >>> round(macro_overlap(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])), 3)
    0.733
    """
    each = [2 * np.sum((a == k) & (b == k)) / (np.sum(a == k) + np.sum(b == k)) for k in np.union1d(a, b)]
    return float(np.mean(each)) if each else 0.0


@dataclass(frozen=True, slots=True)
class Doubling:
    """What the labels since half as many gained, on the evaluation items.

    `low` and `high` are the 95 % interval of `gain`; `upper` is its one-sided bound or `changed`, whichever is
    smaller. `gain` is None, and `changed` the only bound, while fewer than two evaluation items are labelled.
    """

    labelled: int
    half: int
    gain: float | None
    low: float
    high: float
    upper: float
    changed: float
    n: int

    def to_json(self) -> Json:
        """Return the fields."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def last_doubling(history: History, *, level: float = 0.99, window: int = 3) -> Doubling | None:
    """Return the gain since half the labels; None while no models were trained around half as many.

    The gain is the mean over evaluation items of how much more often the last models were right than those around
    half the labels. It cannot exceed the share of reserve predictions that changed since.

    Args:
        history: of the project.
        level: of the one-sided bound.
        window: models averaged at either end.
    """
    from scipy.special import ndtri

    rounds = history.rounds
    if len(rounds) < 2 * window:
        return None
    middle = history.labelled / 2
    half = min(range(len(rounds)), key=lambda i: abs(rounds[i].labelled - middle))
    if abs(rounds[half].labelled - middle) > 0.15 * history.labelled:
        return None  # the project began with more labels than that
    first = min(max(half - window // 2, 0), len(rounds) - 2 * window)
    changed = _changed(rounds[half], rounds[-1])
    d = _gains(rounds[first : first + window], rounds[-window:])
    n = len(d)
    if n < 2:
        return Doubling(history.labelled, rounds[half].labelled, None, -changed, changed, changed, changed, n)
    gain = float(d.mean())
    error = max(float(d.std(ddof=1)), LEAST_SCATTER / math.sqrt(n)) / math.sqrt(n)
    wide = float(ndtri(0.975)) * error
    upper = min(gain + float(ndtri(level)) * error, changed)
    return Doubling(history.labelled, rounds[half].labelled, gain, gain - wide, gain + wide, upper, changed, n)


def _on_reserve(a: Round, b: Round) -> tuple[Array, Array]:
    """Return the predictions of two models on the reserve items that both predicted, in one order."""
    one, other = np.asarray(a.predictions), np.asarray(b.predictions)
    if a.reserve_items is None or b.reserve_items is None:
        _same_length([one, other])
        return one, other
    _, in_one, in_other = np.intersect1d(a.reserve_items, b.reserve_items, assume_unique=True, return_indices=True)
    return one[in_one], other[in_other]


def _changed(a: Round, b: Round) -> float:
    before, after = _on_reserve(a, b)
    return float(np.mean(before != after)) if len(before) else 1.0


def _gains(early: Sequence[Round], late: Sequence[Round]) -> Array:
    """Return, for each evaluation item that all of them were scored on, mean correctness late minus early."""
    rounds = (*early, *late)
    correct = [np.asarray(r.correct, dtype=float) for r in rounds]
    items = [r.evaluation_items for r in rounds if r.evaluation_items is not None]
    if len(items) < len(rounds):
        _same_length(correct)
    else:
        shared = items[0]
        for others in items[1:]:
            shared = np.intersect1d(shared, others, assume_unique=True)
        orders = [np.argsort(own) for own in items]
        correct = [
            values[order][np.searchsorted(own[order], shared)]
            for values, own, order in zip(correct, items, orders, strict=True)
        ]
    gains: Array = np.mean(correct[len(early) :], axis=0) - np.mean(correct[: len(early)], axis=0)
    return gains


def _same_length(arrays: Sequence[Array]) -> None:
    if len({len(a) for a in arrays}) > 1:
        raise BadValue("rounds", [len(a) for a in arrays], "rounds of different length need the ids of their items")
