"""Selectors that cover the pool: they need distances, and neither labels nor a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, dots, read, spans, square_norms
from querist.acquire.clusters import k_means, medoids, nearest
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
    norms = square_norms(embed, memory_limit=memory_limit)
    centres = _stack([labelled_embed, pending_embed], norms.dtype)
    if centres is None:
        distance = np.full(len(norms), np.inf, norms.dtype)
        start = _most_central(embed, norms)
    else:
        distance = nearest(embed, centres, norms=norms, memory_limit=memory_limit)[1]
        start = int(distance.argmax())
    rows = np.empty(n, np.int64)
    for step in range(n):
        row = start if step == 0 else int(distance.argmax())
        rows[step] = row
        _approach(embed, row, norms, distance)
        distance[row] = -1  # never again, even where every other distance is 0
    return rows


def _approach(embed: Any, row: int, norms: Array, distance: Array) -> None:
    """Lower the squared distances of all rows to those from a new centre; rows at −1 stay there."""
    centre = read(embed, [row], norms.dtype)
    for span in spans(len(norms), embed.shape[1] * norms.itemsize, 8 * CACHED):
        squared = dots(embed, span, centre)[:, 0]
        squared *= -2
        squared += norms[span]
        squared += norms[row]
        np.minimum(distance[span], np.maximum(squared, 0, out=squared), out=distance[span])


def _most_central(embed: Any, norms: Array) -> int:
    mean = np.asarray(embed.mean(axis=0, dtype=np.float64), norms.dtype).reshape(1, -1)
    return int((norms - 2 * dots(embed, slice(None), mean)[:, 0]).argmin())


def _stack(parts: list[Any], dtype: np.dtype[Any]) -> Array | None:
    """Return the given rows below each other, dense; None where there are none."""
    given = [read(part, slice(None), dtype) for part in parts if part is not None and part.shape[0]]
    return np.concatenate(given) if given else None


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
    fixed = _stack([labelled_embed if incremental else None, pending_embed], np.dtype(np.float64))
    return medoids(embed, k_means(embed, n, rng=rng, fixed=fixed, memory_limit=memory_limit), n)
