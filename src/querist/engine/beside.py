"""What a training may use beside the frozen labels: which of them are new, and the rows that nobody has labelled."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.training import bare
from querist.errors import ModelFailure
from querist.events import DatasetFrozen
from querist.types import Array, Json, Model

_NOTHING: Final = object()

MOST_UNLABELLED: Final = 10_000
"""Rows that a semi-supervised learner is shown; of a larger pool a sample that the seed fixes."""


def can(project: Project, what: str) -> bool:
    """Return whether the project's learner wants a thing beside the labels: `unlabelled` rows."""
    return what in getattr(project.learner, "beside", ())


def new_rows(project: Project, frozen: Json) -> Array:
    """Return (l,) which rows of the data set the last model has not seen, or seen with another answer."""
    seen = _labels_of(project, project.trained()[-1].dataset)
    pairs = zip(frozen["item"], frozen["target"], strict=True)
    return np.array([seen.get(item, _NOTHING) != target for item, target in pairs], dtype=bool)


def _labels_of(project: Project, dataset: str) -> dict[str, Any]:
    from querist.engine.freezing import dataset_rows

    for recorded in project.store.events(kinds=["dataset_frozen"]):
        if isinstance(recorded.event, DatasetFrozen) and recorded.event.dataset == dataset:
            rows = dataset_rows(project, recorded.event)
            return dict(zip(rows["item"], rows["target"], strict=True))
    raise ModelFailure(f"the data set {dataset} that the last model was trained on is not in the ledger")


def unlabelled(project: Project, state: State, frozen: Json) -> Array | None:
    """Return rows of the pool without a label in the data set, outside of the reserve; None where none are wanted."""
    if not can(project, "unlabelled"):
        return None
    free = np.asarray(project.pool().u_eval)[: state.pool_size] >= state.reserve
    free[np.asarray(frozen["row"], dtype=np.intp)] = False
    if state.withdrawn:
        free[np.asarray(project.store.rows(list(state.withdrawn)), dtype=np.intp)] = False
    rows = np.flatnonzero(free)
    if len(rows) > MOST_UNLABELLED:
        rng = np.random.default_rng(np.random.SeedSequence(project.seed, spawn_key=(2**31 + 1,)))
        rows = np.sort(rng.choice(rows, MOST_UNLABELLED, replace=False))
    return rows


def pseudo_labels(project: Project, model: Model, rows: Array | None) -> Json:
    """Return what the event says of pseudo-labels: how many, of which class, and the table of them; {} where none."""
    found = getattr(bare(model), "pseudo", None)
    if found is None or rows is None:
        return {}
    classes = list(project.task.classes)
    items = project.pool().items
    names = [classes[number] for number in found.target.tolist()]
    table = {
        "item": [items[row] for row in rows[found.place].tolist()],
        "target": names,
        "sure": [float(value) for value in found.sure],
        "kind": ["pseudo"] * len(names),
    }
    kept = project.store.artefacts.put_table(table) if names else None
    return {"count": len(names), "counts": {name: names.count(name) for name in sorted(set(names))}, "rows": kept}
