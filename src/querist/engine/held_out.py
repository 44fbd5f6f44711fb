"""The user's own held-out items: they take the place of the evaluation lane, and are never trained on."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from querist.engine.project import Project
from querist.engine.sources import pool_reader
from querist.engine.spec import ProjectSpec
from querist.errors import BadValue, QueristError
from querist.events import PoolImported
from querist.pools.reader import PoolReader, digest, label_text
from querist.types import Item, Json, Rejected, TaskType, canonical_json


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What the user's own held-out file holds: items, their labels (as the ledger keeps them), rows set aside."""

    path: Path
    source: str
    fingerprint: str
    duplicates: int
    items: list[Item]
    labels: list[str]
    aside: list[Json]


def read_held_out(reader: PoolReader, path: Path, task: TaskType) -> HeldOut:
    """Read the user's own held-out file, before anything is made that would need it.

    Raises:
        BadValue: no row of it has a label that the project knows.
    """
    items, labels, aside = [], [], []
    for entry in reader.read():
        if isinstance(entry, Rejected):
            aside.append({"line": entry.line, "reason": entry.reason, "raw": entry.raw})
            continue
        label = None if entry.label is None else label_text(entry.label)
        try:
            value = task.read(label or "")
        except QueristError:
            aside.append({"line": 0, "reason": f"item {entry.id}: label {label!r} is no class", "raw": ""})
            continue
        items.append(entry)
        labels.append(value if isinstance(value, str) else canonical_json(value))
    if not items:
        classes = getattr(task, "classes", ())
        wanted = f"holds no item with a label that is a class: {', '.join(classes)}" if classes else "holds no label"
        raise BadValue("validation", str(path), wanted)
    summary = reader.summary
    return HeldOut(path, reader.source, summary.fingerprint, summary.duplicates, items, labels, aside)


def keep_validation(project: Project, held: HeldOut) -> ProjectSpec:
    """Keep the user's file with the project, and record what it holds; a folder of images is only pointed at."""
    assert project.folder is not None
    if project.state().validation:
        return project.spec
    if held.path.is_file():
        kept = project.folder / "evaluation" / held.path.name
        kept.parent.mkdir(exist_ok=True)
        shutil.copyfile(held.path, kept)
        spec = project.spec.changed(evaluation={"file": str(kept.relative_to(project.folder))})
    else:
        spec = project.spec.changed(evaluation={"file": str(held.path.resolve())})
    artefacts = project.store.artefacts
    digests = [digest(entry.content).hex() for entry in held.items]
    event = PoolImported(
        source=held.source,
        fingerprint=held.fingerprint,
        items=artefacts.put_table(
            {"item": [entry.id for entry in held.items], "label": held.labels, "digest": digests}
        ),
        added=len(held.items),
        duplicates=held.duplicates,
        rejected=artefacts.put_json(held.aside) if held.aside else None,
        rejected_count=len(held.aside),
        role="validation",
    )
    _change(project, spec)
    project.record(f"import/validation/{held.fingerprint}", event, actor="import")
    return spec


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
