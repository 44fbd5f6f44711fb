"""Who may do what: people, their sessions and tokens. Names live here only; the ledger knows pseudonyms (`p_…`).

Passwords are kept as Argon2id hashes, sessions and tokens as SHA-256 of 256 random bits: a stolen database opens
nothing.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update

from querist.errors import BadValue, Conflict, NotFound, NotSignedIn, TooMany
from querist.store.database import Database
from querist.store.dialect import insert_if_new
from querist.store.memory import wall_clock
from querist.store.prepared import Prepared
from querist.store.schema import ATTEMPT, PERSON, SESSION, TOKEN

if TYPE_CHECKING:
    from argon2 import PasswordHasher

Role: TypeAlias = Literal["owner", "manager", "reviewer", "annotator", "member"]
ROLES: Final[tuple[Role, ...]] = ("owner", "manager", "reviewer", "annotator", "member")

SHORTEST_PASSWORD: Final = 10
SESSION_SECONDS: Final = 14 * 86_400
LINK_SECONDS: Final = 3_600
ATTEMPTS: Final = {"both": 10, "source": 50, "name": 100}
"""Wrong passwords within `ATTEMPT_SECONDS` for one name from one address, from one address, and for one name."""
ATTEMPT_SECONDS: Final = 900

_SECOND: Final = 1_000_000

_SESSION: Final = Prepared(
    select(PERSON, SESSION.c.csrf, SESSION.c.by_link, SESSION.c.expires_at)
    .join(SESSION, SESSION.c.person == PERSON.c.id)
    .where(SESSION.c.hash == bindparam("digest"))
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    id: str
    name: str
    role: Role
    email: str | None = None
    must_change_password: bool = False
    active: bool = True


@dataclass(frozen=True, slots=True)
class Session:
    """A person who is signed in; `csrf` must come back with every change, `by_link` began without a password."""

    person: Person
    csrf: str
    by_link: bool
    expires_at: int


class People:
    """The people of a database.

    Args:
        database: of a project (`store.database`), or one of its own: `People.open`.
        clock: gives UTC microseconds; for tests.
        hasher: an `argon2.PasswordHasher` of another cost than usual (about 50 ms and 64 MiB a password).

    >>> people = People.open("sqlite://")
    >>> ann = people.create_person("ann", role="annotator")
    >>> people.find("ann").role
    'annotator'
    >>> ann.id[:2]
    'p_'
    """

    def __init__(
        self, database: Database, *, clock: Callable[[], int] = wall_clock, hasher: PasswordHasher | None = None
    ) -> None:
        self.database = database
        self._clock = clock
        self._given_hasher = hasher

    @classmethod
    def open(
        cls,
        url: str,
        *,
        root: Path | str = ".",
        clock: Callable[[], int] = wall_clock,
        hasher: PasswordHasher | None = None,
    ) -> People:
        """Open the people of a database, which is made where there is none."""
        return cls(Database(url, root=Path(root), create=True), clock=clock, hasher=hasher)

    @property
    def shared(self) -> bool:
        """Whether a database server keeps them, perhaps on another machine."""
        return self.database.shared

    def now(self) -> int:
        """Return the time in UTC microseconds."""
        return self._clock()

    # People.

    def create_person(
        self,
        name: str,
        *,
        role: Role,
        password: str | None = None,
        email: str | None = None,
        must_change_password: bool = False,
    ) -> Person:
        """Add a person; without a password they can sign in by link or token only.

        Raises:
            Conflict: the name is taken.
            BadValue: an unknown role, an empty name, or too short a password.
        """
        person, row = self.draft(name, role, password, email, must_change_password)
        with self.database.writing() as connection:
            add(connection, row)
        return person

    def draft(
        self, name: str, role: Role, password: str | None, email: str | None, must_change_password: bool = False
    ) -> tuple[Person, dict[str, Any]]:
        """Return a person who is checked and not yet kept, and the row to `add`: hashing takes its time, outside."""
        if not name.strip() or len(name) > 200:
            raise BadValue("name", name, "must have 1 to 200 characters")
        if role not in ROLES:
            raise BadValue("role", role, f"must be one of {', '.join(ROLES)}", choices=ROLES)
        person = Person(f"p_{secrets.token_hex(8)}", name, role, email, must_change_password)
        row = {
            "id": person.id,
            "name": name,
            "email": email,
            "password": None if password is None else self._hash(password),
            "role": role,
            "must_change_password": must_change_password,
            "active": True,
            "created": self._clock(),
        }
        return person, row

    def create_first_admin(self, name: str = "admin") -> tuple[Person, str] | None:
        """Add an owner with a random password, to be shown once, if there is nobody yet; else return None."""
        with self.database.reading() as connection:
            if connection.execute(select(func.count()).select_from(PERSON)).scalar_one():
                return None
        password = "-".join(secrets.token_hex(2) for _ in range(5))
        try:
            return self.create_person(name, role="owner", password=password, must_change_password=True), password
        except Conflict:
            return None  # another server was quicker

    def people(self) -> list[Person]:
        """Return everybody, by name."""
        with self.database.reading() as connection:
            return [read_person(row) for row in connection.execute(select(PERSON).order_by(PERSON.c.name))]

    def find(self, who: str) -> Person:
        """Return a person by id or name; NotFound if there is none."""
        with self.database.reading() as connection:
            return read_person(_row(connection, who))

    def change_person(
        self, who: str, *, role: Role | None = None, email: str | None = None, active: bool | None = None
    ) -> Person:
        """Change what a person may do; somebody who is no longer active is signed out at once.

        Raises:
            BadValue: an unknown role.
            Conflict: nobody would be owner any more.
        """
        if role is not None and role not in ROLES:
            raise BadValue("role", role, f"must be one of {', '.join(ROLES)}", choices=ROLES)
        given = {"role": role, "email": email, "active": active}
        changed = {name: value for name, value in given.items() if value is not None}
        with self.database.writing() as connection:
            row = _row(connection, who)
            if row.role == "owner" and row.active and (active is False or role not in (None, "owner")):
                owners = select(PERSON.c.id).where(PERSON.c.role == "owner", PERSON.c.active.is_(True))
                # Locked: two owners who demote each other at once must not both find the other.
                if len(connection.execute(owners.with_for_update()).all()) < 2:
                    raise Conflict(f"{row.name} is the only owner; make somebody else owner first", field="role")
            if changed:
                connection.execute(update(PERSON).where(PERSON.c.id == row.id).values(**changed))
            if active is False:
                for table in (SESSION, TOKEN):
                    connection.execute(delete(table).where(table.c.person == row.id))
            return read_person(_row(connection, row.id))

    # Passwords.

    @functools.cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return self._given_hasher or PasswordHasher()

    @functools.cached_property
    def _nobody(self) -> str:
        """The hash of a password that nobody has: an unknown name takes as long as a wrong password."""
        return self._hasher.hash(secrets.token_urlsafe(32))

    def _hash(self, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= 200:
            raise BadValue("password", "…", f"must have {SHORTEST_PASSWORD} to 200 characters")
        return self._hasher.hash(password)

    def _is_right(self, kept: str, password: str) -> bool:
        from argon2.exceptions import VerifyMismatchError

        try:
            return self._hasher.verify(kept, password)
        except VerifyMismatchError:
            return False

    def authenticate(self, name: str, password: str, *, source: str = "") -> Person:
        """Return the person whose name and password these are.

        Args:
            name: as it was given at `create_person`.
            password: in clear.
            source: where the attempt comes from (an address), for the count of wrong attempts.

        Raises:
            NotSignedIn: name or password is wrong; it does not say which, and takes as long for either.
            TooMany: too many wrong attempts within a quarter of an hour.
        """
        keys = {f"both {source} {name}": "both", f"source {source}": "source", f"name {name}": "name"}
        with self.database.reading() as connection:
            for key, limit in keys.items():
                _check_limit(connection, key, ATTEMPTS[limit], self._clock())
            row = connection.execute(select(PERSON).where(PERSON.c.name == name)).one_or_none()
        kept = row.password if row is not None and row.active else None
        right = self._is_right(kept or self._nobody, password)
        if kept is None or not right:
            for key in keys:
                self._count(key)
            raise NotSignedIn("name or password is wrong", field="password")
        assert row is not None
        with self.database.writing() as connection:
            connection.execute(delete(ATTEMPT).where(ATTEMPT.c.key == f"both {source} {name}"))
            if self._hasher.check_needs_rehash(kept):
                connection.execute(
                    update(PERSON).where(PERSON.c.id == row.id).values(password=self._hasher.hash(password))
                )
        return read_person(row)

    def change_password(self, person: str, new: str, *, old: str | None, keep: str | None = None) -> Person:
        """Set a new password and end the person's sessions.

        Args:
            person: id or name.
            new: at least 10 characters, and not the old one.
            old: the present password; None where it need not be known (a session by link, an administrator).
            keep: the token of the session that goes on.

        Raises:
            NotSignedIn: the old password is wrong.
            BadValue: the new one is too short or the old one again.
        """
        with self.database.reading() as connection:
            row = _row(connection, person)
        if old is not None and not (row.password is not None and self._is_right(row.password, old)):
            raise NotSignedIn("the old password is wrong", field="old")
        if row.password is not None and self._is_right(row.password, new):
            raise BadValue("new", "…", "is the old password")
        hashed = self._hash(new)
        changed = {"password": hashed, "must_change_password": False}
        with self.database.writing() as connection:
            connection.execute(update(PERSON).where(PERSON.c.id == row.id).values(**changed))
            others = delete(SESSION).where(SESSION.c.person == row.id)
            if keep is not None:
                others = others.where(SESSION.c.hash != digest(keep))
            connection.execute(others)
            return read_person(_row(connection, row.id))

    # Sessions.

    def at_once(self) -> AbstractContextManager[object]:
        """Read in one transaction whatever this thread asks about people inside."""
        return self.database.reading()

    def create_session(
        self, person: str, *, by_link: bool = False, seconds: int = SESSION_SECONDS
    ) -> tuple[str, Session]:
        """Sign a person in: return the token for their cookie, and the session."""
        token, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._clock()
        with self.database.writing() as connection:
            row = _row(connection, person)
            if not row.active:
                raise NotSignedIn(_ended(row.name), field="person", value=row.name)
            connection.execute(delete(SESSION).where(SESSION.c.expires_at <= now))
            session = {"csrf": csrf, "by_link": by_link, "created": now, "expires_at": now + seconds * _SECOND}
            connection.execute(insert(SESSION).values(hash=digest(token), person=row.id, **session))
        return token, Session(read_person(row), csrf, by_link, now + seconds * _SECOND)

    def session(self, token: str) -> Session:
        """Return the session of a cookie; NotSignedIn when it has ended."""
        with self.database.reading() as connection:
            row = _SESSION.first(connection, {"digest": digest(token)})
        if row is None or row.expires_at <= self._clock() or not row.active:
            raise NotSignedIn("you are not signed in, or were away too long")
        return Session(read_person(row), row.csrf, bool(row.by_link), row.expires_at)

    def end_session(self, token: str) -> None:
        """Sign out."""
        with self.database.writing() as connection:
            connection.execute(delete(SESSION).where(SESSION.c.hash == digest(token)))

    # Tokens.

    def create_link_token(self, person: str, *, seconds: int = LINK_SECONDS) -> str:
        """Return a token that signs a person in once; Conflict when they may not sign in any more."""
        token, now = secrets.token_urlsafe(32), self._clock()
        with self.database.writing() as connection:
            row = {
                "hash": digest(token),
                "person": allowed_in(connection, person).id,
                "purpose": "link",
                "name": "",
                "created": now,
                "expires_at": now + seconds * _SECOND,
            }
            connection.execute(delete(TOKEN).where(TOKEN.c.expires_at <= now))
            connection.execute(insert(TOKEN).values(row))
        return token

    def consume_link_token(self, token: str) -> Person:
        """Return whom a link signs in; it never works again. NotSignedIn when it was used or is too old."""
        mine = (TOKEN.c.hash == digest(token)) & (TOKEN.c.purpose == "link")
        with self.database.writing() as connection:
            row = connection.execute(select(TOKEN).where(mine)).one_or_none()
            used = connection.execute(delete(TOKEN).where(mine)).rowcount
            if row is not None and used and (row.expires_at is None or row.expires_at > self._clock()):
                person = _row(connection, row.person)
                if person.active:
                    return read_person(person)
        raise NotSignedIn("this sign-in link was used already or is too old", field="token")

    # Limits.

    def limit(self, key: str, most: int, *, seconds: int = ATTEMPT_SECONDS) -> None:
        """Count one use of a key; TooMany when there were `most` already within the time."""
        with self.database.reading() as connection:
            _check_limit(connection, key, most, self._clock(), seconds)
        self._count(key, seconds)

    def _count(self, key: str, seconds: int = ATTEMPT_SECONDS) -> None:
        now = self._clock()
        mine = ATTEMPT.c.key == key
        with self.database.writing() as connection:
            fresh = insert_if_new(connection, ATTEMPT, {"key": key, "uses": 0, "since": now})
            if fresh:
                connection.execute(delete(ATTEMPT).where(ATTEMPT.c.since <= now - 86_400 * _SECOND))
            # One statement each: two servers that count at once must not both write the same sum.
            connection.execute(
                update(ATTEMPT).where(mine, ATTEMPT.c.since > now - seconds * _SECOND).values(uses=ATTEMPT.c.uses + 1)
            )
            connection.execute(
                update(ATTEMPT).where(mine, ATTEMPT.c.since <= now - seconds * _SECOND).values(uses=1, since=now)
            )

    def close(self) -> None:
        """Let go of all connections."""
        self.database.close()


def add(connection: Connection, row: dict[str, Any]) -> None:
    """Keep a person that was drafted; Conflict when the name is taken."""
    if not insert_if_new(connection, PERSON, row):
        raise Conflict(f"there is somebody called {row['name']!r} already", field="name", value=row["name"])


def allowed_in(connection: Connection, who: str) -> Row[Any]:
    """Return the row of somebody who may sign in, locked; Conflict when their access has ended."""
    found = _row(connection, who)
    row = connection.execute(select(PERSON).where(PERSON.c.id == found.id).with_for_update()).one()
    if not row.active:
        raise Conflict(_ended(row.name), field="person", value=row.name)
    return row


def _ended(name: str) -> str:
    return f"{name} may not sign in any more"


def _row(connection: Connection, who: str) -> Row[Any]:
    row = connection.execute(select(PERSON).where(PERSON.c.id == who)).one_or_none()
    row = row or connection.execute(select(PERSON).where(PERSON.c.name == who)).one_or_none()
    if row is None:
        raise NotFound(f"there is nobody called {who!r}", field="person", value=who)
    return row


def read_person(row: Any) -> Person:
    """Return the person of a row."""
    role = cast("Role", row.role)
    return Person(row.id, row.name, role, row.email, bool(row.must_change_password), bool(row.active))


def _check_limit(connection: Connection, key: str, most: int, now: int, seconds: int = ATTEMPT_SECONDS) -> None:
    row = connection.execute(select(ATTEMPT).where(ATTEMPT.c.key == key)).one_or_none()
    if row is None or row.since <= now - seconds * _SECOND or row.uses < most:
        return
    wait = max(1, (row.since + seconds * _SECOND - now) // (60 * _SECOND))
    raise TooMany(f"too many attempts; try again in {wait} min", field="key")


def digest(token: str) -> bytes:
    """Return what is kept of a secret token."""
    # Of 256 random bits: nothing to guess, so nothing slow is needed.
    return hashlib.sha256(token.encode()).digest()
