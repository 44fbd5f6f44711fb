"""Batches for numeric targets, spread over what the model sees of the inputs.

`lcmd` is the one to begin with: on large tables it needs far fewer labels than chance, where the largest predictive
variances alone are worse than chance. `space="ensemble"` measures in the predictions of a committee (trees, a
bootstrap), for models without an embedding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, dots, read, spans, working_type
from querist.acquire.distances import Space, held, nearest, to_one
from querist.acquire.greedy import plain_greedy
from querist.acquire.regression import check_samples
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng


@selector
def lcmd(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    mean_samples: Array | None = None,
    labelled_embed: Any = None,
    labelled_mean_samples: Array | None = None,
    pending_embed: Any = None,
    pending_mean_samples: Array | None = None,
    space: str = "embed",
    sketch: int = 0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take, from the cluster with the largest sum of squared distances, its farthest row, again and again.

    Each labelled, pending and picked row is the centre of a cluster. Between `k_center`, which only sees the farthest
    row, and k-means: clusters that are large or wide are split first. The first choice for batches in regression; in
    the embedding of a network's last layer, whose gradient it is.

    Args:
        embed: (n, d) dense, memory-mapped or CSR; not looked at in the space `ensemble`.
        n: how many rows.
        rng: draws the sketch; else not used: the first row, where nothing is labelled, is the one nearest to the mean
            (the authors' code takes the longest); ties go to the lower.
        mean_samples: (m, n) predictions by each member; needed for `space="ensemble"`.
        labelled_embed: (l, d).
        labelled_mean_samples: (m, l) by the same members.
        pending_embed: (q, d).
        pending_mean_samples: (m, q) by the same members.
        space: `embed`, or `ensemble`, where two rows are near if all members predict them alike.
        sketch: dimensions of a random projection, for embeddings of thousands (full gradients); 0 for none.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Raises:
        BadValue: an unknown space, or one whose arrays are missing.

    Holzmüller, Zaverkin, Kästner & Steinwart, JMLR 2023; ensemble covariances: Kirsch, TMLR 2023.

    Nine rows lie two away from one label, and one row three away from the other; the nine weigh more:

    >>> from querist.acquire import gsx
    >>> rows, labels = np.append(np.linspace(1.5, 2.5, 9), 13.0)[:, None], np.array([[0.0], [10.0]])
    >>> lcmd(embed=rows, labelled_embed=labels, n=1), gsx(embed=rows, labelled_embed=labels, n=1)
    (array([8]), array([9]))
    """
    rows, *known = _features(
        space,
        sketch,
        rng,
        (embed, labelled_embed, pending_embed),
        (mean_samples, labelled_mean_samples, pending_mean_samples),
    )
    n = min(n, rows.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    points = Space(rows, memory_limit=memory_limit)
    centres = held(points, *known)
    picks: list[int] = []
    if len(centres):
        cluster, distance = nearest(points, centres)
    else:
        picks.append(int(points.norms.argmin()))
        cluster, distance = nearest(points, points.centred(picks))
    distance[picks] = -1
    taken = max(1, len(centres))
    while len(picks) < n:
        sums = np.bincount(cluster, np.maximum(distance, 0), minlength=taken)
        # Where all that is left are copies of centres, every sum is 0, and any row will do.
        inside = np.flatnonzero(cluster == sums.argmax()) if sums.any() else np.arange(len(cluster))
        picks.append(int(inside[distance[inside].argmax()]))
        for span, squared in to_one(points, points.centred(picks[-1:])[0]):
            nearer = np.flatnonzero(squared < distance[span])
            distance[span][nearer] = squared[nearer]
            cluster[span][nearer] = taken
        distance[picks[-1]] = -1
        taken += 1
    return np.array(picks, np.int64)


@selector
def max_det(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    mean_samples: Array | None = None,
    labelled_embed: Any = None,
    labelled_mean_samples: Array | None = None,
    pending_embed: Any = None,
    pending_mean_samples: Array | None = None,
    space: str = "embed",
    sketch: int = 0,
    noise: float = 0.1,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the row whose value is most uncertain given all before, again and again: `predictive_std` for batches.

    The uncertainty is that of a Bayesian linear model on [x, 1] (or on the centred predictions of an ensemble), which
    shrinks along the directions that labelled, pending and picked rows span: greedy for the largest determinant of the
    batch's covariance, the largest information about the weights. It seeks the rim of the pool; `lcmd` its middle, too.

    Args:
        embed: (n, d) dense, memory-mapped or CSR; not looked at in the space `ensemble`.
        n: how many rows.
        rng: draws the sketch; else not used; ties go to the lower row.
        mean_samples: (m, n) predictions by each member; needed for `space="ensemble"`.
        labelled_embed: (l, d).
        labelled_mean_samples: (m, l) by the same members.
        pending_embed: (q, d).
        pending_mean_samples: (m, q) by the same members.
        space: `embed` or `ensemble`.
        sketch: dimensions of a random projection, for embeddings of thousands (full gradients); 0 for none.
        noise: variance of a label about its value, that of the weights being 1; above 0.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Raises:
        BadValue: an unknown space, or one whose arrays are missing; a noise that is not above 0.

    MacKay, Neural Computation 1992; greedy determinants: Holzmüller et al., JMLR 2023 (MaxDet).

    The longest row first; its near-copy then has little left to say:

    >>> max_det(embed=np.array([[4.0, 0.0], [3.9, 0.1], [0.0, 2.0]]), n=2)
    array([0, 2])
    """
    if noise <= 0:
        raise BadValue("noise", noise, "must be above 0")
    rows, *known = _features(
        space,
        sketch,
        rng,
        (embed, labelled_embed, pending_embed),
        (mean_samples, labelled_mean_samples, pending_mean_samples),
    )
    lift = int(space == "embed")  # a bias makes sense of an embedding's origin
    dtype = working_type(rows)
    seen = [_lifted(read(group, slice(None), np.dtype(np.float64)), lift) for group in known if group is not None]
    precision = np.eye(rows.shape[1] + lift)
    for group in seen:
        precision += group.T @ group / noise
    covariance = np.linalg.inv(precision)
    variance = np.empty(rows.shape[0], dtype)
    parts = list(spans(len(variance), (rows.shape[1] + lift) * dtype.itemsize, min(memory_limit // 4, 4 * CACHED)))
    for part in parts:
        block = _lifted(read(rows, part, dtype), lift)
        variance[part] = np.einsum("ri,ri->r", block @ covariance.astype(dtype), block)

    def condition(row: int, step: int) -> None:  # noqa: ARG001 - the form of an update
        own = _lifted(read(rows, [row], np.dtype(np.float64)), lift)[0]
        shared = covariance @ own
        shared /= np.sqrt(noise + max(own @ shared, 0))
        np.subtract(covariance, np.outer(shared, shared), out=covariance)
        for part in parts:
            known_part = dots(rows, part, shared[None, : rows.shape[1]].astype(dtype))[:, 0]
            known_part += lift * dtype.type(shared[-1])
            variance[part] -= known_part * known_part

    return plain_greedy(variance, condition, n)


def _lifted(block: Array, lift: int) -> Array:
    return np.hstack([block, np.ones((len(block), lift), block.dtype)])


def _features(
    space: str, sketch: int, rng: Rng | None, embeds: tuple[Any, ...], samples: tuple[Array | None, ...]
) -> list[Any]:
    """Return candidate, labelled and pending rows (None where there are none) in the space to measure in."""
    chosen = {"embed": embeds, "ensemble": samples}
    if space not in chosen:
        raise BadValue("space", space, "must be embed or ensemble", choices=tuple(chosen))
    if chosen[space][0] is None:
        raise BadValue("space", space, f"needs the signal {'embed' if space == 'embed' else 'mean_samples'}")
    rows: list[Any] = list(embeds) if space == "embed" else [_deviations(group) for group in samples]
    if not sketch:
        return rows
    if rng is None:
        raise BadValue("rng", None, "is needed to draw a sketch")
    directions = (rng.standard_normal((sketch, rows[0].shape[1])) / np.sqrt(sketch)).astype(working_type(rows[0]))
    return [None if group is None else dots(group, slice(None), directions) for group in rows]


def _deviations(mean_samples: Array | None) -> Array | None:
    """Return (n, m) deviations of the members from their mean: inner products are covariances of predictions."""
    if mean_samples is None:
        return None
    check_samples("mean_samples", mean_samples)
    samples = read(mean_samples, slice(None))
    deviations: Array = np.ascontiguousarray((samples - samples.mean(axis=0)).T)
    deviations /= np.sqrt(len(samples))
    return deviations
