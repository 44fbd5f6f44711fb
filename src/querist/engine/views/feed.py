"""What happened: the latest events as sentences, and the notices that stay until they are settled."""

from __future__ import annotations

from typing import Final

from querist.engine.health import CHECKS
from querist.engine.project import Project
from querist.engine.round import State, about_health
from querist.engine.views.items import answer_sentence
from querist.engine.views.people import who
from querist.engine.views.tables import fallback_sentence
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
    HealthChecked,
    ModelEvaluated,
    ModelFailed,
    ModelTrained,
    PoolImported,
    Recorded,
    Requested,
    Stopped,
)
from querist.types import Json

ALARM_NAMES: Final = {
    "worse_than_random": "Worse than random",
    "no_better_than_random": "No better than random so far",
    **{f"health:{name}": check.title for name, check in CHECKS.items()},
}
FEED: Final = 20

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
        case HealthChecked(alarms=alarms):
            return "Looked whether something has changed", "" if alarms else "nothing that could be tested has"
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
            asked = {
                "settle": "the labels that settle it",
                "retrain": "a training",
                "refit": "new features",
                "check": "a check",
            }
            return f"{person} asked for {asked.get(what, what)}", ""
        case event:
            return f"{person}: {event.kind.replace('_', ' ')}", ""


def notices(project: Project, state: State) -> list[Json]:
    """Return fallbacks, alarms and failures, newest first; `live` while they still hold."""
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
            name = recorded.event.name
            live = name in state.alarms and (about_health(name) or recorded.seq > state.strategy_seq)
            # Of several soundings of an alarm that is still on, the last one holds.
            live = live and state.alarms[name] == evidence
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
