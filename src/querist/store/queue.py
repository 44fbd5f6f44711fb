"""Leases: who has which item, in a few indexed look-ups. The queue itself is a view."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    or_,
    select,
    update,
)

from querist.events import AnswerSubmitted, ItemWithdrawn, Recorded
from querist.store.dialect import insert_rows
from querist.store.memory import lease_gone, not_yours
from querist.store.prepared import Prepared
from querist.store.protocol import Arrange, Lease, QueueEntry
from querist.store.schema import ANSWER, LEASE, QUEUE

# The very words of the partial index, so that both databases use it.
WAITING: Final = QUEUE.c.opinions_left > literal_column("0")
PLACE: Final = (QUEUE.c.round, QUEUE.c.part, QUEUE.c.rank)

_OTHER: Final = LEASE.alias("other")


def _out_with_others() -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(_OTHER)
        .where(
            _OTHER.c.project == QUEUE.c.project,
            _OTHER.c.item == QUEUE.c.item,
            _OTHER.c.person != bindparam("person"),
            _OTHER.c.expires_at > bindparam("now"),
        )
        .correlate(QUEUE)
        .scalar_subquery()
    )


_FREE: Final = and_(QUEUE.c.project == bindparam("project"), WAITING, QUEUE.c.opinions_left > _out_with_others())

_ANSWERED: Final = (
    exists()
    .where(
        ANSWER.c.project == QUEUE.c.project,
        ANSWER.c.item == QUEUE.c.item,
        ANSWER.c.person == bindparam("person"),
        ANSWER.c.until.is_(None),
    )
    .correlate(QUEUE)
)

# In the lane `recheck` people are asked about items that they have answered themselves.
_IN_THEIR_ORDER: Final = (
    select(QUEUE)
    .where(_FREE, or_(~_ANSWERED, QUEUE.c.lane == "recheck"), QUEUE.c.item.not_in(bindparam("out", expanding=True)))
    .order_by(*PLACE)
)
_OPEN: Final = Prepared(_IN_THEIR_ORDER)
_NEXT: Final = Prepared(_IN_THEIR_ORDER.limit(bindparam("n")))
_IS_FREE: Final = Prepared(select(QUEUE.c.item).where(_FREE, QUEUE.c.item == bindparam("item")))
_OF_PROJECT: Final = LEASE.c.project == bindparam("project")
_MINE: Final = Prepared(select(LEASE).where(_OF_PROJECT, LEASE.c.person == bindparam("person")))
_ONE: Final = Prepared(select(LEASE).where(_OF_PROJECT, LEASE.c.id == bindparam("lease")))

_DROP: Final = Prepared(delete(LEASE).where(LEASE.c.id == bindparam("lease")))
_RENEW: Final = Prepared(update(LEASE).where(LEASE.c.id == bindparam("lease")).values(expires_at=bindparam("until")))
_THE_ITEMS: Final = delete(LEASE).where(LEASE.c.project == bindparam("of"), LEASE.c.item == bindparam("a"))
_END_ALL: Final = Prepared(_THE_ITEMS)
_END_ONE: Final = Prepared(_THE_ITEMS.where(LEASE.c.person == bindparam("b")))


def waiting(connection: Connection, project: int) -> list[QueueEntry]:
    """Return the items that still want an opinion, in the order of serving."""
    found = connection.execute(select(QUEUE).where(QUEUE.c.project == project, WAITING).order_by(*PLACE))
    return [_entry(row) for row in found]


def live(connection: Connection, project: int, *, now: int) -> list[Lease]:
    """Return the leases that have not expired."""
    found = connection.execute(select(LEASE).where(LEASE.c.project == project, LEASE.c.expires_at > now))
    return [_read(row) for row in found]


def find(connection: Connection, project: int, lease: str, *, now: int) -> Lease | None:
    """Return a lease that has not expired."""
    row = _ONE.first(connection, {"project": project, "lease": lease})
    return None if row is None or row.expires_at <= now else _read(row)


def give(
    connection: Connection,
    project: int,
    person: str,
    n: int,
    *,
    held: Sequence[str],
    now: int,
    until: int,
    arrange: Arrange | None = None,
) -> list[Lease]:
    """Return up to n leases of a person: those held, those of before a reload, then the first free of the queue."""
    who = {"project": project, "person": person, "now": now}
    mine = [_read(row) for row in _MINE.all(connection, who)]
    mine.sort(key=lambda lease: (held.index(lease.id) if lease.id in held else len(held), *_order(lease)))
    kept = [
        lease for lease in mine if lease.expires_at > now or (lease.id in held and _is_free(connection, who, lease))
    ]
    gone = [lease for lease in mine if lease not in kept]
    _DROP.run(connection, *[{"lease": lease.id} for lease in gone])
    renewed = [replace(lease, expires_at=until) for lease in kept[:n]]
    _RENEW.run(connection, *[{"lease": lease.id, "until": until} for lease in renewed])
    if len(renewed) >= n:
        return renewed
    free = {**who, "out": [lease.item for lease in kept]}
    if arrange is None:
        found = [_entry(row) for row in _NEXT.all(connection, {**free, "n": n - len(renewed)})]
    else:
        found = list(arrange([_entry(row) for row in _OPEN.all(connection, free)]))[: n - len(renewed)]
    new = [Lease(uuid.uuid4().hex, e.item, person, until, lane=e.lane, round=e.round, rank=e.rank) for e in found]
    insert_rows(connection, LEASE, [{"project": project, **_write(lease)} for lease in new])
    return [*renewed, *new]


def give_one(connection: Connection, project: int, new: Lease, *, now: int) -> Lease | None:
    """Return the person's lease of an item, renewed or new; None while somebody else has the item."""
    query = select(LEASE).where(LEASE.c.project == project, LEASE.c.item == new.item, LEASE.c.expires_at > now)
    live_ones = [_read(row) for row in connection.execute(query)]
    own = next((lease for lease in live_ones if lease.person == new.person), None)
    if own is not None:
        _RENEW.run(connection, {"lease": own.id, "until": new.expires_at})
        return replace(own, expires_at=new.expires_at)
    if live_ones:
        return None
    mine = and_(LEASE.c.project == project, LEASE.c.item == new.item, LEASE.c.person == new.person)
    connection.execute(delete(LEASE).where(mine))
    insert_rows(connection, LEASE, [{"project": project, **_write(new)}])
    return new


