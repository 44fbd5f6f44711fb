"""Numeric targets: ask where the value is uncertain, or cover the inputs, the outputs, or what the model sees of both.

For batches `lcmd` is the one to begin with: on large tables it needs far fewer labels than chance, where the largest
predictive variances alone are worse than chance. `space="ensemble"` measures in the predictions of a committee (trees,
a bootstrap), for models without an embedding.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, dots, read, spans, working_type
from querist.acquire.distances import Space, held, nearest
from querist.acquire.diversity import k_center
from querist.acquire.greedy import plain_greedy
from querist.errors import BadValue
from querist.registry import scorer, selector
from querist.types import Array, Rng


@scorer
def predictive_std(*, std: Array) -> Array:
    """Ask where the model's own standard deviation is largest; one at a time, with an honest Gaussian process.

    Batches of the largest are near-copies of each other at the rim of the pool: `max_det` conditions on its picks,
    `integrated_variance` asks what lowers the variance where predictions are needed.

    Args:
        std: (n,) predictive standard deviations.

    Returns:
        (n,) the same numbers, in the unit of the target.

    MacKay, Neural Computation 1992 (ALM).

    >>> predictive_std(std=np.array([0.5, 2.0]))
    array([0.5, 2. ])
    """
    return np.array(std, dtype=working_type(std))


@scorer
def qbc_variance(*, mean_samples: Array) -> Array:
    """Ask where the members of a committee predict most differently: trees of a forest, a bootstrap, draws.

    Args:
        mean_samples: (m, n) predicted means by each member.

    Returns:
        (n,) variance over members, in the unit of the target squared; 0 where they agree.

    Krogh & Vedelsby, NeurIPS 1994; Burbidge, Rowland & King, IDEAL 2007.

    >>> qbc_variance(mean_samples=np.array([[1.0, 5.0], [3.0, 5.0]]))
    array([1., 0.])
    """
    _check_samples("mean_samples", mean_samples)
    result = np.empty(mean_samples.shape[1], working_type(mean_samples))
    for span in spans(len(result), 2 * len(mean_samples) * result.itemsize, CACHED):
        result[span] = read(mean_samples, (slice(None), span), result.dtype).var(axis=0)
    return result


@selector
def gsx(
    *,
    embed: Any,
    n: int,
    rng: Rng | None = None,
    labelled_embed: Any = None,
    pending_embed: Any = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the input farthest from all that are labelled, pending or picked; for the first labels, without a model.

    The name under which regression knows `k_center`, with the same picks; it seeks outliers as that does.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        n: how many rows.
        rng: not used: the first row, where nothing is labelled, is the one nearest to the mean.
        labelled_embed: (l, d) rows that are covered already.
        pending_embed: (q, d) rows that will be.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Yu & Kim, SDM 2010; Wu, Lin & Huang, Information Sciences 2019 (GSx).

    >>> gsx(embed=np.array([[0.0], [5.0], [6.0], [9.0]]), n=2)
    array([1, 0])
    """
    return k_center(
        embed=embed,
        n=n,
        rng=rng,
        labelled_embed=labelled_embed,
        pending_embed=pending_embed,
        memory_limit=memory_limit,
    )


@selector
def gsy(
    *,
    mean: Array,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    labelled_target: Array | None = None,
    pending_mean: Array | None = None,
) -> Array:
    """Take the row whose predicted value is farthest from all known or expected values: covers the outputs.

    For targets whose extremes matter; it trusts the predictions, so first label enough for a model (by `gsx`).

    Args:
        mean: (n,) predicted values.
        n: how many rows.
        rng: not used: the first row, where nothing is known, is the one nearest to the mean value; ties go to the
            lower.
        labelled_target: (l,) known values.
        pending_mean: (q,) values expected of rows that are out with people; those of picks count in the same way.

    Returns:
        (n,) rows in the order of choice.

    Wu, Lin & Huang, Information Sciences 2019 (GSy).

    >>> gsy(mean=np.array([1.0, 9.0, 4.0]), labelled_target=np.array([0.0]), n=2)
    array([1, 2])
    """
    values = read(mean, slice(None))
    known = _known_values(labelled_target, pending_mean, values.dtype)
    gaps = np.full(len(values), np.inf, values.dtype)
    for value in known:
        np.minimum(gaps, np.abs(values - value), out=gaps)
    first = None if len(known) or not len(values) else int(np.abs(values - values.mean()).argmin())
    return plain_greedy(gaps, lambda row, _: np.minimum(gaps, np.abs(values - values[row]), out=gaps), n, first=first)


