"""What boxes and outlines have in common: lists of shapes on an image, each of a class."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from querist.errors import BadValue, UnknownName
from querist.tasks import shapes, spans, structured
from querist.tasks.classes import declared, from_json_text
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure


def settings_schema(plural: str) -> Mapping[str, Any]:
    """Return the settings of a kind of shape."""
    return {
        "type": "object",
        "properties": {
            "same": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
                "description": f"Overlap (intersection over union) from which on two people's {plural} are one.",
            }
        },
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class Drawn(ABC):
    """Shapes on an image. Their learner is still to come: images are chosen by coverage.

    A subclass says what one shape is (`shape`), where it stands in the list (`place`), how much two overlap, and what
    several people's drawings of one thing amount to (`join`).

    Args:
        classes: at least one name.
        same: intersection over union from which on two people's shapes of one class are the same.
    """

    classes: tuple[str, ...]
    same: float = 0.5

    parts: ClassVar[tuple[str, ...]]
    one: ClassVar[str]
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"image"})
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "max"
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        declared(self.classes)
        if not 0 < self.same <= 1:
            raise BadValue("same", self.same, "must be more than 0 and at most 1")

    @abstractmethod
    def shape(self, entry: Mapping[str, Any], size: tuple[float, float] | None) -> dict[str, Any]:
        """Return one shape as it is kept; BadValue where it is none, or leaves an image of that size."""

    @abstractmethod
    def place(self, shape: shapes.Shape) -> tuple[Any, ...]:
        """Return what shapes are ordered by."""

    @staticmethod
    @abstractmethod
    def overlap(a: shapes.Shape, b: shapes.Shape) -> float:
        """Return the intersection over union of two shapes."""

    @abstractmethod
    def join(self, group: list[shapes.Shape]) -> shapes.Shape:
        """Return what several people's drawings of one thing amount to."""

    def check(self, value: Any, content: Content | None = None) -> list[dict[str, Any]]:
        """Return the shapes, ordered by class and place.

        Raises:
            BadValue: a shape that is none or has no area, of no class, outside of the image, or there twice.
        """
        form = f"{{{', '.join(f'{chr(34)}{part}{chr(34)}' for part in self.parts)}}}"
        if not isinstance(value, list | tuple):
            raise BadValue("label", value, f"must be a list of {form}")
        size = shapes.image_size(content)
        for entry in value:
            if not isinstance(entry, Mapping):
                raise BadValue("label", entry, f"must be {form}")
            for name in entry:
                if name not in self.parts:
                    raise UnknownName(f"part of {self.one}", name, self.parts)
        found = sorted((self.shape(entry, size) for entry in value), key=self.place)
        for before, after in itertools.pairwise(found):
            if before == after:
                raise BadValue("label", after, "is there twice")
        return found

    def read(self, cell: Any) -> list[dict[str, Any]]:
        """Return the shapes of a cell of JSON."""
        return self.check(from_json_text(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [str(entry["label"]) for entry in from_json_text(cell) if "label" in entry]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that are drawn."""
        return tuple(dict.fromkeys(entry["label"] for entry in value))

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the shapes under the class names now in force."""
        return spans.renamed_labels(value, names)

    def describe(self, value: Any) -> str:
        """Return how many shapes there are, in words."""
        return spans.counted(value, self.one.split()[-1])

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the shapes that more than half of the people drew, each joined from theirs."""
        return shapes.merge(
            answers, opinions=opinions, overlap=self.overlap, least=self.same, join=self.join, order=self.place
        )

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the lists of shapes as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the lists of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return F1, precision and recall at the overlap `same`, the mean overlap, and the share of images right."""
        return shapes.figures(target, prediction, self.overlap, self.same)

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − F1 of one person's shapes against the other's, at the overlap `same`."""
        return shapes.disagreement(a, b, self.overlap, self.same)
