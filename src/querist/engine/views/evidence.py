"""Is it better than random labelling? Curves, the difference at equal labels, the labels saved."""

from __future__ import annotations

from typing import Final

import numpy as np

from querist.engine.comparing import Compared, active_arm, classes_of, compare, metric_of, random_arm, truth_of
from querist.engine.project import Project
from querist.engine.random_arm import latest_baseline
from querist.engine.round import State
from querist.engine.settling import standing_of
from querist.engine.views.standing import Standing, standing
from querist.measure import words
from querist.measure.evidence import STRETCH, Difference, active_curve
from querist.measure.metrics import Metric, estimate
from querist.measure.saving import LabelsSaved
from querist.measure.shadow import Arm
from querist.types import Json

AXES: Final = {
    "accuracy": "Correct on the evaluation items, %",
    "rmse": "Root mean squared error on the evaluation items",
}


def curves(project: Project) -> Json:
    """Return both learning curves with their bands, and what they say."""
    state = project.state()
    stand = standing(project, state)
    wanted = metric_of(project, state)
    active, random = _active(project, stand, wanted), _random(project, stand, wanted)
    compared, saved = _comparison(project, stand, active, random)
    return {
        "metric": str(wanted),
        "axis": AXES.get(wanted.kind, f"{wanted.words} on the evaluation items, %"),
        "active": active,
        "random": random,
        "comparison": compared,
        "saved": saved,
        "evaluation": stand.evaluation,
        "needed": {
            "curve": words.ENOUGH_FOR_A_POINT,
            "accuracy": words.ENOUGH_FOR_ACCURACY,
            "comparison": words.ENOUGH_FOR_COMPARISON,
        },
        "missing": _missing(stand),
    }


def _missing(stand: Standing) -> str:
    if stand.measured is None or stand.evaluation >= words.ENOUGH_FOR_ACCURACY:
        return ""
    return words.accuracy(None, evaluated=stand.evaluation)


def _active(project: Project, stand: Standing, wanted: Metric) -> Json:
    ends = "Measured up to the newest model."
    if stand.measured is None or not stand.archived or stand.evaluation < words.ENOUGH_FOR_A_POINT:
        return {"name": "Active model", "points": [], "ends": _too_few(stand)}
    known = stand.measured.known
    items = [item for item, is_known in zip(stand.measured.items, known, strict=True) if is_known]
    arm = active_arm(wanted, stand.archived, items, truth_of(wanted, stand.measured)[known], project.target.columns)
    assert arm is not None
    numbers = {entry.labelled: number for number, entry in enumerate(stand.archived, start=1)}
    by_size = {entry.labelled: entry for entry in stand.archived}
    if wanted.kind != "accuracy":
        points = _points(wanted, arm, 1.0)
        return {"name": "Active model", "points": _named(points, numbers), "ends": ends}
    certainty, rest = [], []
    for labels in arm.labels.tolist():
        entry = by_size[labels]
        place = {item: i for i, item in enumerate(entry.items)}
        own = [place[item] for item in items if item in place]
        others = np.setdiff1d(np.arange(len(entry.items)), own)
        if len(own) == len(items):
            certainty.append(entry.certainty[own])
            rest.append(entry.certainty[others])
    complete = len(certainty) == len(arm.labels)
    if complete:
        curve = active_curve(arm, certainty=np.array(certainty), reserve_certainty=_equal(rest))
    else:
        curve = active_curve(arm)
    return {"name": "Active model", "points": _named(curve.to_json(), numbers), "ends": ends}


def _named(points: list[Json], numbers: dict[int, int]) -> list[Json]:
    return [{**point, "model": f"m{numbers[point['labels']]}"} for point in points]


def _points(wanted: Metric, arm: Arm, stretch: float) -> list[Json]:
    """Each model's figure with its one-look interval; sizes at which no item counts are left out."""
    found = []
    for place, labels in enumerate(arm.labels.tolist()):
        figure = estimate(wanted, arm, place)
        if figure is not None:
            value, low, high = (
                figure.value,
                *(figure.value + stretch * (end - figure.value) for end in (figure.low, figure.high)),
            )
            top = 1.0 if not arm.squared else high
            found.append({"labels": labels, "value": value, "low": max(low, 0.0), "high": min(high, top)})
    return found


def _equal(rest: list[np.ndarray]) -> np.ndarray | None:
    return np.array(rest) if len({len(part) for part in rest}) == 1 else None


