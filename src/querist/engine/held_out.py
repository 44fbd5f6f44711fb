"""The user's own held-out items: they take the place of the evaluation lane, and are never trained on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.sources import pool_reader
from querist.engine.spec import ProjectSpec
from querist.errors import BadValue, QueristError
from querist.events import PoolImported
from querist.pools.reader import digest, label_text
from querist.types import Content, Item, Json, Rejected, TaskType, canonical_json


def keep_validation(project: Project, path: Path) -> ProjectSpec:
    """Keep the user's file with the project, and record what it holds; a folder of images is only pointed at."""
    assert project.folder is not None
    if project.state().validation:
        return project.spec
    reader = pool_reader(project.spec.pool.model_dump(), project.folder, str(path))
    items, labels, aside = [], [], []
    state, task = project.state(), project.task
    classes = state.classes
    for entry in reader.read():
        if isinstance(entry, Rejected):
            aside.append({"line": entry.line, "reason": entry.reason, "raw": entry.raw})
            continue
        label = None if entry.label is None else label_text(entry.label)
        try:
            value = label_of(task, label or "", state)
        except QueristError:
            aside.append({"line": 0, "reason": f"item {entry.id}: label {label!r} is no class", "raw": ""})
            continue
        items.append(entry)
        labels.append(value if isinstance(value, str) else canonical_json(value))
    if not items:
        wanted = f"holds no item with a label that is a class: {', '.join(classes)}" if classes else "holds no label"
        raise BadValue("validation", str(path), wanted)
    if path.is_file():
        kept = project.folder / "evaluation" / path.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, kept)
        spec = project.spec.changed(evaluation={"file": str(kept.relative_to(project.folder))})
    else:
        spec = project.spec.changed(evaluation={"file": str(path.resolve())})
    artefacts = project.store.artefacts
    digests = [digest(entry.content).hex() for entry in items]
    event = PoolImported(
        source=reader.source,
        fingerprint=reader.summary.fingerprint,
        items=artefacts.put_table({"item": [entry.id for entry in items], "label": labels, "digest": digests}),
        added=len(items),
        duplicates=reader.summary.duplicates,
        rejected=artefacts.put_json(aside) if aside else None,
        rejected_count=len(aside),
        role="validation",
    )
    _change(project, spec)
    project.record(f"import/validation/{reader.summary.fingerprint}", event, actor="import")
    return spec


def label_of(task: TaskType, cell: str, state: State, content: Content | None = None) -> Any:
    """Return the label that a cell of a file holds, under the class names now in force.

    Args:
        task: of the project.
        cell: as text.
        state: the fold.
        content: of the item, where the label must fit it.

    Raises:
        BadValue: the cell holds no label of the task.
    """
    value = task.read(state.renamed.get(cell, cell))
    return task.check(value, content) if content is not None else value


def _change(project: Project, spec: ProjectSpec) -> None:
    from querist.engine.steering import change_settings

    change_settings(project, "import", {"evaluation": {"file": spec.evaluation.file}})


def validation_digests(project: Project) -> set[bytes]:
    """Return the digests of the contents that only measure: an item of the pool with one of them is left out."""
    table = validation_table(project)
    return set() if table is None else {bytes.fromhex(name) for name in table["digest"]}


def validation_table(project: Project) -> Json | None:
    """Return item, label and digest of the user's own held-out items; None where there are none."""
    for recorded in project.store.events(kinds=["pool_imported"]):
        if isinstance(recorded.event, PoolImported) and recorded.event.role == "validation":
            return project.store.artefacts.get_table(recorded.event.items)
    return None


def validation_contents(project: Project) -> Iterable[Item]:
    """Yield the user's own held-out items, read again from their file.

    Raises:
        NotFound: the file is gone.
    """
    assert project.folder is not None
    path = Path(project.spec.evaluation.file)
    reader = pool_reader(
        project.spec.pool.model_dump(), project.folder, str(path if path.is_absolute() else project.folder / path)
    )
    return (entry for entry in reader.read() if isinstance(entry, Item))
