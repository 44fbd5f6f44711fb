"""Areas of an image: how much two of them overlap, and which of several people's mean the same thing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from querist.errors import BadValue
from querist.kinds import as_number
from querist.tasks import structured, votes
from querist.types import Answer, Array, Content, Disputed, Resolved, Unsure

Point: TypeAlias = tuple[float, float]
Shape: TypeAlias = Mapping[str, Any]
Overlap: TypeAlias = Callable[[Shape, Shape], float]
"""Intersection over union of two shapes."""

DIGITS: Final = 2
"""Decimals of a pixel that are kept."""


def pixel(entry: Shape, name: str, value: Any) -> float:
    """Return a coordinate in pixels.

    Raises:
        BadValue: not a finite number.
    """
    number = as_number(value)
    if number is None or isinstance(value, str):
        raise BadValue("label", dict(entry), f"needs a number of pixels as {name}")
    return round(number, DIGITS)


def image_size(content: Content | None) -> tuple[float, float] | None:
    """Return width and height of the image, where they are known.

    Raises:
        BadValue: the item is no image.
    """
    if content is None:
        return None
    if content.kind != "image":
        raise BadValue("item", content.kind, "is no image to draw on")
    width, height = content.value.get("width"), content.value.get("height")
    return (float(width), float(height)) if width and height else None


def merge(
    answers: Sequence[Answer],
    *,
    opinions: int,
    overlap: Overlap,
    least: float,
    join: Callable[[list[Shape]], Shape],
    order: Callable[[Shape], Any],
) -> Resolved | Unsure | Disputed:
    """Return the shapes that more than half of the people drew.

    Shapes of one class that overlap by at least `least` mean the same thing: the pairs are taken greedily, the largest
    overlap first, and no group holds two shapes of one person.

    Args:
        answers: those in force.
        opinions: how many people the project asks for each item.
        overlap: of two shapes.
        least: from which overlap on two shapes are the same.
        join: makes one shape of a group.
        order: in which shapes stand.
    """
    counted = votes.votes(answers, opinions=opinions)
    if isinstance(counted, Unsure):
        return counted
    drawn = [(person, shape) for person, answer in enumerate(counted) for shape in answer.value]
    groups = _groups(drawn, overlap, least)
    if any(2 * len(group) == len(counted) for group in groups):
        tied = sum(2 * len(group) == len(counted) for group in groups)
        return votes.undecided(f"{tied} drawn by half of {len(counted)}", counted, opinions=opinions)
    kept = [join([drawn[place][1] for place in group]) for group in groups if 2 * len(group) > len(counted)]
    return votes.resolved(sorted(kept, key=order), counted)


def _groups(drawn: Sequence[tuple[int, Shape]], overlap: Overlap, least: float) -> list[list[int]]:
    pairs = [
        (overlap(a, b), i, j)
        for i, (one, a) in enumerate(drawn)
        for j, (other, b) in enumerate(drawn[:i])
        if one != other and a["label"] == b["label"]
    ]
    group_of = {place: [place] for place in range(len(drawn))}
    for value, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if value < least:
            break
        one, other = group_of[i], group_of[j]
        people = [drawn[place][0] for place in (*one, *other)]
        if one is not other and len(set(people)) == len(people):
            one.extend(other)
            group_of.update(dict.fromkeys(other, one))
    return list({id(group): group for group in group_of.values()}.values())


def matched(a: Sequence[Shape], b: Sequence[Shape], overlap: Overlap, least: float) -> list[tuple[int, int, float]]:
    """Return pairs (place in a, place in b, overlap) of one class, each shape once, the largest overlap first."""
    pairs = [
        (overlap(one, other), i, j)
        for i, one in enumerate(a)
        for j, other in enumerate(b)
        if one["label"] == other["label"]
    ]
    found, used_a, used_b = [], set(), set()
    for value, i, j in sorted(pairs, key=lambda pair: -pair[0]):
        if value >= least and i not in used_a and j not in used_b:
            found.append((i, j, value))
            used_a.add(i)
            used_b.add(j)
    return found


def figures(target: Array, prediction: Array, overlap: Overlap, least: float) -> dict[str, float]:
    """Return F1, precision and recall at the overlap that counts as the same, the mean overlap, and whole items right.

    Raises:
        BadValue: there is no item, or the lengths differ.
    """
    accuracy = structured.mean_over(
        target, prediction, lambda a, b: float(len(a) == len(b) == len(matched(a, b, overlap, least)))
    )
    hits = [pair for a, b in zip(target, prediction, strict=True) for pair in matched(a, b, overlap, least)]
    wanted, given = (sum(len(value) for value in values) for values in (target, prediction))
    return {
        "f1": structured.f1_of_counts(len(hits), wanted, given),
        "precision": len(hits) / given if given else 1.0,
        "recall": len(hits) / wanted if wanted else 1.0,
        "overlap": sum(value for *_, value in hits) / len(hits) if hits else 0.0,
        "accuracy": accuracy,
    }


def disagreement(a: Sequence[Shape], b: Sequence[Shape], overlap: Overlap, least: float) -> float:
    """Return 1 − F1 of one person's shapes against the other's."""
    return 1 - structured.f1_of_counts(len(matched(a, b, overlap, least)), len(a), len(b))


# --- polygons


def area(points: Sequence[Point]) -> float:
    """Return the signed area of a polygon: positive where its points turn from x to y.

    >>> area([(0, 0), (2, 0), (2, 2), (0, 2)])
    4.0
    """
    turned = zip(points, [*points[1:], points[0]], strict=True)
    return sum(x * v - u * y for (x, y), (u, v) in turned) / 2


def common_area(a: Sequence[Point], b: Sequence[Point]) -> float:
    """Return the area that two polygons have in common, exactly, also where they are not convex.

    Each polygon is the signed sum of the triangles between its first point and its edges; triangles are convex, and
    clip each other exactly.

    >>> common_area([(0, 0), (2, 0), (2, 2), (0, 2)], [(1, 1), (3, 1), (3, 3), (1, 3)])
    1.0
    """
    total = 0.0
    for one in _triangles(a):
        for other in _triangles(b):
            signs = (1 if area(one) > 0 else -1) * (1 if area(other) > 0 else -1)
            total += signs * abs(area(clipped)) if len(clipped := _clip(one, other)) > 2 else 0.0
    return abs(total)


def _triangles(points: Sequence[Point]) -> list[list[Point]]:
    fan = ([points[0], u, v] for u, v in itertools.pairwise(points[1:]))
    return [triangle for triangle in fan if area(triangle) != 0]


def _clip(subject: Sequence[Point], triangle: Sequence[Point]) -> list[Point]:
    """The part of a convex polygon inside of a triangle (Sutherland & Hodgman, 1974)."""
    found = list(subject)
    corners = list(triangle) if area(triangle) > 0 else list(reversed(triangle))
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        inside = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in found]
        kept: list[Point] = []
        for k, (point, side) in enumerate(zip(found, inside, strict=True)):
            before, other = found[k - 1], inside[k - 1]
            if (side >= 0) != (other >= 0):
                share = other / (other - side)
                kept.append((before[0] + share * (point[0] - before[0]), before[1] + share * (point[1] - before[1])))
            if side >= 0:
                kept.append(point)
        found = kept
        if not found:
            return []
    return found
