"""The items that measure: the reserve in its order, or the user's own file, with the answers to them so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.labels import resolve
from querist.engine.project import Project
from querist.engine.round import State
from querist.types import Array, Features, ItemId

FEWEST_FOR_CURVE: Final = 10
"""Evaluation answers from which a curve is drawn."""

UNIFORM: Final = frozenset({"evaluation", "duel"})
"""Lanes of reserve answers; those of a duel join when the order of the reserve has reached them."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """The items that measure: the reserve in order of `u_eval`, or the user's own file.

    `target` (n,) class numbers, or other codes of what is right (`types.TargetKind.codes`), −1 where no answer is in
    force; `values` (n, …) the targets themselves; `rows` (n,) rows of the pool, −1 for the user's file.
    """

    items: Sequence[ItemId]
    rows: Array
    target: Array
    values: Array
    load: Callable[[], Features]

    @property
    def features(self) -> Features:
        """The items as arrays."""
        return self.load()

    @property
    def known(self) -> Array:
        """(n,) bool, items with an answer."""
        return self.target >= 0


def measuring(project: Project, state: State) -> Measuring | None:
    """Return the items that measure, with the answers to them so far; None where nothing measures."""
    if not project.learns:
        return None
    if state.validation:
        return _own_file(project, state)
    rows, items = project.reserve()
    keep = np.array([item not in state.withdrawn for item in items], dtype=bool) & (rows < state.pool_size)
    if rows.size == 0:
        return None
    rows, items = rows[keep], [item for item, kept in zip(items, keep, strict=True) if kept]
    values = values_of(project, items, evaluation_targets(project, state))
    target = _prefix(project.target.codes(values), state, items)
    return Measuring(items, rows, target, values, lambda: project.features().rows(rows))


def evaluation_targets(project: Project, state: State) -> dict[ItemId, Any]:
    """Return the label of each evaluation item whose answers agree."""
    # A look-up of these, not a walk over all answers: each page asks for it, after each answer.
    items = [item for item in project.reserve()[1] if any(live.lane in UNIFORM for live in state.live.get(item, ()))]
    resolved = resolve(project, state, through=state.seq, use=lambda answer: answer.lane in UNIFORM, items=items)
    return {item: entry.value for item, entry in resolved.items()}


def values_of(project: Project, items: Sequence[ItemId], labels: Mapping[ItemId, Any]) -> Array:
    """Return (n, …) the targets of items; unknown ones for those without a label."""
    values = project.target.unknown(len(items))
    there = [place for place, item in enumerate(items) if item in labels]
    if there:
        values[there] = project.task.encode([labels[items[place]] for place in there])
    return values


def _prefix(target: Array, state: State, items: Sequence[ItemId]) -> Array:
    """Leave out answers beyond the first item of the order that was never asked, so that the sample stays uniform.

    Labels that came with the data, and those of a duel, may lie anywhere in the reserve; they join when the order
    reaches them. A skipped item keeps its place in the order, and is missing.
    """
    asked = np.array([item in state.live for item in items], dtype=bool)
    lacking = np.flatnonzero(~asked)
    out_of_order = [
        live.source == "import" or live.lane == "duel" for item in items for live in state.live.get(item, ())
    ]
    if not any(out_of_order) or not lacking.size:
        return target
    within = target.copy()
    within[lacking[0] :] = -1
    return within


def _own_file(project: Project, state: State) -> Measuring:
    from querist.engine.held_out import validation_table

    table = validation_table(project)
    assert table is not None
    task = project.task
    labels = [task.renamed(task.read(label), state.renamed) for label in table["label"]]
    items: list[ItemId] = table["item"]
    nowhere = np.full(len(labels), -1)
    values = task.encode(labels)
    return Measuring(items, nowhere, project.target.codes(values), values, lambda: _own_features(project, items))


def _own_features(project: Project, items: Sequence[ItemId]) -> Features:
    from querist.engine.held_out import validation_contents

    key = ("validation", project.state().features)
    if key not in project.cache:
        contents = {entry.id: entry.content for entry in validation_contents(project)}
        media = Path(project.spec.evaluation.file) if Path(project.spec.evaluation.file).is_dir() else project.media()
        project.cache[key] = project.pipeline().transform((contents[item] for item in items), media=media)
    found: Features = project.cache[key]
    return found
