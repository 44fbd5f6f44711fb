"""The steps of a round, each from the ledger to one event. The only place where pool, task, model and store meet.

A step writes its artefacts first, under the hash of their content; then one transaction appends the event under a
unique key. So a step that is repeated after a crash, or raced by a second worker, changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from querist.engine import beside, opinions, selection, settling
from querist.engine.evaluation import evaluate
from querist.engine.project import Project
from querist.engine.round import (
    MEASURING,
    BuildFeatures,
    DrawDuel,
    Evaluate,
    Freeze,
    Select,
    SettleDuel,
    Sound,
    State,
    Step,
    Stop,
    Train,
)
from querist.engine.round import opinions as asked_of_each
from querist.engine.training import Fitted, fit, goes_on, notes_of
from querist.errors import ModelFailure
from querist.events import (
    Alarm,
    BatchSelected,
    DatasetFrozen,
    Fallback,
    FeaturesBuilt,
    ModelFailed,
    ModelTrained,
    Stopped,
)
from querist.types import Answer, Content, ItemId, Json, Resolved, TaskType, canonical_json, short_hash

if TYPE_CHECKING:
    from querist.models.features import FittedFeatures


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
            since = state.strategy_seq
            project.record(f"r{number}/evaluate/{name}/{since}", Alarm(round=number, name=name, evidence=evidence))
        case DrawDuel(asked=asked):
            settling.draw(project, state, asked)
        case SettleDuel(drawn=drawn):
            settling.judge(project, state, drawn)


# --- features


def build_features(project: Project, state: State) -> None:
    """Fit the pipeline on the pool, without labels, and transform it; or transform only the rows that joined."""
    if project.arrays is not None:
        _keep_arrays(project)
        return
    built = project.last("features_built")
    event = built.event if built is not None and not state.refit else None
    if isinstance(event, FeaturesBuilt):
        arrays = [*event.arrays, _transform(project, event.rows, state.pool_size, project.pipeline())]
        joined = FeaturesBuilt(
            features=event.features,
            pipeline=event.pipeline,
            arrays=arrays,
            method=event.method,
            settings=event.settings,
            dim=event.dim,
            rows=state.pool_size,
            fitted_on=event.fitted_on,
        )
        project.record(f"features/{event.features}/{state.pool_size}", joined)
        return
    _fit_features(project, state)


def _keep_arrays(project: Project) -> None:
    given = project.arrays
    assert given is not None
    name = project.keep_features(given)
    features = short_hash({"arrays": name})
    event = FeaturesBuilt(
        features=features,
        pipeline=name,
        arrays=[name],
        method="array",
        settings={},
        dim=int(given.embed.shape[1]),
        rows=len(given),
        fitted_on=len(given),
    )
    project.record(f"features/{features}/{len(given)}", event)


def _fit_features(project: Project, state: State) -> None:
    from querist.models.features import fit_features

    size = state.pool_size
    kind = next(content.kind for content in project.store.iter_contents(0, size) if content is not None)
    section = project.spec.features

    may_fit = np.asarray(project.pool().u_eval)[:size] >= state.reserve

    def contents() -> Iterator[Content]:
        # What measures is not fitted on, not even without its labels.
        pool = zip(project.store.iter_contents(0, size), may_fit.tolist(), strict=True)
        return (content for content, allowed in pool if allowed and content is not None)

    media = project.media()
    pipeline = fit_features(
        contents, kind=kind, method=section.method, settings=section.settings, seed=project.seed, media=media
    )
    files = project.store.artefacts.put_files(pipeline.save())
    features = short_hash({"pipeline": files, "pool": state.pool, "refit": state.refit and state.seq})
    project.cache["pipeline", files] = pipeline
    event = FeaturesBuilt(
        features=features,
        pipeline=files,
        arrays=[_transform(project, 0, size, pipeline)],
        method=pipeline.method,
        settings=dict(pipeline.settings),
        dim=pipeline.dim,
        rows=size,
        fitted_on=pipeline.fitted_on,
    )
    project.record(f"features/{features}/{size}", event)


def _transform(project: Project, start: int, stop: int, pipeline: FittedFeatures) -> str:
    contents = project.store.iter_contents(start, stop)
    return project.keep_features(pipeline.transform(contents, media=project.media()))


# --- select


def select(project: Project, state: State, number: int, part: int, *, n: int | None = None) -> None:
    """Choose a batch and put it into the queue, in one transaction with the event that says why."""
    wanted = selection.batch_wanted(state, part) if n is None else n
    through_seq = state.seq
    pending = sorted({lease.item for lease in project.store.leases()})
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


# --- freeze


def freeze(project: Project, state: State, number: int) -> None:
    """Make a data set of the answers so far: all up to the head of the ledger at this moment."""
    through_seq = state.seq
    resolved, found = _resolve(project, state, through_seq, lambda answer: answer.lane not in MEASURING)
    _follow_up(project, state, found, number)
    items = sorted(resolved)
    targets = [resolved[item].value for item in items]
    weights = [resolved[item].weight for item in items]
    manifest = [list(entry) for entry in zip(items, targets, weights, strict=True)]
    dataset = short_hash({"task": project.spec.project.task, "rows": manifest})
    lanes = _lanes(state, items)
    columns = {
        "item": items,
        "row": project.store.rows(items).tolist(),
        "target": [canonical_json(target) for target in targets],
        "weight": weights,
        "answers": [list(resolved[item].answers) for item in items],
        "lane": lanes,
    }
    counts: dict[str, int] = {}
    for target in targets:
        for name in project.task.tally(target):
            counts[name] = counts.get(name, 0) + 1
    event = DatasetFrozen(
        round=number,
        dataset=dataset,
        through_seq=through_seq,
        rows=project.store.artefacts.put_table(columns),
        counts=counts,
        labelled=len(items),
        parent=state.dataset,
    )
    project.record(f"r{number}/freeze", event)


def _follow_up(project: Project, state: State, found: opinions.Opinions, number: int) -> None:
    """Ask for further opinions where they are wanted, and say so where the consensus had to be a vote."""
    if opinions.most_opinions(state) > asked_of_each(state):
        opinions.ask_further(project, state.live)
        opinions.ask_where_unsure(project, state, found)
    if found.fallback is not None:
        wanted = project.spec.labels.consensus
        fallback = Fallback(round=number, what="consensus", wanted=wanted, used="votes", reason=found.fallback)
        project.record(f"r{number}/freeze/consensus", fallback)


def training_rows(project: Project, state: State, *, through: int) -> dict[ItemId, Resolved]:
    """Return what each item's answers amount to, for the items that may train."""
    return resolve(project, state, through=through, use=lambda answer: answer.lane not in MEASURING)


