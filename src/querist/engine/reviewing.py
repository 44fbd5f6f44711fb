"""Disagreements, the most contested first, and a reviewer's decision about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.engine import opinions
from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.round import State
from querist.errors import BadValue, Conflict
from querist.events import AnswerAdjudicated, Recorded
from querist.types import Answer, Content, ItemId, Json, canonical_json

REASONS: Final = {
    "slip": "A slip",
    "guideline": "The guidelines do not say",
    "ambiguous": "The item can be read either way",
    "skill": "It takes special knowledge",
    "other": "Something else",
}
"""Why opinions differed; what is not a slip is worth a line in the guidelines."""

LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def contested(project: Project, state: State) -> list[tuple[ItemId, float]]:
    """Return the items about which people disagree and nobody has decided, with how far they do, most first.

    Disagreement is the mean distance of two answers under the kind of label, from 0 to 1; ties go by item.
    """
    several = [item for item, live in state.live.items() if len(live) > 1 and item not in state.withdrawn]
    open_ = [item for item in several if item not in state.decided and item not in state.gold]
    apart = {item: disagreement(project, found) for item, found in opinions.answers_of(project, state, open_).items()}
    return sorted(((item, far) for item, far in apart.items() if far > 0), key=lambda entry: (-entry[1], entry[0]))


def disagreement(project: Project, answers: Sequence[Answer]) -> float:
    """Return the mean distance of two answers to an item; 0 while there are not two."""
    task = project.task
    pairs = [(a.value, b.value) for place, a in enumerate(answers) for b in answers[:place]]
    return float(np.mean([task.disagreement(a, b) for a, b in pairs])) if pairs else 0.0


def review(project: Project, *, viewer: str, cursor: str = "", limit: int = 20) -> Json:
    """Return contested items with the opinions side by side, under letters; names come with the decision.

    The letters are by lot for each item, so that nobody learns who is A. The model's guess is not shown.

    Args:
        project: the project.
        viewer: whose own answers are marked.
        cursor: from the page before.
        limit: items a page.
    """
    state = project.state()
    found = contested(project, state)
    start = _start(cursor)
    page = found[start : start + limit]
    names = [item for item, _ in page]
    answers = opinions.answers_of(project, state, names)
    contents = project.store.contents(names)
    entries = [
        {
            "item": item,
            "content": (content or Content("text", {"text": "(erased)"})).to_json(),
            "disagreement": apart,
            "opinions": side_by_side(project, item, answers[item], viewer),
            "tally": _tally(answers[item]),
        }
        for (item, apart), content in zip(page, contents, strict=True)
    ]
    following = str(start + limit) if len(found) > start + limit else None
    return {"items": entries, "next": following, "total": len(found), "decided": len(state.decided), "reasons": REASONS}


def side_by_side(project: Project, item: ItemId, answers: Sequence[Answer], viewer: str) -> list[Json]:
    """Return the opinions about an item under letters, which are by lot."""
    lot = keyed_numbers(project.seed, f"letters {item}", [answer.person for answer in answers])
    order = np.argsort(lot, kind="stable").tolist()
    events = {answer.seq: _event(project, answer.seq) for answer in answers}
    shown = []
    for letter, place in zip(LETTERS, order, strict=False):
        answer = answers[place]
        event: Any = events[answer.seq].event
        shown.append(
            {
                "letter": letter,
                "seq": answer.seq,
                "value": answer.value,
                "unsure": event.confidence == "unsure",
                "mine": answer.person == viewer,
            }
        )
    return shown


def decide(
    project: Project, person: str, key: str, item: ItemId, value: Any, *, reason: str, note: str = ""
) -> tuple[Recorded, bool]:
    """Settle an item: the decision outweighs all answers to it, which stay. A later decision outweighs this one.

    Args:
        project: the project.
        person: the reviewer.
        key: the client's; the same key twice is one decision.
        item: the item.
        value: the label.
        reason: why opinions differed, one of `REASONS`.
        note: in the reviewer's own words.

    Raises:
        NotFound: no such item.
        BadValue: no label of the task, or an unknown reason.
        Conflict: the item has left the pool, or nobody has answered it.
    """
    state = project.state()
    project.store.rows([item])
    if reason not in REASONS:
        raise BadValue("reason", reason, f"must be one of {', '.join(REASONS)}", choices=list(REASONS))
    if item in state.withdrawn:
        raise Conflict(f"item {item!r} has been withdrawn", field="item", value=item)
    answers = [live.seq for live in state.live.get(item, ())]
    if not answers:
        raise Conflict(f"nobody has answered item {item!r} yet", field="item", value=item)
    said = reason if not note else f"{reason}: {note}"
    event = AnswerAdjudicated(item=item, value=project.task.check(value), reason=said, answers=answers)
    known = project.store.find(key)
    if known is not None and isinstance(known.event, AnswerAdjudicated) and known.actor == person:
        same = (known.event.item, known.event.value, known.event.reason) == (event.item, event.value, event.reason)
        if same:
            return known, False
    return project.record(key, event, actor=person)


def _event(project: Project, seq: int) -> Recorded:
    return next(iter(project.store.events(seq - 1, through=seq)))


def _start(cursor: str) -> int:
    if cursor and not cursor.isdecimal():
        raise BadValue("cursor", cursor, "not one that this server gave")
    return int(cursor or 0)


def _tally(answers: Sequence[Answer]) -> str:
    counts: dict[str, int] = {}
    for answer in answers:
        name = answer.value if isinstance(answer.value, str) else canonical_json(answer.value)
        counts[name] = counts.get(name, 0) + 1
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items(), key=lambda entry: -entry[1]))
