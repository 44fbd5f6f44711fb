"""Measure a model: archived predictions over the whole reserve, figures with intervals, the random arm, the rules.

Every model's predictions on the reserve are kept, so that an answer that arrives later sharpens the figures of every
earlier model as well. Items of the reserve never train a model that selects or ships.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.lanes import control_prefix
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.training import prediction
from querist.errors import ModelFailure, NotReady
from querist.events import ModelEvaluated, ModelTrained
from querist.measure import calibration, intervals, scores
from querist.measure.evidence import comparison_look
from querist.measure.shadow import Fit, collect, cross_fit_plan, largest_size, shadow_sizes
from querist.tasks.targets import aligned
from querist.types import Array, Features, ItemId, Json, Model, TargetKind

FEWEST_FOR_CURVE: Final = 10
"""Evaluation answers from which a curve is drawn."""

FEWEST_FOR_AREA: Final = 5
"""Evaluation answers of each class from which the area under the ROC curve is given."""

RESAMPLES: Final = 200

UNIFORM: Final = frozenset({"evaluation", "duel"})
"""Lanes of reserve answers; those of a duel join when the order of the reserve has reached them."""

SHADOW_SECONDS: Final = 60.0
"""The random arm may take about so long; where fits are slower, fewer folds are made."""


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


@dataclass(frozen=True, slots=True)
class Archived:
    """What a model said about the items that measure; `labelled` is how many labels it was trained on.

    `codes` (n,) stand for the predictions where they are not classes: equal to those of the targets where correct.
    """

    model: str
    round: int
    labelled: int
    items: Sequence[ItemId]
    proba: Array
    classes: tuple[str, ...]
    kind: TargetKind
    codes: Array | None = None

    @property
    def predicted(self) -> Array:
        """(n,) the likeliest class, or whatever number stands for the prediction."""
        return self.kind.predicted(self.proba) if self.codes is None else self.codes

    @property
    def certainty(self) -> Array:
        """(n,) how likely the model holds that it is correct."""
        return self.kind.certainty(self.proba)


# --- what measures


def measuring(project: Project, state: State) -> Measuring | None:
    """Return the items that measure, with the answers to them so far; None where nothing measures."""
    if not project.learns:
        return None
    if state.validation:
        return _own_file(project, state)
    rows = project.reserve_rows()
    rows = rows[rows < state.pool_size]
    if rows.size == 0:
        return None
    names = project.pool().items
    items = [names[row] for row in rows]
    keep = np.array([item not in state.withdrawn for item in items], dtype=bool)
    rows, items = rows[keep], [item for item, kept in zip(items, keep, strict=True) if kept]
    values = values_of(project, items, evaluation_targets(project, state))
    target = _prefix(project.target.codes(values), state, items)
    return Measuring(items, rows, target, values, lambda: project.features().rows(rows))


def evaluation_targets(project: Project, state: State) -> dict[ItemId, Any]:
    """Return the label of each evaluation item whose answers agree."""
    from querist.engine.steps import resolve

    # A look-up of these, not a walk over all answers: each page asks for it, after each answer.
    items = [item for item, live in state.live.items() if any(answer.lane in UNIFORM for answer in live)]
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


# --- what models said


def archive(project: Project) -> list[Archived]:
    """Return what each model said about the items that measure, in order of training."""
    if not project.learns:
        return []
    trained = {event.model: event for event in project.trained()}
    labels = {} if project.target.signal == "proba" else _labels_that_measure(project)
    found = []
    for recorded in project.store.events(kinds=["model_evaluated"]):
        event = recorded.event
        assert isinstance(event, ModelEvaluated)
        if event.predictions is not None and event.model in trained:
            found.append(_now(project, _archived(project, event, trained[event.model]), labels))
    return found


def _labels_that_measure(project: Project) -> Mapping[ItemId, Any]:
    from querist.engine.held_out import validation_table

    state = project.state()
    table = validation_table(project) if state.validation else None
    if table is None:
        return evaluation_targets(project, state)
    labels = (project.task.renamed(project.task.read(label), state.renamed) for label in table["label"])
    return dict(zip(table["item"], labels, strict=True))


def _now(project: Project, entry: Archived, labels: Mapping[ItemId, Any]) -> Archived:
    """The predictions under the class names now in force, with their codes where they are no classes."""
    renamed = project.state().renamed
    classes = tuple(renamed.get(name, name) for name in entry.classes)
    if project.target.signal == "proba":
        return dataclasses.replace(entry, classes=classes)
    kind = project.target
    proba = aligned(entry.proba, classes, kind.columns)
    codes = kind.said(proba, values_of(project, entry.items, labels))
    return dataclasses.replace(entry, proba=proba, classes=kind.columns, kind=kind, codes=codes)


def _archived(project: Project, event: ModelEvaluated, trained: ModelTrained) -> Archived:
    key = ("archived", event.predictions, event.round)
    if key not in project.cache:
        assert event.predictions is not None
        kept = project.store.artefacts.get_json(event.predictions)
        items = project.store.artefacts.get_json(kept["items"])
        proba = np.asarray(project.store.artefacts.get_matrix(kept["proba"]))
        classes = tuple(trained.learner["classes"])
        project.cache[key] = Archived(event.model, event.round, trained.labelled, items, proba, classes, project.target)
    known: Archived = project.cache[key]
    return known


def predict(model: Model, features: Features, *, seed: int = 0) -> Array:
    """Return (n, c) probabilities."""
    return model.signals(["proba"], features, rng=np.random.default_rng(seed))["proba"]


# --- the step


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
        proba = prediction(project.model(), measured.features, kind, seed=project.seed).astype(np.float32)
        labelled = project.trained()[-1].labelled
        codes = None if kind.signal == "proba" else kind.said(proba, measured.values)
        latest = Archived(state.model, number, labelled, list(measured.items), proba, kind.columns, kind, codes)
        artefacts = project.store.artefacts
        kept = {"items": artefacts.put_json(latest.items), "proba": artefacts.put_matrix(proba)}
        predictions = artefacts.put_json(kept)
        metrics = figures(measured.values, proba, kind, use=measured.known, seed=project.seed, resample=True)
        metrics |= _uncalibrated(project, measured)
        baseline = _random_arm_if_due(project, state, measured, number)
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
    inner = getattr(project.model(), "model", None)
    known = measured.known
    if inner is None or known.sum() < FEWEST_FOR_CURVE or project.target.signal != "proba":
        return {}
    proba = prediction(inner, measured.features, project.target, seed=project.seed)[known]
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


# --- the random arm


def _random_arm_if_due(project: Project, state: State, measured: Measuring, number: int) -> str | None:
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
    from querist.engine.steps import training_rows

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
    for fit in plan:
        train = np.array([position[int(row)] for row in fit.train])
        scored = np.array([position[int(row)] for row in fit.scored])
        fits.append(fit)
        said.append(shadow_predictions(project, features, target, train, scored, seed=seed))
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
    project: Project, features: Features, target: Array, train: Array, scored: Array, *, seed: int
) -> Array:
    """Return what a model of these rows says of those, as codes; where nothing can be learnt, the simplest guess."""
    kind = project.target
    if kind.lacks(target[train]):
        return kind.said(kind.constant(target[train], len(scored)), target[scored])
    try:
        model = project.learner.fit(features.rows(train), target[train], classes=len(kind.columns), seed=seed)
    except ModelFailure as error:
        raise NotReady(f"a shadow model failed: {error}") from error
    return kind.said(prediction(model, features.rows(scored), kind, seed=seed), target[scored])


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


def correctness(entry: Archived, items: Sequence[ItemId], target: Array, classes: Sequence[str]) -> Array:
    """Return (n,) whether the model was right on the items; on an item it never saw it was not."""
    right: Array = (said_of(entry, items, classes) == target).astype(float)
    return right


def said_of(entry: Archived, items: Sequence[ItemId], classes: Sequence[str]) -> Array:
    """Return (n,) the class numbers that a model predicted, under the classes now in force; −1 where it said none."""
    if entry.codes is not None:
        coded = {item: int(code) for item, code in zip(entry.items, entry.codes, strict=True)}
        return np.array([coded.get(item, -1) for item in items], dtype=np.int64)
    number = {name: k for k, name in enumerate(classes)}
    now = np.array([*(number.get(name, -1) for name in entry.classes), -1])
    place = {item: k for k, item in enumerate(entry.items)}
    predicted = np.append(entry.predicted, len(entry.classes))
    found: Array = now[predicted[[place.get(item, -1) for item in items]]]
    return found
