"""Items join a project, with the labels that come with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.held_out import validation_digests, validation_table
from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.sources import pool_reader
from querist.errors import BadValue, QueristError
from querist.events import AnswerSubmitted, PoolImported
from querist.measure.words import many
from querist.pools.reader import PoolReader, digest, label_text
from querist.store.lock import IMPORT_LOCK, lock
from querist.store.protocol import ItemRow, NewEvent
from querist.types import Content, Item, ItemId, Json, Lane, Rejected, TaskType, short_hash

SHOWN: Final = 5
"""Rejected rows that are shown; all are kept."""

AT_ONCE: Final = 1_000
"""Labels that are recorded in one transaction."""

STRETCH: Final = 200_000
"""Items whose content is held in memory at a time while a pool is imported."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    added: int
    duplicates: int
    known: int
    labelled: int
    rejected: Sequence[Rejected] = ()
    no_class: Mapping[str, int] = field(default_factory=dict)
    conflicts: Mapping[ItemId, Sequence[str]] = field(default_factory=dict)
    in_validation: int = 0
    validation: int = 0

    def to_json(self) -> Json:
        """Return the figures, and all rejected rows with line and reason."""
        return {
            "added": self.added,
            "duplicates": self.duplicates,
            "known": self.known,
            "labelled": self.labelled,
            "rejected": [{"line": row.line, "reason": row.reason} for row in self.rejected],
            "no_class": dict(self.no_class),
            "conflicts": {item: list(labels) for item, labels in self.conflicts.items()},
            "in_validation": self.in_validation,
            "validation": self.validation,
        }

    def text(self, folder: Path) -> str:
        """Return what happened, in lines for a terminal."""
        counts = [
            (self.labelled, "label", "labels", "came with the data"),
            (self.validation, "item", "items", "of your own to measure the model by"),
            (self.known, "item was", "items were", "there already"),
            (self.duplicates, "exact duplicate was", "exact duplicates were", "folded into what it repeats"),
            (self.in_validation, "item was", "items were", "left out: also in the validation data"),
            (len(self.conflicts), "item counts", "items count", "as unlabelled: copies have different labels"),
        ]
        lines = [f"{folder}: {many(self.added, 'item')}"]
        lines += [f"{many(count, one, more)} {what}" for count, one, more, what in counts if count]
        lines += [
            f"{many(count, 'item has', 'items have')} the label {name!r}, which is no class"
            for name, count in self.no_class.items()
        ]
        if self.rejected:
            lines.append(f"{many(len(self.rejected), 'row was', 'rows were')} set aside:")
            lines += [f"  line {row.line}: {row.reason}" for row in self.rejected[:SHOWN]]
        if len(self.rejected) > SHOWN:
            lines.append(f"  … and {len(self.rejected) - SHOWN:,} more")
        return "\n".join(lines)


def import_data(project: Project, data: str, *, actor: str = "import") -> Imported:
    """Let the items of another file or folder, of the same form, join the project.

    Args:
        project: a project in a folder.
        data: a file or folder with the columns of the project's own data.
        actor: who let them join, as the ledger names them.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the project's data have and this file has not.
    """
    assert project.folder is not None
    return import_items(project, pool_reader(project.spec.pool.model_dump(), project.folder, data), actor=actor)


def import_items(project: Project, reader: PoolReader, *, actor: str = "import") -> Imported:
    """Let what the reader yields join the project, and record the labels that come with it.

    Raises:
        BadValue: nothing that can be used, in a project that has no items yet.
        Busy: another import is under way.
    """
    assert project.folder is not None
    with lock(project.folder, IMPORT_LOCK, "import"):
        return _import(project, reader, actor)


def _import(project: Project, reader: PoolReader, actor: str) -> Imported:
    found = _sort(project, reader)
    summary = reader.summary
    if not found.copies and not found.labels and not found.there:
        aside = many(len(found.rejected), "row was", "rows were")
        raise BadValue("data", reader.source, f"holds no item that can be used; {aside} set aside")
    if found.copies:
        _add(project, reader, found, actor)
    told, no_class = _import_labels(project, found.labels, summary.fingerprint, actor)
    return Imported(
        added=len(found.copies),
        duplicates=summary.duplicates,
        known=found.known,
        labelled=told,
        rejected=found.rejected,
        no_class=no_class,
        conflicts=summary.conflicts,
        in_validation=found.in_validation,
        validation=project.state().validation,
    )


@dataclass(slots=True)
class _Sorted:
    """What one pass over the data found: new items by id, and what is left out, with the reason."""

    there: int
    copies: dict[ItemId, int] = field(default_factory=dict)
    group: dict[ItemId, str | None] = field(default_factory=dict)
    cost: dict[ItemId, float | None] = field(default_factory=dict)
    labels: dict[ItemId, str] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    known: int = 0
    in_validation: int = 0


