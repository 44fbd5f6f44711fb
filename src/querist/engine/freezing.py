"""Data sets: all answers up to an instant, resolved and named by their content."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from querist.engine import opinions
from querist.engine.labels import training_labels
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.round import opinions as asked_of_each
from querist.events import DatasetFrozen, Fallback
from querist.types import ItemId, Json, canonical_json, short_hash


def freeze(project: Project, state: State, number: int) -> None:
    """Make a data set of the answers so far: all up to the head of the ledger at this moment."""
    through_seq = state.seq
    resolved, found = training_labels(project, state, through=through_seq)
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
        "target": _texts(targets),
        "weight": weights,
        "answers": [list(resolved[item].answers) for item in items],
        "lane": lanes,
    }
    task = project.task
    counts = Counter(name for target in targets for name in task.tally(target))
    event = DatasetFrozen(
        round=number,
        dataset=dataset,
        through_seq=through_seq,
        rows=project.store.artefacts.put_table(columns),
        counts=dict(counts),
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


def _texts(targets: Sequence[Any]) -> list[str]:
    """Return targets as canonical JSON; a class is written once, however many items are of it."""
    classes = {target: canonical_json(target) for target in targets if isinstance(target, str)}
    return [classes[target] if isinstance(target, str) else canonical_json(target) for target in targets]


def _lanes(state: State, items: Sequence[ItemId]) -> list[str]:
    return [(state.live[item][0].lane or "query") if item in state.live else "query" for item in items]


def frozen_rows(project: Project, number: int) -> Json:
    """Return the columns of the data set that a round froze: item, row, target (canonical value), weight, lane."""
    recorded = project.store.find(f"r{number}/freeze")
    assert recorded is not None
    assert isinstance(recorded.event, DatasetFrozen)
    return dataset_rows(project, recorded.event)


def dataset_rows(project: Project, event: DatasetFrozen) -> Json:
    """Return the columns of a data set."""
    columns = project.store.artefacts.get_table(event.rows)
    state, task = project.state(), project.task
    read = {text: json.loads(text) for text in set(columns["target"])}
    if state.renamed:
        read = {text: task.renamed(target, state.renamed) for text, target in read.items()}
    return {**columns, "target": [read[text] for text in columns["target"]]}
