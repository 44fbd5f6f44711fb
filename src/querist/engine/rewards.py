"""What a bandit over strategies learns from: how much the labels of each batch changed what the model says of the pool.

Osugi, Kun & Scott, "Balancing exploration and exploitation", ICDM 2005, reward a choice by the change of hypothesis. It
costs no labels, and looks at nothing that measures.
"""

from __future__ import annotations

from querist.acquire.policies import REWARDED
from querist.engine.arrays import target_rows
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.training import prediction
from querist.events import ModelTrained
from querist.types import Array, Model


def moved(project: Project, state: State, model: Model) -> float | None:
    """Return the share of a fixed sample of the pool that a new model gives another class than the last one did.

    None for the first model, where no bandit chooses, and where classes are not what is learnt.
    """
    learns_classes = project.target.signal in ("proba", "label_proba")
    if project.spec.strategy.name not in REWARDED or state.choosing_model is None or not learns_classes:
        return None
    features = project.features().rows(target_rows(project, state))

    def said(one: Model) -> Array:
        matrix = prediction(one, features, project.target, seed=project.seed)
        return project.target.predicted(matrix).reshape(len(features), -1)

    before, after = said(project.model()), said(model)
    if before.shape != after.shape:
        return None
    return float((before != after).any(axis=1).mean())


def rewards(project: Project, state: State) -> dict[int, float]:
    """Return the reward in [0, 1] of each round whose batch taught a model.

    Each label moves a model less than the one before, about in proportion to one over their number; measured against
    that, late batches are worth as much as early ones.
    """
    found, before = {}, 0
    for recorded in project.store.events(kinds=["model_trained"], through=state.seq):
        event = recorded.event
        assert isinstance(event, ModelTrained)
        if event.moved is not None and event.labelled > before:
            found[event.round] = min(1.0, event.moved * event.labelled / (event.labelled - before))
        before = event.labelled
    return found
