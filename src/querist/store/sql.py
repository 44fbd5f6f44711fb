"""A project's memory in a database: SQLite in its folder, or PostgreSQL for a team."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, delete, func, insert, or_, select, update

from querist.errors import BadValue, Conflict, NotFound
from querist.events import (
    GENESIS,
    AnswerSubmitted,
    BatchSelected,
    Event,
    ItemWithdrawn,
    PoolImported,
    Recorded,
    from_json,
)
from querist.store import items as shelf
from querist.store import queue, tables, views
from querist.store.artefacts import FileArtefacts
from querist.store.database import Database
from querist.store.dialect import batches, forget, insert_if_new, insert_rows
from querist.store.erasing import derived_from
from querist.store.ledger import Line, check_same, overtaken, write_line
from querist.store.memory import CLAIM_SECONDS, check_size, counts, taken_over, wall_clock
from querist.store.protocol import (
    Arrange,
    Decision,
    Erased,
    ItemRow,
    Job,
    Lease,
    NewEvent,
    Picked,
    PoolTable,
    QueueEntry,
)
from querist.store.schema import ANSWER, CONTENT, DECISION, HEAD, JOB, LEASE, LEDGER, PICK, PROJECT, QUEUE
from querist.types import Answer, Array, Content, ItemId, Json, Lane, Sha256

PAGE: Final = 1_000
DEFAULT_URL: Final = "sqlite:///querist.db"
_DAY: Final = 86_400_000_000

# Statements of the hot path are made once: putting one together costs more than running it.
_HEAD: Final = select(HEAD.c.seq, HEAD.c.hash, HEAD.c.size, HEAD.c.moved).where(HEAD.c.project == bindparam("of"))
_LOCKED_HEAD: Final = _HEAD.with_for_update()
_NEW_HEAD: Final = (
    update(HEAD)
    .where(HEAD.c.project == bindparam("of"))
    .values(seq=bindparam("last"), hash=bindparam("its_hash"), size=bindparam("items"))
)
_LINE_OF_KEY: Final = select(LEDGER).where(LEDGER.c.project == bindparam("of"), LEDGER.c.key == bindparam("wanted"))
_ANSWERED_SINCE: Final = (
    select(ANSWER.c.seq)
    .where(ANSWER.c.project == bindparam("of"), ANSWER.c.item == bindparam("item"))
    .where(ANSWER.c.person == bindparam("by"), ANSWER.c.seq > bindparam("read"))
    .limit(1)
)
_PICKED: Final = (
    select(PICK).where(PICK.c.project == bindparam("of"), PICK.c.item == bindparam("item")).order_by(PICK.c.seq)
)


@functools.cache
def _lines(*, to_a_point: bool, of_kinds: bool) -> Select[Any]:
    query = select(LEDGER).where(LEDGER.c.project == bindparam("of"), LEDGER.c.seq > bindparam("after"))
    if to_a_point:
        query = query.where(LEDGER.c.seq <= bindparam("through"))
    if of_kinds:
        query = query.where(LEDGER.c.kind.in_(bindparam("kinds", expanding=True)))
    return query.order_by(LEDGER.c.seq).limit(PAGE)


@dataclass(frozen=True, slots=True)
class _New:
    key: str
    event: Event
    actor: str
    extra: views.Attached


class SqlStore:
    """One project in a database. Safe to use from several threads, and from several processes at once.

    Open it with `SqlStore.create` or `SqlStore.open`. A process that forks must open its own.

    >>> store = SqlStore.create("sqlite://", name="reviews")
    >>> store.head()[0]
    0
    >>> store.close()
    """

    def __init__(
        self, database: Database, number: int, project: str, artefacts: FileArtefacts, clock: Callable[[], int]
    ) -> None:
        self.database = database
        self.number = number
        self.project = project
        self.artefacts = artefacts
        self._clock = clock
        self._pool: PoolTable | None = None

    @classmethod
    def create(
        cls,
        url: str | Database = DEFAULT_URL,
        *,
        name: str,
        root: Path | str = ".",
        project: str | None = None,
        clock: Callable[[], int] = wall_clock,
    ) -> SqlStore:
        """Make a project, and the database where there is none; one that was made and never begun is taken up.

        Args:
            url: where the ledger lives (a relative SQLite path is taken from `root`), or an open database.
            name: what people call the project; one of its kind in a database.
            root: the project's folder; artefacts lie below it.
            project: its id; a new UUID if not given.
            clock: gives UTC microseconds; for tests.

        Raises:
            Conflict: the database has a project of that name or id, and something happened in it.
        """
        database = Database(url, root=Path(root), create=True) if isinstance(url, str) else url
        try:
            with database.writing() as connection:
                made = _make_project(connection, name, project or str(uuid.uuid4()), clock())
        except BaseException:
            if isinstance(url, str):
                database.close()
            raise
        return cls(database, made.number, made.id, FileArtefacts(Path(root) / "artefacts"), clock)

    @classmethod
    def open(
        cls,
        url: str | Database = DEFAULT_URL,
        *,
        root: Path | str = ".",
        project: str | None = None,
        clock: Callable[[], int] = wall_clock,
        moved: bool = False,
    ) -> SqlStore:
        """Open a project by its id or name; without either, the only one of the database.

        One that was moved elsewhere opens only with `moved`, to be read.

        Raises:
            NotFound: there is no such database or project.
            BadValue: there are several, and none was named.
            Conflict: it was moved to another database.
            NewerVersion: a newer Querist wrote the database.
        """
        database = Database(url, root=Path(root)) if isinstance(url, str) else url
        try:
            with database.reading() as connection:
                found = _find_project(connection, project)
                if not moved:
                    query = select(HEAD.c.moved).where(HEAD.c.project == found.number)
                    _refuse_moved(connection.execute(query).scalar_one())
        except BaseException:
            if isinstance(url, str):
                database.close()
            raise
        return cls(database, found.number, found.id, FileArtefacts(Path(root) / "artefacts"), clock)

    @property
    def shared(self) -> bool:
        """Whether servers and workers of several machines may have the project open."""
        return self.database.engine.dialect.name == "postgresql"

    # The ledger.

    def append(
        self, key: str, event: Event, *, actor: str = "engine", read: int | None = None
    ) -> tuple[Recorded, bool]:
        """Append the event and update the views; see `protocol.Store`."""
        new = _New(key, event, actor, views.attached(event, self.artefacts))
        with self.database.writing() as connection:
            # Before looking: two workers that write the same key must not both find nothing.
            head = self._lock(connection)
            known = self._find(connection, key)
            if known is not None:
                check_same(known, event, actor)
                return known, False
            if read is not None and isinstance(event, AnswerSubmitted):
                self._check_read(connection, event, actor, read)
            return self._write(connection, head, [new])[0], True

    def _check_read(self, connection: Connection, event: AnswerSubmitted, actor: str, read: int) -> None:
        mine = {"of": self.number, "item": event.item, "by": actor, "read": read}
        seq = connection.execute(_ANSWERED_SINCE, mine).scalar_one_or_none()
        if seq is not None:
            raise overtaken(event, actor, seq)

    def append_many(self, events: Iterable[NewEvent]) -> int:
        """Append events in one transaction; known keys are passed over. Return how many were new."""
        count = 0
        with self.database.writing() as connection:
            self._lock(connection)
            for some in batches(events, PAGE):
                query = select(LEDGER.c.key).where(
                    LEDGER.c.project == self.number, LEDGER.c.key.in_([event.key for event in some])
                )
                known = set(connection.execute(query).scalars())
                fresh = {event.key: event for event in reversed(some) if event.key not in known}
                ordered = [event for event in some if fresh.get(event.key) is event]
                if ordered:
                    self._write(
                        connection,
                        self._lock(connection),
                        [_New(n.key, n.event, n.actor, views.attached(n.event, self.artefacts)) for n in ordered],
                    )
                count += len(ordered)
        return count

    def _write(self, connection: Connection, head: Row[Any], new: Sequence[_New]) -> list[Recorded]:
        seq, prev, size = head.seq, head.hash, head.size
        changes = tables.load(connection, self.number, size, [(one.event, one.extra) for one in new])
        lines: list[Line] = []
        for one in new:
            if isinstance(one.event, PoolImported) and one.event.role == "pool":
                check_size(one.event, shelf.kept(connection, self.number))
            seq += 1
            line = write_line(one.event, seq=seq, key=one.key, at=self._clock(), actor=one.actor, prev=prev)
            prev = line.recorded.hash
            views.apply(changes, line.recorded, one.extra)
            lines.append(line)
        insert_rows(connection, LEDGER, [{"project": self.number, **_line_row(line)} for line in lines])
        tables.save(connection, self.number, changes)
        recorded = [line.recorded for line in lines]
        queue.end(connection, self.number, recorded)
        if any(isinstance(one.event, BatchSelected) for one in new):
            queue.sweep(connection, before=self._clock() - _DAY)
        connection.execute(_NEW_HEAD, {"of": self.number, "last": seq, "its_hash": prev, "items": changes.size})
        return recorded

    def events(
        self, after: int = 0, *, through: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Recorded]:
        """Yield the events behind `after`, up to `through`, of some kinds; no transaction stays open meanwhile."""
        query = _lines(to_a_point=through is not None, of_kinds=kinds is not None)
        wanted = {"of": self.number, "through": through, "kinds": kinds}
        while True:
            with self.database.reading() as connection:
                page = connection.execute(query, {**wanted, "after": after}).all()
            for row in page:
                yield read_line(row)
            if len(page) < PAGE:
                return
            after = page[-1].seq

    def find(self, key: str) -> Recorded | None:
        """Return the event under a key."""
        with self.database.reading() as connection:
            return self._find(connection, key)

    def _find(self, connection: Connection, key: str) -> Recorded | None:
        row = connection.execute(_LINE_OF_KEY, {"of": self.number, "wanted": key}).one_or_none()
        return None if row is None else read_line(row)

    def head(self) -> tuple[int, Sha256]:
        """Return the last seq and its hash."""
        with self.database.reading() as connection:
            row = connection.execute(_HEAD, {"of": self.number}).one()
            return row.seq, row.hash

    def history(self, item: ItemId) -> list[Recorded]:
        """Return the events of people about an item, by seq."""
        with self.database.reading() as connection:
            seqs: set[int] = set()
            for table in (ANSWER, DECISION):
                query = select(table.c.seq, table.c.until).where(table.c.project == self.number, table.c.item == item)
                for row in connection.execute(query):
                    seqs.update(seq for seq in row if seq is not None)
            # Two look-ups: one for both would read the whole ledger.
            mine = LEDGER.c.project == self.number
            rows: list[Row[Any]] = []
            for some in batches(sorted(seqs)):
                rows += connection.execute(select(LEDGER).where(mine, LEDGER.c.seq.in_(some))).all()
            rows += connection.execute(select(LEDGER).where(mine, LEDGER.c.kind == ItemWithdrawn.kind)).all()
        events = sorted(map(read_line, rows), key=lambda line: line.seq)
        return [e for e in events if not isinstance(e.event, ItemWithdrawn) or e.event.item == item]

    # Items.

    def add_items(self, rows: Iterable[ItemRow]) -> None:
        """Keep items and their content, a few thousand in each transaction, so that people need not wait."""
        for some in batches(rows, 2 * PAGE):
            with self.database.writing() as connection:
                self._lock(connection)
                shelf.add(connection, self.number, some)

    def pool(self) -> PoolTable:
        """Return the whole pool as columns in row order; kept between calls while no item joins."""
        with self.database.reading() as connection:
            announced = shelf.size(connection, self.number)
            if self._pool is None or len(self._pool) != announced:
                self._pool = shelf.pool(connection, self.number)
            pool, gone = self._pool, shelf.withdrawn(connection, self.number)
        withdrawn = pool.withdrawn.copy()
        withdrawn[gone[gone < announced]] = True
        return replace(pool, withdrawn=withdrawn)

    def rows(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items; NotFound names the first unknown one."""
        with self.database.reading() as connection:
            return shelf.rows(connection, self.number, items)

    def contents(self, items: Sequence[ItemId]) -> list[Content | None]:
        """Return what people see of items; None where it was erased."""
        with self.database.reading() as connection:
            numbers = shelf.rows(connection, self.number, items).tolist()
            return shelf.contents(connection, self.number, numbers)

    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield contents of rows start to stop in row order, a page at a time."""
        with self.database.reading() as connection:
            stop = min(stop, shelf.kept(connection, self.number))
        for first in range(start, stop, PAGE):
            with self.database.reading() as connection:
                page = list(shelf.page_of_contents(connection, self.number, first, min(stop, first + PAGE)))
            yield from page

    def erase(self, item: ItemId) -> Erased:
        """Remove an item's content from the database file, and say what was made of it."""
        with self.database.writing() as connection:
            row = int(shelf.rows(connection, self.number, [item])[0])
            content = shelf.contents(connection, self.number, [row])[0]
            connection.execute(delete(CONTENT).where(CONTENT.c.project == self.number, CONTENT.c.row == row))
        forget(self.database.engine, CONTENT.name)
        return derived_from(self, item, row, content)

    def states(self, items: Sequence[ItemId]) -> list[str]:
        """Return each item's state."""
        with self.database.reading() as connection:
            return shelf.states(connection, self.number, items)

    def find_items(self, *, state: str | None = None, after: int = -1, limit: int = 50) -> list[tuple[int, ItemId]]:
        """Return (row, item) in row order from behind row `after`, only those in a state if it is given."""
        with self.database.reading() as connection:
            return shelf.find(connection, self.number, state=state, after=after, limit=limit)

    # Answers.

    def answers(self, *, through: int | None = None, items: Sequence[ItemId] | None = None) -> list[Answer]:
        """Return the answers in force when the ledger's head was `through`, by seq."""
        query = select(
            ANSWER.c.seq, ANSWER.c.item, ANSWER.c.person, ANSWER.c.outcome, ANSWER.c.value, ANSWER.c.lane
        ).where(ANSWER.c.project == self.number)
        if through is None:
            query = query.where(ANSWER.c.until.is_(None))
        else:
            query = query.where(ANSWER.c.seq <= through, or_(ANSWER.c.until.is_(None), ANSWER.c.until > through))
        found: list[Answer] = []
        with self.database.reading() as connection:
            for some in [None] if items is None else batches(dict.fromkeys(items)):
                # Sorted below where items are given: asked for an order, SQLite would read all answers in that order.
                page = query.order_by(ANSWER.c.seq) if some is None else query.where(ANSWER.c.item.in_(some))
                for seq, item, person, outcome, value, lane in connection.execute(page):
                    found.append(Answer(seq, item, person, outcome, json.loads(value), lane))
        return found if items is None else sorted(found, key=lambda answer: answer.seq)

    def decisions(self, *, through: int | None = None) -> dict[ItemId, Decision]:
        """Return what reviewers had decided when the ledger's head was `through`."""
        query = select(DECISION).where(DECISION.c.project == self.number)
        if through is None:
            query = query.where(DECISION.c.until.is_(None))
        else:
            query = query.where(DECISION.c.seq <= through, or_(DECISION.c.until.is_(None), DECISION.c.until > through))
        with self.database.reading() as connection:
            rows = connection.execute(query.order_by(DECISION.c.seq)).all()
        return {row.item: tables.read_decision(row).decision() for row in rows}

    def picked(self, item: ItemId) -> list[Picked]:
        """Return every batch that asked for an item, and why."""
        with self.database.reading() as connection:
            return [tables.read_pick(row) for row in connection.execute(_PICKED, {"of": self.number, "item": item})]

    # The queue.

    def queue(self) -> list[QueueEntry]:
        """Return the items that still want an opinion, in the order of serving."""
        with self.database.reading() as connection:
            return queue.waiting(connection, self.number)

    def leases(self) -> list[Lease]:
        """Return the leases that have not expired."""
        with self.database.reading() as connection:
            return queue.live(connection, self.number, now=self._clock())

    def find_lease(self, lease: str) -> Lease | None:
        """Return a lease that has not expired."""
        with self.database.reading() as connection:
            return queue.find(connection, self.number, lease, now=self._clock())

    def at_once(self) -> AbstractContextManager[object]:
        """Read from one instant, in one transaction, whatever this thread reads inside."""
        return self.database.reading()

    def lease(
        self, person: str, n: int, *, held: Sequence[str] = (), seconds: int = 600, arrange: Arrange | None = None
    ) -> list[Lease]:
        """Give a person up to n items in all: those still held, then the first of the queue that are free."""
        now = self._clock()
        with self.database.writing(durable=False) as connection:
            self._lock(connection)
            until = now + seconds * 1_000_000
            return queue.give(connection, self.number, person, n, held=held, now=now, until=until, arrange=arrange)

    def lease_item(self, person: str, item: ItemId, *, lane: Lane, round_: int, seconds: int = 600) -> Lease | None:
        """Give a person one item out of turn; None while somebody else has it."""
        now = self._clock()
        with self.database.writing(durable=False) as connection:
            self._lock(connection)
            new = Lease(uuid.uuid4().hex, item, person, now + seconds * 1_000_000, lane=lane, round=round_)
            return queue.give_one(connection, self.number, new, now=now)

    def renew(self, lease: str, person: str, *, seconds: int = 600) -> Lease:
        """Renew a lease, also an expired one while its item is still wanted."""
        now = self._clock()
        with self.database.writing(durable=False) as connection:
            self._lock(connection)
            return queue.renew(connection, self.number, lease, person, now=now, until=now + seconds * 1_000_000)

    def release(self, lease: str, person: str) -> None:
        """Give an item back."""
        with self.database.writing(durable=False) as connection:
            queue.release(connection, self.number, lease, person)

    def lock(self, connection: Connection) -> Row[Any]:
        """Let one at a time append and decide who gets what, until the transaction ends; return the head."""
        return connection.execute(_LOCKED_HEAD, {"of": self.number}).one()

    def _lock(self, connection: Connection) -> Row[Any]:
        head = self.lock(connection)
        _refuse_moved(head.moved)
        return head

    # Steps.

    def claim(self, step: str, owner: str) -> bool:
        """Take a step if nobody else has a live claim."""
        now = self._clock()
        row = {"project": self.number, "step": step, "owner": owner, "heartbeat_at": now}
        with self.database.writing() as connection:
            if insert_if_new(connection, JOB, row):
                return True
            patience = CLAIM_SECONDS * 1_000_000
            # A heartbeat of the future is one from before the clock went back.
            stale = or_(
                JOB.c.owner == owner, JOB.c.heartbeat_at <= now - patience, JOB.c.heartbeat_at >= now + patience
            )
            return connection.execute(update(JOB).where(self._job(step), stale).values(row)).rowcount == 1

    def heartbeat(self, step: str, owner: str) -> None:
        """Say that the owner is still at it."""
        mine = update(JOB).where(self._job(step), JOB.c.owner == owner)
        with self.database.writing() as connection:
            if connection.execute(mine.values(heartbeat_at=self._clock())).rowcount == 0:
                raise taken_over(step, owner)

    def unclaim(self, step: str, owner: str) -> None:
        """Let go of a step, if the owner still has it."""
        with self.database.writing() as connection:
            connection.execute(delete(JOB).where(self._job(step), JOB.c.owner == owner))

    def jobs(self) -> list[Job]:
        """Return all claims."""
        query = select(JOB.c.step, JOB.c.owner, JOB.c.heartbeat_at).where(JOB.c.project == self.number)
        with self.database.reading() as connection:
            return [Job(*row) for row in connection.execute(query)]

    def _job(self, step: str) -> Any:
        return (JOB.c.project == self.number) & (JOB.c.step == step)

    # Pages.

    def status_counts(self) -> Json:
        """Return counts for pages."""
        by_lane = select(ANSWER.c.lane, ANSWER.c.person, func.count()).where(
            ANSWER.c.project == self.number, ANSWER.c.until.is_(None)
        )
        waiting = select(func.count()).select_from(QUEUE).where(QUEUE.c.project == self.number, queue.WAITING)
        out = select(func.count()).select_from(LEASE).where(LEASE.c.project == self.number)
        lanes: dict[str, int] = {}
        people: dict[str, int] = {}
        with self.database.reading() as connection:
            for lane, person, count in connection.execute(by_lane.group_by(ANSWER.c.lane, ANSWER.c.person)):
                lanes[lane or "none"] = lanes.get(lane or "none", 0) + count
                people[person] = people.get(person, 0) + count
            return counts(
                items=shelf.size(connection, self.number),
                states=shelf.count_states(connection, self.number),
                lanes=lanes,
                people=people,
                queue=connection.execute(waiting).scalar_one(),
                leases=connection.execute(out.where(LEASE.c.expires_at > self._clock())).scalar_one(),
            )

    def close(self) -> None:
        """Let go of all connections."""
        self.database.close()


