"""The steps of a round, each from the ledger to one event. The only place where pool, task, model and store meet.

A step writes its artefacts first, under the hash of their content; then one transaction appends the event under a
unique key. So a step that is repeated after a crash, or raced by a second worker, changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from querist.engine import beside, health, selection, settling
from querist.engine.due import (
    BuildFeatures,
    CheckHealth,
    DrawDuel,
    Evaluate,
    Freeze,
    Select,
    SettleDuel,
    Sound,
    Step,
    Stop,
    Train,
)
from querist.engine.evaluation import evaluate
from querist.engine.features import build_features
from querist.engine.freezing import freeze, frozen_rows
from querist.engine.project import Project
from querist.engine.rewards import moved
from querist.engine.round import State
from querist.engine.training import Fitted, fit, goes_on, notes_of
from querist.errors import ModelFailure
from querist.events import (
    Alarm,
    BatchSelected,
    Fallback,
    ModelFailed,
    ModelTrained,
    Stopped,
)
from querist.types import Array, Json, short_hash


def run(project: Project, step: Step) -> None:
    """Run one step and append its event.

    Raises:
        QueristError: what stands in its way: a full disk, a file that is gone, a setting that cannot be.
    """
    state = project.state()
    match step:
        case BuildFeatures():
            build_features(project, state)
        case Select(round=number, part=part):
            select(project, state, number, part)
        case Freeze(round=number):
            freeze(project, state, number)
        case Train(round=number):
            train(project, state, number)
        case Evaluate(round=number):
            evaluate(project, state, number)
        case Stop(round=number, rule=rule, evidence=evidence):
            event = Stopped(round=number, rule=rule, evidence=evidence, by="engine")
            project.record(f"r{number}/decide", event)
        case Sound(round=number, name=name, evidence=evidence):
            # An alarm that fell silent may sound again: of another strategy, or at a later look.
            since = evidence.get("look", state.strategy_seq)
            project.record(f"r{number}/evaluate/{name}/{since}", Alarm(round=number, name=name, evidence=evidence))
        case DrawDuel(asked=asked):
            settling.draw(project, state, asked)
        case SettleDuel(drawn=drawn):
            settling.judge(project, state, drawn)
        case CheckHealth(look=look):
            health.look(project, state, look)


# --- select


def select(project: Project, state: State, number: int, part: int, *, n: int | None = None) -> None:
    """Choose a batch and put it into the queue, in one transaction with the event that says why."""
    wanted = selection.batch_wanted(state, part) if n is None else n
    through_seq = state.seq
    pending = sorted({*(lease.item for lease in project.store.leases()), *state.reopened})
    if part > 0 or state.setting("loop", "mode") == "batch":
        pending = sorted({*pending, *(item for item in state.batch.items if not state.settled(item))})
    chosen = selection.choose(project, state, n=wanted, number=number, part=part, pending=pending)
    for fallback in chosen.fallbacks:
        project.record(f"r{number}/select/{fallback.wanted}", fallback)
    items = [pick.item for pick in chosen.picks]
    columns: dict[str, list[Any]] = {
        "item": items,
        "lane": [pick.lane for pick in chosen.picks],
        "rank": [pick.rank for pick in chosen.picks],
        "score": [pick.score for pick in chosen.picks],
        "probability": [pick.probability for pick in chosen.picks],
    }
    lanes: dict[str, int] = {}
    for pick in chosen.picks:
        lanes[pick.lane] = lanes.get(pick.lane, 0) + 1
    event = BatchSelected(
        round=number,
        part=part,
        strategy=chosen.strategy.to_json(),
        strategy_hash=chosen.strategy.hash,
        evidence=chosen.evidence,
        model=state.choosing_model,
        dataset=state.dataset,
        features=state.features,
        through_seq=through_seq,
        pending=project.store.artefacts.put_json(pending) if pending else None,
        items=items,
        picks=project.store.artefacts.put_table(columns),
        asked=wanted,
        chosen=len(chosen.picks),
        short=wanted - len(chosen.picks),
        pool=state.pool,
        lanes=lanes,
        opinions=project.spec.labels.opinions,
    )
    project.record(f"r{number}/select/{part}", event)


# --- train


def train(project: Project, state: State, number: int) -> None:
    """Fit the round's model; a failure keeps the last good one, and says so."""
    frozen = frozen_rows(project, number)
    rows, target, lacks = _to_learn(project, frozen)
    if lacks:
        _fall_back(project, number, "train", wanted="a model", used="coverage", reason=lacks)
        return
    began = time.monotonic()
    seed = int(project.rng(0, "train").integers(2**31))
    how, start = _schedule(project, state, number)
    free = beside.unlabelled(project, state, frozen)
    try:
        fitted = fit(
            project.learner,
            project.features().rows(rows),
            target,
            kind=project.target,
            groups=_groups(project, rows.tolist()),
            calibrate=project.spec.model.calibrate,
            seed=seed,
            start=start,
            new=None if start is None else beside.new_rows(project, frozen),
            unlabelled=None if free is None else project.features().rows(free),
        )
    except ModelFailure as error:
        failed = ModelFailed(round=number, dataset=state.dataset or "", error=str(error))
        project.record(f"r{number}/train", failed)
        return
    if fitted.uncalibrated is not None:
        wanted, used = "out-of-fold calibration", "uncalibrated probabilities"
        _fall_back(project, number, "calibration", wanted=wanted, used=used, reason=fitted.uncalibrated)
    manifest = _manifest(project, state, fitted, seed=seed, start=start)
    event = ModelTrained(
        round=number,
        model=short_hash(manifest),
        dataset=state.dataset or "",
        features=state.features or "",
        learner={**manifest["learner"], "classes": manifest["classes"]},
        how=how,
        parent=state.model,
        files=project.store.artefacts.put_files(fitted.model.save()) if project.folder is not None else "",
        labelled=len(frozen["item"]),
        calibration=fitted.calibration,
        oof_skill=fitted.skill,
        seconds=round(time.monotonic() - began, 3),
        notes=notes_of(fitted.model),
        pseudo=beside.pseudo_labels(project, fitted.model, free),
        moved=moved(project, state, fitted.model),
    )
    project.keep_model(event.model, fitted.model)
    project.record(f"r{number}/train", event)


