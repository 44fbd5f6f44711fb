"""Rounds, classes, calibration, time per label."""

from __future__ import annotations

import bisect
from statistics import median
from typing import Final

import numpy as np

from querist.engine.labels import resolve
from querist.engine.project import Project
from querist.engine.round import MEASURING, State
from querist.engine.views.standing import Standing, aligned, estimate, figures_of, standing
from querist.events import (
    BatchSelected,
    DatasetFrozen,
    Fallback,
    ModelEvaluated,
    ModelFailed,
    ModelTrained,
    Recorded,
)
from querist.measure import calibration as calibrations
from querist.measure import words
from querist.measure.intervals import wilson
from querist.types import Json

ROUNDS_A_PAGE: Final = 100
SECONDS: Final = (1, 2, 3, 5, 8, 13, 21, 34, 60)
"""Borders of the histogram of seconds per label."""
FEWEST_TIMES: Final = 5
POOR_CALIBRATION: Final = 0.1
"""A calibration error from which the model's certainty is called poor."""


# --- rounds


def rounds(project: Project, *, before: int | None = None) -> Json:
    """Return the rounds, newest first; those before a round where one is given."""
    state = project.state()
    stand = standing(project, state)
    by_round = _events_by_round(project)
    times = _times(project)
    wanted = [number for number in sorted(by_round, reverse=True) if before is None or number < before]
    page = wanted[:ROUNDS_A_PAGE]
    numbers = {event.model: f"m{place}" for place, event in enumerate(project.trained(), start=1)}
    found = [_round(project, state, stand, number, by_round[number], times, numbers) for number in page]
    return {"rounds": found, "next": str(page[-1]) if len(wanted) > len(page) else None}


def _events_by_round(project: Project) -> dict[int, list[Recorded]]:
    kinds = ["batch_selected", "dataset_frozen", "model_trained", "model_failed", "model_evaluated", "fallback"]
    found: dict[int, list[Recorded]] = {}
    for recorded in project.store.events(kinds=kinds):
        found.setdefault(recorded.event.round, []).append(recorded)  # type: ignore[attr-defined]
    return found


def _round(
    project: Project,
    state: State,
    stand: Standing,
    number: int,
    events: list[Recorded],
    times: dict[int | None, list[int]],
    names: dict[str, str],
) -> Json:
    row: Json = {
        "round": number,
        "at": events[-1].at,
        "labels": 0,
        "strategy": "",
        "reason": "",
        "accuracy": None,
        "calibration_error": None,
        "median_ms": median(times[number]) if len(times.get(number, ())) >= FEWEST_TIMES else None,
        "train_seconds": None,
        "model": None,
        "dataset": None,
        "lanes": {},
        "notices": [],
    }
    for recorded in events:
        match recorded.event:
            case BatchSelected() as batch:
                row |= {"strategy": str(batch.strategy["name"]), "reason": str(batch.evidence.get("reason", ""))}
                row["lanes"] = {lane: row["lanes"].get(lane, 0) + n for lane, n in batch.lanes.items()}
            case DatasetFrozen() as frozen:
                row |= {"labels": frozen.labelled, "dataset": frozen.dataset}
            case ModelTrained() as trained:
                row |= {"model": names[trained.model], "train_seconds": trained.seconds, "at": recorded.at}
                row["calibration_error"] = trained.calibration.get("ece_after")
            case ModelFailed(error=error):
                row["notices"].append(f"Training failed: {error}")
            case Fallback() as fallback:
                row["notices"].append(fallback_sentence(fallback))
            case _:
                pass
    entry = next((known for known in stand.archived if known.round == number), None)
    if entry is not None and stand.measured is not None and stand.evaluation >= words.ENOUGH_FOR_A_POINT:
        row["accuracy"] = estimate(figures_of(entry, stand.measured, state, project.seed).get("accuracy"))
    return row


def fallback_sentence(fallback: Fallback) -> str:
    """Return what was used instead of what, and why.

    >>> fallback_sentence(Fallback(3, "calibration", "a temperature", "none", "2 classes are thin"))
    'Used none instead of a temperature: 2 classes are thin.'
    """
    return f"Used {fallback.used} instead of {fallback.wanted}: {fallback.reason}."


# --- classes


def classes(project: Project) -> Json:
    """Return how each class stands: labels, share, share in the pool, recall."""
    state = project.state()
    stand = standing(project, state)
    resolved = resolve(project, state, through=state.seq, use=lambda answer: answer.lane not in MEASURING)
    counts = dict.fromkeys(state.classes, 0)
    for entry in resolved.values():
        for name in project.task.tally(entry.value):
            counts[name] = counts.get(name, 0) + 1
    total = max(1, len(resolved))
    shares = _pool_shares(project, state, stand)
    rows = []
    for name in counts:
        recall = estimate(stand.figures.get(f"recall:{name}"))
        enough = stand.evaluation >= words.ENOUGH_FOR_ACCURACY
        rows.append(
            {
                "name": name,
                "labels": counts[name],
                "share": counts[name] / total,
                "pool": shares.get(name),
                "recall": recall if enough else None,
                "sentence": words.recall(name, None, evaluated=stand.evaluation) if enough and recall is None else "",
            }
        )
    return {"sentence": _thinnest(counts), "classes": rows}


