"""Measure a model: predictions over the whole reserve, figures with intervals, the random arm, the stopping rules.

Every model's predictions on the reserve are kept, so that an answer that arrives later sharpens the figures of every
earlier model as well. Items of the reserve never train a model that selects or ships.
"""

from __future__ import annotations

import numpy as np

from querist.engine.archive import keep
from querist.engine.project import Project
from querist.engine.random_arm import random_arm_if_due
from querist.engine.reserve import FEWEST_FOR_CURVE, Measuring, measuring
from querist.engine.round import State
from querist.engine.training import prediction
from querist.events import ModelEvaluated
from querist.measure import calibration, intervals, scores
from querist.models.calibrated import Calibrated
from querist.models.mapped import Mapped
from querist.types import Array, Json, TargetKind


def evaluate(project: Project, state: State, number: int) -> None:
    """Measure the round's model, make the random arm if that is due, ask the stopping rules, and append the event."""
    from querist.engine.comparing import against_random
    from querist.engine.stopping import verdicts

    assert state.model is not None
    measured = measuring(project, state)
    predictions, metrics, baseline, latest, seen = None, {}, None, None, None
    evidence: Json = {}
    if measured is not None:
        kind = project.target
        latest, predictions = keep(project, state, measured, number)
        metrics = figures(measured.values, latest.proba, kind, use=measured.known, seed=project.seed, resample=True)
        metrics |= _uncalibrated(project, measured)
        baseline = random_arm_if_due(project, state, measured, number)
        evidence, seen = against_random(project, state, measured, latest, baseline)
    rules, stop = verdicts(project, state, latest=latest)
    event = ModelEvaluated(
        round=number,
        model=state.model,
        predictions=predictions,
        metrics=metrics,
        answers_seq=state.seq,
        rules=rules,
        stop=stop,
        baseline=baseline,
        evidence=evidence,
        watch=seen,
    )
    project.record(f"r{number}/evaluate", event)


def _uncalibrated(project: Project, measured: Measuring) -> Json:
    """Calibration error and losses without the calibrator, on the same answers: what it was worth."""
    model = project.model()
    known = measured.known
    if not isinstance(model, Calibrated | Mapped) or known.sum() < FEWEST_FOR_CURVE or project.target.signal != "proba":
        return {}
    proba = prediction(model.model, measured.features, project.target, seed=project.seed)[known]
    target = measured.target[known]
    found = {
        "calibration_error": calibration.expected_calibration_error(proba=proba, target=target, debiased=True),
        "brier": scores.brier(target, proba),
        "log_loss": scores.log_loss(target, proba),
    }
    return {
        f"{name}_before": {"value": value, "low": value, "high": value, "n": len(target)}
        for name, value in found.items()
        if np.isfinite(value)
    }


def figures(
    target: Array, matrix: Array, kind: TargetKind, *, use: Array | None = None, seed: int = 0, resample: bool = False
) -> Json:
    """Return every figure with its interval, from the items with an answer; {} while there is none.

    `accuracy` is the share of items that are right, in the sense of the task; then come the task's own figures.

    Args:
        target: (n, …) targets, unknown ones among them.
        matrix: (n, columns) predictions.
        kind: what is learnt.
        use: (n,) which items count; default: all with a target.
        seed: of the bootstrap.
        resample: also give the figures whose interval takes a bootstrap of half a second: AUC, Brier, log loss, ECE.
    """
    known = kind.known(target) if use is None else use & kind.known(target)
    if not known.any():
        return {}
    right, certainty = kind.right(target, matrix), kind.certainty(matrix)
    estimate = intervals.accuracy(right[known], certainty=certainty[known], reserve_certainty=certainty[~known])
    own = kind.figures(target[known], matrix[known], seed=seed, resample=resample)
    return {"accuracy": estimate.to_json(), **own}
