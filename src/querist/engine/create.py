"""Make a project from data, and let more data join it."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.spec import FILE_NAME, ProjectSpec, read_spec, write_spec
from querist.errors import BadValue, Conflict, QueristError, UnknownName
from querist.events import AnswerSubmitted, PoolImported, ProjectCreated
from querist.kinds import as_number
from querist.pools import read_pool
from querist.pools.reader import PoolReader, digest, label_text
from querist.store.protocol import ItemRow, NewEvent
from querist.tasks import kind_of_label, task_type
from querist.types import Content, Item, ItemId, Json, Lane, Rejected, TaskType, canonical_json, short_hash

SHOWN: Final = 5
"""Rejected rows that are shown; all are kept."""

STRETCH: Final = 200_000
"""Items whose content is held in memory at a time while a pool is imported."""

RECORDED: Final = ("querist", "numpy", "scipy", "scikit-learn", "skops", "pyarrow", "sqlalchemy")
"""Packages whose versions the ledger records."""


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
            (self.labelled, "labels came with the data"),
            (self.validation, "items of your own measure the model"),
            (self.known, "items were there already"),
            (self.duplicates, "exact duplicates were folded into the items they repeat"),
            (self.in_validation, "items also stand in the validation data and were left out"),
            (len(self.conflicts), "items have copies with different labels, and count as unlabelled"),
        ]
        lines = [f"{folder}: {self.added:,} items", *(f"{count:,} {text}" for count, text in counts if count)]
        lines += [
            f"{count:,} items have the label {name!r}, which is no class" for name, count in self.no_class.items()
        ]
        if self.rejected:
            lines.append(f"{len(self.rejected):,} rows were set aside:")
            lines += [f"  line {row.line}: {row.reason}" for row in self.rejected[:SHOWN]]
        if len(self.rejected) > SHOWN:
            lines.append(f"  … and {len(self.rejected) - SHOWN:,} more")
        return "\n".join(lines)


def settings(
    *,
    strategy: str = "auto",
    model: str = "",
    mode: str = "continuous",
    batch: int = 0,
    budget: int | None = None,
    cost_per_label: float = 0.0,
    currency: str = "USD",
    question: str = "",
    sample: str | None = None,
) -> Json:
    """Return the sections of `querist.toml` that the options of `querist init` stand for.

    Raises:
        UnknownName: no such strategy or model.
    """
    from querist import models, registry
    from querist.acquire.presets import strategy as strategy_of

    if not registry.has("policy", strategy):
        strategy_of(strategy)
    if model and model not in models.names():
        raise UnknownName("model", model, models.names())
    sections: Json = {
        "strategy": {"name": strategy},
        "model": {"name": model} if model else {},
        "loop": {"mode": mode, "batch": batch},
        "cost": {"per_label": cost_per_label, "currency": currency},
        "labels": {"question": question},
    }
    if budget is not None:
        sections["stop"] = {"any": [{"rule": "budget", "labels": budget}, {"rule": "settled"}]}
    if sample == "digits":
        sections["lanes"] = {"control": 0.3, "evaluation": 0.3}
        sections["labels"] = {"question": question or "Which digit is this?"}
    return sections


def task_settings(given: Sequence[str]) -> Json:
    """Return the settings of a kind of label that `--set name=value` stand for; values are JSON where they can be.

    Raises:
        BadValue: no equals sign.

    >>> task_settings(["low=0", "unit=MPa", "overlap=true", 'relations=["of"]'])
    {'low': 0, 'unit': 'MPa', 'overlap': True, 'relations': ['of']}
    """
    found: Json = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip():
            raise BadValue("set", entry, "write name=value")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found


def init(
    folder: Path,
    *,
    data: str | None = None,
    sample: str | None = None,
    text: str | None = None,
    columns: Sequence[str] = (),
    image: str | None = None,
    label: str | None = None,
    classes: Sequence[str] = (),
    id: str | None = None,
    group: str | None = None,
    cost: str | None = None,
    validation: str | None = None,
    name: str | None = None,
    seed: int = 0,
    keep_duplicates: bool = False,
    task: str = "single_label",
    task_settings: Mapping[str, Any] | None = None,
    pair: Sequence[str] = (),
    audio: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Imported:
    """Make a project: settings, ledger, items, and the labels that came with the data.

    A project whose making was cut off is finished by the same command.

    Raises:
        Conflict: the folder holds a project already.
        BadValue: neither data nor sample; no classes to be had.
        UnknownName: a column that the data do not have.
    """
    if (data is None) == (sample is None):
        raise BadValue("data", data, "name the data with --data, or take --sample digits")
    if sample is not None and sample != "digits":
        raise UnknownName("sample", sample, ["digits"])
    source = f"sample:{sample}" if sample is not None else _path(str(data), folder)
    pool = {
        "data": source,
        "text": text or "",
        "columns": tuple(columns),
        "pair": tuple(pair),
        "image": image or "",
        "audio": audio or "",
        "label": label or "",
        "id": id or "",
        "group": group or "",
        "cost": cost or "",
        "keep_duplicates": keep_duplicates,
    }
    reader = _reader(pool, folder)
    kind = kind_of_label(task)
    known = _classes(reader, classes, label, kind) if sample is None or classes else [str(n) for n in range(10)]
    chosen = _task_settings(kind, task_settings or {}, reader, label)
    task_type(task, classes=known, settings=chosen)
    if validation is not None and not label:
        raise BadValue("validation", validation, "needs --label, the column with its labels")
    spec = ProjectSpec.from_json(
        {
            "project": {
                "name": name or folder.resolve().name,
                "task": task,
                "classes": known,
                "settings": chosen,
                "seed": seed,
            },
            "pool": pool,
            **_with_model(settings or {}, kind),
            "evaluation": {"file": validation or ""},
        }
    )
    project = _begin(folder, spec)
    if validation is not None:
        spec = _keep_validation(project, Path(validation))
    return _import(project, _reader(spec.pool.model_dump(), folder))


def _path(data: str, folder: Path) -> str:
    """Keep a path relative where the data lie in the project's folder, so that the folder can be moved."""
    path, home = Path(data).resolve(), folder.resolve()
    return str(path.relative_to(home)) if path.is_relative_to(home) else str(path)


