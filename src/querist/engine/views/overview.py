"""The first screen: how good, how sure, is it worth going on; and what happens now."""

from __future__ import annotations

from typing import Any, Final

from querist.engine import prefill, spending
from querist.engine.due import Wait
from querist.engine.project import Project
from querist.engine.round import (
    EXHAUSTED,
    State,
    batch_size,
    budget,
    control_share,
    missing_labels,
    next_step,
    seed_size,
)
from querist.engine.stopping import verdicts
from querist.engine.views.feed import feed, notices, rule_name
from querist.engine.views.health import health
from querist.engine.views.now import now
from querist.engine.views.people import who
from querist.engine.views.standing import Standing, standing
from querist.engine.views.tables import timing
from querist.engine.weighted import by_chosen_labels
from querist.events import (
    BatchSelected,
    Stopped,
)
from querist.measure import words
from querist.tasks.targets import FIGURE_NAMES
from querist.types import Json, Lane

LANE_NAMES: Final[dict[Lane, str]] = {
    "seed": "first examples",
    "query": "query",
    "control": "control",
    "evaluation": "evaluation",
    "gold": "gold",
    "relabel": "second opinion",
    "duel": "duel",
}


def status(project: Project) -> Json:
    """Return the first screen of the overview, and what `querist status --json` prints."""
    state = project.state()
    stand = standing(project, state)
    rules = _rules(project, state)
    accuracy = stand.accuracy() if stand.evaluation >= words.ENOUGH_FOR_ACCURACY else None
    return {
        "project": project.id,
        "name": project.spec.project.name,
        "verdict": _with_own_figures(project, stand, verdict_of(stand, own=bool(state.validation))),
        "accuracy": accuracy,
        "advice": _advice(state, stand, rules),
        "stopped": _stopped(project, state, stand),
        "rules": rules,
        "spent": spent(project, state),
        "lanes": _lanes(state),
        "now": now(project),
        "feed": feed(project),
        "notices": notices(project, state),
        "health": health(project, state),
        "weighted": by_chosen_labels(project, state) if project.learns else None,
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
    if found["weighted"] is not None:
        lines.append(found["weighted"]["sentence"])
    lines.append(f"changes: {found['health']['sentence']}")
    lines += [f"note: {notice['sentence']}" for notice in found["notices"] if notice["live"]]
    return "\n".join(line for line in lines if line)


# --- how good


def verdict_of(stand: Standing, *, own: bool) -> Json:
    """Return how good the model is, in words; `own` if the user's own file measures."""
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
        detail = "Export, or go on. It is watched whether something changes." if state.model else "Export, or go on."
        return {"kind": "stopped", "sentence": "Labelling has stopped.", "detail": detail}
    firing = [rule for rule in rules if rule["verdict"] == "stop"]
    if firing:
        return {"kind": "stop", "sentence": "Querist would stop here.", "detail": firing[0]["evidence"]}
    if next_step(state) == Wait(EXHAUSTED):
        detail = "Add items, or export the labels and the model."
        return {"kind": "go_on", "sentence": "Every item of the pool has been asked.", "detail": detail}
    if state.model is None:
        missing = missing_labels(state)
        detail = f"{words.many(missing, 'more answer')} to the first model."
        return {"kind": "early", "sentence": "Go on.", "detail": detail}
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
    """Return what the answers cost; money and hours are None where price or time are not known."""
    cost = project.spec.cost
    so_far = spending.spent(project, state)
    labels = budget(state)
    money = [rule["money"] for rule in project.spec.stop.any if rule.get("rule") == "budget" and "money" in rule]
    if cost.per_label and labels is not None:
        money.append(labels * cost.per_label)
    return {
        "currency": cost.currency,
        "per_label": cost.per_label,
        "seconds_per_label": cost.seconds_per_label or (timing(project)["median_ms"] or 0.0) / 1000,
        "money": so_far.money,
        "of": min(money, default=None),
        "hours": so_far.hours,
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


def _strategy(project: Project) -> str:
    recorded = project.last("batch_selected")
    if recorded is None:
        return project.spec.strategy.name
    assert isinstance(recorded.event, BatchSelected)
    return str(recorded.event.strategy["name"])


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
