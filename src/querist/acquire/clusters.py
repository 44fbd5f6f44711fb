"""The one k-means of `acquire`: weighted, with fixed centres, blocked, float32, seeded by greedy k-means++."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, converted, is_sparse, spans
from querist.acquire.distances import PRODUCT, Space, nearest
from querist.acquire.greedy import farthest_first
from querist.errors import BadValue
from querist.types import Array, Rng

SAMPLE: Final = 10_000
"""Centres begin where so many rows, drawn from a pool twice as large, would have them ..."""
SAMPLE_EACH: Final = 256
"""... or so many for each centre, if they take no more bytes than this."""
SAMPLE_BYTES: Final = 2**27
POLISH: Final = 5
"""Iterations over all rows from there: more move the inertia by less than a thousandth."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """What k-means found in `space`.

    `centres` (k, d), as seen from the mean of the space; `assignment` (n,), in which numbers from k on are the fixed
    centres, in their order; `distance` (n,) squared distance to the nearest centre; `inertia` their weighted sum;
    `iterations` of Lloyd's algorithm.
    """

    space: Space
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

    In a pool of more than 20,000 rows and 512 · k, both are first done on half as many at random; from there at most
    five iterations go over all rows.

    Args:
        x: (n, d) dense, memory-mapped or CSR, n ≥ k; or a `Space` of such rows.
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
    space = x if isinstance(x, Space) else Space(x, memory_limit=memory_limit)
    if not 1 <= k <= len(space):
        raise BadValue("k", k, f"must be between 1 and the number of rows, {len(space)}")
    weight = np.ones(len(space), space.dtype) if weight is None else np.asarray(weight, space.dtype)
    still = space.place(fixed) if fixed is not None else np.empty((0, space.width), space.dtype)
    return _lloyd(space, k, rng, weight, still, iterations, tolerance)


def _lloyd(space: Space, k: int, rng: Rng, weight: Array, still: Array, iterations: int, tolerance: float) -> Clusters:
    """Return the clusters of Lloyd's iterations, `still` (f, d) being the fixed centres as the space sees them."""
    if not weight.any():
        weight = np.ones_like(weight)
    sample = max(SAMPLE, SAMPLE_EACH * k)
    large = not is_sparse(space.x) and len(space) >= 2 * sample
    if large and sample * space.width * space.dtype.itemsize <= SAMPLE_BYTES:
        rows = np.sort(rng.choice(len(space), size=sample, replace=False))
        centres = _lloyd(space.part(rows), k, rng, weight[rows], still, iterations, tolerance).centres
        iterations = min(iterations, POLISH)
    else:
        centres = space.centred(seeds(space, k, rng=rng, weight=weight, still=still))
    allowed = tolerance * float(space.norms.mean(dtype=np.float64)) / space.width
    assignment, distance = nearest(space, np.concatenate([centres, still]))
    done, shift = 0, np.inf
    while done < iterations and shift > allowed:
        done += 1
        moved = _means(space, assignment, distance, weight, centres)
        shift = float(np.square(moved - centres).sum())
        centres = moved
        before = assignment
        assignment, distance = nearest(space, np.concatenate([centres, still]))
        if np.array_equal(before, assignment):
            break
    return Clusters(space, centres, assignment, distance, float(np.dot(weight, distance)), done)


def seeds(space: Space, k: int, *, rng: Rng, weight: Array, still: Array) -> Array:
    """Return k rows spread by greedy k-means++: each the best of 2 + log k draws by weighted squared distance.

    Where all rows coincide with a centre, the next is drawn by weight alone.
    """
    distance = nearest(space, still)[1] if len(still) else np.full(len(space), np.inf, space.dtype)
    rows = np.empty(k, np.int64)
    trials = 2 + int(np.log(k))
    for step in range(k):
        first = step == 0 and not len(still)
        chance = weight if first else weight * distance
        drawn = _draw(chance if chance.any() else weight, 1 if first else trials, rng)
        rows[step], distance = _best(space, drawn, weight, distance)
    return rows


def _draw(chance: Array, times: int, rng: Rng) -> Array:
    cumulated = np.cumsum(chance, dtype=np.float64)
    drawn = np.searchsorted(cumulated, rng.random(times) * cumulated[-1], side="right")
    rows: Array = np.minimum(drawn, len(chance) - 1)
    return rows


def _best(space: Space, drawn: Array, weight: Array, distance: Array) -> tuple[int, Array]:
    """Return the drawn row that leaves the least weighted distance, and the distances that it leaves."""
    left = np.empty((len(drawn), len(distance)), distance.dtype)
    centres = space.centred(drawn)
    for span in spans(len(space), 1, space.block_rows(len(drawn))):
        np.minimum(space.to(span, centres).T, distance[span], out=left[:, span])
    left[np.arange(len(drawn)), drawn] = 0
    best = int(np.argmin(left @ weight))
    return int(drawn[best]), left[best]


def medoids(clusters: Clusters, n: int) -> Array:
    """Return n distinct rows: the row nearest to each centre, largest cluster first, then farthest-first to fill up.

    A cluster without rows (a pool with fewer distinct points than clusters) gives none; a tie goes to the lower row.

    >>> x = np.array([[0.0], [1.0], [1.5], [10.0]])
    >>> medoids(k_means(x, 2, rng=np.random.default_rng(0)), 2)
    array([1, 3])
    """
    k = len(clusters.centres)
    order = np.lexsort((np.arange(len(clusters.distance)), clusters.distance, clusters.assignment))
    found, first = np.unique(clusters.assignment[order], return_index=True)
    rows = order[first[found < k]]
    rows = rows[np.lexsort((rows, -clusters.sizes[found[found < k]]))][:n]
    missing = min(n, len(clusters.space)) - len(rows)
    if missing > 0:
        left = clusters.distance.copy()
        left[rows] = -1
        rows = np.concatenate([rows, farthest_first(clusters.space, left, missing)])
    return rows


def _means(space: Space, assignment: Array, distance: Array, weight: Array, centres: Array) -> Array:
    """Return the weighted mean of each cluster; one that is empty moves to the row farthest from its centre."""
    from scipy.sparse import csr_array

    k = len(centres)
    total = np.zeros(centres.shape, np.float64)
    mass = np.bincount(assignment, weights=weight, minlength=k)[:k]
    free = np.where(assignment < k, weight, 0).astype(centres.dtype)
    if space.scale is not None:
        free *= space.scale
    at = np.where(assignment < k, assignment, 0)
    for span in spans(len(space), space.width * centres.itemsize, PRODUCT):
        ends = np.arange(span.stop - span.start + 1)
        belongs = csr_array((free[span], at[span], ends), shape=(len(ends) - 1, k)).T
        part = space.x[span]
        product = belongs @ (part if is_sparse(part) else converted(part, centres.dtype))
        total += product.toarray() if is_sparse(product) else product
    full = mass > 0
    moved = centres.copy()
    moved[full] = (total[full] / mass[full, None] - space.offset).astype(centres.dtype)
    empty = np.flatnonzero(~full)
    if len(empty):
        far = np.argsort(-distance * weight, kind="stable")[: len(empty)]
        far = far[distance[far] > 0]
        moved[empty[: len(far)]] = space.centred(far)
    return moved
