"""Make a project from data."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from querist.engine.held_out import keep_validation, read_held_out
from querist.engine.importing import Imported, import_items
from querist.engine.project import Project, open_store
from querist.engine.sources import pool_reader, relative_path
from querist.engine.spec import FILE_NAME, ProjectSpec
from querist.engine.spec_file import check_model, check_strategy, read_spec, write_spec
from querist.engine.versions import versions
from querist.errors import BadValue, Conflict, NotFound, QueristError, UnknownName
from querist.events import ProjectCreated
from querist.kinds import as_number
from querist.pools.reader import PoolReader
from querist.tasks import kind_of_label, names, task_type
from querist.types import ITEM_KINDS, Item, Json, TaskType

if TYPE_CHECKING:
    from querist.store.sql import SqlStore


def settings(
    *,
    strategy: str = "auto",
    model: str = "",
    features: str = "auto",
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
        UnknownName: no such strategy, model or features.
    """
    from querist.models.features import checked_method

    check_strategy(strategy, {})
    check_model(model)
    sections: Json = {
        "strategy": {"name": strategy},
        "model": {"name": model} if model else {},
        "features": {"method": checked_method(features)},
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
    for name, value in pairs("set", given, "name=value").items():
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def pairs(option: str, given: Sequence[str], form: str) -> dict[str, str]:
    """Return what an option says that is given several times, each as name=value.

    Raises:
        BadValue: no equals sign.

    >>> pairs("prior", ["spam=p_spam", "ham=p_ham"], "CLASS=COLUMN")
    {'spam': 'p_spam', 'ham': 'p_ham'}
    """
    found = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip():
            raise BadValue(option, entry, f"write {form}")
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
    store: str | None = None,
    task: str = "single_label",
    task_settings: Mapping[str, Any] | None = None,
    pair: Sequence[str] = (),
    audio: str | None = None,
    about: Sequence[str] = (),
    prior: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Imported:
    """Make a project: settings, ledger, items, and the labels that came with the data.

    A project whose making was cut off is finished by the same command. `store` is where it is remembered: a URL
    without a password, or `env:NAME`; by default a file in the folder. `prior` names the columns of scores by class;
    they are kept beside the items (`about`) and divide the seed set.

    Raises:
        Conflict: the folder holds a project already.
        BadValue: neither data nor sample; no classes to be had; a password in the URL of the store.
        UnknownName: a column that the data do not have.
    """
    if (data is None) == (sample is None):
        raise BadValue("data", data, "name the data with --data, or take --sample digits")
    if sample is not None and sample != "digits":
        raise UnknownName("sample", sample, ["digits"])
    source = f"sample:{sample}" if sample is not None else relative_path(str(data), folder)
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
        "about": tuple(dict.fromkeys([*about, *(prior or {}).values()])),
        "keep_duplicates": keep_duplicates,
    }
    reader = pool_reader(pool, folder)
    kind = kind_of_label(task)
    known = _classes(reader, classes, label, kind) if sample is None or classes else [str(n) for n in range(10)]
    chosen = _task_settings(kind, task_settings or {}, reader, label)
    checked = task_type(task, classes=known, settings=chosen)
    _check_fits(kind, reader)
    _check_usable(reader)
    if validation is not None and not label:
        raise BadValue("validation", validation, "needs --label, the column with its labels")
    held = read_held_out(pool_reader(pool, folder, validation), Path(validation), checked) if validation else None
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
            **_for_kind(_with_prior(settings or {}, prior), kind),
            "evaluation": {"file": validation or ""},
            "store": place(store),
        }
    )
    project = _begin(folder, spec)
    try:
        had = project.state().pool_size
        if held is not None:
            spec = keep_validation(project, held)
        made = import_items(project, pool_reader(spec.pool.model_dump(), folder))
    finally:
        project.store.close()
    if had and not made.added and not made.labelled:
        raise _there_already(folder)
    return made


def _with_prior(settings: Mapping[str, Any], prior: Mapping[str, str] | None) -> Mapping[str, Any]:
    if not prior:
        return settings
    loop = settings.get("loop", {})
    return {**settings, "loop": {**loop, "seed_set": {**loop.get("seed_set", {}), "prior": dict(prior)}}}


def _classes(reader: PoolReader, classes: Sequence[str], label: str | None, kind: type[TaskType]) -> list[str]:
    if classes or not kind.has_classes:
        return _enough(list(classes), kind)
    if not label:
        raise BadValue("labels", "", "name the classes with --labels a,b,c or a column of labels with --label")
    found: dict[str, None] = {}
    for cell in _cells(reader):
        found.update(dict.fromkeys(kind.classes_in(cell)))
    if not found:
        raise BadValue("label", label, "the column is empty; name the classes with --labels a,b,c")
    return _enough(sorted(found), kind)


