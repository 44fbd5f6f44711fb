"""Items that are asked once more: those whose label is doubtful, and gold items, whose answer is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.crowd import active_lab, label_errors
from querist.engine.lanes import keyed_numbers
from querist.engine.opinions import answers_of, model_opinion, numbered, wanted
from querist.engine.project import Project
from querist.engine.round import MEASURING, State
from querist.errors import BadValue, NotFound
from querist.events import AnswerSubmitted, GoldChanged
from querist.types import Array, ItemId, Json, Pick, Resolved

MOST: Final = 5
"""Opinions that an item gets at most by the relabel lane, where the project does not say."""

SAMPLE: Final = 2_000
"""New items, drawn with the project's seed, that stand for all in the comparison with second opinions."""


@dataclass(frozen=True, slots=True)
class Again:
    """Items to ask once more, the most doubtful first, and why these."""

    picks: list[Pick]
    evidence: Json


NONE: Final = Again([], {})


# --- doubtful labels


def second_opinions(project: Project, state: State, n: int, *, pending: Sequence[ItemId], new: Array) -> Again:
    """Return up to n items whose label most deserves another look.

    With several people, ActiveLab scores a further opinion and a first opinion on a new item in one list; as many
    items come back as outrank the new ones, so that the lane takes its share only where that pays. With one person,
    models that did not see the label rank the likely errors (confident learning), and the person is asked again without
    being told that it is a second time.

    Args:
        project: the project.
        state: the fold at the moment of choosing.
        n: slots of the lane.
        pending: items that are out with people.
        new: rows that have no answer and may be asked.
    """
    if n == 0 or project.task.name != "single_label":
        return NONE
    by_item = _doubtful(project, state)
    items = sorted(by_item)
    if not items:
        return NONE
    merged = {item: project.task.merge(by_item[item], opinions=wanted(state, item, by_item[item])) for item in items}
    proba = model_opinion(project, items, merged)
    if proba is None:
        return Again([], {"relabel": "too few labels for models that have not seen them"})
    people = {answer.person for answers in by_item.values() for answer in answers}
    if len(people) == 1:
        return _errors(project, state, items, merged, proba, n, pending)
    item, annotator, label, _ = numbered(project, items, by_item)
    rows = _sample(project, new)
    unseen = project.model().signals(["proba"], project.features().rows(rows), rng=np.random.default_rng(project.seed))
    scores, others = active_lab(
        item=item, annotator=annotator, label=label, proba=proba, unlabelled_proba=unseen["proba"]
    )
    limit = int(state.setting("labels", "most_opinions")) or MOST
    full = np.array([len(state.live[name]) >= limit or name in set(pending) for name in items])
    order = np.argsort(np.where(full, np.inf, -scores), kind="stable")[:n]
    best_new = np.sort(others)[::-1]
    picks: list[Pick] = []
    for row in order.tolist():
        rival = best_new[len(picks)] if len(picks) < best_new.size else -np.inf
        if full[row] or scores[row] <= rival:
            break
        picks.append(Pick(items[row], "relabel", 0, float(scores[row])))
    evidence = {"method": "ActiveLab", "wanted": n, "worth_more_than_new": len(picks), "compared": int(others.size)}
    return Again(picks, {"relabel": evidence})


def _doubtful(project: Project, state: State) -> dict[ItemId, Any]:
    """The answers to items that train, that nobody has decided, and whose opinions are all in."""
    trained = [
        item
        for item, live in state.live.items()
        if item not in state.gold
        and item not in state.decided
        and item not in state.withdrawn
        and live[0].lane not in MEASURING
        and any(answer.outcome == "answered" for answer in live)
    ]
    classes = project.task.classes
    found = answers_of(project, state, trained)
    known = {item: [answer for answer in answers if answer.value in classes] for item, answers in found.items()}
    return {
        item: answers for item, answers in known.items() if answers and len(answers) >= wanted(state, item, answers)
    }


def _errors(
    project: Project,
    state: State,
    items: Sequence[ItemId],
    merged: Mapping[ItemId, object],
    proba: Array,
    n: int,
    pending: Sequence[ItemId],
) -> Again:
    given = [(row, found.value) for row, item in enumerate(items) if isinstance(found := merged[item], Resolved)]
    rows = np.array([row for row, _ in given], dtype=np.intp)
    found = label_errors(label=project.task.encode([value for _, value in given]), proba=proba[rows])
    out = set(pending)
    picks = []
    for place in np.argsort(-found.score, kind="stable").tolist():
        item = items[int(rows[place])]
        seen = any(answer.lane == "recheck" for answer in state.live[item])
        if found.suspected[place] and not seen and item not in out:
            picks.append(Pick(item, "recheck", 0, float(found.score[place])))
    evidence = {"method": "confident learning", "wanted": n, "suspected": int(found.suspected.sum())}
    return Again(picks[:n], {"relabel": evidence})


