"""A text in answer: a correction, a translation, a transcript."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue
from querist.tasks import structured, votes
from querist.tasks.classes import none_wanted
from querist.types import ITEM_KINDS, Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "start": {"enum": ["item", "empty"], "description": "item: people correct the item's text; empty: they write."},
        "most": {"type": "integer", "minimum": 1, "description": "Characters at most."},
    },
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "item": {"kind": "text", "value": {"text": "Wher is my parcel"}},
    "value": "Where is my parcel?",
}


@dataclass(frozen=True, slots=True)
class Text:
    """Free text for each item. Its learner is still to come: items are chosen by coverage.

    A value is the text in Unicode's composed form (NFC), without blanks at either end.

    Args:
        classes: none.
        start: `item`, to correct the item's own text; `empty`, to write anew.
        most: characters at most.

    >>> Text().check("  Where is my parcel? ")
    'Where is my parcel?'
    """

    classes: tuple[str, ...] = ()
    start: str = "item"
    most: int = 10_000

    name: ClassVar[str] = "text"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Correct the text"
    items: ClassVar[frozenset[ItemKind]] = ITEM_KINDS
    has_classes: ClassVar[bool] = False
    reduce: ClassVar[str | None] = None
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        none_wanted(self.classes, self.name)
        if self.start not in ("item", "empty"):
            raise BadValue("start", self.start, "have: item, empty", choices=("item", "empty"))
        if self.most < 1:
            raise BadValue("most", self.most, "must be at least 1")

    def check(self, value: Any, content: Content | None = None) -> str:
        """Return the text in its composed form.

        Raises:
            BadValue: no text, an empty one, one that is too long, or half a character.
        """
        if not isinstance(value, str):
            raise BadValue("label", value, "must be a text")
        text = unicodedata.normalize("NFC", value).strip()
        if not text:
            raise BadValue("label", value, "is empty; skip the item if there is nothing to write")
        if len(text) > self.most:
            raise BadValue("label", f"{text[:40]} …", f"has {len(text)} characters; at most {self.most} are kept")
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            raise BadValue("label", ascii(text[:40]), "holds half a character (a lone surrogate)")
        return text

    def read(self, cell: Any) -> str:
        """Return the text of a cell."""
        return self.check(cell if isinstance(cell, str) else str(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return nothing: texts have no classes."""
        return []

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return nothing: texts are counted by no class."""
        return ()

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value: it names no class."""
        return value

    def describe(self, value: Any) -> str:
        """Return the beginning of the text."""
        text = str(value)
        return text if len(text) <= 60 else text[:59] + "…"

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the text that more than half of the people wrote, blanks aside."""
        return votes.majority(answers, opinions=opinions, key=lambda value: " ".join(value.split()))

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the texts as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the texts of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `accuracy` (the same text, blanks aside) and `likeness`, the mean of 1 − disagreement."""
        same = structured.mean_over(target, prediction, lambda a, b: float(a.split() == b.split()))
        return {
            "accuracy": same,
            "likeness": structured.mean_over(target, prediction, lambda a, b: 1 - self.disagreement(a, b)),
        }

    def disagreement(self, a: Any, b: Any) -> float:
        """Return the share of words that are not common to both, in order (Ratcliff & Obershelp, 1988)."""
        return 1.0 - float(difflib.SequenceMatcher(None, a.split(), b.split(), autojunk=False).ratio())
