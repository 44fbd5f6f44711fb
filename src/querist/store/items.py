"""Items and what they show, in a database: millions of rows, read in row order or by id, a page at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, func, literal_column, select

from querist.store.dialect import batches, insert_rows, pages_of
from querist.store.memory_items import gap, taken_row, unknown_item
from querist.store.prepared import Prepared
from querist.store.protocol import ItemRow, PoolTable
from querist.store.schema import CONTENT, HEAD, ITEM
from querist.types import Array, Content, ItemId, canonical_json

TOUCHED: Final = ITEM.c.state != literal_column("'unlabelled'")
"""In the very words of the partial index, so that both databases use it."""

_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_ROWS: Final = Prepared(select(ITEM.c.id, ITEM.c.row).where(ITEM.c.project == bindparam("of"), ITEM.c.id.in_(_WANTED)))
_U_EVAL: Final = Prepared(
    select(ITEM.c.u_eval).where(ITEM.c.project == bindparam("of"), ITEM.c.id == bindparam("item"))
)
_CONTENTS: Final = Prepared(
    select(CONTENT.c.row, CONTENT.c.kind, CONTENT.c.body).where(
        CONTENT.c.project == bindparam("of"), CONTENT.c.row.in_(_WANTED)
    )
)


def size(connection: Connection, project: int) -> int:
    """Return how many items the imports have announced."""
    return int(connection.execute(select(HEAD.c.size).where(HEAD.c.project == project)).scalar_one())


def kept(connection: Connection, project: int) -> int:
    """Return how many rows there are, announced or not."""
    last = connection.execute(select(func.max(ITEM.c.row)).where(ITEM.c.project == project)).scalar_one()
    return 0 if last is None else int(last) + 1


def add(connection: Connection, project: int, rows: Sequence[ItemRow]) -> None:
    """Keep some items; those that are known are passed over, and an import that never was makes room."""
    announced, following = size(connection, project), kept(connection, project)
    ids = [row.item for row in rows]
    known: dict[ItemId, int] = dict(_ROWS.all(connection, {"of": project, "wanted": ids}))
    new: list[ItemRow] = []
    for row in rows:
        at = known.get(row.item)
        if at is not None and (at == row.row or at < announced):
            continue
        if row.row < announced:
            raise taken_row(row, _id_at(connection, project, row.row))
        if at is not None or row.row < following:
            following = row.row if at is None else min(at, row.row)
            _drop_from(connection, project, following)
            known = {item: number for item, number in known.items() if number < following}
            new = [earlier for earlier in new if earlier.row < following]
        if row.row > following:
            raise gap(row, following)
        known[row.item] = row.row
        new.append(row)
        following += 1
    insert_rows(connection, ITEM, [{"project": project, **_write(row)} for row in new])
    shown = [
        {"project": project, "row": row.row, "kind": row.content.kind, "body": canonical_json(row.content.value)}
        for row in new
        if row.content is not None
    ]
    insert_rows(connection, CONTENT, shown)


def _write(row: ItemRow) -> dict[str, Any]:
    return {
        "row": row.row,
        "id": row.item,
        "state": "unlabelled",
        "u_eval": row.u_eval,
        "u_control": row.u_control,
        "copies": row.copies,
        "group": row.group,
        "cost": row.cost,
    }


def _id_at(connection: Connection, project: int, row: int) -> ItemId:
    return str(connection.execute(select(ITEM.c.id).where(ITEM.c.project == project, ITEM.c.row == row)).scalar_one())


def _drop_from(connection: Connection, project: int, row: int) -> None:
    for table in (ITEM, CONTENT):
        connection.execute(delete(table).where(table.c.project == project, table.c.row >= row))


def pool(connection: Connection, project: int) -> PoolTable:
    """Return the announced items as columns in row order, none of them withdrawn yet."""
    announced = size(connection, project)
    query = (
        select(ITEM.c.id, ITEM.c.u_eval, ITEM.c.u_control, ITEM.c.group, ITEM.c.cost)
        .where(ITEM.c.project == project, ITEM.c.row < announced)
        .order_by(ITEM.c.row)
    )
    ids: list[str] = []
    group: list[str | None] = []
    u_eval, u_control, cost = (np.empty(announced, dtype=np.float64) for _ in range(3))
    for page in pages_of(connection, query, 50_000):
        place = slice(len(ids), len(ids) + len(page))
        some_ids, u_eval[place], u_control[place], some_group, some_cost = zip(*page, strict=True)
        cost[place] = np.array(some_cost, dtype=np.float64)
        ids.extend(some_ids)
        group.extend(some_group)
    return PoolTable(
        items=ids,
        u_eval=u_eval,
        u_control=u_control,
        withdrawn=np.zeros(len(ids), dtype=bool),
        group=group if any(name is not None for name in group) else None,
        cost=None if np.isnan(cost).all() else cost,
    )


def reserve(connection: Connection, project: int, below: float) -> list[tuple[int, ItemId]]:
    """Return (row, item) of the announced items with `u_eval` below a number, in its order."""
    mine = (ITEM.c.project == project, ITEM.c.row < size(connection, project), ITEM.c.u_eval < below)
    query = select(ITEM.c.row, ITEM.c.id).where(*mine).order_by(ITEM.c.u_eval, ITEM.c.row)
    return [(row, item) for row, item in connection.execute(query)]


def withdrawn(connection: Connection, project: int) -> Array:
    """Return the rows of withdrawn items."""
    query = select(ITEM.c.row).where(ITEM.c.project == project, TOUCHED, ITEM.c.state == "withdrawn")
    return np.array(connection.execute(query).scalars().all(), dtype=np.int64)


def rows(connection: Connection, project: int, items: Sequence[ItemId]) -> Array:
    """Return the row numbers of items; NotFound names the first unknown one."""
    found: dict[ItemId, int] = {}
    for some in batches(items):
        found.update(_ROWS.all(connection, {"of": project, "wanted": some}))
    try:
        return np.fromiter((found[item] for item in items), dtype=np.int64, count=len(items))
    except KeyError as error:
        raise unknown_item(error.args[0]) from None


def u_eval(connection: Connection, project: int, item: ItemId) -> float:
    """Return the number that says whether an item belongs to the reserve; NotFound for an unknown one."""
    row = _U_EVAL.first(connection, {"of": project, "item": item})
    if row is None:
        raise unknown_item(item)
    return float(row.u_eval)


def contents(connection: Connection, project: int, numbers: Sequence[int]) -> list[Content | None]:
    """Return what some rows show; None where it was erased."""
    found: dict[int, Content] = {}
    for some in batches(numbers):
        for row in _CONTENTS.all(connection, {"of": project, "wanted": some}):
            found[row.row] = Content(row.kind, json.loads(row.body))
    return [found.get(number) for number in numbers]


def page_of_contents(connection: Connection, project: int, start: int, stop: int) -> Iterator[Content | None]:
    """Yield what rows start to stop show, in row order; None where it was erased."""
    query = (
        select(CONTENT.c.row, CONTENT.c.kind, CONTENT.c.body)
        .where(CONTENT.c.project == project, CONTENT.c.row >= start, CONTENT.c.row < stop)
        .order_by(CONTENT.c.row)
    )
    following = start
    for row in connection.execute(query).all():
        yield from [None] * (row.row - following)
        yield Content(row.kind, json.loads(row.body))
        following = row.row + 1
    yield from [None] * (stop - following)


def states(connection: Connection, project: int, items: Sequence[ItemId]) -> list[str]:
    """Return each item's state."""
    found: dict[ItemId, str] = {}
    for some in batches(items):
        query = select(ITEM.c.id, ITEM.c.state).where(ITEM.c.project == project, ITEM.c.id.in_(some))
        found.update(connection.execute(query).all())
    return [found.get(item, "unlabelled") for item in items]


def find(
    connection: Connection, project: int, *, state: str | None, after: int, limit: int
) -> list[tuple[int, ItemId]]:
    """Return (row, item) in row order from behind a row, only those in a state if it is given."""
    wanted = and_(ITEM.c.project == project, ITEM.c.row > after, ITEM.c.row < size(connection, project))
    if state is not None:
        wanted = and_(wanted, ITEM.c.state == state)
        if state != "unlabelled":
            wanted = and_(wanted, TOUCHED)
    query = select(ITEM.c.row, ITEM.c.id).where(wanted).order_by(ITEM.c.row).limit(limit)
    return [(row.row, row.id) for row in connection.execute(query)]


def count_states(connection: Connection, project: int) -> dict[str, int]:
    """Return how many items are in each state but unlabelled."""
    query = select(ITEM.c.state, func.count()).where(ITEM.c.project == project, TOUCHED).group_by(ITEM.c.state)
    return dict(connection.execute(query).all())
