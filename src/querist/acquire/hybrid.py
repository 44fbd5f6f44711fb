"""Selectors that want rows to be both unsure and spread: batch methods for when a model has learned something."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, is_sparse, read
from querist.acquire.clusters import k_means, medoids
from querist.acquire.diversity import stacked
from querist.acquire.draws import highest
from querist.registry import selector
from querist.types import Array, Rng


@selector
def weighted_kmeans(
    *,
    scores: Array,
    embed: Any,
    n: int,
    rng: Rng,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    prefilter: float = 10.0,
    incremental: bool = False,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Cluster the most uncertain rows, weighted by uncertainty, and take the row nearest to each centre.

    The best cheap batch strategy on most pools: as good as `margin` for the model, and blind to duplicates. Give it the
    scores of `margin`.

    Args:
        scores: (n,) not negative.
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: seeds the centres.
        labelled_embed: (l, d) used only if `incremental`.
        pending_embed: (q, d) rows that hold a centre each, so that the batch goes elsewhere.
        prefilter: only the best `prefilter · n` rows by score are clustered.
        incremental: labelled rows hold a centre each, too.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows, that of the largest cluster first.

    Zhdanov, "Diverse mini-batch active learning", 2019 (arXiv 1901.05954); the incremental form: Abraham & Dreyfus-
    Schmidt, 2021.

    >>> x, rng = np.array([[0.0], [0.1], [5.0], [5.1], [9.0]]), np.random.default_rng(0)
    >>> weighted_kmeans(scores=np.array([0.9, 0.8, 0.9, 0.1, 0.0]), embed=x, n=2, rng=rng, prefilter=2)
    array([0, 2])
    """
    n = min(n, len(scores))
    if n < 1:
        return np.empty(0, np.int64)
    rows = np.sort(highest(scores, max(n, int(prefilter * n))))
    near = embed[rows] if is_sparse(embed) else read(embed, rows)
    fixed = stacked(labelled_embed if incremental else None, pending_embed)
    clusters = k_means(near, n, rng=rng, weight=scores[rows], fixed=fixed, memory_limit=memory_limit)
    chosen: Array = rows[medoids(clusters, n)]
    return chosen
