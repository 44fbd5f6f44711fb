"""Ask the stopping rules: those of the settings decide, `settled` is always asked as advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

import numpy as np

from querist.engine.archive import Archived, archive, correctness, said_of
from querist.engine.comparing import classes_of
from querist.engine.project import Project
from querist.engine.reserve import measuring
from querist.engine.round import State, is_overruled
from querist.engine.spending import price, spent
from querist.measure import intervals
from querist.measure.intervals import Estimate
from querist.stop.history import History, Round
from querist.stop.verdicts import judge, leaves
from querist.types import Array, Json

ADVICE: Final = ("settled",)
"""Rules that are shown even where they do not decide."""


def verdicts(project: Project, state: State, *, latest: Archived | None = None) -> tuple[list[Json], str | None]:
    """Return what each rule says, and the name of the one by which the project would stop.

    Args:
        project: the project.
        state: its fold.
        latest: the predictions of a model whose event is not in the ledger yet.
    """
    branches = project.spec.stop.rules
    if not branches and project.folder is None:
        return [], None
    history = history_of(project, state, latest=latest)
    found: list[Json] = [
        {**judge(history, rule).to_json(), "decides": True} for one in branches for rule in leaves(one)
    ]
    asked = {entry["rule"] for entry in found}
    found += [{**judge(history, {"rule": name}).to_json(), "decides": False} for name in ADVICE if name not in asked]
    firing = (verdict for verdict in (judge(history, branch) for branch in branches) if verdict.fired)
    # A rule that was overruled does not hide another one that fires.
    stop = next((verdict.rule for verdict in firing if not is_overruled(state, verdict.rule)), None)
    return found, stop


def history_of(project: Project, state: State, *, latest: Archived | None = None) -> History:
    """Return what rules may look at: past models on the reserve and on the answers so far, and what was spent."""
    archived = [*archive(project), *([latest] if latest is not None else [])]
    measured = measuring(project, state)
    sums = spent(project, state)
    begun = History(
        (),
        labels=max(state.paid, state.training) if project.folder is None else state.paid,
        money=sums.money or 0.0,
        hours=sums.hours or 0.0,
        price=price(project),
        currency=project.spec.cost.currency,
    )
    if measured is None or not archived:
        return begun
    known = measured.known
    items = [item for item, is_known in zip(measured.items, known, strict=True) if is_known]
    target = measured.target[known]
    rounds = tuple(_round(entry, items, target, project) for entry in archived)
    promises = _promises(archived[-1], items, target, classes_of(project) or ()) if items else {}
    return dataclasses.replace(begun, rounds=rounds, promises=promises)


def _promises(entry: Archived, items: list[str], target: Array, classes: Sequence[str]) -> dict[str, Estimate]:
    """Intervals that hold at every look: of accuracy, and of what is found and said of each class."""
    said = said_of(entry, items, classes)
    found = {"accuracy": intervals.anytime(int((said == target).sum()), len(target))}
    for k, name in enumerate(classes):
        hit = int(((said == k) & (target == k)).sum())
        for kind, of in (("recall", target == k), ("precision", said == k), ("f1", (said == k) | (target == k))):
            n = int(of.sum())
            # Without an example nothing is promised: the interval is everything.
            share = intervals.anytime(hit, n) if n else Estimate(0.0, 0.0, 1.0, 0, "anytime")
            # F1 = 2q / (1 + q) is monotone in q = TP / (TP + FP + FN).
            ends = (share.value, share.low, share.high)
            value, low, high = (2 * q / (1 + q) for q in ends) if kind == "f1" else ends
            found[f"{kind}:{name}"] = Estimate(value, low, high, n, "anytime")
    return found


def _round(entry: Archived, items: list[str], target: Array, project: Project) -> Round:
    return Round(
        labelled=entry.labelled,
        predictions=entry.kind.decisions(entry.proba),
        correct=correctness(entry, items, target, project.target.columns),
        reserve_items=np.asarray(entry.items),
        evaluation_items=np.asarray(items),
        entropy=entry.kind.entropy(entry.proba),
    )
