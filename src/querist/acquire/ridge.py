"""Look ahead with a ridge regression, or Gaussian process, on the embedding: one more label is a rank-one update."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, read, spans
from querist.acquire.error_reduction import check_loss, one_hot, risk, risk_after, widest_type
from querist.acquire.gaussian import Process, centre_and_scale, process
from querist.registry import scorer
from querist.types import Array

_FLOOR: Final = 1e-3
"""What `eer_ridge` takes for the mass of a class whose value is at or below it: a regression knows no probabilities."""


@scorer(signed=True)
def eer_ridge(
    *,
    embed: Array,
    labelled_embed: Array,
    labelled_target: Array,
    target_embed: Array | None = None,
    loss: str = "log",
    kernel: str = "linear",
    noise: float = 0.1,
    gamma: float = 0.0,
    classes: int = 0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what lowers the expected error of a ridge regression on the classes; for linear models without a softmax.

    With the RBF kernel: of a Gaussian process, for smooth problems in few dimensions. An imagined label moves all
    predictions by a rank-one term, f_u + c(u, x) / (c(x, x) + noise) · (e_y − f_x), which is exact. Predictions become
    probabilities by cutting them off at 0.001 and normalising.

    Args:
        embed: (n, d), dense or CSR.
        labelled_embed: (l, d).
        labelled_target: (l,) class numbers.
        target_embed: (t, d); the given rows themselves when left out.
        loss: `log` (entropy, nats) or `zero_one` (probability of being wrong).
        kernel: `linear` (with a bias) or `rbf`.
        noise: penalty of the regression, the variance of a label about its value, above 0.
        gamma: of the RBF kernel; 0 stands for 1 / (sum over dimensions of the targets' variance).
        classes: how many there are; 0 stands for as many as the labels show.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected fall of the mean risk of the targets, signed.

    Raises:
        BadValue: an unknown loss or kernel, a noise that is not above 0, targets that are no class numbers.

    Zhu, Lafferty & Ghahramani, ICML 2003 workshop (rank-one updates); Roy & McCallum, ICML 2001.

    >>> near, far = [[-1.0, 0.0], [5.0, 1.0]], [[5.0, 0.0], [5.0, 1.0], [5.0, 2.0]]
    >>> eer_ridge(
    ...     embed=np.array(near), labelled_embed=np.array([[0.0, 0.0], [0.5, 0.0]]), labelled_target=np.array([0, 1]),
    ...     target_embed=np.array(far), kernel="rbf", gamma=0.5,
    ... ).round(3)
    array([0.   , 0.277])
    """
    check_loss(loss)
    values = one_hot(labelled_target, classes)
    targets = embed if target_embed is None else target_embed
    gp, centre, dtype = _process(embed, labelled_embed, targets, kernel, noise, gamma, memory_limit)
    share = 1 / values.shape[1]

    def value(coordinates: Array) -> Array:
        found: Array = gp.mean(coordinates, values - share) + dtype.type(share)
        return found

    total, now = np.zeros(embed.shape[0]), 0.0
    cell = 3 * values.shape[1] * dtype.itemsize
    for part in spans(targets.shape[0], dtype.itemsize, CACHED // 32):
        at = gp.coordinates(read(targets, part, dtype) - centre)
        before = value(at).T
        now += risk(np.maximum(before, _FLOOR), loss).sum(dtype=np.float64)
        for span in spans(embed.shape[0], len(at) * cell, min(memory_limit, 4 * CACHED)):
            rows = gp.coordinates(read(embed, span, dtype) - centre)
            pull = gp.covariance(rows, at) / (gp.variance(rows) + dtype.type(noise))[:, None]
            own = value(rows).T
            label = np.maximum(own, _FLOOR)
            label /= label.sum(axis=0)
            rest = before[:, None, :] - pull * own[:, :, None]
            total[span] += risk_after(rest, pull, label, loss, floor=_FLOOR)
    fall: Array = (now - total) / max(1, targets.shape[0])
    return fall.astype(dtype)


@scorer
def integrated_variance(
    *,
    embed: Array,
    labelled_embed: Array,
    target_embed: Array | None = None,
    kernel: str = "linear",
    noise: float = 0.1,
    gamma: float = 0.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what lowers the mean predictive variance at the targets most; for regression, where `predictive_std` strays.

    The exact fall mean_u c(u, x)² / (c(x, x) + noise) of a Gaussian process; no answer need be imagined, since variance
    does not depend on it. Unlike the variance itself it does not favour the rim of the pool, where nothing is learned
    about the middle.

    Args:
        embed: (n, d), dense or CSR.
        labelled_embed: (l, d).
        target_embed: (t, d); the given rows themselves when left out.
        kernel: `linear` (with a bias; time and memory do not depend on t) or `rbf`.
        noise: variance of a label about its value, the prior variance of the kernel being 1; above 0.
        gamma: of the RBF kernel; 0 stands for 1 / (sum over dimensions of the targets' variance).
        memory_limit: bytes of working memory.

    Returns:
        (n,) fall of the mean variance, from 0.

    Raises:
        BadValue: an unknown kernel, or a noise that is not above 0.

    Cohn, Ghahramani & Jordan, JAIR 1996 (ALC).

    >>> integrated_variance(
    ...     embed=np.array([[0.0], [4.0]]), labelled_embed=np.array([[0.1]]), target_embed=np.array([[3.0], [5.0]]),
    ...     kernel="rbf", gamma=0.5,
    ... ).round(3)
    array([0.   , 0.334])
    """
    targets = embed if target_embed is None else target_embed
    gp, centre, dtype = _process(embed, labelled_embed, targets, kernel, noise, gamma, memory_limit)
    total = np.zeros(embed.shape[0])
    variance = np.empty(embed.shape[0], dtype)
    inner: Array = np.zeros(())
    for part in spans(targets.shape[0], dtype.itemsize, CACHED // 32):
        at = gp.coordinates(read(targets, part, dtype) - centre)
        if kernel == "linear":  # Σ_u (z_u·z_x)² = z_x' (Σ_u z_u z_u') z_x
            inner = inner + at.T @ at
            continue
        for span, rows in _coordinates(gp, embed, centre, dtype, min(memory_limit // 4, 4 * CACHED), len(at)):
            covariance = gp.covariance(rows, at)
            total[span] += np.einsum("ru,ru->r", covariance, covariance)
    for span, rows in _coordinates(gp, embed, centre, dtype, memory_limit // 4, embed.shape[1]):
        variance[span] = gp.variance(rows)
        if kernel == "linear":
            total[span] = np.einsum("ri,ri->r", rows @ inner, rows)
    fall: Array = (total / max(1, targets.shape[0]) / (variance + noise)).astype(dtype)
    return np.maximum(fall, 0, out=fall)


def _process(
    embed: Array, labelled: Array, targets: Array, kernel: str, noise: float, gamma: float, memory_limit: int
) -> tuple[Process, Array, np.dtype[np.floating]]:
    """Return the process that has seen the labelled rows, the point that it takes for 0, and the type to compute in."""
    dtype = widest_type(embed, labelled, targets)
    centre, scale = centre_and_scale(targets, memory_limit=memory_limit)
    if kernel == "linear":
        centre = np.zeros_like(centre)  # its kernel means what it says: x·x′ + 1
    seen = read(labelled, slice(None), np.dtype(np.float64)) - centre
    return process(seen, kernel=kernel, noise=noise, gamma=gamma or scale, dtype=dtype), centre, dtype


def _coordinates(
    gp: Process, embed: Array, centre: Array, dtype: np.dtype[np.floating], limit: int, width: int
) -> Iterator[tuple[slice, Array]]:
    for span in spans(embed.shape[0], max(1, width) * dtype.itemsize, limit):
        yield span, gp.coordinates(read(embed, span, dtype) - centre)