def read_line(row: Row[Any]) -> Recorded:
    """Return the event of a ledger row."""
    event = from_json(row.kind, json.loads(row.body), version=row.v)
    return Recorded(row.seq, row.key, row.at, row.actor, event, row.prev, row.hash)


def _line_row(line: Line) -> dict[str, Any]:
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


def _make_project(connection: Connection, name: str, project: str, now: int) -> Row[Any]:
    row = {"id": project, "name": name, "created": now}
    made = insert_if_new(connection, PROJECT, row)
    same = or_(PROJECT.c.name == name, PROJECT.c.id == project)
    found = connection.execute(select(PROJECT).where(same)).all()
    if made:
        connection.execute(insert(HEAD).values(project=found[0].number, seq=0, hash=GENESIS, size=0, moved=None))
    elif len(found) > 1 or connection.execute(_HEAD, {"of": found[0].number}).one().seq > 0:
        raise Conflict(f"there is a project {name!r} already", field="name", value=name)
    return found[0]


def _refuse_moved(moved: str | None) -> None:
    if moved is not None:
        raise Conflict(
            f"the project was moved to {moved}; querist.toml must say so: `querist move` again finishes it",
            field="store.url",
            value=moved,
        )


def _find_project(connection: Connection, project: str | None) -> Row[Any]:
    query = select(PROJECT).order_by(PROJECT.c.number)
    if project is not None:
        query = query.where(or_(PROJECT.c.id == project, PROJECT.c.name == project))
    found = connection.execute(query).all()
    if len(found) == 1:
        return found[0]
    names = list(connection.execute(select(PROJECT.c.name)).scalars())
    if not found:
        raise NotFound(f"there is no project {project!r} here", field="project", value=project, choices=names)
    raise BadValue("project", project, "there are several: name one", choices=names)
