"""What the answers cost so far, in labels, money and hours: one sum for the page, the budget and the other rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from querist.engine.project import Project
from querist.engine.round import State
from querist.events import ClassesChanged
from querist.types import Array, ItemId


@dataclass(frozen=True, slots=True)
class Spent:
    """What people's answers cost; imported ones cost nothing.

    Attributes:
        labels: answers, in all lanes.
        money: in the project's currency; None where no price is known.
        hours: None where no time is known.
    """

    labels: int
    money: float | None
    hours: float | None


def spent(project: Project, state: State) -> Spent:
    """Return what the answers have cost.

    An item costs what `pool.cost` says, else `cost.per_label`; an answer that was withdrawn or replaced costs nothing,
    one that lost its class by a split does. Time is `cost.seconds_per_label` for each answer, else what was measured.
    """
    cost = project.spec.cost
    hours = project.timesheet.active_ms / 3.6e6 or None
    if cost.seconds_per_label:
        hours = state.paid * cost.seconds_per_label / 3600
    if project.spec.pool.cost:
        return Spent(state.paid, float(_costs(project, _paid_items(project, state)).sum()), hours)
    return Spent(state.paid, state.paid * cost.per_label if cost.per_label else None, hours)


def price(project: Project) -> float:
    """Return what one more label costs on average, in the project's currency; 0 where no price is known."""
    usual = project.spec.cost.per_label
    known = project.pool().cost if project.spec.pool.cost else None
    return usual if known is None else float(np.where(np.isnan(known), usual, known).mean())


def _paid_items(project: Project, state: State) -> list[ItemId]:
    """Return the item of every answer that was paid for; once for each answer."""
    paid = [item for item, answers in state.live.items() for answer in answers if answer.source != "import"]
    for recorded in project.store.events(kinds=("classes_changed",)):
        if isinstance(recorded.event, ClassesChanged) and recorded.event.ended:
            ended = set(recorded.event.ended)
            paid += [answer.item for answer in project.store.answers(through=recorded.seq - 1) if answer.seq in ended]
    return paid


def _costs(project: Project, items: list[ItemId]) -> Array:
    """Return what each item costs; `cost.per_label` where its cell is empty."""
    known = project.pool().cost
    usual = project.spec.cost.per_label
    if known is None:
        return np.full(len(items), usual)
    found: Array = known[project.store.rows(items)]
    return np.where(np.isnan(found), usual, found)
