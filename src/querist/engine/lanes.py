"""Which lane each slot of a batch belongs to, and which items the two random lanes take. Pure.

Each item has two fixed numbers in [0, 1), so that growing pools and replay need no state: `u_eval` decides whether it
is in the reserve and when its label is asked for, `u_control` gives the order of the control lane.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from querist.types import Array, ItemId, Lane

TIES: Final[tuple[Lane, ...]] = ("evaluation", "control", "relabel", "gold", "query")
"""Who goes first among lanes that are equally far behind."""


def keyed_numbers(seed: int, lane: str, items: Sequence[ItemId]) -> Array:
    """Return a number in [0, 1) for each item: keyed BLAKE2 of (project seed, lane, item).

    >>> keyed_numbers(0, "control", ["a", "b"]).round(3)
    array([0.262, 0.534])
    """
    key = hashlib.blake2b(f"querist:{seed}:{lane}".encode(), digest_size=32).digest()
    digests = b"".join(hashlib.blake2b(item.encode(), digest_size=8, key=key).digest() for item in items)
    # The upper 53 bits: every value is a float64 below 1.
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53


def lane_slots(slots: int, *, shares: Mapping[Lane, float], counts: Mapping[str, int]) -> list[Lane]:
    """Give out the slots of a batch in order, each to the lane that is furthest behind its share.

    No draw: the shares are exact at every moment. Shares are taken as whole thousandths; what they leave is `query`.

    Args:
        slots: how many slots.
        shares: share of each random lane, in [0, 1).
        counts: what each lane has been given so far.

    >>> lane_slots(6, shares={"evaluation": 0.3, "control": 0.2}, counts={})
    ['query', 'evaluation', 'control', 'query', 'evaluation', 'query']
    """
    thousandths: dict[Lane, int] = {lane: round(1000 * shares.get(lane, 0)) for lane in TIES if lane != "query"}
    thousandths["query"] = 1000 - sum(thousandths.values())
    given = {lane: counts.get(lane, 0) for lane in TIES}
    total = sum(given.values())
    result: list[Lane] = []
    for _ in range(slots):
        total += 1
        # In thousandths of a slot, so that nothing is rounded.
        behind = {lane: thousandths[lane] * total - 1000 * given[lane] for lane in TIES if thousandths[lane]}
        lane = max(behind, key=lambda name: (behind[name], -TIES.index(name)))
        given[lane] += 1
        result.append(lane)
    return result


def next_in_order(order: Array, n: int, *, among: Array) -> Array:
    """Return the first n rows by their fixed number among the rows allowed.

    Args:
        order: (n_pool,) fixed numbers.
        n: how many rows.
        among: (n_pool,) bool, the rows that may be taken.

    >>> next_in_order(np.array([0.5, 0.1, 0.9]), 2, among=np.array([True, False, True]))
    array([0, 2])
    """
    rows = np.flatnonzero(among)
    if n < rows.size:
        rows = rows[np.argpartition(order[rows], n - 1)[:n]] if n > 0 else rows[:0]
    return rows[np.argsort(order[rows], kind="stable")]


def control_prefix(u_control: Array, *, candidates: Array, labelled: Array) -> Array:
    """Return the control set: every candidate below the first unlabelled one, in order of `u_control`.

    It is a uniform sample at any time, whoever asked for the labels.

    >>> control_prefix(np.array([0.3, 0.1, 0.2]), candidates=np.ones(3, bool), labelled=np.array([True, True, False]))
    array([1])
    """
    order = next_in_order(u_control, int(candidates.sum()), among=candidates)
    unlabelled = np.flatnonzero(~labelled[order])
    return order[: unlabelled[0]] if unlabelled.size else order
