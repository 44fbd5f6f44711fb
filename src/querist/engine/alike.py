"""Items like one item, for people who label a whole group at a stroke: found by features, without any guess of a label.

Items that measure stay out: whoever answers them in a group answers them differently.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from querist.engine.commands import LEASE_SECONDS, tasks
from querist.engine.project import Project
from querist.engine.round import State
from querist.errors import Conflict
from querist.store.protocol import Lease
from querist.types import Array, ItemId, Json

LOOKED_AT: Final = 50_000
"""Rows that are compared. Rows stand in an order drawn by lot, so the first of them are a sample of the pool."""


def alike(project: Project, person: str, item: ItemId, n: int) -> Json:
    """Lease to a person up to n free items that are most like an item, the nearest first.

    Returns:
        {"tasks"}: as `next_items` gives them, without the item itself.

    Raises:
        NotFound: no such item.
        NotReady: the features have not been built yet.
        Conflict: the item measures the model, so that it is answered by itself.
    """
    state = project.state()
    row = int(project.store.rows([item])[0])
    free = _free(project, state)
    if _measures(project, state)[row] or item in state.gold:
        raise Conflict("this item measures: it is answered by itself", field="item", value=item)
    free[row] = False
    candidates = np.flatnonzero(free[:LOOKED_AT])
    embed = project.features().embed
    near = candidates[_nearest(embed[candidates], embed[row])]
    ids = project.pool().items
    leases: list[Lease] = []
    for found in near.tolist():
        if len(leases) == n:
            break
        lease = project.store.lease_item(person, ids[found], lane="query", round_=state.round, seconds=LEASE_SECONDS)
        leases += [] if lease is None else [lease]
    return {"tasks": tasks(project, leases)}


def _free(project: Project, state: State) -> Array:
    """Which rows nobody has answered, nobody holds, and nothing measures with."""
    free = np.ones(state.pool_size, dtype=bool)
    taken = {*state.live, *state.withdrawn, *state.gold, *state.duel, *(lease.item for lease in project.store.leases())}
    free[project.store.rows(sorted(taken))] = False
    # Features are built after an import: rows that have none yet cannot be compared.
    free[state.features_rows :] = False
    return free & ~_measures(project, state)


def _measures(project: Project, state: State) -> Array:
    if state.validation:
        return np.zeros(state.pool_size, dtype=bool)
    return np.asarray(project.pool().u_eval)[: state.pool_size] < state.reserve


def _nearest(rows: Array, point: Array) -> Array:
    """Return the order of rows by the cosine of their angle to a point.

    >>> _nearest(np.array([[0.0, 2.0], [3.0, 0.1], [0.0, 0.0]]), np.array([1.0, 0.0])).tolist()
    [1, 0, 2]
    """
    rows, point = np.asarray(rows, dtype=np.float32), np.asarray(point, dtype=np.float32)
    length = np.linalg.norm(rows, axis=1)
    return np.argsort(-(rows @ point) / np.where(length > 0, length, 1), kind="stable")
