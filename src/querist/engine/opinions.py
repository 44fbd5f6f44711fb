"""What several people's answers amount to, and whether one more person should be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from querist.crowd import crowdlab, dawid_skene
from querist.crowd.consensus import Consensus
from querist.engine.project import Project
from querist.engine.round import MEASURING, State, opinions
from querist.errors import ModelFailure
from querist.events import OpinionsWanted
from querist.types import Answer, Array, Disputed, ItemId, Resolved, TaskType, Unsure

Merged: TypeAlias = Resolved | Unsure | Disputed

SHARED_ITEMS: Final = 20
"""Items with two answers or more, before anybody's skill is estimated: with fewer, votes are counted."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What the answers to items amount to.

    `certainty` is how sure the consensus is of each resolved item, where the method says so. `fallback` is why votes
    were counted although the project asks for another method.
    """

    merged: Mapping[ItemId, Merged]
    certainty: Mapping[ItemId, float]
    fallback: str | None = None


def most_opinions(state: State) -> int:
    """Return how many people an item may be asked of, when they differ."""
    most: int = (state.spec or {}).get("labels", {}).get("most_opinions", 0)
    return max(most, opinions(state))


def wanted(state: State, item: ItemId, answers: Sequence[Answer]) -> int:
    """Return how many opinions settle an item: as many as its batch asked for, and those that were added since.

    A label that came with the data settles it alone.
    """
    return 1 if any(answer.person == "import" for answer in answers) else state.wanted.get(item, 1)


def merge(project: Project, state: State, by_item: Mapping[ItemId, Sequence[Answer]]) -> Opinions:
    """Return what answers amount to, by the method that the project asks for.

    The vote of the kind of label (`TaskType.merge`) decides whether there are enough opinions, and settles everything
    but disagreements between classes: there Dawid–Skene and CROWDLAB weigh each answer by who gave it. The model has
    no vote on items that measure it.

    Args:
        project: whose answers.
        state: the fold that says how many opinions each item wants.
        by_item: answers in force by item, under the class names now in force, outcome `answered`.
    """
    task, method = project.task, project.spec.labels.consensus
    merged: dict[ItemId, Merged] = {}
    for item, answers in by_item.items():
        merged[item] = task.merge(answers, opinions=wanted(state, item, answers))
    if method == "majority":
        return Opinions(merged, {})
    if task.name != "single_label":
        return Opinions(merged, {}, f"{method} weighs answers that name one class; {task.name} answers are merged")
    shared = sum(len({answer.person for answer in answers}) > 1 for answers in by_item.values())
    if shared < SHARED_ITEMS:
        return Opinions(merged, {}, f"{shared} of {SHARED_ITEMS} items have two answers, which shows nobody's skill")
    certainty: dict[ItemId, float] = {}
    for items, consensus in _consensus(project, method, by_item, merged):
        for number, item in enumerate(items):
            answers = by_item[item]
            if len({answer.person for answer in answers}) >= wanted(state, item, answers):
                label = int(consensus.label[number])
                certainty[item] = float(consensus.proba[number, label])
                merged[item] = Resolved(task.classes[label], tuple(sorted(answer.seq for answer in answers)))
    return Opinions(merged, certainty)


def _consensus(
    project: Project, method: str, by_item: Mapping[ItemId, Sequence[Answer]], merged: Mapping[ItemId, Merged]
) -> Iterator[tuple[list[ItemId], Consensus]]:
    """Yield items and their consensus; where the model has a vote, once with and once without it."""
    classes, items = len(project.task.classes), sorted(by_item)
    item, annotator, label, _ = numbered(project, items, by_item)
    if method == "dawid_skene":
        yield items, dawid_skene(item=item, annotator=annotator, label=label, classes=classes, items=len(items))
        return
    yield items, crowdlab(item=item, annotator=annotator, label=label, classes=classes, items=len(items))
    trains = [name for name in items if not any(answer.lane in MEASURING for answer in by_item[name])]
    proba = model_opinion(project, trains, merged)
    if proba is not None:
        item, annotator, label, _ = numbered(project, trains, by_item)
        yield trains, crowdlab(item=item, annotator=annotator, label=label, proba=proba)


def numbered(
    project: Project, items: Sequence[ItemId], by_item: Mapping[ItemId, Iterable[Answer]]
) -> tuple[Array, Array, Array, list[str]]:
    """Return each person's latest answer to each item as (a,) numbers of item, person and class; and the people."""
    people: dict[str, int] = {}
    rows = []
    for number, item in enumerate(items):
        last = {answer.person: answer for answer in sorted(by_item[item], key=lambda answer: answer.seq)}
        for person, answer in last.items():
            rows.append((number, people.setdefault(person, len(people)), answer.value))
    item_, annotator = (np.array([row[part] for row in rows], dtype=np.int64) for part in (0, 1))
    return item_, annotator, project.task.encode([row[2] for row in rows]), list(people)


