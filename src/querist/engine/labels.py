"""What the answers to each item amount to, under the class names now in force."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from querist.engine import opinions
from querist.engine.project import Project
from querist.engine.round import MEASURING, State
from querist.events import (
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    BatchSelected,
    ItemWithdrawn,
    OpinionsWanted,
)
from querist.types import Answer, ItemId, Resolved, TaskType


@dataclass(frozen=True, slots=True)
class _Known:
    """Training labels as they were at `seq`, while `basis` holds; `item_of` are the answers seen since it was begun."""

    seq: int
    basis: object
    resolved: dict[ItemId, Resolved]
    item_of: dict[int, ItemId]


def training_rows(project: Project, state: State, *, through: int) -> dict[ItemId, Resolved]:
    """Return what each item's answers amount to, for the items that may train."""
    return training_labels(project, state, through=through)[0]


def training_labels(
    project: Project, state: State, *, through: int
) -> tuple[dict[ItemId, Resolved], opinions.Opinions]:
    """Return what each training item's answers amount to, and the opinions behind it.

    Where votes are counted, one item's label does not depend on another's: only items that the ledger has news about
    are looked at again.
    """
    known: _Known | None = project.cache.get("training labels")
    replayed = known is not None and known.seq > through
    if project.spec.labels.consensus != "majority" or replayed:
        return resolve_with_opinions(project, state, through, _trains)
    basis = (state.spec_seq, state.classes, state.renamed)
    news = None if known is None or known.basis != basis else _news(project, known, through)
    if known is None or news is None:
        known = _Known(through, basis, resolve(project, state, through=through, use=_trains), {})
    else:
        items = list(news.items)
        fresh = resolve(project, state, through=through, use=_trains, items=items) if items else {}
        kept = {item: found for item, found in known.resolved.items() if item not in news.items}
        known = _Known(through, basis, kept | fresh, known.item_of | news.item_of)
    project.cache["training labels"] = known
    return dict(known.resolved), opinions.Opinions({}, {})


def _trains(answer: Answer) -> bool:
    return answer.lane not in MEASURING


@dataclass(frozen=True, slots=True)
class _News:
    """Items that something happened to, and the items of the answers that came."""

    items: dict[ItemId, None] = field(default_factory=dict)
    item_of: dict[int, ItemId] = field(default_factory=dict)


def _news(project: Project, known: _Known, through: int) -> _News | None:
    """Return what the ledger says since; None where an answer was taken back whose item is not at hand."""
    news = _News()
    for recorded in project.store.events(known.seq, through=through):
        match recorded.event:
            case AnswerSubmitted(item=item):
                news.item_of[recorded.seq] = item
                news.items[item] = None
            case AnswerAdjudicated(item=item) | ItemWithdrawn(item=item) | OpinionsWanted(item=item):
                news.items[item] = None
            case AnswerWithdrawn(answer=seq):
                withdrawn_from = news.item_of.get(seq) or known.item_of.get(seq)
                if withdrawn_from is None:
                    return None
                news.items[withdrawn_from] = None
            case BatchSelected(items=items, opinions=asked) if asked > 1:
                news.items.update(dict.fromkeys(items))
            case _:
                pass
    return news


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
