"""Signing in, one's own sessions and tokens, people and invitations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from querist.server.schemas.wire import Ask, Micros, Name, Reply, Role, Token
from querist.store.tokens import Scope

Password = Annotated[str, Field(min_length=10, max_length=200)]
Email = Annotated[str, Field(max_length=200, pattern=r"^[^@\s]+@[^@\s]+$")]


class SignIn(Ask):
    """`POST /session`: name and password, or a one-time token from a sign-in link; answers with `Me`."""

    name: Token = ""
    """Account name; the first one is `admin`."""
    password: Token = ""
    """Its password."""
    token: Token = ""
    """One-time token; then name and password stay empty."""


class PasswordChange(Ask):
    """`PUT /me/password`: answers with `Me`; other sessions end. 204 is never used, bodies are always JSON."""

    old: Token
    """Present password; empty is accepted in a session that began with a one-time link."""
    new: Annotated[str, Field(min_length=10, max_length=200)]
    """New password, at least 10 characters."""


class Me(Reply):
    """`GET /me`: who is signed in."""

    id: str
    """Pseudonym, `p_…`, as it stands in the ledger."""
    name: str
    """Name for people to read."""
    role: Role
    """What the person may do in this installation."""
    csrf: str
    """Goes back in the header `X-CSRF-Token` of every POST, PUT, PATCH and DELETE."""
    must_change_password: bool = False
    """The first password is still in force."""
    version: str = ""
    """Version of Querist."""


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
