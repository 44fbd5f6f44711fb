"""Outlines on an image, each of a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue
from querist.tasks import shapes
from querist.tasks.classes import the_class
from querist.tasks.drawn import Drawn, settings_schema

MOST_POINTS: Final = 2000
"""Corners of one outline."""

_SETTINGS_SCHEMA: Final = settings_schema("outlines")

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["leaf"],
    "item": {"kind": "image", "value": {"path": "leaf.png"}},
    "value": [{"label": "leaf", "points": [[10.0, 10.0], [40.0, 12.0], [25.0, 44.0]]}],
}


@dataclass(frozen=True, slots=True)
class Polygons(Drawn):
    """Outlines on an image. Its learner is still to come: images are chosen by coverage.

    A value is a list of `{"label", "points": [[x, y], …]}` in pixels, each with at least three corners and an area; it
    begins at its uppermost corner (of two, the left one) and turns clockwise on the screen. Of what several people drew
    around one thing, the outline that is most like the others stands.

    >>> Polygons(("leaf",)).check([{"label": "leaf", "points": [[0, 0], [1, 1], [2, 2]]}])
    Traceback (most recent call last):
    querist.errors.BadValue: label = {...}: has no area
    """

    name: ClassVar[str] = "polygons"
    one: ClassVar[str] = "an outline"
    parts: ClassVar[tuple[str, ...]] = ("label", "points")
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    question: ClassVar[str] = "Draw around each of these"

    def shape(self, entry: Mapping[str, Any], size: tuple[float, float] | None) -> dict[str, Any]:
        """Return one outline as it is kept."""
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

    def place(self, shape: shapes.Shape) -> tuple[Any, ...]:
        """Return what outlines are ordered by: class, then from above."""
        return (self.classes.index(shape["label"]), [point[::-1] for point in shape["points"]])

    @staticmethod
    def overlap(a: shapes.Shape, b: shapes.Shape) -> float:
        """Return the intersection over union of two outlines, exactly."""
        return overlap(a, b)

    def join(self, group: list[shapes.Shape]) -> shapes.Shape:
        """Return the outline that is most like the others."""
        return max(group, key=lambda shape: sum(overlap(shape, other) for other in group))


def overlap(a: Mapping[str, Any], b: Mapping[str, Any]) -> float:
    """Return the intersection over union of two outlines, exactly."""
    one, other = ([(x, y) for x, y in shape["points"]] for shape in (a, b))
    both = shapes.common_area(one, other)
    either = abs(shapes.area(one)) + abs(shapes.area(other)) - both
    return both / either if either > 0 else 0.0


def _point(entry: Mapping[str, Any], point: Any) -> tuple[float, float]:
    if not isinstance(point, list | tuple) or len(point) != 2:
        raise BadValue("label", dict(entry), f"has a point {point!r} that is not [x, y]")
    return shapes.pixel(entry, "x", point[0]), shapes.pixel(entry, "y", point[1])
