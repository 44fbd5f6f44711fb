"""A process that labels is killed with SIGKILL at random instants: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from querist.events import PoolImported
from querist.store.protocol import ItemRow
from querist.store.sql import SqlStore
from querist.store.verify import verify
from querist.types import Content

pytestmark = pytest.mark.crash

ITEMS = 400


class ForkServer:
    """Starts workers in a fraction of a second, and says how they died."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("store_workers.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def kill_one(self, folder: Path, number: int, *, after: float, bug: str) -> int:
        """Let a worker run for a while once it works, kill it, and return the signal it died of."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        size = (folder / "acknowledged").stat().st_size
        print(folder, number, bug, file=self.process.stdin, flush=True)
        pid = int(self.process.stdout.readline())
        patience = time.monotonic() + 60
        while (folder / "acknowledged").stat().st_size == size and time.monotonic() < patience:
            time.sleep(0.001)
        time.sleep(after)
        os.kill(pid, signal.SIGKILL)
        return os.WTERMSIG(int(self.process.stdout.readline()))

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = SqlStore.create(name="crash", root=tmp_path)
    names = [f"item{n}" for n in range(ITEMS)]
    store.add_items(ItemRow(name, row, 0.5, 0.5, Content("text", {"text": name})) for row, name in enumerate(names))
    columns = {"item": names, "row": list(range(ITEMS)), "u_eval": [0.5] * ITEMS, "u_control": [0.5] * ITEMS}
    table = store.artefacts.put_table(columns)
    store.append("import/1", PoolImported("made", "1" * 16, table, added=ITEMS, duplicates=0, size=ITEMS))
    store.close()
    (tmp_path / "acknowledged").touch()
    return tmp_path


def losses(folder: Path) -> dict[str, object]:
    """Return what went wrong: acknowledged keys that are missing, keys or leases twice, and what verify says."""
    store = SqlStore.open(root=folder)
    acknowledged = (folder / "acknowledged").read_text().split()
    recorded = Counter(line.key for line in store.events())
    out = Counter((lease.item, lease.person) for lease in store.leases())
    report = verify(store)
    store.close()
    return {
        "missing": sorted(set(acknowledged) - set(recorded)),
        "doubled": [key for key, count in (recorded + out).items() if count > 1],
        "problems": [str(problem) for problem in report.problems],
    }


NOTHING = {"missing": [], "doubled": [], "problems": []}


def crash(
    server: ForkServer, folder: Path, kills: int, *, bug: str = "none", every: int = 1
) -> Iterator[dict[str, object]]:
    chance = random.Random(kills)
    for number in range(kills):
        assert server.kill_one(folder, number, after=chance.uniform(0, 0.15), bug=bug) == signal.SIGKILL
        if number % every == every - 1:
            yield losses(folder)


def test_forty_kills_lose_nothing(server: ForkServer, folder: Path) -> None:
    for found in crash(server, folder, 40, every=8):
        assert found == NOTHING
    assert len((folder / "acknowledged").read_text().split()) > 40


@pytest.mark.long
def test_five_hundred_kills_lose_nothing(server: ForkServer, folder: Path) -> None:
    for found in crash(server, folder, 500, every=25):
        assert found == NOTHING


def test_a_planted_bug_is_caught(server: ForkServer, folder: Path) -> None:
    """Acknowledge before the commit, as a careless service would: some kill must show it."""
    assert any(found["missing"] for found in crash(server, folder, 60, bug="early"))
