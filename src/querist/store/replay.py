"""Make the views anew from the ledger and the artefacts: what a database forgot, or got wrong, comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, update

from querist.events import PoolImported
from querist.store import items, tables, views
from querist.store.dialect import batches, insert_new, insert_rows
from querist.store.lines import PAGE
from querist.store.schema import HEAD, ITEM, METADATA, REBUILDABLE
from querist.store.sql import SqlStore


def replay(store: SqlStore) -> tuple[views.Tables, int]:
    """Return the views as the ledger says they should be, and its last line; a few hundred bytes for each answer."""
    folded, seq = views.Tables(), 0
    for recorded in store.events():
        views.apply(folded, recorded, views.attached(recorded.event, store.artefacts))
        seq = recorded.seq
    return folded, seq


def imported_items(store: SqlStore) -> Iterator[dict[str, Any]]:
    """Yield the rows of the pool as the imports recorded them, each unlabelled."""
    for recorded in store.events(kinds=[PoolImported.kind]):
        event = recorded.event
        if isinstance(event, PoolImported) and event.role == "pool":
            table = store.artefacts.get_table(event.items)
            for values in zip(*table.values(), strict=True):
                row = dict(zip(table, values, strict=True))
                row["id"] = row.pop("item")
                yield {"copies": 1, "group": None, "cost": None, **row, "state": "unlabelled"}


def rebuild(store: SqlStore) -> None:
    """Replace every view of a project by a replay of its ledger. People should not be labelling meanwhile.

    Items come from the artefacts of the imports; their content is no view and stays as it is. Leases stay.
    """
    folded, _ = replay(store)
    with store.database.writing() as connection:
        for table in REBUILDABLE:
            connection.execute(delete(table).where(table.c.project == store.number))
        for name, rows in tables.dump(folded).items():
            for some in batches(({"project": store.number, **row} for row in rows), PAGE):
                insert_rows(connection, METADATA.tables[name], some)
        connection.execute(update(HEAD).where(HEAD.c.project == store.number).values(size=folded.size))
        _rebuild_items(store, connection, folded.states)


def _rebuild_items(store: SqlStore, connection: Connection, states: Mapping[str, str]) -> None:
    connection.execute(update(ITEM).where(ITEM.c.project == store.number, items.TOUCHED).values(state="unlabelled"))
    for some in batches(imported_items(store), PAGE):
        connection.execute(insert_new(connection, ITEM), [{"project": store.number, **row} for row in some])
    changed = [{"item": item, "is": state} for item, state in states.items()]
    if changed:
        connection.execute(
            update(ITEM)
            .where(ITEM.c.project == store.number, ITEM.c.id == bindparam("item"))
            .values(state=bindparam("is")),
            changed,
        )
