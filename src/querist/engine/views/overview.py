"""The first screen: how good, how sure, is it worth going on; and what happens now."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from querist.engine import commands, prefill
from querist.engine.project import Project
from querist.engine.round import (
    BuildFeatures,
    DrawDuel,
    Evaluate,
    Freeze,
    Select,
    SettleDuel,
    Sound,
    State,
    Stop,
    Train,
    Wait,
    batch_size,
    budget,
    control_share,
    missing_labels,
    next_step,
    seed_size,
)
from querist.engine.stopping import verdicts
from querist.engine.views.evidence import curves
from querist.engine.views.items import answer_sentence
from querist.engine.views.people import who
from querist.engine.views.standing import Standing, standing
from querist.engine.views.tables import fallback_sentence, timing
from querist.events import (
    Alarm,
    AnswerSubmitted,
    AnswerWithdrawn,
    BatchSelected,
    DatasetFrozen,
    DuelDrawn,
    DuelSettled,
    Fallback,
    FeaturesBuilt,
    ModelEvaluated,
    ModelFailed,
    ModelTrained,
    PoolImported,
    Recorded,
    Requested,
    Stopped,
)
from querist.measure import words
from querist.tasks.targets import FIGURE_NAMES
from querist.types import Json, Lane

ALARM_NAMES: Final = {
    "worse_than_random": "Worse than random",
    "no_better_than_random": "No better than random so far",
}
FEED: Final = 20
ALIVE: Final = 30_000_000
"""Microseconds after which a worker without a heartbeat is taken for dead."""
SMALL_PICTURE: Final = 40
"""Points of the curve in the list of projects."""

LANE_NAMES: Final[dict[Lane, str]] = {
    "seed": "first examples",
    "query": "query",
    "control": "control",
    "evaluation": "evaluation",
    "gold": "gold",
    "relabel": "second opinion",
    "duel": "duel",
}

RULE_NAMES: Final = {
    "budget": "Budget",
    "target": "Target",
    "settled": "Settled",
    "stabilised": "Predictions stabilised",
    "gain": "Gain of the last doubling",
    "classification_change": "Predictions stopped changing",
    "f1_change": "F1 stopped changing",
    "overall_uncertainty": "Certain of everything",
    "price": "Price of a point",
    "error_stability": "Posterior stopped moving",
    "person": "A person",
}


def rule_name(rule: str) -> str:
    """Return a rule, or several that fired together, in words.

    >>> rule_name("target and settled")
    'Target and settled'
    """
    first, *others = (RULE_NAMES.get(name, name) for name in rule.split(" and "))
    return " and ".join([first, *(name[:1].lower() + name[1:] for name in others)])


def status(project: Project) -> Json:
    """Return the first screen of the overview, and what `querist status --json` prints."""
    state = project.state()
    stand = standing(project, state)
    rules = _rules(project, state)
    accuracy = stand.accuracy() if stand.evaluation >= words.ENOUGH_FOR_ACCURACY else None
    return {
        "project": project.id,
        "name": project.spec.project.name,
        "verdict": _with_own_figures(project, stand, _verdict(stand, own=bool(state.validation))),
        "accuracy": accuracy,
        "advice": _advice(state, stand, rules),
        "stopped": _stopped(project, state, stand),
        "rules": rules,
        "spent": spent(project, state),
        "lanes": _lanes(state),
        "now": now(project),
        "feed": feed(project),
        "notices": _notices(project, state),
        "prefill": prefill.shift(project),
        "defaults": defaults(project, state),
        "strategy": _strategy(project),
    }


def status_text(found: Json) -> str:
    """Return the status as a few lines for a terminal."""
    state, counts = found["now"], found["now"]["counts"]
    lines = [
        f"{found['name']}: {found['verdict']['headline']} {found['verdict']['between']}".rstrip(),
        found["verdict"]["lead"],
        f"{counts['labelled']:,} of {counts['items']:,} items train, {counts['evaluation']:,} measure; "
        f"{counts['answers']:,} answers by people, {counts['imported']:,} labels came with the data",
        f"now: {state['doing']['sentence']}",
        f"queue: {state['queue']['ready']} ready, {state['queue']['out']} out with people",
        f"advice: {found['advice']['sentence']} {found['advice']['detail']}".rstrip(),
    ]
    if found["prefill"] is not None:
        lines.append(found["prefill"]["sentence"])
    lines += [f"note: {notice['sentence']}" for notice in found["notices"] if notice["live"]]
    return "\n".join(line for line in lines if line)


# --- how good


def _verdict(stand: Standing, *, own: bool) -> Json:
    accuracy, evaluated = stand.accuracy(), stand.evaluation
    early = accuracy is None or evaluated < words.ENOUGH_FOR_ACCURACY
    estimate = _estimate(accuracy)
    text = words.verdict(estimate, evaluated=evaluated)
    headline, _, between = text.partition(", ")
    if early:
        headline, _, between = text.partition(":")
        if stand.measured is None:
            return {"headline": "Not measured", "between": "", "lead": "The evaluation lane is off.", "early": True}
        return {"headline": headline, "between": "", "lead": words.accuracy(None, evaluated=evaluated), "early": True}
    lead = words.accuracy(estimate, evaluated=evaluated).partition(", from ")[2]
    if own:
        lead = f"{evaluated:,} items of your own held-out file."
    return {"headline": f"{headline},", "between": between, "lead": f"Measured on {lead}", "early": False}


def _with_own_figures(project: Project, stand: Standing, verdict: Json) -> Json:
    """The verdict with what "correct" means here, and with the task's own figures, each in its interval."""
    if not project.learns or stand.latest is None:
        coming = "" if project.learns else f" A learner for {project.task.name} is still to come; labels export now."
        return {**verdict, "lead": verdict["lead"] + coming}
    kind = stand.latest.kind
    said = [f"Correct means: {kind.means}."] if kind.means else []
    for name, title in FIGURE_NAMES.items():
        figure = stand.figures.get(name)
        if figure is not None and kind.signal != "proba":
            unit = f" {kind.unit}" if kind.unit and name in ("rmse", "mae") else ""
            said.append(f"{title} {figure['value']:.3g}{unit}, between {figure['low']:.3g} and {figure['high']:.3g}.")
    return {**verdict, "lead": " ".join([verdict["lead"], *said])}


