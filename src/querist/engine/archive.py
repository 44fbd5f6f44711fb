"""What each model said about the items that measure: kept, so that an answer that arrives later measures them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from querist.engine.project import Project
from querist.engine.reserve import evaluation_targets, values_of
from querist.events import ModelEvaluated, ModelTrained
from querist.tasks.targets import aligned
from querist.types import Array, ItemId, TargetKind


@dataclass(frozen=True, slots=True)
class Archived:
    """What a model said about the items that measure; `labelled` is how many labels it was trained on.

    `codes` (n,) stand for the predictions where they are not classes: equal to those of the targets where correct.
    """

    model: str
    round: int
    labelled: int
    items: Sequence[ItemId]
    proba: Array
    classes: tuple[str, ...]
    kind: TargetKind
    codes: Array | None = None

    @property
    def predicted(self) -> Array:
        """(n,) the likeliest class, or whatever number stands for the prediction."""
        return self.kind.predicted(self.proba) if self.codes is None else self.codes

    @property
    def certainty(self) -> Array:
        """(n,) how likely the model holds that it is correct."""
        return self.kind.certainty(self.proba)


def archive(project: Project) -> list[Archived]:
    """Return what each model said about the items that measure, in order of training."""
    if not project.learns:
        return []
    trained = {event.model: event for event in project.trained()}
    labels = {} if project.target.signal == "proba" else _labels_that_measure(project)
    found = []
    for recorded in project.store.events(kinds=["model_evaluated"]):
        event = recorded.event
        assert isinstance(event, ModelEvaluated)
        if event.predictions is not None and event.model in trained:
            found.append(_now(project, _archived(project, event, trained[event.model]), labels))
    return found


def _labels_that_measure(project: Project) -> Mapping[ItemId, Any]:
    from querist.engine.held_out import validation_table

    state = project.state()
    table = validation_table(project) if state.validation else None
    if table is None:
        return evaluation_targets(project, state)
    labels = (project.task.renamed(project.task.read(label), state.renamed) for label in table["label"])
    return dict(zip(table["item"], labels, strict=True))


def _now(project: Project, entry: Archived, labels: Mapping[ItemId, Any]) -> Archived:
    """The predictions under the class names now in force, with their codes where they are no classes."""
    renamed = project.state().renamed
    classes = tuple(renamed.get(name, name) for name in entry.classes)
    if project.target.signal == "proba":
        return dataclasses.replace(entry, classes=classes)
    kind = project.target
    proba = aligned(entry.proba, classes, kind.columns)
    codes = kind.said(proba, values_of(project, entry.items, labels))
    return dataclasses.replace(entry, proba=proba, classes=kind.columns, kind=kind, codes=codes)


def _archived(project: Project, event: ModelEvaluated, trained: ModelTrained) -> Archived:
    key = ("archived", event.predictions, event.round)
    if key not in project.cache:
        assert event.predictions is not None
        kept = project.store.artefacts.get_json(event.predictions)
        items = project.store.artefacts.get_json(kept["items"])
        proba = np.asarray(project.store.artefacts.get_matrix(kept["proba"]))
        # Under the classes of when it was measured; before those were kept, of when it was trained.
        classes = tuple(kept.get("classes", trained.learner["classes"]))
        project.cache[key] = Archived(event.model, event.round, trained.labelled, items, proba, classes, project.target)
    known: Archived = project.cache[key]
    return known


def correctness(entry: Archived, items: Sequence[ItemId], target: Array, classes: Sequence[str]) -> Array:
    """Return (n,) whether the model was right on the items; on an item it never saw it was not."""
    right: Array = (said_of(entry, items, classes) == target).astype(float)
    return right


def said_of(entry: Archived, items: Sequence[ItemId], classes: Sequence[str]) -> Array:
    """Return (n,) the class numbers that a model predicted, under the classes now in force; −1 where it said none."""
    if entry.codes is not None:
        coded = {item: int(code) for item, code in zip(entry.items, entry.codes, strict=True)}
        return np.array([coded.get(item, -1) for item in items], dtype=np.int64)
    number = {name: k for k, name in enumerate(classes)}
    now = np.array([*(number.get(name, -1) for name in entry.classes), -1])
    place = {item: k for k, item in enumerate(entry.items)}
    predicted = np.append(entry.predicted, len(entry.classes))
    found: Array = now[predicted[[place.get(item, -1) for item in items]]]
    return found
