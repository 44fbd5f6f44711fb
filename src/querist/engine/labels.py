"""What the answers to each item amount to, under the class names now in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from querist.engine import opinions
from querist.engine.project import Project
from querist.engine.round import MEASURING, State
from querist.types import Answer, ItemId, Resolved, TaskType


def training_rows(project: Project, state: State, *, through: int) -> dict[ItemId, Resolved]:
    """Return what each item's answers amount to, for the items that may train."""
    return resolve(project, state, through=through, use=lambda answer: answer.lane not in MEASURING)


def resolve(
    project: Project,
    state: State,
    *,
    through: int,
    use: Callable[[Answer], bool] = lambda _: True,
    items: Sequence[ItemId] | None = None,
) -> dict[ItemId, Resolved]:
    """Return what each item's live answers amount to, where they agree, under the class names now in force.

    Args:
        project: whose answers.
        state: the fold at `through` or later.
        through: answers up to this place in the ledger.
        use: which answers count.
        items: all that have such an answer, where they are known: then only these are read.
    """
    return resolve_with_opinions(project, state, through, use, items)[0]


def resolve_with_opinions(
    project: Project,
    state: State,
    through: int,
    use: Callable[[Answer], bool],
    items: Sequence[ItemId] | None = None,
) -> tuple[dict[ItemId, Resolved], opinions.Opinions]:
    """Return the same as `resolve`, and the opinions behind it: what was in dispute, and who agreed."""
    task = project.task
    decided = project.store.decisions(through=through)
    by_item: dict[ItemId, list[Answer]] = {}
    for answer in project.store.answers(through=through, items=items):
        if answer.outcome == "answered" and answer.item not in state.withdrawn and use(answer):
            by_item.setdefault(answer.item, []).append(opinions.renamed(answer, state, task))
    known = {
        item: [answer for answer in answers if _in_classes(answer.value, task)] for item, answers in by_item.items()
    }
    found = opinions.merge(project, state, {item: answers for item, answers in known.items() if answers})
    resolved = {item: merged for item, merged in found.merged.items() if isinstance(merged, Resolved)}
    for item in by_item.keys() & decided.keys():
        decision = decided[item]
        resolved[item] = Resolved(task.renamed(decision.value, state.renamed), (decision.seq,))
    return resolved, found


def _in_classes(value: Any, task: TaskType) -> bool:
    """Whether each class that a value names is declared."""
    return not task.has_classes or all(name in task.classes for name in task.tally(value))
