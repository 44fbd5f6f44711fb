"""Write an `ActiveLearner` as a project folder, and read it back."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from querist.engine.project import Project
from querist.engine.spec_file import read_spec, write_spec
from querist.errors import Conflict, Damaged, NotFound
from querist.events import BatchSelected, DatasetFrozen, Event, FeaturesBuilt, ModelTrained, PoolImported
from querist.store.protocol import ItemRow
from querist.types import Json

if TYPE_CHECKING:
    from querist.store.sql import SqlStore

ABOUT = "learner.json"


def save_project(project: Project, folder: Path, about: Json) -> None:
    """Write ledger, artefacts, items and the last model to a folder that is not there yet.

    Raises:
        Conflict: the folder holds something already.
    """
    from querist.store import SqlStore

    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} is not empty; save to a new folder", field="folder", value=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    spec = project.spec
    store = SqlStore.create(spec.store.url, name=spec.project.name, root=folder, project=project.id)
    size = project.state().pool_size
    pool, contents = project.pool(), project.store.iter_contents(0, size)
    store.add_items(
        ItemRow(pool.items[row], row, 0.5, 0.5, content, group=None if pool.group is None else pool.group[row])
        for row, content in enumerate(contents)
    )
    for recorded in project.store.events():
        store.append(recorded.key, _kept(project, store, recorded.event), actor=recorded.actor)
    store.close()
    write_spec(folder, spec)
    kinds = {name: type(label).__name__ for name, label in about["labels"].items()}
    (folder / ABOUT).write_text(json.dumps({**about, "kinds": kinds, "recipe": project.learner.name}), encoding="utf-8")


def _kept(project: Project, store: SqlStore, event: Event) -> Event:
    """Keep an event's artefacts on disk, and return the event with the names that they have there."""
    source, target = project.store.artefacts, store.artefacts
    match event:
        case PoolImported():
            return dataclasses.replace(event, items=_pool_table(project, store))
        case DatasetFrozen(rows=rows):
            return dataclasses.replace(event, rows=target.put_table(source.get_table(rows)))
        case BatchSelected(picks=picks, pending=pending):
            out = None if pending is None else target.put_json(source.get_json(pending))
            return dataclasses.replace(event, picks=target.put_table(source.get_table(picks)), pending=out)
        case FeaturesBuilt():
            return _kept_features(project, store, event)
        case ModelTrained() if event.model == project.state().model:
            # The last model is written; earlier ones are named in the ledger, and gone with the process.
            return dataclasses.replace(event, files=target.put_files(project.model().save()))
        case _:
            return event


def _pool_table(project: Project, store: SqlStore) -> str:
    pool = project.pool()
    half = [0.5] * len(pool)
    rows = list(range(len(pool)))
    columns: dict[str, list[Any]] = {"item": list(pool.items), "row": rows, "u_eval": half, "u_control": half}
    return store.artefacts.put_table(columns)


def _kept_features(project: Project, store: SqlStore, event: FeaturesBuilt) -> FeaturesBuilt:
    source, target = project.store.artefacts, store.artefacts
    arrays = []
    for name in event.arrays:
        parts = source.get_json(name)
        moved = {
            part: None if parts[part] is None else target.put_matrix(source.get_matrix(parts[part]))
            for part in ("embed", "input")
        }
        arrays.append(target.put_json({**parts, **moved}))
    pipeline = arrays[0] if event.pipeline in event.arrays else target.put_files(source.get_files(event.pipeline))
    return dataclasses.replace(event, arrays=arrays, pipeline=pipeline)


def load_project(folder: Path, model: Any) -> tuple[Project, Json]:
    """Return the project that `save_project` wrote, in memory again, and what it said about itself.

    Raises:
        NotFound: the folder was not written by `ActiveLearner.save`.
        Damaged: what is said there cannot be read.
    """
    from querist.models import learner
    from querist.store import SqlStore

    try:
        about: Json = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"{folder} was not written by ActiveLearner.save", field="folder", value=str(folder)) from None
    except ValueError as error:
        raise Damaged(f"{folder / ABOUT}: {error}") from None
    spec = read_spec(folder)
    disk = SqlStore.open(spec.store.url, root=folder)
    project = Project(spec, disk, folder=folder, learner=None if model is None else learner(model))
    recorded = project.last("features_built")
    if recorded is not None and isinstance(recorded.event, FeaturesBuilt) and recorded.event.method == "array":
        project.arrays = project.load_features(recorded.event.arrays)
    about["labels"] = {name: _typed(label, about["kinds"][name]) for name, label in about["labels"].items()}
    return project, about


def _typed(label: Any, kind: str) -> Any:
    kinds: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}
    return kinds.get(kind, lambda value: value)(label)
