"""Data sets: all answers up to an instant, resolved and named by their content."""

from __future__ import annotations

from collections.abc import Sequence

from querist.engine import opinions
from querist.engine.labels import resolve_with_opinions
from querist.engine.project import Project
from querist.engine.round import MEASURING, State
from querist.engine.round import opinions as asked_of_each
from querist.events import (
    DatasetFrozen,
    Fallback,
)
from querist.types import ItemId, Json, canonical_json, short_hash


def freeze(project: Project, state: State, number: int) -> None:
    """Make a data set of the answers so far: all up to the head of the ledger at this moment."""
    through_seq = state.seq
    resolved, found = resolve_with_opinions(project, state, through_seq, lambda answer: answer.lane not in MEASURING)
    _follow_up(project, state, found, number)
    items = sorted(resolved)
    targets = [resolved[item].value for item in items]
    weights = [resolved[item].weight for item in items]
    manifest = [list(entry) for entry in zip(items, targets, weights, strict=True)]
    dataset = short_hash({"task": project.spec.project.task, "rows": manifest})
    lanes = _lanes(state, items)
    columns = {
        "item": items,
        "row": project.store.rows(items).tolist(),
        "target": [canonical_json(target) for target in targets],
        "weight": weights,
        "answers": [list(resolved[item].answers) for item in items],
        "lane": lanes,
    }
    counts: dict[str, int] = {}
    for target in targets:
        for name in project.task.tally(target):
            counts[name] = counts.get(name, 0) + 1
    event = DatasetFrozen(
        round=number,
        dataset=dataset,
        through_seq=through_seq,
        rows=project.store.artefacts.put_table(columns),
        counts=counts,
        labelled=len(items),
        parent=state.dataset,
    )
    project.record(f"r{number}/freeze", event)


def _follow_up(project: Project, state: State, found: opinions.Opinions, number: int) -> None:
    """Ask for further opinions where they are wanted, and say so where the consensus had to be a vote."""
    if opinions.most_opinions(state) > asked_of_each(state):
        opinions.ask_further(project, state.live)
        opinions.ask_where_unsure(project, state, found)
    if found.fallback is not None:
        wanted = project.spec.labels.consensus
        fallback = Fallback(round=number, what="consensus", wanted=wanted, used="votes", reason=found.fallback)
        project.record(f"r{number}/freeze/consensus", fallback)


def _lanes(state: State, items: Sequence[ItemId]) -> list[str]:
    return [next((live.lane or "query" for live in state.live.get(item, ())), "query") for item in items]


def frozen_rows(project: Project, number: int) -> Json:
    """Return the columns of the data set that a round froze: item, row, target (canonical value), weight, lane."""
    recorded = project.store.find(f"r{number}/freeze")
    assert recorded is not None
    assert isinstance(recorded.event, DatasetFrozen)
    return dataset_rows(project, recorded.event)


def dataset_rows(project: Project, event: DatasetFrozen) -> Json:
    """Return the columns of a data set."""
    import json

    columns = project.store.artefacts.get_table(event.rows)
    state = project.state()
    targets = [json.loads(target) for target in columns["target"]]
    task = project.task
    return {**columns, "target": [task.renamed(target, state.renamed) for target in targets]}
