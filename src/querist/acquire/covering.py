"""How well targets are covered by what is labelled, pending or picked, and the greedy that covers them best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, spans
from querist.acquire.distances import Space
from querist.acquire.greedy import lazy_greedy
from querist.types import Array

Kernel = Callable[[Array], Array]
"""Squared distances → resemblance in [0, 1]; 1 at distance 0. May work in place."""

_HELD_TOGETHER: Final = 64
"""So many held points are compared with targets and candidates at once."""


@dataclass(slots=True)
class Coverage:
    """How well each target is covered by what is labelled, pending or picked; and what a candidate would add.

    Where the targets are a sample of the pool, each stands for `scale` rows, and a candidate also counts for itself,
    once: without that, a small radius would let nothing but the sample be picked.

    `targets` (t, d) as seen from the mean of the space; `weight` (t,) and `own` (n,) how much it matters that a target
    and a candidate are covered; `own` None means that the rows themselves are the targets, all of them. `covered` (t,)
    and `before` (n,) say how well targets and candidates are covered by held points; `picks` are the points picked.
    """

    space: Space
    targets: Array
    weight: Array
    own: Array | None
    scale: float
    kernel: Kernel
    covered: Array
    before: Array
    picks: list[Array]

    @classmethod
    def of(
        cls,
        space: Space,
        targets: Array | None,
        kernel: Kernel,
        held_points: Array,
        *,
        weight: Array | None = None,
        own: Array | None = None,
        pool: int = 0,
    ) -> Coverage:
        """Return the coverage by the points that are held; targets None are the rows of the space themselves.

        `pool` is how many rows the targets stand for; 0 for those of the space.
        """
        exact = targets is None
        places = space.centred(slice(None)) if targets is None else targets
        weight = np.ones(len(places), space.dtype) if weight is None else weight.astype(space.dtype)
        own = np.ones(len(space), space.dtype) if own is None else own.astype(space.dtype)
        covered, before = np.zeros(len(places), space.dtype), np.zeros(len(space), space.dtype)
        norms = np.einsum("ij,ij->i", places, places)
        for some in spans(len(held_points), 1, _HELD_TOGETHER):
            point = held_points[some]
            cross = norms[:, None] - 2 * places @ point.T + np.einsum("ij,ij->i", point, point)
            np.maximum(covered, kernel(np.maximum(cross, 0)).max(axis=1), out=covered)
            if not exact:
                for span in spans(len(space), 1, space.block_rows(len(point))):
                    np.maximum(before[span], kernel(space.to(span, point)).max(axis=1), out=before[span])
        scale = 1.0 if exact else (pool or len(space)) / len(places)
        return cls(space, places, weight, None if exact else own, scale, kernel, covered, before, [])

    def select(self, n: int) -> Array:
        """Return the n rows that greedy maximisation picks."""
        row_bytes = (len(self.targets) + self.space.width) * self.space.dtype.itemsize
        room = max(256, self.space.memory_limit // 2 // row_bytes)
        bounds = np.full(len(self.space), np.inf)
        if room < len(bounds):  # else all rows are in the first front, which knows their values
            for span in spans(len(self.space), 1, self.space.block_rows(len(self.targets))):
                bounds[span] = self.gains(self.resemblance(self.space, span)[0], span, self.before[span])
        return lazy_greedy(bounds, lambda rows: _Front(self, rows), n, size=room)

    def resemblance(self, space: Space, rows: Array | slice) -> tuple[Array, Array | None]:
        """Return (r, t) how much rows of the space resemble the targets, and which target each row is itself.

        A row that is in the sample of targets counts for itself once, not a second time through the sample: there its
        resemblance is 0. The place is -1 for rows that are not in it; None where the rows are the targets.
        """
        squared = space.to(rows, self.targets)
        if self.own is None:
            return self.kernel(squared), None
        at, each = squared.argmin(axis=1), np.arange(len(squared))
        itself = squared[each, at] <= 16 * np.finfo(squared.dtype).eps * (space.norms[rows] + 1e-12)
        resemblance = self.kernel(squared)
        resemblance[each[itself], at[itself]] = 0
        return resemblance, np.where(itself, at, -1)

    def gains(self, resemblance: Array, rows: Array | slice, before: Array) -> Array:
        """Return what rows would add to the weighted coverage of the whole pool; `resemblance` is used up."""
        if self.covered.any():
            resemblance -= self.covered
            np.maximum(resemblance, 0, out=resemblance)
        gain: Array = resemblance @ self.weight
        return gain if self.own is None else self.scale * gain + self.own[rows] * (1 - before)


class _Front:
    """Candidates whose resemblance to all targets is in memory, so that each pick costs the targets that it changes.

    `resemblance` is (t, f): the values that one target changes lie beside each other.
    """

    def __init__(self, coverage: Coverage, rows: Array) -> None:
        self.coverage, self.near = coverage, coverage.space.part(rows)
        self.before = coverage.before[rows]
        for point in coverage.picks if coverage.own is not None else ():
            self._cover_themselves(point)
        self.own = None if coverage.own is None else coverage.own[rows]
        self.resemblance = np.empty((len(coverage.targets), len(rows)), coverage.space.dtype)
        self.itself = np.full(len(rows), -1)
        self.values = np.empty(len(rows))
        for span in spans(len(rows), 1, self.near.block_rows(len(coverage.targets))):
            block, itself = coverage.resemblance(self.near, span)
            self.resemblance[:, span] = block.T
            if itself is not None:
                self.itself[span] = itself
            self.values[span] = coverage.gains(block, rows[span], self.before[span])

    def take(self, at: int) -> None:
        """Count a candidate as picked, and lower the gains of all by what it has taken from them."""
        coverage = self.coverage
        point = self.near.centred([at])
        now = np.maximum(coverage.covered, self.resemblance[:, at])
        if self.itself[at] >= 0:
            now[self.itself[at]] = 1
        changed = np.flatnonzero(now > coverage.covered)
        for some in spans(len(changed), self.resemblance.itemsize * len(self.values), CACHED):
            which = changed[some]
            low, high, weight = coverage.covered[which], now[which], coverage.weight[which]
            share = np.clip(self.resemblance[which], low[:, None], high[:, None])
            share -= low[:, None]
            self.values -= coverage.scale * (weight @ share)
        coverage.covered = now
        coverage.picks.append(point)
        if self.own is not None:
            before = self.before.copy()
            self._cover_themselves(point)
            self.values -= self.own * (self.before - before)

    def _cover_themselves(self, point: Array) -> None:
        seen = self.coverage.kernel(self.near.to(slice(None), point))[:, 0]
        np.maximum(self.before, seen, out=self.before)


def gaussian(radius: float) -> Kernel:
    """Return the kernel exp(−d² / radius²), which works in place.

    >>> gaussian(2.0)(np.array([0.0, 4.0])).round(3)
    array([1.   , 0.368])
    """

    def kernel(squared: Array) -> Array:
        squared *= squared.dtype.type(-1 / max(radius, 1e-12) ** 2)
        # Below this the exponential is 0 to seven digits of the sum, and slow where it underflows.
        np.maximum(squared, -80, out=squared)
        np.exp(squared, out=squared)
        return squared

    return kernel


def ball(radius: float) -> Kernel:
    """Return 1 within the radius, else 0.

    >>> ball(2.0)(np.array([0.0, 4.0, 5.0]))
    array([1., 1., 0.])
    """
    return lambda squared: (squared <= radius * radius).astype(squared.dtype)


def cosine(squared: Array) -> Array:
    """Return the cosine of unit rows from their squared distance, 0 where it is negative.

    >>> cosine(np.array([0.0, 2.0]))
    array([1., 0.])
    """
    squared *= -0.5
    squared += 1
    np.maximum(squared, 0, out=squared)
    return squared
