"""A project's memory in this process: for simulations, `ActiveLearner` and tests. Gone when the process ends."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import numpy as np

from querist.errors import Busy, Conflict, Denied, NotFound
from querist.events import (
    GENESIS,
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    Event,
    ItemWithdrawn,
    PoolImported,
    Recorded,
    chain_hash,
)
from querist.store import views
from querist.store.erasing import derived_from
from querist.store.ledger import check_same, overtaken
from querist.store.memory_artefacts import MemoryArtefacts
from querist.store.memory_items import MemoryItems
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
from querist.types import Answer, Array, Content, ItemId, Json, Lane, Sha256

CLAIM_SECONDS: Final = 30


def wall_clock() -> int:
    """Return the time in UTC microseconds."""
    return time.time_ns() // 1000


class Linked(Recorded):
    """An event whose place in the chain is worked out when somebody looks: a simulation never does."""

    __slots__ = ("_chain",)

    def __init__(self, seq: int, key: str, at: int, actor: str, event: Event, chain: _Chain) -> None:
        write = object.__setattr__
        write(self, "seq", seq)
        write(self, "key", key)
        write(self, "at", at)
        write(self, "actor", actor)
        write(self, "event", event)
        write(self, "_chain", chain)

    def __getattr__(self, name: str) -> Any:
        # Called for the two slots that `__init__` leaves empty.
        if name not in ("prev", "hash"):
            raise AttributeError(name)
        chain: _Chain = self._chain
        return chain.hash(self.seq - 1 if name == "prev" else self.seq)


class _Chain:
    """The hashes of a list of events, made on demand."""

    def __init__(self, events: list[Recorded]) -> None:
        self._events = events
        self._hashes = [GENESIS]

    def hash(self, seq: int) -> Sha256:
        for event in self._events[len(self._hashes) - 1 : seq]:
            self._hashes.append(
                chain_hash(
                    self._hashes[-1],
                    seq=event.seq,
                    kind=event.event.kind,
                    version=event.event.version,
                    key=event.key,
                    at=event.at,
                    actor=event.actor,
                    body=event.event.to_json(),
                )
            )
        return self._hashes[seq]


class MemoryStore:
    """A store without a disk: the same answers as `SqlStore` in a few microseconds each.

    Not for several threads. The hash chain is worked out when it is looked at, so an event that has no JSON form is
    refused only then.

    Args:
        project: the project's id.
        clock: gives UTC microseconds; for tests.

    >>> store = MemoryStore()
    >>> store.head()[0]
    0
    """

    def __init__(self, project: str = "memory", *, clock: Callable[[], int] = wall_clock) -> None:
        self.project = project
        self.artefacts = MemoryArtefacts()
        self.items = MemoryItems()
        self.tables = views.Tables()
        self._clock = clock
        self._events: list[Recorded] = []
        self._chain = _Chain(self._events)
        self._of_kind: dict[str, list[Recorded]] = {}
        self._keys: dict[str, Recorded] = {}
        self._leases: dict[str, Lease] = {}
        self._jobs: dict[str, tuple[str, int]] = {}

    # The ledger.

    def append(
        self, key: str, event: Event, *, actor: str = "engine", read: int | None = None
    ) -> tuple[Recorded, bool]:
        """Append the event and update the views; see `protocol.Store`."""
        known = self._keys.get(key)
        if known is not None:
            check_same(known, event, actor)
            return known, False
        later = None if read is None else self._later(event, actor, read)
        if later is not None:
            raise overtaken(event, actor, later)
        if isinstance(event, PoolImported) and event.role == "pool":
            check_size(event, len(self.items))
        recorded = Linked(len(self._events) + 1, key, self._clock(), actor, event, self._chain)
        views.apply(self.tables, recorded, views.attached(event, self.artefacts))
        self._events.append(recorded)
        self._of_kind.setdefault(event.kind, []).append(recorded)
        self._keys[key] = recorded
        if self._leases:
            self._end_leases(recorded)
        return recorded, True

    def _later(self, event: Event, actor: str, read: int) -> int | None:
        if not isinstance(event, AnswerSubmitted):
            return len(self._events) if len(self._events) > read else None
        rows = self.tables.by_item.get(event.item, ())
        return next((row.seq for row in rows if row.person == actor and row.seq > read), None)

    def append_many(self, events: Iterable[NewEvent]) -> int:
        """Append events in order; known keys are passed over. Return how many were new."""
        count = len(self._events)
        for new in events:
            if new.key not in self._keys:
                self.append(new.key, new.event, actor=new.actor)
        return len(self._events) - count

    def events(
        self, after: int = 0, *, through: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Recorded]:
        """Yield the events behind `after`, up to `through`, of some kinds."""
        if kinds is None:
            yield from self._events[after:through]
            return
        found = [recorded for kind in set(kinds) for recorded in self._of_kind.get(kind, ())]
        found.sort(key=lambda recorded: recorded.seq)
        last = len(self._events) if through is None else through
        yield from (recorded for recorded in found if after < recorded.seq <= last)

    def find(self, key: str) -> Recorded | None:
        """Return the event under a key."""
        return self._keys.get(key)

    def head(self) -> tuple[int, Sha256]:
        """Return the last seq and its hash."""
        return len(self._events), self._chain.hash(len(self._events))

    def history(self, item: ItemId) -> list[Recorded]:
        """Return the events of people about an item, by seq."""
        return [recorded for recorded in self._events if self._is_about(recorded, item)]

    def _is_about(self, recorded: Recorded, item: ItemId) -> bool:
        match recorded.event:
            case AnswerSubmitted(item=other) | AnswerAdjudicated(item=other) | ItemWithdrawn(item=other):
                return other == item
            case AnswerWithdrawn(answer=seq):
                # A withdrawal of what had been withdrawn changed nothing.
                return (self.tables.answers[seq].item, self.tables.answers[seq].until) == (item, recorded.seq)
            case _:
                return False

    # Items.

    def add_items(self, rows: Iterable[ItemRow]) -> None:
        """Keep items and their content; those that are known already are passed over."""
        self.items.add(rows, size=self.tables.size)

    def pool(self) -> PoolTable:
        """Return the whole pool as columns in row order."""
        gone = [item for item, state in self.tables.states.items() if state == "withdrawn"]
        return self.items.table(self.tables.size, gone)

    def reserve(self, below: float) -> list[tuple[int, ItemId]]:
        """Return (row, item) of the announced items with `u_eval` below a number, in its order, withdrawn ones too."""
        pool = self.items.table(self.tables.size, ())
        rows = np.flatnonzero(pool.u_eval < below)
        rows = rows[np.argsort(pool.u_eval[rows], kind="stable")]
        return [(row, pool.items[row]) for row in rows.tolist()]

    def rows(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items; NotFound names the first unknown one."""
        return self.items.rows_of(items)

    def u_eval(self, item: ItemId) -> float:
        """Return the number that says whether an item belongs to the reserve; NotFound for an unknown one."""
        return float(self.pool().u_eval[self.rows([item])[0]])

    def contents(self, items: Sequence[ItemId]) -> list[Content | None]:
        """Return what people see of items; None where it was erased."""
        return [self.items.contents[row] for row in self.rows(items).tolist()]

    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield contents of rows start to stop in row order."""
        yield from self.items.contents[start:stop]

    def erase(self, item: ItemId) -> Erased:
        """Forget what an item shows, and say what was made of it."""
        row = int(self.rows([item])[0])
        content, self.items.contents[row] = self.items.contents[row], None
        return derived_from(self, item, row, content)

    def states(self, items: Sequence[ItemId]) -> list[str]:
        """Return each item's state."""
        return [self.tables.states.get(item, "unlabelled") for item in items]

    def find_items(self, *, state: str | None = None, after: int = -1, limit: int = 50) -> list[tuple[int, ItemId]]:
        """Return (row, item) in row order from behind row `after`, only those in a state if it is given."""
        found = []
        for row, item in enumerate(self.items.names[after + 1 : self.tables.size], start=after + 1):
            if state is None or self.tables.states.get(item, "unlabelled") == state:
                found.append((row, item))
                if len(found) == limit:
                    break
        return found

    # Answers.

    def answers(self, *, through: int | None = None, items: Sequence[ItemId] | None = None) -> list[Answer]:
        """Return the answers in force when the ledger's head was `through`, by seq."""
        rows: Iterable[views.AnswerRow] = self.tables.answers.values()
        if items is not None:
            chosen = [row for item in dict.fromkeys(items) for row in self.tables.by_item.get(item, ())]
            rows = sorted(chosen, key=lambda row: row.seq)
        return [row.answer() for row in rows if row.in_force(through)]

    def decisions(self, *, through: int | None = None) -> dict[ItemId, Decision]:
        """Return what reviewers had decided when the ledger's head was `through`."""
        rows = self.tables.decisions.values()
        if through is None:
            return {row.item: row.decision() for row in rows if row.until is None}
        return {
            row.item: row.decision()
            for row in rows
            if row.seq <= through and (row.until is None or row.until > through)
        }

    def picked(self, item: ItemId) -> list[Picked]:
        """Return every batch that asked for an item, and why."""
        return [pick for (picked, _), pick in self.tables.picks.items() if picked == item]

    # The queue.

    def queue(self) -> list[QueueEntry]:
        """Return the items that still want an opinion, in the order of serving."""
        return [row.entry() for row in self._places()]

    def _places(self) -> list[views.QueueRow]:
        return sorted((row for row in self.tables.queue.values() if row.opinions_left), key=lambda row: row.place)

    def leases(self) -> list[Lease]:
        """Return the leases that have not expired."""
        now = self._clock()
        return [lease for lease in self._leases.values() if lease.expires_at > now]

    def find_lease(self, lease: str) -> Lease | None:
        """Return a lease that has not expired."""
        found = self._leases.get(lease)
        return found if found is not None and found.expires_at > self._clock() else None

    def at_once(self) -> AbstractContextManager[object]:
        """Return what does nothing: reading is quick here, and only one thread does it."""
        return nullcontext()

    def lease(
        self, person: str, n: int, *, held: Sequence[str] = (), seconds: int = 600, arrange: Arrange | None = None
    ) -> list[Lease]:
        """Give a person up to n items in all: those still held, then the first of the queue that are free."""
        now = self._clock()
        until = now + seconds * 1_000_000
        mine = [lease for lease in self._leases.values() if lease.person == person]
        mine.sort(key=lambda lease: (held.index(lease.id) if lease.id in held else len(held), *_order(lease)))
        kept = [lease for lease in mine if lease.expires_at > now or (lease.id in held and self._is_free(lease, now))]
        given = [replace(lease, expires_at=until) for lease in kept[:n]]
        out = {lease.item for lease in kept}
        free = (row.entry() for row in self._places() if row.item not in out and self._may_have(row, person, now))
        given += [
            Lease(uuid.uuid4().hex, entry.item, person, until, entry.lane, entry.round, entry.rank)
            for entry in islice(free if arrange is None else arrange(list(free)), n - len(given))
        ]
        for lease in mine:
            if lease not in kept:
                del self._leases[lease.id]
        self._leases.update((lease.id, lease) for lease in given)
        return given

    def _may_have(self, row: views.QueueRow, person: str, now: int) -> bool:
        rows = self.tables.by_item.get(row.item, ())
        answered = any(answer.person == person and answer.until is None for answer in rows)
        if answered and row.lane != "recheck":
            return False
        return row.opinions_left > self._others(row.item, person, now)

    def _is_free(self, lease: Lease, now: int) -> bool:
        row = self.tables.queue.get(lease.item)
        return row is not None and row.opinions_left > self._others(lease.item, lease.person, now)

    def _others(self, item: ItemId, person: str, now: int) -> int:
        return sum(
            lease.item == item and lease.person != person and lease.expires_at > now for lease in self._leases.values()
        )

    def lease_item(self, person: str, item: ItemId, *, lane: Lane, round_: int, seconds: int = 600) -> Lease | None:
        """Give a person one item out of turn; None while somebody else has it."""
        now = self._clock()
        live = [lease for lease in self._leases.values() if lease.item == item and lease.expires_at > now]
        own = next((lease for lease in live if lease.person == person), None)
        if own is None and live:
            return None
        until = now + seconds * 1_000_000
        lease = replace(own, expires_at=until) if own else Lease(uuid.uuid4().hex, item, person, until, lane, round_)
        self._leases[lease.id] = lease
        return lease

    def renew(self, lease: str, person: str, *, seconds: int = 600) -> Lease:
        """Renew a lease, also an expired one while its item is still wanted."""
        now = self._clock()
        known = self._leases.get(lease)
        if known is not None and known.person != person:
            raise not_yours(lease)
        if known is None or (known.expires_at <= now and not self._is_free(known, now)):
            raise lease_gone(lease)
        self._leases[lease] = replace(known, expires_at=now + seconds * 1_000_000)
        return self._leases[lease]

    def release(self, lease: str, person: str) -> None:
        """Give an item back."""
        known = self._leases.get(lease)
        if known is None:
            return
        if known.person != person:
            raise not_yours(lease)
        del self._leases[lease]

    def _end_leases(self, recorded: Recorded) -> None:
        match recorded.event:
            case AnswerSubmitted(item=item):
                ended = [k for k, v in self._leases.items() if v.item == item and v.person == recorded.actor]
            case ItemWithdrawn(item=item):
                ended = [k for k, v in self._leases.items() if v.item == item]
            case _:
                return
        for key in ended:
            del self._leases[key]

    # Steps.

    def claim(self, step: str, owner: str) -> bool:
        """Take a step if nobody else has a live claim."""
        now = self._clock()
        known = self._jobs.get(step)
        # A heartbeat of the future is one from before the clock went back.
        if known is not None and known[0] != owner and abs(now - known[1]) < CLAIM_SECONDS * 1_000_000:
            return False
        self._jobs[step] = (owner, now)
        return True

    def heartbeat(self, step: str, owner: str) -> None:
        """Say that the owner is still at it."""
        if self._jobs.get(step, ("", 0))[0] != owner:
            raise taken_over(step, owner)
        self._jobs[step] = (owner, self._clock())

    def unclaim(self, step: str, owner: str) -> None:
        """Let go of a step, if the owner still has it."""
        if self._jobs.get(step, ("", 0))[0] == owner:
            del self._jobs[step]

    def jobs(self) -> list[Job]:
        """Return all claims."""
        return [Job(step, owner, beat) for step, (owner, beat) in self._jobs.items()]

    # Pages.

    def status_counts(self) -> Json:
        """Return counts for pages."""
        live = [row for row in self.tables.answers.values() if row.until is None]
        states: Counter[str] = Counter(state for item, state in self.tables.states.items() if item in self.items)
        del states["unlabelled"]
        return counts(
            items=self.tables.size,
            states=dict(states),
            lanes=dict(Counter(row.lane or "none" for row in live)),
            people=dict(Counter(row.person for row in live)),
            queue=sum(row.opinions_left > 0 for row in self.tables.queue.values()),
            leases=len(self.leases()),
        )

    def close(self) -> None:
        """Nothing to let go of."""