def _estimate(found: Json | None) -> Any:
    from querist.measure.intervals import Estimate

    return None if found is None else Estimate(found["value"], found["low"], found["high"], found["n"], "wilson")


def _advice(state: State, stand: Standing, rules: list[Json]) -> Json:
    if state.stopped is not None:
        return {"kind": "stopped", "sentence": "Labelling has stopped.", "detail": "Export, or go on."}
    firing = [rule for rule in rules if rule["verdict"] == "stop"]
    if firing:
        return {"kind": "stop", "sentence": "Querist would stop here.", "detail": firing[0]["evidence"]}
    if state.model is None:
        missing = missing_labels(state)
        answers = "answer" if missing == 1 else "answers"
        return {"kind": "early", "sentence": "Go on.", "detail": f"{missing} more {answers} to the first model."}
    if all(rule["verdict"] == "early" for rule in rules) or stand.evaluation < words.ENOUGH_FOR_ACCURACY:
        return {"kind": "early", "sentence": "Go on.", "detail": "It is too early to say when to stop."}
    learning = next((rule["evidence"] for rule in rules if rule["rule"] in ("settled", "gain")), "")
    return {"kind": "go_on", "sentence": "Go on.", "detail": learning}


def _rules(project: Project, state: State) -> list[Json]:
    found, _ = verdicts(project, state)
    return [
        {
            "rule": entry["rule"],
            "name": rule_name(entry["rule"]),
            "verdict": _rule_verdict(entry),
            "evidence": entry["sentence"],
            "decides": entry["decides"],
        }
        for entry in found
    ]


def _rule_verdict(entry: Json) -> str:
    if entry["fired"]:
        return "stop"
    return "early" if entry["sentence"].startswith("Too early") else "go_on"