def _to_learn(project: Project, frozen: Json) -> tuple[Array, Array, str]:
    """Return rows and targets of a data set that a model can learn from, and why there is nothing to learn, if so."""
    task = project.task
    if task.target is None:
        return np.empty(0, np.intp), np.empty(0), f"the learner of {task.name} tasks is still to come"
    target = task.encode(frozen["target"])
    known = task.target.known(target)
    rows = np.asarray(frozen["row"], dtype=np.intp)[known]
    return rows, target[known], task.target.lacks(target[known])


def _fall_back(project: Project, number: int, what: str, *, wanted: str, used: str, reason: str) -> None:
    fallback = Fallback(round=number, what=what, wanted=wanted, used=used, reason=reason)
    project.record(f"r{number}/train/{what}", fallback)


def _manifest(project: Project, state: State, fitted: Fitted, *, seed: int, start: Fitted | None) -> Json:
    """What a model is named by."""
    return {
        "dataset": state.dataset,
        "features": state.features,
        "learner": {"name": project.learner.name, "settings": dict(project.learner.settings)},
        "seed": seed,
        "calibration": fitted.calibration,
        "classes": list(project.target.columns),
        **({"start": state.model} if start is not None else {}),
    }


def _schedule(project: Project, state: State, number: int) -> tuple[str, Fitted | None]:
    """Return how the round's model begins: from scratch, or from the last one; says so where that cannot be."""
    schedule = project.spec.model.schedule
    able = goes_on(project.learner)
    if schedule.how == "scratch" or (schedule.how == "auto" and not able):
        return "scratch", None
    if not able:
        reason = f"{project.learner.name} cannot go on from a model"
        _fall_back(project, number, "schedule", wanted="fine-tuning", used="training from scratch", reason=reason)
        return "scratch", None
    tuned, trained = 0, project.trained()
    for event in reversed(trained):
        if event.how != "fine_tune":
            break
        tuned += 1
    # The first of every `full_every` begins anew, and so does a model on other features or of other classes.
    same = bool(trained) and trained[-1].learner.get("classes") == list(project.target.columns)
    if state.choosing_model is None or not same or tuned + 1 >= schedule.full_every:
        return "scratch", None
    return "fine_tune", Fitted(project.model(), trained[-1].calibration, trained[-1].oof_skill)


def _groups(project: Project, rows: Sequence[int]) -> list[str | None] | None:
    groups = project.pool().group
    return None if groups is None else [groups[row] for row in rows]