def _order(lease: Lease) -> tuple[int, int, str]:
    return lease.round, lease.rank, lease.item


# What both stores say in the same words.


def counts(
    *, items: int, states: dict[str, int], lanes: dict[str, int], people: dict[str, int], queue: int, leases: int
) -> Json:
    """Return the counts of a project in the form of `Store.status_counts`."""
    all_states = {"unlabelled": items - sum(states.values()), **states}
    return {
        "items": items,
        "labelled": states.get("labelled", 0),
        "answers": sum(people.values()),
        "queue": queue,
        "leases": leases,
        "states": dict(sorted((name, count) for name, count in all_states.items() if count)),
        "lanes": dict(sorted(lanes.items())),
        "people": dict(sorted(people.items())),
    }


def check_size(event: PoolImported, kept: int) -> None:
    """Raise Conflict when an import announces items that were not kept."""
    if event.size > kept:
        raise Conflict(
            f"the import announces a pool of {event.size} items, but only {kept} are kept: add_items comes first",
            field="size",
            value=event.size,
        )


def not_yours(lease: str) -> Denied:
    """Return the error for another person's lease."""
    return Denied("this item is out with somebody else", field="lease", value=lease)


def lease_gone(lease: str) -> NotFound:
    """Return the error for a lease that cannot be renewed."""
    return NotFound(
        "the item was given back or went to somebody else; your answer still counts", field="lease", value=lease
    )


def taken_over(step: str, owner: str) -> Busy:
    """Return the error for a step that somebody else works on now."""
    return Busy(f"step {step!r} was taken over by another worker", field="owner", value=owner)
