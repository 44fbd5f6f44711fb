"""A store as it was at an earlier place in the ledger; for replaying decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from querist.events import Recorded
from querist.store.protocol import Decision, PoolTable, Store
from querist.types import Answer, Array, Content, ItemId, Sha256


class PastStore:
    """Reads a store up to `through`; what does not depend on the ledger's end is the store's own.

    Writing is not offered: a replay changes nothing.
    """

    def __init__(self, store: Store, through: int) -> None:
        self._store = store
        self._through = through
        self.project = store.project
        self.artefacts = store.artefacts

    def events(
        self, after: int = 0, *, through: int | None = None, kinds: Sequence[str] | None = None
    ) -> Iterator[Recorded]:
        """Yield events up to the place."""
        end = self._through if through is None else min(through, self._through)
        return self._store.events(after, through=end, kinds=kinds)

    def find(self, key: str) -> Recorded | None:
        """Return the event under a key, if it was there."""
        found = self._store.find(key)
        return found if found is not None and found.seq <= self._through else None

    def head(self) -> tuple[int, Sha256]:
        """Return the place."""
        return self._through, next(iter(self._store.events(self._through - 1, through=self._through))).hash

    def pool(self) -> PoolTable:
        """Return the pool; rows that joined later are beyond the size that the state knows."""
        return self._store.pool()

    def reserve(self, below: float) -> list[tuple[int, ItemId]]:
        """Return the items that measure; those that joined later are beyond the size that the state knows."""
        return self._store.reserve(below)

    def rows(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items."""
        return self._store.rows(items)

    def iter_contents(self, start: int, stop: int) -> Iterator[Content | None]:
        """Yield what items show, and what stands beside them: content does not change, unless it is erased."""
        return self._store.iter_contents(start, stop)

    def answers(self, *, through: int | None = None, items: Sequence[ItemId] | None = None) -> list[Answer]:
        """Return the answers in force at the place."""
        end = self._through if through is None else min(through, self._through)
        return self._store.answers(through=end, items=items)

    def decisions(self, *, through: int | None = None) -> dict[ItemId, Decision]:
        """Return what reviewers had decided at the place."""
        end = self._through if through is None else min(through, self._through)
        return self._store.decisions(through=end)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"a past store has no {name!r}: a replay reads events, answers, rows, contents and artefacts"
        )
