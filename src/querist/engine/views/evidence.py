"""Is it better than random labelling? Curves, the difference at equal labels, the labels saved."""

from __future__ import annotations

import numpy as np

from querist.engine.evaluation import active_arm, compared_baseline, latest_baseline
from querist.engine.project import Project
from querist.engine.views.standing import Standing, standing
from querist.errors import NotReady
from querist.measure import words
from querist.measure.alarm import no_useful_gain
from querist.measure.evidence import Difference, active_curve, difference, random_curve
from querist.measure.saving import LabelsSaved, labels_saved
from querist.measure.shadow import Arm
from querist.types import Json


def curves(project: Project) -> Json:
    """Return both learning curves with their bands, and what they say."""
    state = project.state()
    stand = standing(project, state)
    active, random = _active(project, stand), _random(project, stand)
    compared, saved = _comparison(project, stand, active, random)
    return {
        "metric": "accuracy",
        "axis": "Correct on the evaluation items, %",
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


def _active(project: Project, stand: Standing) -> Json:
    ends = "Measured up to the newest model."
    if stand.measured is None or not stand.archived or stand.evaluation < words.ENOUGH_FOR_A_POINT:
        return {"name": "Active model", "points": [], "ends": _too_few(stand)}
    known = stand.measured.known
    items = [item for item, is_known in zip(stand.measured.items, known, strict=True) if is_known]
    arm = active_arm(stand.archived, items, stand.measured.target[known], project.target.columns)
    assert arm is not None
    numbers = {entry.labelled: number for number, entry in enumerate(stand.archived, start=1)}
    by_size = {entry.labelled: entry for entry in stand.archived}
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
    points = [{**point, "model": f"m{numbers[point['labels']]}"} for point in curve.to_json()]
    return {"name": "Active model", "points": points, "ends": ends}


def _equal(rest: list[np.ndarray]) -> np.ndarray | None:
    return np.array(rest) if len({len(part) for part in rest}) == 1 else None


def _random(project: Project, stand: Standing) -> Json:
    name = "Random labelling"
    kept = latest_baseline(project)
    if kept is None or stand.evaluation < words.ENOUGH_FOR_A_POINT:
        return {"name": name, "points": [], "ends": _too_few(stand)}
    arm = Arm(np.array(kept["labels"]), np.array(kept["right"]))
    points = [{**point, "model": None} for point in random_curve(arm).to_json()]
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
    found = compare(project, stand)
    missing = max(0, words.ENOUGH_FOR_COMPARISON - stand.evaluation)
    if found is None or missing:
        return _nothing_compared(stand, missing), _nothing_saved(stand)
    compared, saved = found
    return _compared(compared, stand, active, random), _saved(saved, stand)


def compare(project: Project, stand: Standing) -> tuple[Difference, LabelsSaved | None] | None:
    """Return the difference at equal labels and the labels saved, where both arms were measured on the same items."""
    kept = compared_baseline(project)
    if kept is None or stand.measured is None or not stand.archived:
        return None
    answer = dict(zip(stand.measured.items, stand.measured.target.tolist(), strict=True))
    use = np.array([answer.get(item, -1) >= 0 for item in kept["items"]], dtype=bool)
    items = [item for item, used in zip(kept["items"], use, strict=True) if used]
    if not items:
        return None
    random = Arm(np.array(kept["labels"]), np.array(kept["right"])[:, use])
    active = active_arm(stand.archived, items, np.array([answer[item] for item in items]), project.target.columns)
    assert active is not None
    try:
        compared = difference(active, random)
    except NotReady:
        return None
    try:
        saved = labels_saved(active, random, seed=project.seed)
    except NotReady:
        saved = None
    return compared, saved


def _compared(found: Difference, stand: Standing, active: Json, random: Json) -> Json:
    amber = found.finding == "undecided" and no_useful_gain(found)
    state = {"better": "better", "worse": "worse", "undecided": "no_gain" if amber else "undecided"}[found.finding]
    return {
        "state": state,
        "sentence": words.comparison(found, evaluated=stand.evaluation),
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
