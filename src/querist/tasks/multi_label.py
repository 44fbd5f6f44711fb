"""Any of the declared classes, none included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.tasks import votes
from querist.tasks.classes import as_text, declared, from_json_text, the_class
from querist.tasks.targets import LabelSet, jaccard, label_macro_f1, label_micro_f1
from querist.types import ITEM_KINDS, Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

SEPARATORS: Final = ("|", ";", ",")

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "at_least": {"type": "integer", "minimum": 0, "description": "Labels that an item must have."},
        "at_most": {"type": "integer", "minimum": 0, "description": "Labels that an item may have; 0: all."},
    },
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["refund", "delivery", "app"],
    "item": {"kind": "text", "value": {"text": "The app says delivered. Where is my parcel?"}},
    "value": ["delivery", "app"],
}


@dataclass(frozen=True, slots=True)
class MultiLabel:
    """Any number of classes for each item; use it where classes do not exclude each other.

    A value is the list of names in the order of the classes; an empty list says that none applies.

    Args:
        classes: at least one name, no two alike.
        at_least: labels that an item must have.
        at_most: labels that an item may have; 0 means all.

    Raises:
        BadValue: no class, a name twice, or bounds that contradict each other.

    >>> MultiLabel(("refund", "delivery", "app")).check(["app", "refund"])
    ['refund', 'app']
    """

    classes: tuple[str, ...]
    at_least: int = 0
    at_most: int = 0
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "multi_label"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "logistic_regression"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Which of these apply?"
    items: ClassVar[frozenset[ItemKind]] = ITEM_KINDS
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "mean"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", declared(self.classes))
        if self.at_least < 0 or self.at_least > len(self.classes):
            raise BadValue("at_least", self.at_least, f"must be between 0 and the {len(self.classes)} classes")
        if self.at_most < 0 or 0 < self.at_most < self.at_least:
            raise BadValue("at_most", self.at_most, f"must be 0 (all) or at least at_least = {self.at_least}")

    @property
    def target(self) -> LabelSet:
        """What a model learns: the set of labels."""
        return LabelSet(self.classes)

    def check(self, value: Any, content: Content | None = None) -> list[str]:
        """Return the labels in the order of the classes.

        Raises:
            BadValue: not a list, a name that is no class, a name twice, too few or too many.

        >>> MultiLabel(("a", "b"), at_least=1).check([])
        Traceback (most recent call last):
        querist.errors.BadValue: label = []: needs at least 1 of: a, b
        """
        if not isinstance(value, list | tuple | set | frozenset | np.ndarray):
            raise BadValue("label", value, "must be a list of class names", choices=self.classes)
        named = [the_class(entry, self.classes) for entry in value]
        if len(set(named)) < len(named):
            raise BadValue("label", named, "names a class twice")
        if len(named) < self.at_least:
            raise BadValue("label", named, f"needs at least {self.at_least} of: {', '.join(self.classes)}")
        if self.at_most and len(named) > self.at_most:
            raise BadValue("label", named, f"may name at most {self.at_most} classes")
        return sorted(named, key=self._numbers.__getitem__)

    def read(self, cell: Any) -> list[str]:
        """Return the labels of a cell: a list, JSON, or names with | ; or , between them.

        >>> MultiLabel(("a", "b", "c")).read("c|a")
        ['a', 'c']
        """
        return self.check(_listed(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [as_text(entry) for entry in _listed(cell)]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that a value counts for."""
        return tuple(value)

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value under the class names now in force; of merged classes one stays."""
        if not names or not isinstance(value, list):
            return value
        found = dict.fromkeys(names.get(entry, entry) for entry in value)
        return sorted(found, key=lambda entry: self._numbers.get(entry, len(self._numbers)))

    def describe(self, value: Any) -> str:
        """Return the value in words."""
        return ", ".join(value) or "none of them"

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the labels that more than half of the people gave, each judged for itself.

        >>> def answer(seq, value):
        ...     return Answer(seq, "item", f"p_{seq}", "answered", value)
        >>> three = [answer(1, ["a"]), answer(2, ["a", "b"]), answer(3, ["b"])]
        >>> MultiLabel(("a", "b")).merge(three, opinions=3).value
        ['a', 'b']
        """
        return votes.by_element(
            answers,
            opinions=opinions,
            elements=tuple,
            build=lambda parts: sorted(parts, key=lambda part: self._numbers.get(part, len(self._numbers))),
        )

    def encode(self, values: Sequence[Any]) -> Array:
        """Return (l, k) int8: 1 where the label is on the item."""
        target = np.zeros((len(values), len(self.classes)), dtype=np.int8)
        for row, value in enumerate(values):
            target[row, [self._numbers[name] for name in self.check(value)]] = 1
        return target

    def decode(self, target: Array) -> list[Any]:
        """Return the labels of each row of (l, k)."""
        return [[self.classes[k] for k in np.flatnonzero(row)] for row in np.asarray(target)]

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `accuracy` (whole sets right), `macro_f1`, `micro_f1`, `jaccard` and the Hamming loss.

        Args:
            target: (l, k) of 0 and 1.
            prediction: (l, k) of 0 and 1, or probabilities of each label.

        Raises:
            BadValue: there is no row to measure on, or the shapes differ.
        """
        target, prediction = np.asarray(target), np.asarray(prediction)
        if len(target) == 0 or target.shape != prediction.shape:
            raise BadValue("prediction", prediction.shape, f"must be of the targets' shape {target.shape} (≥ 1 row)")
        predicted = self.target.predicted(prediction)
        return {
            "accuracy": float((predicted == target).all(axis=1).mean()),
            "macro_f1": label_macro_f1(target, predicted),
            "micro_f1": label_micro_f1(target, predicted),
            "jaccard": jaccard(target, predicted),
            "hamming_loss": float((predicted != target).mean()),
        }

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − what both sets hold / what either holds: 0 for equal sets, 1 for sets with nothing in common."""
        one, other = set(a), set(b)
        return 1 - len(one & other) / len(one | other) if one | other else 0.0


def _listed(cell: Any) -> list[Any]:
    value = from_json_text(cell)
    if isinstance(value, list | tuple | np.ndarray):
        return list(value)
    text = as_text(value)
    separator = next((mark for mark in SEPARATORS if mark in text), None)
    return [part.strip() for part in text.split(separator) if part.strip()] if separator else [text]
