"""Every kind of store behind one fixture: the same tests run on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests import postgres

from querist.events import AnswerSubmitted, BatchSelected, PoolImported
from querist.store.database import Database
from querist.store.memory import MemoryStore
from querist.store.protocol import ItemRow, Store
from querist.store.sql import SqlStore
from querist.types import Content


class Clock:
    """Microseconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1_000_000_000

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for many tests, a project each: quicker than a file each, and projects must not see each other anyway."""
    database = Database("sqlite:///shared.db", root=tmp_path_factory.mktemp("shared"), create=True)
    yield database
    database.close()


@pytest.fixture(scope="session")
def postgres_database() -> Iterator[Database]:
    """The same in PostgreSQL."""
    server = postgres.server()
    database = Database(server.empty_database(), create=True)
    yield database
    database.close()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where projects of a shared database keep their artefacts."""
    return tmp_path_factory.mktemp("shared-artefacts")


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A database of each kind, shared by many tests."""
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    found: Database = request.getfixturevalue(name)
    return found


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Store:
    """Every kind of store."""
    if request.param == "memory":
        return MemoryStore(clock=clock)
    name = "sqlite_database" if request.param == "sqlite" else "postgres_database"
    return SqlStore.create(request.getfixturevalue(name), name=str(tmp_path), root=tmp_path, clock=clock)


@pytest.fixture
def project(store_url: str, tmp_path: Path, clock: Clock) -> Iterator[SqlStore]:
    """A project with a database of its own, to be broken, of each kind."""
    store = SqlStore.create(store_url, name="reviews", root=tmp_path, clock=clock)
    yield store
    store.close()


@pytest.fixture
def file_project(tmp_path: Path, clock: Clock) -> Iterator[SqlStore]:
    """A project in an SQLite file of its own, to be broken."""
    store = SqlStore.create(name="reviews", root=tmp_path, clock=clock)
    yield store
    store.close()


def item_rows(names: list[str], *, start: int = 0) -> list[ItemRow]:
    return [
        ItemRow(
            name, start + place, u_eval=place / 100, u_control=1 - place / 100, content=Content("text", {"text": name})
        )
        for place, name in enumerate(names)
    ]


def import_pool(store: Store, names: list[str], *, fingerprint: str = "first") -> None:
    start = len(store.pool())
    store.add_items(item_rows(names, start=start))
    columns = {
        "item": names,
        "row": list(range(start, start + len(names))),
        "u_eval": [place / 100 for place in range(len(names))],
        "u_control": [1 - place / 100 for place in range(len(names))],
        "copies": [1] * len(names),
        "group": [None] * len(names),
        "cost": [None] * len(names),
    }
    table = store.artefacts.put_table(columns)
    size = start + len(names)
    event = PoolImported("made", fingerprint, table, added=len(names), duplicates=0, size=size)
    store.append(f"import/{fingerprint}", event)


def select(
    store: Store,
    names: list[str],
    *,
    round: int = 0,
    part: int = 0,
    pending: list[str] | None = None,
    opinions: int = 1,
    lane: str = "query",
) -> int:
    picks = {
        "item": names,
        "lane": [lane] * len(names),
        "rank": list(range(len(names))),
        "score": [1 / (1 + rank) for rank in range(len(names))],
        "probability": [None] * len(names),
    }
    event = BatchSelected(
        round=round,
        part=part,
        strategy={"name": "margin"},
        strategy_hash="0" * 16,
        evidence={},
        model=None,
        dataset=None,
        features=None,
        through_seq=store.head()[0],
        pending=None if pending is None else store.artefacts.put_json(pending),
        items=names,
        picks=store.artefacts.put_table(picks),
        asked=len(names),
        chosen=len(names),
        opinions=opinions,
    )
    return store.append(f"r{round}/select/{part}", event)[0].seq


def answer(store: Store, item: str, value: Any = "yes", *, person: str = "p_ann", key: str = "", **more: Any) -> int:
    outcome = more.pop("outcome", "answered")
    event = AnswerSubmitted(item, "single_label", outcome, value if outcome == "answered" else None, **more)
    return store.append(key or f"{person}/{item}/{store.head()[0]}", event, actor=person)[0].seq
