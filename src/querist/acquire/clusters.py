"""The one k-means of `acquire`: weighted, with fixed centres, blocked, float32, seeded by greedy k-means++."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, dots, is_sparse, read, spans, square_norms, working_type
from querist.errors import BadValue
from querist.types import Array, Rng

_BLOCK: Final = 2**22
"""Bytes of one block of row-to-centre products: small enough for the shared cache, large enough for a fast product."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """What k-means found.

    `centres` (k, d); `assignment` (n,), in which numbers from k on are the fixed centres, in their order; `distance`
    (n,) squared distance to the nearest centre; `inertia` their weighted sum; `iterations` of Lloyd's algorithm.
    """

    centres: Array
    assignment: Array
    distance: Array
    inertia: float
    iterations: int

    @property
    def sizes(self) -> Array:
        """The number of rows of each cluster that is not fixed, (k,)."""
        k = len(self.centres)
        counts: Array = np.bincount(self.assignment, minlength=k)[:k]
        return counts


def k_means(
    x: Any,
    k: int,
    *,
    rng: Rng,
    weight: Array | None = None,
    fixed: Array | None = None,
    iterations: int = 100,
    tolerance: float = 1e-4,
    memory_limit: int = MEMORY_LIMIT,
) -> Clusters:
    """Return k clusters of the rows of x: seeded by greedy k-means++, then Lloyd's iterations until centres rest.

    Args:
        x: (n, d) dense, memory-mapped or CSR; n ≥ k.
        k: the number of centres to find.
        rng: the source of chance, for the seeding only.
        weight: (n,) not negative; None means 1 for each row.
        fixed: (f, d) centres that attract rows and do not move.
        iterations: at most so many.
        tolerance: stop when the centres together move less than this share of the mean variance, as scikit-learn does.
        memory_limit: bytes of working memory.

    Lloyd, IEEE Transactions on Information Theory 1982; Arthur & Vassilvitskii, SODA 2007.

    >>> x = np.array([[0.0], [1.0], [10.0], [11.0]])
    >>> k_means(x, 2, rng=np.random.default_rng(0)).inertia
    1.0
    """
    if not 1 <= k <= x.shape[0]:
        raise BadValue("k", k, f"must be between 1 and the number of rows, {x.shape[0]}")
    dtype = working_type(x)
    weight = np.ones(x.shape[0], dtype) if weight is None else np.asarray(weight, dtype)
    if not weight.any():
        weight = np.ones_like(weight)
    still = np.empty((0, x.shape[1]), dtype) if fixed is None else np.asarray(fixed, dtype)
    norms = square_norms(x, memory_limit=memory_limit)
    centres = read(x, seeds(x, k, rng=rng, weight=weight, fixed=still, norms=norms, memory_limit=memory_limit), dtype)
    allowed = tolerance * _variance(x, norms)
    done = 0
    while done < iterations:
        done += 1
        assignment, distance = nearest(x, np.concatenate([centres, still]), norms=norms, memory_limit=memory_limit)
        moved = _means(x, assignment, distance, weight, centres)
        shift = float(np.square(moved - centres).sum())
        centres = moved
        if shift <= allowed:
            break
    assignment, distance = nearest(x, np.concatenate([centres, still]), norms=norms, memory_limit=memory_limit)
    return Clusters(centres, assignment, distance, float(np.dot(weight, distance)), done)


def seeds(
    x: Any,
    k: int,
    *,
    rng: Rng,
    weight: Array,
    fixed: Array,
    norms: Array | None = None,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Return k rows spread by greedy k-means++: each the best of 2 + log k draws by weighted squared distance.

    Where all rows coincide with a centre, the next is drawn by weight alone.
    """
    norms = square_norms(x, memory_limit=memory_limit) if norms is None else norms
    distance = np.full(x.shape[0], np.inf, norms.dtype)
    if len(fixed):
        distance = nearest(x, fixed, norms=norms, memory_limit=memory_limit)[1]
    rows = np.empty(k, np.int64)
    trials = 2 + int(np.log(k))
    for step in range(k):
        first = step == 0 and not len(fixed)
        chance = weight if first else weight * distance
        drawn = _draw(chance if chance.any() else weight, 1 if first else trials, rng)
        rows[step], distance = _best(x, drawn, weight, distance, norms)
    return rows


def _draw(chance: Array, times: int, rng: Rng) -> Array:
    cumulated = np.cumsum(chance, dtype=np.float64)
    drawn = np.searchsorted(cumulated, rng.random(times) * cumulated[-1], side="right")
    rows: Array = np.minimum(drawn, len(chance) - 1)
    return rows


