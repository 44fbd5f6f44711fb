"""Questions that people ask about an item while they label, and their answers, which may become guideline examples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import NAMESPACE_OID, uuid5

from querist.engine.project import Project
from querist.engine.steering import change_guidelines, guidelines
from querist.engine.views.people import who
from querist.errors import BadValue, Conflict, NotFound
from querist.events import QuestionAnswered, QuestionAsked, Recorded
from querist.types import ItemId, Json

LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Example:
    """What an item shows of a class: that it belongs there, or that it only looks so and is another one."""

    name: str
    good: bool = True
    instead: str | None = None


def ask(project: Project, person: str, key: str, item: ItemId, text: str) -> Recorded:
    """Record a question on an item; the same key twice is one question.

    Raises:
        NotFound: no such item.
        BadValue: an empty question.
    """
    project.store.rows([item])
    event = QuestionAsked(item=item, text=_said(text), guideline=guidelines(project)["version"])
    return project.record(key, event, actor=person)[0]


def answer(
    project: Project, person: str, key: str, question: int, text: str, *, example: Example | None = None
) -> Recorded:
    """Record the answer to a question; with `example`, the item becomes one in the next version of the guidelines.

    Raises:
        NotFound: no such question.
        Conflict: it has been answered.
        BadValue: an empty answer; no such class.
    """
    known = project.store.find(key)
    if known is not None:
        return known
    asked = next((r for r in project.store.events(kinds=[QuestionAsked.kind]) if r.seq == question), None)
    if asked is None:
        raise NotFound(f"there is no question {question}", field="question", value=question)
    if question in _answers(project):
        raise Conflict(f"question {question} has been answered", field="question", value=question)
    assert isinstance(asked.event, QuestionAsked)
    said, version = _said(text), None
    if example is not None:
        version = _add_example(project, person, key, asked.event.item, example)
    return project.record(key, QuestionAnswered(question=question, text=said, guideline=version), actor=person)[0]


def _add_example(project: Project, person: str, key: str, item: ItemId, example: Example) -> int:
    classes = project.state().classes
    for name in (example.name, example.instead):
        if name is not None and name not in classes:
            raise BadValue("example", name, f"no such class; have: {', '.join(classes)}", choices=classes)
    if not example.good and example.instead in (None, example.name):
        raise BadValue("instead", example.instead, "name the class that it really is", choices=classes)
    now = guidelines(project)
    guide = {"definition": "", "examples": [], **now["classes"].get(example.name, {})}
    # An example that is there already is not repeated: this answer may have been cut off before it was recorded.
    others = [there for there in guide["examples"] if there.get("item") != item]
    shown = {"text": "", "item": item, "good": example.good, "instead": None if example.good else example.instead}
    changed = {**now["classes"], example.name: {**guide, "examples": [*others, shown]}}
    change_guidelines(project, person, str(uuid5(NAMESPACE_OID, f"{key}/example")), now["text"], changed)
    version: int = guidelines(project)["version"]
    return version


def questions(project: Project, *, viewer: str, everybody: bool, item: ItemId | None = None) -> list[Json]:
    """Return questions with their answers, the newest first.

    Args:
        project: the project.
        viewer: who looks.
        everybody: whether all questions are theirs to see; else their own, and on one item what has been answered. An
            open question of another person might say what that person thinks.
        item: only those on this item.
    """
    answers = _answers(project)
    found = []
    for recorded in project.store.events(kinds=[QuestionAsked.kind]):
        assert isinstance(recorded.event, QuestionAsked)
        reply = answers.get(recorded.seq)
        mine = recorded.actor == viewer
        if item is not None and recorded.event.item != item:
            continue
        if everybody or mine or (item is not None and reply is not None):
            found.append(_shown(project, recorded, reply, mine=mine, named=everybody))
    return found[::-1]


def _answers(project: Project) -> dict[int, Recorded]:
    found: dict[int, Recorded] = {}
    for recorded in project.store.events(kinds=[QuestionAnswered.kind]):
        assert isinstance(recorded.event, QuestionAnswered)
        found.setdefault(recorded.event.question, recorded)
    return found


def _shown(project: Project, asked: Recorded, reply: Recorded | None, *, mine: bool, named: bool) -> Json:
    assert isinstance(asked.event, QuestionAsked)
    content = project.store.contents([asked.event.item])[0]
    answered = None
    if reply is not None:
        assert isinstance(reply.event, QuestionAnswered)
        answered = {
            "person": who(project, reply.actor),
            "at": reply.at,
            "text": reply.event.text,
            "guideline": reply.event.guideline,
        }
    return {
        "seq": asked.seq,
        "item": asked.event.item,
        "content": {"kind": "text", "value": {}} if content is None else content.to_json(),
        "person": who(project, asked.actor) if named or mine else "",
        "mine": mine,
        "at": asked.at,
        "text": asked.event.text,
        "guideline": asked.event.guideline,
        "answer": answered,
    }


def _said(text: str) -> str:
    if not text.strip():
        raise BadValue("text", text, "write something")
    if len(text) > LONGEST:
        raise BadValue("text", f"{text[:40]} …", f"must have at most {LONGEST:,} characters")
    return text.strip()