def _stopped(project: Project, state: State, stand: Standing) -> Json | None:
    if state.stopped is None:
        return None
    recorded = project.last("stopped")
    assert recorded is not None
    assert isinstance(recorded.event, Stopped)
    by = rule_name(recorded.event.rule)
    by = who(project, recorded.event.by) if recorded.event.rule == "person" else by
    why = by if recorded.event.rule == "person" else by.lower()
    quality = words.verdict(_estimate(stand.accuracy()), evaluated=stand.evaluation)
    return {
        "by": by,
        "at": recorded.at,
        "sentence": f"Stopped at {state.paid:,} labels: {why}. {quality}.",
    }


# --- what it cost


def spent(project: Project, state: State) -> Json:
    """Return money and hours; None where price or time are not known."""
    cost = project.spec.cost
    labels = budget(state)
    seconds = cost.seconds_per_label or (timing(project)["median_ms"] or 0.0) / 1000
    hours = state.paid * seconds / 3600 if seconds else None
    if project.active_ms and not cost.seconds_per_label:
        hours = project.active_ms / 3.6e6
    return {
        "currency": cost.currency,
        "per_label": cost.per_label,
        "seconds_per_label": seconds,
        "money": state.paid * cost.per_label if cost.per_label else None,
        "of": labels * cost.per_label if cost.per_label and labels is not None else None,
        "hours": hours,
    }


def _lanes(state: State) -> list[Json]:
    total = max(1, sum(state.lanes.values()))
    control = control_share(state)
    measured = state.lanes.get("evaluation", 0) >= int(state.setting("lanes", "evaluation_size"))
    evaluation = 0.0 if measured or state.validation else float(state.setting("lanes", "evaluation"))
    own = 1 - control - evaluation
    seeding = state.model is None
    wanted = {
        "seed": own if seeding else 0.0,
        "query": 0.0 if seeding else own,
        "control": control,
        "evaluation": evaluation,
    }
    shown = [lane for lane in LANE_NAMES if state.lanes.get(lane) or wanted.get(lane)]
    return [
        {
            "lane": lane,
            "name": LANE_NAMES[lane],
            "share": state.lanes.get(lane, 0) / total,
            "wanted": wanted.get(lane, 0.0),
            "answers": state.lanes.get(lane, 0),
        }
        for lane in shown
    ]


# --- now


def now(project: Project) -> Json:
    """Return the part of the status that moves."""
    state = project.state()
    return {
        "seq": state.seq,
        "phase": state.phase,
        "round": state.round,
        "doing": _doing(project, state),
        "model": _model(project, state),
        "queue": _queue(project),
        "worker": _worker(project),
        "counts": counts(project, state),
    }


def _doing(project: Project, state: State) -> Json:
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
        case Wait(reason="labels", missing=missing) if missing:
            every = missing + len(state.fresh)
            answers = "answer" if missing == 1 else "answers"
            sentence = f"Waiting for {missing} more {answers}"
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
    items = "item" if ready == 1 else "items"
    return {
        "ready": ready,
        "out": len(out),
        "people": len({lease.person for lease in leases}),
        "filled_at": filled.at if filled is not None else None,
        "sentence": f"{ready} {items} ready" if filled is not None else "Not filled yet",
    }


def _worker(project: Project) -> Json:
    beats = [job.heartbeat_at for job in project.store.jobs() if job.step.startswith("worker")]
    latest = max(beats, default=None)
    alive = latest is not None and time.time_ns() // 1000 - latest < ALIVE
    sentence = "Worker running" if alive else "No worker is running: start `querist serve` or `querist worker`"
    return {"alive": alive, "heartbeat_at": latest, "sentence": sentence}


def counts(project: Project, state: State) -> Json:
    """Return answers and items, as sums of the fold."""
    outcomes = {"skipped": 0, "unanswerable": 0}
    imported = 0
    for answers in state.live.values():
        for live in answers:
            if live.outcome in outcomes:
                outcomes[live.outcome] += 1
            imported += live.source == "import"
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
        "imported": imported,
        "skipped": outcomes["skipped"],
        "unanswerable": outcomes["unanswerable"],
        "disputed": 0,
        "today": project.answers_today(),
        "rejected": rejected,
        "duplicates": duplicates,
        "budget": budget(state),
    }


