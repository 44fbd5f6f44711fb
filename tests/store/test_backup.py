from __future__ import annotations

import threading
from pathlib import Path

import pytest

from querist.errors import BadValue, NotFound
from querist.store.backup import backup
from querist.store.sql import SqlStore
from querist.store.verify import verify

from .conftest import answer, import_pool, select


def test_a_copy_opens_like_the_original(file_project: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "querist.toml").write_text("[project]\n")
    import_pool(file_project, ["a", "b"])
    select(file_project, ["a", "b"])
    answer(file_project, "a")
    copy = backup(tmp_path, tmp_path / "copy")
    answer(file_project, "b")
    restored = SqlStore.open(root=copy)
    assert verify(restored).ok
    assert restored.project == file_project.project
    assert [a.item for a in restored.answers()] == ["a"]
    assert (copy / "querist.toml").read_text() == "[project]\n"
    answer(restored, "b", person="p_bob")
    restored.close()
    assert [a.person for a in file_project.answers()] == ["p_ann", "p_ann"]


def test_people_go_on_while_it_is_made(file_project: SqlStore, tmp_path: Path) -> None:
    import_pool(file_project, [f"i{n}" for n in range(300)])
    stop, acknowledged = threading.Event(), []

    def label() -> None:
        for n in range(300):
            if stop.is_set():
                return
            acknowledged.append(answer(file_project, f"i{n}", key=f"k{n}"))

    person = threading.Thread(target=label)
    person.start()
    copies = []
    for n in range(3):
        before = len(acknowledged)
        copies.append((before, backup(tmp_path, tmp_path / f"copy{n}")))
    stop.set()
    person.join()
    assert len(acknowledged) > copies[-1][0], "nobody waited for the copies"
    for before, copy in copies:
        restored = SqlStore.open(root=copy)
        assert verify(restored).ok
        assert len(restored.answers()) >= before
        restored.close()


def test_nothing_is_overwritten_and_nothing_is_made_of_nothing(file_project: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(BadValue, match="is there already"):
        backup(tmp_path, tmp_path / "copy")
    with pytest.raises(NotFound, match="no project"):
        backup(tmp_path / "copy", tmp_path / "other")
    assert not (tmp_path / "other").exists()
    with pytest.raises(BadValue, match="pg_dump"):
        backup(tmp_path, tmp_path / "other", url="postgresql://host/db")
