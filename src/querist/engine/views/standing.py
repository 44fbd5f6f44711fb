"""How good is the model now? Computed once for all views of a project, from kept predictions and all answers so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from querist.engine.archive import Archived, archive, correctness
from querist.engine.evaluation import figures
from querist.engine.project import Project
from querist.engine.reserve import Measuring, measuring
from querist.engine.round import State
from querist.tasks.targets import OneClass
from querist.types import Array, Json


@dataclass(frozen=True, slots=True)
class Standing:
    """Archived models, the items that measure, and the newest model's figures on all answers so far."""

    archived: list[Archived]
    measured: Measuring | None
    figures: Json

    @property
    def evaluation(self) -> int:
        """Evaluation items with an answer."""
        return 0 if self.measured is None else int(self.measured.known.sum())

    @property
    def latest(self) -> Archived | None:
        """The newest model's predictions."""
        return self.archived[-1] if self.archived else None

    def accuracy(self) -> Json | None:
        """Return the newest model's accuracy {value, low, high, n}."""
        return estimate(self.figures.get("accuracy"))


def standing(project: Project, state: State) -> Standing:
    """Return how the project stands at a place in the ledger; remembered until the ledger grows."""
    known = project.cache.get("standing")
    if isinstance(known, tuple) and known[0] == state.seq:
        found: Standing = known[1]
        return found
    archived = archive(project)
    measured = measuring(project, state) if state.pool_size else None
    latest = figures_of(archived[-1], measured, state, project.seed) if archived and measured is not None else {}
    found = Standing(archived, measured, latest)
    project.cache["standing"] = (state.seq, found)
    return found


def figures_of(entry: Archived, measured: Measuring, state: State, seed: int) -> Json:
    """Return an archived model's figures on the answers so far."""
    kind = entry.kind
    if kind.signal == "proba":
        return figures(aligned(entry, measured, state), entry.proba, OneClass(entry.classes), seed=seed)
    place = {item: number for number, item in enumerate(measured.items)}
    rows = [place[item] for item in entry.items if item in place]
    there = np.array([item in place for item in entry.items], dtype=bool)
    values, known = measured.values[rows], measured.known[rows]
    return figures(values, entry.proba[there], kind, use=known, seed=seed)


def aligned(entry: Archived, measured: Measuring, state: State) -> Array:
    """Return (n,) class numbers, in the model's own numbering, for the items that it predicted; −1 where unknown."""
    own = {name: number for number, name in enumerate(entry.classes)}
    now = state.classes or entry.classes
    answer = {
        item: own.get(now[number], len(own))
        for item, number in zip(measured.items, measured.target.tolist(), strict=True)
        if number >= 0
    }
    target = np.array([answer.get(item, -1) for item in entry.items], dtype=np.int64)
    # A class that the model never knew counts as an answer that it gets wrong.
    return np.where(target == len(own), _never(entry), target)


def _never(entry: Archived) -> Array:
    """For each item the least likely class: never the predicted one where there are two classes."""
    found: Array = entry.proba.argmin(axis=1)
    return found


def right_of(entry: Archived, measured: Measuring, state: State) -> Array:
    """Return whether the model is right on each evaluation item with an answer."""
    known = measured.known
    items = [item for item, is_known in zip(measured.items, known, strict=True) if is_known]
    return correctness(entry, items, measured.target[known], state.classes or entry.classes)


def estimate(found: Json | None) -> Json | None:
    """Return {value, low, high, n} of a figure that says more."""
    return None if found is None else {name: found[name] for name in ("value", "low", "high", "n")}
