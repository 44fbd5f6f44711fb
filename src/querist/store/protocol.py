"""What the engine needs of a store: `SqlStore` keeps a project in a database, `MemoryStore` in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from querist.events import Event, Recorded
from querist.types import Answer, Array, Content, ItemId, Json, Lane, Sha256, ShortHash


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item as the store keeps it; `u_eval` and `u_control` are its fixed numbers in [0, 1)."""

    item: ItemId
    row: int
    u_eval: float
    u_control: float
    content: Content | None
    copies: int = 1
    group: str | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class PoolTable:
    """The whole pool as columns in row order; `withdrawn` (n,) bool."""

    items: Sequence[ItemId]
    u_eval: Array
    u_control: Array
    withdrawn: Array
    group: Sequence[str | None] | None
    cost: Array | None

    def __len__(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An item that waits for a person."""

    item: ItemId
    rank: int
    lane: Lane
    round: int
    score: float | None
    opinions_left: int


Arrange: TypeAlias = Callable[[list[QueueEntry]], list[QueueEntry]]
"""Says which of the free items a person may have, and in which order; quick, since the store waits for it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """An item that is out with a person until `expires_at` (UTC microseconds); `rank` is its place in the batch."""

    id: str
    item: ItemId
    person: str
    expires_at: int
    lane: Lane
    round: int
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Job:
    """A step that a process has taken; dead when its heartbeat (UTC microseconds) is older than 30 s."""

    step: str
    owner: str
    heartbeat_at: int


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing an item's content leaves to do: all that was made of the content while it was there.

    `media` is a file that the content pointed to; it is yours, and yours to remove. The features hold numbers that were
    computed from the content, the models were fitted on them: refit the features and train anew to be rid of them.
    """

    item: ItemId
    media: str | None
    features: tuple[ShortHash, ...]
    datasets: tuple[ShortHash, ...]
    models: tuple[ShortHash, ...]


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append under its key."""

    key: str
    event: Event
    actor: str = "engine"


@dataclass(frozen=True, slots=True)
class Decision:
    """What a reviewer decided about an item; outweighs the answers."""

    seq: int
    item: ItemId
    person: str
    value: Any


@dataclass(frozen=True, slots=True)
class Picked:
    """Why an item was asked: the batch (seq of its event, round), lane, rank, score, probability of selection."""

    seq: int
    round: int
    item: ItemId
    lane: Lane
    rank: int
    score: float | None
    probability: float | None


class Artefacts(Protocol):
    """Files named by the SHA-256 of their content; written, fsynced and renamed before they are named anywhere."""

    def put(self, data: bytes, extension: str) -> Sha256: ...
    def get(self, name: Sha256) -> bytes: ...
    def path(self, name: Sha256) -> Path: ...
    def has(self, name: Sha256) -> bool: ...
    def put_json(self, value: Any) -> Sha256: ...
    def get_json(self, name: Sha256) -> Any: ...
    def put_table(self, columns: Mapping[str, Sequence[Any] | Array]) -> Sha256: ...
    def get_table(self, name: Sha256, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """Return the columns as lists, or some of them."""
        ...

    def put_matrix(self, matrix: Any) -> Sha256:
        """Keep a dense array or CSR matrix as .npy shards with a JSON manifest, and return the manifest's name."""
        ...

    def get_matrix(self, name: Sha256) -> Any:
        """Return the matrix, memory-mapped where it is one shard."""
        ...

    def put_files(self, files: Mapping[str, bytes]) -> Sha256:
        """Keep several named files and return the name of their JSON manifest."""
        ...

    def get_files(self, name: Sha256) -> dict[str, bytes]: ...


class Store(Protocol):
    """One project's memory. Every write is one transaction; a known key changes nothing."""

    @property
    def project(self) -> str:
        """The project's id."""
        ...

    @property
    def artefacts(self) -> Artefacts:
        """Files named by the hash of their content."""
        ...

    def append(
        self, key: str, event: Event, *, actor: str = "engine", read: int | None = None
    ) -> tuple[Recorded, bool]:
        """Append the event and update the views; return it and True, or the one already under the key and False.

        A `batch_selected` swaps the queue: rows of earlier rounds make room unless they stand in its `pending`; picks
        that are answered or withdrawn already are passed over. An answer ends the person's lease.

        Raises:
            Conflict: the key is known with another kind or, for people's events, from another person or with another
                meaning (item, outcome, value, reason …; what the service adds, such as lane and model, may differ).
            Overtaken: the person has answered the item behind the line `read`, up to which the writer had read; for
                other events: anything was recorded behind it.
            NotFound: an answer is withdrawn, replaced or adjudicated that does not exist.
        """
        ...

    def append_many(self, events: Iterable[NewEvent]) -> int:
        """Append events in one transaction; known keys are passed over. Return how many were new."""
        ...

    def events(
        self, after: int = 0, *, through: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Recorded]: ...

    def find(self, key: str) -> Recorded | None: ...
    def head(self) -> tuple[int, Sha256]: ...

    def add_items(self, rows: Iterable[ItemRow]) -> None:
        """Keep items and their content, row numbers without a gap; those that are known already are passed over.

        They join the pool when a `pool_imported` event says so: until then `pool` and the counts do not see them, and
        an import that died half-way can be repeated, or replaced by another one.
        """
        ...

    def pool(self) -> PoolTable: ...
    def rows(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items; NotFound names the first unknown one."""
        ...

    def reserve(self, below: float) -> list[tuple[int, ItemId]]:
        """Return (row, item) of the announced items with `u_eval` below a number, in its order, withdrawn ones too."""
        ...

    def u_eval(self, item: ItemId) -> float:
        """Return the number that says whether an item belongs to the reserve; NotFound for an unknown one."""
        ...

    def contents(self, items: Sequence[ItemId]) -> list[Content | None]: ...
    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield contents of rows start to stop in row order, without holding them all; None where erased."""
        ...

    def answers(self, *, through: int | None = None, items: Sequence[ItemId] | None = None) -> list[Answer]:
        """Return the answers in force (not withdrawn, not replaced) when the ledger's head was `through`, by seq."""
        ...

    def decisions(self, *, through: int | None = None) -> dict[ItemId, Decision]:
        """Return what reviewers had decided (`answer_adjudicated`) when the ledger's head was `through`."""
        ...

    def history(self, item: ItemId) -> list[Recorded]:
        """Return the events of people about an item, by seq: answers, corrections, decisions, withdrawals."""
        ...

    def picked(self, item: ItemId) -> list[Picked]:
        """Return every batch that asked for an item, and why, by seq."""
        ...

    def erase(self, item: ItemId) -> Erased:
        """Remove an item's content for good, and say what was made of it; the chain still verifies.

        The event that says so (`item_withdrawn` with `erased`) is the caller's, and comes first: after a crash between
        the two, erasing again finishes it.
        """
        ...

    def states(self, items: Sequence[ItemId]) -> list[str]:
        """Return each item's state: unlabelled, labelled, skipped, unanswerable or withdrawn."""
        ...

    def find_items(self, *, state: str | None = None, after: int = -1, limit: int = 50) -> list[tuple[int, ItemId]]:
        """Return (row, item) of the pool in row order from behind row `after`, only those in a state if it is given."""
        ...

    def queue(self) -> list[QueueEntry]:
        """Return the items that still want an opinion, in the order of serving."""
        ...

    def leases(self) -> list[Lease]:
        """Return the leases that have not expired."""
        ...

    def find_lease(self, lease: str) -> Lease | None:
        """Return a lease that has not expired; None when there is none of that id."""
        ...

    def at_once(self) -> AbstractContextManager[object]:
        """Read from one instant, and in one transaction, whatever this thread reads inside; write outside."""
        ...

    def lease(
        self, person: str, n: int, *, held: Sequence[str] = (), seconds: int = 600, arrange: Arrange | None = None
    ) -> list[Lease]:
        """Give a person up to n items in all: those still held, then the first of the queue that nobody else has,
        that the person has not answered (save in the lane `recheck`), and whose opinions are not all given or out.
        `arrange` is given all of these and returns those that the person may have, in the order wanted.

        Leases of the person that are not in `held` (a page was reloaded) count as held. All returned ones are renewed.
        """
        ...

    def lease_item(self, person: str, item: ItemId, *, lane: Lane, round_: int, seconds: int = 600) -> Lease | None:
        """Give a person one item out of turn (an answer was taken back); None while somebody else has it."""
        ...

    def renew(self, lease: str, person: str, *, seconds: int = 600) -> Lease:
        """Renew a lease, also an expired one while its item is still wanted.

        Raises:
            NotFound: there is no such lease any more, or its item went to somebody else.
            Denied: it is another person's.
        """
        ...

    def release(self, lease: str, person: str) -> None:
        """Give an item back; a lease that is gone already is no error, another person's is Denied."""
        ...

    def claim(self, step: str, owner: str) -> bool:
        """Take a step if nobody else has a live claim (heartbeat within 30 s); only saves work."""
        ...

    def heartbeat(self, step: str, owner: str) -> None:
        """Say that the owner is still at it; Busy when somebody else has taken the step over."""
        ...

    def unclaim(self, step: str, owner: str) -> None:
        """Let go of a step, if the owner still has it."""
        ...

    def jobs(self) -> list[Job]:
        """Return all claims, live and stale."""
        ...

    def status_counts(self) -> Json:
        """Return counts for pages: `items labelled answers queue leases`, and by `states lanes people`.

        Lanes and people count answers in force; an answer without a lane counts under "none".
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
