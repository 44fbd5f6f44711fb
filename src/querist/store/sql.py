"""A project's memory in a database: SQLite in its folder, or PostgreSQL for a team."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from querist.events import (
    AnswerSubmitted,
    BatchSelected,
    Event,
    PoolImported,
    Recorded,
)
from querist.store import answers, jobs, lines, projects, queue, tables, views
from querist.store import items as shelf
from querist.store.artefacts import FileArtefacts
from querist.store.database import Database
from querist.store.dialect import batches, forget
from querist.store.erasing import derived_from
from querist.store.ledger import Line, check_same, overtaken, write_line
from querist.store.memory import check_size, counts, wall_clock
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
from querist.store.schema import CONTENT, LEASE, QUEUE
from querist.types import Answer, Array, Content, ItemId, Json, Lane, Sha256

DEFAULT_URL: Final = "sqlite:///querist.db"
_DAY: Final = 86_400_000_000


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
                made = projects.make(connection, name, project or str(uuid.uuid4()), clock())
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
                found = projects.find(connection, project)
                if not moved:
                    projects.refuse_moved(projects.head(connection, found.number).moved)
        except BaseException:
            if isinstance(url, str):
                database.close()
            raise
        return cls(database, found.number, found.id, FileArtefacts(Path(root) / "artefacts"), clock)

    @property
    def shared(self) -> bool:
        """Whether servers and workers of several machines may have the project open."""
        return self.database.shared

    # The ledger.

    def append(
        self, key: str, event: Event, *, actor: str = "engine", read: int | None = None
    ) -> tuple[Recorded, bool]:
        """Append the event and update the views; see `protocol.Store`."""
        new = _New(key, event, actor, views.attached(event, self.artefacts))
        with self.database.writing() as connection:
            # Before looking: two workers that write the same key must not both find nothing.
            head = self._lock(connection)
            known = lines.find(connection, self.number, key)
            if known is not None:
                check_same(known, event, actor)
                return known, False
            later = None if read is None or head.seq == read else self._later(connection, head, event, actor, read)
            if later is not None:
                raise overtaken(event, actor, later)
            return self._write(connection, head, [new])[0], True

    def _later(self, connection: Connection, head: Any, event: Event, actor: str, read: int) -> int | None:
        """Return the seq of what the writer should have known, if there is such an event."""
        if isinstance(event, AnswerSubmitted):
            return answers.first_after(connection, self.number, event.item, actor, read)
        seq: int = head.seq
        return seq

    def append_many(self, events: Iterable[NewEvent]) -> int:
        """Append events in one transaction; known keys are passed over. Return how many were new."""
        count = 0
        with self.database.writing() as connection:
            self._lock(connection)
            for some in batches(events, lines.PAGE):
                known = lines.known(connection, self.number, [event.key for event in some])
                fresh = {event.key: event for event in reversed(some) if event.key not in known}
                ordered = [event for event in some if fresh.get(event.key) is event]
                if ordered:
                    self._write(
                        connection,
                        projects.head(connection, self.number),
                        [_New(n.key, n.event, n.actor, views.attached(n.event, self.artefacts)) for n in ordered],
                    )
                count += len(ordered)
        return count

    def _write(self, connection: Connection, head: Any, new: Sequence[_New]) -> list[Recorded]:
        seq, prev, size = head.seq, head.hash, head.size
        changes = tables.load(connection, self.number, size, [(one.event, one.extra) for one in new])
        written: list[Line] = []
        for one in new:
            if isinstance(one.event, PoolImported) and one.event.role == "pool":
                check_size(one.event, shelf.kept(connection, self.number))
            seq += 1
            line = write_line(one.event, seq=seq, key=one.key, at=self._clock(), actor=one.actor, prev=prev)
            prev = line.recorded.hash
            views.apply(changes, line.recorded, one.extra)
            written.append(line)
        lines.add(connection, self.number, written)
        tables.save(connection, self.number, changes)
        recorded = [line.recorded for line in written]
        queue.end(connection, self.number, recorded)
        if any(isinstance(one.event, BatchSelected) for one in new):
            queue.sweep(connection, before=self._clock() - _DAY)
        projects.set_head(connection, self.number, seq, prev, changes.size)
        return recorded

    def events(
        self, after: int = 0, *, through: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Recorded]:
        """Yield the events behind `after`, up to `through`, of some kinds; no transaction stays open meanwhile."""
        while True:
            with self.database.reading() as connection:
                page = lines.page(connection, self.number, after=after, through=through, kinds=kinds)
            yield from map(lines.read, page)
            if len(page) < lines.PAGE:
                return
            after = page[-1].seq

    def find(self, key: str) -> Recorded | None:
        """Return the event under a key; it is on the disk by then: who asks tells somebody that it is kept."""
        with self.database.reading() as connection:
            found = lines.find(connection, self.number, key)
        if found is not None:
            self.database.flush()
        return found

    def head(self) -> tuple[int, Sha256]:
        """Return the last seq and its hash."""
        with self.database.reading() as connection:
            head = projects.head(connection, self.number)
            return head.seq, head.hash

    def history(self, item: ItemId) -> list[Recorded]:
        """Return the events of people about an item, by seq."""
        with self.database.reading() as connection:
            return lines.about(connection, self.number, item)

    # Items.

    def add_items(self, rows: Iterable[ItemRow]) -> None:
        """Keep items and their content, a few thousand in each transaction, so that people need not wait."""
        for some in batches(rows, 2 * lines.PAGE):
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

    def reserve(self, below: float) -> list[tuple[int, ItemId]]:
        """Return (row, item) of the announced items with `u_eval` below a number, in its order, withdrawn ones too."""
        with self.database.reading() as connection:
            return shelf.reserve(connection, self.number, below)

    def u_eval(self, item: ItemId) -> float:
        """Return the number that says whether an item belongs to the reserve; NotFound for an unknown one."""
        with self.database.reading() as connection:
            return shelf.u_eval(connection, self.number, item)

    def contents(self, items: Sequence[ItemId]) -> list[Content | None]:
        """Return what people see of items; None where it was erased."""
        with self.database.reading() as connection:
            numbers = shelf.rows(connection, self.number, items).tolist()
            return shelf.contents(connection, self.number, numbers)

    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield contents of rows start to stop in row order, a page at a time."""
        with self.database.reading() as connection:
            stop = min(stop, shelf.kept(connection, self.number))
        for first in range(start, stop, lines.PAGE):
            with self.database.reading() as connection:
                page = list(shelf.page_of_contents(connection, self.number, first, min(stop, first + lines.PAGE)))
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
        with self.database.reading() as connection:
            return answers.in_force(connection, self.number, through=through, items=items)

    def decisions(self, *, through: int | None = None) -> dict[ItemId, Decision]:
        """Return what reviewers had decided when the ledger's head was `through`."""
        with self.database.reading() as connection:
            return answers.decisions(connection, self.number, through=through)

    def picked(self, item: ItemId) -> list[Picked]:
        """Return every batch that asked for an item, and why."""
        with self.database.reading() as connection:
            return answers.picked(connection, self.number, item)

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

    def lock(self, connection: Connection) -> Any:
        """Let one at a time append and decide who gets what, until the transaction ends; return the head."""
        return projects.lock(connection, self.number)

    def _lock(self, connection: Connection) -> Any:
        head = self.lock(connection)
        projects.refuse_moved(head.moved)
        return head

    # Steps.

    def claim(self, step: str, owner: str) -> bool:
        """Take a step if nobody else has a live claim."""
        with self.database.writing(durable=False) as connection:
            return jobs.claim(connection, self.number, step, owner, now=self._clock())

    def heartbeat(self, step: str, owner: str) -> None:
        """Say that the owner is still at it."""
        with self.database.writing(durable=False) as connection:
            jobs.heartbeat(connection, self.number, step, owner, now=self._clock())

    def unclaim(self, step: str, owner: str) -> None:
        """Let go of a step, if the owner still has it."""
        with self.database.writing(durable=False) as connection:
            jobs.unclaim(connection, self.number, step, owner)

    def jobs(self) -> list[Job]:
        """Return all claims."""
        with self.database.reading() as connection:
            return jobs.all_claims(connection, self.number)

    # Pages.

    def status_counts(self) -> Json:
        """Return counts for pages."""
        waiting = select(func.count()).select_from(QUEUE).where(QUEUE.c.project == self.number, queue.WAITING)
        out = select(func.count()).select_from(LEASE).where(LEASE.c.project == self.number)
        with self.database.reading() as connection:
            lanes, people = answers.count(connection, self.number)
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
