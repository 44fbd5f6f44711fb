"""Ask where the members of a committee, or the draws from a posterior, contradict each other.

Doubt has two sources: each member may be unsure of the item (more labels will not help), or the members may be sure of
different things (a label settles it). `vote_entropy`, `variation_ratio` and `kl_disagreement` see the second only;
`consensus_entropy` sees the sum. All members must have been asked in the same order: `proba_samples[t]` is member t.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from querist.acquire.blocks import CACHED, read, spans, working_type
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array


@scorer
def vote_entropy(*, proba_samples: Array) -> Array:
    """Ask where the members' votes are spread most evenly; for committees of few, different, overconfident models.

    Each member has one vote, whatever its doubts, so that a badly calibrated member cannot outweigh the others. With m
    members there are few distinct values and many ties; `kl_disagreement` is finer where probabilities can be trusted.

    Args:
        proba_samples: (m, n, c) class probabilities by each member; a member votes for its likeliest class, the first
            of equals.

    Returns:
        (n,) entropy of the shares of votes in nats, from 0 (unanimous) to log min(m, c).

    Dagan & Engelson, ICML 1995.

    >>> sure, torn = [0.9, 0.1], [0.4, 0.6]
    >>> vote_entropy(proba_samples=np.array([[sure, sure], [sure, torn], [sure, torn]])).round(3)
    array([0.   , 0.637])
    """
    members = _check(proba_samples)[0]
    # A share of votes takes only m + 1 values, whose terms of the entropy are looked up.
    shares = np.arange(members + 1) / members
    terms = -shares * np.log(np.maximum(shares, 1 / members))
    return _of_votes(proba_samples, lambda votes: terms[votes].sum(axis=1))


@scorer
def variation_ratio(*, proba_samples: Array) -> Array:
    """Ask where fewest members voted with the majority; `vote_entropy` for those who care about the winner only.

    Args:
        proba_samples: (m, n, c) class probabilities by each member; a member votes for its likeliest class, the first
            of equals.

    Returns:
        (n,) share of votes not cast for the winner, from 0 (unanimous) to 1 − 1 / min(m, c).

    Freeman, Elementary Applied Statistics, 1965; as a query strategy: Gal, Islam & Ghahramani, ICML 2017.

    >>> sure, torn = [0.9, 0.1], [0.4, 0.6]
    >>> variation_ratio(proba_samples=np.array([[sure, sure], [sure, torn], [sure, torn]])).round(3)
    array([0.   , 0.333])
    """
    members = _check(proba_samples)[0]
    return _of_votes(proba_samples, lambda votes: 1 - votes.max(axis=1) / members)


@scorer
def consensus_entropy(*, proba_samples: Array) -> Array:
    """Ask where the committee, taken together, is least sure, whether its members agree in that or not.

    The better-calibrated cousin of `entropy`: averaging tempers overconfident members. It also asks where all members
    are unsure alike (label noise); `kl_disagreement` does not.

    Args:
        proba_samples: (m, n, c) class probabilities by each member, rows sum to 1.

    Returns:
        (n,) entropy of the mean distribution in nats, from 0 to log c.

    Settles, Active Learning, Morgan & Claypool 2012, section 3.3.

    >>> sure, torn = [0.9, 0.1], [0.4, 0.6]
    >>> consensus_entropy(proba_samples=np.array([[sure, sure], [sure, torn], [sure, torn]])).round(3)
    array([0.325, 0.684])
    """
    return _entropies(proba_samples, lambda of_mean, _: of_mean, of_members=False)


@scorer
def soft_vote_entropy(*, proba_samples: Array) -> Array:
    """Ask where the committee's shared-out votes are spread most evenly: `consensus_entropy` by its older name.

    Each member splits its vote by its probabilities; the shares of such votes are the mean distribution, so the two
    names give the same numbers. Prefer it to `vote_entropy` where members are calibrated.

    Args:
        proba_samples: (m, n, c) class probabilities by each member, rows sum to 1.

    Returns:
        (n,) entropy of the mean distribution in nats, from 0 to log c.

    Settles, Active Learning, Morgan & Claypool 2012, section 3.3 (there: soft vote entropy).

    >>> soft_vote_entropy(proba_samples=np.array([[[1.0, 0.0]], [[0.0, 1.0]]])).round(3)
    array([0.693])
    """
    return consensus_entropy(proba_samples=proba_samples)


@scorer
def kl_disagreement(*, proba_samples: Array) -> Array:
    """Ask where the members diverge most from their consensus, each weighed by how sure it is.

    The mean Kullback–Leibler divergence from the consensus is the same number as the mutual information that `bald`
    asks for. Members that are all unsure alike disagree about nothing: pure label noise scores 0.

    Args:
        proba_samples: (m, n, c) class probabilities by each member, rows sum to 1.

    Returns:
        (n,) mean divergence in nats, from 0 (unanimous) to log min(m, c).

    McCallum & Nigam, ICML 1998.

    >>> noise, quarrel = [[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]
    >>> kl_disagreement(proba_samples=np.array([noise, quarrel]).swapaxes(0, 1)).round(3)
    array([0.   , 0.693])
    """
    return mutual_information(proba_samples)


def mutual_information(proba_samples: Array) -> Array:
    """Return (n,) H(mean over draws) − mean over draws of H, in nats: what `bald` and `kl_disagreement` ask for.

    >>> mutual_information(np.array([[[0.9, 0.1]], [[0.1, 0.9]]])).round(3)
    array([0.368])
    """
    return _entropies(proba_samples, np.subtract)


def streamed_information(draws: Iterable[Array]) -> Array:
    """Return `mutual_information` of draws that arrive one at a time, each of them (n, c), none of them kept.

    For models that sample by switching dropout on, or by loading one snapshot after the other: memory is that of two
    draws, whatever their number.

    Raises:
        BadValue: there is no draw, or the draws differ in shape.

    >>> streamed_information(iter([np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]])])).round(3)
    array([0.368])
    """
    total: Array | None = None
    count = 0
    for draw in draws:
        count += 1
        dtype = working_type(draw)
        if total is None:
            if draw.ndim != 2:
                raise BadValue("draws", draw.shape, "must have two dimensions (rows, classes)")
            total, inner = np.zeros(draw.shape, dtype), np.zeros(draw.shape, dtype)
        elif draw.shape != total.shape:
            raise BadValue("draws", draw.shape, f"must all have the shape of the first, {total.shape}")
        for span in spans(draw.shape[0], draw.shape[1] * dtype.itemsize, CACHED // 4):
            block = read(draw, span, dtype)
            total[span] += block
            inner[span] += plogp(block)
    if total is None:
        raise BadValue("draws", count, "must be at least one")
    total /= count
    information: Array = inner.sum(axis=1) / count - plogp(total).sum(axis=1)
    return np.maximum(information, 0)


def plogp(block: Array, out: Array | None = None) -> Array:
    """Return p · log p of each entry, 0 for p = 0; in `out`, where fresh memory would cost as much as the logarithm.

    >>> plogp(np.array([0.25, 0.5, 1.0])).round(3)
    array([-0.347, -0.347,  0.   ])
    """
    # The smallest positive number on top gives 0 · log(tiny) = 0, and nothing changes for any other p.
    lifted: Array = np.add(block, np.finfo(block.dtype).tiny, out=out)
    np.log(lifted, out=lifted)
    lifted *= block
    return lifted


def _check(proba_samples: Any) -> tuple[int, int, int]:
    """Return the shape (m, n, c), or say what is wrong with it."""
    shape = proba_samples.shape
    if len(shape) != 3 or shape[0] == 0 or shape[2] == 0:
        raise BadValue("proba_samples", shape, "must be (members, rows, classes), with a member and a class at least")
    return shape[0], shape[1], shape[2]


def _entropies(proba_samples: Array, combine: Callable[[Array, Array], Array], *, of_members: bool = True) -> Array:
    """Return combine(entropy of the mean, mean of the entropies) of each row; blocks of rows stay in cache."""
    members, rows, classes = _check(proba_samples)
    dtype = working_type(proba_samples)
    result = np.empty(rows, dtype)
    ones = np.ones(classes, dtype)  # a product with ones sums short rows much faster than `sum(axis=1)`
    for span in spans(rows, classes * dtype.itemsize, CACHED // 4):
        total = np.zeros((span.stop - span.start, classes), dtype)
        inner, work = np.zeros_like(total), np.empty_like(total)
        for member in range(members):
            block = read(proba_samples, (member, span), dtype)
            total += block
            if of_members:
                inner += plogp(block, work)
        total /= members
        inner /= -members
        score = combine(-(plogp(total) @ ones), inner @ ones)
        result[span] = np.maximum(score, 0, out=score)
    return result


def _of_votes(proba_samples: Array, formula: Callable[[Array], Array]) -> Array:
    """Apply the formula to (rows, classes) counts of votes, block by block."""
    members, rows, classes = _check(proba_samples)
    dtype = working_type(proba_samples)
    result = np.empty(rows, dtype)
    for span in spans(rows, members * classes * dtype.itemsize, CACHED):
        size = span.stop - span.start
        cell = np.arange(size) * classes
        votes = np.concatenate(
            [cell + read(proba_samples, (member, span), dtype).argmax(axis=1) for member in range(members)]
        )
        result[span] = formula(np.bincount(votes, minlength=size * classes).reshape(size, classes))
    return result
