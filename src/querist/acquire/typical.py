"""TypiClust: the most typical row of each cluster that has no label yet."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.clusters import Clusters, k_means
from querist.acquire.distances import Space, held
from querist.registry import selector
from querist.types import Array, Rng

SMALLEST: Final = 5
"""Clusters of so many rows or fewer are outliers, and are asked only when nothing else is left."""


@selector
def typiclust(
    *,
    embed: Any,
    n: int,
    rng: Rng,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    clusters: int = 500,
    neighbours: int = 20,
    iterations: int = 30,
    candidates: int = 1000,
    unit: bool = True,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the most typical row of each cluster without a label: strong from the first label on good embeddings.

    Falls behind uncertainty after five to ten labels per class; see the policy `typiclust_then_margin`.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: seeds the clusters.
        labelled_embed: (l, d) rows; their clusters wait until others have as many labels.
        pending_embed: (q, d) rows, which count as labelled.
        clusters: at most so many; fewer if labels and batch together are fewer.
        neighbours: a row is typical where its mean distance to so many neighbours in its cluster is small.
        iterations: of k-means, at most.
        candidates: of a cluster with more rows, so many at random may be picked, and their neighbours are sought among
            all of its rows; 0 for every row, squared in time.
        unit: compare directions (rows scaled to length 1).
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Hacohen, Dekel & Weinshall, "Active learning on a budget", ICML 2022. Where the authors' code clusters labelled and
    unlabelled rows together, here labelled rows are given to the clusters of the others.

    >>> square = np.arange(-4.0, 5.0) * np.abs(np.arange(-4.0, 5.0))
    >>> x = np.concatenate([square, 100 + square[:8]])[:, None]
    >>> typiclust(embed=x, n=2, rng=np.random.default_rng(0), unit=False)
    array([ 4, 13])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, unit=unit, memory_limit=memory_limit)
    points = held(space, labelled_embed, pending_embed)
    k = min(len(points) + n, clusters, len(space))
    found = k_means(space, k, rng=rng, iterations=iterations)
    members = np.split(np.argsort(found.assignment, kind="stable"), np.cumsum(found.sizes)[:-1])
    order = _order(found, points)
    picks: list[int] = []
    while len(picks) < n:
        asked = len(picks)
        for cluster in order:
            if len(members[cluster]) and len(picks) < n:
                at = most_typical(space, members[cluster], neighbours, candidates, rng)
                picks.append(int(members[cluster][at]))
                members[cluster] = np.delete(members[cluster], at)
        if len(picks) == asked:
            order = np.arange(k)
    return np.array(picks, np.int64)


def _order(found: Clusters, points: Array) -> Array:
    """Return the clusters worth asking: those with the fewest labels first, of these the largest."""
    k, sizes = len(found.centres), found.sizes
    near = np.einsum("ij,ij->i", found.centres, found.centres) - 2 * points @ found.centres.T
    labels = np.bincount(near.argmin(axis=1), minlength=k)
    order = np.lexsort((-sizes, labels))
    worth: Array = order[sizes[order] > SMALLEST]
    return worth if len(worth) else order


def most_typical(space: Space, rows: Array, neighbours: int, candidates: int = 0, rng: Rng | None = None) -> int:
    """Return the place among `rows` of the one with the least mean distance to its nearest neighbours among them.

    Of more than `candidates` rows, only so many at random are looked at; 0 for all.
    """
    count = min(neighbours, len(rows) // 2)
    if count == 0:
        return 0
    asked = np.arange(len(rows))
    if rng is not None and 0 < candidates < len(rows):
        asked = np.sort(rng.choice(len(rows), size=candidates, replace=False))
    near = space.part(rows)
    total = np.empty(len(asked), space.dtype)
    for span in spans(len(asked), 1, near.block_rows(len(rows))):
        # |a − b|² = |a|² − 2 (⟨a, b⟩ − |b|² / 2): the nearest are those of the largest products less half the length.
        products = near.dots(asked[span], near.x)
        products -= near.norms / 2
        products[np.arange(len(products)), asked[span]] = -np.inf  # the row itself
        products.partition(len(rows) - count, axis=1)
        squared = near.norms[asked[span], None] - 2 * products[:, len(rows) - count :]
        total[span] = np.sqrt(np.maximum(squared, 0)).sum(axis=1)
    return int(asked[total.argmin()])
