"""The ledger's own rules, the same for every store: how an event becomes a line, and when two lines say the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Final

from querist.errors import BadValue, Conflict, Overtaken
from querist.events import AnswerSubmitted, Event, Recorded, from_json
from querist.types import Json, Sha256, canonical_json

SAID: Final = ("item", "outcome", "value", "confidence", "reason", "replaces")
"""What a person says in an answer; the rest (lane, model, …) is added by the service and may differ when it is sent
again, because the lease that knew it is gone."""


@dataclass(frozen=True, slots=True)
class Line:
    """An event as it will stand in the ledger: `body` is its canonical JSON."""

    recorded: Recorded
    body: str


def write_line(event: Event, *, seq: int, key: str, at: int, actor: str, prev: Sha256) -> Line:
    """Return the line of an event; the event in it is read back from its JSON, as every later reader will see it.

    Raises:
        BadValue: the body has no JSON form (a NaN, an array).
    """
    body = _canonical(event)
    event = from_json(event.kind, json.loads(body), version=event.version)
    # The same bytes as `events.chain_hash` takes, without writing the body again.
    front = canonical_json([seq, event.kind, event.version, key, at, actor])
    digest = hashlib.sha256(f"{prev}{front[:-1]},{body}]".encode()).hexdigest()
    return Line(Recorded(seq, key, at, actor, event, prev, digest), body)


def check_same(known: Recorded, event: Event, actor: str) -> None:
    """Raise Conflict unless an event that comes again under a known key means the same.

    A step of the engine may be repeated by another worker, and the first result stands. What a person said must agree.
    """
    if known.event.kind != event.kind:
        raise Conflict(
            f"key {known.key!r} already belongs to a {known.event.kind} (event {known.seq})",
            field="key",
            value=known.key,
        )
    if known.actor == "engine" and actor == "engine":
        return
    if known.actor != actor or _meaning(known.event) != _meaning(event):
        raise Conflict(
            f"key {known.key!r} was used for something else in event {known.seq}", field="key", value=known.key
        )


def overtaken(event: Event, actor: str, seq: int) -> Overtaken:
    """Return the error for an event whose writer did not know of what had been recorded, at `seq`."""
    if not isinstance(event, AnswerSubmitted):
        return Overtaken(f"the ledger has grown to event {seq} meanwhile", field="read", value=seq)
    return Overtaken(
        f"{actor} has answered item {event.item!r} meanwhile, in event {seq}", field="item", value=event.item
    )


def _meaning(event: Event) -> Json:
    body: Json = json.loads(_canonical(event))
    return {name: body[name] for name in SAID} if isinstance(event, AnswerSubmitted) else body


def _canonical(event: Event) -> str:
    try:
        return canonical_json(event.to_json())
    except (TypeError, ValueError) as error:
        raise BadValue("body", event.kind, f"has no JSON form: {error}") from error
