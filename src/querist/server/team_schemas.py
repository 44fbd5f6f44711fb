"""What travels over HTTP about people: accounts, invitations, agreement, decisions, gold. Rules as in `schemas`."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from querist.server.schemas import Ask, Content, Estimate, Micros, Name, Reply, Role, Token
from querist.store.team import Scope

Password = Annotated[str, Field(min_length=10, max_length=200)]
Email = Annotated[str, Field(max_length=200, pattern=r"^[^@\s]+@[^@\s]+$")]
Note = Annotated[str, Field(max_length=2_000)]
Reason = Literal["slip", "guideline", "ambiguous", "skill", "other"]


# --- accounts


class SessionInfo(Reply):
    """One session, without its secret."""

    id: str
    """Names it for ending it."""
    by_link: bool
    """It began with a one-time link."""
    created: Micros
    """Since when."""
    expires_at: Micros
    """Until when."""
    current: bool
    """It is the one that asks."""


class Sessions(Reply):
    """`GET /me/sessions`: where one is signed in."""

    sessions: list[SessionInfo]
    """The newest first."""


class Ended(Reply):
    """What was ended."""

    ended: int
    """How many."""


class TokenCreate(Ask):
    """`POST /me/tokens`: answers with `TokenCreated`."""

    name: Name
    """By which it is revoked."""
    scope: Scope
    """`read` changes nothing; `label`, `review` and `manage` are as the roles."""
    project: Token | None = None
    """The only project it opens; None: all that the person may enter."""
    days: Annotated[int, Field(ge=1, le=3650)] | None = 90
    """How long it works; None: until it is revoked."""


class TokenShown(Reply):
    """An API token, without its secret."""

    name: str
    """By which it is revoked."""
    scope: Scope | None
    """How far it reaches; None: as far as its person."""
    project: str | None
    """The only project it opens."""
    created: Micros
    """Since when."""
    expires_at: Micros | None
    """Until when; None: until it is revoked."""


class Tokens(Reply):
    """`GET /me/tokens`."""

    tokens: list[TokenShown]
    """By name."""


class TokenCreated(Reply):
    """The one time that a token is shown."""

    token: str
    """Goes in the header `Authorization: Bearer …`."""
    tokens: list[TokenShown]
    """All of them now."""


class Account(Reply):
    """Somebody who may sign in."""

    id: str
    """Pseudonym, as it stands in the ledger."""
    name: str
    """Name for people to read."""
    role: Role
    """In the project, or everywhere."""
    everywhere: Role
    """Role in every project; `member`: only where they were invited."""
    active: bool
    """May sign in."""
    signed_in: int
    """Open sessions."""


class InvitationShown(Reply):
    """An invitation that nobody has taken up yet."""

    id: str
    """Names it for taking it back."""
    role: Role
    """What it gives."""
    project: str | None
    """Where; None: everywhere."""
    email: str | None
    """Whose address a sign-in elsewhere must confirm."""
    invited_by: str
    """Name of who invited."""
    expires_at: Micros
    """Until when."""


class Accounts(Reply):
    """`GET /people` and `GET /projects/P/members`."""

    people: list[Account]
    """By name."""
    invitations: list[InvitationShown]
    """Open ones."""
    may_give: list[Role]
    """Roles that one may give."""


class Invite(Ask):
    """`POST /people/invitations` and `POST /projects/P/members/invitations`."""

    role: Role
    """What it gives: everywhere, or in the project."""
    email: Email | None = None
    """Whose address a sign-in elsewhere must confirm; None: whoever has the link."""


class Invited(Reply):
    """The one time that an invitation's link is shown."""

    path: str
    """Address below the server's, for the person who is invited."""
    accounts: Accounts
    """All of them now."""


class Join(Ask):
    """`POST /people/join`: makes the account of an invitation and signs in; answers with `Me`."""

    token: Token
    """From the link."""
    name: Name
    """Account name."""
    password: Password
    """At least 10 characters."""


class Invitation(Ask):
    """`POST /people/invitation`: what a link invites to."""

    token: Token
    """From the link."""


class InvitationTold(Reply):
    """What a link invites to."""

    role: Role
    """What it gives."""
    project: str | None
    """Name of the project; None: everywhere."""
    invited_by: str
    """Name of who invited."""


class PersonChange(Ask):
    """`PATCH /people/PERSON`: what is left out stays."""

    role: Role | None = None
    """Role everywhere."""
    active: bool | None = None
    """False: may not sign in any more; sessions and tokens end at once."""


class MemberChange(Ask):
    """`PUT /projects/P/members/PERSON`."""

    role: Role
    """Role in the project; `member` takes it away."""


class Link(Reply):
    """A one-time sign-in link for somebody, who may then set a password."""

    path: str
    """Address below the server's; works once, within the hour."""


class OidcShown(Reply):
    """`GET /oidc`: whether people may sign in elsewhere."""

    name: str | None
    """What the button says; None: only here."""


# --- agreement, people, decisions


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
