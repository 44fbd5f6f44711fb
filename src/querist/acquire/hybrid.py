"""Selectors that want rows to be both unsure and spread: batch methods for when a model has learned something."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, is_sparse, read, spans
from querist.acquire.clusters import k_means, medoids
from querist.acquire.distances import Space, held
from querist.acquire.diversity import stacked
from querist.acquire.draws import highest
from querist.acquire.uncertainty import entropy, margin
from querist.errors import BadValue
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

    Raises:
        BadValue: a score is negative.

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
    if scores[rows].min() < 0:
        raise BadValue("scores", float(scores[rows].min()), "are weights here, and must not be negative")
    near = embed[rows] if is_sparse(embed) else read(embed, rows)
    fixed = stacked(labelled_embed if incremental else None, pending_embed)
    clusters = k_means(near, n, rng=rng, weight=scores[rows], fixed=fixed, memory_limit=memory_limit)
    chosen: Array = rows[medoids(clusters, n)]
    return chosen


@selector
def clue(
    *,
    proba: Array,
    embed: Any,
    n: int,
    rng: Rng,
    pending_embed: Any = None,
    iterations: int = 30,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Cluster the whole pool, weighted by entropy, and take the row nearest to each centre.

    Made for pools of another domain than the labels; on one's own domain `weighted_kmeans`, which clusters the most
    uncertain rows only, is better and much quicker.

    Args:
        proba: (n, c) class probabilities.
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: seeds the centres.
        pending_embed: (q, d) rows that hold a centre each, so that the batch goes elsewhere.
        iterations: of k-means, at most.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows, that of the largest cluster first.

    Prabhu, Chandrasekaran, Saenko & Hoffman, "Active Domain Adaptation via Clustering Uncertainty-weighted
    Embeddings", ICCV 2021.

    >>> proba = np.array([[0.5, 0.5], [0.99, 0.01], [0.6, 0.4], [0.5, 0.5]])
    >>> clue(proba=proba, embed=np.array([[0.0], [0.6], [9.0], [9.1]]), n=2, rng=np.random.default_rng(0))
    array([0, 3])
    """
    n = min(n, len(proba))
    if n < 1:
        return np.empty(0, np.int64)
    weight, fixed = entropy(proba=proba), stacked(pending_embed)
    found = k_means(embed, n, rng=rng, weight=weight, fixed=fixed, iterations=iterations, memory_limit=memory_limit)
    return medoids(found, n)