def _reader(pool: Mapping[str, Any], folder: Path, data: str | None = None) -> PoolReader:
    source = data or str(pool["data"])
    if not source.startswith("sample:") and not Path(source).is_absolute() and data is None:
        source = str(folder / source)
    roles = {role: pool[role] or None for role in ("text", "image", "audio", "label", "id", "group", "cost")}
    columns = list(pool["columns"]) or None
    pair = tuple(pool["pair"]) or None
    return read_pool(source, columns=columns, pair=pair, keep_duplicates=pool["keep_duplicates"], **roles)


def read_like(project: Project, data: str, *, keep_duplicates: bool = False) -> PoolReader:
    """Return a reader of other data of the project's form.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the project's data have and these have not.
    """
    assert project.folder is not None
    pool = {**project.spec.pool.model_dump(), "keep_duplicates": keep_duplicates, "label": "", "group": "", "cost": ""}
    return _reader(pool, project.folder, data)


def _classes(reader: PoolReader, classes: Sequence[str], label: str | None, kind: type[TaskType]) -> list[str]:
    if classes or not kind.has_classes:
        return list(classes)
    if not label:
        raise BadValue("labels", "", "name the classes with --labels a,b,c or a column of labels with --label")
    found: dict[str, None] = {}
    for cell in _cells(reader):
        found.update(dict.fromkeys(kind.classes_in(cell)))
    if not found:
        raise BadValue("label", label, "the column is empty; name the classes with --labels a,b,c")
    return sorted(found)


def _cells(reader: PoolReader) -> list[str]:
    """The labels that come with the data, as text, each once."""
    for _ in reader.read():
        pass
    return sorted(reader.summary.labels)


def _task_settings(
    kind: type[TaskType], given: Mapping[str, Any], reader: PoolReader, label: str | None
) -> dict[str, Any]:
    """The settings of the kind of label; the range of numbers is that of the labels, if nobody says it."""
    wanted = kind.settings_schema.get("required", [])
    if not label or "low" not in wanted or {"low", "high"} <= set(given):
        return dict(given)
    numbers = [number for cell in _cells(reader) if (number := as_number(cell)) is not None]
    if not numbers:
        raise BadValue("label", label, "holds no number; give the range with --set low=0 --set high=100")
    return {"low": min(numbers), "high": max(numbers), **given}