def resolve(
    project: Project,
    state: State,
    *,
    through: int,
    use: Callable[[Answer], bool] = lambda _: True,
    items: Sequence[ItemId] | None = None,
) -> dict[ItemId, Resolved]:
    """Return what each item's live answers amount to, where they agree, under the class names now in force.

    Args:
        project: whose answers.
        state: the fold at `through` or later.
        through: answers up to this place in the ledger.
        use: which answers count.
        items: all that have such an answer, where they are known: then only these are read.
    """
    return _resolve(project, state, through, use, items)[0]


def _resolve(
    project: Project,
    state: State,
    through: int,
    use: Callable[[Answer], bool],
    items: Sequence[ItemId] | None = None,
) -> tuple[dict[ItemId, Resolved], opinions.Opinions]:
    task = project.task
    decided = project.store.decisions(through=through)
    by_item: dict[ItemId, list[Answer]] = {}
    for answer in project.store.answers(through=through, items=items):
        if answer.outcome == "answered" and answer.item not in state.withdrawn and use(answer):
            by_item.setdefault(answer.item, []).append(renamed(answer, state, task))
    known = {
        item: [answer for answer in answers if _in_classes(answer.value, task)] for item, answers in by_item.items()
    }
    found = opinions.merge(project, state, {item: answers for item, answers in known.items() if answers})
    resolved = {item: merged for item, merged in found.merged.items() if isinstance(merged, Resolved)}
    for item in by_item.keys() & decided.keys():
        decision = decided[item]
        resolved[item] = Resolved(task.renamed(decision.value, state.renamed), (decision.seq,))
    return resolved, found


def renamed(answer: Answer, state: State, task: TaskType) -> Answer:
    """Return the answer under the class names now in force."""
    if not state.renamed:
        return answer
    value = task.renamed(answer.value, state.renamed)
    return Answer(answer.seq, answer.item, answer.person, answer.outcome, value, answer.lane)


def _in_classes(value: Any, task: TaskType) -> bool:
    """Whether each class that a value names is declared."""
    return not task.has_classes or all(name in task.classes for name in task.tally(value))


def _lanes(state: State, items: Sequence[ItemId]) -> list[str]:
    return [next((live.lane or "query" for live in state.live.get(item, ())), "query") for item in items]


# --- train


