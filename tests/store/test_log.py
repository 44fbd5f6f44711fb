"""What is acknowledged is on the disk; who waits for it keeps nobody from writing, and shares the flush."""

from __future__ import annotations

import errno
import itertools
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from querist.errors import Busy, StorageFull
from querist.events import TimerFired
from querist.store import dialect, log
from querist.store.sql import SqlStore

from .conftest import import_pool

LONG = 60.0


class Disk:
    """A disk that takes its time: a flush ends when it is let."""

    def __init__(self) -> None:
        self.flushes = 0
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.failure: OSError | None = None

    def flush(self, _file: int) -> None:
        self.flushes += 1
        self.begun.release()
        assert self.may_end.acquire(timeout=LONG)
        if self.failure is not None:
            raise self.failure

    def let(self, count: int = 1) -> None:
        self.may_end.release(count)

    def wait_for_flush(self) -> None:
        assert self.begun.acquire(timeout=LONG)


@pytest.fixture
def disk(file_project: SqlStore, monkeypatch: pytest.MonkeyPatch) -> Disk:
    assert file_project.head()[0] == 0
    slow = Disk()
    monkeypatch.setattr(log, "_flush", slow.flush)
    return slow


@pytest.fixture
def people() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool


def append(project: SqlStore, number: int) -> int:
    return project.append(f"timer/{number}", TimerFired("nightly", number))[0].seq


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_an_event_is_acknowledged_when_the_disk_has_it(
    file_project: SqlStore, disk: Disk, people: ThreadPoolExecutor, tmp_path: Path
) -> None:
    seq = people.submit(append, file_project, 1)
    disk.wait_for_flush()
    # What the disk is about to have is the event.
    for name in ("querist.db", "querist.db-wal"):
        shutil.copy(tmp_path / name, tmp_path / f"copy-of-{name}")
    with closing(sqlite3.connect(tmp_path / "copy-of-querist.db")) as copy:
        assert copy.execute("SELECT key FROM ledger").fetchall() == [("timer/1",)]
    assert not seq.done()
    disk.let()
    assert seq.result(timeout=LONG) == 1


def test_who_waits_for_the_disk_keeps_nobody_from_writing_and_the_next_flush_is_for_all(
    file_project: SqlStore, disk: Disk, people: ThreadPoolExecutor
) -> None:
    first = people.submit(append, file_project, 1)
    disk.wait_for_flush()
    others: list[Future[int]] = [people.submit(append, file_project, number) for number in range(2, 9)]
    wait_until(lambda: file_project.head()[0] == 8)
    assert disk.flushes == 1
    assert not any(future.done() for future in (first, *others))
    disk.let()
    assert first.result(timeout=LONG) == 1
    disk.wait_for_flush()
    assert not any(future.done() for future in others)
    disk.let()
    assert sorted(future.result(timeout=LONG) for future in others) == list(range(2, 9))
    assert disk.flushes == 2


def test_an_event_that_is_known_is_told_of_when_the_disk_has_it(
    file_project: SqlStore, disk: Disk, people: ThreadPoolExecutor
) -> None:
    first = people.submit(append, file_project, 1)
    disk.wait_for_flush()
    again, found = people.submit(append, file_project, 1), people.submit(file_project.find, "timer/1")
    assert file_project.find("timer/2") is None
    assert not again.done()
    assert not found.done()
    disk.let(3)
    assert first.result(timeout=LONG) == again.result(timeout=LONG) == 1
    known = found.result(timeout=LONG)
    assert known is not None
    assert known.seq == 1


def test_a_disk_that_failed_is_not_believed_again(
    file_project: SqlStore, disk: Disk, people: ThreadPoolExecutor
) -> None:
    disk.failure = OSError(errno.EIO, "Input/output error")
    first = people.submit(append, file_project, 1)
    disk.wait_for_flush()
    second = people.submit(append, file_project, 2)
    wait_until(lambda: file_project.head()[0] == 2)
    disk.let(10)
    for refused in (first, second):
        with pytest.raises(StorageFull, match="Input/output error"):
            refused.result(timeout=LONG)
    disk.failure = None
    with pytest.raises(StorageFull, match="Input/output error"):
        append(file_project, 3)


def test_leases_do_not_wait_for_the_disk(file_project: SqlStore, disk: Disk) -> None:
    assert file_project.lease("p_ann", 3) == []
    assert file_project.claim("train/1", "me")
    assert disk.flushes == 0


def test_the_log_begins_anew_while_people_write(
    file_project: SqlStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log, "OFTEN", 5)
    monkeypatch.setattr(log, "LONG", 10)
    numbers = itertools.count()

    def beginning() -> bytes:
        append(file_project, next(numbers))
        # A log that begins anew has new salt in its head.
        return (tmp_path / "querist.db-wal").read_bytes()[16:24]

    first = beginning()
    wait_until(lambda: beginning() != first)
    assert file_project.head()[0] == next(numbers)


def test_what_is_erased_leaves_the_log_or_whoever_erases_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(dialect, "BUSY_MILLISECONDS", 20)
    project = SqlStore.create(name="reviews", root=tmp_path)
    import_pool(project, ["a", "secret"])
    with closing(sqlite3.connect(tmp_path / "querist.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM content").fetchone()
        with pytest.raises(Busy, match="erase it again"):
            project.erase("secret")
    assert project.contents(["secret"]) == [None]
    project.erase("secret")
    assert (tmp_path / "querist.db-wal").stat().st_size == 0
    project.close()
