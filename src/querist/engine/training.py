"""Fit a model and say how far it can be trusted: a calibrator chosen out of fold, and the skill."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import numpy as np

from querist.errors import ModelFailure
from querist.measure import calibrators
from querist.measure.calibration import change, fit_temperature
from querist.models.calibrated import Calibrated
from querist.models.mapped import Mapped
from querist.types import Array, Features, Json, Learner, Model, SparesLabels, TargetKind

FOLDS: Final = 5
LEAST_PER_CLASS: Final = 5
ENOUGH_FOR: Final = {"platt": 50, "vector": 50, "dirichlet": 100, "isotonic": 500}
"""Labels for each class from which a richer map than a temperature is tried."""
CLEARLY: Final = 0.005
"""Nats of cross-validated log loss by which a richer map must beat the temperature: it can change predictions."""

SPREAD: Final = 0.5
"""How far from 0 the logarithm of a temperature may lie that a few spared labels speak for."""


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
    calibrate: str = "auto",
    seed: int = 0,
    start: Fitted | None = None,
    new: Array | None = None,
    unlabelled: Features | None = None,
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
        calibrate: "off", a method of `measure.calibrators`, or "auto", which lets cross-validation choose among those
            that the labels suffice for; all but "off" spend five more fits.
        seed: of the learner and of the folds.
        start: what to go on from, for a learner that can (`goes_on`); models out of fold begin anew, always. A network
            keeps its calibration: it has seen the labels, and five trainings would cost more than they tell.
        new: (l,) which rows that model has not seen, for a learner that asks.
        unlabelled: rows that a semi-supervised learner may look at.

    Raises:
        ModelFailure: the learner failed, or the targets are all alike.
    """
    lacks = kind.lacks(target)
    if lacks:
        raise ModelFailure(f"{lacks}; a model needs two kinds")
    columns = len(kind.columns)
    # Only learners that name an argument are given it.
    free = _named(learner, unlabelled=unlabelled)
    more = free if start is None else {**free, "start": bare(start.model), **_named(learner, new=new)}
    model = cast(Any, learner).fit(features, target, classes=columns, weight=weight, seed=seed, **more)
    if calibrate == "off":
        return Fitted(model)
    if isinstance(model, SparesLabels):
        # Five more trainings of such a model would cost more than they tell.
        if start is not None:
            return _as_before(start, model)
        if model.held_out is not None:
            proba, truth = model.held_out
            return _calibrated(
                model, proba, truth, kind=kind, rows="spared labels", how=calibrate, seed=seed, spread=SPREAD
            )
    few = _too_few(target, kind)
    if few:
        return Fitted(model, uncalibrated=few)
    matrix = _out_of_fold(learner, features, target, kind=kind, weight=weight, groups=groups, seed=seed, more=free)
    if matrix is None:
        return Fitted(model, uncalibrated="the groups leave no way to split the labels into folds")
    if kind.signal != "proba":
        return Fitted(model, skill=_skill(matrix, target, kind))
    return _calibrated(model, matrix, target, kind=kind, rows="out of fold", how=calibrate, seed=seed)


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


def _named(learner: Learner, **given: Any) -> dict[str, Any]:
    """Return those of the arguments that there are and that the learner's `fit` has a name for."""
    known = inspect.signature(learner.fit).parameters
    return {name: value for name, value in given.items() if value is not None and name in known}


def goes_on(learner: Learner) -> bool:
    """Whether a learner can go on from a model: its `fit` takes `start`.

    >>> from querist.models import learner
    >>> goes_on(learner("logistic_regression"))
    False
    """
    return "start" in inspect.signature(learner.fit).parameters


def bare(model: Model) -> Model:
    """Return the model inside calibration."""
    while isinstance(model, Calibrated | Mapped):
        model = model.model
    return model


def _as_before(start: Fitted, model: Model) -> Fitted:
    """Return a model with the calibration and the skill of the one that it went on from."""
    if not start.calibration:
        return Fitted(model, {}, start.skill, "the model that it went on from was not calibrated")
    before = start.model
    if isinstance(before, Calibrated):
        model = Calibrated(model, before.temperature)
    elif isinstance(before, Mapped):
        model = Mapped(model, before.calibrator)
    return Fitted(model, {**start.calibration, "rows": "of the model before"}, start.skill)


def notes_of(model: Model) -> list[str]:
    """Return what the library warned of while fitting, a sentence each."""
    return [str(note) for note in getattr(bare(model), "notes", ())]


def _calibrated(
    model: Model,
    proba: Array,
    target: Array,
    *,
    kind: TargetKind,
    rows: str,
    how: str,
    seed: int,
    spread: float = math.inf,
) -> Fitted:
    """Return the model behind the map that fits what it said of rows that it had not seen."""
    log_proba = np.log(np.clip(proba, 1e-12, None))
    losses: dict[str, float] = {}
    if how == "auto":
        calibrator, losses = _chosen(log_proba, target, seed)
    else:
        calibrator = calibrators.fit(how, log_proba, target)
    if calibrator.method == "temperature" and math.isfinite(spread):
        heat = fit_temperature(log_proba, target, spread=spread)
        calibrator = calibrators.Calibrator("temperature", {"temperature": heat})
    # A temperature is one number; a richer map knows the rows that it was fitted on by heart.
    rich = calibrator.method != "temperature"
    after = calibrators.held_out(calibrator.method, log_proba, target, seed=seed) if rich else calibrator(proba)
    moved = change(proba, after, target)
    calibration = {**calibrator.to_json(), **moved.to_json(), "losses": losses, "rows": rows, "n": len(target)}
    if calibrator.method == "temperature":
        temperature = float(calibrator.parameters["temperature"])
        return Fitted(Calibrated(model, temperature), calibration, _skill(proba, target, kind))
    return Fitted(Mapped(model, calibrator), calibration, _skill(proba, target, kind))


def _chosen(log_proba: Array, target: Array, seed: int) -> tuple[calibrators.Calibrator, dict[str, float]]:
    """A temperature, unless a richer map that the labels suffice for is clearly better in cross-validation."""
    per_class = target.size / max(1, np.unique(target).size)
    methods = [name for name, enough in ENOUGH_FOR.items() if per_class >= enough]
    temperature = calibrators.fit("temperature", log_proba, target)
    if not methods:
        return temperature, {}
    best, losses = calibrators.choose(log_proba, target, methods=["temperature", *methods], seed=seed)
    clearly = losses[best.method] < losses["temperature"] - CLEARLY
    return (best if clearly else temperature), losses


def _out_of_fold(
    learner: Learner,
    features: Features,
    target: Array,
    *,
    kind: TargetKind,
    weight: Array | None,
    groups: Sequence[Any] | None,
    seed: int,
    more: Mapping[str, Any],
) -> Array | None:
    columns = len(kind.columns)
    found = np.full((len(target), columns), np.nan)
    strata = kind.strata(target)
    split = folds(np.zeros(len(target), dtype=int) if strata is None else strata, groups=groups, seed=seed)
    for train, held_out in split:
        if kind.lacks(target[train]):
            return None
        part = None if weight is None else weight[train]
        fitter = cast(Any, learner)
        model = fitter.fit(features.rows(train), target[train], classes=columns, weight=part, seed=seed, **more)
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
