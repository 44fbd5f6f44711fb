"""Sweep artefacts that nothing names: left by steps that died, or lost a race."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from querist.events import from_json
from querist.store.lines import PAGE
from querist.store.references import children, named
from querist.store.schema import LEDGER
from querist.store.sql import SqlStore
from querist.types import Sha256

YOUNG: Final = 3_600
"""Seconds for which an artefact is left alone: the event that names it may be about to come."""


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed, and what stays."""

    removed: int
    bytes: int
    kept: int


def gc(store: SqlStore, *, now: float | None = None) -> Swept:
    """Remove artefacts that no event of any project in the database names, directly or through a manifest.

    Never removes what is younger than an hour. People and workers may go on meanwhile.

    Args:
        store: an open project; the others of its database count as well.
        now: the time in seconds; for tests.
    """
    oldest = (time.time() if now is None else now) - YOUNG
    # Age first, names after it: what an event names in between was put, and thereby made young, in between too.
    old = [(name, path) for name, path in store.artefacts.names() if path.stat().st_mtime < oldest]
    reachable = _reachable(store)
    removed = size = 0
    for name, path in old:
        if name not in reachable and path.stat().st_mtime < oldest:
            size += path.stat().st_size
            removed += 1
            path.unlink()
    for path in store.artefacts.folder.glob("*.partial"):
        if path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)
    return Swept(removed, size, kept=sum(1 for _ in store.artefacts.names()))


def _reachable(store: SqlStore) -> set[Sha256]:
    reached: set[Sha256] = set()
    waiting = _named_by_events(store)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            if store.artefacts.has(name):
                waiting.update(*children(store.artefacts, name))
    return reached


def _named_by_events(store: SqlStore) -> set[Sha256]:
    found: set[Sha256] = set()
    place = (-1, -1)
    while True:
        after = (LEDGER.c.project > place[0]) | ((LEDGER.c.project == place[0]) & (LEDGER.c.seq > place[1]))
        query = select(LEDGER.c.project, LEDGER.c.seq, LEDGER.c.kind, LEDGER.c.v, LEDGER.c.body).where(after)
        with store.database.reading() as connection:
            page = connection.execute(query.order_by(LEDGER.c.project, LEDGER.c.seq).limit(PAGE)).all()
        for row in page:
            found.update(name for _, name in named(from_json(row.kind, json.loads(row.body), version=row.v)))
        if len(page) < PAGE:
            return found
        place = (page[-1].project, page[-1].seq)
