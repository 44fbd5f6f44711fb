"""The alarm inside a running project: after every 20 random labels, old models meet items that neither has seen.

What was looked at is kept, block by block, so that no item is ever looked at twice: that is what makes the evidence
valid at every look. The answers are read anew each time, so that a correction counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from querist.engine.archive import Archived
from querist.engine.project import Project
from querist.engine.random_arm import control_set, shadow_predictions, stacked
from querist.engine.reserve import Measuring
from querist.engine.round import State
from querist.errors import NotReady
from querist.events import ModelEvaluated
from querist.measure.alarm import Watch, watch
from querist.measure.shadow import SMALLEST
from querist.types import Array, ItemId, Json


def watched(
    project: Project, state: State, measured: Measuring, archived: Sequence[Archived]
) -> tuple[Watch, str | None]:
    """Return the evidence that the strategy in force is worse than random, and the artefact of all blocks so far.

    Progressive validation: of b random labels so far, a shadow model of the first m and the last active model of m
    labels, b at most, meet the next 20 random items. An item that the active model was trained on does not count; of
    the others it was asked before their labels came. A change of strategy begins the evidence anew.

    Args:
        project: the project.
        state: its fold.
        measured: what measures, with the answers so far.
        archived: past models.
    """
    name = _last(project)
    kept: Json = project.store.artefacts.get_json(name) if name is not None else {"used": [], "blocks": []}
    rows = _Rows(project, measured, *control_set(project, state))
    new = _new_blocks(project, state, rows, archived, kept)
    if new:
        used = [*kept["used"], *(item for block in new for item in block["items"])]
        kept = {"used": used, "blocks": [*kept["blocks"], *new]}
        name = project.store.artefacts.put_json(kept)
    return watch(_outcomes(kept["blocks"], rows.truth(project.target.columns), state)), name


def _last(project: Project) -> str | None:
    recorded = project.last("model_evaluated")
    return recorded.event.watch if recorded is not None and isinstance(recorded.event, ModelEvaluated) else None


def _outcomes(blocks: Sequence[Json], truth: Mapping[ItemId, str], state: State) -> list[int]:
    found = []
    for block in blocks:
        if block["since"] != state.strategy_seq:
            continue
        for item, active, shadow in zip(block["scored"], block["active"], block["shadow"], strict=True):
            if item in truth:
                a, s = (state.renamed.get(said, said) == truth[item] for said in (active, shadow))
                found.append(int(a) - int(s))
    return found


def _new_blocks(project: Project, state: State, rows: _Rows, archived: Sequence[Archived], kept: Json) -> list[Json]:
    used = list(kept["used"])
    taken = set(used)
    fresh = [item for item in _in_order(project, state, rows) if item not in taken]
    blocks: list[Json] = []
    while len(fresh) >= SMALLEST:
        block, fresh = fresh[:SMALLEST], fresh[SMALLEST:]
        met = _meet(project, state, rows, archived, used, block)
        blocks.append({"items": block, "since": state.strategy_seq, **met})
        used += block
    return blocks


def _in_order(project: Project, state: State, rows: _Rows) -> list[ItemId]:
    """The random items in the order in which they became known; with a user's own file, its items alternate.

    An item of the control order joins when all before it are there, so the order only grows at its end.
    """
    joined: list[tuple[int, ItemId]] = []
    latest = 0
    for item in rows.control:
        latest = max(latest, _first_answer(state, item))
        joined.append((latest, item))
    if state.validation:
        # The file is known at once: each 20 control labels meet the next 20 of its items.
        order = np.random.default_rng(project.seed).permutation(len(rows.measures))[: len(joined)]
        own = [rows.measures[k] for k in order]
        return [item for pair in zip((item for _, item in joined), own, strict=False) for item in pair]
    joined += [(_first_answer(state, item), item) for item in rows.measures]
    return [item for _, item in sorted(joined, key=lambda entry: entry[0])]


def _first_answer(state: State, item: ItemId) -> int:
    return min((live.seq for live in state.live.get(item, ())), default=0)


class _Rows:
    """Random items with an answer as arrays: those of the control set, then those that measure."""

    def __init__(self, project: Project, measured: Measuring, control: Array, control_target: Array) -> None:
        known = np.flatnonzero(measured.known)
        names = project.pool().items
        self.control = [names[row] for row in control.tolist()]
        self.measures = [measured.items[k] for k in known.tolist()]
        self.place = {item: k for k, item in enumerate([*self.control, *self.measures])}
        self.target = np.concatenate([control_target, measured.target[known]])
        self.features = stacked(project.features().rows(control), measured.features.rows(known))

    def truth(self, names: Sequence[str]) -> dict[ItemId, str]:
        """Return the class of each item."""
        return {item: names[self.target[k]] for item, k in self.place.items()}


def _meet(
    project: Project,
    state: State,
    rows: _Rows,
    archived: Sequence[Archived],
    used: Sequence[ItemId],
    block: list[ItemId],
) -> Json:
    """Let both models of equally many labels predict what neither has seen of a block."""
    nothing: Json = {"scored": [], "active": [], "shadow": [], "model": None}
    own_file = set(rows.measures) if state.validation else set()
    train = [rows.place[item] for item in used if item in rows.place and item not in own_file]
    ours = [entry for entry in archived if entry.labelled <= len(train)]
    if not ours or len(train) < SMALLEST:
        return nothing
    active = max(ours, key=lambda entry: (entry.labelled, entry.round))
    said = active.named
    scored = [item for item in block if item in said]
    if not scored:
        return nothing
    # As many labels as the active model had: with more, the shadow would be better where nothing is wrong.
    first = np.array(train[: active.labelled])
    places = np.array([rows.place[item] for item in scored])
    try:
        shadow = shadow_predictions(project, rows.features, rows.target, first, places, seed=project.seed)
    except NotReady:
        return nothing
    names = project.target.columns
    return {
        "scored": scored,
        "active": [said[item] for item in scored],
        "shadow": [names[k] for k in shadow.tolist()],
        "model": active.model,
    }
