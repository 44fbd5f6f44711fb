"""Has something changed? The last look, check by check, and when the next one is due."""

from __future__ import annotations

from querist.engine.health import CHECKS
from querist.engine.project import Project
from querist.engine.round import FIRST_LOOK, State
from querist.engine.run import check_due
from querist.events import HealthChecked
from querist.measure.words import many
from querist.types import Json


def health(project: Project, state: State) -> Json:
    """Return what the last look found.

    `checks` are {check, name, state, sentence}, alarms first; an alarm stays until its check is made again and is
    quiet. `next_at` is when a project that has stopped is checked next, in UTC microseconds.
    """
    recorded = project.last("health_checked")
    if recorded is None or not isinstance(recorded.event, HealthChecked):
        return {"state": "early", "sentence": _not_yet(state), "at": None, "look": 0, "checks": [], "next_at": None}
    checks = [_check(state, check) for check in recorded.event.checks]
    on = sum(check["state"] == "alarm" for check in checks)
    quiet = sum(check["state"] == "quiet" for check in checks)
    if on:
        found, sentence = "alarm", f"{many(on, 'thing has', 'things have')} changed."
    elif quiet:
        found, sentence = "quiet", "Nothing that could be tested has changed."
    else:
        found, sentence = "early", "Nothing could be compared yet."
    return {
        "state": found,
        "sentence": f"{sentence} False alarms come in fewer than 5 of 100 projects, over their whole life.",
        "at": recorded.at,
        "look": recorded.event.look,
        "checks": sorted(checks, key=lambda check: ORDER[check["state"]]),
        "next_at": check_due(project),
    }


ORDER = {"alarm": 0, "quiet": 1, "not_tested": 2}


def _check(state: State, check: Json) -> Json:
    name = str(check["check"])
    still = state.alarms.get(f"health:{name}")
    found = {"check": name, "name": CHECKS[name].name if name in CHECKS else name}
    if still is not None and check["state"] == "not_tested":
        return {**found, "state": "alarm", "sentence": str(still["sentence"])}
    return {**found, "state": check["state"], "sentence": check["sentence"]}


def _not_yet(state: State) -> str:
    if state.model is None:
        return "Nothing is watched before there is a model."
    return f"Watched from {FIRST_LOOK} random labels on, or when items join; there are {state.random_answers}."


def health_text(found: Json) -> str:
    """Return the last look as lines for a terminal."""
    marks = {"alarm": "ALARM", "quiet": "quiet", "not_tested": "-"}
    lines = [found["sentence"]]
    lines += [f"  {marks[check['state']]:<6} {check['name']}: {check['sentence']}" for check in found["checks"]]
    return "\n".join(lines)
