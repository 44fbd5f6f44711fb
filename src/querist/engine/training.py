"""Fit a model and say how far it can be trusted: out-of-fold temperature and skill, cross-fitted random arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from querist.errors import ModelFailure
from querist.measure.calibration import apply_temperature, expected_calibration_error, fit_temperature
from querist.models.calibrated import Calibrated
from querist.types import Array, Features, Json, Learner, Model, TargetKind

FOLDS: Final = 5
LEAST_PER_CLASS: Final = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A model, calibrated if that was possible; `uncalibrated` says why it was not."""

    model: Model
    calibration: Json = field(default_factory=dict)
    skill: Json = field(default_factory=dict)
    uncalibrated: str | None = None


def fit(
    learner: Learner,
    features: Features,
    target: Array,
    *,
    kind: TargetKind,
    weight: Array | None = None,
    groups: Sequence[Any] | None = None,
    calibrate: bool = True,
    seed: int = 0,
) -> Fitted:
    """Fit on all rows; if asked, measure the skill on rows that the model had not seen, and fit a temperature where
    probabilities are learnt.

    These are the same rows out of fold, or the slice of them that a network has spared for early stopping.

    Args:
        learner: the recipe.
        features: l rows.
        target: (l, …) targets, all of them known.
        kind: what is learnt; not all of its columns need occur.
        weight: (l,) weights of the rows.
        groups: (l,) rows of a group stay on one side of each split.
        calibrate: whether to spend the five extra fits.
        seed: of the learner and of the folds.

    Raises:
        ModelFailure: the learner failed, or the targets are all alike.
    """
    lacks = kind.lacks(target)
    if lacks:
        raise ModelFailure(f"{lacks}; a model needs two kinds")
    model = learner.fit(features, target, classes=len(kind.columns), weight=weight, seed=seed)
    if not calibrate:
        return Fitted(model)
    held_out = getattr(model, "held_out", None)
    if held_out is not None:
        # A network spared some labels for early stopping: five more trainings would cost more than they tell.
        return _calibrated(model, *held_out, kind=kind, rows="spared labels")
    few = _too_few(target, kind)
    if few:
        return Fitted(model, uncalibrated=few)
    matrix = _out_of_fold(learner, features, target, kind=kind, weight=weight, groups=groups, seed=seed)
    if matrix is None:
        return Fitted(model, uncalibrated="the groups leave no way to split the labels into folds")
    if kind.signal != "proba":
        return Fitted(model, skill=_skill(matrix, target, kind))
    return _calibrated(model, matrix, target, kind=kind, rows="out of fold")


def _calibrated(model: Model, proba: Array, target: Array, *, kind: TargetKind, rows: str) -> Fitted:
    """Return the model behind the temperature that fits what it said of rows that it had not seen."""
    temperature = fit_temperature(np.log(np.clip(proba, 1e-12, None)), target)
    calibration = {
        "method": "temperature",
        "parameters": {"temperature": temperature},
        "ece_before": expected_calibration_error(proba=proba, target=target),
        "ece_after": expected_calibration_error(proba=apply_temperature(proba, temperature), target=target),
        "rows": rows,
        "n": len(target),
    }
    return Fitted(Calibrated(model, temperature), calibration, _skill(proba, target, kind))


def prediction(model: Model, features: Features, kind: TargetKind, *, seed: int = 0) -> Array:
    """Return (n, columns): what a model says of the rows, in the form of the task's predictions."""
    wanted = ["mean", "std"] if kind.signal == "mean" else [kind.signal]
    given = model.signals(wanted, features, rng=np.random.default_rng(seed))
    return given[kind.signal] if kind.signal != "mean" else np.stack([given["mean"], given["std"]], axis=1)


def _too_few(target: Array, kind: TargetKind) -> str | None:
    """Why the rows cannot be split into folds, if they cannot."""
    strata = kind.strata(target)
    if strata is None:
        return None if len(target) >= FOLDS * LEAST_PER_CLASS else f"{len(target)} labels are too few for folds"
    present, counts = np.unique(strata, return_counts=True)
    few = int((counts < LEAST_PER_CLASS).sum())
    return f"{few} of {present.size} classes have fewer than {LEAST_PER_CLASS} labels" if few else None


def _out_of_fold(
    learner: Learner,
    features: Features,
    target: Array,
    *,
    kind: TargetKind,
    weight: Array | None,
    groups: Sequence[Any] | None,
    seed: int,
) -> Array | None:
    columns = len(kind.columns)
    found = np.full((len(target), columns), np.nan)
    strata = kind.strata(target)
    split = folds(np.zeros(len(target), dtype=int) if strata is None else strata, groups=groups, seed=seed)
    for train, held_out in split:
        if kind.lacks(target[train]):
            return None
        part = None if weight is None else weight[train]
        model = learner.fit(features.rows(train), target[train], classes=columns, weight=part, seed=seed)
        found[held_out] = prediction(model, features.rows(held_out), kind, seed=seed)
    return None if np.isnan(found).any() else found


def folds(target: Array, *, groups: Sequence[Any] | None = None, seed: int = 0) -> list[tuple[Array, Array]]:
    """Return five stratified (train rows, held-out rows); rows of a group stay together."""
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    known = None if groups is None else [str(i) if name is None else f"g{name}" for i, name in enumerate(groups)]
    kind = StratifiedKFold if known is None else StratifiedGroupKFold
    if known is not None and len(set(known)) < FOLDS:
        return []
    split = kind(n_splits=FOLDS, shuffle=True, random_state=seed % 2**32).split(target, target, known)
    return [(np.asarray(train), np.asarray(held_out)) for train, held_out in split]


def _skill(matrix: Array, target: Array, kind: TargetKind) -> Json:
    """What the model loses less than the simplest guess, out of fold, with its 95 % interval.

    For classes that is accuracy above the majority; for numbers it is R², a share of the guess's own loss.
    """
    guess = kind.losses(target, kind.constant(target, len(target)))
    gain = guess - kind.losses(target, matrix)
    if kind.signal == "mean":
        gain = gain / guess.mean()
    half = 1.96 * max(gain.std(ddof=1), 0.5 / np.sqrt(gain.size)) / np.sqrt(gain.size)
    return {
        "skill": float(gain.mean()),
        "low": float(gain.mean() - half),
        "high": float(gain.mean() + half),
        "majority": float(1 - guess.mean()) if kind.signal != "mean" else 0.0,
        "n": int(gain.size),
    }
