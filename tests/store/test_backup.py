from __future__ import annotations

import threading
from pathlib import Path

import pytest

from querist.errors import BadValue
from querist.store.backup import backup
from querist.store.people import People
from querist.store.sql import SqlStore
from querist.store.verify import verify

from .conftest import answer, import_pool, select


def settings(folder: Path) -> None:
    (folder / "querist.toml").write_text("[project]\n")


def test_a_copy_opens_like_the_original(project: SqlStore, tmp_path: Path) -> None:
    import_pool(project, ["a", "b"])
    select(project, ["a", "b"])
    answer(project, "a")
    copy = backup(project, tmp_path, tmp_path / "copy", finish=settings)
    answer(project, "b")
    restored = SqlStore.open(root=copy)
    assert verify(restored).ok
    assert restored.project == project.project
    assert [a.item for a in restored.answers()] == ["a"]
    assert (copy / "querist.toml").read_text() == "[project]\n"
    answer(restored, "b", person="p_bob")
    restored.close()
    assert [a.person for a in project.answers()] == ["p_ann", "p_ann"]


def test_people_go_on_while_it_is_made(project: SqlStore, tmp_path: Path) -> None:
    import_pool(project, [f"i{n}" for n in range(300)])
    stop, acknowledged = threading.Event(), []

    def label() -> None:
        for n in range(300):
            if stop.is_set():
                return
            acknowledged.append(answer(project, f"i{n}", key=f"k{n}"))

    person = threading.Thread(target=label)
    person.start()
    copies = []
    for n in range(3):
        before = len(acknowledged)
        copies.append((before, backup(project, tmp_path, tmp_path / f"copy{n}", finish=settings)))
    stop.set()
    person.join()
    assert len(acknowledged) > copies[-1][0], "nobody waited for the copies"
    for before, copy in copies:
        restored = SqlStore.open(root=copy)
        assert verify(restored).ok
        assert len(restored.answers()) >= before
        restored.close()


def test_nothing_is_overwritten(project: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(BadValue, match="is there already"):
        backup(project, tmp_path, tmp_path / "copy", finish=settings)
    assert list((tmp_path / "copy").iterdir()) == []


def test_one_of_several_projects_is_copied_with_the_people(project: SqlStore, tmp_path: Path) -> None:
    if project.database.engine.dialect.name == "sqlite":
        pytest.skip("a file is copied as it is")
    other = SqlStore.create(project.database, name="other", root=tmp_path)
    for store in (project, other):
        import_pool(store, ["a", "b"])
        answer(store, "a", store.project)
    ann = People(project.database).create_person("ann", role="annotator")
    restored = SqlStore.open(root=backup(project, tmp_path, tmp_path / "copy", finish=settings))
    assert [a.value for a in restored.answers()] == [project.project]
    assert People(restored.database).find("ann") == ann
    assert verify(restored).ok
    restored.close()
