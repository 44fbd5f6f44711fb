"""Finding an item, seeing it whole, why it was asked, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from querist.engine import reasons
from querist.engine.opinions import renamed
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.views.people import who
from querist.errors import BadValue
from querist.events import (
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    BatchSelected,
    DuelDrawn,
    ItemWithdrawn,
    Recorded,
)
from querist.types import Answer, Content, ItemId, Json, TaskType, canonical_json

ERASED = Content("text", {"text": "(erased)"})
BLOCK = 200
"""Items that are read at a time."""
SEARCHED = 20_000
"""Items that a search for text looks through at most in one request."""


def why(project: Project, item: ItemId) -> Json:
    """Return the whole record of why an item was asked; hidden for evaluation items."""
    return reasons.record(project, item)


def items(
    project: Project,
    *,
    query: str = "",
    state: str | None = None,
    label: str | None = None,
    person: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Json:
    """Return items that match, those with the newest answers first, then the rest in row order.

    Args:
        project: the project.
        query: text or id to find; case is ignored.
        state: unlabelled, labelled, skipped, withdrawn …
        label: class of the answer in force.
        person: who answered it.
        cursor: from the page before.
        limit: items a page.

    Raises:
        BadValue: a cursor that this function did not give.
    """
    fold = project.state()
    part, _, place = (cursor or "answered:").partition(":")
    if part not in ("answered", "rest") or (place and not place.lstrip("-").isdigit()):
        raise BadValue("cursor", cursor, "not one that this server gave")
    found: list[Json] = []
    following: str | None = None
    if part == "answered":
        found, following = _answered(project, fold, query, state, label, person, place, limit)
    if following is None and len(found) < limit and label is None and person is None:
        more, following = _rest(
            project, fold, query, state, int(place or -1) if part == "rest" else -1, limit - len(found)
        )
        found += more
    return {"items": found, "next": following, "total": None}


def _answered(
    project: Project,
    fold: State,
    query: str,
    state: str | None,
    label: str | None,
    person: str | None,
    place: str,
    limit: int,
) -> tuple[list[Json], str | None]:
    newest: dict[ItemId, int] = {}
    by_item: dict[ItemId, list[Answer]] = {}
    task = project.task
    for answer in project.store.answers():
        newest[answer.item] = answer.seq
        by_item.setdefault(answer.item, []).append(renamed(answer, fold, task))
    before = int(place) if place else None
    wanted = [
        item
        for item, seq in sorted(newest.items(), key=lambda entry: -entry[1])
        if (before is None or seq < before)
        and (person is None or any(answer.person == person for answer in by_item[item]))
        and (label is None or any(_names(task, answer, label) for answer in by_item[item]))
    ]
    found: list[Json] = []
    for start in range(0, len(wanted), BLOCK):
        for row in _rows(project, fold, wanted[start : start + BLOCK], by_item):
            if len(found) == limit:
                return found, f"answered:{newest[found[-1]['item']]}"
            if (state is None or row["state"] == state) and _matches(row, query):
                found.append(_with_last(project, row, by_item[row["item"]][-1]))
    return found, None


def _names(task: TaskType, answer: Answer, label: str) -> bool:
    """Whether an answer counts for a class."""
    return answer.outcome == "answered" and label in task.tally(answer.value)


def _rest(
    project: Project, fold: State, query: str, state: str | None, after: int, limit: int
) -> tuple[list[Json], str | None]:
    found: list[Json] = []
    looked = 0
    while looked < SEARCHED:
        page = project.store.find_items(after=after, limit=BLOCK)
        if not page:
            return found, None
        place = {item: row for row, item in page}
        looked += len(page)
        for entry in _rows(project, fold, [item for item in place if item not in fold.live], {}):
            if (state is None or entry["state"] == state) and _matches(entry, query):
                found.append(entry)
                if len(found) == limit:
                    return found, f"rest:{place[entry['item']]}"
        after = page[-1][0]
    return found, f"rest:{after}"


def _matches(row: Json, query: str) -> bool:
    wanted = query.strip().casefold()
    if not wanted:
        return True
    content = Content(row["content"]["kind"], row["content"]["value"])
    return wanted in row["item"].casefold() or wanted in text_of(content).casefold()


def _rows(
    project: Project, fold: State, names: Sequence[ItemId], answers: Mapping[ItemId, Sequence[Answer]]
) -> list[Json]:
    """Return items as rows of a list: three queries, however many they are."""
    contents = project.store.contents(names)
    states = _states(project, fold, names)
    return [
        {
            "item": name,
            "content": (content or ERASED).to_json(),
            "state": state,
            "value": answers[name][-1].value if name in answers else None,
            "answers": len(answers.get(name, ())),
            "unsure": False,
            "person": None,
            "at": None,
        }
        for name, content, state in zip(names, contents, states, strict=True)
    ]


def _with_last(project: Project, row: Json, last: Answer) -> Json:
    recorded = next(iter(project.store.events(last.seq - 1, through=last.seq)))
    event = recorded.event
    unsure = isinstance(event, AnswerSubmitted) and event.confidence == "unsure"
    return {**row, "unsure": unsure, "person": who(project, last.person), "at": recorded.at}


def _states(project: Project, fold: State, names: Sequence[ItemId]) -> list[str]:
    leased = {lease.item for lease in project.store.leases()}

    def shown(name: ItemId, standing: str) -> str:
        if standing == "unanswerable":
            return "skipped"
        if standing != "unlabelled":
            return standing
        return "leased" if name in leased else "queued" if name in fold.batch.items else "unlabelled"

    standings = project.store.states(names)
    return [shown(name, standing) for name, standing in zip(names, standings, strict=True)]


def item(project: Project, name: ItemId, *, viewer: str) -> Json:
    """Return an item whole, with all answers to it, the newest first.

    Raises:
        NotFound: no such item.
    """
    project.store.rows([name])
    fold = project.state()
    content = project.store.contents([name])[0] or ERASED
    live = [renamed(answer, fold, project.task) for answer in project.store.answers(items=[name])]
    in_force = {answer.seq for answer in live}
    answers = [
        _answer(project, fold, recorded, viewer, recorded.seq in in_force)
        for recorded in project.store.history(name)
        if isinstance(recorded.event, AnswerSubmitted)
    ]
    row = int(project.store.rows([name])[0])
    group = project.pool().group
    return {
        "item": name,
        "content": content.to_json(),
        "state": _states(project, fold, [name])[0],
        "value": live[-1].value if live else None,
        "group": group[row] if group is not None else None,
        "copies": 1,
        "answers": answers[::-1],
    }


def _answer(project: Project, fold: State, recorded: Recorded, viewer: str, live: bool) -> Json:
    event = recorded.event
    assert isinstance(event, AnswerSubmitted)
    value = event.value if event.value is None else project.task.renamed(event.value, fold.renamed)
    return {
        "seq": recorded.seq,
        "at": recorded.at,
        "person": who(project, recorded.actor),
        "mine": recorded.actor == viewer,
        "outcome": event.outcome,
        "value": value,
        "unsure": event.confidence == "unsure",
        "reason": event.reason,
        "source": event.source,
        "active_ms": event.active_ms,
        "guideline": event.guideline,
        "bulk": event.bulk,
        "live": live,
    }


def history(project: Project, name: ItemId) -> Json:
    """Return everything that the ledger says of an item, oldest first.

    Raises:
        NotFound: no such item.
    """
    project.store.rows([name])
    entries = [_entry(project, recorded) for recorded in project.store.history(name)]
    for pick in project.store.picked(name):
        recorded = next(iter(project.store.events(pick.seq - 1, through=pick.seq)))
        assert isinstance(recorded.event, BatchSelected | DuelDrawn)
        sentence = reasons.sentence(recorded.event, pick, pick.lane)
        entries.append(_line(recorded, "Querist", f"Put into the queue, round {pick.round}: {sentence}"))
    return {"item": name, "entries": sorted(entries, key=lambda entry: entry["seq"])}


def _entry(project: Project, recorded: Recorded) -> Json:
    person = who(project, recorded.actor)
    match recorded.event:
        case AnswerSubmitted() as event:
            return _line(recorded, person, answer_sentence(event, project.task))
        case AnswerWithdrawn(reason=reason):
            return _line(recorded, person, f"took the answer back ({reason})")
        case AnswerAdjudicated(value=value, reason=reason):
            return _line(recorded, person, f"decided {project.task.describe(value)}: {reason}")
        case ItemWithdrawn(reason=reason, erased=erased):
            return _line(recorded, person, f"{'erased' if erased else 'withdrew'} the item: {reason}")
        case event:
            return _line(recorded, person, event.kind.replace("_", " "))


def answer_sentence(event: AnswerSubmitted, task: TaskType) -> str:
    """Return what a person did, without the person.

    >>> from querist.tasks import task_type
    >>> event = AnswerSubmitted("i", "single_label", "answered", "Refund", confidence="unsure")
    >>> answer_sentence(event, task_type("single_label", classes=["Refund"]))
    'answered Refund, not sure'
    """
    what: Any = {"skipped": "skipped it", "unanswerable": "could not answer it"}
    if event.outcome == "answered":
        what["answered"] = f"answered {task.describe(event.value)}"
    text = str(what[event.outcome])
    if event.confidence == "unsure":
        text += ", not sure"
    if event.bulk:
        text += ", in a group"
    if event.reason:
        text += f" ({event.reason})"
    if event.replaces is not None:
        text += ", in place of an earlier answer"
    return text


def _line(recorded: Recorded, person: str, sentence: str) -> Json:
    return {"seq": recorded.seq, "at": recorded.at, "kind": recorded.event.kind, "who": person, "sentence": sentence}


def text_of(content: Content | None) -> str:
    """Return a content as one line of text, for logs and searches."""
    if content is None:
        return ""
    if content.kind == "text":
        return str(content.value["text"])
    return canonical_json(content.to_json()["value"])
