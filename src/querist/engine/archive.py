"""What each model said about the items that measure: kept, so that an answer that arrives later measures them all.

Likewise about the random items that come next: they will train later models, but this one has not seen them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from querist.engine.lanes import next_in_order
from querist.engine.project import Project
from querist.engine.reserve import Measuring, evaluation_targets, values_of
from querist.engine.round import State
from querist.engine.training import prediction
from querist.events import ModelEvaluated, ModelTrained
from querist.tasks.targets import aligned
from querist.types import Array, ItemId, TargetKind

AHEAD: Final = 500
"""Items of the control order that a model predicts before they are asked."""


@dataclass(frozen=True, slots=True)
class Archived:
    """What a model said about the items that measure; `labelled` is how many labels it was trained on.

    `codes` (n,) stand for the predictions where they are not classes: equal to those of the targets where correct.
    `ahead` are the class numbers that it predicted for the next random items.
    """

    model: str
    round: int
    labelled: int
    items: Sequence[ItemId]
    proba: Array
    classes: tuple[str, ...]
    kind: TargetKind
    codes: Array | None = None
    ahead: Mapping[ItemId, int] = field(default_factory=dict)

    @property
    def predicted(self) -> Array:
        """(n,) the likeliest class, or whatever number stands for the prediction."""
        return self.kind.predicted(self.proba) if self.codes is None else self.codes

    @property
    def certainty(self) -> Array:
        """(n,) how likely the model holds that it is correct."""
        return self.kind.certainty(self.proba)

    @property
    def named(self) -> dict[ItemId, str]:
        """The class that was predicted for each item, also for those ahead."""
        said = {**dict(zip(self.items, self.predicted.tolist(), strict=True)), **self.ahead}
        return {item: self.classes[k] for item, k in said.items()}


def keep(project: Project, state: State, measured: Measuring, number: int) -> tuple[Archived, str]:
    """Return what the model in force says about the items that measure and about those ahead, and its artefact."""
    assert state.model is not None
    kind, artefacts = project.target, project.store.artefacts
    proba = prediction(project.model(), measured.features, kind, seed=project.seed).astype(np.float32)
    by_name = kind.signal == "proba"
    codes = None if by_name else kind.said(proba, measured.values)
    ahead = _ahead(project, state) if by_name else {}
    labelled = project.trained()[-1].labelled
    entry = Archived(state.model, number, labelled, list(measured.items), proba, kind.columns, kind, codes, ahead)
    items, matrix = artefacts.put_json(entry.items), artefacts.put_matrix(proba)
    told = {"items": items, "proba": matrix, "classes": list(kind.columns), "ahead": ahead}
    return entry, artefacts.put_json(told)


def _ahead(project: Project, state: State) -> dict[ItemId, int]:
    """The classes that the model in force predicts for the next items of the control order."""
    pool, size = project.pool(), state.pool_size
    among = np.ones(size, dtype=bool)
    among[project.store.rows([*state.live, *state.withdrawn, *state.gold])] = False
    if not state.validation:
        among &= np.asarray(pool.u_eval)[:size] >= state.reserve
    rows = next_in_order(np.asarray(pool.u_control)[:size], AHEAD, among=among)
    if not rows.size:
        return {}
    said = prediction(project.model(), project.features().rows(rows), project.target, seed=project.seed).argmax(axis=1)
    return {pool.items[row]: int(k) for row, k in zip(rows.tolist(), said.tolist(), strict=True)}


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
        project.cache[key] = Archived(
            event.model,
            event.round,
            trained.labelled,
            items,
            proba,
            classes,
            project.target,
            ahead=kept.get("ahead", {}),
        )
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
