"""What a training may use beside the frozen labels: the model before it, and the rows that nobody has labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.training import Fitted
from querist.errors import ModelFailure
from querist.events import DatasetFrozen, Fallback, ModelTrained
from querist.models.calibrated import Calibrated
from querist.types import Array, Features, Json, Model

MOST_UNLABELLED: Final = 10_000
"""Rows that a semi-supervised learner is shown; of a larger pool a sample that the seed fixes."""


def can(project: Project, what: str) -> bool:
    """Return whether the project's learner takes a thing beside the labels: `start`, `unlabelled`."""
    return what in getattr(project.learner, "beside", ())


# --- the model before


@dataclass(frozen=True, slots=True)
class Start:
    """A model to go on from, and which rows of the data set it has not seen, or seen otherwise."""

    event: ModelTrained
    model: Model
    new: Array

    def fit(self, project: Project, features: Features, target: Array, *, classes: int, seed: int) -> Fitted:
        """Train the model further; it keeps its temperature, which the labels that it has seen could not measure.

        Raises:
            ModelFailure: the learner failed.
        """
        fitter: Any = project.learner
        model = self.model.model if isinstance(self.model, Calibrated) else self.model
        trained = fitter.fit(features, target, classes=classes, seed=seed, start=model, new=self.new)
        temperature = self.model.temperature if isinstance(self.model, Calibrated) else None
        calibration: Json = {**self.event.calibration, "rows": "of the model before"} if temperature else {}
        kept = Calibrated(trained, temperature) if temperature else trained
        return Fitted(kept, calibration, dict(self.event.oof_skill))


def start(project: Project, state: State, number: int, frozen: Json) -> Start | None:
    """Return what the schedule lets this training go on from; None when it is to begin anew.

    Every `full_every`-th training begins anew: what going on forgets, it learns again.
    """
    schedule = project.spec.model.schedule
    if schedule.how != "fine_tune":
        return None
    if not can(project, "start"):
        reason = f"{project.learner.name} cannot go on from a model; networks can"
        fallback = Fallback(round=number, what="schedule", wanted="fine_tune", used="scratch", reason=reason)
        project.record(f"r{number}/train/schedule", fallback)
        return None
    trained = project.trained()
    since = next((n for n, event in enumerate(reversed(trained)) if event.how != "fine_tune"), 0)
    if not trained or since + 1 >= schedule.full_every:
        return None
    last = trained[-1]
    before = list(last.learner.get("classes", []))
    if last.features != state.features or before != list(project.task.classes)[: len(before)]:
        return None
    seen = _labels_of(project, last.dataset)
    pairs = zip(frozen["item"], frozen["target"], strict=True)
    new = np.array([seen.get(item) != target for item, target in pairs], dtype=bool)
    return Start(last, project.model(last.model), new)


def _labels_of(project: Project, dataset: str) -> dict[str, Any]:
    from querist.engine.steps import dataset_rows

    for recorded in project.store.events(kinds=["dataset_frozen"]):
        if isinstance(recorded.event, DatasetFrozen) and recorded.event.dataset == dataset:
            rows = dataset_rows(project, recorded.event)
            return dict(zip(rows["item"], rows["target"], strict=True))
    raise ModelFailure(f"the data set {dataset} that the last model was trained on is not in the ledger")


# --- the unlabelled rows


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
    inner = model.model if isinstance(model, Calibrated) else model
    found = getattr(inner, "pseudo", None)
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