def _enough(classes: list[str], kind: type[TaskType]) -> list[str]:
    """The classes, unless there is nothing to choose between."""
    if kind.name == "single_label" and len(classes) == 1:
        raise BadValue("labels", classes[0], "is one class: there is nothing to choose; name all, as in --labels a,b,c")
    return classes


def _check_usable(reader: PoolReader) -> None:
    """Refuse data without a single item before anything is made of them."""
    first = None
    for entry in reader.read():
        if isinstance(entry, Item):
            return
        first = first or entry
    why = f": line {first.line} {first.reason}" if first is not None else ""
    raise BadValue("data", reader.source, f"holds no item that can be used{why}")


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


def _check_fits(kind: type[TaskType], reader: PoolReader) -> None:
    """Refuse a kind of label that cannot be asked about such items: boxes on texts, say."""
    if kind.items == ITEM_KINDS:
        return
    first = next((entry for entry in reader.read() if isinstance(entry, Item)), None)
    if first is not None and first.content.kind not in kind.items:
        raise BadValue(
            "task",
            kind.name,
            f"is asked about {_ITEMS[min(kind.items)]}, and these are {_ITEMS[first.content.kind]}",
            choices=[name for name in names() if first.content.kind in kind_of_label(name).items],
        )


_ITEMS: Final[Mapping[str, str]] = {
    "text": "texts (name the column with --text)",
    "image": "pictures (a folder, or --image COLUMN)",
    "row": "rows of a table",
    "audio": "sounds (--audio COLUMN)",
    "pair": "pairs (--pair A,B)",
}


def _for_kind(sections: Mapping[str, Any], kind: type[TaskType]) -> dict[str, Any]:
    """The settings with learner and features of the kind of label, if nobody chose others."""
    model, features = dict(sections.get("model", {})), dict(sections.get("features", {}))
    if not model.get("name") and kind.model != "none":
        model["name"] = kind.model
    if not features.get("method") and kind.features != "auto":
        features["method"] = kind.features
    return {**sections, "model": model, "features": features}


def place(store: str | None) -> Json:
    """Return the settings that say where a project is remembered; in a database of several it needs an id.

    Raises:
        BadValue: the URL holds a password, or is none.
    """
    from querist.store.dialect import has_password, is_postgres

    if store is None:
        return {}
    if has_password(store):
        raise BadValue(
            "store",
            "…",
            "holds a password, which would be written into querist.toml: put the URL into an environment variable and "
            "say --store env:NAME, or leave the password to PGPASSWORD or ~/.pgpass",
        )
    return {"url": store, **({"project": str(uuid.uuid4())} if is_postgres(store) else {})}


def _begin(folder: Path, spec: ProjectSpec) -> Project:
    """Make the project, or take up one whose making was cut off: its settings first, then the ledger's first line."""
    begun = (folder / FILE_NAME).exists()
    if begun:
        there = read_spec(folder)
        # The project's id was drawn when it was begun; a held-out file was moved into the project.
        same = spec.changed(store={"project": there.store.project}, evaluation={"file": there.evaluation.file})
        if there != same:
            raise _there_already(folder, " that was begun with other options")
        spec = there
    else:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise BadValue("project", str(folder), f"is no folder that can be made: {error.strerror}") from error
        write_spec(folder, spec)
    try:
        store = _open_or_create(folder, spec)
    except QueristError:
        if not begun:
            (folder / FILE_NAME).unlink()
        raise
    project = Project(spec, store, folder=folder)
    try:
        state = project.state()
        if begun and state.pool_size and (state.features is not None or state.paid or not spec.pool.label):
            raise _there_already(folder)
        created = ProjectCreated(spec=spec.to_json(), spec_hash=spec.hash, seed=spec.project.seed, versions=versions())
        store.append("created", created)
    except BaseException:
        store.close()
        raise
    return project


def _open_or_create(folder: Path, spec: ProjectSpec) -> SqlStore:
    from querist.store import SqlStore

    try:
        return open_store(folder, spec)
    except NotFound:
        named = spec.store.project or None
        return SqlStore.create(spec.store.url, name=spec.project.name, root=folder, project=named)


def _there_already(folder: Path, how: str = "") -> Conflict:
    return Conflict(
        f"{folder} holds a project already{how}; `querist import` adds items to it",
        field="project",
        value=str(folder),
    )
