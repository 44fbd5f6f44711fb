"""Ask what draws from a posterior say is worth knowing: information about the model, or about its predictions.

`bald` and `batch_bald` ask what teaches most about the *parameters*, `epig`, `core_mse` and `eer_posterior` what
teaches most about *predictions* at the targets. The second is what users want wherever the pool holds items that do not
matter. All of them live on honest draws: Gaussian processes, Bayesian linear models, last-layer Laplace, ensembles,
random-forest trees, dropout with the same masks for all rows of one draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, read, spans, working_type
from querist.acquire.disagreement import mutual_information, plogp
from querist.errors import BadValue
from querist.registry import scorer, selector
from querist.types import Array, Rng

_CACHED_BLOCK: Final = CACHED
"""Bytes of a block that is made by one matrix product, gone over a few times, and dropped."""

_TOGETHER: Final = 128
"""How many of the most promising rows `batch_bald` looks at together; a few such chunks usually settle a pick."""


@scorer
def bald(*, proba_samples: Array) -> Array:
    """Ask what a label would teach about the parameters of the model; for batches of one on clean pools.

    The mutual information of label and parameters, H(mean) − mean of H. It also likes items that are odd without
    mattering to any prediction: prefer `epig` on messy pools, and `batch_bald` (or a draw by `gumbel_top`) for batches,
    whose best items are otherwise near-copies of each other.

    Args:
        proba_samples: (m, n, c) class probabilities by each draw from the posterior, rows sum to 1.

    Returns:
        (n,) mutual information in nats, from 0 (all draws agree) to log min(m, c).

    Houlsby, Huszár, Ghahramani & Lengyel, arXiv:1112.5745, 2011; Gal, Islam & Ghahramani, ICML 2017.

    >>> doubt, quarrel = [[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]
    >>> bald(proba_samples=np.array([doubt, quarrel]).swapaxes(0, 1)).round(3)
    array([0.   , 0.368])
    """
    return mutual_information(proba_samples)


@scorer
def epig(*, proba_samples: Array, target_proba_samples: Array | None = None, memory_limit: int = MEMORY_LIMIT) -> Array:
    """Ask what a label would teach about the predictions that will be needed; the first Bayesian scorer to try.

    The mutual information of the item's label and a target's label, averaged over targets: the expected fall of the
    targets' entropy. An item that the draws quarrel about, while no target depends on the quarrel, scores 0. Costs
    n · t · c² logarithms: with many classes keep the target sample small, or use `core_mse`.

    Args:
        proba_samples: (m, n, c) class probabilities by each draw from the posterior, rows sum to 1.
        target_proba_samples: (m, t, c) by the same draws for the targets; the given rows themselves when left out.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected information gain in nats, from 0 (says nothing about any target) to log min(m, c).

    Bickford Smith, Kirsch, Farquhar, Gal, Foster & Rainforth, AISTATS 2023.

    Two draws quarrel about both items; they tell the draws apart, but the target cares about one half as much:

    >>> junk, useful = [[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]] * 2
    >>> draws = np.array([junk, useful]).swapaxes(0, 1)
    >>> epig(proba_samples=draws, target_proba_samples=draws[:, 1:]).round(3)
    array([0.   , 0.222])
    """
    rows, targets = _draws(proba_samples, target_proba_samples)
    # Σ p(y, y*) log p(y, y*) / (p(y) p(y*)), with the ratio r made by the product itself: r log r is exactly 0 where
    # the labels are independent, and no precision is lost in a difference of entropies.
    mean = targets.mean(axis=0, dtype=working_type(targets))
    safe = np.maximum(mean, np.finfo(mean.dtype).tiny)

    def information(posterior: Array, span: slice) -> Array:
        ratio = posterior @ (read(targets, (slice(None), span)) / safe[span]).reshape(len(targets), -1)
        total: Array = plogp(ratio) @ mean[span].reshape(-1)
        return total

    return _over_answers(rows, targets, information, memory_limit)


@scorer
def eer_posterior(
    *,
    proba_samples: Array,
    target_proba_samples: Array | None = None,
    loss: str = "zero_one",
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what is expected to lower the error at the targets most, by re-weighting the draws instead of refitting.

    With `zero_one` an item is worth asking only if some answer would change a decision: exact, and therefore flat (0)
    where a single label cannot change any. With `log` it is `epig`, by its decision-theoretic name.

    Args:
        proba_samples: (m, n, c) class probabilities by each draw from the posterior, rows sum to 1.
        target_proba_samples: (m, t, c) by the same draws for the targets; the given rows themselves when left out.
        loss: `zero_one` (share of wrong decisions) or `log` (entropy, nats).
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected fall of the risk, from 0 (no answer changes a decision).

    Raises:
        BadValue: loss is neither `zero_one` nor `log`.

    Roy & McCallum, ICML 2001; by re-weighting: Zhao, Dougherty, Yoon, Alexander & Qian, ICLR 2021.

    >>> draws = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])
    >>> eer_posterior(proba_samples=draws, target_proba_samples=draws[:, :1]).round(3)
    array([0.32, 0.  ])
    """
    if loss == "log":
        return epig(proba_samples=proba_samples, target_proba_samples=target_proba_samples, memory_limit=memory_limit)
    if loss != "zero_one":
        raise BadValue("loss", loss, "must be zero_one or log", choices=("zero_one", "log"))
    rows, targets = _draws(proba_samples, target_proba_samples)
    dtype = working_type(targets)
    now = targets.mean(axis=0, dtype=dtype).max(axis=1)

    def right(posterior: Array, span: slice) -> Array:
        after = posterior @ read(targets, (slice(None), span), dtype).reshape(len(targets), -1)
        best = after.reshape(len(after), -1, targets.shape[2]).max(axis=2)
        total: Array = (best - now[span]).sum(axis=1)
        return total

    return _over_answers(rows, targets, right, memory_limit)


@scorer
def core_mse(
    *, proba_samples: Array, target_proba_samples: Array | None = None, memory_limit: int = MEMORY_LIMIT
) -> Array:
    """Ask what is expected to move the predictions at the targets furthest; as `epig`, and cheap with many targets.

    The expected fall of the targets' Brier score when a label re-weights the draws. All targets enter through one
    m × m matrix of inner products, so that their number costs nothing per row: n · c · m² in all. Since moves are
    squared, it favours big moves of few targets over small moves of many.

    Args:
        proba_samples: (m, n, c) class probabilities by each draw from the posterior, rows sum to 1.
        target_proba_samples: (m, t, c) by the same draws for the targets; the given rows themselves when left out.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected squared change of a target's distribution, from 0 to 1 − 1/c.

    Tan, Du & Buntine, NeurIPS 2021 (CoreMSE).

    >>> draws = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.1, 0.9], [0.5, 0.5]]])
    >>> core_mse(proba_samples=draws, target_proba_samples=draws[:, :1]).round(3)
    array([0.205, 0.   ])
    """
    rows, targets = _draws(proba_samples, target_proba_samples)
    members, count, classes = rows.shape
    members, count, classes = rows.shape
    inner = _inner_products(targets, memory_limit)
    result = np.empty(count, inner.dtype)
    for span in spans(count, 4 * members * classes * inner.itemsize, min(memory_limit, _CACHED_BLOCK)):
        posterior, label = _reweighted(read(rows, (slice(None), span), inner.dtype))
        posterior -= 1 / members
        moved = np.einsum("rt,rt->r", posterior @ inner, posterior) * label
        result[span] = moved.reshape(-1, classes).sum(axis=1)
    return np.maximum(result, 0, out=result)


@selector
def batch_bald(
    *,
    proba_samples: Array,
    pending_proba_samples: Array | None = None,
    n: int,
    rng: Rng,
    configurations: int = 500,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Choose the batch whose labels *together* teach most about the parameters; `bald` without near-copies.

    Greedy, within 1 − 1/e of the best batch. What each pick adds is the `bald` of the remaining items under the
    posterior after each possible labelling of the picks so far, averaged over labellings. While these are no more than
    `configurations`, they are enumerated and the result is exact; beyond, those that leave most unknown are kept and
    the rest is thinned out at random without bias, and the gains are estimates. Gains only fall as the batch grows, so
    that most items are never looked at again (lazy greedy, exact as long as the enumeration is). m draws can be told
    apart by log m nats in all: with 20 of them, about five items of ten classes say everything, and what follows is
    chosen by crumbs. For batches of tens take hundreds of draws.

    Args:
        proba_samples: (m, n, c) class probabilities by each draw from the posterior, rows sum to 1; the *same* draw for
            all rows (dropout: one mask per draw), else the joint is meaningless.
        pending_proba_samples: (m, q, c) by the same draws for items that are out with people: conditioned on, as if
            they were the first picks of the batch.
        n: how many rows to choose; all of them where there are fewer.
        rng: used only where the labellings are thinned out.
        configurations: how many labellings of the picks are kept.
        memory_limit: bytes of working memory, whatever the number of rows.

    Returns:
        (n,) distinct rows, in the order in which they were chosen.

    Raises:
        BadValue: configurations is below 1, or a probability is not a number.

    Kirsch, van Amersfoort & Gal, NeurIPS 2019.

    The second row is a copy of the first, so that the third, though weaker, adds more:

    >>> strong, weak = [[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]] * 2
    >>> draws = np.array([strong, strong, weak]).swapaxes(0, 1)
    >>> batch_bald(proba_samples=draws, n=2, rng=np.random.default_rng(0))
    array([0, 2])
    """
    if configurations < 1:
        raise BadValue("configurations", configurations, "must be at least 1")
    rows, pending = _draws(proba_samples, pending_proba_samples, "pending_proba_samples", itself=False)
    labellings = _Labellings.none(rows.shape[0], working_type(rows))
    for row in range(pending.shape[1]):
        labellings = labellings.extend(read(pending, (slice(None), row), labellings.dtype), configurations, rng)
    # What an item would add to nothing bounds what it adds to something.
    bound = mutual_information(rows)
    if not np.isfinite(bound).all():
        row = int(np.flatnonzero(~np.isfinite(bound))[0])
        raise BadValue("proba_samples", float(bound[row]), f"row {row} has probabilities that are not numbers")
    picks: list[int] = []
    for _ in range(min(n, rows.shape[1])):
        if picks:
            draws = read(rows, (slice(None), picks[-1]), labellings.dtype)
            labellings = labellings.extend(draws, configurations, rng)
        best = _best(bound, rows, labellings, memory_limit)
        picks.append(best)
        bound[best] = -np.inf
    return np.array(picks, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Labellings:
    """Possible labellings of the picks: how likely each is, and how likely each draw is after it.

    `posterior` (s, m) has rows that sum to 1. `weight` (s,) sums to 1 only as long as all labellings are there: those
    that tell the draws apart for certain have nothing left to add, and are dropped.
    """

    weight: Array
    posterior: Array

    @classmethod
    def none(cls, members: int, dtype: np.dtype[np.floating]) -> _Labellings:
        """Return the one labelling of no pick."""
        return cls(np.ones(1, dtype), np.full((1, members), 1 / members, dtype))

    @property
    def dtype(self) -> np.dtype[np.floating]:
        return self.posterior.dtype

    def extend(self, draws: Array, most: int, rng: Rng) -> _Labellings:
        """Return the labellings with one more pick, whose class probabilities are `draws` (m, c); at most `most`."""
        share = self.posterior @ draws
        weight = (self.weight[:, None] * share).reshape(-1)
        posterior = (self.posterior[:, None] * draws.T).reshape(len(weight), len(draws))
        posterior /= np.maximum(share.reshape(-1, 1), np.finfo(self.dtype).tiny)
        # What a labelling leaves unknown bounds what it can still add to any gain; where that is 0 it may go.
        unknown = weight * np.maximum(-plogp(posterior).sum(axis=1), 0)
        kept, chance = _thin(unknown.astype(np.float64), most, rng)
        return _Labellings((weight[kept] / chance).astype(self.dtype), posterior[kept])

    def gain(self, draws: Array, memory_limit: int) -> Array:
        """Return (n,) what each of the rows (m, n, c) is expected to add: mean over labellings of their `bald`."""
        members, rows, classes = draws.shape
        # The draws' own entropies are weighed by the posterior of each labelling, whose mean is taken at once.
        result: Array = (self.weight @ self.posterior) @ plogp(draws).sum(axis=2)
        flat = draws.reshape(members, -1)
        for span in spans(len(self.weight), 3 * flat[0].nbytes, min(memory_limit, _CACHED_BLOCK)):
            mixed = self.posterior[span] @ flat
            result -= (self.weight[span] @ plogp(mixed)).reshape(rows, classes).sum(axis=1)
        return result


def _thin(size: Array, most: int, rng: Rng) -> tuple[Array, Array]:
    """Choose at most `most` of the entries above 0, and say what chance each had: sums of value / chance are unbiased.

    Entries above a threshold are kept, the others with probability size / threshold: the choice of least variance
    (Fearnhead & Clifford, JRSS B 2003).
    """
    order = np.argsort(-size, kind="stable")
    order = order[size[order] > 0]
    falling = size[order]
    rest = np.cumsum(falling[::-1])[::-1][:most]
    left = most - np.arange(len(rest))
    light = np.flatnonzero(falling[: len(rest)] * left < rest)
    if len(order) <= most or not light.size:
        kept = np.sort(order[:most])
        return kept, np.ones(len(kept))
    heavy = int(light[0])
    threshold = rest[heavy] / left[heavy]
    small = np.sort(order[heavy:])
    # Systematic: one uniform number, then equal steps along the cumulated sizes.
    found = np.searchsorted(np.cumsum(size[small]) / threshold, rng.random() + np.arange(most - heavy))
    kept = np.union1d(order[:heavy], small[np.minimum(found, small.size - 1)])
    return kept, np.minimum(size[kept] / threshold, 1)


def _best(bound: Array, rows: Array, labellings: _Labellings, memory_limit: int) -> int:
    """Return the row that adds most, the first of equals; `bound` holds upper bounds of the gains and is tightened."""
    fresh = np.zeros(len(bound), dtype=bool)
    best, most = len(bound), -np.inf
    slack = 16 * float(np.finfo(labellings.dtype).eps)  # without it, rounding alone would have all rows looked at
    while True:
        hope = np.where(np.arange(len(bound)) < best, most, most + slack)
        candidates = np.flatnonzero(~fresh & (bound >= hope) & (bound > -np.inf))
        if candidates.size == 0:
            return best
        if candidates.size > _TOGETHER:
            candidates = candidates[np.argpartition(-bound[candidates], _TOGETHER)[:_TOGETHER]]
        bound[candidates] = labellings.gain(read(rows, (slice(None), candidates), labellings.dtype), memory_limit)
        fresh[candidates] = True
        most = float(bound[fresh].max())
        best = int(np.flatnonzero(fresh & (bound == most))[0])


def _draws(
    rows: Array, others: Array | None, name: str = "target_proba_samples", *, itself: bool = True
) -> tuple[Array, Array]:
    """Return the draws of the rows and of the others: when left out, the rows themselves or none."""
    if rows.ndim != 3 or rows.shape[0] == 0 or rows.shape[2] == 0:
        raise BadValue("proba_samples", rows.shape, "must be (draws, rows, classes), with a draw and a class at least")
    if others is None:
        return rows, rows if itself else rows[:, :0]
    if others.ndim != 3 or others.shape[::2] != rows.shape[::2]:
        raise BadValue(name, others.shape, f"must be of the same draws and classes as proba_samples {rows.shape}")
    return rows, others


def _reweighted(draws: Array) -> tuple[Array, Array]:
    """Return how likely each draw is after each answer (r·c, m), and how likely each answer is (r·c,).

    Rows of the first sum to 1, save where the answer is impossible: there they are 0.
    """
    likelihood = draws.transpose(1, 2, 0).reshape(-1, len(draws))
    total = likelihood.sum(axis=1)
    return likelihood / np.maximum(total, np.finfo(total.dtype).tiny)[:, None], total / len(draws)


def _over_answers(rows: Array, targets: Array, benefit: Callable[[Array, slice], Array], memory_limit: int) -> Array:
    """Return (n,) benefits per target of asking each row, the mean over its answers.

    `benefit(posterior, span)` gives the benefit of each posterior over draws, summed over a span of the targets.
    """
    _, count, classes = rows.shape
    dtype = np.promote_types(working_type(rows), working_type(targets))
    limit = min(memory_limit, _CACHED_BLOCK) // 3
    wide = max(1, min(targets.shape[1], limit // (32 * classes * dtype.itemsize)))
    result = np.zeros(count, dtype)
    for span in spans(count, classes * wide * classes * dtype.itemsize, limit):
        posterior, label = _reweighted(read(rows, (slice(None), span), dtype))
        total = np.zeros(len(label), np.float64)
        for part in spans(targets.shape[1], 1, wide):
            total += benefit(posterior, part)
        result[span] = (label * total).reshape(-1, classes).sum(axis=1)
    result /= max(1, targets.shape[1])
    return np.maximum(result, 0, out=result)


def _inner_products(targets: Array, memory_limit: int) -> Array:
    """Return (m, m) inner products of the draws' predictions at all targets, about their mean, per target."""
    members, count, classes = targets.shape
    dtype = working_type(targets)
    result = np.zeros((members, members), dtype)
    for span in spans(count, 3 * members * classes * dtype.itemsize, memory_limit):
        block = read(targets, (slice(None), span), dtype).reshape(members, -1)
        block = block - block.mean(axis=0)
        result += block @ block.T
    result /= max(1, count)
    return result
