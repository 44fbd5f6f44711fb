"""Who gets which item: by skill, language or group, by load, without conflicts of interest; and when people tire.

The rules are settings of the project (`[assignment]`), so the ledger knows them. Names in them are pseudonyms.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.round import State
from querist.store.protocol import Arrange, QueueEntry
from querist.types import ItemId

HARD: Final = 0.75
"""Items whose score is above this quantile of the queue are hard; they go round."""

HARD_IN_A_ROW: Final = 3
"""Hard items that one person gets in a row while there are others."""

EASY_LANES: Final = frozenset({"control", "evaluation", "seed"})
"""Lanes whose items the model does not find hard on purpose."""


def arrange(project: Project, state: State, person: str) -> Arrange | None:
    """Return what puts the free items into a person's order; None where no rule applies and the queue's order holds.

    Args:
        project: the project.
        state: the fold.
        person: who asks for items.
    """
    rules = project.spec.assignment
    tired = _is_tired(project, person)
    if not (rules.by_group or rules.once_per_group or rules.people or rules.rotate or tired):
        return None
    # Looked up before the store is asked for a lease, which then need not wait for it.
    group_of = _groups(project, [entry.item for entry in project.store.queue()])
    own = rules.people.get(person)
    mine = _groups_done(project, state, person) if rules.once_per_group else set()

    def may(entry: QueueEntry) -> bool:
        group = group_of.get(entry.item)
        if own is not None and (entry.item in own.conflicts or group in own.conflicts):
            return False
        if rules.by_group and group is not None and group not in (own.groups if own is not None else ()):
            return False
        return not (rules.once_per_group and group is not None and group in mine)

    def order(entries: list[QueueEntry]) -> list[QueueEntry]:
        found = [entry for entry in entries if may(entry)]
        if rules.once_per_group:
            found = _first_of_each(found, [group_of.get(entry.item) for entry in found])
        if own is not None and own.weight < 1:
            found = _share(project, person, found, own.weight)
        if tired:
            return _mixed(found, easy_each=2)
        return _mixed(found, easy_each=HARD_IN_A_ROW + 1) if rules.rotate else found

    return order


def left_today(project: Project, person: str) -> int | None:
    """Return how many more answers a person may give until midnight UTC; None where the project sets no load."""
    rules = project.spec.assignment
    own = rules.people.get(person)
    most = (own.daily if own is not None else 0) or rules.daily
    return max(0, most - project.timesheet.answers_today(person)) if most else None


def _groups(project: Project, items: Sequence[ItemId]) -> dict[ItemId, str | None]:
    groups = project.pool().group
    if groups is None:
        return {}
    rows = project.store.rows(items).tolist()
    return {item: groups[row] for item, row in zip(items, rows, strict=True)}


def _groups_done(project: Project, state: State, person: str) -> set[str | None]:
    done = [item for item, live in state.live.items() if any(answer.person == person for answer in live)]
    return set(_groups(project, done).values())


def _is_tired(project: Project, person: str) -> bool:
    """Whether somebody has worked for longer than the project's break time without one."""
    minutes = project.spec.labels.break_minutes
    return bool(minutes) and project.timesheet.working_minutes(person, time.time_ns() // 1000) >= minutes


def _first_of_each(entries: Sequence[QueueEntry], groups: Sequence[str | None]) -> list[QueueEntry]:
    seen: set[str] = set()
    found = []
    for entry, group in zip(entries, groups, strict=True):
        if group is None or group not in seen:
            found.append(entry)
            seen.update(() if group is None else (group,))
    return found


def _share(project: Project, person: str, entries: Sequence[QueueEntry], weight: float) -> list[QueueEntry]:
    """Leave a share of the queue to others, always the same items of it; what nobody else takes comes last."""
    if not entries:
        return []
    lot = keyed_numbers(project.seed, f"share {person}", [entry.item for entry in entries])
    own = [entry for entry, drawn in zip(entries, lot, strict=True) if drawn < weight]
    return own or list(entries)


def _mixed(entries: Sequence[QueueEntry], *, easy_each: int) -> list[QueueEntry]:
    """Put an easier item in each n-th place: of the random lanes, or of a low score."""
    scores = np.array([entry.score for entry in entries if entry.score is not None])
    limit = float(np.quantile(scores, HARD)) if scores.size else np.inf
    hard = [e for e in entries if e.lane not in EASY_LANES and e.score is not None and e.score > limit]
    easy = [entry for entry in entries if entry not in hard]
    found: list[QueueEntry] = []
    while hard or easy:
        take_easy = easy and (not hard or len(found) % easy_each == easy_each - 1 or easy[0].rank < hard[0].rank)
        found.append((easy if take_easy else hard).pop(0))
    return found
