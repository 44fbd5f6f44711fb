"""Which of two is better?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.tasks import votes
from querist.tasks.classes import as_text, none_wanted
from querist.tasks.targets import OneClass
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

FIRST, SECOND, TIE, BAD = "first", "second", "tie", "bad"

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "tie": {"type": "boolean", "description": "Whether people may say that both are equally good."},
        "bad": {"type": "boolean", "description": "Whether people may say that both are bad."},
    },
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "item": {
        "kind": "pair",
        "value": {
            "first": {"kind": "text", "value": {"text": "Tap Cards, then Activate."}},
            "second": {"kind": "text", "value": {"text": "Thank you for reaching out!"}},
        },
    },
    "value": FIRST,
}

_WORDS: Final = {FIRST: "the first is better", SECOND: "the second is better", TIE: "equally good", BAD: "both are bad"}


@dataclass(frozen=True, slots=True)
class Pairwise:
    """One of two, or neither: for preferences, where people compare better than they grade.

    A value is `first`, `second`, `tie` or `bad`, in the order of the item; on screen the two may be swapped. A model
    learns from differences (Bradley & Terry, Biometrika 1952); ties and "both bad" have no direction to learn from.

    Args:
        classes: none.
        tie: whether people may say that both are equally good.
        bad: whether they may say that both are bad.

    >>> Pairwise().check("tie"), Pairwise().encode(["second", "first", "tie"])
    ('tie', array([ 1,  0, -1]))
    """

    classes: tuple[str, ...] = ()
    tie: bool = True
    bad: bool = True

    name: ClassVar[str] = "pairwise"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "bradley_terry"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Which is better?"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"pair"})
    has_classes: ClassVar[bool] = False
    reduce: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        none_wanted(self.classes, self.name)

    @property
    def target(self) -> OneClass:
        """What a model learns: which of the two wins."""
        return OneClass((FIRST, SECOND))

    @property
    def values(self) -> tuple[str, ...]:
        """What people may say."""
        return (FIRST, SECOND, *((TIE,) if self.tie else ()), *((BAD,) if self.bad else ()))

    def check(self, value: Any, content: Content | None = None) -> str:
        """Return the value.

        Raises:
            BadValue: not one of `values`, or the item is no pair.
        """
        if content is not None and content.kind != "pair":
            raise BadValue("item", content.kind, "is no pair: a pairwise project needs two columns to compare")
        if value not in self.values:
            raise BadValue("label", value, f"have: {', '.join(self.values)}", choices=self.values)
        return str(value)

    def read(self, cell: Any) -> str:
        """Return the value of a cell; 0 and 1 name the first and the second."""
        text = as_text(cell).strip().lower()
        return self.check({"0": FIRST, "1": SECOND}.get(text, text))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return nothing: what people may say is fixed."""
        return []

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return what the value is counted under."""
        return (value,)

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value: it names no class."""
        return value

    def describe(self, value: Any) -> str:
        """Return the value in words."""
        return _WORDS[value]

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return what more than half of the people said."""
        return votes.majority(answers, opinions=opinions)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return (l,) int64: 0 the first, 1 the second, −1 where there is no winner."""
        numbers = {FIRST: 0, SECOND: 1}
        return np.array([numbers.get(self.check(value), -1) for value in values], dtype=np.int64)

    def decode(self, target: Array) -> list[Any]:
        """Return the winners of (l,); −1 reads as a tie."""
        return [(FIRST, SECOND, TIE)[number] for number in np.asarray(target).tolist()]

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `accuracy` among the pairs with a winner.

        Args:
            target: (l,) as `encode` gives them.
            prediction: (l,) numbers of winners, or (l, 2) probabilities.

        Raises:
            BadValue: no pair has a winner, or the lengths differ.
        """
        target, prediction = np.asarray(target), np.asarray(prediction)
        prediction = prediction.argmax(axis=1) if prediction.ndim == 2 else prediction
        if target.shape != prediction.shape or not (target >= 0).any():
            raise BadValue("prediction", prediction.shape, f"needs one row for each of {target.shape} targets (≥ 1)")
        return {"accuracy": float((prediction == target)[target >= 0].mean())}

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 0 for equal values, ½ where one of the two sees no winner, 1 for opposite winners."""
        if a == b:
            return 0.0
        return 1.0 if {a, b} == {FIRST, SECOND} else 0.5
