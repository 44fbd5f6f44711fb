"""Ask what is expected to lower the error at the targets most, by imagining each answer: without refitting.

For each candidate x and each answer y, imagine (x, y) among the labels, look at the risk of the predictions at the
targets, and average over y. Refitting n · c models is hopeless beyond toys; here each imagined label changes a closed
form by little: one count (`eer_parzen`, `eer_knn`), a rank-one term (`eer_ridge`, `integrated_variance` in `ridge`),
one Newton step (`eer_newton` in `newton`), the weights of posterior draws (`eer_posterior` in `bayesian`). The
surrogate need not be the model that is trained; take the form nearest to it.

All are slow next to `margin` (n · t · c, t targets) and at their best below a hundred labels or so. The scores are the
expected *fall* of the risk, and signed: some answers make honest predictions less sure.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, read, spans, working_type
from querist.acquire.disagreement import plogp
from querist.acquire.gaussian import centre_and_scale, square_distances
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array

LOSSES: Final = ("log", "zero_one")


@scorer(signed=True)
def expected_error_reduction_refit(*, expected_risk: Array) -> Array:
    """Ask what lowers the expected risk most, by refitting the real model for each item and answer: slow and exact.

    The yardstick for the fast forms, for pools of a few hundred items; the model refuses more than 2,000 refits.

    Args:
        expected_risk: (n,) expected risk of the refitted model.

    Returns:
        (n,) the negative of it.

    Roy & McCallum, ICML 2001.

    >>> expected_error_reduction_refit(expected_risk=np.array([0.2, 0.1]))
    array([-0.2, -0.1])
    """
    return np.negative(expected_risk)


@scorer(signed=True)
def eer_parzen(
    *,
    embed: Array,
    labelled_embed: Array,
    labelled_target: Array,
    target_embed: Array | None = None,
    loss: str = "log",
    gamma: float = 0.0,
    prior: float = 1e-3,
    classes: int = 0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what lowers the expected error of a Parzen window classifier; for the first labels, where no model is useful.

    Each class has the mass prior + Σ exp(−gamma ‖u − x_i‖²) over its labels; an imagined label adds to one class only.
    As with any kernel, distances in `embed` must mean something: standardise tables first.

    Args:
        embed: (n, d), dense or CSR.
        labelled_embed: (l, d).
        labelled_target: (l,) class numbers.
        target_embed: (t, d); the given rows themselves when left out.
        loss: `log` (entropy, nats) or `zero_one` (probability of being wrong).
        gamma: of the kernel; 0 stands for 1 / (sum over dimensions of the targets' variance).
        prior: mass of a class with no label near, above 0.
        classes: how many there are; 0 stands for as many as the labels show.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected fall of the mean risk of the targets, signed.

    Raises:
        BadValue: an unknown loss, a prior that is not above 0, targets that are no class numbers.

    Roy & McCallum, ICML 2001; Chapelle, AISTATS 2005 (Parzen windows).

    Both labels lie at the left; the item at the right tells most about the targets there:

    >>> near, far = [[-1.0, 0.0], [5.0, 1.0]], [[5.0, 0.0], [5.0, 1.0], [5.0, 2.0]]
    >>> eer_parzen(
    ...     embed=np.array(near), labelled_embed=np.array([[0.0, 0.0], [0.5, 0.0]]), labelled_target=np.array([0, 1]),
    ...     target_embed=np.array(far), gamma=0.1,
    ... ).round(3)
    array([-0.001,  0.395])
    """
    check_loss(loss, prior=prior)
    values = one_hot(labelled_target, classes).astype(np.float64)
    targets = embed if target_embed is None else target_embed
    centre, scale = centre_and_scale(targets, memory_limit=memory_limit)
    dtype = widest_type(embed, labelled_embed, targets)
    seen = read(labelled_embed, slice(None), dtype) - centre

    def kernel(a: Array, b: Array) -> Array:
        distances = square_distances(a, b)
        distances *= -(gamma or scale)
        return np.exp(distances, out=distances)

    def masses(rows: Array) -> Array:
        return np.ascontiguousarray((kernel(rows, seen) @ values.astype(dtype) + prior).T)

    total, now = np.zeros(embed.shape[0]), 0.0
    for part in spans(targets.shape[0], dtype.itemsize, CACHED // 32):
        at = read(targets, part, dtype) - centre
        before = masses(at)
        now += risk(before, loss).sum(dtype=np.float64)
        for span in spans(embed.shape[0], len(at) * dtype.itemsize, min(memory_limit // 8, CACHED // 2)):
            rows = read(embed, span, dtype) - centre
            near, own = kernel(rows, at), masses(rows)
            label = own / own.sum(axis=0)
            total[span] += risk_after(before[:, None, :], near, label, loss)
    fall: Array = (now - total) / max(1, targets.shape[0])
    return fall.astype(dtype)


@scorer(signed=True)
def eer_knn(
    *,
    embed: Array,
    labelled_embed: Array,
    labelled_target: Array,
    target_embed: Array | None = None,
    loss: str = "log",
    neighbours: int = 5,
    prior: float = 0.5,
    classes: int = 0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what lowers the expected error of a nearest-neighbour classifier; the cheapest form, one product per block.

    An imagined label counts at the targets that it is nearer to than their k-th labelled neighbour, whose vote it
    takes. It needs no scale of distances, so it is the one for embeddings of unknown geometry; but it does not see how
    far neighbours are, so that regions without labels look as sure to it as others: begin with coverage.

    Args:
        embed: (n, d), dense or CSR.
        labelled_embed: (l, d).
        labelled_target: (l,) class numbers.
        target_embed: (t, d); the given rows themselves when left out.
        loss: `log` (entropy, nats) or `zero_one` (probability of being wrong).
        neighbours: k, at least 1.
        prior: votes that each class has at the start, above 0.
        classes: how many there are; 0 stands for as many as the labels show.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected fall of the mean risk of the targets, signed.

    Raises:
        BadValue: an unknown loss, a prior or a k that is not above 0, targets that are no class numbers.

    Roy & McCallum, ICML 2001; Lindenbaum, Markovitch & Rusakov, Machine Learning 2004 (nearest neighbours).

    >>> near, far = [[-1.0, 0.0], [5.0, 1.0]], [[5.0, 0.0], [5.0, 1.0], [5.0, 2.0]]
    >>> eer_knn(
    ...     embed=np.array(near), labelled_embed=np.array([[0.0, 0.0], [0.5, 0.0]]), labelled_target=np.array([0, 1]),
    ...     target_embed=np.array(far), neighbours=2,
    ... ).round(3)
    array([0.   , 0.121])
    """
    check_loss(loss, prior=prior, neighbours=neighbours)
    values = one_hot(labelled_target, classes)
    targets = embed if target_embed is None else target_embed
    centre, _ = centre_and_scale(targets, memory_limit=memory_limit)
    dtype = widest_type(embed, labelled_embed, targets)
    seen = read(labelled_embed, slice(None), dtype) - centre
    total = np.zeros(embed.shape[0])
    for part in spans(targets.shape[0], dtype.itemsize, CACHED // 32):
        at = read(targets, part, dtype) - centre
        votes, reach, last = _nearest(at, seen, values, neighbours)
        before = risk(votes.T + prior, loss)
        gain: Array = np.stack(
            [before - risk((votes + step - last).T + prior, loss) for step in np.eye(votes.shape[1])], axis=1
        ).astype(dtype)
        for span in spans(embed.shape[0], 2 * len(at) * dtype.itemsize, min(memory_limit // 4, 4 * CACHED)):
            rows = read(embed, span, dtype) - centre
            label = _nearest(rows, seen, values, neighbours)[0] + prior
            label /= label.sum(axis=1, keepdims=True)
            counts = (square_distances(rows, at) < reach).astype(dtype)
            total[span] += np.einsum("ry,ry->r", counts @ gain, label)
    fall: Array = total / max(1, targets.shape[0])
    return fall.astype(dtype)


def one_hot(target: Array, classes: int) -> Array:
    """Return (l, c) 0/1 of class numbers (l,); c is `classes`, or as many as the numbers show, at least 1.

    Raises:
        BadValue: they are no class numbers, or do not fit into `classes`.

    >>> one_hot(np.array([1, 0]), 0)
    array([[0., 1.],
           [1., 0.]])
    """
    if target.ndim != 1 or (target.size and target.dtype.kind not in "iu"):
        raise BadValue("labelled_target", f"{target.dtype} {target.shape}", "must be (l,) class numbers")
    shown = int(target.max(initial=-1)) + 1
    if target.min(initial=0) < 0 or 0 < classes < shown:
        raise BadValue("classes", classes, f"labels go from {target.min()} to {shown - 1}")
    return np.eye(max(classes, shown, 1))[target.astype(np.int64)]


def risk(masses: Array, loss: str) -> Array:
    """Return the risk (…) of deciding by masses (c, …) above 0 that need not sum to 1.

    >>> risk(np.array([[3.0, 1.0], [1.0, 1.0]]), "zero_one")
    array([0.25, 0.5 ])
    """
    total = masses.sum(axis=0)
    if loss == "zero_one":
        wrong: Array = 1 - masses.max(axis=0) / total
        return wrong
    entropy: Array = np.log(total) - plogp(masses).sum(axis=0) / total
    return entropy


def risk_after(values: Array, added: Array, label: Array, loss: str, *, floor: float = 0.0) -> Array:
    """Return (r,) risks summed over targets, the mean over answers.

    Masses are values (c, r or 1, t), not below the floor; the answer y changes that of y
    alone, by what is added (r, t). Answers have the probabilities `label` (c, r).
    """
    masses = np.maximum(values, floor)
    total = masses.sum(axis=0)
    result = np.zeros(label.shape[1])
    if loss == "zero_one":
        winner, best = masses.argmax(axis=0), masses.max(axis=0)
        second = np.partition(masses, -2, axis=0)[-2] if len(masses) > 1 else np.zeros_like(best)
    else:
        terms = plogp(masses)
        inner = terms.sum(axis=0)
    for y, share in enumerate(label):
        fresh = np.maximum(values[y] + added, floor)
        mass = total - masses[y] + fresh
        if loss == "zero_one":
            top = np.maximum(np.where(winner == y, second, best), fresh)
            after = 1 - top / mass
        else:
            after = np.log(mass) - (plogp(fresh) + (inner - terms[y])) / mass
        result += share * after.sum(axis=1, dtype=np.float64)
    return result


def _nearest(rows: Array, seen: Array, values: Array, neighbours: int) -> tuple[Array, Array, Array]:
    """Return of each row: its neighbours' votes (r, c), the square distance of the last, the last's vote (r, c).

    With fewer than k labels nobody is displaced: the distance is infinite and the last vote 0.
    """
    distances = square_distances(rows, seen)
    order = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    votes = values[order].sum(axis=1)
    if len(seen) < neighbours:
        return votes, np.full(len(rows), np.inf, rows.dtype), np.zeros_like(votes)
    last = order[:, -1]
    # A little nearer is not nearer: equal distances must not be told apart by rounding.
    reach = distances[np.arange(len(rows)), last] * (1 - 64 * np.finfo(rows.dtype).eps)
    return votes, reach, values[last]


def widest_type(*arrays: Array) -> np.dtype[np.floating]:
    """Return the floating type in which all of them can be computed with."""
    return np.result_type(*(working_type(array) for array in arrays))


def check_loss(loss: str, *, prior: float = 1.0, neighbours: int = 1) -> None:
    """Raise BadValue for an unknown loss, or a setting that cannot be."""
    if loss not in LOSSES:
        raise BadValue("loss", loss, "must be log or zero_one", choices=LOSSES)
    if prior <= 0:
        raise BadValue("prior", prior, "must be above 0")
    if neighbours < 1:
        raise BadValue("neighbours", neighbours, "must be at least 1")
