"""Squared distances in blocks, by one matrix product: between rows of embeddings, and between BADGE's gradients."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Protocol

import numpy as np

from querist.acquire.blocks import (
    CACHED,
    MEMORY_LIMIT,
    converted,
    dots,
    is_sparse,
    read,
    spans,
    square_norms,
    working_type,
)
from querist.types import Array

PRODUCT: Final = 2**22
"""Bytes of one block of products: it stays in the shared cache between the product and what is done with it."""


class Geometry(Protocol):
    """Rows between which there are distances.

    `norms` (n,) are squared lengths, in the working type; `width` is how many numbers a row takes.
    """

    norms: Array
    width: int

    def __len__(self) -> int: ...

    def part(self, rows: Array) -> Geometry:
        """Return some rows as a geometry of their own, held in memory."""
        ...

    def between(self, rows: Any, others: Any) -> Array:
        """Return (r, o) squared distances between some rows and others, not negative."""
        ...

    def block_rows(self, others: int) -> int:
        """Return how many rows to take at once against so many others."""
        ...


class Space:
    """Rows in Euclidean space, seen from their mean: without that, float32 loses short distances far from the origin.

    Dense rows that fit into half of the memory limit are kept as they are seen; others are read anew in blocks.

    Args:
        x: (n, d) dense, memory-mapped or CSR.
        unit: measure between the rows scaled to length 1 (a zero row stays 0).
        memory_limit: bytes of working memory.

    >>> space = Space(np.array([[0.0, 0.0], [3.0, 4.0]]))
    >>> space.between([0], [0, 1])
    array([[ 0., 25.]])
    """

    def __init__(self, x: Any, *, unit: bool = False, memory_limit: int = MEMORY_LIMIT) -> None:
        self.x = x
        self.dtype = working_type(x)
        self.unit = unit
        self.memory_limit = memory_limit
        self.width = int(x.shape[1])
        lengths = np.sqrt(square_norms(x, memory_limit=memory_limit)) if unit else None
        self.scale = None if lengths is None else np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        self.mean = self._mean()
        self.offset = self.mean
        if not is_sparse(x) and len(self) * self.width * self.dtype.itemsize <= memory_limit // 2:
            self.x = self._kept()
            self.scale, self.offset = None, np.zeros_like(self.mean)
        self.norms = self._norms()

    def __len__(self) -> int:
        return int(self.x.shape[0])

    def part(self, rows: Array) -> Space:
        """Return some rows as a space of their own, held in memory and seen from the same mean."""
        own: Space = object.__new__(Space)
        own.x, own.dtype, own.memory_limit, own.width = self.centred(rows), self.dtype, self.memory_limit, self.width
        own.unit, own.scale, own.mean, own.offset = self.unit, None, self.mean, np.zeros_like(self.mean)
        own.norms = self.norms[rows]
        return own

    def block_rows(self, others: int) -> int:
        """Return how many rows to take at once against so many others."""
        row_bytes = (others + self.width) * self.dtype.itemsize
        return max(1, int(min(self.memory_limit // 2, PRODUCT) // row_bytes))

    def _spans(self) -> Any:
        return spans(len(self), self.width * self.dtype.itemsize, min(self.memory_limit // 4, 2 * CACHED))

    def _mean(self) -> Array:
        total = np.zeros(self.width)
        weight = np.ones(len(self), self.dtype) if self.scale is None else self.scale
        for span in self._spans():
            part = self.x[span]
            block = part if is_sparse(part) else converted(part, self.dtype)
            total += np.asarray(weight[span] @ block).reshape(-1)
        return (total / max(1, len(self))).astype(self.dtype)

    def _kept(self) -> Array:
        kept = np.empty((len(self), self.width), self.dtype)
        for span in self._spans():
            np.subtract(self.rows(span), self.mean, out=kept[span])
        return kept

    def _norms(self) -> Array:
        result = np.empty(len(self), self.dtype)
        if is_sparse(self.x):
            own = square_norms(self.x)
            own = own if self.scale is None else (self.scale > 0).astype(self.dtype)
            result[:] = own - 2 * self.dots(slice(None), self.mean[None])[:, 0] + self.mean @ self.mean
            return np.maximum(result, 0, out=result)
        for span in self._spans():
            block = self.centred(span)
            np.einsum("ij,ij->i", block, block, out=result[span])
        return result

    def rows(self, rows: Any) -> Array:
        """Return some rows, dense, scaled where the space is."""
        block = read(self.x, rows, self.dtype)
        return block if self.scale is None else block * self.scale[rows][:, None]

    def centred(self, rows: Any) -> Array:
        """Return some rows as seen from the mean, dense; not to be written to."""
        block = self.rows(rows)
        return block - self.offset if self.offset.any() else block

    def dots(self, rows: Any, others: Array) -> Array:
        """Return the inner products of some rows with each of `others` (o, d)."""
        products = dots(self.x, rows, others)
        return products if self.scale is None else products * self.scale[rows][:, None]

    def to(self, rows: Any, centres: Array) -> Array:
        """Return (r, o) squared distances between some rows and centres (o, d) that are given as seen from the mean."""
        squared = self.dots(rows, -2 * centres)
        squared += np.einsum("ij,ij->i", centres, centres) + 2 * (centres @ self.offset)
        squared += self.norms[rows][:, None]
        np.maximum(squared, 0, out=squared)
        return squared

    def between(self, rows: Any, others: Any) -> Array:
        """Return (r, o) squared distances between some rows and others."""
        return self.to(rows, self.centred(others))

    def place(self, points: Any) -> Array:
        """Return points that are not rows (labelled, pending) as the space sees its own: scaled, from the mean."""
        block = read(points, slice(None), self.dtype)
        if self.unit:
            lengths = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
            block = np.divide(block, lengths, out=np.zeros_like(block), where=lengths > 0)
        return block - self.mean


def held(space: Space, *groups: Any) -> Array:
    """Return (h, d) the points of all groups that are given, as the space sees them."""
    placed = [space.place(group) for group in groups if group is not None and group.shape[0]]
    return np.concatenate(placed) if placed else np.empty((0, space.width), space.dtype)


def nearest(space: Space, centres: Array) -> tuple[Array, Array]:
    """Return for each row the number of its nearest centre (as seen from the mean), and the squared distance to it.

    >>> space = Space(np.array([[0.0], [4.0]]))
    >>> nearest(space, np.array([[1.0], [3.0]]) - space.mean)
    (array([0, 1]), array([1., 1.]))
    """
    distance = np.empty(len(space), space.dtype)
    if len(centres) == 1:
        for span, squared in to_one(space, centres[0]):
            distance[span] = squared
        return np.zeros(len(space), np.int64), distance
    assignment = np.empty(len(space), np.int64)
    half = np.einsum("ij,ij->i", centres, centres) / 2 + centres @ space.offset
    for span in spans(len(space), 1, space.block_rows(len(centres))):
        products = space.dots(span, centres)
        products -= half
        at = products.argmax(axis=1)
        assignment[span] = at
        distance[span] = space.norms[span] - 2 * products[np.arange(len(at)), at]
    return assignment, np.maximum(distance, 0, out=distance)


def approach(geometry: Geometry, distance: Array, centres: Array) -> None:
    """Lower `distance` (n,) to the squared distance to the nearest of the rows `centres`, where that is less."""
    if isinstance(geometry, Space):
        lower(geometry, distance, geometry.centred(centres))
        return
    for span in spans(len(geometry), 1, geometry.block_rows(len(centres))):
        np.minimum(distance[span], geometry.between(span, centres).min(axis=1), out=distance[span])


def lower(space: Space, distance: Array, places: Array) -> Array:
    """Do the same for places (p, d) as seen from the mean of the space, of which there may be none; return distance."""
    if len(places) == 1:
        for span, squared in to_one(space, places[0]):
            np.minimum(distance[span], squared, out=distance[span])
    elif len(places):
        for span in spans(len(space), 1, space.block_rows(len(places))):
            np.minimum(distance[span], space.to(span, places).min(axis=1), out=distance[span])
    return distance


def to_one(space: Space, centre: Array) -> Iterator[tuple[slice, Array]]:
    """Yield block by block the squared distances to one centre (d,), in as few steps for each block as there can be."""
    twice, own = -2 * centre[None], centre @ centre + 2 * (centre @ space.offset)
    for span in spans(len(space), 1, space.block_rows(1)):
        squared = space.dots(span, twice)[:, 0]
        squared += space.norms[span]
        squared += own
        np.maximum(squared, 0, out=squared)
        yield span, squared
