"""Scores of where a row lies in the pool: in the thick of it, or far from what is known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, converted, dots, is_sparse, read, spans, square_norms, working_type
from querist.acquire.distances import Space, held, nearest
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array

KERNELS: Final = ("cosine", "gaussian")


@scorer(whole_pool=True)
def information_density(
    *,
    embed: Any,
    target_mean: Array | None = None,
    target_embed: Any = None,
    kernel: str = "cosine",
    radius: float = 0.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Score how much a row resembles the rest of the pool; multiply it with a doubt, so that outliers are passed over.

    With the cosine it takes time linear in the pool, since the mean cosine to all rows is the cosine to their mean.
    The preset of this name is its product with `entropy`.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        target_mean: (d,) mean of the length-normalised rows of the whole pool; None means of the given rows.
        target_embed: (t, d) rows to resemble, for the Gaussian; None means the given rows.
        kernel: `cosine`, or `gaussian`, exp(−d² / radius²).
        radius: of the Gaussian; 0 is the root mean square distance from the mean.
        memory_limit: bytes of working memory.

    Returns:
        (n,) (1 + mean cosine) / 2, or the mean of the Gaussian, from 0 to 1.

    Settles & Craven, EMNLP 2008.

    >>> information_density(embed=np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])).round(3)
    array([0.833, 0.833, 0.667])
    """
    if kernel not in KERNELS:
        raise BadValue("kernel", kernel, "is not a kernel of information density", choices=KERNELS)
    if kernel == "gaussian":
        space = Space(embed, memory_limit=memory_limit)
        width = radius * radius or max(float(space.norms.mean()), 1e-12)
        return _over_targets(space, target_embed, lambda squared: np.exp(squared / -width).mean(axis=1))
    dtype = working_type(embed)
    lengths = np.sqrt(square_norms(embed, memory_limit=memory_limit))
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    mean = _mean_direction(embed, scale) if target_mean is None else np.asarray(target_mean, dtype)
    cosine = scale.copy()
    for span in spans(len(scale), embed.shape[1] * dtype.itemsize, 2**20):
        cosine[span] *= dots(embed, span, mean[None].astype(dtype))[:, 0]
    result: Array = np.clip((1 + cosine) / 2, 0, 1)
    return result


def _mean_direction(embed: Any, scale: Array) -> Array:
    total = np.zeros(embed.shape[1])
    for span in spans(len(scale), embed.shape[1] * scale.itemsize, 2**20):
        part = embed[span]
        total += np.asarray(scale[span] @ (part if is_sparse(part) else converted(part, scale.dtype))).reshape(-1)
    return total / max(1, len(scale))


def _over_targets(space: Space, targets: Any, reduce: Callable[[Array], Array]) -> Array:
    """Return the reduced squared distances of each row to all targets, block by block."""
    places = space.place(targets) if targets is not None else space.centred(slice(None))
    result = np.empty(len(space), space.dtype)
    for span in spans(len(space), 1, space.block_rows(len(places))):
        result[span] = reduce(space.to(span, places))
    return result


def _mean_to_neighbours(space: Space, targets: Any, neighbours: int) -> Array:
    """Return the mean distance to the nearest targets; a target at the row's own place is taken for the row itself."""
    count = min(neighbours, (len(space) if targets is None else targets.shape[0]) - 1)
    if count < 1:
        return np.zeros(len(space), space.dtype)

    def reduce(squared: Array) -> Array:
        near = np.sort(np.partition(squared, count, axis=1)[:, : count + 1], axis=1)
        own = near[:, :1] <= 1e-12 if targets is not None else np.ones((len(near), 1), bool)
        distances: Array = np.sqrt(np.where(own, near[:, 1:], near[:, :-1])).mean(axis=1)
        return distances

    return _over_targets(space, targets, reduce)


@scorer(whole_pool=True)
def typicality(
    *, embed: Any, target_embed: Any = None, neighbours: int = 20, memory_limit: int = MEMORY_LIMIT
) -> Array:
    """Score how near the neighbours of a row are: high in the thick of a group, low for outliers.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        target_embed: (t, d) rows among which neighbours are sought; None means the given rows, n² in time.
        neighbours: how many.
        memory_limit: bytes of working memory.

    Returns:
        (n,) 1 / (1 + mean distance to the neighbours), from 0 to 1.

    Hacohen, Dekel & Weinshall, ICML 2022, where it is the inverse of the mean distance.

    >>> typicality(embed=np.array([[0.0], [1.0], [2.0], [9.0]]), neighbours=2).round(3)
    array([0.4  , 0.5  , 0.4  , 0.118])
    """
    return 1 / (1 + _mean_to_neighbours(Space(embed, memory_limit=memory_limit), target_embed, neighbours))