def _sample(project: Project, rows: Array) -> Array:
    if rows.size <= SAMPLE:
        return rows
    rng = np.random.default_rng(np.random.SeedSequence(project.seed, spawn_key=(2**31 + 1,)))
    return np.sort(rng.choice(rows, SAMPLE, replace=False))


# --- gold


def gold_items(project: Project, state: State, n: int, *, pending: Sequence[ItemId]) -> list[Pick]:
    """Return up to n gold items, those with the fewest answers first; equal ones by lot, which is fixed by the seed."""
    out = set(pending)
    names = sorted(item for item in state.gold - state.withdrawn if item not in out)
    if not names or n == 0:
        return []
    lot = keyed_numbers(project.seed, "gold", names)
    order = sorted(range(len(names)), key=lambda place: (len(state.live.get(names[place], ())), lot[place]))
    return [Pick(names[place], "gold", 0) for place in order[:n]]


@dataclass(frozen=True, slots=True)
class Known:
    """The known answer of a gold item, under the class names now in force, and why it is the answer (or empty)."""

    value: Any
    reason: str = ""


def known_answers(project: Project) -> dict[ItemId, Known]:
    """Return the known answers of the gold items in force."""
    task, renamed, get = project.task, project.state().renamed, project.store.artefacts.get_json
    found: dict[ItemId, Known] = {}
    for recorded in project.store.events(kinds=["gold_changed"]):
        event = recorded.event
        assert isinstance(event, GoldChanged)
        for item in event.removed:
            found.pop(item, None)
        reasons = {} if event.reasons is None else get(event.reasons)
        for item, value in get(event.values).items():
            found[item] = Known(task.renamed(value, renamed) if renamed else value, reasons.get(item, ""))
    return found


def lesson(project: Project, answer: AnswerSubmitted) -> Json | None:
    """Return what a person may learn from their answer: in training, the known answer to a gold item, and why."""
    if not project.spec.labels.training or answer.lane != "gold" or answer.item not in project.state().gold:
        return None
    known = known_answers(project)[answer.item]
    right = answer.outcome == "answered" and project.task.disagreement(answer.value, known.value) == 0
    return {"value": known.value, "reason": known.reason, "right": right}


def change_gold(
    project: Project,
    person: str,
    key: str,
    values: Mapping[ItemId, Any],
    removed: Sequence[ItemId] = (),
    reasons: Mapping[ItemId, str] | None = None,
) -> list[ItemId]:
    """Name items whose answer is known, and take others off the list; return those left out, since they measure.

    Gold items measure people; their answers train nothing. Items of the reserve measure the model and cannot be both.

    Args:
        project: the project.
        person: who says so.
        key: the client's; the same key twice is one change.
        values: known answers by item.
        removed: items that are no longer gold.
        reasons: why an answer is the answer, for people in training.

    Raises:
        NotFound: no such item.
        BadValue: a value that is no label of the task, or an item that has trained already.
    """
    state = project.state()
    names = list(values)
    checked = {item: project.task.check(value) for item, value in values.items()}
    rows = project.store.rows([*names, *removed])
    reserve = (
        set()
        if state.validation
        else {name for name, row in zip(names, rows, strict=False) if _measures(project, state, int(row))}
    )
    for item in names:
        live = state.live.get(item, ())
        if item not in reserve and item not in state.gold and any(answer.lane != "gold" for answer in live):
            raise BadValue("gold", item, "has answers that train; choose items that nobody has answered")
    unknown = next((item for item in removed if item not in state.gold), None)
    if unknown is not None:
        raise NotFound(f"item {unknown!r} is not gold", field="removed", value=unknown)
    added = [item for item in names if item not in reserve]
    if added or removed:
        put = project.store.artefacts.put_json
        kept = put({item: checked[item] for item in added})
        said = {item: reason for item, reason in (reasons or {}).items() if item in added and reason}
        event = GoldChanged(added=added, removed=list(removed), values=kept, reasons=put(said) if said else None)
        project.record(key, event, actor=person)
    return sorted(reserve)


def _measures(project: Project, state: State, row: int) -> bool:
    return bool(project.pool().u_eval[row] < state.reserve)
