"""Numeric targets: ask where the value is uncertain, or cover the inputs, the outputs, or what the model sees of both.

These ask one row at a time well; for batches see `numeric_batches`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, read, spans, working_type
from querist.acquire.distances import Space, held
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
    check_samples("mean_samples", mean_samples)
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


def check_samples(name: str, samples: Array) -> None:
    """Raise BadValue for predictions of a committee that have no members."""
    if samples.ndim != 2 or samples.shape[0] == 0:
        raise BadValue(name, samples.shape, "must be (members, rows), with a member at least")
