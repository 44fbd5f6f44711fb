"""Selectors that make every target row resemble a row of the batch: submodular coverage, by lazy greedy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.clusters import k_means
from querist.acquire.covering import Coverage, Kernel, ball, cosine, gaussian
from querist.acquire.distances import Space, held
from querist.acquire.draws import highest
from querist.acquire.uncertainty import margin
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng

PURITY: Final = 0.95
"""`prob_cover` covers as far as a row shares its cluster with everything in reach, for so many of the rows."""

CANDIDATES: Final = 12_000
"""So many rows of a larger pool can be picked unless all can: their resemblance to 2,000 targets fits into memory."""


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


def greedy_cover(
    space: Space,
    targets: Array | None,
    kernel: Kernel,
    points: Array,
    n: int,
    *,
    candidates: int,
    rng: Rng | None,
    weight: Array | None = None,
    own: Array | None = None,
) -> Array:
    """Return the n rows that cover the targets best; of a large pool, out of some candidates only.

    Where rows matter unequally, half of the candidates are those that matter most.
    """
    count = max(candidates, 4 * n)
    if targets is None or not candidates or count >= len(space):
        return Coverage.of(space, targets, kernel, points, weight=weight, own=own).select(n)
    if rng is None:
        raise BadValue("rng", None, f"is needed to draw {count} candidates; give it, or candidates=0")
    first = highest(own, count // 2) if own is not None else np.empty(0, np.int64)
    left = np.ones(len(space), bool)
    left[first] = False
    others = rng.choice(np.flatnonzero(left), size=count - len(first), replace=False)
    rows = np.sort(np.concatenate([first, others]))
    near = Coverage.of(
        space.part(rows),
        targets,
        kernel,
        points,
        weight=weight,
        own=None if own is None else own[rows],
        pool=len(space),
    )
    chosen: Array = rows[near.select(n)]
    return chosen


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
    candidates: int = CANDIDATES,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that every row of the pool resembles one of them; the first choice while there is no model.

    Unlike `k_center` it passes over outliers, and unlike `typiclust` it has no number of clusters to choose.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets and candidates of a large pool.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the kernel exp(−d² / radius²); 0 is the root mean square distance from the mean, which is about 1,
            the paper's value, for unit rows.
        unit: compare directions (rows scaled to length 1), as one does with embeddings.
        sample: of a larger pool so many rows stand for all; 0 is exact at any size, n² in time. The estimated gain of
            a row is off by about 1/√sample of its size.
        candidates: of a larger pool so many rows at random can be picked; 0 for all of them, as with `sample=0`.
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
    points = held(space, labelled_embed, pending_embed)
    return greedy_cover(space, targets, kernel, points, n, candidates=candidates, rng=rng)


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
    candidates: int = CANDIDATES,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that the mean cosine of every row to its nearest pick is greatest; `max_herding` with a wide kernel.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets and candidates of a large pool.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        candidates: of a larger pool so many rows at random can be picked; 0 for all of them, as with `sample=0`.
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
    points = held(space, labelled_embed, pending_embed)
    return greedy_cover(space, targets, cosine, points, n, candidates=candidates, rng=rng)


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
    candidates: int = CANDIDATES,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take rows so that balls around them hold as much of the pool as possible; very sensitive to the radius.

    Args:
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets and candidates of a large pool, and seeds the clusters that the radius is read from.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the balls; 0 is the largest with which 95 % of the targets share their cluster with all in reach.
        clusters: pseudo-classes for that; about the number of classes.
        unit: compare directions (rows scaled to length 1).
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        candidates: of a larger pool so many rows at random can be picked; 0 for all of them, as with `sample=0`.
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
    points = held(space, labelled_embed, pending_embed)
    return greedy_cover(space, targets, ball(reach), points, n, candidates=candidates, rng=rng)


def _pure_radius(places: Array, clusters: int, rng: Rng) -> float:
    """Return the largest radius within which 95 % of the places see their own cluster only.

    That is a quantile of the distance from each place to the nearest one of another cluster.
    """
    found = k_means(places, clusters, rng=rng)
    nearest_other = np.full(len(places), np.inf, places.dtype)
    for span in spans(len(places), 1, found.space.block_rows(len(places))):
        after = slice(span.start, None)  # the distance to a place before is known from there
        squared = found.space.between(span, after)
        squared[found.assignment[span][:, None] == found.assignment[after]] = np.inf
        np.minimum(nearest_other[span], squared.min(axis=1), out=nearest_other[span])
        np.minimum(nearest_other[after], squared.min(axis=0), out=nearest_other[after])
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
    candidates: int = CANDIDATES,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Cover the rows that the model is unsure of; it turns from coverage into margin by itself as labels come in.

    The radius is the least distance between labelled rows, so that each label sharpens the kernel: wide at the start
    (`max_herding`), in the end a row covers nothing but itself (`margin`). One method for every budget.

    Args:
        proba: (n, c) calibrated class probabilities.
        embed: (n, d) dense or memory-mapped.
        n: how many rows.
        rng: samples targets and candidates of a large pool.
        target_proba: (t, c) probabilities of the rows to cover.
        target_embed: (t, d) rows to cover; None means the pool itself.
        labelled_embed: (l, d) rows that cover already.
        pending_embed: (q, d) rows that will.
        radius: of the kernel; 0 is the least positive distance between labelled rows.
        unit: compare directions (rows scaled to length 1).
        sample: of a larger pool so many rows stand for all; 0 is exact at any size.
        candidates: of a larger pool so many rows at random can be picked; 0 for all of them, as with `sample=0`.
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
    return greedy_cover(space, targets, kernel, points, n, candidates=candidates, rng=rng, weight=weight, own=own)


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
