"""BADGE: batches by k-means++ on gradients of the model's last layer, which are never written out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, dots, read, spans, square_norms, working_type
from querist.acquire.distances import PRODUCT, approach
from querist.acquire.greedy import spread
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng

STARTS: Final = ("largest", "uniform", "origin")


class Gradients:
    """Gradients (p − onehot(argmax p)) ⊗ h of the last layer's loss, as rows with distances.

    ⟨g, g'⟩ = ⟨a, a'⟩⟨h, h'⟩ for g = a ⊗ h, so that nothing of n × c × d is ever needed.

    Args:
        proba: (n, c) class probabilities.
        embed: (n, d) dense, memory-mapped or CSR.
        memory_limit: bytes of working memory.
    """

    def __init__(self, proba: Array, embed: Any, *, memory_limit: int = MEMORY_LIMIT) -> None:
        self.proba, self.embed = proba, embed
        self.dtype = working_type(embed)
        self.memory_limit = memory_limit
        self.width = int(embed.shape[1] + proba.shape[1])
        self.norms = square_norms(embed, memory_limit=memory_limit)
        for span in spans(len(self), proba.shape[1] * self.dtype.itemsize, CACHED):
            error = self.errors(span)
            self.norms[span] *= np.einsum("ij,ij->i", error, error)

    def __len__(self) -> int:
        return int(self.proba.shape[0])

    def errors(self, rows: Any) -> Array:
        """Return (r, c) probabilities minus the hypothetical label, which is the likeliest class."""
        error = np.array(self.proba[rows], dtype=self.dtype)
        error[np.arange(len(error)), error.argmax(axis=1)] -= 1
        return error

    def part(self, rows: Array) -> Gradients:
        """Return some rows as gradients of their own, held in memory."""
        own: Gradients = object.__new__(Gradients)
        own.proba, own.embed, own.norms = self.proba[rows], read(self.embed, rows, self.dtype), self.norms[rows]
        own.dtype, own.memory_limit, own.width = self.dtype, self.memory_limit, self.width
        return own

    def block_rows(self, others: int) -> int:
        """Return how many rows to take at once against so many others."""
        row_bytes = (2 * others + self.width) * self.dtype.itemsize
        return max(1, int(min(self.memory_limit // 2, PRODUCT) // row_bytes))

    def between(self, rows: Any, others: Any) -> Array:
        """Return (r, o) squared distances between the gradients of some rows and others."""
        squared = dots(self.embed, rows, read(self.embed, others, self.dtype))
        squared *= self.errors(rows) @ self.errors(others).T
        squared *= -2
        squared += self.norms[others]
        squared += self.norms[rows][:, None]
        np.maximum(squared, 0, out=squared)
        return squared


@selector
def badge(
    *,
    proba: Array,
    embed: Any,
    n: int,
    rng: Rng,
    pending_proba: Array | None = None,
    pending_embed: Any = None,
    start: str = "largest",
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Draw rows whose gradients are large and unlike each other: uncertainty and diversity with nothing to tune.

    Sound on every pool that was tried; `weighted_kmeans` is often a little better, and `bait` with a linear head.

    Args:
        proba: (n, c) class probabilities of the current model.
        embed: (n, d) what the last layer sees; dense, memory-mapped or CSR.
        n: how many rows.
        rng: the source of chance.
        pending_proba: (q, c) of rows that are out, which are centres from the start.
        pending_embed: (q, d) likewise.
        start: the first centre where nothing is pending: `largest`, the row with the longest gradient, as in the
            authors' code; `uniform`, as in plain k-means++; `origin`, with a centre at 0 and none else, so that the
            first row is drawn in proportion to its squared length.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of drawing, which follows k-means++ on the n × c·d gradients exactly.

    Ash, Zhang, Krishnamurthy, Langford & Agarwal, "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower
    Bounds", ICLR 2020.

    >>> proba = np.array([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]])
    >>> badge(proba=proba, embed=np.array([[2.0], [2.0], [-1.0]]), n=2, rng=np.random.default_rng(0))
    array([0, 2])
    """
    if start not in STARTS:
        raise BadValue("start", start, "is not a way to choose the first centre", choices=STARTS)
    n = min(n, len(proba))
    if n < 1:
        return np.empty(0, np.int64)
    gradients = Gradients(proba, embed, memory_limit=memory_limit)
    distance = gradients.norms.copy()
    if pending_proba is not None and pending_embed is not None and len(pending_proba):
        _approach_pending(gradients, distance, np.asarray(pending_proba), pending_embed)
        return spread(gradients, distance, n, rng)
    if start == "origin":
        return spread(gradients, distance, n, rng)
    first = int(gradients.norms.argmax()) if start == "largest" else int(rng.integers(len(proba)))
    distance[:] = np.inf
    approach(gradients, distance, np.array([first]))
    return np.concatenate([[first], spread(gradients, distance, n - 1, rng, already=[first])])


def _approach_pending(gradients: Gradients, distance: Array, proba: Array, embed: Any) -> None:
    """Set `distance` to the squared distance to the nearest gradient of a pending row."""
    out = Gradients(proba, embed, memory_limit=gradients.memory_limit)
    errors, embeds = out.errors(slice(None)), read(embed, slice(None), gradients.dtype)
    distance[:] = np.inf
    for some in spans(len(out), 1, 64):
        for span in spans(len(gradients), 1, gradients.block_rows(64)):
            squared = dots(gradients.embed, span, embeds[some]) * (gradients.errors(span) @ errors[some].T)
            squared *= -2
            squared += out.norms[some] + gradients.norms[span][:, None]
            np.minimum(distance[span], np.maximum(squared.min(axis=1), 0), out=distance[span])