def _with_model(sections: Mapping[str, Any], kind: type[TaskType]) -> dict[str, Any]:
    """The settings with the learner of the kind of label, if nobody chose one."""
    model = dict(sections.get("model", {}))
    if not model.get("name") and kind.model != "none":
        model["name"] = kind.model
    return {**sections, "model": model}


def _begin(folder: Path, spec: ProjectSpec) -> Project:
    from querist.store import SqlStore

    if (folder / FILE_NAME).exists():
        there = read_spec(folder)
        project = Project(there, SqlStore.open(there.store.url, root=folder), folder=folder)
        if project.state().pool_size:
            raise Conflict(
                f"{folder} holds a project already; `querist import` adds items to it",
                field="project",
                value=str(folder),
            )
        if there != spec:
            raise Conflict(
                f"{folder} holds a project that was begun with other options; remove the folder to begin anew",
                field="project",
                value=str(folder),
            )
        return project
    folder.mkdir(parents=True, exist_ok=True)
    store = SqlStore.create(spec.store.url, name=spec.project.name, root=folder)
    created = ProjectCreated(spec=spec.to_json(), spec_hash=spec.hash, seed=spec.project.seed, versions=versions())
    store.append("created", created)
    write_spec(folder, spec)
    return Project(spec, store, folder=folder)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in RECORDED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


# --- importing


def import_data(project: Project, data: str) -> Imported:
    """Let the items of another file or folder, of the same form, join the project.

    Raises:
        NotFound: no such file.
        UnknownName: a column that the project's data have and this file has not.
    """
    assert project.folder is not None
    return _import(project, _reader(project.spec.pool.model_dump(), project.folder, data))


def _import(project: Project, reader: PoolReader) -> Imported:
    state = project.state()
    measuring = _validation_digests(project)
    # Without an id column ids come from the content: of images by path, from the bytes.
    table = None if project.spec.pool.id else validation_table(project)
    measuring_ids = set() if table is None else set(table["item"])
    rejected: list[Rejected] = []
    ids: list[ItemId] = []
    labels: dict[ItemId, str] = {}
    extra: dict[ItemId, tuple[int, str | None, float | None]] = {}
    there = set(project.pool().items) if state.pool_size else set()
    in_validation = known = 0
    for entry in reader.read():
        if isinstance(entry, Rejected):
            rejected.append(entry)
        elif digest(entry.content) in measuring or entry.id in measuring_ids:
            in_validation += 1
        elif entry.id in there:
            known += 1
            _note_label(labels, entry)
        else:
            ids.append(entry.id)
            extra[entry.id] = (entry.copies, entry.group, entry.cost)
            _note_label(labels, entry)
    summary = reader.summary
    if not ids and not labels and not there:
        raise BadValue("data", reader.source, f"holds no item that can be used; {len(rejected)} rows were set aside")
    if ids:
        _add(project, reader, ids, extra, rejected, summary.duplicates, summary.fingerprint)
    told, no_class = _import_labels(project, labels, summary.fingerprint)
    return Imported(
        added=len(ids),
        duplicates=summary.duplicates,
        known=known,
        labelled=told,
        rejected=rejected,
        no_class=no_class,
        conflicts=summary.conflicts,
        in_validation=in_validation,
        validation=state.validation,
    )


def _note_label(labels: dict[ItemId, str], item: Item) -> None:
    if item.label is not None:
        labels[item.id] = label_text(item.label)