@scorer(whole_pool=True)
def isolation(*, embed: Any, target_embed: Any = None, neighbours: int = 5, memory_limit: int = MEMORY_LIMIT) -> Array:
    """Score how far the neighbours of a row are: finds outliers, faults, and classes too rare to have formed a group.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        target_embed: (t, d) rows among which neighbours are sought; None means the given rows, n² in time.
        neighbours: how many.
        memory_limit: bytes of working memory.

    Returns:
        (n,) mean distance to the neighbours, in the unit of the embedding.

    Ramaswamy, Rastogi & Shim, SIGMOD 2000.

    >>> isolation(embed=np.array([[0.0], [1.0], [2.0], [9.0]]), neighbours=2)
    array([1.5, 1. , 1.5, 7.5])
    """
    return _mean_to_neighbours(Space(embed, memory_limit=memory_limit), target_embed, neighbours)


@scorer(whole_pool=True)
def novelty(
    *,
    embed: Any,
    labelled_embed: Any = None,
    target_embed: Any = None,
    neighbours: int = 5,
    outliers: float = 1.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Score how far a row is from everything labelled, and how alone it is: finds classes that nobody has seen.

    Alone it is for rare and unseen classes, and for faults; multiplied with a doubt, for data that drifts.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        labelled_embed: (l, d) what is known; without labels, only the neighbours count.
        target_embed: (t, d) rows of the pool among which neighbours are sought; None means the given rows.
        neighbours: how many.
        outliers: above 0 rows that are alone are preferred, below 0 rows in a group (an outlier may be a fault rather
            than a class), at 0 the distance to the labels decides by itself.
        memory_limit: bytes of working memory.

    Returns:
        (n,) a · (b / (a + b)) ** outliers, or a · (a / (a + b)) ** −outliers where that is negative; a is the distance
        to the nearest label, b the mean distance to neighbours in the pool; b alone where nothing is labelled.

    >>> x = np.array([[0.0], [0.5], [8.0], [8.1], [30.0]])
    >>> novelty(embed=x, labelled_embed=x[:1], neighbours=1, outliers=0.0)
    array([ 0. ,  0.5,  8. ,  8.1, 30. ])
    >>> novelty(embed=x, labelled_embed=x[:1], neighbours=1, outliers=-8.0).round(2)
    array([0.  , 0.  , 7.24, 7.34, 0.37])
    """
    space = Space(embed, memory_limit=memory_limit)
    known = held(space, labelled_embed)
    around = _mean_to_neighbours(space, target_embed, neighbours)
    if not len(known):
        return around
    far = np.sqrt(nearest(space, known)[1])
    part = around if outliers > 0 else far
    share: Array = np.divide(part, far + around, out=np.zeros_like(far), where=far + around > 0)
    result: Array = far * share ** abs(outliers)
    return result


@scorer
def contrastive(
    *,
    proba: Array,
    embed: Any,
    labelled_proba: Array,
    labelled_embed: Any,
    neighbours: int = 10,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask where the model predicts otherwise than for the labelled rows nearby: its boundary between near rows.

    Args:
        proba: (n, c) class probabilities.
        embed: (n, d) dense, memory-mapped or CSR.
        labelled_proba: (l, c) of the labelled rows, by the same model.
        labelled_embed: (l, d) of the labelled rows.
        neighbours: so many nearest labelled rows are compared.
        memory_limit: bytes of working memory.

    Returns:
        (n,) mean Kullback–Leibler divergence, in nats, of the row's distribution from those of its neighbours; 0 where
        nothing is labelled.

    Margatina, Vernikos, Barrault & Aletras, "Active Learning by Acquiring Contrastive Examples", EMNLP 2021.

    >>> contrastive(proba=np.array([[0.5, 0.5], [1.0, 0.0]]), embed=np.array([[0.0], [1.0]]),
    ...             labelled_proba=np.array([[1.0, 0.0]]), labelled_embed=np.array([[0.0]])).round(3)
    array([0.693, 0.   ])
    """
    dtype = working_type(embed)
    count = min(neighbours, len(labelled_proba))
    if count < 1:
        return np.zeros(len(proba), dtype)
    known, known_proba = read(labelled_embed, slice(None), dtype), np.asarray(labelled_proba, np.float64)
    tiny = np.finfo(np.float32).tiny
    own = np.einsum("ij,ij->i", known_proba, np.log(np.maximum(known_proba, tiny)))
    half = np.einsum("ij,ij->i", known, known) / 2
    result = np.empty(len(proba), dtype)
    row_bytes = (len(known) + count * proba.shape[1]) * 8
    for span in spans(len(proba), row_bytes, min(memory_limit // 4, 2**22)):
        nearness = dots(embed, span, known) - half
        near = np.argpartition(-nearness, count - 1, axis=1)[:, :count]
        logs = np.log(np.maximum(np.asarray(proba[span], np.float64), tiny))
        divergence = own[near] - np.einsum("rkc,rc->rk", known_proba[near], logs)
        result[span] = np.maximum(divergence, 0).mean(axis=1)
    return result