def _random(project: Project, stand: Standing, wanted: Metric) -> Json:
    name = "Random labelling"
    kept = latest_baseline(project)
    if kept is None or stand.measured is None or stand.evaluation < words.ENOUGH_FOR_A_POINT:
        return {"name": name, "points": [], "ends": _too_few(stand)}
    known = stand.measured.known
    truth = dict(
        zip(np.asarray(stand.measured.items)[known].tolist(), truth_of(wanted, stand.measured)[known], strict=True)
    )
    items = [item for item in kept["items"] if item in truth]
    target = np.array([truth[item] for item in items])
    arm = random_arm(wanted, kept, items, target, project.state(), classes_of(project)) if items else None
    if arm is None:
        return {"name": name, "points": [], "ends": _too_few(stand)}
    points = [{**point, "model": None} for point in _points(wanted, arm, STRETCH)]
    ends = (
        f"Random is measured to {arm.labels[-1]} labels, from {kept['control']} control and "
        f"{kept['evaluation']} evaluation labels."
    )
    return {"name": name, "points": points, "ends": ends}


def _too_few(stand: Standing) -> str:
    if stand.measured is None:
        return "Nothing measures the model in this project: the evaluation lane is off."
    if stand.evaluation < words.ENOUGH_FOR_A_POINT:
        return f"Too early to draw: {stand.evaluation} of {words.ENOUGH_FOR_A_POINT} evaluation labels."
    return "There is no model yet."


# --- what the curves say


def _comparison(project: Project, stand: Standing, active: Json, random: Json) -> tuple[Json, Json]:
    state = project.state()
    found = compare(project, state, stand.measured, stand.archived) if stand.measured is not None else None
    missing = max(0, words.ENOUGH_FOR_COMPARISON - stand.evaluation)
    if found is None or missing:
        settle = standing_of(project, state, offered=False)
        return {**_nothing_compared(stand, missing), "settle": settle}, _nothing_saved(stand)
    compared = _compared(found, stand, active, random)
    settle = standing_of(project, state, offered=compared["state"] in ("undecided", "no_gain"))
    return _with_alarm(state, {**compared, "settle": settle}), _saved(found.saved, stand)


def _with_alarm(state: State, compared: Json) -> Json:
    """A red alarm outranks an undecided comparison: it may be looked at at any time, and has found harm."""
    alarm = state.alarms.get("worse_than_random")
    if alarm is None or compared["state"] == "better":
        return compared
    return {**compared, "state": "worse", "detail": str(alarm["sentence"])}


def _compared(compared: Compared, stand: Standing, active: Json, random: Json) -> Json:
    found: Difference = compared.difference
    amber = found.finding == "undecided" and compared.no_useful_gain
    state = {"better": "better", "worse": "worse", "undecided": "no_gain" if amber else "undecided"}[found.finding]
    return {
        "state": state,
        "sentence": words.comparison(found, evaluated=stand.evaluation, metric=compared.metric.words),
        "detail": words.amber(found) if amber else "",
        "missing": 0,
        "at": found.labels,
        "difference": {"value": found.value, "low": found.low, "high": found.high, "n": found.n},
        "active": _at(active, found.active_labels),
        "random": _at(random, found.labels),
        "visible": found.smallest_visible,
    }


def _at(curve: Json, labels: int) -> float | None:
    return next((point["value"] for point in curve["points"] if point["labels"] == labels), None)


def _nothing_compared(stand: Standing, missing: int) -> Json:
    empty = dict.fromkeys(("at", "difference", "active", "random", "visible"))
    sentence = words.comparison(None, evaluated=stand.evaluation)
    return {"state": "missing", "sentence": sentence, "detail": "", "missing": missing, **empty}


def _saved(found: LabelsSaved | None, stand: Standing) -> Json:
    if found is None:
        return _nothing_saved(stand)
    state = "unclear" if not found.measurable else "saved" if found.saved > 0 else "lost"
    return {
        "state": state,
        "sentence": words.saving(found, evaluated=stand.evaluation),
        "detail": "Nothing is claimed beyond the size to which random labelling was measured.",
        "gross": {"value": found.saved, "low": found.low, "high": found.high, "n": found.evaluation_labels},
        "net": found.net,
        "net_sentence": words.net_saving(found),
        "proof": stand.evaluation,
        "random_labels": found.random_labels,
        "active_labels": found.active_labels,
        "accuracy": found.accuracy,
    }


def _nothing_saved(stand: Standing) -> Json:
    empty = dict.fromkeys(("gross", "net", "random_labels", "active_labels", "accuracy"))
    sentence = words.saving(None, evaluated=stand.evaluation)
    if stand.evaluation >= words.ENOUGH_FOR_COMPARISON:
        sentence = "Labels saved: too early to say. The random labels are not enough for a comparison yet."
    return {
        "state": "missing",
        "sentence": sentence,
        "detail": "",
        "net_sentence": "",
        "proof": stand.evaluation,
    } | empty
