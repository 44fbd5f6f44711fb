"""Who belongs where: memberships, invitations and sessions of people, and who they are elsewhere.

Nobody gives a role above their own, and the last owner stays. Secrets are shown once and kept as SHA-256.
"""

from __future__ import annotations

import functools
import secrets
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from querist.errors import BadValue, Conflict, Denied, NotFound, NotSignedIn
from querist.store.dialect import insert_new, upsert
from querist.store.people import ROLES, People, Person, Role, add, digest
from querist.store.prepared import Prepared
from querist.store.schema import IDENTITY, INVITATION, MEMBER, SESSION, TOKEN

INVITATION_SECONDS: Final = 7 * 86_400
SHORT: Final = 16
"""Hex digits of a hash by which people name a session or an invitation; the secret itself is never shown again."""

_SECOND: Final = 1_000_000

_ROLE: Final = Prepared(
    select(MEMBER.c.role).where(MEMBER.c.person == bindparam("person"), MEMBER.c.project == bindparam("project"))
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """Somebody may join, until `expires_at`; `project` None is the whole installation."""

    id: str
    role: Role
    project: str | None
    email: str | None
    invited_by: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One session of a person, without its secret."""

    id: str
    by_link: bool
    created: int
    expires_at: int


class Team:
    """Memberships, invitations and sessions of the people of a database.

    >>> people = People.open("sqlite://")
    >>> boss = people.create_person("boss", role="owner")
    >>> team = Team(people)
    >>> token, _ = team.invite(boss, role="reviewer", project="a project's id")
    >>> rita = team.join(token, name="rita", password="correct horse battery")
    >>> rita.role, team.role_in(rita, "a project's id"), team.role_in(rita, "another")
    ('member', 'reviewer', 'member')
    """

    def __init__(self, people: People) -> None:
        self.people = people
        self.database = people.database

    def _now(self) -> int:
        return self.people.now()

    # Memberships.

    def role_in(self, person: Person, project: str) -> Role:
        """Return the higher of a person's role everywhere and their role in a project."""
        with self.database.reading() as connection:
            here = _ROLE.first(connection, {"person": person.id, "project": project})
        return person.role if here is None else higher(person.role, here.role)

    def projects_of(self, person: Person) -> dict[str, Role]:
        """Return a person's role in each project that they were invited to."""
        query = select(MEMBER.c.project, MEMBER.c.role).where(MEMBER.c.person == person.id)
        with self.database.reading() as connection:
            return {row.project: row.role for row in connection.execute(query)}

    def members(self, project: str) -> list[tuple[Person, Role]]:
        """Return who may enter a project, by name, with the role they have there."""
        query = select(MEMBER.c.person, MEMBER.c.role).where(MEMBER.c.project == project)
        with self.database.reading() as connection:
            here = {row.person: row.role for row in connection.execute(query)}
        found = [
            (person, higher(person.role, here.get(person.id, "member")))
            for person in self.people.people()
            if person.active
        ]
        return [(person, role) for person, role in found if role != "member"]

    def set_member(self, by_role: Role, project: str, who: str, role: Role) -> Person:
        """Give somebody a role in a project, or take it from them (`member`).

        Raises:
            Denied: the role, or the one they have, is above one's own.
            NotFound: nobody is called so.
        """
        person = self.people.find(who)
        _may_give(by_role, role)
        _may_give(by_role, self.role_in(person, project))
        row = {"person": person.id, "project": project, "role": role}
        mine = delete(MEMBER).where(MEMBER.c.person == person.id, MEMBER.c.project == project)
        with self.database.writing() as connection:
            if role == "member":
                connection.execute(mine)
            else:
                connection.execute(upsert(connection.dialect.name, MEMBER), row)
        return person

    def highest(self, person: Person) -> Role:
        """Return the most that a person may do anywhere: who signs in as them may do that."""
        return functools.reduce(higher, self.projects_of(person).values(), person.role)

    def below(self, by_role: Role, who: str) -> Person:
        """Return a person over whom somebody of this role has power; Denied when they may do more anywhere."""
        person = self.people.find(who)
        highest = self.highest(person)
        if ROLES.index(highest) < ROLES.index(by_role):
            raise Denied(
                f"{person.name} is {highest}, which is above your own role, {by_role}",
                field="person",
                value=person.name,
            )
        return person

    def change(self, by_role: Role, who: str, *, role: Role | None = None, active: bool | None = None) -> Person:
        """Change somebody's role everywhere, or whether they may sign in at all; both end their sessions.

        Who may not sign in loses their tokens too.

        Raises:
            Denied: the role, or the most that they may do anywhere, is above one's own.
            Conflict: nobody would be owner any more.
        """
        person = self.below(by_role, who)
        if role is not None:
            _may_give(by_role, role)
        changed = self.people.change_person(person.id, role=role, active=active)
        if role is not None and role != person.role:
            self.end_sessions(changed)
        return changed

    # Invitations.

    def invite(
        self,
        by: Person,
        *,
        role: Role,
        project: str | None = None,
        email: str | None = None,
        by_role: Role | None = None,
        seconds: int = INVITATION_SECONDS,
    ) -> tuple[str, Invitation]:
        """Return a token that lets somebody make an account, once, and what it stands for.

        Args:
            by: who invites.
            role: everywhere, or in the project.
            project: a project's id.
            email: whose address a sign-in elsewhere must confirm; None: whoever has the link.
            by_role: the role of `by` there; the one everywhere if it is not given.
            seconds: how long it may be taken up.

        Raises:
            Denied: the role is above one's own.
        """
        _may_give(by_role or by.role, role)
        if role == "member":
            raise BadValue("role", role, "invites to nothing", choices=ROLES[:-1])
        token, now = secrets.token_urlsafe(32), self._now()
        row = {
            "hash": digest(token),
            "role": role,
            "project": project,
            "email": email.strip().lower() if email else None,
            "invited_by": by.id,
            "created": now,
            "expires_at": now + seconds * _SECOND,
        }
        with self.database.writing() as connection:
            connection.execute(delete(INVITATION).where(INVITATION.c.expires_at <= now))
            connection.execute(insert(INVITATION).values(row))
            return token, _invitation(_one(connection, INVITATION, digest(token)))

    def invitation(self, token: str) -> Invitation:
        """Return what a token invites to; NotSignedIn when it was used, taken back, or is too old."""
        with self.database.reading() as connection:
            return self._open(connection, token)

    def _open(self, connection: Connection, token: str) -> Invitation:
        row = _one(connection, INVITATION, digest(token))
        if row is None or row.expires_at <= self._now():
            raise _used_up()
        return _invitation(row)

    def invitations(self, project: str | None = None, *, everywhere: bool = False) -> list[Invitation]:
        """Return the open invitations to a project, or all."""
        query = select(INVITATION).where(INVITATION.c.expires_at > self._now()).order_by(INVITATION.c.created)
        if not everywhere:
            query = query.where(INVITATION.c.project == project)
        with self.database.reading() as connection:
            return [_invitation(row) for row in connection.execute(query)]

    def take_back(self, invitation: str, project: str | None, *, everywhere: bool = False) -> None:
        """End an open invitation; NotFound when there is none of that id there."""
        found = [entry for entry in self.invitations(project, everywhere=everywhere) if entry.id == invitation]
        if not found:
            raise NotFound(f"there is no open invitation {invitation!r}", field="invitation", value=invitation)
        with self.database.writing() as connection:
            for row in connection.execute(select(INVITATION.c.hash)).scalars().all():
                if bytes(row).hex()[:SHORT] == invitation:
                    connection.execute(delete(INVITATION).where(INVITATION.c.hash == row))

    def join(self, token: str, *, name: str, password: str | None = None, person: Person | None = None) -> Person:
        """Make the account that a token invites to, or let somebody who has one join the project.

        Raises:
            NotSignedIn: the invitation is not valid.
            Conflict: the name is taken.
            BadValue: the name or the password cannot be.
        """
        invited, row = self.invitation(token), None
        if person is None:
            role: Role = "member" if invited.project is not None else invited.role
            person, row = self.people.draft(name.strip(), role, password, invited.email)
        # One transaction: of two people who take up one invitation at once, only one gets an account.
        with self.database.writing() as connection:
            used = connection.execute(delete(INVITATION).where(INVITATION.c.hash == digest(token))).rowcount
            if not used:
                raise _used_up()
            if row is not None:
                add(connection, row)
            if invited.project is not None:
                row = {"person": person.id, "project": invited.project, "role": invited.role}
                connection.execute(upsert(connection.dialect.name, MEMBER), row)
        return person

    # Sessions.

    def sessions(self, person: Person) -> list[SignedIn]:
        """Return where a person is signed in, the newest first."""
        query = select(SESSION).where(SESSION.c.person == person.id, SESSION.c.expires_at > self._now())
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(SESSION.c.created.desc())).all()
        return [SignedIn(bytes(row.hash).hex()[:SHORT], bool(row.by_link), row.created, row.expires_at) for row in rows]

    def session_id(self, cookie: str) -> str:
        """Return the id of the session that a cookie opens."""
        return digest(cookie).hex()[:SHORT]

    def end_session(self, person: Person, session: str) -> None:
        """End one session of a person; NotFound when there is none of that id."""
        with self.database.writing() as connection:
            mine = connection.execute(select(SESSION.c.hash).where(SESSION.c.person == person.id)).scalars().all()
            found = [kept for kept in mine if bytes(kept).hex()[:SHORT] == session]
            if not found:
                raise NotFound(f"there is no session {session!r}", field="session", value=session)
            connection.execute(delete(SESSION).where(SESSION.c.hash.in_(found)))

    def signed_in(self) -> dict[str, int]:
        """Return how many sessions each person has open; who has none is left out."""
        query = select(SESSION.c.person, func.count().label("open")).where(SESSION.c.expires_at > self._now())
        with self.database.reading() as connection:
            return {row.person: row.open for row in connection.execute(query.group_by(SESSION.c.person))}

    def end_sessions(self, person: Person, *, keep: str | None = None) -> int:
        """End a person's sessions but the one of a cookie, and sign-in links not yet used; return how many sessions."""
        mine = delete(SESSION).where(SESSION.c.person == person.id)
        if keep is not None:
            mine = mine.where(SESSION.c.hash != digest(keep))
        with self.database.writing() as connection:
            connection.execute(delete(TOKEN).where(TOKEN.c.person == person.id, TOKEN.c.purpose == "link"))
            return connection.execute(mine).rowcount

    # Elsewhere.

    def known_as(self, issuer: str, subject: str) -> Person | None:
        """Return whom an identity provider knows under a subject."""
        query = select(IDENTITY.c.person).where(IDENTITY.c.issuer == issuer, IDENTITY.c.subject == subject)
        with self.database.reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        return None if found is None else self.people.find(found)

    def link(self, person: Person, issuer: str, subject: str) -> None:
        """Let somebody sign in as who they are elsewhere; Conflict when that is somebody else already."""
        row = {"issuer": issuer, "subject": subject, "person": person.id}
        with self.database.writing() as connection:
            if connection.execute(insert_new(connection, IDENTITY).values(row)).rowcount == 0:
                raise Conflict("this identity belongs to another account", field="subject")


def higher(a: Role, b: Role) -> Role:
    """Return the role that may do more.

    >>> higher("annotator", "reviewer")
    'reviewer'
    """
    return min(a, b, key=ROLES.index)


def _may_give(own: Role, role: Role) -> None:
    if role not in ROLES:
        raise BadValue("role", role, f"must be one of {', '.join(ROLES)}", choices=ROLES)
    if ROLES.index(role) < ROLES.index(own):
        raise Denied(
            f"{role} is above your own role, {own}", field="role", value=role, choices=ROLES[ROLES.index(own) :]
        )


def _used_up() -> NotSignedIn:
    return NotSignedIn("this invitation was used already, taken back, or is too old", field="token")


def _one(connection: Connection, table: Any, kept: bytes) -> Row[Any] | None:
    return connection.execute(select(table).where(table.c.hash == kept)).one_or_none()


def _invitation(row: Any) -> Invitation:
    where = bytes(row.hash).hex()[:SHORT]
    return Invitation(where, row.role, row.project, row.email, row.invited_by, row.expires_at)
