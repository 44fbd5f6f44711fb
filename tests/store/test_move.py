"""A project moves between databases, there and back, and a move that is cut off is finished by the next."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from querist.errors import BadValue, Busy, Conflict, Damaged
from querist.events import TimerFired
from querist.store import move as module
from querist.store.database import Database
from querist.store.lock import lock
from querist.store.move import Moved, move
from querist.store.people import People
from querist.store.sql import SqlStore
from querist.store.verify import verify

from .conftest import answer, import_pool, select

SQLITE = "sqlite:///querist.db"


@pytest.fixture(params=["to postgresql", "to sqlite", "between files"])
def ends(request: pytest.FixtureRequest) -> tuple[str, str]:
    """The URLs of the old and the new place."""
    if request.param == "between files":
        return SQLITE, "sqlite:///other.db"
    postgres: str = request.getfixturevalue("postgres_url")
    return (SQLITE, postgres) if request.param == "to postgresql" else (postgres, SQLITE)


@pytest.fixture
def old(ends: tuple[str, str], tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore.create(ends[0], name="reviews", root=tmp_path)
    import_pool(store, [f"i{n}" for n in range(300)])
    select(store, ["i1", "i2"])
    seq = answer(store, "i1", "ü\u2028'\"\\", key="k1")
    answer(store, "i1", "no", replaces=seq, key="k2")
    People(store.database).create_person("ann", role="annotator")
    yield store
    store.close()


def opened(url: str, folder: Path, check: Callable[[SqlStore], Any]) -> Any:
    store = SqlStore.open(url, root=folder)
    try:
        return check(store)
    finally:
        store.close()


def seen(store: SqlStore) -> tuple[Any, ...]:
    people = [(person.id, person.name) for person in People(store.database).people()]
    return list(store.events()), store.answers(), store.queue(), store.status_counts(), people, verify(store).ok


def again(folder: Path, ends: tuple[str, str]) -> Moved:
    """What `querist move` does when it is called once more."""
    store = SqlStore.open(ends[0], root=folder, moved=True)
    try:
        return move(folder, store, ends[1])
    finally:
        store.close()


def test_all_of_it_arrives_and_both_ends_verify(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    before = seen(old)
    moved = move(tmp_path, old, ends[1])
    assert moved.before.ok
    assert moved.before == moved.after
    assert opened(ends[1], tmp_path, seen) == before
    assert verify(old).ok


def test_the_old_place_takes_nothing_any_more(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    move(tmp_path, old, ends[1])
    for write in (
        lambda: answer(old, "i2", key="k3"),
        lambda: old.lease("p_ann", 1),
        lambda: old.append("t", TimerFired("x", 1)),
    ):
        with pytest.raises(Conflict, match="was moved to"):
            write()
    with pytest.raises(Conflict, match="`querist move` again finishes it"):
        SqlStore.open(ends[0], root=tmp_path)


def test_there_and_back_and_there_again(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    places = list(ends)
    for n in range(3):
        store = SqlStore.open(places[0], root=tmp_path)
        answer(store, f"i{n + 10}", key=f"there {n}")
        move(tmp_path, store, places[1])
        store.close()
        places.reverse()
    events, answers, *_, whole = opened(places[0], tmp_path, seen)
    assert (len(events), len(answers), whole) == (7, 4, True)


@pytest.mark.parametrize("where", ["copy_project", "_verified"])
@pytest.mark.parametrize("after", [False, True])
def test_a_move_that_is_cut_off_changes_nothing_and_can_be_repeated(
    old: SqlStore, ends: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, after: bool
) -> None:
    real = getattr(module, where)

    def die(*arguments: Any) -> Any:
        if after:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, where, die)
        with pytest.raises(KeyboardInterrupt):
            move(tmp_path, old, ends[1])
    answer(old, "i2", "after all", key="k3")
    before = seen(old)
    again(tmp_path, ends)
    assert opened(ends[1], tmp_path, seen) == before


def test_what_was_done_at_the_new_place_is_never_overwritten(
    old: SqlStore, ends: tuple[str, str], tmp_path: Path
) -> None:
    """The move was cut off before the settings were changed, here; elsewhere people have gone on."""
    move(tmp_path, old, ends[1])
    opened(ends[1], tmp_path, lambda store: answer(store, "i2", "new", key="k3"))
    again(tmp_path, ends)
    assert [a.value for a in opened(ends[1], tmp_path, lambda store: store.answers())] == ["no", "new"]


def test_two_histories_are_never_mixed(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    other = SqlStore.create(ends[1], name="reviews", root=tmp_path, project=old.project)
    other.append("t", TimerFired("x", 1))
    other.close()
    with pytest.raises(Conflict, match="another history"):
        move(tmp_path, old, ends[1])
    answer(old, "i2", key="k3")


def test_names_that_are_taken_are_told(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    there = Database(ends[1], root=tmp_path, create=True)
    taken = People(there).create_person("ann", role="owner")
    SqlStore.create(there, name="reviews", root=tmp_path).append("t", TimerFired("x", 1))
    moved = move(tmp_path, old, ends[1])
    assert moved.told == ("account 'ann' is 'ann (reviews)' there: the name was taken",)
    assert {person.name for person in People(there).people()} == {"ann", "ann (reviews)"}
    assert People(there).find("ann") == taken
    there.close()


def test_what_cannot_be_is_refused(old: SqlStore, ends: tuple[str, str], tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="is where the project is already"):
        move(tmp_path, old, ends[0])
    with lock(tmp_path), pytest.raises(Busy, match="another server"):
        move(tmp_path, old, ends[1])
    path = next(path for _, path in old.artefacts.names())
    path.write_bytes(b"changed")
    with pytest.raises(Damaged, match="the project does not verify, and nothing was changed"):
        move(tmp_path, old, ends[1])
    answer(old, "i2", key="k3")