def model_opinion(project: Project, items: Sequence[ItemId], merged: Mapping[ItemId, Merged]) -> Array | None:
    """Return (items, c) probabilities by models that did not learn from the item; None while none can be fitted.

    Five models are fitted, each on four fifths of the items that are resolved. Who is in no fifth, because the answers
    do not agree, gets the mean of the five.

    Args:
        project: whose features and learner.
        items: items of the pool that may train.
        merged: what their answers amount to by vote.
    """
    from querist.engine.training import LEAST_PER_CLASS, folds

    agreed = [number for number, item in enumerate(items) if isinstance(merged[item], Resolved)]
    values = [found.value for number in agreed if isinstance(found := merged[items[number]], Resolved)]
    target = project.task.encode(values)
    _, counts = np.unique(target, return_counts=True)
    if counts.size < 2 or counts.min() < LEAST_PER_CLASS:
        return None
    features = project.features().rows(np.asarray(project.store.rows(list(items)), dtype=np.intp))
    known = np.asarray(agreed, dtype=np.intp)
    proba, seed = [], project.seed % 2**31
    own = np.zeros((len(items), len(project.task.classes)))
    for train, held_out in folds(target, seed=seed):
        try:
            model = project.learner.fit(features.rows(known[train]), target[train], classes=own.shape[1], seed=seed)
        except ModelFailure:
            return None
        proba.append(model.signals(["proba"], features, rng=np.random.default_rng(seed))["proba"])
        own[known[held_out]] = proba[-1][known[held_out]]
    others = np.setdiff1d(np.arange(len(items)), known)
    own[others] = np.mean(proba, axis=0)[others]
    return own


# --- one more


def ask_further(project: Project, items: Iterable[ItemId]) -> int:
    """Ask one more person about items whose opinions are all in and do not settle them; return how many.

    Done after each answer, and by the worker before each data set: after a crash between an answer and its follow-up
    the worker makes good for it. The same state asks for nothing twice.
    """
    state = project.state()
    most, task = most_opinions(state), project.task
    given = [item for item in items if len(state.live.get(item, ())) < most and item not in state.decided]
    by_item = answers_of(project, state, given)
    asked = 0
    for item in given:
        answers, live = by_item.get(item, []), state.live.get(item, ())
        wants = wanted(state, item, answers)
        if item in state.gold or item in state.withdrawn or len(live) < wants or not answers:
            continue
        found = task.merge(answers, opinions=wants)
        if not isinstance(found, Resolved):
            asked += want_one_more(project, state, item, wants + 1, found.reason)
    return asked


def want_one_more(project: Project, state: State, item: ItemId, number: int, reason: str) -> bool:
    """Ask for opinion number `number` of an item."""
    live = state.live[item]
    lane = live[0].lane or "query"
    event = OpinionsWanted(item=item, wanted=number, reason=reason, lane=lane, round=state.round)
    return project.record(f"opinions/{item}/{number}", event)[1]


def ask_where_unsure(project: Project, state: State, found: Opinions) -> None:
    """Ask one more person about items of which the consensus is less sure than the project wants."""
    sure, most = project.spec.labels.sure, most_opinions(state)
    for item, certainty in found.certainty.items():
        number = len(state.live.get(item, ()))
        if certainty < sure and 0 < number < most and item not in state.decided and item not in state.gold:
            want_one_more(project, state, item, number + 1, f"the consensus is {certainty:.0%} sure")


def answers_of(project: Project, state: State, items: Sequence[ItemId]) -> dict[ItemId, list[Answer]]:
    """Return the answers in force to items, under the class names now in force; skips are left out."""
    found: dict[ItemId, list[Answer]] = {}
    for answer in project.store.answers(items=items):
        if answer.outcome == "answered":
            found.setdefault(answer.item, []).append(renamed(answer, state, project.task))
    return found


def renamed(answer: Answer, state: State, task: TaskType) -> Answer:
    """Return the answer under the class names now in force."""
    if not state.renamed:
        return answer
    value = task.renamed(answer.value, state.renamed)
    return Answer(answer.seq, answer.item, answer.person, answer.outcome, value, answer.lane)
