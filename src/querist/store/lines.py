"""The lines of the ledger in a database: by their place, by their key, by the item that they are about."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, select

from querist.events import ItemWithdrawn, Recorded, from_json
from querist.store.dialect import batches, insert_rows
from querist.store.ledger import Line
from querist.store.prepared import Prepared
from querist.store.schema import ANSWER, DECISION, LEDGER
from querist.types import ItemId

PAGE: Final = 1_000
"""Rows that are read at a time."""

_OF_KEY: Final = Prepared(
    select(LEDGER).where(LEDGER.c.project == bindparam("of"), LEDGER.c.key == bindparam("wanted"))
)


def add(connection: Connection, project: int, lines: Sequence[Line]) -> None:
    """Append lines."""
    insert_rows(connection, LEDGER, [{"project": project, **_write(line)} for line in lines])


def page(
    connection: Connection, project: int, *, after: int, through: int | None, kinds: Sequence[str] | None
) -> list[Any]:
    """Return at most `PAGE` rows behind `after`, up to `through`, of some kinds; `read` makes events of them."""
    query = _page(to_a_point=through is not None, of_kinds=kinds is not None)
    wanted = None if kinds is None else list(kinds)
    return query.all(connection, {"of": project, "after": after, "through": through, "kinds": wanted})


@functools.cache
def _page(*, to_a_point: bool, of_kinds: bool) -> Prepared:
    query = select(LEDGER).where(LEDGER.c.project == bindparam("of"), LEDGER.c.seq > bindparam("after"))
    if to_a_point:
        query = query.where(LEDGER.c.seq <= bindparam("through"))
    if of_kinds:
        query = query.where(LEDGER.c.kind.in_(bindparam("kinds", expanding=True)))
    return Prepared(query.order_by(LEDGER.c.seq).limit(PAGE))


def find(connection: Connection, project: int, key: str) -> Recorded | None:
    """Return the event under a key."""
    row = _OF_KEY.first(connection, {"of": project, "wanted": key})
    return None if row is None else read(row)


def known(connection: Connection, project: int, keys: Sequence[str]) -> set[str]:
    """Return those of the keys that have an event."""
    query = select(LEDGER.c.key).where(LEDGER.c.project == project, LEDGER.c.key.in_(keys))
    return set(connection.execute(query).scalars())


def about(connection: Connection, project: int, item: ItemId) -> list[Recorded]:
    """Return the events of people about an item, by seq."""
    seqs: set[int] = set()
    for table in (ANSWER, DECISION):
        query = select(table.c.seq, table.c.until).where(table.c.project == project, table.c.item == item)
        for row in connection.execute(query):
            seqs.update(seq for seq in row if seq is not None)
    # Two look-ups: one for both would read the whole ledger.
    mine = LEDGER.c.project == project
    rows: list[Any] = []
    for some in batches(sorted(seqs)):
        rows += connection.execute(select(LEDGER).where(mine, LEDGER.c.seq.in_(some))).all()
    rows += connection.execute(select(LEDGER).where(mine, LEDGER.c.kind == ItemWithdrawn.kind)).all()
    events = sorted(map(read, rows), key=lambda line: line.seq)
    return [e for e in events if not isinstance(e.event, ItemWithdrawn) or e.event.item == item]


def read(row: Any) -> Recorded:
    """Return the event of a ledger row."""
    event = from_json(row.kind, json.loads(row.body), version=row.v)
    return Recorded(row.seq, row.key, row.at, row.actor, event, row.prev, row.hash)


def _write(line: Line) -> dict[str, Any]:
    recorded = line.recorded
    return {
        "seq": recorded.seq,
        "kind": recorded.event.kind,
        "v": recorded.event.version,
        "key": recorded.key,
        "at": recorded.at,
        "actor": recorded.actor,
        "body": line.body,
        "prev": recorded.prev,
        "hash": recorded.hash,
    }
