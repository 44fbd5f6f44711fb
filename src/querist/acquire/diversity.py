"""Selectors that cover the pool: they need distances, and neither labels nor a model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, read, spans
from querist.acquire.clusters import k_means, medoids
from querist.acquire.distances import Space, held, nearest
from querist.acquire.greedy import farthest_first, lazy_greedy, plain_greedy, spread
from querist.registry import selector
from querist.types import Array, Rng


@selector
def k_center(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    labelled_embed: Any = None,
    pending_embed: Any = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the row farthest from all that are labelled, pending or picked, again and again (core-set, farthest-first).

    It covers the pool with the smallest greatest distance, which means that it seeks outliers: on noisy pools it is
    often worse than chance. Use it to explore a clean pool, or to find what is missing; else `max_herding`.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: not used: the first row, where nothing is labelled, is the one nearest to the mean; ties go to the lower.
        labelled_embed: (l, d) rows that are covered already.
        pending_embed: (q, d) rows that will be.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice; the greatest distance left is at most twice the least possible.

    Gonzalez, Theoretical Computer Science 1985; Sener & Savarese, ICLR 2018.

    >>> k_center(embed=np.array([[0.0], [5.0], [6.0], [9.0]]), labelled_embed=np.array([[0.0]]), n=2)
    array([3, 1])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, memory_limit=memory_limit)
    covered = held(space, labelled_embed, pending_embed)
    if len(covered):
        return farthest_first(space, nearest(space, covered)[1], n)
    return farthest_first(space, np.empty_like(space.norms), n, start=int(space.norms.argmin()))


@selector
def kmeans(
    *,
    embed: Any,
    n: int,
    rng: Rng,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    incremental: bool = False,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the rows nearest to the centres of n clusters: typical and spread, for a first batch without a model.

    Once a model has learned something it is often no better than chance; then `weighted_kmeans`.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: seeds the centres.
        labelled_embed: (l, d) used only if `incremental`.
        pending_embed: (q, d) rows that hold a centre each, so that the batch goes elsewhere.
        incremental: labelled rows hold a centre each, too.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows, that of the largest cluster first.

    Zhu, Wang, Yao & Tsou, COLING 2008; Bodó, Minier & Csató, 2011.

    >>> kmeans(embed=np.array([[0.0], [1.0], [2.0], [9.0]]), n=2, rng=np.random.default_rng(0))
    array([1, 3])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    fixed = stacked(labelled_embed if incremental else None, pending_embed)
    return medoids(k_means(embed, n, rng=rng, fixed=fixed, memory_limit=memory_limit), n)


def stacked(*groups: Any) -> Array | None:
    """Return the rows of all groups that are given, dense, below each other; None where there are none."""
    given = [read(group, slice(None)) for group in groups if group is not None and group.shape[0]]
    return np.concatenate(given) if given else None


@selector
def kmeans_plus_plus(
    *,
    embed: Any,
    n: int,
    rng: Rng,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Draw rows one by one in proportion to the squared distance from all that are labelled, pending or drawn.

    Between `k_center`, which it softens, and chance: outliers are likely, but not sure to be asked.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: the source of chance; the first row is uniform where nothing is labelled.
        labelled_embed: (l, d) rows that are covered already.
        pending_embed: (q, d) rows that will be.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of drawing.

    Arthur & Vassilvitskii, SODA 2007. Drawn exactly, with a pass over the pool for many picks at once.

    >>> kmeans_plus_plus(embed=np.array([[0.0], [0.0], [9.0], [9.0]]), n=2, rng=np.random.default_rng(1))
    array([1, 3])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, memory_limit=memory_limit)
    covered = held(space, labelled_embed, pending_embed)
    if len(covered):
        return spread(space, nearest(space, covered)[1], n, rng)
    first = int(rng.integers(len(space)))
    distance = nearest(space, space.centred([first]))[1]
    return np.concatenate([[first], spread(space, distance, n - 1, rng, already=[first])])


@selector
def graph_cut(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    target_mean: Array | None = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    balance: float = 2.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows that resemble the pool and not each other, by cosine; the quickest of the coverage methods.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: not used; ties go to the lower row.
        target_mean: (d,) mean of the length-normalised rows of the whole pool; None means of the given rows.
        labelled_embed: (l, d) rows that the picks must not resemble either.
        pending_embed: (q, d) likewise.
        balance: how much resembling the pool counts for; the objective grows with each pick from 2 on.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice, each with the greatest balance · N · ⟨x, mean⟩ − 2 Σ ⟨x, picked⟩ − ⟨x, x⟩, N
        being the number of rows given.

    Iyer, Khargonkar, Bilmes & Asnani, ALT 2021; Kothawade et al., SIMILAR, NeurIPS 2021.

    >>> graph_cut(embed=np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [0.7, 0.7]]), n=2)
    array([4, 1])
    """
    n = min(n, embed.shape[0])
    space = Space(embed, unit=True, memory_limit=memory_limit)
    mean = space.mean if target_mean is None else np.asarray(target_mean, space.dtype)
    # Rows of a unit space have length 1, or 0: their inner products with a point are those of what `rows` returns.
    gains = balance * len(space) * _unit_dots(space, mean) - _unit_dots(space, None)
    for point in held(space, labelled_embed, pending_embed):
        gains -= 2 * _unit_dots(space, point + space.mean)

    def repel(row: int, step: int) -> None:  # noqa: ARG001 - the form of an update
        np.subtract(gains, 2 * _unit_dots(space, space.centred([row])[0] + space.mean), out=gains)

    return plain_greedy(gains, repel, n)


