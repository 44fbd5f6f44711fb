"""Ask where the model is unsure: scores of single rows from their class probabilities.

With two classes all four scores of class probabilities rank alike; with more, `margin` is the one to begin with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, spans, working_type
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array

_FEW_CLASSES: Final = 32
"""Up to here the two largest of each row are found column by column, beyond by two passes along the rows."""


@scorer
def margin(*, proba: Array) -> Array:
    """Ask where the two likeliest classes are closest: the first strategy to try once a model has learned something.

    Weak before that, and on pools full of near-duplicates, where it asks the same thing many times: there combine it
    with diversity (`weighted_kmeans`), or draw from it (`power_margin`).

    Args:
        proba: (n, c) class probabilities, rows sum to 1.

    Returns:
        (n,) 1 − (p₁ − p₂), from 0 (certain) to 1 (a tie).

    Scheffer, Decomain & Wrobel, IDA 2001; as "best versus second best": Joshi, Porikli & Papanikolopoulos, CVPR 2009.

    >>> margin(proba=np.array([[0.5, 0.5, 0.0], [0.7, 0.2, 0.1]])).round(3)
    array([1. , 0.5])
    """
    return _blockwise(proba, _margin, overwrites=True)


@scorer
def least_confidence(*, proba: Array) -> Array:
    """Ask where the likeliest class is least likely; for one class against a diffuse rest.

    Args:
        proba: (n, c) class probabilities, rows sum to 1.

    Returns:
        (n,) 1 − p₁, from 0 (certain) to 1 − 1/c.

    Lewis & Gale, SIGIR 1994; Culotta & McCallum, AAAI 2005.

    >>> least_confidence(proba=np.array([[0.5, 0.5, 0.0], [0.7, 0.2, 0.1]])).round(3)
    array([0.5, 0.3])
    """
    return _blockwise(proba, _least_confidence, once=True)


@scorer
def entropy(*, proba: Array) -> Array:
    """Ask where the predictive distribution is flattest.

    Weak with many classes: a long tail of tiny probabilities outweighs a real two-way doubt; prefer `margin`.

    Args:
        proba: (n, c) class probabilities, rows sum to 1.

    Returns:
        (n,) Shannon entropy in nats, from 0 (certain) to log c.

    Shannon (1948); as a query strategy: Settles & Craven, EMNLP 2008.

    >>> entropy(proba=np.array([[0.5, 0.5], [1.0, 0.0]])).round(3)
    array([0.693, 0.   ])
    """
    return _blockwise(proba, _entropy)


@scorer
def ratio(*, proba: Array) -> Array:
    """Ask where the runner-up is nearly as likely as the favourite; the margin, measured in log odds.

    It differs from `margin` where both leaders are weak: 0.2 against 0.1 is surer than 0.5 against 0.4.

    Args:
        proba: (n, c) class probabilities, rows sum to 1.

    Returns:
        (n,) p₂ / p₁, from 0 (certain) to 1 (a tie).

    Settles, Active Learning, Morgan & Claypool 2012, section 2.3.

    >>> ratio(proba=np.array([[0.5, 0.4, 0.1], [0.2, 0.1, 0.7]])).round(3)
    array([0.8  , 0.286])
    """
    return _blockwise(proba, _ratio, overwrites=True)


def _blockwise(
    proba: Array, formula: Callable[[Array, Array, int], Array], *, overwrites: bool = False, once: bool = False
) -> Array:
    """Apply the formula to blocks of rows that stay in cache; memory beyond the result does not grow with n.

    The formula gets a block, another of its shape to write to, and the axis of the classes: blocks of few classes are
    turned, so that every step runs along rows. Both blocks are used again and again: fresh memory is slow. A formula
    that overwrites the first gets a copy of it; one that goes over it once gets large blocks as they lie.
    """
    if proba.ndim != 2 or proba.shape[1] == 0:
        raise BadValue("proba", proba.shape, "must have two dimensions (rows, classes) and at least one class")
    rows, classes = proba.shape
    dtype = working_type(proba)
    result = np.empty(rows, dtype)
    axis = 0 if classes <= _FEW_CLASSES else 1
    as_it_is = axis == 1 and not overwrites and proba.dtype == dtype
    block_bytes = 4 * CACHED if once and as_it_is else CACHED // 2
    most = min(rows, max(1, block_bytes // (classes * dtype.itemsize)))
    work = np.empty((2, classes, most) if axis == 0 else (2, most, classes), dtype)
    for span in spans(rows, 1, most):
        size = span.stop - span.start
        block, spare = work[:, :, :size] if axis == 0 else work[:, :size]
        if as_it_is:
            block = np.asarray(proba[span])
        else:
            np.copyto(block, proba[span].T if axis == 0 else proba[span])
        result[span] = formula(block, spare, axis)
    return result


def _margin(block: Array, spare: Array, axis: int) -> Array:
    first, second = _two_largest(block, spare, axis)
    # A hair above 1, as rounding may leave a probability, must not make a score negative.
    scores: Array = np.maximum(1 - (first - second), 0)
    return scores


def _least_confidence(block: Array, spare: Array, axis: int) -> Array:  # noqa: ARG001 - the form of a formula
    scores: Array = np.maximum(1 - block.max(axis=axis), 0)
    return scores


def _ratio(block: Array, spare: Array, axis: int) -> Array:
    first, second = _two_largest(block, spare, axis)
    result: Array = np.divide(second, first, out=np.zeros_like(first), where=first > 0)
    return result


def _two_largest(block: Array, spare: Array, axis: int) -> tuple[Array, Array]:
    """Return the largest and second largest of each row; with one class the second is 0."""
    if axis == 1:
        each, at = np.arange(len(block)), block.argmax(axis=1)
        largest = block[each, at]
        block[each, at] = -np.inf
        return largest, block.max(axis=1)
    first, second, loser = block[0], spare[0], spare[-1] if len(spare) > 1 else np.empty_like(block[0])
    second[:] = 0
    for column in block[1:]:
        np.minimum(first, column, out=loser)
        np.maximum(second, loser, out=second)
        np.maximum(first, column, out=first)
    return first, second


def _entropy(block: Array, spare: Array, axis: int) -> Array:
    # The smallest positive number in place of 0 gives 0 · log(tiny) = 0, with no branch and no warning.
    np.maximum(block, np.finfo(block.dtype).tiny, out=spare)
    np.log(spare, out=spare)
    total: Array = np.einsum("ij,ij->j" if axis == 0 else "ij,ij->i", block, spare)
    np.negative(total, out=total)
    np.maximum(total, 0, out=total)
    return total
