"""Settle it: labels on the reserve items where the active model and a model of random labelling disagree.

Two models differ in accuracy only where they differ in what they say. The shadow model is the one of median accuracy
among the cross-fitted ones, since a lucky random arm would stay in the result. The answers measure and never train:
they join the evaluation sample when its order reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.engine.archive import Archived, archive, said_of
from querist.engine.project import Project
from querist.engine.random_arm import compared_baseline, control_set, stacked
from querist.engine.reserve import Measuring, measuring
from querist.engine.round import State
from querist.engine.training import prediction
from querist.errors import Conflict, ModelFailure, NotReady
from querist.events import DuelDrawn, DuelSettled, Fallback
from querist.measure import words
from querist.measure.duel import Duel, duel, settle
from querist.measure.metrics import metric
from querist.measure.shadow import Fit, cross_fit_plan, largest_size
from querist.types import Array, Features, Json, Model

FEWEST: Final = 10
"""Answers below which a duel decides nothing."""


def why_not(project: Project, state: State) -> None:
    """Raise unless a duel may be asked for now.

    Raises:
        Conflict: one is out already, labelling has stopped, or a file of the user's own measures.
        NotReady: there is no comparison yet that could be settled.
    """
    if state.duel_seq is not None or state.settle_asked is not None:
        raise Conflict("the items that settle it are out already; label them first", field="command", value="settle")
    if state.stopped is not None:
        raise Conflict("labelling has stopped; go on first", field="command", value="settle")
    if state.validation:
        raise Conflict(
            "your own file measures here, and is labelled already: there is nothing to ask",
            field="command",
            value="settle",
        )
    if metric(project.spec.evaluation.metric).kind != "accuracy":
        raise Conflict(
            f"these labels settle accuracy, and this project compares {project.spec.evaluation.metric}",
            field="command",
            value="settle",
        )
    if project.target.signal != "proba":
        raise Conflict(f"a duel is between classes, and {project.task.name} has none", field="command", value="settle")
    if compared_baseline(project) is None:
        raise NotReady("there is no comparison with random labelling yet that could be settled")


def draw(project: Project, state: State, asked: int) -> None:
    """Draw up to 40 unlabelled reserve items on which the two models disagree, and queue them before the rest."""
    key = f"settle/{asked}"
    try:
        event = _drawn(project, state)
    except NotReady as error:
        fallback = Fallback(
            round=state.round, what="settle", wanted="items that settle it", used="nothing", reason=str(error)
        )
        project.record(f"{key}/not", fallback)
        return
    project.record(key, event)


def _drawn(project: Project, state: State) -> DuelDrawn:
    measured = measuring(project, state)
    if measured is None:
        raise NotReady("nothing measures in this project: the evaluation lane is off")
    control, control_target = control_set(project, state)
    rows = np.flatnonzero(~measured.known & np.array([item not in state.live for item in measured.items]))
    if not rows.size:
        raise NotReady("every item of the reserve has been asked")
    size = largest_size(control.size, int(measured.known.sum()))
    active = _active(archive(project), size)
    shadow = _median_shadow(project, measured, control, control_target, size)
    reserve = [measured.items[k] for k in rows.tolist()]
    ours = said_of(active, reserve, project.target.columns)
    theirs = prediction(shadow, measured.features.rows(rows), project.target, seed=project.seed).argmax(axis=1)
    found = duel(ours, theirs, rows, seed=project.seed)
    place = {row: k for k, row in enumerate(rows.tolist())}
    chosen = [place[row] for row in found.rows.tolist()]
    items = [reserve[k] for k in chosen]
    columns: dict[str, list[Any]] = {
        "item": items,
        "lane": ["duel"] * len(items),
        "rank": list(range(1, len(items) + 1)),
        "score": [None] * len(items),
        "probability": [found.probability] * len(items),
    }
    said = {
        "active": [_name(project, int(ours[k])) for k in chosen],
        "shadow": [_name(project, int(theirs[k])) for k in chosen],
    }
    return DuelDrawn(
        round=state.round,
        model=active.model,
        active_labels=active.labelled,
        random_labels=size,
        items=items,
        picks=project.store.artefacts.put_table(columns),
        predictions=project.store.artefacts.put_json(said),
        share=found.share,
        disagreements=found.disagreements,
        reserve=found.reserve,
    )


def _name(project: Project, number: int) -> str:
    return project.target.columns[number] if number >= 0 else ""


def _active(archived: Sequence[Archived], size: int) -> Archived:
    ours = [entry for entry in archived if entry.labelled <= size]
    if not ours:
        raise NotReady(f"no model has {size} labels or fewer")
    return max(ours, key=lambda entry: (entry.labelled, entry.round))


def _median_shadow(project: Project, measured: Measuring, control: Array, control_target: Array, size: int) -> Model:
    """The model of random labels whose accuracy, on the items that it did not see, is the median of five."""
    known = np.flatnonzero(measured.known)
    evaluation = -1 - np.arange(known.size)
    plan = list(cross_fit_plan(control, evaluation, sizes=[size], repeats=1, seed=project.seed))
    features = stacked(project.features().rows(control), measured.features.rows(known))
    target = np.concatenate([control_target, measured.target[known]])
    place = {int(row): k for k, row in enumerate([*control.tolist(), *evaluation.tolist()])}
    fitted = [_fitted(project, features, target, place, fit) for fit in plan]
    fitted.sort(key=lambda pair: pair[0])
    return fitted[len(fitted) // 2][1]


def _fitted(
    project: Project, features: Features, target: Array, place: dict[int, int], fit: Fit
) -> tuple[float, Model]:
    train, scored = (np.array([place[int(row)] for row in rows]) for rows in (fit.train, fit.scored))
    if np.unique(target[train]).size < 2:
        raise NotReady("the random labels are of one class")
    try:
        model = project.learner.fit(
            features.rows(train), target[train], classes=len(project.target.columns), seed=project.seed
        )
    except ModelFailure as error:
        raise NotReady(f"a shadow model failed: {error}") from error
    right = prediction(model, features.rows(scored), project.target, seed=project.seed).argmax(axis=1) == target[scored]
    return float(right.mean()), model


def judge(project: Project, state: State, drawn: int) -> None:
    """Record what the answers to a duel amount to."""
    from querist.engine.labels import resolve

    event = drawn_at(project, drawn)
    said = project.store.artefacts.get_json(event.predictions)
    resolved = resolve(project, state, through=state.seq)
    answered = [k for k, item in enumerate(event.items) if item in resolved]
    truth = [resolved[event.items[k]].value for k in answered]
    right = {
        arm: np.array(
            [state.renamed.get(said[arm][k], said[arm][k]) == t for k, t in zip(answered, truth, strict=True)]
        )
        for arm in ("active", "shadow")
    }
    if len(answered) < FEWEST:
        value, low, high, finding = 0.0, -event.share, event.share, "undecided"
    else:
        asked = Duel(np.arange(len(answered)), event.share, event.disagreements, event.reserve)
        value, low, high = settle(asked, right["active"], right["shadow"])
        finding = "better" if low > 0 else "worse" if high < 0 else "undecided"
    sentence = words.settled(value, low, high, n=len(answered), labels=event.random_labels)
    found = DuelSettled(drawn, value, low, high, len(answered), finding, sentence)
    project.record(f"settle/{drawn}/settled", found)


def drawn_at(project: Project, seq: int) -> DuelDrawn:
    """Return the duel at a place in the ledger."""
    event = next(iter(project.store.events(seq - 1, through=seq))).event
    assert isinstance(event, DuelDrawn)
    return event


def standing_of(project: Project, state: State, *, offered: bool) -> Json:
    """Return how a duel stands: state (`none`, `offer`, `asked`, `open`, `settled`), sentence, answers done and wanted.

    Args:
        project: the project.
        state: its fold.
        offered: whether the comparison is undecided, so that a duel would help.
    """
    if state.duel_seq is not None:
        done = sum(state.settled(item) for item in state.duel)
        sentence = f"{done} of {len(state.duel)} items on which the two models disagree have an answer."
        return {"state": "open", "sentence": sentence, "done": done, "of": len(state.duel)}
    if state.settle_asked is not None:
        return {"state": "asked", "sentence": "Looking for items on which the two models disagree.", "done": 0, "of": 0}
    last = project.last("duel_settled")
    if last is not None and isinstance(last.event, DuelSettled):
        event = last.event
        return {"state": "settled", "sentence": event.sentence, "done": event.n, "of": event.n}
    of_accuracy = metric(project.spec.evaluation.metric).kind == "accuracy"
    if not offered or not of_accuracy or state.validation or state.stopped is not None:
        return {"state": "none", "sentence": "", "done": 0, "of": 0}
    return {"state": "offer", "sentence": "", "done": 0, "of": 0}
