"""One changed byte is found and named."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from querist.events import (
    AnswerAdjudicated,
    AnswerWithdrawn,
    ItemWithdrawn,
    ModelTrained,
    PoolImported,
    TimerFired,
)
from querist.store.protocol import ItemRow
from querist.store.replay import rebuild
from querist.store.sql import SqlStore
from querist.store.verify import verify
from querist.types import Content

from .conftest import answer, import_pool, select

OPEN_LEDGER = "".join(f"DROP TRIGGER ledger_is_never_{done};" for done in ("updated", "deleted", "replaced"))


@pytest.fixture
def filled(project: SqlStore) -> SqlStore:
    return fill(project)


@pytest.fixture
def file_filled(file_project: SqlStore) -> SqlStore:
    return fill(file_project)


def fill(project: SqlStore) -> SqlStore:
    import_pool(project, ["a", "b", "c", "d"])
    select(project, ["a", "b", "c"])
    first = answer(project, "a", "cat", lane="query")
    answer(project, "a", "dog", replaces=first, person="p_ann")
    second = answer(project, "b", outcome="skipped")
    project.append("undo", AnswerWithdrawn(second, "undo"), actor="p_ann")
    project.append("decide", AnswerAdjudicated("a", "dog", "clear", [first]), actor="p_eve")
    project.append("gone", ItemWithdrawn("d", "broken"), actor="p_eve")
    project.append("timer/1", TimerFired("nightly", 1))
    return project


def tamper(store: SqlStore, script: str) -> None:
    if store.database.engine.dialect.name == "postgresql":
        with store.database.writing() as connection:
            connection.exec_driver_sql("DROP TRIGGER ledger_is_never_changed ON ledger")
            for statement in filter(str.strip, script.split(";")):
                connection.exec_driver_sql(statement)
        return
    with closing(sqlite3.connect(str(store.database.engine.url.database))) as connection:
        connection.executescript(OPEN_LEDGER + script)


def problem(store: SqlStore) -> tuple[str, object, str]:
    report = verify(store)
    assert not report.ok
    first = report.problems[0]
    return first.table, first.place, first.field


def test_a_whole_project_verifies(filled: SqlStore) -> None:
    report = verify(filled)
    assert report.ok
    assert (report.events, report.artefacts, report.hash) == (9, 2, filled.head()[1])


@pytest.mark.parametrize(
    ("script", "place", "field", "words"),
    [
        ("UPDATE ledger SET body = replace(body, 'cat', 'rat') WHERE seq = 3", 3, "body", "was written as b'c'"),
        ("UPDATE ledger SET actor = 'p_anm' WHERE seq = 4", 4, "actor", "is b'm', it was written as b'n'"),
        ("UPDATE ledger SET at = at + 1 WHERE seq = 9", 9, "at", "was written as"),
        ("UPDATE ledger SET key = 'undp' WHERE seq = 6", 6, "key", "it was written as b'o'"),
        ("UPDATE ledger SET v = 2 WHERE seq = 6", 6, "v", "it was written as b'1'"),
        ("UPDATE ledger SET kind = 'timer_fires' WHERE seq = 9", 9, "kind", "it was written as b'd'"),
        ("UPDATE ledger SET prev = hash WHERE seq = 5", 5, "prev", "the event before has the hash"),
        ("UPDATE ledger SET hash = prev WHERE seq = 5", 5, "hash", "the next line remembers"),
        ("UPDATE ledger SET hash = prev WHERE seq = 9", 9, "hash", "the next line remembers"),
        ("UPDATE ledger SET body = body || ' ' WHERE seq = 7", 7, "kind, v, key, at, actor or body", "does not have"),
        ("DELETE FROM ledger WHERE seq = 5", 5, "seq", "the next is 6"),
        ("DELETE FROM ledger WHERE seq = 9", 9, "seq", "though the head is 9"),
        ("DELETE FROM ledger WHERE seq = 1", 1, "seq", "the next is 2"),
    ],
)
def test_a_changed_line_is_named(filled: SqlStore, script: str, place: int, field: str, words: str) -> None:
    tamper(filled, script)
    report = verify(filled)
    (first,) = [problem for problem in report.problems if problem.table == "ledger"]
    assert (first.place, first.field) == (place, field)
    assert words in first.message


@pytest.mark.parametrize(
    ("script", "table", "place", "field"),
    [
        ("UPDATE head SET seq = 8", "head", 8, "hash"),
        ("UPDATE head SET size = 3", "head", None, "size"),
        ("UPDATE answer SET value = '\"rat\"' WHERE seq = 3", "answer", "[3]", "value"),
        ("UPDATE answer SET until = NULL WHERE seq = 3", "answer", "[3]", "until"),
        ("DELETE FROM answer WHERE seq = 4", "answer", "[4]", "row"),
        (
            "INSERT INTO answer SELECT project, 8, item, person, outcome, value, lane, round, until FROM answer"
            " WHERE seq = 5",
            "answer",
            "[8]",
            "row",
        ),
        ("UPDATE decision SET person = 'p_ann'", "decision", "[7]", "person"),
        ("UPDATE queue SET opinions_left = 0 WHERE item = 'b'", "queue", '["b"]', "opinions_left"),
        ("DELETE FROM queue WHERE item = 'c'", "queue", '["c"]', "row"),
        ("UPDATE pick SET score = 0.4 WHERE item = 'b'", "pick", '["b", 2]', "score"),
        ("UPDATE round SET asked = 4", "round", "[0]", "asked"),
        ("UPDATE item SET state = 'unlabelled' WHERE id = 'd'", "item", "[3]", "state"),
        ("UPDATE item SET u_eval = 0.5 WHERE id = 'c'", "item", "[2]", "u_eval"),
        ("UPDATE item SET id = 'z' WHERE id = 'c'", "item", "[2]", "id"),
    ],
)
def test_a_changed_view_is_named_and_rebuilt(
    filled: SqlStore, script: str, table: str, place: object, field: str
) -> None:
    tamper(filled, script)
    assert problem(filled) == (table, place, field)
    if table != "head" or field == "size":
        rebuild(filled)
        assert verify(filled).ok or table == "item"


def test_lost_items_come_back_from_the_imports(filled: SqlStore) -> None:
    tamper(filled, "DELETE FROM item; DELETE FROM answer; DELETE FROM queue; UPDATE head SET size = 0;")
    rebuild(filled)
    assert verify(filled).ok
    assert filled.states(["a", "b", "c", "d"]) == ["labelled", "unlabelled", "unlabelled", "withdrawn"]


def test_a_changed_artefact_is_named(filled: SqlStore) -> None:
    event = next(filled.events(kinds=["batch_selected"])).event
    path = filled.artefacts.path(event.picks)  # type: ignore[attr-defined]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    table, place, field = problem(filled)
    assert (table, field) == ("artefact", "picks of event 2")
    assert place == path.stem
    path.unlink()
    assert "no artefact" in verify(filled).problems[0].message


def test_a_changed_file_inside_a_manifest_is_named(filled: SqlStore) -> None:
    files = filled.artefacts.put_files({"model.skops": b"weights", "classes.json": b"[]"})
    model = ModelTrained(
        0, "m", "d", "f", {}, "scratch", None, files, labelled=1, calibration={}, oof_skill={}, seconds=0.0
    )
    filled.append("r0/train", model)
    assert verify(filled).artefacts == 5
    weights = filled.artefacts.get_json(files)["files"]["model.skops"]
    filled.artefacts.path(weights).write_bytes(b"weighty")
    assert problem(filled) == ("artefact", weights, "files of event 10")


def test_any_changed_byte_of_the_ledger_in_the_file_is_noticed(file_filled: SqlStore, tmp_path: Path) -> None:
    path = tmp_path / "querist.db"
    file_filled.close()
    whole = path.read_bytes()
    places = [
        whole.index(b'"value":"cat"') + 10,
        whole.index(b"single_label"),
        whole.index(file_filled.head()[1].encode()),
    ]
    file_filled.close()
    for place in places:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        store = SqlStore.open(root=tmp_path)
        assert not verify(store).ok, place
        store.close()


def test_erasing_leaves_no_trace_in_the_file_and_the_chain_holds(file_filled: SqlStore, tmp_path: Path) -> None:
    secret = "Anna Karenina, born 1 May 1850"
    file_filled.add_items([ItemRow("e", 4, 0.04, 0.96, Content("text", {"text": secret}))])
    columns = {"item": ["e"], "row": [4], "u_eval": [0.04], "u_control": [0.96]}
    imported = PoolImported("made", "2", file_filled.artefacts.put_table(columns), added=1, duplicates=0, size=5)
    file_filled.append("import/2", imported)
    assert any(secret.encode() in path.read_bytes() for path in tmp_path.glob("querist.db*"))
    file_filled.append("erase", ItemWithdrawn("e", "on request", erased=True), actor="p_eve")
    file_filled.erase("e")
    assert file_filled.contents(["e", "a"])[0] is None
    assert verify(file_filled).ok
    rebuild(file_filled)
    assert file_filled.contents(["e"]) == [None]
    file_filled.close()
    left = [path.name for path in tmp_path.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert left == []


def test_people_may_go_on_while_it_verifies(filled: SqlStore) -> None:
    """It compares at one instant: what is written while it reads is no damage."""
    stop = threading.Event()

    def label() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            answer(filled, "c", str(n), key=f"busy {n}")
            if n % 5 == 0:
                select(filled, ["a", "b", "c"], round=n)

    person = threading.Thread(target=label)
    person.start()
    try:
        found = [verify(filled) for _ in range(8)]
    finally:
        stop.set()
        person.join()
    assert all(report.ok for report in found), found
    assert found[-1].events > found[0].events
