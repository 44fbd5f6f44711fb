"""What labelling at random would have given: shadow models of the random labels, cross-fitted, kept as artefacts."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from querist.engine.labels import training_rows
from querist.engine.lanes import control_prefix
from querist.engine.project import Project
from querist.engine.reserve import FEWEST_FOR_CURVE, Measuring
from querist.engine.round import State
from querist.engine.training import prediction
from querist.errors import ModelFailure, NotReady
from querist.events import ModelEvaluated
from querist.measure.evidence import comparison_look
from querist.measure.metrics import metric
from querist.measure.shadow import Fit, collect, cross_fit_plan, largest_size, shadow_sizes
from querist.types import Array, Features, Json

SHADOW_SECONDS: Final = 60.0
"""The random arm may take about so long; where fits are slower, fewer folds are made."""


def random_arm_if_due(project: Project, state: State, measured: Measuring, number: int) -> str | None:
    """Make the random arm when the random labels have grown by a tenth since the last time."""
    known = int(measured.known.sum())
    if known < FEWEST_FOR_CURVE:
        return None
    control, control_target = control_set(project, state)
    random_labels = control.size + (0 if state.validation else known)
    before = latest_baseline(project)
    if before is not None and random_labels < 1.1 * before["random_labels"]:
        looked = comparison_look(before["random_labels"])
        if comparison_look(random_labels) == looked:
            return None
    trained = project.trained()[-1]
    try:
        sizes, said = random_arm(project, measured, control, control_target, seconds=trained.seconds, seed=project.seed)
    except NotReady:
        return None
    items = [item for item, is_known in zip(measured.items, measured.known, strict=True) if is_known]
    return project.store.artefacts.put_json(
        {
            "round": number,
            "of": "values" if compares_values(project) else "codes",
            "items": items,
            "labels": sizes.tolist(),
            "predicted": said.tolist(),
            "classes": list(project.target.columns),
            "control": int(control.size),
            "evaluation": known,
            "random_labels": random_labels,
        }
    )


def control_set(project: Project, state: State) -> tuple[Array, Array]:
    """Return rows and class numbers of the control set: a uniform sample of the pool outside the reserve."""
    pool = project.pool()
    size = state.pool_size
    u_eval, u_control = np.asarray(pool.u_eval)[:size], np.asarray(pool.u_control)[:size]
    reserve = np.zeros(size, dtype=bool) if state.validation else u_eval < state.reserve
    gone = np.zeros(size, dtype=bool)
    gone[project.store.rows(list(state.withdrawn))] = True
    asked = np.zeros(size, dtype=bool)
    asked[project.store.rows(list(state.live))] = True
    prefix = control_prefix(u_control, candidates=~reserve & ~gone, labelled=asked)
    resolved = training_rows(project, state, through=state.seq)
    rows = dict(zip(project.store.rows(list(resolved)).tolist(), resolved.values(), strict=True))
    kept = np.array([row for row in prefix.tolist() if row in rows], dtype=np.intp)
    target = project.task.encode([rows[int(row)].value for row in kept]) if kept.size else project.target.unknown(0)
    known = project.target.known(target)
    return kept[known], target[known]


def random_arm(
    project: Project, measured: Measuring, control: Array, control_target: Array, *, seconds: float, seed: int
) -> tuple[Array, Array]:
    """Return sizes (p,), and what random labelling would have predicted (p, repeats, n) for each evaluation item.

    By cross-fitting: no shadow model scores an item that it saw.

    Raises:
        NotReady: too few random labels, or too few classes among them.
    """
    known = np.flatnonzero(measured.known)
    evaluation = -1 - np.arange(known.size)  # numbers that no pool row has
    plan = _plan(project, control, evaluation, seconds=seconds, seed=seed)
    features, target = _both(project, measured, control, control_target, known)
    position = {int(row): i for i, row in enumerate(control)} | {
        int(name): control.size + i for i, name in enumerate(evaluation)
    }
    fits, said = [], []
    values = compares_values(project)
    for fit in plan:
        train = np.array([position[int(row)] for row in fit.train])
        scored = np.array([position[int(row)] for row in fit.scored])
        fits.append(fit)
        said.append(shadow_predictions(project, features, target, train, scored, seed=seed, values=values))
    if not fits:
        raise NotReady("no shadow model could be planned")
    return collect(fits, said, evaluation)


def _plan(project: Project, control: Array, evaluation: Array, *, seconds: float, seed: int) -> list[Fit]:
    if not project.state().validation:
        most = largest_size(control.size, evaluation.size)
        slow = seconds * 10 * len(shadow_sizes(most)) > SHADOW_SECONDS
        folds, repeats = (3, 1) if slow else (5, 2)
        return list(cross_fit_plan(control, evaluation, folds=folds, repeats=repeats, seed=seed))
    # The user's own file is never trained on: shadow models learn from control alone, and all items score them.
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(control) for _ in range(5)]
    sizes = shadow_sizes(control.size)
    return [Fit(order[:size], evaluation, size, 0, r) for r, order in enumerate(orders) for size in sizes]


def _both(
    project: Project, measured: Measuring, control: Array, control_target: Array, known: Array
) -> tuple[Features, Array]:
    """Control rows, then the evaluation rows with an answer, as one."""
    features = stacked(project.features().rows(control), measured.features.rows(known))
    return features, np.concatenate([control_target, measured.values[known]])


def stacked(first: Features, second: Features) -> Features:
    """Return the rows of two sets of features, one after the other."""
    embed = _stacked(first.embed, second.embed)
    return Features(embed if first.one_space else _stacked(first.input, second.input), embed)


def _stacked(first: Any, second: Any) -> Any:
    if not hasattr(first, "tocsr"):
        return np.concatenate([first, second])
    from scipy.sparse import vstack

    return vstack([first, second], format="csr")


def shadow_predictions(
    project: Project,
    features: Features,
    target: Array,
    train: Array,
    scored: Array,
    *,
    seed: int,
    values: bool = False,
) -> Array:
    """Return what a model of these rows says of those; where nothing can be learnt, the simplest guess.

    As codes that equal those of the target where it is right, or as the predicted `values` themselves.
    """
    kind = project.target
    if kind.lacks(target[train]):
        matrix = kind.constant(target[train], len(scored))
        return kind.predicted(matrix) if values else kind.said(matrix, target[scored])
    try:
        model = project.learner.fit(features.rows(train), target[train], classes=len(kind.columns), seed=seed)
    except ModelFailure as error:
        raise NotReady(f"a shadow model failed: {error}") from error
    matrix = prediction(model, features.rows(scored), kind, seed=seed)
    return kind.predicted(matrix) if values else kind.said(matrix, target[scored])


def compares_values(project: Project) -> bool:
    """Whether the project compares how far numbers are off, and not whether predictions are right."""
    return metric(project.spec.evaluation.metric).kind == "rmse"


def latest_baseline(project: Project) -> Json | None:
    """Return the last random arm that was made: items, labels (sizes), predicted (sizes × repeats × items), …"""
    made = _baselines(project)
    return made[-1] if made else None


def compared_baseline(project: Project, *, new: str | None = None) -> Json | None:
    """Return the random arm of the last planned look: a claim that is made anew every round is soon made falsely.

    Args:
        project: the project.
        new: an arm whose event is not in the ledger yet.
    """
    made = _baselines(project)
    if new is not None:
        made.append(project.store.artefacts.get_json(new))
    look = comparison_look(made[-1]["random_labels"]) if made else 0
    return next((arm for arm in made if look and comparison_look(arm["random_labels"]) == look), None)


def _baselines(project: Project) -> list[Json]:
    found: list[Json] = []
    for recorded in project.store.events(kinds=["model_evaluated"]):
        assert isinstance(recorded.event, ModelEvaluated)
        name = recorded.event.baseline
        if name is None:
            continue
        key = ("baseline", name)
        if key not in project.cache:
            project.cache[key] = project.store.artefacts.get_json(name)
        found.append(project.cache[key])
    return found
