"""Rows of few dimensions in boxes, so that each pick of farthest-first looks only where it can be the nearest."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.types import Array

ROWS: Final = 128
"""Rows of a box."""
REACH: Final = 3.0
"""Rows are told apart by place within so many standard deviations of the mean."""


class Boxes:
    """Rows sorted by place and cut into boxes of equal number, each with its edges and the greatest distance in it.

    Args:
        x: (n, d) dense, d small; centred.
        distance: (n,) squared distances to what is covered already, inf where nothing is, -1 where a row is taken.
    """

    def __init__(self, x: Array, distance: Array) -> None:
        columns = np.ascontiguousarray(x.T)
        order = np.argsort(_places(columns), kind="stable")
        self.place = np.empty_like(order)
        self.place[order] = np.arange(len(x))
        boxes = -(-len(x) // ROWS)
        # The last box is filled up with copies of the last row that can never be picked.
        self.rows = np.append(order, np.full(boxes * ROWS - len(x), order[-1])).reshape(boxes, ROWS)
        # Column by column: `columns[:, rows]` would lay the coordinates of a row side by side.
        self.x = np.stack([column[self.rows] for column in columns])
        self.distance = distance[self.rows]
        self.distance.reshape(-1)[len(x) :] = -1
        self.low, self.high = self.x.min(axis=2), self.x.max(axis=2)
        self.greatest = self.distance.max(axis=1)
        self._work = np.empty((2, *self.distance.shape), self.x.dtype)  # fresh memory would take longer than the sums

    def farthest(self) -> int:
        """Return the row with the greatest distance, the lowest of equals."""
        greatest = self.greatest.max()
        boxes = np.flatnonzero(self.greatest == greatest)
        return int(self.rows[boxes][self.distance[boxes] == greatest].min())

    def approach(self, row: int, centre: Array) -> None:
        """Take a row: lower the distances of others to that to its place."""
        outside = np.maximum(self.low - centre[:, None], 0)
        outside = np.maximum(outside, centre[:, None] - self.high, out=outside)
        outside *= outside
        in_reach = outside.sum(axis=0) < self.greatest
        if 2 * np.count_nonzero(in_reach) > len(in_reach):
            # To pick out most boxes takes longer than to look into all.
            np.minimum(self.distance, self._squared(slice(None), centre), out=self.distance)
            self.distance.max(axis=1, out=self.greatest)
        else:
            some = np.flatnonzero(in_reach)
            near = self._squared(some, centre)
            np.minimum(self.distance[some], near, out=near)
            self.distance[some] = near
            self.greatest[some] = near.max(axis=1)
        box, at = divmod(int(self.place[row]), ROWS)
        self.distance[box, at] = -1
        self.greatest[box] = self.distance[box].max()

    def _squared(self, boxes: Array | slice, centre: Array) -> Array:
        """Return (b, ROWS) squared distances of the rows of some boxes to a place; good until the next call."""
        count = len(self.distance) if isinstance(boxes, slice) else len(boxes)
        total: Array = self._work[0, :count]
        gap = self._work[1, :count]
        for i, (coordinate, middle) in enumerate(zip(self.x, centre, strict=True)):
            own = gap if i else total
            if isinstance(boxes, slice):
                np.subtract(coordinate, middle, out=own)
            else:
                np.take(coordinate, boxes, axis=0, out=own, mode="clip")  # without a mode, a buffer is made
                own -= middle
            own *= own
            if i:
                total += gap
        return total


def _places(columns: Array) -> Array:
    """Return (n,) small numbers that are equal for rows in the same cell of a grid of about one cell for each box."""
    d, n = columns.shape
    bins = max(2, int(np.ceil((n / ROWS) ** (1 / d))))
    kind: type[np.integer[Any]] = np.uint16 if bins**d < 2**16 else np.int64
    places: Array = np.zeros(n, kind)
    for column in columns:
        scale = float(column.std()) or 1.0
        cell = column * (bins / (2 * REACH * scale))
        cell += bins / 2
        np.clip(cell, 0, bins - 1, out=cell)
        places *= kind(bins)
        places += cell.astype(kind)
    return places
