"""Answers, decisions and reasons in a database, as they were at any place of the ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, bindparam, func, or_, select

from querist.store import tables
from querist.store.dialect import batches
from querist.store.prepared import Prepared
from querist.store.protocol import Decision, Picked
from querist.store.schema import ANSWER, DECISION, PICK
from querist.types import Answer, ItemId

_ANSWERED_SINCE: Final = Prepared(
    select(ANSWER.c.seq)
    .where(ANSWER.c.project == bindparam("of"), ANSWER.c.item == bindparam("item"))
    .where(ANSWER.c.person == bindparam("by"), ANSWER.c.seq > bindparam("read"))
    .limit(1)
)
_PICKED: Final = Prepared(
    select(PICK).where(PICK.c.project == bindparam("of"), PICK.c.item == bindparam("item")).order_by(PICK.c.seq)
)


def in_force(
    connection: Connection, project: int, *, through: int | None, items: Sequence[ItemId] | None
) -> list[Answer]:
    """Return the answers in force when the ledger's head was `through`, by seq."""
    columns = (ANSWER.c.seq, ANSWER.c.item, ANSWER.c.person, ANSWER.c.outcome, ANSWER.c.value, ANSWER.c.lane)
    query = _then(select(*columns), ANSWER, project, through)
    found: list[Answer] = []
    for some in [None] if items is None else batches(dict.fromkeys(items)):
        # Sorted below where items are given: asked for an order, SQLite would read all answers in that order.
        page = query.order_by(ANSWER.c.seq) if some is None else query.where(ANSWER.c.item.in_(some))
        for seq, item, person, outcome, value, lane in connection.execute(page):
            found.append(Answer(seq, item, person, outcome, json.loads(value), lane))
    return found if items is None else sorted(found, key=lambda answer: answer.seq)


def decisions(connection: Connection, project: int, *, through: int | None) -> dict[ItemId, Decision]:
    """Return what reviewers had decided when the ledger's head was `through`."""
    query = _then(select(DECISION), DECISION, project, through).order_by(DECISION.c.seq)
    return {row.item: tables.read_decision(row).decision() for row in connection.execute(query)}


def _then(query: Select[Any], table: Any, project: int, through: int | None) -> Select[Any]:
    """The rows of a table that were in force at a place of the ledger; None is now."""
    query = query.where(table.c.project == project)
    if through is None:
        return query.where(table.c.until.is_(None))
    return query.where(table.c.seq <= through, or_(table.c.until.is_(None), table.c.until > through))


def picked(connection: Connection, project: int, item: ItemId) -> list[Picked]:
    """Return every batch that asked for an item, and why."""
    return [tables.read_pick(row) for row in _PICKED.all(connection, {"of": project, "item": item})]


def first_after(connection: Connection, project: int, item: ItemId, person: str, seq: int) -> int | None:
    """Return the seq of an answer by a person to an item behind a place of the ledger, if there is one."""
    mine = {"of": project, "item": item, "by": person, "read": seq}
    found = _ANSWERED_SINCE.first(connection, mine)
    return None if found is None else int(found.seq)


def count(connection: Connection, project: int) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many answers in force there are in each lane, and by each person."""
    lanes: dict[str, int] = {}
    people: dict[str, int] = {}
    grouped = _then(select(ANSWER.c.lane, ANSWER.c.person, func.count()), ANSWER, project, None)
    for lane, person, number in connection.execute(grouped.group_by(ANSWER.c.lane, ANSWER.c.person)):
        lanes[lane or "none"] = lanes.get(lane or "none", 0) + number
        people[person] = people.get(person, 0) + number
    return lanes, people