def _best(x: Any, drawn: Array, weight: Array, distance: Array, norms: Array) -> tuple[int, Array]:
    """Return the drawn row that leaves the least weighted distance, and the distances that it leaves."""
    left = np.empty((len(drawn), len(distance)), distance.dtype)
    candidates = read(x, drawn, distance.dtype)
    for span in spans(x.shape[0], (len(drawn) + x.shape[1]) * distance.itemsize, _BLOCK):
        squared = norms[span] - 2 * dots(x, span, candidates).T + norms[drawn][:, None]
        np.minimum(np.maximum(squared, 0, out=squared), distance[span], out=left[:, span])
    left[np.arange(len(drawn)), drawn] = 0
    best = int(np.argmin(left @ weight))
    return int(drawn[best]), left[best]


def nearest(
    x: Any, centres: Array, *, norms: Array | None = None, memory_limit: int = MEMORY_LIMIT
) -> tuple[Array, Array]:
    """Return for each row of x the number of its nearest centre, and the squared distance to it.

    >>> nearest(np.array([[0.0], [4.0]]), np.array([[1.0], [3.0]]))
    (array([0, 1]), array([1., 1.]))
    """
    norms = square_norms(x, memory_limit=memory_limit) if norms is None else norms
    assignment = np.empty(x.shape[0], np.int64)
    distance = np.empty(x.shape[0], norms.dtype)
    half = np.square(centres).sum(axis=1) / 2
    row_bytes = (len(centres) + x.shape[1]) * norms.itemsize
    for span in spans(x.shape[0], row_bytes, min(memory_limit, _BLOCK)):
        products = dots(x, span, centres)
        products -= half
        at = products.argmax(axis=1)
        assignment[span] = at
        distance[span] = norms[span] - 2 * products[np.arange(len(at)), at]
    return assignment, np.maximum(distance, 0, out=distance)


def medoids(x: Any, clusters: Clusters, n: int) -> Array:
    """Return n distinct rows: the row nearest to each centre, largest cluster first, then farthest-first to fill up.

    A cluster without rows (a pool with fewer distinct points than clusters) gives none; a tie goes to the lower row.

    >>> x = np.array([[0.0], [1.0], [1.5], [10.0]])
    >>> medoids(x, k_means(x, 2, rng=np.random.default_rng(0)), 2)
    array([1, 3])
    """
    k = len(clusters.centres)
    order = np.lexsort((np.arange(len(clusters.distance)), clusters.distance, clusters.assignment))
    found, first = np.unique(clusters.assignment[order], return_index=True)
    rows = order[first[found < k]]
    rows = rows[np.lexsort((rows, -clusters.sizes[found[found < k]]))][:n]
    missing = min(n, x.shape[0]) - len(rows)
    if missing > 0:
        rows = np.concatenate([rows, _farthest(x, rows, clusters.distance, missing)])
    return rows


def _farthest(x: Any, taken: Array, distance: Array, n: int) -> Array:
    """Return n further rows, each the farthest from all that are taken and from the centres."""
    left = distance.copy()
    left[taken] = -1
    rows = []
    norms = square_norms(x)
    for _ in range(n):
        row = int(left.argmax())
        rows.append(row)
        left[row] = -1
        squared = norms - 2 * dots(x, slice(None), read(x, [row], norms.dtype))[:, 0] + norms[row]
        np.minimum(left, np.maximum(squared, 0, out=squared), out=left)
    return np.array(rows, np.int64)


def _variance(x: Any, norms: Array) -> float:
    """Return the variance of x averaged over its dimensions."""
    centre = np.asarray(x.mean(axis=0, dtype=np.float64)).reshape(-1)
    spread = float(norms.mean(dtype=np.float64)) - float(np.dot(centre, centre))
    return max(0.0, spread) / float(x.shape[1])


def _means(x: Any, assignment: Array, distance: Array, weight: Array, centres: Array) -> Array:
    """Return the weighted mean of each cluster; one that is empty moves to the row farthest from its centre."""
    from scipy.sparse import csr_array

    k = len(centres)
    total = np.zeros(centres.shape, np.float64)
    mass = np.bincount(assignment, weights=weight, minlength=k)[:k]
    free = np.where(assignment < k, weight, 0).astype(centres.dtype)
    at = np.where(assignment < k, assignment, 0)
    for span in spans(x.shape[0], x.shape[1] * centres.itemsize, 4 * _BLOCK):
        ends = np.arange(span.stop - span.start + 1)
        belongs = csr_array((free[span], at[span], ends), shape=(len(ends) - 1, k)).T
        part = x[span] if is_sparse(x) else read(x, span, centres.dtype)
        product = belongs @ part
        total += product.toarray() if is_sparse(product) else product
    full = mass > 0
    moved = centres.copy()
    moved[full] = (total[full] / mass[full, None]).astype(centres.dtype)
    empty = np.flatnonzero(~full)
    if len(empty):
        far = np.argsort(-distance * weight, kind="stable")[: len(empty)]
        far = far[distance[far] > 0]
        moved[empty[: len(far)]] = read(x, far, centres.dtype)
    return moved
