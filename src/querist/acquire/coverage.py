"""Selectors that make every target row resemble a row of the batch: submodular coverage, by lazy greedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.clusters import k_means
from querist.acquire.distances import Space, held
from querist.acquire.greedy import lazy_greedy
from querist.acquire.uncertainty import margin
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng

Kernel = Callable[[Array], Array]
"""Squared distances → resemblance in [0, 1]; 1 at distance 0. May work in place."""

PURITY: Final = 0.95
"""`prob_cover` covers as far as a row shares its cluster with everything in reach, for so many of the rows."""


class Kept:
    """The resemblance of rows to the targets, remembered for as many rows as half of the memory limit holds."""

    def __init__(self, space: Space, targets: Array, own: Array | None, kernel: Kernel) -> None:
        self.space, self.targets, self.own, self.kernel = space, targets, own, kernel
        room = space.memory_limit // 2 // (len(targets) * space.dtype.itemsize)
        self.store = np.empty((max(512, min(room, len(space))), len(targets)), space.dtype)
        self.place = np.full(len(space), -1, np.int64)
        self.used = 0

    def fresh(self, rows: Any) -> tuple[Array, Array | None]:
        """Return (r, t) the resemblance to the targets, and (r,) how much a row counts for itself besides.

        A row that is in the sample of targets counts for itself once, not a second time through the sample.
        """
        squared = self.space.to(rows, self.targets)
        if self.own is None:
            return self.kernel(squared), None
        at, each = squared.argmin(axis=1), np.arange(len(squared))
        itself = squared[each, at] <= 16 * np.finfo(squared.dtype).eps * (self.space.norms[rows] + 1e-12)
        resemblance = self.kernel(squared)
        resemblance[each[itself], at[itself]] = 0
        return resemblance, self.own[rows]

    def of(self, rows: Array) -> tuple[Array, Array | None]:
        """Return a copy of what `fresh` gives, from memory where it is known."""
        new = rows[self.place[rows] < 0]
        if self.used + len(new) > len(self.store):
            self.place[:], self.used, new = -1, 0, rows
        if len(new):
            slots = slice(self.used, self.used + len(new))
            self.store[slots] = self.fresh(new)[0]
            self.place[new] = np.arange(slots.start, slots.stop)
            self.used = slots.stop
        return self.store[self.place[rows]], None if self.own is None else self.own[rows]


@dataclass(slots=True)
class Coverage:
    """How well each target is covered by what is labelled, pending or picked; and what a candidate would add.

    Where the targets are a sample of the pool, each stands for `scale` rows, and a candidate also counts for itself,
    once: without that, a small radius would let nothing but the sample be picked.

    `targets` (t, d) as seen from the mean of the space; `weight` (t,) and `own` (n,) how much it matters that a target
    and a candidate are covered; `own` None means that the rows themselves are the targets, all of them.
    """

    space: Space
    targets: Array
    weight: Array
    own: Array | None
    scale: float
    kernel: Kernel
    covered: Array
    before: Array
    picks: list[int]
    kept: Kept

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
    ) -> Coverage:
        """Return the coverage by the points that are held; targets None are the rows of the space themselves."""
        exact = targets is None
        places = space.centred(slice(None)) if targets is None else targets
        weight = np.ones(len(places), space.dtype) if weight is None else weight.astype(space.dtype)
        own = np.ones(len(space), space.dtype) if own is None else own.astype(space.dtype)
        covered, before = np.zeros(len(places), space.dtype), np.zeros(len(space), space.dtype)
        norms = np.einsum("ij,ij->i", places, places)
        for point in np.array_split(held_points, max(1, len(held_points) // 64)) if len(held_points) else ():
            cross = norms[:, None] - 2 * places @ point.T + np.einsum("ij,ij->i", point, point)
            np.maximum(covered, kernel(np.maximum(cross, 0)).max(axis=1), out=covered)
            if not exact:
                for span in spans(len(space), 1, space.block_rows(len(point))):
                    np.maximum(before[span], kernel(space.to(span, point)).max(axis=1), out=before[span])
        scale = 1.0 if exact else len(space) / len(places)
        own = None if exact else own
        kept = Kept(space, places, own, kernel)
        return cls(space, places, weight, own, scale, kernel, covered, before, [], kept)

    def select(self, n: int) -> Array:
        """Return the n rows that greedy maximisation picks."""
        bounds = np.empty(len(self.space), self.space.dtype)
        for span in spans(len(self.space), 1, self.space.block_rows(len(self.targets))):
            bounds[span] = self._gains(*self.kept.fresh(span), self.before[span])
        return lazy_greedy(bounds, self._gains_of, self._take, n)

    def _gains_of(self, rows: Array) -> Array:
        resemblance, own = self.kept.of(rows)
        return self._gains(resemblance, own, self._covered(rows))

    def _gains(self, resemblance: Array, own: Array | None, before: Array | None) -> Array:
        """Return what rows would add to the weighted coverage of the whole pool; works in place."""
        if self.covered.any():
            resemblance -= self.covered
            np.maximum(resemblance, 0, out=resemblance)
        gain: Array = resemblance @ self.weight
        return gain if own is None or before is None else self.scale * gain + own * (1 - before)

    def _covered(self, rows: Array) -> Array:
        """Return how well candidates are covered themselves."""
        covered: Array = self.before[rows]
        if self.own is not None and self.picks:
            covered = np.maximum(covered, self.kernel(self.space.between(rows, self.picks)).max(axis=1))
        return covered

    def _take(self, row: int) -> None:
        """Count a row as picked."""
        self.picks.append(row)
        np.maximum(self.covered, self.kernel(self.space.to([row], self.targets))[0], out=self.covered)


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


def typical_radius(space: Space) -> float:
    """Return the root mean square distance of rows from their mean: 1 for unit rows that point everywhere."""
    return float(np.sqrt(max(float(space.norms.mean(dtype=np.float64)), 1e-24)))


def targets_of(space: Space, target_embed: Any, sample: int, rng: Rng | None) -> tuple[Array | None, Any]:
    """Return targets as the space sees them and, where they are sampled from its own rows, those rows.

    None and None where every row of the space is its own target.
    """
    if target_embed is not None and target_embed.shape[0]:
        return space.place(target_embed), None
    if not sample or len(space) <= sample:
        return None, None
    if rng is None:
        raise BadValue("rng", None, f"is needed to sample {sample} targets; give it, target_embed, or sample=0")
    rows = np.sort(rng.choice(len(space), size=sample, replace=False))
    return space.centred(rows), rows


@selector
def max_herding(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    target_embed: Any = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    radius: float = 0.0,
    unit: bool = True,
    sample: int = 2000,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that every row of the pool resembles one of them; the first choice while there is no model.

    Unlike `k_center` it passes over outliers, and unlike `typiclust` it has no number of clusters to choose.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets, where the pool is larger than `sample` and no targets are given.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the kernel exp(−d² / radius²); 0 is the root mean square distance from the mean, which is about 1,
            the paper's value, for unit rows.
        unit: compare directions (rows scaled to length 1), as one does with embeddings.
        sample: of a larger pool so many rows stand for all; 0 is exact at any size, n² in time. The estimated gain of
            a row is off by about 1/√sample of its size.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice; the coverage is at least 1 − 1/e of the best possible.

    Bae, Noh & Sutherland, "Generalized Coverage for More Robust Low-Budget Active Learning", ECCV 2024.

    >>> x = np.array([[0.0], [0.1], [0.2], [9.0], [9.1]])
    >>> max_herding(embed=x, n=2, unit=False, radius=1.0)
    array([1, 3])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=unit, memory_limit=memory_limit)
    targets, _ = targets_of(space, target_embed, sample, rng)
    kernel = gaussian(radius or typical_radius(space))
    return Coverage.of(space, targets, kernel, held(space, labelled_embed, pending_embed)).select(n)


@selector
def facility_location(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    target_embed: Any = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    sample: int = 2000,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that the mean cosine of every row to its nearest pick is greatest; `max_herding` with a wide kernel.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets, where the pool is larger than `sample` and no targets are given.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice; at least 1 − 1/e of the best possible coverage.

    Wei, Iyer & Bilmes, ICML 2015; lazy greedy: Minoux 1978.

    >>> facility_location(embed=np.array([[1.0, 0.1], [1.0, 0.0], [0.0, 1.0], [1.0, -0.1]]), n=2)
    array([0, 2])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=True, memory_limit=memory_limit)
    targets, _ = targets_of(space, target_embed, sample, rng)
    return Coverage.of(space, targets, cosine, held(space, labelled_embed, pending_embed)).select(n)


@selector
def prob_cover(
    *,
    embed: Any,
    n: int,
    rng: Rng,
    target_embed: Any = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    radius: float = 0.0,
    clusters: int = 20,
    unit: bool = True,
    sample: int = 2000,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that balls around them hold as much of the pool as possible; very sensitive to the radius.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets where the pool is large, and seeds the clusters that the radius is read from.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the balls; 0 is the largest with which 95 % of the targets share their cluster with all in reach.
        clusters: pseudo-classes for that; about the number of classes.
        unit: compare directions (rows scaled to length 1).
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Yehuda, Dekel, Hacohen & Weinshall, "Active learning through a covering lens", NeurIPS 2022.

    >>> x = np.array([[0.0], [0.4], [0.8], [9.0]])
    >>> prob_cover(embed=x, n=2, rng=np.random.default_rng(0), radius=0.5, unit=False)
    array([1, 3])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=unit, memory_limit=memory_limit)
    targets, _ = targets_of(space, target_embed, sample, rng)
    places = space.centred(slice(None)) if targets is None else targets
    reach = radius or _pure_radius(places, min(clusters, len(places)), rng)
    return Coverage.of(space, targets, ball(reach), held(space, labelled_embed, pending_embed)).select(n)


def _pure_radius(places: Array, clusters: int, rng: Rng) -> float:
    """Return the largest radius within which 95 % of the places see their own cluster only.

    That is a quantile of the distance from each place to the nearest one of another cluster.
    """
    found = k_means(places, clusters, rng=rng)
    nearest_other = np.empty(len(places), places.dtype)
    for span in spans(len(places), 1, found.space.block_rows(len(places))):
        squared = found.space.between(span, slice(None))
        squared[found.assignment[span][:, None] == found.assignment] = np.inf
        nearest_other[span] = squared.min(axis=1)
    if not np.isfinite(nearest_other).any():
        return typical_radius(found.space)
    return float(np.sqrt(np.quantile(nearest_other, 1 - PURITY)))


@selector
def uncertainty_herding(
    *,
    proba: Array,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    target_proba: Array | None = None,
    target_embed: Any = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    radius: float = 0.0,
    unit: bool = True,
    sample: int = 2000,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Cover the rows that the model is unsure of; it turns from coverage into margin by itself as labels come in.

    The radius is the least distance between labelled rows, so that each label sharpens the kernel: wide at the start
    (`max_herding`), in the end a row covers nothing but itself (`margin`). One method for every budget.

    Args:
        proba: (n, c) calibrated class probabilities.
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets, where the pool is larger than `sample` and no targets are given.
        target_proba: (t, c) probabilities of the rows to cover.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the kernel; 0 is the least positive distance between labelled rows.
        unit: compare directions (rows scaled to length 1).
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Bae, Sutherland & Noh, "Uncertainty Herding: One Active Learning Method for All Label Budgets", ICLR 2025.

    >>> x, proba = np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([[0.5, 0.5], [0.6, 0.4], [0.9, 0.1], [1.0, 0.0]])
    >>> uncertainty_herding(proba=proba, embed=x, n=2, unit=False, radius=1.0)
    array([0, 2])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=unit, memory_limit=memory_limit)
    both = target_embed is not None and target_proba is not None
    targets, rows = targets_of(space, target_embed if both else None, sample, rng)
    own = margin(proba=proba)
    weight = margin(proba=target_proba) if both and target_proba is not None else own if rows is None else own[rows]
    labelled = held(space, labelled_embed)
    kernel = gaussian(radius or _least_distance(labelled) or typical_radius(space))
    points = np.concatenate([labelled, held(space, pending_embed)])
    return Coverage.of(space, targets, kernel, points, weight=weight, own=own).select(n)


def _least_distance(points: Array) -> float:
    """Return the least positive distance between points, or 0 where there is none."""
    if len(points) < 2:
        return 0.0
    space = Space(points)
    least = np.inf
    for span in spans(len(points), 1, space.block_rows(len(points))):
        squared = space.between(span, slice(None))
        squared[squared <= 16 * np.finfo(squared.dtype).eps * (space.norms + space.norms[span][:, None])] = np.inf
        least = min(least, float(squared.min()))
    return float(np.sqrt(least)) if np.isfinite(least) else 0.0
