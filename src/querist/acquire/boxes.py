"""Rows of few dimensions in boxes, so that each pick of farthest-first looks only where it can be the nearest."""

from __future__ import annotations

from typing import Final

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
        order = np.argsort(_places(x), kind="stable")
        self.place = np.empty_like(order)
        self.place[order] = np.arange(len(x))
        boxes = -(-len(x) // ROWS)
        # The last box is filled up with copies of the last row that can never be picked.
        self.rows = np.append(order, np.full(boxes * ROWS - len(x), order[-1])).reshape(boxes, ROWS)
        self.x = np.ascontiguousarray(x.T)[:, self.rows]
        self.distance = distance[self.rows]
        self.distance.reshape(-1)[len(x) :] = -1
        self.low, self.high = self.x.min(axis=2), self.x.max(axis=2)
        self.greatest = self.distance.max(axis=1)

    def farthest(self) -> int:
        """Return the row with the greatest distance, the lowest of equals."""
        greatest = self.greatest.max()
        boxes = np.flatnonzero(self.greatest == greatest)
        return int(self.rows[boxes][self.distance[boxes] == greatest].min())

    def approach(self, row: int, centre: Array) -> None:
        """Take a row: lower the distances of others to that to its place."""
        outside = np.maximum(self.low - centre[:, None], 0)
        outside = np.maximum(outside, centre[:, None] - self.high, out=outside)
        some = np.flatnonzero(np.einsum("db,db->b", outside, outside) < self.greatest)
        squared = np.zeros((len(some), ROWS), self.x.dtype)
        for coordinate, middle in zip(self.x, centre, strict=True):
            gap = coordinate[some]
            gap -= middle
            gap *= gap
            squared += gap
        near = np.minimum(self.distance[some], squared, out=squared)
        self.distance[some] = near
        self.greatest[some] = near.max(axis=1)
        box, at = divmod(int(self.place[row]), ROWS)
        self.distance[box, at] = -1
        self.greatest[box] = self.distance[box].max()


def _places(x: Array) -> Array:
    """Return (n,) small numbers that are equal for rows in the same cell of a grid of about one cell for each box."""
    n, d = x.shape
    bins = max(2, int(np.ceil((n / ROWS) ** (1 / d))))
    scale = x.std(axis=0)
    scale[scale == 0] = 1
    cell = np.clip((x / (2 * REACH * scale) + 0.5) * bins, 0, bins - 1).astype(np.int64)
    places: Array = np.ravel_multi_index(tuple(cell.T), (bins,) * d)
    return places.astype(np.uint16) if bins**d < 2**16 else places
