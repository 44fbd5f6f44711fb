"""Outlines on an image, each of a class."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue, UnknownName
from querist.tasks import shapes, spans, structured
from querist.tasks.classes import declared, from_json_text, the_class
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

MOST_POINTS: Final = 2000
"""Corners of one outline."""

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "same": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": 1,
            "description": "Overlap (intersection over union) from which on two people's outlines are one.",
        }
    },
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["leaf"],
    "item": {"kind": "image", "value": {"path": "leaf.png"}},
    "value": [{"label": "leaf", "points": [[10.0, 10.0], [40.0, 12.0], [25.0, 44.0]]}],
}


@dataclass(frozen=True, slots=True)
class Polygons:
    """Outlines on an image. Its learner is still to come: images are chosen by coverage.

    A value is a list of `{"label", "points": [[x, y], …]}` in pixels, each with at least three corners and an area; it
    begins at its uppermost corner (of two, the left one) and turns clockwise on the screen.

    Args:
        classes: at least one name.
        same: intersection over union from which on two people's outlines of one class are the same.
    """

    classes: tuple[str, ...]
    same: float = 0.5

    name: ClassVar[str] = "polygons"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Draw around each of these"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"image"})
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "max"
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        declared(self.classes)
        if not 0 < self.same <= 1:
            raise BadValue("same", self.same, "must be more than 0 and at most 1")

    def check(self, value: Any, content: Content | None = None) -> list[dict[str, Any]]:
        """Return the outlines, ordered by class and place.

        Raises:
            BadValue: an outline of fewer than three corners, without an area, of no class, outside of the image, twice.

        >>> Polygons(("leaf",)).check([{"label": "leaf", "points": [[0, 0], [1, 1], [2, 2]]}])
        Traceback (most recent call last):
        querist.errors.BadValue: label = {...}: has no area
        """
        if not isinstance(value, list | tuple):
            raise BadValue("label", value, 'must be a list of {"label", "points"}')
        size = shapes.image_size(content)
        found = sorted((self._outline(entry, size) for entry in value), key=self._place)
        for before, after in itertools.pairwise(found):
            if before == after:
                raise BadValue("label", after, "is there twice")
        return found

    def _outline(self, entry: Any, size: tuple[float, float] | None) -> dict[str, Any]:
        if not isinstance(entry, Mapping):
            raise BadValue("label", entry, 'must be {"label", "points"}')
        for name in entry:
            if name not in ("label", "points"):
                raise UnknownName("part of an outline", name, ("label", "points"))
        label = the_class(entry.get("label"), self.classes)
        given = entry.get("points")
        if not isinstance(given, list | tuple) or not 3 <= len(given) <= MOST_POINTS:
            raise BadValue("label", dict(entry), f"needs a list of 3 to {MOST_POINTS} points")
        points = [_point(entry, point) for point in given]
        turn = shapes.area(points)
        if turn == 0:
            raise BadValue("label", dict(entry), "has no area")
        right, bottom = (size[0] + 0.5, size[1] + 0.5) if size else (float("inf"), float("inf"))
        if any(not (0 <= x <= right and 0 <= y <= bottom) for x, y in points):
            raise BadValue("label", dict(entry), "leaves the image")
        points = points if turn > 0 else points[::-1]
        first = min(range(len(points)), key=lambda k: (points[k][1], points[k][0]))
        return {"label": label, "points": [list(point) for point in (*points[first:], *points[:first])]}

    def _place(self, outline: Mapping[str, Any]) -> tuple[Any, ...]:
        return (self.classes.index(outline["label"]), [point[::-1] for point in outline["points"]])

    def read(self, cell: Any) -> list[dict[str, Any]]:
        """Return the outlines of a cell of JSON."""
        return self.check(from_json_text(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [str(entry["label"]) for entry in from_json_text(cell) if "label" in entry]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that are drawn."""
        return tuple(dict.fromkeys(entry["label"] for entry in value))

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the outlines under the class names now in force."""
        return spans.renamed_labels(value, names)

    def describe(self, value: Any) -> str:
        """Return how many outlines there are, in words."""
        return spans.counted(value, "outline")

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the outlines that more than half of the people drew: of each group the one most like the others."""
        return shapes.merge(
            answers, opinions=opinions, overlap=overlap, least=self.same, join=_most_alike, order=self._place
        )

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the lists of outlines as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the lists of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return F1, precision and recall at the overlap `same`, the mean overlap, and the share of images right."""
        return shapes.figures(target, prediction, overlap, self.same)

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − F1 of one person's outlines against the other's, at the overlap `same`."""
        return shapes.disagreement(a, b, overlap, self.same)


def overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Return the intersection over union of two outlines, exactly."""
    one, other = ([(x, y) for x, y in shape["points"]] for shape in (a, b))
    both = shapes.common_area(one, other)
    either = abs(shapes.area(one)) + abs(shapes.area(other)) - both
    return both / either if either > 0 else 0.0


def _most_alike(group: list[shapes.Shape]) -> shapes.Shape:
    return max(group, key=lambda shape: sum(overlap(shape, other) for other in group))


def _point(entry: Mapping[str, Any], point: Any) -> tuple[float, float]:
    if not isinstance(point, list | tuple) or len(point) != 2:
        raise BadValue("label", dict(entry), f"has a point {point!r} that is not [x, y]")
    return shapes.pixel(entry, "x", point[0]), shapes.pixel(entry, "y", point[1])
