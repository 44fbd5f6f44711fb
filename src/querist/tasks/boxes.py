"""Upright rectangles on an image, each of a class."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue, UnknownName
from querist.tasks import shapes, spans, structured
from querist.tasks.classes import declared, from_json_text, the_class
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "same": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Overlap (intersection over union) from which on two people's boxes are one.",
        }
    },
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["red cell", "white cell"],
    "item": {"kind": "image", "value": {"path": "smear.png"}},
    "value": [{"label": "white cell", "x": 183.0, "y": 145.0, "width": 138.0, "height": 138.0}],
}

_PARTS: Final = ("label", "x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class Boxes:
    """Rectangles on an image. Its learner is still to come: images are chosen by coverage.

    A value is a list of `{"label", "x", "y", "width", "height"}` in pixels of the image, x and y being its upper left
    corner; an empty list says that there is nothing to mark.

    Args:
        classes: at least one name.
        same: intersection over union from which on two people's boxes of one class are the same box.

    >>> Boxes(("cell",)).check([{"label": "cell", "x": 1, "y": 2, "width": 3.004, "height": 4}])
    [{'label': 'cell', 'x': 1.0, 'y': 2.0, 'width': 3.0, 'height': 4.0}]
    """

    classes: tuple[str, ...]
    same: float = 0.5

    name: ClassVar[str] = "boxes"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Draw a box around each of these"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"image"})
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "max"
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        declared(self.classes)
        if not 0 < self.same <= 1:
            raise BadValue("same", self.same, "must be more than 0 and at most 1")

    def check(self, value: Any, content: Content | None = None) -> list[dict[str, Any]]:
        """Return the boxes, ordered by class and place.

        Raises:
            BadValue: a box without its numbers, without an area, of no class, outside of the image, or twice.

        >>> Boxes(("cell",)).check([{"label": "cell", "x": 1, "y": 2, "width": 0, "height": 4}])
        Traceback (most recent call last):
        querist.errors.BadValue: label = {...}: has no area: it is 0 wide and 4 high
        """
        if not isinstance(value, list | tuple):
            raise BadValue("label", value, 'must be a list of {"label", "x", "y", "width", "height"}')
        size = shapes.image_size(content)
        found = sorted((self._box(entry, size) for entry in value), key=self._place)
        for before, after in itertools.pairwise(found):
            if before == after:
                raise BadValue("label", after, "is there twice")
        return found

    def _box(self, entry: Any, size: tuple[float, float] | None) -> dict[str, Any]:
        if not isinstance(entry, Mapping):
            raise BadValue("label", entry, 'must be {"label", "x", "y", "width", "height"}')
        for name in entry:
            if name not in _PARTS:
                raise UnknownName("part of a box", name, _PARTS)
        label = the_class(entry.get("label"), self.classes)
        x, y, width, height = (shapes.pixel(entry, name, entry.get(name)) for name in _PARTS[1:])
        if width <= 0 or height <= 0:
            raise BadValue("label", dict(entry), f"has no area: it is {width:g} wide and {height:g} high")
        if x < 0 or y < 0 or (size is not None and (x + width > size[0] + 0.5 or y + height > size[1] + 0.5)):
            limits = f" of {size[0]:g} × {size[1]:g} pixels" if size else ""
            raise BadValue("label", dict(entry), f"leaves the image{limits}")
        return {"label": label, "x": x, "y": y, "width": width, "height": height}

    def _place(self, box: Mapping[str, Any]) -> tuple[Any, ...]:
        return (self.classes.index(box["label"]), box["y"], box["x"], box["height"], box["width"])

    def read(self, cell: Any) -> list[dict[str, Any]]:
        """Return the boxes of a cell of JSON."""
        return self.check(from_json_text(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [str(entry["label"]) for entry in from_json_text(cell) if "label" in entry]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that are drawn."""
        return tuple(dict.fromkeys(entry["label"] for entry in value))

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the boxes under the class names now in force."""
        return spans.renamed_labels(value, names)

    def describe(self, value: Any) -> str:
        """Return how many boxes there are, in words."""
        return spans.counted(value, "box")

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the boxes that more than half of the people drew, each the mean of theirs."""
        return shapes.merge(
            answers, opinions=opinions, overlap=overlap, least=self.same, join=_mean_box, order=self._place
        )

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the lists of boxes as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the lists of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return F1, precision and recall at the overlap `same`, the mean overlap, and the share of images right."""
        return shapes.figures(target, prediction, overlap, self.same)

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − F1 of one person's boxes against the other's, at the overlap `same`."""
        return shapes.disagreement(a, b, overlap, self.same)


def overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Return the intersection over union of two boxes.

    >>> overlap({"x": 0, "y": 0, "width": 2, "height": 2}, {"x": 1, "y": 0, "width": 2, "height": 2}).__round__(3)
    0.333
    """
    width: float = min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"])
    height: float = min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"])
    both: float = max(width, 0.0) * max(height, 0.0)
    either: float = a["width"] * a["height"] + b["width"] * b["height"] - both
    return both / either


def _mean_box(group: list[shapes.Shape]) -> dict[str, Any]:
    def mean(name: str) -> float:
        middle: float = round(sum(box[name] for box in group) / len(group), shapes.DIGITS)
        return middle

    return {"label": group[0]["label"], **{name: mean(name) for name in _PARTS[1:]}}