def _strategy(project: Project) -> str:
    recorded = project.last("batch_selected")
    if recorded is None:
        return project.spec.strategy.name
    assert isinstance(recorded.event, BatchSelected)
    return str(recorded.event.strategy["name"])


# --- what happened


def feed(project: Project, *, after: int | None = None) -> list[Json]:
    """Return the latest events as sentences, newest first."""
    head = project.store.head()[0]
    start = max(head - FEED, 0) if after is None else max(after, head - FEED)
    return [feed_entry(project, recorded) for recorded in project.store.events(start)][::-1]


def feed_entry(project: Project, recorded: Recorded) -> Json:
    """Return one event as a sentence and a detail. It names no item, so that it may stand on any screen."""
    sentence, detail = _told(project, recorded)
    return {"seq": recorded.seq, "at": recorded.at, "sentence": sentence, "detail": detail}


def _told(project: Project, recorded: Recorded) -> tuple[str, str]:
    person = who(project, recorded.actor)
    match recorded.event:
        case AnswerSubmitted(lane="evaluation"):
            return f"{person} answered", "an item that measures"
        case AnswerSubmitted() as event:
            verb, _, detail = answer_sentence(event, project.task).partition(" ")
            return f"{person} {verb}", detail
        case AnswerWithdrawn(reason=reason):
            return f"{person} took an answer back", reason
        case BatchSelected(chosen=chosen, strategy=strategy, round=number):
            return f"Chose {chosen} items", f"{strategy['name']}, round {number}"
        case DatasetFrozen(labelled=labelled):
            return "Froze a data set", f"{labelled} labels"
        case ModelTrained(labelled=labelled, seconds=seconds):
            return "Trained a model", f"{labelled} labels, {seconds:.1f} s"
        case ModelEvaluated():
            return "Measured the model", ""
        case ModelFailed(error=error):
            return "Training failed", error
        case Fallback() as event:
            return fallback_sentence(event), ""
        case Alarm(name=name):
            return ALARM_NAMES.get(name, f"Alarm: {name}"), ""
        case DuelDrawn(items=items):
            return f"Queued {len(items)} items that settle it", "where the two models disagree"
        case DuelSettled(finding=finding):
            return {"better": "Settled: better than random", "worse": "Settled: worse than random"}.get(
                finding, "Not settled"
            ), ""
        case PoolImported(added=added, source=source):
            return f"Imported {added:,} items", source
        case FeaturesBuilt(method=method, dim=dim):
            return "Built features", f"{method}, {dim} columns"
        case Stopped(rule=rule):
            return "Stopped", rule_name(rule)
        case Requested(what=what):
            asked = {"settle": "the labels that settle it", "retrain": "a training", "refit": "new features"}
            return f"{person} asked for {asked.get(what, what)}", ""
        case event:
            return f"{person}: {event.kind.replace('_', ' ')}", ""


def _notices(project: Project, state: State) -> list[Json]:
    found = []
    for recorded in project.store.events(kinds=["fallback", "alarm", "model_failed", "model_trained"]):
        match recorded.event:
            case Fallback(round=number) as event:
                kind, sentence = "fallback", fallback_sentence(event)
            case ModelTrained(round=number, notes=notes) if notes:
                kind, sentence = "fallback", f"Training warned: {' '.join(notes)}"
            case ModelFailed(round=number, error=error):
                kind, sentence = "failure", f"Training failed, the last good model stays: {error}"
            case Alarm(round=number, evidence=evidence):
                kind, sentence = "alarm", str(evidence.get("sentence", "Alarm"))
            case _:
                continue
        last_round = state.model_round if state.model_round is not None else state.round
        live = number >= last_round
        if isinstance(recorded.event, Alarm):
            live = recorded.event.name in state.alarms and recorded.seq > state.strategy_seq
        found.append(
            {
                "seq": recorded.seq,
                "at": recorded.at,
                "kind": kind,
                "round": number,
                "sentence": sentence,
                "live": live,
            }
        )
    return found[::-1][:50]


# --- settings, explained