def _unit_dots(space: Space, point: Array | None) -> Array:
    """Return ⟨x, point⟩ for each row as seen from the origin, or ⟨x, x⟩ where the point is None."""
    if point is None:
        by_mean = _unit_dots(space, space.mean)
        own: Array = space.norms + 2 * by_mean - space.mean @ space.mean
        return own
    # The space holds rows as seen from `mean − offset`: add back what was taken away.
    shift = (space.mean - space.offset) @ point
    result: Array = np.concatenate(
        [space.dots(span, point[None])[:, 0] for span in spans(len(space), 1, space.block_rows(1))]
    )
    result += shift
    return result


@selector
def determinantal(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    scores: Array,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    radius: float = 0.0,
    unit: bool = True,
    sharpness: float = 1.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the batch of greatest determinant: rows of high score that repel each other, by greedy maximisation.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: not used; ties go to the lower row.
        scores: (n,) not negative; how good a row is alone.
        labelled_embed: (l, d) rows that repel, too.
        pending_embed: (q, d) likewise.
        radius: of the kernel exp(−d² / radius²); 0 is the root mean square distance from the mean.
        unit: compare directions (rows scaled to length 1).
        sharpness: power of the scores; 0 for diversity alone.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice, each with the greatest score^(2·sharpness) × variance given those before.

    Chen, Zhang & Zhou, "Fast greedy MAP inference for determinantal point processes", NeurIPS 2018; for batches of
    queries: Bıyık, Wang, Anari & Sadigh, 2019.

    >>> x = np.array([[0.0], [0.1], [3.0]])
    >>> determinantal(scores=np.array([1.0, 0.9, 0.5]), embed=x, n=2, unit=False, radius=1.0)
    array([0, 2])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=unit, memory_limit=memory_limit)
    width = radius * radius or max(float(space.norms.mean(dtype=np.float64)), 1e-12)
    quality = np.maximum(np.asarray(scores, np.float64), 0) ** (2 * sharpness)
    batch = _Batch(space, quality, width, held(space, labelled_embed, pending_embed).astype(np.float64))
    return lazy_greedy(quality * (1 + _JITTER), lambda rows: _Repelled(batch, rows), n)


_JITTER: Final = 1e-6
"""Added to the diagonal, so that copies of a row leave a matrix that can be inverted."""


@dataclass(slots=True)
class _Batch:
    """The points chosen so far (m, d), and the Cholesky root (m, m) of the matrix of their resemblances."""

    space: Space
    quality: Array
    width: float
    points: Array
    root: Array = field(init=False)

    def __post_init__(self) -> None:
        matrix = _kernel(self.points, self.points, self.width) + _JITTER * np.eye(len(self.points))
        self.root = np.linalg.cholesky(matrix)

    def add(self, point: Array, along: Array, own: float) -> None:
        """Add a point, its row of the root being `along` with `own` on the diagonal."""
        below = np.append(along, own)
        above = np.zeros((len(self.root), 1))
        self.root = np.vstack([np.hstack([self.root, above]), below])
        self.points = np.vstack([self.points, point])


class _Repelled:
    """Candidates in memory with what is left of their variance, given the batch: one row of the root for each pick."""

    def __init__(self, batch: _Batch, rows: Array) -> None:
        from scipy.linalg import solve_triangular

        self.batch, self.quality = batch, batch.quality[rows]
        self.rows = batch.space.centred(rows).astype(np.float64)
        cross = _kernel(batch.points, self.rows, batch.width)
        self.along = list(solve_triangular(batch.root, cross, lower=True)) if len(cross) else []
        self.variance = (
            1 + _JITTER - np.square(self.along).sum(axis=0) if self.along else np.full(len(rows), 1 + _JITTER)
        )
        self.values = self.quality * np.maximum(self.variance, 0)

    def take(self, at: int) -> None:
        """Count a candidate as picked, and lower the variance of the others by what it tells of them."""
        taken = np.array([row[at] for row in self.along])
        own = float(np.sqrt(max(self.variance[at], _JITTER)))
        left = _kernel(self.rows[[at]], self.rows, self.batch.width)[0]
        if self.along:
            left -= taken @ np.array(self.along)
        left /= own
        self.along.append(left)
        self.variance -= left * left
        self.batch.add(self.rows[at], taken, own)
        np.multiply(self.quality, np.maximum(self.variance, 0), out=self.values, where=self.values > -np.inf)


def _kernel(first: Array, second: Array, width: float) -> Array:
    squared = np.square(first).sum(axis=1)[:, None] - 2 * first @ second.T + np.square(second).sum(axis=1)
    kernel: Array = np.exp(np.maximum(squared, 0) / -width)
    return kernel
