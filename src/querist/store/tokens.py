"""Tokens with which programs act as people: scoped, bound to a project if need be, shown once and kept as SHA-256."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from sqlalchemy import delete, insert, select

from querist.errors import BadValue, Conflict, NotFound, NotSignedIn
from querist.store.people import People, Person, allowed_in, digest, read_person
from querist.store.schema import PERSON, TOKEN

Scope: TypeAlias = Literal["read", "label", "review", "manage"]
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
LONGEST_DAYS: Final = 3650

_DAY: Final = 86_400 * 1_000_000
_API: Final = TOKEN.c.purpose == "api"


@dataclass(frozen=True, slots=True)
class Access:
    """What an API token opens: a person's rights, cut down to a scope and a project; None is no cut."""

    person: Person
    scope: Scope | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """One API token of a person, without its secret."""

    name: str
    scope: Scope | None
    project: str | None
    created: int
    expires_at: int | None


class Tokens:
    """The API tokens of the people of a database.

    >>> people = People.open("sqlite://")
    >>> ann = people.create_person("ann", role="annotator")
    >>> tokens = Tokens(people)
    >>> secret = tokens.create(ann, "nightly", scope="read", days=90)
    >>> tokens.access(secret).scope, [token.name for token in tokens.of(ann)]
    ('read', ['nightly'])
    """

    def __init__(self, people: People) -> None:
        self.people = people
        self.database = people.database

    def create(
        self, person: Person, name: str, *, scope: Scope, project: str | None = None, days: int | None = None
    ) -> str:
        """Return a token with which a program acts as a person within a scope; shown once.

        Args:
            person: whose rights it has at most.
            name: by which it is revoked; one that has run out makes room.
            scope: `read` changes nothing; `label`, `review` and `manage` are as the roles.
            project: the only one that it opens; None: all that the person may enter.
            days: how long it works; None: until it is revoked.

        Raises:
            BadValue: an unknown scope, no name, or a number of days that cannot be.
            Conflict: the person has a token of that name, or may not sign in any more.
        """
        if scope not in SCOPES:
            raise BadValue("scope", scope, f"must be one of {', '.join(SCOPES)}", choices=SCOPES)
        if not name.strip():
            raise BadValue("name", name, "a token needs a name, by which it is revoked")
        if days is not None and not 1 <= days <= LONGEST_DAYS:
            raise BadValue("days", days, f"must be between 1 and {LONGEST_DAYS}")
        token, now = secrets.token_urlsafe(32), self.people.now()
        row = {
            "hash": digest(token),
            "purpose": "api",
            "name": name,
            "created": now,
            "expires_at": None if days is None else now + days * _DAY,
            "scope": scope,
            "project": project,
        }
        with self.database.writing() as connection:
            # The row of the person is locked: two that make a token of one name take turns.
            owner = allowed_in(connection, person.id)
            connection.execute(delete(TOKEN).where(TOKEN.c.expires_at <= now))
            if connection.execute(select(TOKEN.c.name).where(*_named(owner.id, name))).first():
                raise Conflict(f"there is a token {name!r} already", field="name", value=name)
            connection.execute(insert(TOKEN).values(person=owner.id, **row))
        return token

    def of(self, person: Person) -> list[TokenInfo]:
        """Return a person's API tokens, by name."""
        query = select(TOKEN).where(TOKEN.c.person == person.id, _API).order_by(TOKEN.c.name)
        with self.database.reading() as connection:
            return [
                TokenInfo(row.name, row.scope, row.project, row.created, row.expires_at)
                for row in connection.execute(query)
            ]

    def access(self, token: str) -> Access:
        """Return what a token opens; NotSignedIn when it is not valid."""
        query = select(PERSON, TOKEN.c.expires_at, TOKEN.c.scope, TOKEN.c.project)
        query = query.join(TOKEN, TOKEN.c.person == PERSON.c.id).where(TOKEN.c.hash == digest(token), _API)
        with self.database.reading() as connection:
            row = connection.execute(query).one_or_none()
        expired = row is not None and row.expires_at is not None and row.expires_at <= self.people.now()
        if row is None or expired or not row.active:
            raise NotSignedIn("the API token is not valid", field="token")
        return Access(read_person(row), row.scope, row.project)

    def revoke(self, person: Person, name: str) -> None:
        """End a person's token; NotFound when there is none of that name."""
        with self.database.writing() as connection:
            if connection.execute(delete(TOKEN).where(*_named(person.id, name))).rowcount == 0:
                raise NotFound(f"there is no API token {name!r}", field="name", value=name)


def _named(person: str, name: str) -> tuple[Any, ...]:
    return TOKEN.c.person == person, _API, TOKEN.c.name == name