def _pool_shares(project: Project, state: State, stand: Standing) -> dict[str, Json]:
    """The share of each class among the evaluation answers, which are a uniform sample of the pool."""
    if stand.measured is None or stand.evaluation < words.ENOUGH_FOR_ACCURACY or state.validation:
        return {}
    known = stand.measured.values[stand.measured.known]
    found = {}
    for number, name in enumerate(project.target.columns):
        share = wilson(int(project.target.has(known, number).sum()), len(known))
        found[name] = {"value": share.value, "low": share.low, "high": share.high, "n": len(known)}
    return found


def _thinnest(counts: dict[str, int]) -> str:
    if not counts or not any(counts.values()):
        return "No labels yet."
    unseen = [name for name, count in counts.items() if count == 0]
    if unseen:
        return f"No label yet for {', '.join(unseen)}."
    name = min(counts, key=counts.__getitem__)
    return f"{name} has the fewest labels: {counts[name]}."


# --- calibration


def calibration(project: Project) -> Json:
    """Return whether the model's certainty can be trusted."""
    state = project.state()
    stand = standing(project, state)
    trained = project.trained()
    fitted = trained[-1].calibration if trained else {}
    found: Json = {
        "state": "missing",
        "sentence": words.calibration(0, None, evaluated=min(stand.evaluation, words.ENOUGH_FOR_ACCURACY - 1)),
        "bins": [],
        "before": None,
        "after": None,
        "method": str(fitted.get("method", _why_uncalibrated(project))),
        "parameters": {name: v for name, v in fitted.get("parameters", {}).items() if isinstance(v, float | int)},
        "n": stand.evaluation,
    }
    latest = stand.latest
    if latest is None or stand.measured is None or stand.evaluation < words.ENOUGH_FOR_ACCURACY:
        return found
    if latest.kind.signal != "proba":
        return found | {"sentence": "Certainty is compared with correctness where one class is predicted."}
    target = aligned(latest, stand.measured, state)
    known = target >= 0
    proba = np.asarray(latest.proba[known], dtype=float)
    after = calibrations.expected_calibration_error(proba=proba, target=target[known])
    temperature = fitted.get("parameters", {}).get("temperature")
    before = _recorded_before(project)
    if temperature:
        raw = calibrations.apply_temperature(proba, 1 / temperature)
        before = calibrations.expected_calibration_error(proba=raw, target=target[known])
    points = calibrations.reliability(proba, target[known])
    found |= {
        "state": "poor" if after >= POOR_CALIBRATION else "good",
        "sentence": words.calibration(
            after if before is None else before, None if before is None else after, evaluated=stand.evaluation
        ),
        "bins": [
            {"certainty": float(c), "correct": {"value": float(a), "low": float(lo), "high": float(hi), "n": int(n)}}
            for c, a, lo, hi, n in zip(
                points.certainty, points.accuracy, points.low, points.high, points.count, strict=True
            )
        ],
        "before": before,
        "after": after,
    }
    return found


def _recorded_before(project: Project) -> float | None:
    """The error without the calibrator, where it cannot be taken back from the archived predictions."""
    recorded = project.last("model_evaluated")
    metrics = recorded.event.metrics if recorded is not None and isinstance(recorded.event, ModelEvaluated) else {}
    found = metrics.get("calibration_error_before")
    return None if found is None else float(found["value"])


def _why_uncalibrated(project: Project) -> str:
    if project.spec.model.calibrate == "off":
        return "none: switched off in the settings"
    for recorded in reversed(list(project.store.events(kinds=["fallback"]))):
        if isinstance(recorded.event, Fallback) and recorded.event.what == "calibration":
            return f"none: {recorded.event.reason}"
    return "none yet"


# --- time


def timing(project: Project) -> Json:
    """Return how long an answer takes, by active time."""
    times = sorted(ms for values in _times(project).values() for ms in values)
    found: Json = {"sentence": "Time per label: too early to say.", "n": len(times), "median_ms": None}
    found |= {"per_hour": None, "bins": []}
    if len(times) < FEWEST_TIMES:
        return found
    middle = float(median(times))
    per_hour = 3.6e6 / (sum(times) / len(times)) if sum(times) else None
    counts = [0] * (len(SECONDS) + 1)
    for ms in times:
        counts[bisect.bisect_right(SECONDS, ms / 1000)] += 1
    borders = [0, *SECONDS, None]
    found |= {
        "sentence": f"About {_two_digits(per_hour)} labels an hour of active time." if per_hour else "",
        "median_ms": middle,
        "per_hour": per_hour,
        "bins": [{"low": borders[i] or 0, "high": borders[i + 1], "n": n} for i, n in enumerate(counts)],
    }
    return found


def _times(project: Project) -> dict[int | None, list[int]]:
    """Active milliseconds of each answer in force, by the round that asked."""
    in_force = project.state().item_of
    found: dict[int | None, list[int]] = {}
    for seq, (number, active_ms) in list(project.timesheet.times.items()):
        if seq in in_force:
            found.setdefault(number, []).append(active_ms)
    return found


def _two_digits(count: float) -> str:
    unit = 10 ** max(0, len(str(int(count))) - 2)
    return f"{round(count / unit) * unit:,}"
