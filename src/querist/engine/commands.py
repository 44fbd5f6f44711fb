"""What people do: take items, answer, undo, correct, stop and go on. The verbs behind the HTTP routes and the CLI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from querist.engine import asking_again, assignment, opinions, prefill, reasons
from querist.engine.due import Wait
from querist.engine.project import Project
from querist.engine.round import State, missing_labels, next_step
from querist.engine.run import step_name
from querist.errors import BadValue, Conflict, Denied, NotFound, Overtaken
from querist.events import (
    AnswerSubmitted,
    AnswerWithdrawn,
    Recorded,
)
from querist.store.protocol import Lease
from querist.types import Content, Json, Lane, Outcome, Source

LEASE_SECONDS: Final = 600


class Form(Protocol):
    """An answer as a client sends it; the fields of `AnswerForm` on the wire."""

    @property
    def key(self) -> UUID: ...
    @property
    def item(self) -> str: ...
    @property
    def outcome(self) -> Outcome: ...
    @property
    def value(self) -> Any: ...
    @property
    def confidence(self) -> str | None: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def active_ms(self) -> int | None: ...
    @property
    def lease(self) -> str | None: ...
    @property
    def guideline(self) -> int | None: ...
    @property
    def replaces(self) -> int | None: ...
    @property
    def shown(self) -> Json | None: ...
    @property
    def bulk(self) -> bool: ...


def next_items(project: Project, person: str, n: int, held: Sequence[str]) -> Json:
    """Give a person up to n items in all, those still held included; return the new ones, or why there are none."""
    with project.at_once() as state:
        arrange = assignment.arrange(project, state, person)
        left = assignment.left_today(project, person)
    n = n if left is None else min(n, left)
    give = n > 0 and not state.resting
    leases = project.store.lease(person, n, held=held, seconds=LEASE_SECONDS, arrange=arrange) if give else []
    new = [lease for lease in leases if lease.id not in set(held)]
    with project.at_once() as state:
        return {
            "tasks": tasks(project, new),
            "waiting": None if leases else waiting(project, state, done=not n, chosen=arrange is not None),
            "answered_today": project.timesheet.answers_today(person),
            "labelled": state.training,
            "to_first_model": _to_first_model(project, state),
        }


def _to_first_model(project: Project, state: State) -> int | None:
    """How many labels the first training waits for: 0 while it runs, None when there is a model or never will be."""
    if state.model is not None or not project.learns:
        return None
    return missing_labels(state) if state.dataset is None else 0


def tasks(project: Project, leases: Sequence[Lease]) -> list[Json]:
    """Return leases with what a person sees of their items; items whose content was erased are left out."""
    items = [lease.item for lease in leases]
    contents = project.store.contents(items)
    guessed = prefill.for_tasks(project, items, [lease.lane for lease in leases])
    show_reasons = project.spec.labels.show_reasons
    return [
        {
            "lease": lease.id,
            "expires_at": lease.expires_at,
            "item": lease.item,
            "content": content.to_json(),
            "why": reasons.short(project, lease.item, lease.lane) if show_reasons else None,
            "prefill": guess,
        }
        for lease, content, guess in zip(leases, contents, guessed, strict=True)
        if content is not None
    ]


def waiting(project: Project, state: State, *, done: bool = False, chosen: bool = False) -> Json:
    """Return why there is nothing to label just now, in words.

    Args:
        project: the project.
        state: the fold.
        done: whether the person has given what they give in a day.
        chosen: whether rules say which items the person gets.
    """
    step = next_step(state)
    if state.stopped is not None:
        return _waiting("stopped", "Labelling has stopped", "A manager can go on from the overview.")
    if done:
        return _waiting("others", "That is all for today", "You have given as many answers as one day asks of you.")
    if not isinstance(step, Wait):
        training = step_name(step).startswith(("train", "evaluate", "freeze"))
        if training:
            seconds = project.trained()[-1].seconds if state.model is not None else None
            return _waiting("training", f"Training number {state.round + 1}", "The next items depend on it.", seconds)
        return _waiting("selecting", "Choosing the next items", "This takes a moment.")
    if project.store.queue() and chosen:
        return _waiting("others", "Nothing for you just now", "What is left is out, or goes to other people by rule.")
    if project.store.queue():
        return _waiting("others", "The rest is out with other people", "Items come back when they are not answered.")
    return _waiting("finished", "Every item has been asked", "Add items, or export the labels.")


def _waiting(reason: str, sentence: str, detail: str, seconds: float | None = None) -> Json:
    return {"reason": reason, "sentence": sentence, "detail": detail, "seconds": seconds, "progress": None}


def submit(
    project: Project, person: str, form: Form, *, source: Source = "ui", may_correct_others: bool = False
) -> tuple[Json, bool]:
    """Keep an answer; return its receipt, and whether it is new. The same key twice is one answer.

    Raises:
        Conflict: the key is known with other content, or `replaces` is no live answer to the item.
        NotFound: no such item.
        BadValue: the value is no label of the task.
        Denied: `replaces` is another person's answer.
    """
    key = str(form.key)
    with project.at_once() as state:
        known = project.store.find(key)
        if known is not None:
            return _receipt(project, _same(project, known, person, form), person), False
        event, late = _answer(project, person, form, source, may_correct_others)
    try:
        recorded, is_new = project.record(key, event, actor=person, read=state.seq)
    except Overtaken:
        # Another answer by the same person came in between: this one corrects it, instead of standing beside it.
        return submit(project, person, form, source=source, may_correct_others=may_correct_others)
    except Conflict:
        # The same answer came twice at once, and this one saw the other as an earlier answer to correct.
        known = project.store.find(key)
        if known is None:
            raise
        return _receipt(project, _same(project, known, person, form), person), False
    if is_new and opinions.most_opinions(state) > 1:
        opinions.ask_further(project, [event.item])
    return _receipt(project, recorded, person, late=late), is_new


def _same(project: Project, known: Recorded, person: str, form: Form) -> Recorded:
    event = known.event
    value = form.value if form.outcome != "answered" else project.task.check(form.value)
    if (
        not isinstance(event, AnswerSubmitted)
        or known.actor != person
        or (event.item, event.outcome, event.value) != (form.item, form.outcome, value)
    ):
        raise Conflict(f"key {form.key} was used for another answer", field="key", value=form.key)
    return known


def _receipt(project: Project, recorded: Recorded, person: str, *, late: bool = False) -> Json:
    event = recorded.event
    assert isinstance(event, AnswerSubmitted)
    return {
        "key": recorded.key,
        "seq": recorded.seq,
        "item": event.item,
        "late": late,
        "answered_today": project.timesheet.answers_today(person),
        "lesson": asking_again.lesson(project, event),
    }


def _answer(
    project: Project, person: str, form: Form, source: Source, may_correct_others: bool
) -> tuple[AnswerSubmitted, bool]:
    state = project.state()
    project.store.rows([form.item])
    if form.item in state.withdrawn:
        raise Conflict(f"item {form.item!r} has been withdrawn", field="item", value=form.item)
    value = project.task.check(form.value, sized(project, form.item)) if form.outcome == "answered" else None
    if form.outcome != "answered" and form.value is not None:
        raise BadValue("value", form.value, f"must be empty when the outcome is {form.outcome!r}")
    is_late = form.lease is not None and project.store.find_lease(form.lease) is None
    picked = project.store.picked(form.item)
    lane = lane_of(project, state, form.item)
    event = AnswerSubmitted(
        item=form.item,
        task=project.spec.project.task,
        outcome=form.outcome,
        value=value,
        confidence=form.confidence,
        reason=form.reason,
        lane=lane,
        round=picked[-1].round if picked else None,
        model=state.model,
        shown=prefill.seen_with(project, form.item, lane, form.shown) if form.outcome == "answered" else None,
        guideline=form.guideline,
        active_ms=form.active_ms,
        replaces=_replaced(state, person, form, may_correct_others),
        source=source,
        bulk=form.bulk,
    )
    return event, is_late


def sized(project: Project, item: str) -> Content | None:
    """Return an item's content, of an image file with its width and height; None where it was erased."""
    content = project.store.contents([item])[0]
    if content is None or content.kind != "image" or "path" not in content.value or project.media() is None:
        return content
    from querist.pools import images

    size = images.size(project.media_root(), str(content.value["path"]))
    return content if size is None else Content("image", {**content.value, "width": size[0], "height": size[1]})