def defaults(project: Project, state: State) -> list[Json]:
    """Return the settings that Querist chose, and why."""
    spec = project.spec
    every = spec.loop.retrain_every
    lanes = spec.lanes
    found = [
        ("loop.seed_set", f"{seed_size(state)} items", "Chosen to cover the pool before the strategy takes over."),
        ("loop.batch", f"{batch_size(state)} items", "Few enough to be fresh, enough that nobody waits."),
        (
            "loop.retrain_every",
            f"{every.least} labels, or {round(100 * every.share)} % more",
            "Each training then has something new to learn.",
        ),
        ("lanes.evaluation", f"{round(100 * lanes.evaluation)} % of the answers", "They measure, and never train."),
        ("lanes.control", f"{round(100 * lanes.control)} % of the answers", "Drawn at random, for the comparison."),
    ]
    return [{"name": name, "value": value, "sentence": sentence} for name, value, sentence in found]


# --- projects


def project(opened: Project, *, may: tuple[str, ...] = ("label", "review", "manage")) -> Json:
    """Return what does not change while people label."""
    state = opened.state()
    spec = opened.spec
    cost = spent(opened, state)
    target = next((rule.get("at_least") for rule in spec.stop.any if rule.get("rule") == "target"), None)
    settings = spec.to_json()
    settings.pop("store", None)
    return {
        "id": opened.id,
        "name": spec.project.name,
        "kind": kind(opened),
        "task": spec.project.task,
        "classes": list(state.classes),
        "frequent": frequent(opened),
        "question": spec.labels.question or opened.task.question,
        "task_settings": dict(spec.project.settings),
        "mode": spec.loop.mode,
        "opinions": spec.labels.opinions,
        "guidelines": commands.guidelines(opened),
        "cost": {name: cost[name] for name in ("per_label", "currency", "seconds_per_label")},
        "budget": budget(state),
        "target": target,
        "strategy": spec.strategy.name,
        "learner": spec.model.name,
        "break_minutes": spec.labels.break_minutes,
        "skip_reasons": list(spec.labels.skip_reasons),
        "may": list(may),
        "settings": settings,
    }


FREQUENT: Final = 20
"""Classes that are named as the most frequent."""


def frequent(opened: Project) -> list[str]:
    """Return the classes that people gave most often, by the last data set; nothing that a model says."""
    frozen = opened.last("dataset_frozen")
    if frozen is None or not opened.state().classes:
        return []
    assert isinstance(frozen.event, DatasetFrozen)
    counts = Counter({name: n for name, n in frozen.event.counts.items() if n})
    renamed = opened.state().renamed
    return [renamed.get(name, name) for name, _ in counts.most_common(FREQUENT)]


def kind(opened: Project) -> str:
    """Return the kind of the project's items, by the first that was not erased."""
    if "kind" not in opened.cache:
        contents = opened.store.iter_contents(0, opened.state().pool_size)
        opened.cache["kind"] = next((content.kind for content in contents if content is not None), "text")
    found: str = opened.cache["kind"]
    return found


def project_row(opened: Project) -> Json:
    """Return one line of the list of projects."""
    state = opened.state()
    stand = standing(opened, state)
    verdict = _verdict(stand, own=bool(state.validation))
    last = opened.last("answer_submitted")
    doing = _doing(opened, state)
    points = curves(opened)["active"]["points"]
    step = max(1, len(points) // SMALL_PICTURE)
    happening = "Labelling has stopped" if state.stopped is not None else doing["sentence"]
    return {
        "id": opened.id,
        "name": opened.spec.project.name,
        "kind": kind(opened),
        "task": opened.spec.project.task,
        "classes": len(state.classes),
        "accuracy": stand.accuracy() if not verdict["early"] else None,
        "quality": verdict["lead"] if verdict["early"] else verdict["headline"].rstrip(","),
        "between": verdict["between"],
        "curve": points[::step][-SMALL_PICTURE:],
        "labelled": state.training,
        "happening": happening,
        "tone": "bad" if doing["step"] == "failed" else "warn" if state.stopped is not None else "mute",
        "last_answer_at": last.at if last is not None else None,
    }