@selector
def cluster_margin(
    *,
    scores: Array,
    embed: Any,
    n: int,
    rng: Rng,
    prefilter: float = 10.0,
    clusters: float = 1.25,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the most uncertain rows in turn from clusters, small ones first; for batches of thousands.

    Args:
        scores: (n,) of `margin`.
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: seeds the clusters and draws within them.
        prefilter: only the best `prefilter · n` rows by score are looked at.
        clusters: how many, as a multiple of n.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice, one at random of each cluster in turn.

    Citovsky et al., "Batch Active Learning at Scale", NeurIPS 2021, where the whole pool is clustered once, by average
    linkage; here the rows looked at are clustered anew each time, by k-means, since a selector has no memory.

    >>> x = np.array([[0.0], [0.1], [0.2], [9.0], [50.0]])
    >>> cluster_margin(scores=np.array([0.9, 0.9, 0.9, 0.8, 0.0]), embed=x, n=2, rng=np.random.default_rng(0),
    ...                prefilter=2, clusters=1)
    array([3, 0])
    """
    n = min(n, len(scores))
    if n < 1:
        return np.empty(0, np.int64)
    rows = np.sort(highest(scores, max(n, int(prefilter * n))))
    near = embed[rows] if is_sparse(embed) else read(embed, rows)
    k = max(1, min(len(rows), round(clusters * n)))
    found = k_means(near, k, rng=rng, iterations=30, memory_limit=memory_limit)
    order = rng.permutation(len(rows))
    # The turn in which a row comes up is its place in its cluster, once rows are shuffled.
    turn = np.empty(len(rows), np.int64)
    for cluster in range(k):
        mine = order[found.assignment[order] == cluster]
        turn[mine] = np.arange(len(mine))
    size = found.sizes[found.assignment]
    chosen: Array = rows[np.lexsort((found.assignment, size, turn))[:n]]
    return chosen


@selector
def falcun(
    *,
    proba: Array,
    n: int,
    rng: Rng,
    pending_proba: Array | None = None,
    gamma: float = 10.0,
) -> Array:
    """Draw rows that are unsure or predicted unlike those drawn before; as quick as `margin`, and needs no embedding.

    Args:
        proba: (n, c) class probabilities.
        n: how many rows.
        rng: the source of chance.
        pending_proba: (q, c) of rows that are out, which count as drawn.
        gamma: how sharply the best are preferred.

    Returns:
        (n,) rows in the order of drawing, each with probability in proportion to (doubt + distance) ** gamma; doubt is
        1 − (p₁ − p₂), distance the least L1 distance of the probabilities to those drawn, scaled to [0, 1]; before the
        first draw the doubt counts twice.

    Gilhuber, Beer, Ma & Seidl, "FALCUN: A Simple and Efficient Deep Active Learning Strategy", ECML PKDD 2024.

    >>> proba = np.array([[0.5, 0.5], [1.0, 0.0], [0.98, 0.02], [0.1, 0.9]])
    >>> falcun(proba=proba, n=2, rng=np.random.default_rng(0))
    array([0, 3])
    """
    n = min(n, len(proba))
    p = np.asarray(proba, np.float64 if proba.dtype == np.float64 else np.float32)
    doubt = np.asarray(margin(proba=proba), np.float64)
    distance = doubt.copy()
    for other in () if pending_proba is None else np.asarray(pending_proba):
        np.minimum(distance, np.abs(p - other).sum(axis=1), out=distance)
    left = np.ones(len(p), bool)
    picks = np.empty(n, np.int64)
    for step in range(n):
        spread = float(distance[left].max() - distance[left].min())
        relevance = doubt + ((distance - distance[left].min()) / spread if spread > 0 else 0)
        # In logarithms relative to the best, or a small relevance to the tenth power would be 0.
        weight = np.where(left, np.maximum(relevance, 1e-12) / max(float(relevance[left].max()), 1e-12), 0) ** gamma
        cumulated = np.cumsum(weight)
        row = int(np.searchsorted(cumulated, rng.random() * cumulated[-1], side="right"))
        picks[step] = row
        left[row] = False
        np.minimum(distance, np.abs(p - p[row]).sum(axis=1), out=distance)
    return picks


@selector
def discriminative(
    *,
    embed: Any,
    n: int,
    rng: Rng,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    batches: int = 10,
    ratio: float = 10.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the rows that a classifier tells most easily from the labelled ones, and teach it again after each part.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: draws the unlabelled rows that the classifier learns from.
        labelled_embed: (l, d) labelled rows.
        pending_embed: (q, d) rows that count as labelled.
        batches: how often the classifier is taught.
        ratio: so many unlabelled rows for each labelled one, at most, and 1,000 at least.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice; where nothing is labelled, the first is the one nearest to the mean.

    Gissin & Shalev-Shwartz, "Discriminative Active Learning", 2019 (arXiv 1907.06347); a logistic regression takes the
    place of the authors' small network.

    >>> x = np.array([[0.0], [0.1], [0.2], [5.0], [9.0]])
    >>> discriminative(embed=x, labelled_embed=x[:2], n=1, rng=np.random.default_rng(0))
    array([4])
    """
    from sklearn.linear_model import LogisticRegression

    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, memory_limit=memory_limit)
    known = held(space, labelled_embed, pending_embed)
    scale = max(float(np.sqrt(space.norms.mean(dtype=np.float64))), 1e-12)
    picks: list[int] = [] if len(known) else [int(space.norms.argmin())]
    while len(picks) < n:
        left = np.setdiff1d(np.arange(len(space)), picks)
        done = np.concatenate([known, space.centred(picks)]) if picks else known
        some = rng.choice(left, size=min(len(left), max(1000, int(ratio * len(done)))), replace=False)
        model = LogisticRegression(class_weight="balanced", max_iter=500)
        model.fit(np.concatenate([done, space.centred(some)]) / scale, np.arange(len(done) + len(some)) >= len(done))
        direction = (model.coef_[0] / scale).astype(space.dtype)
        unlike = np.concatenate(
            [space.dots(span, direction[None])[:, 0] for span in spans(len(space), 1, space.block_rows(1))]
        )
        unlike[picks] = -np.inf
        picks += highest(unlike, min(n - len(picks), -(-n // batches))).tolist()
    return np.array(picks, np.int64)