def lane_of(project: Project, state: State, item: str) -> Lane:
    """Return the lane of an answer to an item: the reserve measures, whoever asked; else the lane that asked for it."""
    if item in state.gold:
        return "gold"
    picked = project.store.picked(item)
    if picked and picked[-1].lane in ("relabel", "recheck"):
        return picked[-1].lane
    earlier = state.live.get(item, ())
    if earlier and earlier[0].lane not in (None, "relabel", "recheck"):
        return earlier[0].lane
    # Not by the whole pool: the first answer would have to wait until a million rows are read.
    if not state.validation and project.store.u_eval(item) < state.reserve:
        # Among the items of a duel are more hard ones than in a uniform sample.
        return "duel" if item in state.duel else "evaluation"
    return picked[-1].lane if picked else "query"


def _replaced(state: State, person: str, form: Form, may_correct_others: bool) -> int | None:
    live = state.live.get(form.item, ())
    if form.replaces is None:
        # A second answer by the same person corrects the first.
        return next((answer.seq for answer in live if answer.person == person), None)
    corrected = next((answer for answer in live if answer.seq == form.replaces), None)
    if corrected is None:
        raise Conflict(
            f"answer {form.replaces} is not in force for item {form.item!r}",
            field="replaces",
            value=form.replaces,
            choices=[str(answer.seq) for answer in live],
        )
    if corrected.person != person and not may_correct_others:
        raise Denied(f"answer {form.replaces} is another person's", field="replaces", value=form.replaces)
    return form.replaces


def undo(project: Project, person: str, seq: int, key: str) -> Json:
    """Take back one's own answer; the item is the person's again, if nobody else has it.

    Raises:
        NotFound: there is no such answer in force.
        Denied: it is another person's.
    """
    known = project.store.find(key)
    if known is None:
        state = project.state()
        item = state.item_of.get(seq)
        if item is None:
            raise NotFound(f"answer {seq} is not in force", field="seq", value=seq)
        if next(answer.person for answer in state.live[item] if answer.seq == seq) != person:
            raise Denied(f"answer {seq} is another person's", field="seq", value=seq)
        known, _ = project.record(key, AnswerWithdrawn(answer=seq, reason="undo"), actor=person)
    elif not isinstance(known.event, AnswerWithdrawn) or known.event.answer != seq:
        raise Conflict(f"key {key} was used for something else", field="key", value=key)
    again = _lease_again(project, person, seq)
    return {"seq": known.seq, "answer": seq, "task": again}


def _lease_again(project: Project, person: str, seq: int) -> Json | None:
    answered = next(iter(project.store.events(seq - 1, through=seq)))
    assert isinstance(answered.event, AnswerSubmitted)
    event = answered.event
    lane, number = event.lane or "query", event.round or 0
    lease = project.store.lease_item(person, event.item, lane=lane, round_=number, seconds=LEASE_SECONDS)
    return None if lease is None else next(iter(tasks(project, [lease])), None)