def _add(
    project: Project,
    reader: PoolReader,
    ids: Sequence[ItemId],
    extra: Mapping[ItemId, tuple[int, str | None, float | None]],
    rejected: Sequence[Rejected],
    duplicates: int,
    fingerprint: str,
) -> None:
    """Give the new items their rows, in an order that is fixed by the seed, and keep them."""
    state, seed = project.state(), project.seed
    order = np.argsort(keyed_numbers(seed, "row", ids), kind="stable")
    row_of = {ids[place]: state.pool_size + row for row, place in enumerate(order)}
    in_order = [ids[place] for place in order]
    u_eval, u_control = (keyed_numbers(seed, lane, in_order) for lane in ("evaluation", "control"))

    def rows() -> Iterator[ItemRow]:
        # In order of rows, which is not that of the file: one pass over the file for each stretch of rows.
        for start in range(0, len(ids), STRETCH):
            stretch: dict[int, Item] = {}
            for entry in reader.read():
                if isinstance(entry, Item) and entry.id in row_of:
                    at = row_of[entry.id] - state.pool_size
                    if start <= at < start + STRETCH:
                        stretch[at] = entry
            for at in sorted(stretch):
                entry = stretch.pop(at)
                numbers = float(u_eval[at]), float(u_control[at])
                row = state.pool_size + at
                yield ItemRow(entry.id, row, *numbers, entry.content, entry.copies, entry.group, entry.cost)

    project.store.add_items(rows())
    columns: dict[str, Any] = {
        "item": in_order,
        "row": [row_of[item] for item in in_order],
        "u_eval": u_eval,
        "u_control": u_control,
        "copies": [extra[item][0] for item in in_order],
        "group": [extra[item][1] for item in in_order],
        "cost": [extra[item][2] for item in in_order],
    }
    artefacts = project.store.artefacts
    aside = [{"line": row.line, "reason": row.reason, "raw": row.raw} for row in rejected]
    size = state.pool_size + len(ids)
    event = PoolImported(
        source=reader.source,
        fingerprint=fingerprint,
        items=artefacts.put_table(columns),
        added=len(ids),
        duplicates=duplicates,
        rejected=artefacts.put_json(aside) if aside else None,
        rejected_count=len(aside),
        size=size,
        reserve=_reserve(project, size),
    )
    project.record(f"import/{short_hash([fingerprint, state.pool_size])}", event, actor="import")


def _reserve(project: Project, size: int) -> float:
    """The share of the pool that only measures: a fifth, or so many items if that is fewer."""
    lanes = project.spec.lanes
    if project.state().validation or project.spec.evaluation.file or lanes.evaluation == 0:
        return 0.0
    return min(0.2, lanes.reserve / size)


def _import_labels(project: Project, labels: Mapping[ItemId, str], fingerprint: str) -> tuple[int, dict[str, int]]:
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
        events.append(NewEvent(f"import/{fingerprint}/{item}", event, "import"))
    return project.store.append_many(events), no_class


def _label_of(task: TaskType, cell: str, state: State, content: Content | None = None) -> Any:
    """The label of a cell under the class names now in force."""
    known = state.renamed.get(cell, cell)
    value = task.read(known)
    return task.check(value, content) if content is not None else value


# --- the user's own held-out data


def _keep_validation(project: Project, path: Path) -> ProjectSpec:
    """Keep the user's file with the project, and record what it holds; a folder of images is only pointed at."""
    assert project.folder is not None
    if project.state().validation:
        return project.spec
    reader = _reader(project.spec.pool.model_dump(), project.folder, str(path))
    items, labels, aside = [], [], []
    state, task = project.state(), project.task
    classes = state.classes
    for entry in reader.read():
        if isinstance(entry, Rejected):
            aside.append({"line": entry.line, "reason": entry.reason, "raw": entry.raw})
            continue
        label = None if entry.label is None else label_text(entry.label)
        try:
            value = _label_of(task, label or "", state)
        except QueristError:
            aside.append({"line": 0, "reason": f"item {entry.id}: label {label!r} is no class", "raw": ""})
            continue
        items.append(entry)
        labels.append(value if isinstance(value, str) else canonical_json(value))
    if not items:
        raise BadValue(
            "validation",
            str(path),
            f"holds no item with a label that is a class: {', '.join(classes)}" if classes else "holds no usable label",
        )
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


def _change(project: Project, spec: ProjectSpec) -> None:
    from querist.engine.commands import change_settings

    change_settings(project, "import", {"evaluation": {"file": spec.evaluation.file}})


def _validation_digests(project: Project) -> set[bytes]:
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
    reader = _reader(
        project.spec.pool.model_dump(), project.folder, str(path if path.is_absolute() else project.folder / path)
    )
    return (entry for entry in reader.read() if isinstance(entry, Item))
