"""Selectors that ask where a small change of the embedding changes the prediction; they need a linear head on it."""

from __future__ import annotations

from typing import Any

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, read, refuse_sparse, spans, working_type
from querist.acquire.clusters import k_means, medoids
from querist.acquire.distances import PRODUCT, Space
from querist.acquire.diversity import stacked
from querist.acquire.draws import highest
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng


@selector
def drop_query(
    *,
    embed: Any,
    head_weight: Array,
    head_bias: Array,
    n: int,
    rng: Rng,
    pending_embed: Any = None,
    passes: int = 3,
    drop: float = 0.75,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take typical rows among those whose prediction does not survive dropout; strong with few labels per class.

    Args:
        embed: (n, d) input of the linear head.
        head_weight: (c, d) its weights.
        head_bias: (c,) its biases.
        n: how many rows.
        rng: draws the masks and seeds the clusters.
        pending_embed: (q, d) rows that hold a cluster each, so that the batch goes elsewhere.
        passes: of dropout.
        drop: share of the embedding that each pass sets to 0.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows nearest to the centres of n clusters of the rows on which more than half of the passes disagree with
        the clean prediction; on fewer, where these are fewer than n.

    Gupte, Aklilu, Nirschl & Yeung-Levy, "Revisiting Active Learning in the Era of Vision Foundation Models", TMLR 2024.

    >>> x, head = np.array([[4.0, 4.0, 4.0, 4.0], [1.0, -0.9, 1.0, -0.9]]), np.array([[1.0] * 4, [-1.0] * 4])
    >>> drop_query(embed=x, head_weight=head, head_bias=np.zeros(2), n=1, rng=np.random.default_rng(0), drop=0.5)
    array([1])
    """
    refuse_sparse("drop_query", embed)
    if not 0 <= drop < 1:
        raise BadValue("drop", drop, "must be at least 0 and less than 1")
    weight, bias = (np.asarray(part, working_type(embed)) for part in (head_weight, head_bias))
    changed = np.empty(len(embed), np.int64)
    for span in spans(len(embed), embed.shape[1] * weight.itemsize, PRODUCT):
        block = read(embed, span, weight.dtype)
        clean = (block @ weight.T + bias).argmax(axis=1)
        changed[span] = 0
        for _ in range(passes):
            kept = (rng.random(block.shape, dtype=np.float32) >= drop) * block.dtype.type(1 / (1 - drop))
            changed[span] += ((block * kept) @ weight.T + bias).argmax(axis=1) != clean
    return _clustered(embed, changed, passes // 2 + 1, n, rng, pending_embed, memory_limit)


def _clustered(
    embed: Any,
    votes: Array,
    enough: int,
    n: int,
    rng: Rng,
    pending: Any,
    memory_limit: int,
    weight: Array | None = None,
) -> Array:
    """Return the medoids of n clusters of the rows with enough votes, or as many votes as n rows have."""
    n = min(n, len(votes))
    if n < 1:
        return np.empty(0, np.int64)
    while np.count_nonzero(votes >= enough) < n:
        enough -= 1
    rows = np.flatnonzero(votes >= enough)
    space = Space(read(embed, rows), unit=True, memory_limit=memory_limit)
    share = None if weight is None else weight[rows]
    found = k_means(space, n, rng=rng, weight=share, fixed=stacked(pending))
    chosen: Array = rows[medoids(found, n)]
    return chosen


@selector
def alfa_mix(
    *,
    embed: Any,
    head_weight: Array,
    head_bias: Array,
    labelled_embed: Any,
    labelled_target: Array,
    n: int,
    rng: Rng,
    pending_embed: Any = None,
    step: float = 0.2,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take typical rows among those whose prediction flips when they are mixed a little with a class's mean.

    Args:
        embed: (n, d) input of the linear head.
        head_weight: (c, d) its weights.
        head_bias: (c,) its biases.
        labelled_embed: (l, d) labelled rows, whose mean by class is the class's anchor.
        labelled_target: (l,) class numbers.
        n: how many rows.
        rng: seeds the clusters.
        pending_embed: (q, d) rows that hold a cluster each, so that the batch goes elsewhere.
        step: how far to go, as a share of the distance to the anchor.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows nearest to the centres of n clusters of the rows that flip for some anchor; where these are fewer than
        n, the rows with the least lead join them.

    Parvaneh, Abbasnejad, Teney, Haffari, van den Hengel & Shi, "Active Learning by Feature Mixing", CVPR 2022. The
    best mixing ratio has a closed form, by which the mixed row lies `step` times the distance to the anchor along the
    gradient of the loss; here it is not clipped, where the authors' code divides by differences near 0.

    >>> x = np.array([[2.0], [0.3], [-0.2], [-2.0]])
    >>> alfa_mix(embed=x, head_weight=np.array([[1.0], [-1.0]]), head_bias=np.zeros(2), labelled_embed=x[[0, 3]],
    ...          labelled_target=np.array([0, 1]), n=2, rng=np.random.default_rng(0))
    array([1, 2])
    """
    refuse_sparse("alfa_mix", embed)
    dtype = working_type(embed)
    weight, bias = np.asarray(head_weight, dtype), np.asarray(head_bias, dtype)
    known, target = read(labelled_embed, slice(None), dtype), np.asarray(labelled_target)
    anchors = [known[target == label].mean(axis=0) for label in np.unique(target)]
    gram = weight @ weight.T
    flips, lead = np.zeros(len(embed), np.int64), np.empty(len(embed), dtype)
    for span in spans(len(embed), (embed.shape[1] + 4 * len(weight)) * dtype.itemsize, PRODUCT):
        block = read(embed, span, dtype)
        logits = block @ weight.T + bias
        each, clean = np.arange(len(block)), logits.argmax(axis=1)
        error = _softmax(logits)
        error[each, clean] -= 1
        # Along the gradient g = Wᵀ(p − e) the logits change by W g = (W Wᵀ)(p − e), and |g|² = (p − e)ᵀ W Wᵀ (p − e).
        slope = error @ gram
        length = np.sqrt(np.maximum(np.einsum("ij,ij->i", slope, error), 0))[:, None]
        slope = np.divide(slope, length, out=np.zeros_like(slope), where=length > 0)
        for anchor in anchors:
            far = step * np.sqrt(np.square(block - anchor).sum(axis=1))[:, None]
            flips[span] |= (logits + far * slope).argmax(axis=1) != clean
        best = np.partition(logits, -2, axis=1)[:, -2:] if len(weight) > 1 else np.zeros((len(block), 2), dtype)
        lead[span] = best[:, 1] - best[:, 0]
    missing = min(n, len(embed)) - int(flips.sum())
    if missing > 0:
        flips[highest(np.where(flips > 0, -np.inf, -lead), missing)] = 1
    return _clustered(embed, flips, 1, n, rng, pending_embed, memory_limit)


def _softmax(logits: Array) -> Array:
    shifted: Array = np.exp(logits - logits.max(axis=1, keepdims=True))
    shifted /= shifted.sum(axis=1, keepdims=True)
    return shifted
