"""Upright rectangles on an image, each of a class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue
from querist.tasks import shapes
from querist.tasks.classes import the_class
from querist.tasks.drawn import Drawn, settings_schema

_SETTINGS_SCHEMA: Final = settings_schema("boxes")

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["red cell", "white cell"],
    "item": {"kind": "image", "value": {"path": "smear.png"}},
    "value": [{"label": "white cell", "x": 183.0, "y": 145.0, "width": 138.0, "height": 138.0}],
}

_SIDES: Final = ("x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class Boxes(Drawn):
    """Rectangles on an image. Its learner is still to come: images are chosen by coverage.

    A value is a list of `{"label", "x", "y", "width", "height"}` in pixels of the image, x and y being its upper left
    corner; an empty list says that there is nothing to mark. What several people drew is one box, the mean of theirs.

    >>> Boxes(("cell",)).check([{"label": "cell", "x": 1, "y": 2, "width": 3.004, "height": 4}])
    [{'label': 'cell', 'x': 1.0, 'y': 2.0, 'width': 3.0, 'height': 4.0}]
    >>> Boxes(("cell",)).check([{"label": "cell", "x": 1, "y": 2, "width": 0, "height": 4}])
    Traceback (most recent call last):
    querist.errors.BadValue: label = {...}: has no area: it is 0 wide and 4 high
    """

    name: ClassVar[str] = "boxes"
    one: ClassVar[str] = "a box"
    parts: ClassVar[tuple[str, ...]] = ("label", *_SIDES)
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    question: ClassVar[str] = "Draw a box around each of these"

    def shape(self, entry: Mapping[str, Any], size: tuple[float, float] | None) -> dict[str, Any]:
        """Return one box as it is kept."""
        label = the_class(entry.get("label"), self.classes)
        x, y, width, height = (shapes.pixel(entry, name, entry.get(name)) for name in _SIDES)
        if width <= 0 or height <= 0:
            raise BadValue("label", dict(entry), f"has no area: it is {width:g} wide and {height:g} high")
        if x < 0 or y < 0 or (size is not None and (x + width > size[0] + 0.5 or y + height > size[1] + 0.5)):
            limits = f" of {size[0]:g} × {size[1]:g} pixels" if size else ""
            raise BadValue("label", dict(entry), f"leaves the image{limits}")
        return {"label": label, "x": x, "y": y, "width": width, "height": height}

    def place(self, shape: shapes.Shape) -> tuple[Any, ...]:
        """Return what boxes are ordered by: class, then from above."""
        return (self.classes.index(shape["label"]), shape["y"], shape["x"], shape["height"], shape["width"])

    @staticmethod
    def overlap(a: shapes.Shape, b: shapes.Shape) -> float:
        """Return the intersection over union of two boxes."""
        return overlap(a, b)

    def join(self, group: list[shapes.Shape]) -> dict[str, Any]:
        """Return the box in the middle."""
        means = {side: round(sum(box[side] for box in group) / len(group), shapes.DIGITS) for side in _SIDES}
        return {"label": group[0]["label"], **means}


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
