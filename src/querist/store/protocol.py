"""What the engine needs of a store: `SqlStore` keeps a project in a database, `MemoryStore` in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from querist.events import Event, Recorded
from querist.types import Answer, Array, Content, ItemId, Json, Lane, Sha256


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


@dataclass(frozen=True, slots=True)
class Lease:
    """An item that is out with a person until `expires_at` (UTC microseconds)."""

    id: str
    item: ItemId
    person: str
    expires_at: int
    lane: Lane
    round: int


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to append under its key."""

    key: str
    event: Event
    actor: str = "engine"


class Artefacts(Protocol):
    """Files named by the SHA-256 of their content; written, fsynced and renamed before they are named anywhere."""

    def put(self, data: bytes, extension: str) -> Sha256: ...
    def get(self, name: Sha256) -> bytes: ...
    def path(self, name: Sha256) -> Path: ...
    def has(self, name: Sha256) -> bool: ...
    def put_json(self, value: Any) -> Sha256: ...
    def get_json(self, name: Sha256) -> Any: ...
    def put_table(self, columns: Mapping[str, Sequence[Any] | Array]) -> Sha256: ...
    def get_table(self, name: Sha256) -> dict[str, list[Any]]: ...
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

    project: str
    artefacts: Artefacts

    def append(self, key: str, event: Event, *, actor: str = "engine") -> tuple[Recorded, bool]:
        """Append the event and update the views; return it and True, or the one already under the key and False.

        Raises:
            Conflict: the key is known with another kind or, for people's events, another body.
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
        """Keep items and their content; rows that are known already are passed over."""
        ...

    def pool(self) -> PoolTable: ...
    def rows(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items; NotFound names the first unknown one."""
        ...

    def contents(self, items: Sequence[ItemId]) -> list[Content | None]: ...
    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield contents of rows start to stop in row order, without holding them all; None where erased."""
        ...

    def answers(self, *, through: int | None = None, items: Sequence[ItemId] | None = None) -> list[Answer]:
        """Return the answers in force (not withdrawn, not replaced) when the ledger's head was `through`, by seq."""
        ...

    def queue(self) -> list[QueueEntry]: ...
    def leases(self) -> list[Lease]: ...
    def lease(self, person: str, n: int, *, held: Sequence[str] = (), seconds: int = 600) -> list[Lease]:
        """Give a person up to n items in all: those still held, then the first of the queue that nobody else has,
        that the person has not answered, and whose opinions are not all given or out.
        """
        ...

    def renew(self, lease: str, person: str, *, seconds: int = 600) -> Lease: ...
    def release(self, lease: str, person: str) -> None: ...

    def claim(self, step: str, owner: str) -> bool:
        """Take a step if nobody else has a live claim (heartbeat within 30 s); only saves work."""
        ...

    def heartbeat(self, step: str, owner: str) -> None: ...
    def unclaim(self, step: str, owner: str) -> None: ...
    def status_counts(self) -> Json:
        """Return counts for pages: items, labelled, by state, by lane, by person, queue, leases."""
        ...
