"""Selectors that cover the pool: they need distances, and neither labels nor a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, read
from querist.acquire.clusters import k_means, medoids
from querist.acquire.distances import Space, held, nearest
from querist.acquire.greedy import farthest_first, spread
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
