"""What only a database can do, and what can go wrong with one."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import DatabaseError

from querist.errors import BadValue, Busy, Conflict, Damaged, NewerVersion, NotFound, StorageFull
from querist.events import AnswerSubmitted, AnswerWithdrawn, PoolImported, TimerFired
from querist.store.database import Database
from querist.store.dialect import translated_files
from querist.store.protocol import NewEvent
from querist.store.sql import SqlStore

from .conftest import Clock, answer, import_pool, item_rows, select


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger SET actor = 'p_eve'",
        "UPDATE ledger SET at = at WHERE seq = 1",
        "DELETE FROM ledger",
    ],
)
def test_the_ledger_refuses_change(project: SqlStore, statement: str) -> None:
    refuses(project, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT OR REPLACE INTO ledger SELECT project, seq, kind, v, key, at, 'p_eve', body, prev, hash FROM ledger",
        "UPDATE OR REPLACE ledger SET seq = 2 WHERE seq = 1",
    ],
)
def test_the_ledger_in_a_file_refuses_to_be_replaced(file_project: SqlStore, statement: str) -> None:
    refuses(file_project, statement)


@pytest.mark.parametrize("statement", ["TRUNCATE ledger", "TRUNCATE ledger CASCADE"])
def test_the_ledger_in_postgresql_refuses_to_be_emptied(postgres_url: str, tmp_path: Path, statement: str) -> None:
    project = SqlStore.create(postgres_url, name="reviews", root=tmp_path)
    refuses(project, statement)
    project.close()


def refuses(project: SqlStore, statement: str) -> None:
    project.append("timer/1", TimerFired("nightly", 1))
    project.append("timer/2", TimerFired("nightly", 2))
    before = list(project.events())
    with pytest.raises(DatabaseError, match="append-only"), project.database.writing() as connection:
        connection.execute(text(statement))
    assert list(project.events()) == before


def test_a_project_is_opened_by_name_by_id_or_because_it_is_the_only_one(store_url: str, tmp_path: Path) -> None:
    def opened(project: str | None = None) -> tuple[str, int]:
        store = SqlStore.open(store_url, root=tmp_path, project=project)
        found = store.project, store.head()[0]
        store.close()
        return found

    first = SqlStore.create(store_url, name="reviews", root=tmp_path)
    first.append("timer/1", TimerFired("nightly", 1))
    assert opened() == (first.project, 1)
    second = SqlStore.create(first.database, name="scans", root=tmp_path)
    assert opened("scans") == (second.project, 0)
    assert opened(first.project) == (first.project, 1)
    with pytest.raises(BadValue, match="several") as several:
        opened()
    assert set(several.value.choices) == {"reviews", "scans"}
    with pytest.raises(NotFound, match="'other'"):
        opened("other")
    first.close()


def test_a_name_is_taken_once_something_has_happened(project: SqlStore, store_url: str, tmp_path: Path) -> None:
    """An `init` that died before the first line can be repeated."""
    again = SqlStore.create(store_url, root=tmp_path, name="reviews")
    assert again.project == project.project
    again.close()
    project.append("created", TimerFired("first line", 1))
    with pytest.raises(Conflict, match="'reviews' already"):
        SqlStore.create(store_url, root=tmp_path, name="reviews")
    with pytest.raises(Conflict, match="'other' already"):
        SqlStore.create(store_url, root=tmp_path, name="other", project=project.project)


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no project"):
        SqlStore.open(root=tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "querist.db").touch()
    with pytest.raises(NotFound, match="holds no project"):
        SqlStore.open(root=tmp_path)


def test_what_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "querist.db").write_bytes(b"name,label\n" * 1000)
    with pytest.raises(Damaged, match="not a database"):
        SqlStore.open(root=tmp_path)


def test_a_newer_database_is_refused(project: SqlStore, store_url: str, tmp_path: Path) -> None:
    with project.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(NewerVersion, match="version 9999"):
        SqlStore.open(store_url, root=tmp_path)


@pytest.mark.parametrize("url", ["mysql://host/db", "oracle://host/db"])
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(BadValue, match="sqlite:// or postgresql://"):
        Database(url)


def test_a_file_has_a_log_and_patience(file_project: SqlStore) -> None:
    with file_project.database.reading() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        # `test_log` shows that each acknowledged transaction is flushed.
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 1
        assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 5000


def test_many_threads_append_without_a_gap_and_lease_without_a_clash(project: SqlStore) -> None:
    names = [f"i{n}" for n in range(40)]
    import_pool(project, names)
    select(project, names)

    def label(person: str) -> list[str]:
        done = []
        while leases := project.lease(person, 2):
            for lease in leases:
                answer(project, lease.item, person=person, key=f"{person}/{lease.item}")
                done.append(lease.item)
        return done

    with ThreadPoolExecutor(6) as pool:
        done = list(pool.map(label, [f"p_{n}" for n in range(6)]))
    assert sorted(item for some in done for item in some) == sorted(names)
    assert [line.seq for line in project.events()] == list(range(1, 43))


def test_two_workers_race_for_a_step_and_one_event_comes_of_it(store_url: str, tmp_path: Path) -> None:
    stores = [SqlStore.create(store_url, name="race", root=tmp_path), SqlStore.open(store_url, root=tmp_path)]
    start = threading.Barrier(2)

    def run(store: SqlStore) -> list[bool]:
        start.wait()
        return [store.append(f"r{n}/decide", TimerFired("x", n))[1] for n in range(30)]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(run, stores)
    assert [a + b for a, b in zip(first, second, strict=True)] == [1] * 30
    assert stores[0].head()[0] == 30
    for store in stores:
        store.close()


def test_a_failing_event_leaves_no_trace(project: SqlStore) -> None:
    import_pool(project, ["a"])
    good = NewEvent("1", AnswerSubmitted("a", "single_label", "answered", "x", source="import"), "import")
    bad = NewEvent("2", AnswerSubmitted("a", "single_label", "answered", "x", replaces=77), "import")
    with pytest.raises(NotFound):
        project.append_many([good, bad])
    assert project.head()[0] == 1
    assert project.answers() == []
    with pytest.raises(BadValue, match="no JSON form"):
        project.append("3", AnswerSubmitted("a", "numeric", "answered", float("nan")), actor="p_ann")
    assert project.head()[0] == 1


def test_a_full_disk_is_one_clear_line_and_loses_nothing(file_project: SqlStore) -> None:
    import_pool(file_project, ["a"])
    answer(file_project, "a", "kept")
    with file_project.database.writing() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()
        # The next one that writes gets this very connection: there is one turn to write.
        connection.execute(text(f"PRAGMA max_page_count = {pages + 1}"))
    with pytest.raises(StorageFull, match="full; nothing that was acknowledged is lost") as full:
        any(answer(file_project, "a", "x" * 2_000, key=f"k{n}") == 0 for n in range(200))
    assert "\n" not in full.value.message
    assert full.value.exit_code == 3
    with file_project.database.writing() as connection:
        connection.execute(text("PRAGMA max_page_count = 100000"))
    kept = len(file_project.answers())
    assert kept == file_project.head()[0] - 1
    assert file_project.answers()[0].value == "kept"
    answer(file_project, "a", "after")
    assert len(file_project.answers()) == kept + 1


def test_what_may_not_be_written_says_so(file_project: SqlStore) -> None:
    with file_project.database.writing() as connection:
        connection.execute(text("PRAGMA query_only = ON"))
    with pytest.raises(StorageFull, match="cannot be written"):
        file_project.append("timer/1", TimerFired("nightly", 1))


def test_a_full_disk_below_the_artefacts_says_so() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with (
        pytest.raises(StorageFull, match="the disk of /dev/full is full"),
        translated_files(full),
        full.open("wb") as file,
    ):
        file.write(b"x" * 100_000)


def test_a_lock_that_is_held_too_long_says_busy(file_project: SqlStore, tmp_path: Path) -> None:
    other = SqlStore.open(root=tmp_path)
    with other.database.writing() as connection:
        connection.execute(text("PRAGMA busy_timeout = 10"))
    with file_project.database.writing(), pytest.raises(Busy, match="another process"):
        other.append("timer/1", TimerFired("nightly", 1))
    other.append("timer/1", TimerFired("nightly", 1))
    other.close()


def test_projects_of_one_database_do_not_see_each_other(project: SqlStore, tmp_path: Path) -> None:
    other = SqlStore.create(project.database, name="other", root=tmp_path)
    for store, names in ((project, ["a", "b"]), (other, ["b", "c"])):
        import_pool(store, names)
        select(store, names)
        answer(store, "b", store.project, key="same")
        store.claim("r0/train", store.project)
    assert list(other.pool().items) == ["b", "c"]
    assert [entry.item for entry in other.queue()] == ["c"]
    assert [a.value for a in project.answers()] == [project.project]
    assert [lease.item for lease in project.lease("p_ann", 5)] == ["a"]
    assert [lease.item for lease in other.lease("p_ann", 5)] == ["c"]
    assert project.head()[0] == other.head()[0] == 3


def test_the_clock_may_go_backwards(project: SqlStore, clock: Clock) -> None:
    first = project.append("timer/1", TimerFired("nightly", 1))[0]
    clock.sleep(-3600)
    second = project.append("timer/2", TimerFired("nightly", 2))[0]
    assert second.at < first.at
    assert [line.seq for line in project.events()] == [first.seq, second.seq] == [1, 2]


def test_the_pool_is_kept_until_items_join(project: SqlStore) -> None:
    import_pool(project, ["a", "b"])
    assert project.pool().items is project.pool().items
    project.add_items(item_rows(["c"], start=2))
    project.append("import/2", PoolImported("made", "2", "0" * 64, added=1, duplicates=0, size=3))
    assert list(project.pool().items) == ["a", "b", "c"]


def test_reading_a_long_ledger_holds_no_transaction(file_project: SqlStore) -> None:
    file_project.append_many(NewEvent(f"t{n}", TimerFired("x", n)) for n in range(1_500))
    lines = file_project.events()
    next(lines)
    # With a reader in the way, the write-ahead log could not be emptied.
    with file_project.database.engine.connect() as connection:
        connection.rollback()
        busy, *_ = connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()  # type: ignore[attr-defined]
    assert busy == 0
    assert sum(1 for _ in lines) == 1_499


def test_the_tables_are_those_of_the_docs(project: SqlStore) -> None:
    page = Path(__file__).parents[2] / "docs" / "ledger.md"
    told = page.read_text(encoding="utf-8")
    tables = set(inspect(project.database.engine).get_table_names()) - {"alembic_version"}
    assert {table for table in tables if f"`{table}`" not in told} == set()


SCAN = re.compile(r"SCAN|SEARCH (ledger|item|content|answer|decision|pick) .*\(project=\?\)$")
"""Reading a whole table, or all of a project: the queue and the leases are the only tables that stay small."""

EMPTY_LIST = re.compile(r"SCAN CONSTANT ROW|SCAN \(subquery-\d\)")
"""How SQLite reads `IN ()`."""


def test_nothing_that_people_wait_for_scans_a_table(file_project: SqlStore) -> None:
    import_pool(file_project, ["a", "b", "c"])
    select(file_project, ["a", "b", "c"])
    asked: list[str] = []

    @event.listens_for(file_project.database.engine, "begin")
    def note(connection: Any) -> None:
        # The driver tells what it runs, with its values, whoever hands it over.
        connection.connection.driver_connection.set_trace_callback(asked.append)

    (lease,) = file_project.lease("p_ann", 1)
    file_project.lease("p_ann", 1, held=[lease.id])
    file_project.renew(lease.id, "p_ann")
    seq = answer(file_project, "a", key="k")
    answer(file_project, "a", "no", replaces=seq)
    file_project.append("undo", AnswerWithdrawn(seq, "undo"), actor="p_ann")
    file_project.find("k")
    file_project.history("b")
    file_project.picked("a")
    file_project.states(["a", "b"])
    file_project.contents(["a"])
    file_project.answers(items=["a", "b"])
    file_project.find_items(state="labelled", after=1)
    file_project.release(lease.id, "p_ann")
    with file_project.database.reading() as connection:
        plans = {
            statement: [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}")]
            for statement in list(asked)
            if statement.startswith(("SELECT", "UPDATE", "DELETE"))
        }
    assert len(plans) > 20
    slow = {
        statement: plan
        for statement, plan in plans.items()
        if any(SCAN.match(step) and not EMPTY_LIST.fullmatch(step) for step in plan)
    }
    assert "\n".join(f"{statement}: {plan}" for statement, plan in slow.items()) == ""
