"""Is everything as it was written? The chain, the artefacts, and the views, each against what it must be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from querist.errors import Damaged, NotFound, QueristError
from querist.events import GENESIS
from querist.store import tables
from querist.store.lines import PAGE
from querist.store.lines import read as read_line
from querist.store.references import children, named
from querist.store.replay import imported_items, replay
from querist.store.schema import HEAD, ITEM, LEDGER, METADATA
from querist.store.sql import SqlStore
from querist.store.views import Tables, apply, attached
from querist.types import Sha256, canonical_json

_SEARCHED: Final = 2_000
"""Longest line (bytes) in which the one changed byte is searched for; beyond it the search takes too long."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it was written: the table (or `artefact`), the place in it, the field, and how."""

    table: str
    place: int | str | None
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.table} {self.place}, {self.field}: {self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` looked at, and what it found wrong. `hash` is the head: note it down elsewhere to seal the past."""

    events: int
    artefacts: int
    hash: Sha256
    problems: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(store: SqlStore) -> Report:
    """Check a project, and name the first thing in each part that is not as it was written.

    Recomputes the hash chain from the stored bytes; hashes every artefact that an event names; replays the ledger and
    compares each view with the replay, row by row. What it cannot see: content (it is not in the ledger, so that it
    can be erased), and a ledger whose end was cut off together with its head: compare `Report.hash` with an earlier
    note for that.
    """
    problems = _check_file(store)
    broken, count, digest = _check_chain(store)
    problems += broken
    if broken:
        return Report(count, 0, digest, tuple(problems))
    checked, missing = _check_artefacts(store)
    problems += missing
    if not missing:
        problems += _check_views(store)
    return Report(count, checked, digest, tuple(problems))


def _check_file(store: SqlStore) -> list[Problem]:
    if store.database.engine.dialect.name != "sqlite":
        return []
    with store.database.reading() as connection:
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    return [] if found == "ok" else [Problem("database", None, "file", str(found))]


# The chain.


def _lines(store: SqlStore) -> Iterator[Row[Any]]:
    after = -1
    while True:
        query = select(LEDGER).where(LEDGER.c.project == store.number, LEDGER.c.seq > after)
        with store.database.reading() as connection:
            page = connection.execute(query.order_by(LEDGER.c.seq).limit(PAGE)).all()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].seq


def _check_chain(store: SqlStore) -> tuple[list[Problem], int, Sha256]:
    with store.database.reading() as connection:
        head = connection.execute(select(HEAD).where(HEAD.c.project == store.number)).one()
    digest, count = GENESIS, 0
    for row in _lines(store):
        if row.seq > head.seq:
            break  # written since we looked
        if row.seq != count + 1:
            return [Problem("ledger", count + 1, "seq", f"the event is missing, the next is {row.seq}")], count, digest
        if row.prev != digest or _hash(row, digest) != row.hash:
            return [_name_change(store, row, digest, head)], count, digest
        digest, count = row.hash, row.seq
    if count < head.seq:
        return [Problem("ledger", count + 1, "seq", f"missing, though the head is {head.seq}")], count, digest
    if head.hash != digest:
        return [Problem("head", head.seq, "hash", f"is {head.hash}, the ledger ends with {digest}")], count, digest
    return [], count, digest


def _fields(row: Row[Any]) -> list[tuple[str, bytes]]:
    """The parts of the canonical line, separators included; together they are what was hashed."""
    names = ("seq", "kind", "v", "key", "at", "actor")
    parts = [(name, canonical_json(getattr(row, name)).encode() + b",") for name in names]
    parts[0] = ("seq", b"[" + parts[0][1])
    body = row.body if isinstance(row.body, bytes) else str(row.body).encode("utf-8", "surrogateescape")
    return [*parts, ("body", body + b"]")]


def _hash(row: Row[Any], prev: Sha256) -> Sha256:
    return hashlib.sha256(prev.encode() + b"".join(part for _, part in _fields(row))).hexdigest()


def _name_change(store: SqlStore, row: Row[Any], prev: Sha256, head: Row[Any]) -> Problem:
    """Find out which field of the first wrong line was changed."""
    computed = _hash(row, prev)
    if computed == row.hash:
        return Problem("ledger", row.seq, "prev", f"is {row.prev}, the event before has the hash {prev}")
    following = next((other.prev for other in _lines(store) if other.seq == row.seq + 1), head.hash)
    if computed == following:
        return Problem("ledger", row.seq, "hash", f"is {row.hash}, the next line remembers {following}")
    changed = _find_byte(row, prev)
    if changed is not None:
        return Problem("ledger", row.seq, *changed)
    return Problem("ledger", row.seq, "kind, v, key, at, actor or body", f"the line does not have the hash {row.hash}")


def _find_byte(row: Row[Any], prev: Sha256) -> tuple[str, str] | None:
    """Return the field and the words for the single byte whose change would explain the wrong hash."""
    fields = _fields(row)
    line = b"".join(part for _, part in fields)
    if len(line) > _SEARCHED:
        return None
    before = hashlib.sha256(prev.encode())
    for place, now in enumerate(line):
        rest = line[place + 1 :]
        for was in range(256):
            attempt = before.copy()
            attempt.update(bytes([was]) + rest)
            if attempt.hexdigest() == row.hash:
                return _name_byte(fields, place, was=was, now=now)
        before.update(bytes([now]))
    return None


def _name_byte(fields: list[tuple[str, bytes]], place: int, *, was: int, now: int) -> tuple[str, str]:
    for name, part in fields:
        if place < len(part):
            return name, f"byte {place} is {bytes([now])!r}, it was written as {bytes([was])!r}"
        place -= len(part)
    raise AssertionError("the byte lies in the line")


# The artefacts.


def _check_artefacts(store: SqlStore) -> tuple[int, list[Problem]]:
    seen: set[Sha256] = set()
    for recorded in store.events():
        waiting = [(field, name) for field, name in named(recorded.event)]
        while waiting:
            field, name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            try:
                store.artefacts.check(name)
                needed, mentioned = children(store.artefacts, name)
            except (NotFound, Damaged) as error:
                problem = Problem("artefact", name, f"{field} of event {recorded.seq}", error.message)
                return len(seen), [problem]
            waiting += [(field, other) for other in sorted(needed | mentioned)]
    return len(seen), []


# The views.


def _check_views(store: SqlStore) -> list[Problem]:
    """Compare each view with a replay of the ledger, both at the same instant: people may go on meanwhile."""
    try:
        folded, seq = replay(store)
        with store.database.reading() as connection:
            _catch_up(store, connection, folded, seq)
            return _compare_all(store, connection, folded)
    except QueristError as error:
        return [Problem("ledger", None, "replay", error.message)]


def _catch_up(store: SqlStore, connection: Connection, folded: Tables, seq: int) -> None:
    """Apply what was written during the replay, up to the instant that the transaction sees."""
    query = select(LEDGER).where(LEDGER.c.project == store.number, LEDGER.c.seq > seq).order_by(LEDGER.c.seq)
    for row in connection.execute(query).all():
        recorded = read_line(row)
        apply(folded, recorded, attached(recorded.event, store.artefacts))


def _compare_all(store: SqlStore, connection: Connection, folded: Tables) -> list[Problem]:
    problems = []
    size = connection.execute(select(HEAD.c.size).where(HEAD.c.project == store.number)).scalar_one()
    if size != folded.size:
        problems.append(Problem("head", None, "size", f"is {size}, a replay gives {folded.size}"))
    for name, rows in tables.dump(folded).items():
        table = METADATA.tables[name]
        keys = [column.name for column in table.primary_key if column.name != "project"]
        expected = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
        problems += _compare(store, connection, table, keys, expected)
    imported = islice(imported_items(store), folded.size)
    items = ({**row, "state": folded.states.get(row["id"], "unlabelled")} for row in imported)
    problems += _compare(store, connection, ITEM, ["row"], items, below=folded.size)
    return problems


def _compare(
    store: SqlStore,
    connection: Connection,
    table: Table,
    keys: list[str],
    expected: Iterable[Mapping[str, Any]],
    *,
    below: int | None = None,
) -> list[Problem]:
    """Return the first difference between a table and what a replay gives, both in the order of the keys."""
    query = select(table).where(table.c.project == store.number)
    if below is not None:
        query = query.where(table.c.row < below)
    query = query.order_by(*(table.c[key] for key in keys)).execution_options(stream_results=True)
    with connection.execute(query) as found:
        for stored, wanted in zip_longest(found.mappings(), expected):
            # No key at all stands behind every key.
            here = (stored is None, [] if stored is None else [stored[key] for key in keys])
            there = (wanted is None, [] if wanted is None else [wanted[key] for key in keys])
            if stored is None or there < here:
                return [Problem(table.name, json.dumps(there[1]), "row", "is missing")]
            if wanted is None or here < there:
                return [Problem(table.name, json.dumps(here[1]), "row", "is not in the ledger")]
            for field, value in wanted.items():
                if stored[field] != value:
                    return [Problem(table.name, json.dumps(here[1]), field, f"is {stored[field]!r}, not {value!r}")]
    return []
