"""Where the newest model is weak: mistakes by class, by column and by cluster, and the filters that ask for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.engine.archive import said_of
from querist.engine.arrays import first_unfinite
from querist.engine.columns import CLUSTER, PREDICTED, table
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.rules import cluster_of
from querist.engine.views.standing import Standing, right_of, standing
from querist.measure import scores, words
from querist.measure import slices as measure
from querist.types import Array, Json

CLASS: Final = "class"
SHOWN: Final = 8


def slices(project: Project) -> Json:
    """Return the slices of the evaluation items of which the model gets the least right, and its confusion matrix.

    Intervals hold for all slices together. Each slice comes with the filter (`rules.where`) that asks for more of it:
    by class it is the class that the model predicts, since nobody knows the true one of what is to be asked.
    """
    state = project.state()
    stand = standing(project, state)
    found: Json = {"sentence": "", "n": stand.evaluation, "slices": [], "confusion": None, "where": _in_force(project)}
    if stand.latest is None or stand.measured is None or stand.evaluation < words.ENOUGH_FOR_ACCURACY:
        return found | {"sentence": "Too early to say where it is weak."}
    right = right_of(stand.latest, stand.measured, state)
    columns = _columns(project, state, stand)
    worst = measure.worst(columns, right, n=SHOWN)
    return found | {
        "sentence": _sentence(worst, float(right.mean())),
        "slices": [_slice(each, state) for each in worst],
        "confusion": _confusion(project, state, stand),
    }


def _columns(project: Project, state: State, stand: Standing) -> dict[str, Sequence[Any]]:
    measured = stand.measured
    assert measured is not None
    known = np.flatnonzero(measured.known)
    found: dict[str, Sequence[Any]] = {}
    if project.spec.project.task == "single_label":
        found[CLASS] = [state.classes[int(number)] for number in measured.target[known]]
    rows = np.asarray(measured.rows)[known]
    if (rows < 0).any():
        return found  # the user's own file has no place in the pool
    found |= table(project.store.contents([measured.items[int(place)] for place in known]))
    pool = project.pool()
    for name, values in (("group", pool.group), ("cost", pool.cost)):
        if values is not None and name not in found:
            found[name] = [values[int(row)] for row in rows]
    if first_unfinite(project) is None:
        found[CLUSTER] = [str(number) for number in cluster_of(project, state.pool_size)[0][rows]]
    return found


def _slice(each: measure.Slice, state: State) -> Json:
    share = {"value": each.right, "low": each.low, "high": each.high, "n": each.n}
    return {
        "column": each.column,
        "value": each.value,
        "right": share,
        "below": each.below,
        "where": filter_of(each, state.classes),
    }


def filter_of(each: measure.Slice, classes: Sequence[str]) -> Json | None:
    """Return the rule of `rules.where` that asks for more of a slice; None where no filter can, as of empty cells.

    >>> cut = measure.worst({"age": [1, 2, 3, 4, 5, 6, 7, 8] * 9}, np.ones(72))[0]
    >>> filter_of(cut, ())["column"]
    'age'
    """
    where = each.where
    if each.column == CLASS:
        return {"column": PREDICTED, "is": [each.value]} if each.value in classes else None
    if "value" in where:
        return None if where["value"] is None else {"column": each.column, "is": [str(where["value"])]}
    ends = {"at_least": where["from"], "at_most": where["to"]}
    return {"column": each.column, **{name: value for name, value in ends.items() if value is not None}}


def _sentence(worst: Sequence[measure.Slice], overall: float) -> str:
    below = [each for each in worst if each.below]
    if not worst:
        return "No class, column or cluster has enough measured items yet."
    if not below:
        return f"No slice is shown to be weaker than the whole, of which {100 * overall:.0f} % is right."
    each = below[0]
    name = f"Class {each.value}" if each.column == CLASS else f"{each.column} {each.value}".capitalize()
    return f"{name}: {100 * each.right:.0f} % right of {each.n}, against {100 * overall:.0f} % of all."


def _confusion(project: Project, state: State, stand: Standing) -> Json | None:
    """Counts of the measured items by true and predicted class."""
    measured, latest = stand.measured, stand.latest
    if measured is None or latest is None or project.spec.project.task != "single_label":
        return None
    known = measured.known
    items = [item for item, is_known in zip(measured.items, known, strict=True) if is_known]
    said = said_of(latest, items, state.classes)
    there = said >= 0
    counts: Array = scores.confusion(measured.target[known][there], said[there], classes=len(state.classes))
    return {"classes": list(state.classes), "counts": counts.tolist()}


def _in_force(project: Project) -> list[Json]:
    """The filters of the project, their values in words."""
    return [
        {name: [str(one) for one in value] if isinstance(value, list) else value for name, value in rule.items()}
        for rule in project.spec.rules.where
    ]
