"""Exactly one of the declared classes: the pattern for every other kind of label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.tasks import votes
from querist.tasks.classes import as_text, declared, the_class
from querist.tasks.targets import OneClass
from querist.types import ITEM_KINDS, Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["positive", "negative"],
    "item": {"kind": "text", "value": {"text": "Arrived late, but works perfectly."}},
    "value": "positive",
}


@dataclass(frozen=True, slots=True)
class SingleLabel:
    """One of several classes for each item; use it whenever the classes exclude each other.

    Args:
        classes: at least one name, no two alike; their order is the order of their numbers and of the keys on screen.

    Raises:
        BadValue: no class, an empty name, or a name twice.

    >>> task = SingleLabel(("ham", "spam"))
    >>> task.encode(["spam", "ham"])
    array([1, 0])
    """

    classes: tuple[str, ...]
    _numbers: dict[str, int] = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "single_label"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "logistic_regression"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Which class is this?"
    items: ClassVar[frozenset[ItemKind]] = ITEM_KINDS
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = None
    """The reducer that turns scores of parts into a score of the item: none, an item has no parts here."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_numbers", declared(self.classes))

    @property
    def target(self) -> OneClass:
        """What a model learns: the class."""
        return OneClass(self.classes)

    def check(self, value: Any, content: Content | None = None) -> str:
        """Return the class that a value names; numbers name the class that is written like them.

        Raises:
            BadValue: the value is none of the classes; names the nearest and all choices.

        >>> SingleLabel(("0", "1")).check(1)
        '1'
        >>> SingleLabel(("ham", "spam")).check("spma")
        Traceback (most recent call last):
        querist.errors.BadValue: label = 'spma': is not a declared class; did you mean 'spam'? have: ham, spam
        """
        text = as_text(value)
        return text if text in self._numbers else the_class(value, self.classes)

    def read(self, cell: Any) -> str:
        """Return the class that a cell of a file names."""
        return self.check(cell)

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [as_text(cell)]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that a value counts for."""
        return (value,)

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value under the class names now in force."""
        return names.get(value, value)

    def describe(self, value: Any) -> str:
        """Return the value in words."""
        return str(value)

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return what the live answers to one item amount to: more than half of the people must agree.

        One person has one vote: the latest. Without a majority one further opinion is wanted, and when that does not
        settle it either, the item is disputed. Skips are no votes.

        Args:
            answers: the answers in force, in any order.
            opinions: how many people the project asks for each item.

        >>> def answer(seq, value):
        ...     return Answer(seq, "item", f"p_{seq}", "answered", value)
        >>> task = SingleLabel(("ham", "spam"))
        >>> task.merge([answer(1, "ham"), answer(2, "spam")], opinions=2)
        Unsure(reason='no majority: 1 × ham, 1 × spam')
        >>> task.merge([answer(1, "ham"), answer(2, "spam"), answer(3, "spam")], opinions=2).value
        'spam'
        """
        return votes.majority(answers, opinions=opinions)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the class numbers (l,) int64 of canonical values; BadValue names the first unknown one."""
        numbers = self._numbers
        known = (numbers[value if type(value) is str and value in numbers else self.check(value)] for value in values)
        return np.fromiter(known, dtype=np.int64, count=len(values))

    def decode(self, target: Array) -> list[Any]:
        """Return the classes of class numbers (l,).

        >>> SingleLabel(("ham", "spam")).decode(np.array([1, 1, 0]))
        ['spam', 'spam', 'ham']
        """
        return [self.classes[number] for number in np.asarray(target).tolist()]

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return the figures of merit; look at macro-F1 and the recalls where a class is rare.

        Args:
            target: (l,) class numbers.
            prediction: (l,) class numbers, or (l, c) probabilities, which add `log_loss`.

        Returns:
            `accuracy`; `macro_f1` over the classes that occur in either; `recall/<class>` of each class that occurs.

        Raises:
            BadValue: there is no row to measure on, or the lengths differ.

        >>> SingleLabel(("ham", "spam")).measure(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))["recall/spam"]
        0.0
        """
        target, prediction = np.asarray(target), np.asarray(prediction)
        if len(target) == 0 or len(target) != len(prediction):
            raise BadValue("prediction", prediction.shape, f"needs one row for each of the {len(target)} targets (≥ 1)")
        figures: dict[str, float] = {}
        if prediction.ndim == 2:
            likelihood = prediction[np.arange(len(target)), target]
            tiny = np.finfo(np.float64).tiny
            figures["log_loss"] = float(-np.log(np.maximum(likelihood, tiny)).mean())
            prediction = prediction.argmax(axis=1)
        table = np.zeros((len(self.classes), len(self.classes)), dtype=np.int64)
        np.add.at(table, (target, prediction), 1)
        hits, actual, predicted = np.diag(table), table.sum(axis=1), table.sum(axis=0)
        figures["accuracy"] = float(hits.sum() / len(target))
        occurs = (actual + predicted) > 0
        figures["macro_f1"] = float(np.mean(2 * hits[occurs] / (actual + predicted)[occurs]))
        for number in np.flatnonzero(actual).tolist():
            figures[f"recall/{self.classes[number]}"] = float(hits[number] / actual[number])
        return figures

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 0 where two values are the same class, else 1."""
        return 0.0 if a == b else 1.0