def train(project: Project, state: State, number: int) -> None:
    """Fit the round's model; a failure keeps the last good one, and says so."""
    frozen = frozen_rows(project, number)
    assert state.features is not None
    task = project.task
    if task.target is None:
        reason = f"the learner of {task.name} tasks is still to come"
        fallback = Fallback(round=number, what="train", wanted="a model", used="coverage", reason=reason)
        project.record(f"r{number}/train/no_learner", fallback)
        return
    target = task.encode(frozen["target"])
    known = task.target.known(target)
    target, rows = target[known], np.asarray(frozen["row"], dtype=np.intp)[known]
    lacks = task.target.lacks(target)
    if lacks:
        fallback = Fallback(round=number, what="train", wanted="a model", used="coverage", reason=lacks)
        project.record(f"r{number}/train/one_class", fallback)
        return
    began = time.monotonic()
    calibrate = project.spec.model.calibrate
    seed = int(project.rng(0, "train").integers(2**31))
    how, start = _schedule(project, state, number)
    free = beside.unlabelled(project, state, frozen)
    try:
        fitted = fit(
            project.learner,
            project.features().rows(rows),
            target,
            kind=task.target,
            groups=_groups(project, rows.tolist()),
            calibrate=calibrate,
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
        fallback = Fallback(
            round=number,
            what="calibration",
            wanted="out-of-fold calibration",
            used="uncalibrated probabilities",
            reason=fitted.uncalibrated,
        )
        project.record(f"r{number}/train/calibration", fallback)
    learner = {"name": project.learner.name, "settings": dict(project.learner.settings)}
    manifest = {
        "dataset": state.dataset,
        "features": state.features,
        "learner": learner,
        "seed": seed,
        "calibration": fitted.calibration,
        "classes": list(task.target.columns),
        **({"start": state.model} if start is not None else {}),
    }
    model = short_hash(manifest)
    files = project.store.artefacts.put_files(fitted.model.save()) if project.folder is not None else ""
    event = ModelTrained(
        round=number,
        model=model,
        dataset=state.dataset or "",
        features=state.features,
        learner={**learner, "classes": list(task.target.columns)},
        how=how,
        parent=state.model,
        files=files,
        labelled=len(frozen["item"]),
        calibration=fitted.calibration,
        oof_skill=fitted.skill,
        seconds=round(time.monotonic() - began, 3),
        notes=notes_of(fitted.model),
        pseudo=beside.pseudo_labels(project, fitted.model, free),
    )
    project.keep_model(model, fitted.model)
    project.record(f"r{number}/train", event)


def _schedule(project: Project, state: State, number: int) -> tuple[str, Fitted | None]:
    """Return how the round's model begins: from scratch, or from the last one; says so where that cannot be."""
    schedule = project.spec.model.schedule
    able = goes_on(project.learner)
    if schedule.how == "scratch" or (schedule.how == "auto" and not able):
        return "scratch", None
    if not able:
        reason = f"{project.learner.name} cannot go on from a model"
        fallback = Fallback(
            round=number, what="schedule", wanted="fine-tuning", used="training from scratch", reason=reason
        )
        project.record(f"r{number}/train/schedule", fallback)
        return "scratch", None
    tuned, trained = 0, project.trained()
    for event in reversed(trained):
        if event.how != "fine_tune":
            break
        tuned += 1
    # The first of every `full_every` begins anew, and so does a model on other features or of other classes.
    assert project.task.target is not None
    same = bool(trained) and trained[-1].learner.get("classes") == list(project.task.target.columns)
    if state.choosing_model is None or not same or tuned + 1 >= schedule.full_every:
        return "scratch", None
    return "fine_tune", Fitted(project.model(), trained[-1].calibration, trained[-1].oof_skill)


def frozen_rows(project: Project, number: int) -> Json:
    """Return the columns of the data set that a round froze: item, row, target (canonical value), weight, lane."""
    recorded = project.store.find(f"r{number}/freeze")
    assert recorded is not None
    assert isinstance(recorded.event, DatasetFrozen)
    return dataset_rows(project, recorded.event)


def dataset_rows(project: Project, event: DatasetFrozen) -> Json:
    """Return the columns of a data set."""
    import json

    columns = project.store.artefacts.get_table(event.rows)
    state = project.state()
    targets = [json.loads(target) for target in columns["target"]]
    task = project.task
    return {**columns, "target": [task.renamed(target, state.renamed) for target in targets]}


def _groups(project: Project, rows: Sequence[int]) -> list[str | None] | None:
    groups = project.pool().group
    return None if groups is None else [groups[row] for row in rows]


def text_of(content: Content | None) -> str:
    """Return a content as one line of text, for logs and searches."""
    if content is None:
        return ""
    if content.kind == "text":
        return str(content.value["text"])
    return canonical_json(content.value)
