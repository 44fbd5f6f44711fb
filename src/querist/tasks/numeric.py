"""A number on a scale with a range and a unit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.kinds import as_number
from querist.tasks import votes
from querist.tasks.classes import none_wanted
from querist.tasks.targets import Number
from querist.types import ITEM_KINDS, Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

TOLERANCE: Final = 0.05
"""Share of the range within which numbers count as the same, if nothing else is said."""

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "low": {"type": "number", "description": "The smallest number that can be."},
        "high": {"type": "number", "description": "The largest number that can be."},
        "unit": {"type": "string", "description": "Stands behind the number."},
        "step": {"type": "number", "minimum": 0, "description": "Numbers are multiples of it above low; 0: any."},
        "tolerance": {
            "type": "number",
            "minimum": 0,
            "description": "Numbers no farther apart are the same; 0: 5 % of the range.",
        },
    },
    "required": ["low", "high"],
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "settings": {"low": 0, "high": 80, "unit": "MPa"},
    "item": {"kind": "row", "value": {"fields": {"cement": 540, "water": 162, "age": 28}}},
    "value": 61.9,
}


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number for each item: a measurement, an estimate, a rating. Models are measured by their error.

    Args:
        classes: none.
        low: the smallest number that can be.
        high: the largest.
        unit: stands behind the number.
        step: numbers are multiples of it above `low`; 0 allows any.
        tolerance: numbers no farther apart count as the same; 0 takes 5 % of the range.

    Raises:
        BadValue: no range, or one that is empty; classes.

    >>> Numeric(low=0, high=80, unit="MPa").check("61.9")
    61.9
    """

    classes: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    step: float = 0.0
    tolerance: float = 0.0

    name: ClassVar[str] = "numeric"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "bayesian_ridge"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Which number?"
    items: ClassVar[frozenset[ItemKind]] = ITEM_KINDS
    has_classes: ClassVar[bool] = False
    reduce: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        none_wanted(self.classes, self.name)
        for setting in ("low", "high", "step", "tolerance"):
            number = as_number(getattr(self, setting))
            if number is None:
                raise BadValue(setting, getattr(self, setting), "must be a finite number")
            object.__setattr__(self, setting, number)
        if not self.low < self.high:
            raise BadValue("high", self.high, f"must be more than low = {self.low:g}: give the range of the numbers")
        if self.step < 0 or self.step > self.high - self.low:
            raise BadValue("step", self.step, "must be between 0 and the range")
        if self.tolerance < 0:
            raise BadValue("tolerance", self.tolerance, "must not be negative")

    @property
    def same(self) -> float:
        """How far apart two numbers may be that count as the same."""
        return self.tolerance or TOLERANCE * (self.high - self.low)

    @property
    def target(self) -> Number:
        """What a model learns: the number."""
        return Number(self.same, self.unit)

    def check(self, value: Any, content: Content | None = None) -> float:
        """Return the number.

        Raises:
            BadValue: not a finite number, outside of the range, or between two steps.

        >>> Numeric(low=0, high=10).check(12)
        Traceback (most recent call last):
        querist.errors.BadValue: label = 12.0: must be between 0 and 10
        """
        number = as_number(value)
        if number is None:
            raise BadValue("label", value, f"must be a number between {self.low:g} and {self.high:g}")
        if not self.low <= number <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise BadValue("label", number, f"must be between {self.low:g} and {self.high:g}{unit}")
        if self.step:
            steps = (number - self.low) / self.step
            if not math.isclose(steps, round(steps), abs_tol=1e-6):
                raise BadValue("label", number, f"must be a multiple of {self.step:g} above {self.low:g}")
        return number

    def read(self, cell: Any) -> float:
        """Return the number of a cell."""
        return self.check(cell)

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return nothing: numbers have no classes."""
        return []

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return nothing: numbers are counted by no class."""
        return ()

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value: it names no class."""
        return value

    def describe(self, value: Any) -> str:
        """Return the number with its unit."""
        return f"{value:g} {self.unit}".rstrip()

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the median, where more than half of the people are within the tolerance of it.

        >>> def answer(seq, value):
        ...     return Answer(seq, "item", f"p_{seq}", "answered", value)
        >>> task = Numeric(low=0, high=100)
        >>> task.merge([answer(1, 50.0), answer(2, 52.0), answer(3, 90.0)], opinions=3).value
        52.0
        """
        counted = votes.votes(answers, opinions=opinions)
        if isinstance(counted, Unsure):
            return counted
        numbers = [float(answer.value) for answer in counted]
        middle = median(numbers)
        near = sum(abs(number - middle) <= self.same for number in numbers)
        if 2 * near > len(numbers):
            return votes.resolved(self._on_step(middle), counted)
        reason = f"from {min(numbers):g} to {max(numbers):g}, and {self.same:g} apart is the same"
        return votes.undecided(reason, counted, opinions=opinions)

    def _on_step(self, number: float) -> float:
        """The median of an even number of answers may lie between two steps: take the one below."""
        if not self.step:
            return number
        return self.low + self.step * math.floor((number - self.low) / self.step + 1e-6)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the numbers (l,) float64."""
        return np.array([self.check(value) for value in values], dtype=np.float64)

    def decode(self, target: Array) -> list[Any]:
        """Return the numbers of (l,)."""
        return [float(number) for number in np.asarray(target)]

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `rmse`, `mae`, `r2` (where the targets differ) and `accuracy`, the share within the tolerance.

        Args:
            target: (l,) numbers.
            prediction: (l,) numbers, or (l, 2) means and deviations.

        Raises:
            BadValue: there is no row to measure on, or the lengths differ.
        """
        from querist.measure import scores

        target, prediction = np.asarray(target, dtype=float), np.asarray(prediction, dtype=float)
        prediction = prediction[:, 0] if prediction.ndim == 2 else prediction
        if len(target) == 0 or target.shape != prediction.shape:
            raise BadValue("prediction", prediction.shape, f"must be of the targets' shape {target.shape} (≥ 1 row)")
        found = {"rmse": scores.rmse(target, prediction), "mae": scores.mae(target, prediction)}
        if len(target) > 1 and np.ptp(target) > 0:
            found["r2"] = scores.r2(target, prediction)
        return {**found, "accuracy": float((np.abs(target - prediction) <= self.same).mean())}

    def disagreement(self, a: Any, b: Any) -> float:
        """Return how far apart two numbers are, as a share of the range."""
        return abs(float(a) - float(b)) / (self.high - self.low)