def _sort(project: Project, reader: PoolReader) -> _Sorted:
    measuring = validation_digests(project)
    # Without an id column ids come from the content: of images by path, from the bytes.
    table = None if project.spec.pool.id else validation_table(project)
    measuring_ids = set() if table is None else set(table["item"])
    there = set(project.pool().items) if project.state().pool_size else set()
    found = _Sorted(there=len(there))
    for entry in reader.read():
        if isinstance(entry, Rejected):
            found.rejected.append(entry)
            continue
        if digest(entry.content) in measuring or entry.id in measuring_ids:
            found.in_validation += 1
            continue
        if entry.id in there:
            found.known += 1
        else:
            found.copies[entry.id], found.group[entry.id], found.cost[entry.id] = entry.copies, entry.group, entry.cost
        if entry.label is not None:
            found.labels[entry.id] = label_text(entry.label)
    return found


def _add(project: Project, reader: PoolReader, found: _Sorted, actor: str) -> None:
    """Give the new items their rows, in an order that is fixed by the seed, and keep them."""
    state, seed = project.state(), project.seed
    ids = list(found.copies)
    order = np.argsort(keyed_numbers(seed, "row", ids), kind="stable")
    in_order = [ids[place] for place in order]
    row_of = {item: state.pool_size + at for at, item in enumerate(in_order)}
    u_eval, u_control = (keyed_numbers(seed, lane, in_order) for lane in ("evaluation", "control"))

    def rows() -> Iterator[ItemRow]:
        for at, entry in _in_order_of_rows(reader, row_of, state.pool_size):
            numbers = float(u_eval[at]), float(u_control[at])
            row = state.pool_size + at
            yield ItemRow(entry.id, row, *numbers, entry.content, entry.copies, entry.group, entry.cost)

    project.store.add_items(rows())
    columns: dict[str, Any] = {
        "item": in_order,
        "row": [row_of[item] for item in in_order],
        "u_eval": u_eval,
        "u_control": u_control,
        "copies": [found.copies[item] for item in in_order],
        "group": [found.group[item] for item in in_order],
        "cost": [found.cost[item] for item in in_order],
    }
    artefacts = project.store.artefacts
    aside = [{"line": row.line, "reason": row.reason, "raw": row.raw} for row in found.rejected]
    size = state.pool_size + len(ids)
    event = PoolImported(
        source=reader.source,
        fingerprint=reader.summary.fingerprint,
        items=artefacts.put_table(columns),
        added=len(ids),
        duplicates=reader.summary.duplicates,
        rejected=artefacts.put_json(aside) if aside else None,
        rejected_count=len(aside),
        size=size,
        reserve=_reserve(project, size),
    )
    project.record(f"import/{short_hash([event.fingerprint, state.pool_size])}", event, actor=actor)


def _in_order_of_rows(reader: PoolReader, row_of: Mapping[ItemId, int], first: int) -> Iterator[tuple[int, Item]]:
    """Yield each new item with its place; one pass over the file for each stretch, since files have another order."""
    for start in range(0, len(row_of), STRETCH):
        stretch: dict[int, Item] = {}
        for entry in reader.read():
            if isinstance(entry, Item) and entry.id in row_of:
                at = row_of[entry.id] - first
                if start <= at < start + STRETCH:
                    stretch[at] = entry
        yield from sorted(stretch.items(), key=lambda pair: pair[0])


def _reserve(project: Project, size: int) -> float:
    """The share of the pool that only measures: a fifth, or so many items if that is fewer."""
    lanes = project.spec.lanes
    if project.state().validation or project.spec.evaluation.file or lanes.evaluation == 0:
        return 0.0
    return min(0.2, lanes.reserve / size)


def _import_labels(
    project: Project, labels: Mapping[ItemId, str], fingerprint: str, actor: str
) -> tuple[int, dict[str, int]]:
    """Record the labels that came with the data: they train or measure, and are no budget."""
    state, task = project.state(), project.task
    no_class: dict[str, int] = {}
    contents = dict(zip(labels, project.store.contents(list(labels)), strict=True)) if task.target is None else {}
    events: list[NewEvent] = []
    items = [item for item in labels if item not in state.live]
    rows = project.store.rows(items)
    u_eval = np.asarray(project.pool().u_eval)
    for item, row in zip(items, rows.tolist(), strict=True):
        try:
            value = _label_of(task, labels[item], state, contents.get(item))
        except QueristError:
            no_class[labels[item]] = no_class.get(labels[item], 0) + 1
            continue
        lane: Lane = "evaluation" if not state.validation and u_eval[row] < state.reserve else "seed"
        event = AnswerSubmitted(
            item=item, task=project.spec.project.task, outcome="answered", value=value, lane=lane, source="import"
        )
        events.append(NewEvent(f"import/{fingerprint}/{item}", event, actor))
    # A thousand in a transaction: people who answer meanwhile wait for one, not for all.
    told = sum(project.store.append_many(events[start : start + AT_ONCE]) for start in range(0, len(events), AT_ONCE))
    return told, no_class


def _label_of(task: TaskType, cell: str, state: State, content: Content | None) -> Any:
    """The label that a cell of a file holds, under the class names now in force; it must fit the item's content."""
    value = task.read(state.renamed.get(cell, cell))
    return task.check(value, content) if content is not None else value
