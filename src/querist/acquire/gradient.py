"""Ask what would change the model most, whichever way the answer falls."""

from __future__ import annotations

import numpy as np

from querist.acquire.blocks import CACHED, read, spans, square_norms, working_type
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array


@scorer
def expected_gradient_length(*, proba: Array, embed: Array) -> Array:
    """Ask where the expected gradient of a softmax head is longest: doubt times length of the embedding.

    In closed form ‖h‖ · Σ p_y ‖p − e_y‖, for a head without bias (with one, append a column of ones to `embed`); a
    binary sigmoid head has the same order, 1/√2 as large. Not for embeddings of unit length, where it only measures
    doubt, nor where length means nothing (counts of words): long items always win.

    Args:
        proba: (n, c) class probabilities, rows sum to 1.
        embed: (n, d) what the head sees; dense or CSR.

    Returns:
        (n,) expected length, from 0 (certain), in the unit of `embed`.

    Settles, Craven & Ray, NeurIPS 2007.

    >>> expected_gradient_length(proba=np.array([[0.3, 0.7], [1.0, 0.0]]), embed=np.array([[3.0, 4.0]] * 2)).round(3)
    array([2.97, 0.  ])
    """
    if proba.ndim != 2 or embed.shape[0] != proba.shape[0]:
        raise BadValue("embed", embed.shape, f"must have one row for each row of proba, {proba.shape}")
    dtype = np.promote_types(working_type(proba), working_type(embed))
    length: Array = np.sqrt(square_norms(embed).astype(dtype, copy=False))
    for span in spans(proba.shape[0], proba.shape[1] * dtype.itemsize, CACHED // 2):
        p = read(proba, span, dtype)
        length[span] *= np.einsum("ij,ij->i", p, np.sqrt(_square_distances(p)))
    return length


@scorer
def expected_model_change(*, embed: Array, mean_samples: Array, mean: Array | None = None) -> Array:
    """Ask where an answer would move a regression model's weights furthest, its value being as draws foresee.

    ‖h‖ times the mean distance of the draws (or committee members) from the prediction: the expected gradient length of
    the squared error of a linear model on `embed`. As there, a long embedding counts as much as doubt.

    Args:
        embed: (n, d) what the linear model sees; dense or CSR.
        mean_samples: (m, n) predicted means by each draw or member.
        mean: (n,) the model's own prediction; the mean of the draws when left out.

    Returns:
        (n,) expected length, from 0 (all draws agree), in the unit of the target times that of `embed`.

    Cai, Zhang & Zhou, ICDM 2013.

    >>> quarrel, agreed = np.array([[1.0, 2.0], [3.0, 2.0]]).T, np.array([[3.0, 4.0], [3.0, 4.0]])
    >>> expected_model_change(embed=agreed, mean_samples=quarrel.T)
    array([5., 0.])
    """
    if mean_samples.ndim != 2 or mean_samples.shape[0] == 0 or mean_samples.shape[1] != embed.shape[0]:
        raise BadValue("mean_samples", mean_samples.shape, f"must be (draws, {embed.shape[0]}), a draw at least")
    dtype = np.promote_types(working_type(mean_samples), working_type(embed))
    change: Array = np.sqrt(square_norms(embed).astype(dtype, copy=False))
    for span in spans(embed.shape[0], mean_samples.shape[0] * dtype.itemsize, CACHED // 2):
        draws = read(mean_samples, (slice(None), span), dtype)
        centre = draws.mean(axis=0) if mean is None else read(mean, span, dtype)
        change[span] *= np.abs(draws - centre).mean(axis=0)
    return change


def _square_distances(p: Array) -> Array:
    """Return (n, c) ‖p − e_y‖² = Σ_{k≠y} p_k² + (1 − p_y)² for each answer y."""
    each, top = np.arange(len(p)), p.argmax(axis=1)
    rest = p.copy()
    rest[each, top] = 0
    small = np.einsum("ij,ij->i", rest, rest)
    squared: Array = (small + p[each, top] ** 2)[:, None] - p * p + (1 - p) ** 2
    # For the likeliest answer the differences would cancel to rounding noise; the other classes give it exactly.
    squared[each, top] = small + rest.sum(axis=1) ** 2
    return squared
