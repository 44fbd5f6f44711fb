"""Has something changed? Items that joined, what is predicted for them, labels, calibration, disagreement.

All of it is read from random items: the strategy asks for other items as it learns, and that is no drift. What was
there at the last look is compared with what came since, so that each label is recent once. Over the life of a project
all alarms together are false in fewer than 5 of 100 (`measure.drift`; measured in docs/evidence.md).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.engine.arrays import first_unfinite
from querist.engine.opinions import renamed
from querist.engine.project import Project
from querist.engine.random_arm import control_set
from querist.engine.reserve import Measuring, measuring
from querist.engine.round import State
from querist.engine.training import prediction
from querist.errors import NotReady
from querist.events import HealthChecked
from querist.measure.drift import (
    Change,
    alarms,
    change_of_columns,
    change_of_mean,
    change_of_shares,
    classifier_test,
    level_of,
)
from querist.types import Array, ItemId, Json

FEWEST: Final = 20
"""Items on each side of a comparison."""
MOST: Final = 2_000
"""Rows drawn on each side: of more, no difference would be too small to be seen."""


def look(project: Project, state: State, number: int) -> None:
    """Make every check that can be made, and append what they found."""
    eyes = Eyes(project, state, number)
    found: dict[str, Change] = {}
    said: dict[str, str] = {}
    for name, check in CHECKS.items():
        try:
            found[name] = check.test(eyes)
        except NotReady as error:
            said[name] = str(error)
    tested = state.tested + bool(found)
    level = level_of(tested) if found else 0.0
    fired = alarms(found, max(tested, 1), least={name: check.least for name, check in CHECKS.items()})
    # Labels that were too few to be compared count as new at the next look as well.
    labels_seen = eyes.first or eyes.recent(measuring=True) >= FEWEST or eyes.recent() >= 2 * FEWEST
    event = HealthChecked(
        look=number,
        round=state.round,
        model=state.model or "",
        checks=[_told(name, found.get(name), said.get(name), name in fired) for name in CHECKS],
        level=level,
        rows=state.pool_size,
        random=state.random_answers,
        seen=project.store.artefacts.put_json(sorted(eyes.labelled) if labels_seen else sorted(eyes.seen)),
        alarms={f"health:{name}": _evidence(name, found[name], number, level) for name in fired},
    )
    project.record(f"health/{number}", event)


def _told(name: str, found: Change | None, reason: str | None, fired: bool) -> Json:
    if found is None:
        return {"check": name, "state": "not_tested", "sentence": f"Not tested: {reason}."}
    sentence = CHECKS[name].sentence(found)
    return {"check": name, "state": "alarm" if fired else "quiet", "sentence": sentence, **found.to_json()}


def _evidence(name: str, found: Change, number: int, level: float) -> Json:
    sentence = f"{CHECKS[name].title}: {CHECKS[name].sentence(found)} {CHECKS[name].advice}"
    return {"sentence": sentence, "look": number, "level": level, **found.to_json()}


class Eyes:
    """What the checks of one look read, each part read once."""

    def __init__(self, project: Project, state: State, number: int) -> None:
        self.project, self.state, self.number = project, state, number
        last = project.last("health_checked")
        event = last.event if last is not None else None
        known = project.store.artefacts.get_json(event.seen) if isinstance(event, HealthChecked) else []
        self.seen: frozenset[ItemId] = frozenset(known)
        self.first = event is None

    def drawn(self, rows: Array) -> Array:
        """At most 2,000 of some rows, in their order."""
        if rows.size <= MOST:
            return rows
        return np.sort(self.project.rng(self.number, "health").choice(rows, MOST, replace=False))

    @functools.cached_property
    def measured(self) -> Measuring | None:
        """The items that measure."""
        return measuring(self.project, self.state)

    @functools.cached_property
    def random(self) -> tuple[list[ItemId], Array]:
        """Random items with a label, and their targets: control and evaluation."""
        rows, target = control_set(self.project, self.state)
        names = self.project.pool().items
        items = [names[row] for row in rows.tolist()]
        if self.measured is None or self.state.validation:
            return items, target
        known = np.flatnonzero(self.measured.known)
        return [*items, *(self.measured.items[k] for k in known.tolist())], np.concatenate(
            [target, self.measured.values[known]]
        )

    @property
    def labelled(self) -> list[ItemId]:
        """Random items with a label."""
        return self.random[0]

    def recent(self, *, measuring: bool = False) -> int:
        """How many random items, or of those that measure, got their label since the last look."""
        if not measuring:
            return sum(item not in self.seen for item in self.labelled)
        if self.measured is None:
            return 0
        known = np.flatnonzero(self.measured.known)
        return sum(self.measured.items[k] not in self.seen for k in known.tolist())

    def since(self, items: list[ItemId]) -> Array:
        """(n,) whether each item is new since the last look.

        Raises:
            NotReady: there was no look before, or too few items on either side.
        """
        if self.first:
            raise NotReady("this look is what later ones are compared with")
        recent = np.array([item not in self.seen for item in items], dtype=bool)
        if min(recent.sum(), (~recent).sum()) < FEWEST:
            raise NotReady(f"{int(recent.sum())} are new since the last look, {FEWEST} are needed")
        return recent

    def joined(self) -> tuple[Array, Array]:
        """Rows that were there at the last look, and rows that joined since.

        Raises:
            NotReady: too few joined.
        """
        before, size = self.state.looked_rows, self.state.pool_size
        if size - before < FEWEST:
            raise NotReady("no items have joined" if size == before else f"only {size - before} items have joined")
        return np.arange(before), np.arange(before, size)

    def proba(self, rows: Array) -> Array:
        """What the model in force says of some rows."""
        features = self.project.features().rows(rows)
        return prediction(self.project.model(), features, self.project.target, seed=self.project.seed)


# --- the checks


def _rows_of(eyes: Eyes) -> tuple[Any, Any]:
    if first_unfinite(eyes.project) is not None:
        raise NotReady("some features are not finite")
    before, recent = (eyes.drawn(rows) for rows in eyes.joined())
    embed = eyes.project.features().embed
    return embed[before], embed[recent]


def _features(eyes: Eyes) -> Change:
    before, recent = _rows_of(eyes)
    if hasattr(before, "tocsr"):
        raise NotReady("the features are sparse; they are tested together")
    return change_of_columns(before, recent)


def _together(eyes: Eyes) -> Change:
    return classifier_test(*_rows_of(eyes), seed=eyes.project.seed)


def _predictions(eyes: Eyes) -> Change:
    """New items against the old reserve: of the other old items the strategy has taken the hard ones."""
    before, recent = eyes.joined()
    u_eval = np.asarray(eyes.project.pool().u_eval)
    before = before[u_eval[before] < eyes.state.reserve]
    if eyes.state.validation or before.size < FEWEST:
        raise NotReady("there is no reserve to compare with")
    trained = eyes.project.store.rows(list(eyes.state.live))
    recent = recent[~np.isin(recent, trained) | (u_eval[recent] < eyes.state.reserve)]
    if recent.size < FEWEST:
        raise NotReady("the items that joined are labelled already")
    old, new = (eyes.proba(eyes.drawn(rows)) for rows in (before, recent))
    return change_of_columns(old, new, names=eyes.project.target.columns)


def _labels(eyes: Eyes) -> Change:
    items, target = eyes.random
    recent = eyes.since(items)
    if eyes.project.target.signal == "proba":
        return change_of_shares(target[~recent], target[recent], classes=eyes.project.target.columns)
    values = np.asarray(target, dtype=float).reshape(len(target), -1)
    names = ("number",) if values.shape[1] == 1 else eyes.project.target.columns
    return change_of_columns(values[~recent], values[recent], names=names)


def _balance(eyes: Eyes) -> Change:
    """Labels of random items against predictions on the rest of the reserve: other items, so both are samples."""
    if eyes.project.target.signal != "proba":
        raise NotReady("this kind of label has no classes to count")
    if eyes.measured is None or eyes.state.validation:
        raise NotReady("there is no reserve to compare with")
    items, target = eyes.random
    rest = eyes.measured.rows[~eyes.measured.known]
    if min(len(items), rest.size) < FEWEST:
        raise NotReady(f"{len(items)} random labels, {FEWEST} are needed")
    said = eyes.proba(eyes.drawn(rest)).argmax(axis=1)
    return change_of_shares(said, target, classes=eyes.project.target.columns)


def _calibration(eyes: Eyes) -> Change:
    if eyes.measured is None or eyes.state.validation:
        raise NotReady("no items measure over time")
    known = np.flatnonzero(eyes.measured.known)
    recent = eyes.since([eyes.measured.items[k] for k in known.tolist()])
    kind = eyes.project.target
    matrix = prediction(eyes.project.model(), eyes.measured.features.rows(known), kind, seed=eyes.project.seed)
    gap = kind.certainty(matrix) - kind.right(eyes.measured.values[known], matrix)
    return change_of_mean(gap[~recent], gap[recent], seed=eyes.project.seed)


def _disagreement(eyes: Eyes) -> Change:
    """How far the first two answers to a random item are apart."""
    state, task = eyes.state, eyes.project.task
    twice = [item for item in eyes.labelled if len(state.live.get(item, ())) > 1]
    if not twice:
        raise NotReady("no random item has two answers")
    recent = eyes.since(twice)
    answers: dict[ItemId, list[Any]] = {}
    for answer in eyes.project.store.answers(items=twice):
        if answer.outcome == "answered":
            answers.setdefault(answer.item, []).append(renamed(answer, state, task).value)
    apart = np.array([task.disagreement(*answers[i][:2]) if len(answers.get(i, ())) > 1 else np.nan for i in twice])
    there = ~np.isnan(apart)
    if min((recent & there).sum(), (~recent & there).sum()) < FEWEST:
        raise NotReady("too few random items have two answers")
    return change_of_mean(apart[there & ~recent], apart[there & recent], seed=eyes.project.seed)


# --- what they say


@dataclass(frozen=True, slots=True)
class Check:
    """A check: what it is called, what its alarm says, how it is made, what is too small to matter, and its words."""

    name: str
    title: str
    test: Callable[[Eyes], Change]
    least: float
    sentence: Callable[[Change], str]
    advice: str


def _percent(share: float | None) -> str:
    return f"{100 * (share or 0):.0f} %"


def _of_labels(found: Change) -> str:
    if found.before is None:
        return f"{found.about} lies apart by {_percent(found.size)} between recent random items and earlier ones."
    return (
        f"{found.about} is {_percent(found.recent)} of {found.n_recent} recent random labels, and was "
        f"{_percent(found.before)} of {found.n_before} earlier ones."
    )


RETRAIN: Final = "Label some of the new items and train again; the figures speak of the old ones as well."

CHECKS: Final = {
    "features": Check(
        "Each feature by itself",
        "Items have changed",
        _features,
        0.1,
        lambda c: f"column {c.about} lies apart by {_percent(c.size)} between {c.n_recent:,} new items and the old.",
        RETRAIN,
    ),
    "classifier": Check(
        "All features together",
        "Items have changed",
        _together,
        0.05,
        lambda c: f"a classifier tells new items from old ones {_percent(c.recent)} of the time; guessing gives 50 %.",
        RETRAIN,
    ),
    "predictions": Check(
        "Predictions on new items",
        "Predictions have changed",
        _predictions,
        0.1,
        lambda c: f"how likely {c.about} is lies apart by {_percent(c.size)} between new items and old ones.",
        RETRAIN,
    ),
    "labels": Check(
        "Labels of random items",
        "Labels have changed",
        _labels,
        0.05,
        _of_labels,
        "The items or the people have changed: look at the guidelines, and at who answers.",
    ),
    "balance": Check(
        "Classes: labels and predictions",
        "The model misses the class balance",
        _balance,
        0.05,
        lambda c: (
            f"{c.about} is {_percent(c.recent)} of the random labels, and {_percent(c.before)} of the predictions."
        ),
        "Do not count classes by predictions; ask for more labels of that class.",
    ),
    "calibration": Check(
        "Calibration over time",
        "The model no longer knows how sure it may be",
        _calibration,
        0.05,
        lambda c: (
            f"its certainty is off by {_percent(c.recent)} on recent random items, by {_percent(c.before)} on earlier "
            "ones."
        ),
        "Train again, which calibrates it anew; until then trust its probabilities less.",
    ),
    "disagreement": Check(
        "Disagreement between people",
        "People disagree otherwise than before",
        _disagreement,
        0.05,
        lambda c: (
            f"they differ on {_percent(c.recent)} of recent random items, on {_percent(c.before)} of earlier ones."
        ),
        "Look at the disagreements together, and at the guidelines.",
    ),
}