@selector
def igs(
    *,
    embed: Any,
    mean: Array,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    labelled_embed: Any = None,
    labelled_target: Array | None = None,
    pending_embed: Any = None,
    pending_mean: Array | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the row that is far from all known ones in input *and* output; the strongest of the greedy samplings.

    The distance to a known row is ‖x − x′‖ · |f(x) − y′|; the row with the largest distance to its nearest wins. For
    up to some hundreds of labels, whatever the model.

    Args:
        embed: (n, d) dense, memory-mapped or CSR.
        mean: (n,) predicted values.
        n: how many rows.
        rng: not used: the first row, where nothing is known, is the one nearest to the mean input; ties go to the
            lower.
        labelled_embed: (l, d).
        labelled_target: (l,) known values.
        pending_embed: (q, d) rows that are out with people.
        pending_mean: (q,) what is expected of them, as of picks.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Raises:
        BadValue: known inputs and known values are of different number.

    Wu, Lin & Huang, Information Sciences 2019 (iGS).

    >>> igs(
    ...     embed=np.array([[1.0], [4.0], [5.0]]), mean=np.array([3.0, 0.5, 2.0]), n=2,
    ...     labelled_embed=np.array([[0.0]]), labelled_target=np.array([0.0]),
    ... )
    array([2, 0])
    """
    n = min(n, embed.shape[0])
    if n < 1:
        return np.empty(0, np.int64)
    space = Space(embed, memory_limit=memory_limit)
    values = read(mean, slice(None), space.dtype)
    known = held(space, labelled_embed, pending_embed)
    known_values = _known_values(labelled_target, pending_mean, space.dtype)
    if len(known) != len(known_values):
        raise BadValue("labelled_target", len(known_values), f"there are {len(known)} known inputs, and as many values")
    distance = np.full(len(space), np.inf, space.dtype)
    _approach_both(space, values, distance, known, known_values)
    first = None if len(known) else int(space.norms.argmin())

    def approach(row: int, step: int) -> None:  # noqa: ARG001 - the form of an update
        _approach_both(space, values, distance, space.centred([row]), values[[row]])

    return plain_greedy(distance, approach, n, first=first)


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
        inside = cluster == sums.argmax() if sums.any() else True
        pick = int(np.where(inside, distance, -1).argmax())
        picks.append(pick)
        _split(points, cluster, distance, pick, taken)
        distance[picks] = -1
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


def _split(points: Space, cluster: Array, distance: Array, pick: int, number: int) -> None:
    """Give the rows that are nearer to the pick than to their centres to a cluster of that number."""
    centre = points.centred([pick])
    for span in spans(len(points), 1, points.block_rows(1)):
        squared = points.to(span, centre)[:, 0]
        nearer = np.flatnonzero(squared < distance[span])
        distance[span][nearer] = squared[nearer]
        cluster[span][nearer] = number


def _approach_both(space: Space, values: Array, distance: Array, centres: Array, known: Array) -> None:
    """Lower `distance` to the least squared distance in input times that in output."""
    for span in spans(len(space), 1, space.block_rows(max(1, len(centres)))) if len(centres) else ():
        both = space.to(span, centres)
        gap = values[span, None] - known
        both *= gap
        both *= gap
        np.minimum(distance[span], both.min(axis=1), out=distance[span])


def _known_values(target: Array | None, pending: Array | None, dtype: np.dtype[np.floating]) -> Array:
    given = [np.asarray(values, dtype).reshape(-1) for values in (target, pending) if values is not None]
    return np.concatenate(given) if given else np.empty(0, dtype)


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
    _check_samples("mean_samples", mean_samples)
    samples = read(mean_samples, slice(None))
    deviations: Array = np.ascontiguousarray((samples - samples.mean(axis=0)).T)
    deviations /= np.sqrt(len(samples))
    return deviations


def _check_samples(name: str, samples: Array) -> None:
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise BadValue(name, samples.shape, "must be (members, rows), with a member at least")
