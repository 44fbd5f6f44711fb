"""The loops that pick rows one by one: plain, and three that make the same picks with fewer passes over the pool.

These rest on one fact: what a row would add only shrinks as others are picked, so an old value is a bound on the new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

import numpy as np

from querist.acquire.blocks import CACHED, spans
from querist.acquire.boxes import Boxes
from querist.acquire.distances import Geometry, Space, approach, lower
from querist.acquire.draws import highest
from querist.types import Array, Rng

FRONT: Final = 4096
"""Rows of a front of `lazy_greedy`."""
FRONT_BYTES: Final = CACHED
"""Bytes of a front of farthest-first, which each pick reads ..."""
FRONT_LEAST: Final = 512
"""... and at least so many rows, if they fit into a quarter of the memory limit."""
MANY: Final = 256
"""After so many picks all rows are brought up to date."""
NARROW: Final = 8
"""Rows of fewer numbers are put into boxes."""
TOGETHER: Final = 32
"""Picks after which distances to all of them are brought up to date in one pass."""


class Front:
    """The rows with the highest bounds, and the bound that holds for all others.

    Ties of bounds go to the lower row, in the front and out of it.
    """

    def __init__(self, bounds: Array, size: int) -> None:
        self.rows = np.sort(highest(bounds, size))
        self.values = bounds[self.rows].copy()
        inside = np.zeros(len(bounds), bool)
        inside[self.rows] = True
        self.limit, self.tied = -np.inf, len(bounds)
        if len(self.rows) < len(bounds):
            self.limit = float(self.values.min())
            outside = ~inside & (bounds == self.limit)
            self.tied = int(outside.argmax()) if outside.any() else len(bounds)

    def best(self) -> tuple[int, bool]:
        """Return the place of the best row in the front, and whether no row outside can beat it."""
        at = int(self.values.argmax())
        value = self.values[at]
        return at, bool(value > self.limit or (value == self.limit and self.rows[at] < self.tied))


def farthest_first(space: Space, distance: Array, n: int, *, start: int | None = None) -> Array:
    """Return n rows, each the farthest from all before it; the same rows as with a pass over the pool for each.

    Args:
        space: the rows.
        distance: (n,) squared distances to what is covered already, inf where nothing is; it is used up.
        n: how many.
        start: the first row, where nothing is covered.
    """
    picks: list[int] = []
    if start is not None:
        picks.append(start)
        distance[:] = np.inf
        lower(space, distance, space.centred(picks))
        distance[start] = -1
    if space.width < NARROW:
        return _farthest_in_boxes(space, distance, n, picks)
    return _farthest_of_fronts(space, distance, n, picks)


def _farthest_of_fronts(space: Space, distance: Array, n: int, picks: list[int]) -> Array:
    """Go on from some picks, which `distance` knows.

    Later picks are told to the rows that may be next, the others keep a bound: to a front that stays in cache, and,
    where more rows than that have a bound above the best one known, to all of these.
    """
    known, row_bytes = len(picks), space.width * space.dtype.itemsize
    size = max(1, min(max(FRONT_LEAST, FRONT_BYTES // row_bytes), space.memory_limit // 4 // row_bytes))
    while len(picks) < n:
        front = Front(distance, size)
        near = space.part(front.rows)
        lower(near, front.values, space.centred(picks[known:]))
        while len(picks) < n:
            at, sure = front.best()
            if not sure:
                break
            picks.append(int(front.rows[at]))
            lower(near, front.values, near.centred([at]))
            front.values[at] = -1
        distance[front.rows] = front.values
        rivals = np.flatnonzero(distance >= front.values.max())
        if len(picks) == n or (len(rivals) < size and len(picks) - known <= MANY):
            continue
        places = space.centred(picks[known:])
        if 2 * len(rivals) < len(space) and len(picks) - known <= MANY:
            for some in spans(len(rivals), row_bytes, space.memory_limit // 4):
                rows = rivals[some]
                distance[rows] = lower(space.part(rows), distance[rows], places)
        else:
            lower(space, distance, places)
            known = len(picks)
    return np.array(picks, np.int64)


def _farthest_in_boxes(space: Space, distance: Array, n: int, picks: list[int]) -> Array:
    boxes = Boxes(space.centred(slice(None)), distance)
    while len(picks) < n:
        picks.append(boxes.farthest())
        boxes.approach(picks[-1], space.centred(picks[-1:])[0])
    return np.array(picks, np.int64)


def spread(
    geometry: Geometry,
    distance: Array,
    n: int,
    rng: Rng,
    *,
    weight: Array | None = None,
    already: Sequence[int] = (),
) -> Array:
    """Return n rows drawn one by one in proportion to weight × squared distance to all before (k-means++).

    Exact in distribution with few passes: a row is drawn by the distances of the last pass and accepted with
    probability now / then. Where all distances are 0, rows that are not taken are drawn uniformly.

    Args:
        geometry: n rows with distances.
        distance: (n,) finite squared distances to what is covered already; it is used up.
        n: how many.
        rng: the source of chance.
        weight: (n,) not negative; None means 1 for each row.
        already: rows that were taken before and must not be drawn.
    """
    taken = np.zeros(len(geometry), bool)
    taken[list(already)] = True
    distance[taken] = 0
    picks: list[int] = []
    while len(picks) < n:
        chance = distance if weight is None else weight * distance
        cumulated = np.cumsum(chance, dtype=np.float64)
        if not cumulated[-1] > 0:
            left = np.flatnonzero(~taken)
            picks += rng.choice(left, size=n - len(picks), replace=False).tolist()
            break
        new = _accepted(geometry, distance, cumulated, min(n - len(picks), TOGETHER), rng)
        picks += new
        taken[new] = True
        if len(picks) < n:
            approach(geometry, distance, np.array(new))
            distance[taken] = 0
            _forget_rounding(geometry, distance)
    return np.array(picks, np.int64)


def _accepted(geometry: Geometry, distance: Array, cumulated: Array, n: int, rng: Rng) -> list[int]:
    """Return up to n rows by rejection, and at least one; gives up on more when most draws are refused."""
    new: list[int] = []
    refused = 0
    while len(new) < n and refused < 4 * TOGETHER:
        drawn = np.searchsorted(cumulated, rng.random(TOGETHER) * cumulated[-1], side="right")
        drawn = np.minimum(drawn, len(cumulated) - 1)
        luck = rng.random(TOGETHER)
        now = distance[drawn].astype(np.float64)
        if new:
            now = np.minimum(now, geometry.between(drawn, new).min(axis=1))
        among = geometry.between(drawn, drawn)
        for i, row in enumerate(drawn):
            if len(new) == n:
                break
            if row not in new and luck[i] * float(distance[row]) < now[i]:
                new.append(int(row))
                now = np.minimum(now, among[:, i])
            else:
                refused += 1
    return new


def _forget_rounding(geometry: Geometry, distance: Array) -> None:
    """Set distances that are rounding noise to 0: copies of a picked row must not be drawn while others are left."""
    noise = 8 * np.finfo(distance.dtype).eps * geometry.norms
    distance[distance <= noise] = 0


class Work(Protocol):
    """Rows of a front with what each would add now: `values` (f,) float64, which `take` brings up to date."""

    values: Array

    def take(self, at: int) -> None:
        """Count the row at this place of the front as picked, and lower the values of the others."""
        ...


def lazy_greedy(bounds: Array, work: Callable[[Array], Work], n: int, *, size: int = FRONT) -> Array:
    """Return the n rows that plain greedy maximisation of a submodular function picks, looking at few of them.

    The rows with the highest bounds form a front, whose values are exact after every pick. When a row outside may be
    better, the next front is opened; what the last one knew of its rows stays behind as their bounds.

    Args:
        bounds: (n,) upper bounds of what each row adds (at best the values at the start); they are used up.
        work: opens a front of these rows, with what has been picked before taken into account.
        n: how many.
        size: rows of a front.

    Minoux, 1978: a row whose bound is below the best exact value needs no evaluation.

    >>> class Worth:
    ...     def __init__(self, rows):
    ...         self.values = np.array([3.0, 1.0, 2.0])[rows]
    ...     def take(self, at):
    ...         self.values *= 0.5
    >>> lazy_greedy(np.array([3.0, 1.0, 2.0]), Worth, 2)
    array([0, 2])
    """
    picks: list[int] = []
    while len(picks) < min(n, len(bounds)):
        front = Front(bounds, size)
        opened = work(front.rows)
        front.values = opened.values
        while len(picks) < min(n, len(bounds)):
            at, sure = front.best()
            if not sure:
                break
            picks.append(int(front.rows[at]))
            opened.take(at)
            front.values[at] = -np.inf
        bounds[front.rows] = front.values
        bounds[picks] = -np.inf
    return np.array(picks, np.int64)


def plain_greedy(
    values: Array, update: Callable[[int, int], None], n: int, *, first: int | None = None, taken: float = -np.inf
) -> Array:
    """Return n rows, each with the highest value when it is picked; a tie goes to the lower row.

    Args:
        values: (n,) what each row is worth now; `update` changes them in place, and they are used up.
        update: called with each pick and its number, from 0, save for the last.
        n: how many; all rows where there are fewer.
        first: the first pick, where values say nothing about it.
        taken: the value of rows that are picked.

    >>> values = np.array([3.0, 1.0, 2.9])
    >>> def halve(row, step):
    ...     values[2] /= 2
    >>> plain_greedy(values, halve, 2)
    array([0, 2])
    """
    picks: list[int] = []
    n = min(n, len(values))
    while len(picks) < n:
        picks.append(first if first is not None and not picks else int(values.argmax()))
        if len(picks) < n:
            update(picks[-1], len(picks) - 1)
            values[picks] = taken
    return np.array(picks, np.int64)
