"""What happens now: the step, the model, the queue, the worker, and how many answers there are."""

from __future__ import annotations

import time
from typing import Final

from querist.engine.due import (
    BuildFeatures,
    CheckHealth,
    DrawDuel,
    Evaluate,
    Freeze,
    Select,
    SettleDuel,
    Sound,
    Stop,
    Train,
    Wait,
)
from querist.engine.project import Project
from querist.engine.round import State, budget, next_step
from querist.engine.views.standing import standing
from querist.events import (
    ModelTrained,
    PoolImported,
)
from querist.measure.words import many
from querist.types import Json

ALIVE: Final = 30_000_000
"""Microseconds after which a worker without a heartbeat is taken for dead."""


def now(project: Project) -> Json:
    """Return the part of the status that moves."""
    state = project.state()
    return {
        "seq": state.seq,
        "phase": state.phase,
        "round": state.round,
        "doing": doing(project, state),
        "model": _model(project, state),
        "queue": _queue(project),
        "worker": _worker(project),
        "counts": counts(project, state),
    }


def doing(project: Project, state: State) -> Json:
    """Return what the worker does or waits for, as a sentence and a detail."""
    if project.problem is not None:
        return _do("failed", project.problem, "It is tried again every few seconds; labels are safe.")
    step = next_step(state)
    model = f" People go on with model {len(project.trained())}." if state.model is not None else ""
    match step:
        case BuildFeatures():
            return _do("features", "Reading the items", "They become arrays once, before the first batch.")
        case Select():
            return _do("select", "Choosing the next items", "")
        case Freeze():
            return _do("freeze", "Freezing a data set", "")
        case Train(round=number):
            seconds = project.trained()[-1].seconds if state.model is not None else None
            return {**_do("train", f"Training model {len(project.trained()) + 1}", f"Round {number}.{model}")} | {
                "seconds": seconds
            }
        case Evaluate():
            return _do("evaluate", "Measuring the new model", model.strip())
        case Stop():
            return _do("decide", "Stopping", "")
        case Sound():
            return _do("decide", "Noting an alarm", "")
        case DrawDuel():
            return _do("decide", "Looking for items that settle it", "Where the two models disagree.")
        case SettleDuel():
            return _do("decide", "Comparing the two models", "")
        case CheckHealth():
            return _do("decide", "Looking whether something has changed", "")
        case Wait(reason="labels of a check", missing=missing):
            return _do(
                "stopped", f"Waiting for {many(missing, 'random item')} of a check", "Then it is seen what changed."
            )
        case Wait(reason="labels", missing=missing) if missing:
            every = missing + len(state.fresh)
            sentence = f"Waiting for {many(missing, 'more answer')}"
            detail = "Then the first model is trained." if state.model is None else "Then the model is trained again."
            return _do("idle", sentence, detail) | {"progress": len(state.fresh) / every}
        case Wait(reason=reason):
            return _do("stopped" if state.stopped is not None else "idle", reason[:1].upper() + reason[1:], "")


def _do(step: str, sentence: str, detail: str) -> Json:
    return {"step": step, "sentence": sentence, "detail": detail, "progress": None, "seconds": None}


def _model(project: Project, state: State) -> Json | None:
    if state.model is None:
        return None
    trained = list(project.store.events(kinds=["model_trained"]))
    recorded = trained[-1]
    assert isinstance(recorded.event, ModelTrained)
    return {
        "name": f"m{len(trained)}",
        "id": recorded.event.model,
        "number": len(trained),
        "labels": recorded.event.labelled,
        "trained_at": recorded.at,
        "seconds": recorded.event.seconds,
    }


def _queue(project: Project) -> Json:
    leases = project.store.leases()
    out = {lease.item for lease in leases}
    ready = sum(entry.item not in out for entry in project.store.queue())
    filled = project.last("batch_selected")
    return {
        "ready": ready,
        "out": len(out),
        "people": len({lease.person for lease in leases}),
        "filled_at": filled.at if filled is not None else None,
        "sentence": f"{many(ready, 'item')} ready" if filled is not None else "Not filled yet",
    }


def _worker(project: Project) -> Json:
    beats = [job.heartbeat_at for job in project.store.jobs() if job.step.startswith("worker")]
    latest = max(beats, default=None)
    alive = latest is not None and time.time_ns() // 1000 - latest < ALIVE
    sentence = "Worker running" if alive else "No worker is running: start `querist serve` or `querist worker`"
    return {"alive": alive, "heartbeat_at": latest, "sentence": sentence}


def counts(project: Project, state: State) -> Json:
    """Return answers and items, as sums of the fold."""
    duplicates = rejected = 0
    for recorded in project.store.events(kinds=["pool_imported"]):
        assert isinstance(recorded.event, PoolImported)
        duplicates += recorded.event.duplicates
        rejected += recorded.event.rejected_count
    return {
        "items": state.pool_size - len(state.withdrawn),
        "labelled": state.training,
        "evaluation": standing(project, state).evaluation,
        "answers": state.paid,
        "imported": state.answers.get("imported", 0),
        "skipped": state.answers.get("skipped", 0),
        "unanswerable": state.answers.get("unanswerable", 0),
        "disputed": 0,
        "today": project.timesheet.answers_today(),
        "rejected": rejected,
        "duplicates": duplicates,
        "budget": budget(state),
    }
