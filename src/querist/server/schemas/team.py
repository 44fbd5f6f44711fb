"""How people agree, what they decide, and what they know."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from querist.server.schemas.labelling import Content
from querist.server.schemas.wire import Ask, Estimate, Micros, Reply, Token

Note = Annotated[str, Field(max_length=2_000)]
Reason = Literal["slip", "guideline", "ambiguous", "skill", "other"]


class Tiring(Reply):
    """How a person's work changes within a session: the last third against the first."""

    sessions: int
    """Sessions with enough answers."""
    slower: Estimate | None
    """Ratio of seconds per answer, last third to first."""
    less_agreement: Estimate | None
    """Difference in agreement with others, last third minus first."""
    sentence: str
    """The finding in words."""


class Burst(Reply):
    """A run of answers that were given faster than they could be read; a flag, nothing is dropped."""

    first: int
    """Seq of the first answer."""
    last: int
    """Seq of the last one."""
    answers: int
    """How many."""
    seconds: float
    """Active time of all."""
    at: Micros
    """When it began."""


class PersonRow(Reply):
    """One person's work in a project."""

    id: str
    """Pseudonym."""
    name: str
    """Name, or the pseudonym."""
    mine: bool
    """The person who asks."""
    answers: int
    """Answers in force."""
    skipped: int
    """Of which skipped or unanswerable."""
    hours: float
    """Active time."""
    seconds: float | None
    """Median active time of an answer."""
    agreement: Estimate | None
    """How often others gave the same answer."""
    skill: Estimate | None
    """How often right, where what is right is known: gold items, decisions, the majority of two or more others."""
    gold: Estimate | None
    """How often right on gold items."""
    tiring: Tiring
    """Within sessions."""
    bursts: list[Burst]
    """Flags."""


class Pair(Reply):
    """Two people who answered the same items."""

    a: str
    """Name of one."""
    b: str
    """Name of the other."""
    items: int
    """Shared items."""
    kappa: Estimate | None
    """Cohen's kappa; None where it has no meaning, because both used one class only."""


class TeamView(Reply):
    """`GET /projects/P/team`: can these labels be trusted? Who only labels sees their own row."""

    sentence: str
    """The finding in words."""
    shared: int
    """Items with two answers or more."""
    alpha: Estimate | None
    """Krippendorff's alpha; None while nothing is shared, or everybody used one value."""
    level: str
    """What the values are to alpha: nominal, ordinal, interval, or the distance of the kind of label."""
    fleiss: Estimate | None
    """Fleiss' kappa, where all shared items have equally many answers."""
    same: Estimate | None
    """How often two answers to an item are equal."""
    people: list[PersonRow]
    """Those with most answers first."""
    pairs: list[Pair]
    """Those who agree least first."""
    contested: int
    """Items that wait for a decision."""
    gold: int
    """Gold items."""


class Opinion(Reply):
    """One answer to a contested item, under a letter."""

    letter: str
    """By lot for each item."""
    seq: int
    """The answer."""
    value: Any
    """What it says."""
    unsure: bool
    """The person was not sure."""
    mine: bool
    """The viewer's own."""


class Contested(Reply):
    """An item about which people disagree."""

    item: str
    """Id."""
    content: Content
    """What people see."""
    disagreement: float
    """Mean distance of two answers, 0 to 1."""
    opinions: list[Opinion]
    """Side by side."""
    tally: str
    """Counts in words."""


class Review(Reply):
    """`GET /projects/P/review`: contested items, most first."""

    items: list[Contested]
    """A page of them."""
    next: str | None
    """Cursor of the next page."""
    total: int
    """How many in all."""
    decided: int
    """How many are settled."""
    reasons: dict[str, str]
    """Why opinions differ: word to send, words to show."""


class Decision(Ask):
    """`POST /projects/P/items/I/decision`."""

    key: UUID
    """Client's UUID: the same decision twice is one."""
    value: Any
    """The label."""
    reason: Reason
    """Why opinions differed."""
    note: Note = ""
    """In one's own words."""


class GoldChange(Ask):
    """`POST /projects/P/gold`: names items whose answer is known, or takes them off the list."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    values: Annotated[dict[Token, Any], Field(max_length=10_000, default_factory=dict)]
    """Known answers by item."""
    reasons: Annotated[dict[Token, Note], Field(max_length=10_000, default_factory=dict)]
    """Why an answer is the answer, by item; people in training read it."""
    removed: Annotated[list[Token], Field(max_length=10_000, default_factory=list)]
    """Items that are no longer gold."""


class Gold(Reply):
    """`GET /projects/P/gold`: items whose answer is known; for reviewers."""

    values: dict[str, Any]
    """Known answers by item."""
    reasons: dict[str, str]
    """Why, by item, where somebody said so."""
    left_out: list[str]
    """Items that were not taken, because they measure the model."""
