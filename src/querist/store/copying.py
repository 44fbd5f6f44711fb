"""A project is copied from one database to another: for a move, and for a backup of a project in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, or_, select, update

from querist.errors import Conflict
from querist.events import GENESIS
from querist.store.dialect import insert_if_new, insert_rows, pages_of
from querist.store.schema import (
    ANSWER,
    CONTENT,
    DECISION,
    HEAD,
    IDENTITY,
    INVITATION,
    ITEM,
    LEDGER,
    MEMBER,
    PERSON,
    PICK,
    PROJECT,
    QUEUE,
    ROUND,
    TOKEN,
)

REPLACED: Final = (ITEM, CONTENT, ANSWER, DECISION, QUEUE, PICK, ROUND)
"""What is written anew; the ledger is only ever added to. Leases, claims and sessions stay behind."""

ROWS: Final = 5_000


def copy_project(old: Connection, number: int, new: Connection) -> list[str]:
    """Copy a project and the people of its database, as the transaction `old` sees them.

    What an earlier copy has brought stays, if it is a part of the same history: so a copy that was cut off, or one to
    a place where the project has been before, is simply made again.

    Args:
        old: a transaction on the one database; the project does not change while it lasts.
        number: of the project there.
        new: a transaction that writes to the other database.

    Returns:
        What somebody should know: accounts whose name was taken there.

    Raises:
        Conflict: the other database knows the project with another history.
    """
    to = _place(old, number, new)
    for table in REPLACED:
        new.execute(delete(table).where(table.c.project == to))
        for rows in _pages(old, table, number):
            insert_rows(new, table, [{**row, "project": to} for row in rows])
    there = new.execute(select(HEAD.c.seq).where(HEAD.c.project == to)).scalar_one()
    for rows in _pages(old, LEDGER, number, after=there):
        insert_rows(new, LEDGER, [{**row, "project": to} for row in rows])
    head = old.execute(select(HEAD).where(HEAD.c.project == number)).one()
    now = {"seq": head.seq, "hash": head.hash, "size": head.size, "moved": None}
    new.execute(update(HEAD).where(HEAD.c.project == to).values(now))
    return _copy_people(old, number, new)


def same_history(old: Connection, number: int, seq: int, digest: str) -> bool:
    """Whether a ledger has the line `seq` with the hash `digest`."""
    if seq == 0:
        return digest == GENESIS
    line = select(LEDGER.c.hash).where(LEDGER.c.project == number, LEDGER.c.seq == seq)
    return old.execute(line).scalar_one_or_none() == digest


def _place(old: Connection, number: int, new: Connection) -> int:
    """Return the project's number in the other database, where it is given one if it has none."""
    project = old.execute(select(PROJECT).where(PROJECT.c.number == number)).one()
    known = new.execute(select(PROJECT.c.number).where(PROJECT.c.id == project.id)).scalar_one_or_none()
    if known is not None:
        head = new.execute(select(HEAD).where(HEAD.c.project == known)).one()
        if not same_history(old, number, head.seq, head.hash):
            raise Conflict(
                f"the other database knows project {project.name!r} with another history: {head.seq} events that "
                "are not those of this one",
                field="project",
                value=project.id,
            )
        return int(known)
    row = {"id": project.id, "name": project.name, "created": project.created}
    if not insert_if_new(new, PROJECT, row):
        # The name only helps to find a project by hand; its id is what counts.
        new.execute(insert(PROJECT).values({**row, "name": f"{project.name} {project.id[:8]}"}))
    made = new.execute(select(PROJECT.c.number).where(PROJECT.c.id == project.id)).scalar_one()
    new.execute(insert(HEAD).values(project=made, seq=0, hash=GENESIS, size=0, moved=None))
    return int(made)


def _pages(old: Connection, table: Table, number: int, *, after: int | None = None) -> Iterator[list[dict[str, Any]]]:
    query = select(table).where(table.c.project == number)
    if after is not None:
        query = query.where(table.c.seq > after).order_by(table.c.seq)
    columns = [column.name for column in table.c]
    for page in pages_of(old, query, ROWS):
        yield [dict(zip(columns, row, strict=True)) for row in page]


def _copy_people(old: Connection, number: int, new: Connection) -> list[str]:
    """Copy accounts with what they may do in the project; who is there already, by id, stays as they are there."""
    told = []
    id_, project = old.execute(select(PROJECT.c.id, PROJECT.c.name).where(PROJECT.c.number == number)).one()
    for row in old.execute(select(PERSON)).mappings().all():
        person = dict(row)
        if insert_if_new(new, PERSON, person):
            continue
        if new.execute(select(PERSON.c.id).where(PERSON.c.id == person["id"])).first() is None:
            name = f"{person['name']} ({project})"
            new.execute(insert(PERSON).values({**person, "name": name}))
            told.append(f"account {person['name']!r} is {name!r} there: the name was taken")
    belongs = {
        TOKEN: TOKEN.c.purpose == "api",
        MEMBER: MEMBER.c.project == id_,
        INVITATION: or_(INVITATION.c.project == id_, INVITATION.c.project.is_(None)),
        IDENTITY: IDENTITY.c.person.is_not(None),
    }
    for table, wanted in belongs.items():
        for row in old.execute(select(table).where(wanted)).mappings().all():
            insert_if_new(new, table, dict(row))
    return told
