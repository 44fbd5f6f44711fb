"""Items, their answers, why they were chosen, and what happened to them."""

from __future__ import annotations

from typing import Any

from querist.server.schemas.labelling import Content
from querist.server.schemas.wire import ItemState, Micros, Reply
from querist.types import Lane, Outcome, Source


class AnswerView(Reply):
    """One answer as reviewers see it."""

    seq: int
    """Its place in the ledger."""
    at: Micros
    """When it was recorded."""
    person: str
    """Name, or A, B, C while opinions are blind."""
    mine: bool
    """Whether it is the reader's own."""
    outcome: Outcome
    """What it amounts to."""
    value: Any
    """The label, or null."""
    unsure: bool
    """The person said "not sure"."""
    reason: str | None
    """Of a skip."""
    source: Source
    """Where it came from."""
    active_ms: int | None
    """Active time."""
    guideline: int | None
    """Version that was in view."""
    bulk: bool = False
    """Given to several items at a stroke."""
    live: bool
    """Neither withdrawn nor replaced."""


class ItemRow(Reply):
    """One item of a list."""

    item: str
    """Item id."""
    content: Content
    """Texts are cut to 300 characters."""
    state: ItemState
    """Where it stands."""
    value: Any = None
    """Its label, if it has one."""
    answers: int
    """Live answers."""
    unsure: bool = False
    """Somebody was not sure."""
    person: str | None = None
    """Who answered last."""
    at: Micros | None = None
    """When."""


class ItemPage(Reply):
    """`GET /projects/P/items?q=&state=&class=&person=me&cursor=&limit=`: newest answers first."""

    items: list[ItemRow]
    """At most `limit` (default 50, at most 200)."""
    next: str | None
    """Cursor of the next page."""
    total: int | None
    """Matches in all, where that is cheap to know."""


class Item(Reply):
    """`GET /projects/P/items/I`."""

    item: str
    """Item id."""
    content: Content
    """Whole."""
    state: ItemState
    """Where it stands."""
    value: Any = None
    """Its label, if it has one."""
    group: str | None = None
    """Document, patient, video … that it belongs to."""
    copies: int = 1
    """Exact duplicates that were merged into it."""
    answers: list[AnswerView]
    """All of them, the newest first; withdrawn ones too."""


class WhyRecord(Reply):
    """`GET /projects/P/items/I/why`: the whole record of why the item was chosen. Hidden for evaluation items."""

    item: str
    """Item id."""
    sentence: str
    """As on the labelling screen."""
    hidden: bool
    """True: an evaluation item, everything below is null."""
    lane: Lane | None = None
    """Which share of the labels it belongs to."""
    strategy: str | None = None
    """Name of the strategy that chose it; null for items drawn by lot."""
    score: float | None = None
    """Higher means: ask sooner."""
    rank: int | None = None
    """Place in its batch, from 1."""
    of: int | None = None
    """Items that could have been chosen."""
    probability: float | None = None
    """Chance of selection; null where the strategy draws no lots, and for items drawn by lot (the same for each)."""
    round: int | None = None
    """Round of the batch."""
    model: str | None = None
    """Model that scored it."""
    dataset: str | None = None
    """Data set that the model was trained on."""
    at: Micros | None = None
    """When the batch was chosen."""
    evidence: str = ""
    """Why this strategy, where a policy chose it."""


class HistoryEntry(Reply):
    """One thing that happened to an item."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    kind: str
    """Kind of event."""
    who: str
    """Person's name, or "Querist"."""
    sentence: str
    """"Anna answered Refund, not sure"."""


class History(Reply):
    """`GET /projects/P/items/I/history`: oldest first."""

    item: str
    """Item id."""
    entries: list[HistoryEntry]
    """Everything that the ledger says of it."""
