"""Where a project is remembered: in its folder, or in PostgreSQL, moved from one to the other while it goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests import postgres

from querist.engine import create, trust
from querist.engine.importing import Imported
from querist.engine.project import Project, open_store
from querist.engine.run import run_until_waiting, work_forever
from querist.engine.spec_file import read_spec
from querist.errors import BadValue, Conflict, Unreachable


def make(folder: Path, store: str | None = None, **more: Any) -> Project:
    create.init(folder, sample="digits", store=store, settings=create.settings(sample="digits"), **more)
    return Project.open(folder)


def label(folder: Path, answer: Callable[..., list[str]], n: int) -> list[str]:
    """Open the project, answer n items, and close it."""
    with closing_project(folder) as project:
        return answer(project, n)


@contextmanager
def closing_project(folder: Path) -> Iterator[Project]:
    project = Project.open(folder)
    try:
        yield project
    finally:
        project.store.close()


def test_the_loop_in_postgresql_is_the_loop_in_a_file(
    postgres_url: str, tmp_path: Path, answer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELS_DB", postgres_url)
    here, there = make(tmp_path / "here"), make(tmp_path / "there", "env:LABELS_DB")
    assert answer(here, 12) == answer(there, 12)
    assert [e.event.kind for e in here.store.events()] == [e.event.kind for e in there.store.events()]
    assert (here.state().model, here.state().training) == (there.state().model, there.state().training)
    assert trust.verify(tmp_path / "there")["ok"]
    assert trust.replay(there)["ok"]
    for project in (here, there):
        project.store.close()


def test_no_file_and_no_line_holds_the_password(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = postgres_url.replace("querist@", "querist:s3cret@")
    with pytest.raises(BadValue, match="env:NAME") as refused:
        make(tmp_path / "p", secret)
    assert "s3cret" not in str(refused.value)
    assert not (tmp_path / "p").exists()
    monkeypatch.setenv("LABELS_DB", secret)
    project = make(tmp_path / "p", "env:LABELS_DB")
    run_until_waiting(project)
    project.store.close()
    told = str([line.event.to_json() for line in project.store.events()])
    project.store.close()
    assert "s3cret" not in told
    assert "env:" not in told, "where a project is remembered is no fact about it"
    kept = [path for path in (tmp_path / "p").rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert kept == []


def test_several_projects_of_one_database(postgres_url: str, tmp_path: Path) -> None:
    first = make(tmp_path / "first", postgres_url)
    second = make(tmp_path / "second", postgres_url, seed=7)
    assert first.id != second.id == read_spec(tmp_path / "second").store.project
    with pytest.raises(Conflict, match="'first' already"):
        make(tmp_path / "elsewhere" / "first", postgres_url)
    assert not (tmp_path / "elsewhere" / "first" / "querist.toml").exists()
    for project in (first, second):
        project.store.close()


def test_moving_there_and_back_loses_nothing_and_goes_on(
    postgres_url: str, tmp_path: Path, answer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABELS_DB", postgres_url)
    folder = tmp_path / "digits"
    make(folder).store.close()
    items = label(folder, answer, 6)
    told = trust.move(folder, "env:LABELS_DB")["lines"]
    assert told[2].endswith("in env:LABELS_DB from now on; the old place is kept, closed")
    assert read_spec(folder).store.url == "env:LABELS_DB"
    items += label(folder, answer, 6)
    copy = tmp_path / "copy"
    trust.backup(folder, copy)
    assert read_spec(copy).store.url == "sqlite:///querist.db"
    with closing_project(copy) as restored:
        assert [a.item for a in restored.store.answers()] == items
    assert trust.verify(copy)["ok"]
    trust.move(folder, "sqlite:///querist.db")
    assert "store" not in tomllib.loads((folder / "querist.toml").read_text())
    items += label(folder, answer, 3)
    with closing_project(folder) as project:
        assert [a.item for a in project.store.answers()] == items
        assert [line.event.kind for line in project.store.events()].count("spec_changed") == 0
        assert trust.verify(folder)["ok"]
        assert trust.replay(project)["ok"]


def test_a_worker_outlives_its_database(tmp_path: Path, answer: Callable[..., list[str]]) -> None:
    """The server is killed and comes back: the worker waits, says why, and goes on."""
    if reason := postgres.why_not():
        pytest.skip(reason)
    server = postgres.Server()
    url = server.database()
    project = make(tmp_path / "p", url)
    stop = threading.Event()
    worker = threading.Thread(target=work_forever, args=(project, stop))
    try:
        server.kill()
        with pytest.raises(Unreachable, match="cannot be reached") as away:
            project.store.head()
        assert away.value.exit_code == 3
        worker.start()
        _wait(lambda: project.problem is not None)
        server.start()
        _wait(lambda: any(line.event.kind == "batch_selected" for line in project.store.events()))
    finally:
        stop.set()
        if worker.ident is not None:
            worker.join()
        project.store.close()
        server.close()


def _wait(until: Callable[[], bool]) -> None:
    patience = time.monotonic() + 60
    while not until():
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_misuse_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE_DB", raising=False)
    with pytest.raises(BadValue, match="environment variable NOWHERE_DB is not set"):
        make(tmp_path / "p", "env:NOWHERE_DB")
    with pytest.raises(BadValue, match="sqlite:// or postgresql://"):
        make(tmp_path / "p", "mysql://host/db")
    with pytest.raises(BadValue, match="sqlite:// or postgresql://"):
        make(tmp_path / "p", "not a url")
    make(tmp_path / "p").store.close()
    with pytest.raises(BadValue, match="is where the project is already"):
        trust.move(tmp_path / "p", "sqlite:///querist.db")


def test_an_init_that_died_at_any_point_is_finished_by_the_same_command(
    store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "a.csv"
    data.write_text("id,text,label\n" + "".join(f"d{n},text number {n},{'ab'[n % 2]}\n" for n in range(2500)))
    folder = tmp_path / "p"

    def init() -> Imported:
        return create.init(folder, data=str(data), text="text", label="label", id="id", store=store_url)

    for number in range(1, 12):
        with monkeypatch.context() as patched:
            _die_at(patched, number)
            try:
                init()
            except KeyboardInterrupt:
                continue
        break
    assert number > 5, "it was cut off at every write in turn"
    project = Project.open(folder)
    assert len(project.store.answers()) == project.state().pool_size == 2500
    assert [line.event.kind for line in project.store.events()].count("project_created") == 1
    project.store.close()
    with pytest.raises(Conflict, match="querist import"):
        init()
    assert trust.verify(folder)["ok"]


def _die_at(patched: pytest.MonkeyPatch, number: int) -> None:
    from querist.store.gate import Gate

    real, calls = Gate.writing, 0

    def writing(self: Gate) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise KeyboardInterrupt
        return real(self)

    patched.setattr(Gate, "writing", writing)


def test_the_command_line_moves_and_says_what_it_verified(postgres_url: str, tmp_path: Path) -> None:
    make(tmp_path / "p").store.close()
    command = [sys.executable, "-m", "querist", "move", str(tmp_path / "p"), "--to", postgres_url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "the chain holds" in done.stdout
    store = open_store(tmp_path / "p", read_spec(tmp_path / "p"))
    assert store.shared
    store.close()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert again.stderr.startswith("querist: to = ")
