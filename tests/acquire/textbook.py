"""Slow and obvious versions that several tests compare with."""

import numpy as np

from querist.acquire.clusters import seeds
from querist.acquire.distances import Space


def lloyd(x, k, rng, weight=None):
    """Return (centres, assignment): Lloyd row by row, from the seeds that ours takes, to the same rest."""
    weight = np.ones(len(x)) if weight is None else weight
    space = Space(x)
    still = np.empty((0, x.shape[1]))
    centres = x[seeds(space, k, rng=rng, weight=weight, still=still)]
    rest = 1e-4 * np.square(x - x.mean(axis=0)).sum(axis=1).mean() / x.shape[1]
    assignment, shift = nearest(x, centres), np.inf
    while shift > rest:
        moved = centres.copy()
        for c in range(k):
            mine = assignment == c
            if weight[mine].sum() > 0:
                moved[c] = np.average(x[mine], axis=0, weights=weight[mine])
        shift = np.square(moved - centres).sum()
        centres, assignment = moved, nearest(x, moved)
    return centres, assignment


def nearest(x, centres):
    return np.array([int(np.square(row - centres).sum(axis=1).argmin()) for row in x])


def medoids(x, centres, assignment):
    """Return the row nearest to each centre among its own, that of the largest cluster first."""
    found = []
    for c in range(len(centres)):
        mine = np.flatnonzero(assignment == c)
        found.append((-len(mine), mine[np.square(x[mine] - centres[c]).sum(axis=1).argmin()]))
    return [int(row) for _, row in sorted(found)]