def renew(connection: Connection, project: int, lease: str, person: str, *, now: int, until: int) -> Lease:
    """Return the lease with its new end."""
    row = _ONE.first(connection, {"project": project, "lease": lease})
    if row is None:
        raise lease_gone(lease)
    known = _read(row)
    if known.person != person:
        raise not_yours(lease)
    if known.expires_at <= now and not _is_free(connection, {"project": project, "person": person, "now": now}, known):
        raise lease_gone(lease)
    _RENEW.run(connection, {"lease": lease, "until": until})
    return replace(known, expires_at=until)


def release(connection: Connection, project: int, lease: str, person: str) -> None:
    """Give an item back."""
    row = _ONE.first(connection, {"project": project, "lease": lease})
    if row is None:
        return
    if row.person != person:
        raise not_yours(lease)
    _DROP.run(connection, {"lease": lease})


def end(connection: Connection, project: int, events: Sequence[Recorded]) -> None:
    """End the leases that answers and withdrawals have settled."""
    answered = [
        {"of": project, "a": recorded.event.item, "b": recorded.actor}
        for recorded in events
        if isinstance(recorded.event, AnswerSubmitted)
    ]
    withdrawn = [
        {"of": project, "a": recorded.event.item} for recorded in events if isinstance(recorded.event, ItemWithdrawn)
    ]
    _END_ONE.run(connection, *answered)
    _END_ALL.run(connection, *withdrawn)


def sweep(connection: Connection, *, before: int) -> None:
    """Forget leases that expired long ago."""
    connection.execute(delete(LEASE).where(LEASE.c.expires_at < before))


def _is_free(connection: Connection, who: dict[str, Any], lease: Lease) -> bool:
    return _IS_FREE.first(connection, {**who, "item": lease.item}) is not None


def _entry(row: Any) -> QueueEntry:
    return QueueEntry(row.item, row.rank, row.lane, row.round, row.score, row.opinions_left)


def _order(lease: Lease) -> tuple[int, int, str]:
    return lease.round, lease.rank, lease.item


def _read(row: Any) -> Lease:
    return Lease(row.id, row.item, row.person, row.expires_at, lane=row.lane, round=row.round, rank=row.rank)


def _write(lease: Lease) -> dict[str, Any]:
    return {
        "id": lease.id,
        "item": lease.item,
        "person": lease.person,
        "expires_at": lease.expires_at,
        "lane": lease.lane,
        "round": lease.round,
        "rank": lease.rank,
    }
