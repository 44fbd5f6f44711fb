"""Killed at every step boundary and anywhere between, the engine ends where an undisturbed run ends."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from querist.engine.trust import replay, verify
from tests.crash import loop

pytestmark = pytest.mark.crash

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["tests.crash.loop", "sklearn.linear_model", "querist.models.sklearn", "querist.store.sql"]
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    home = tmp_path_factory.mktemp("wine")
    loop.write_wine(home / "wine.csv")
    loop.make(home / "project", home / "wine.csv")
    return home / "project", home / "wine.csv"


@pytest.fixture(scope="module")
def undisturbed(made: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed") / "project"
    shutil.copytree(made[0], folder)
    loop.drive(folder, made[1], order=0)
    found = loop.record(folder)
    assert len(found["models"]) == loop.ROUNDS
    return found


def run_and_kill(folder: Path, data: Path, *, order: int, points: list[int]) -> int:
    """Drive the project, killed at each point in turn; return how often it really died."""
    for deaths, point in enumerate([*points, None]):
        child = FORKS.Process(target=loop.drive, args=(folder, data), kwargs={"order": order, "kill_at": point})
        child.start()
        child.join(timeout=120)
        if child.exitcode == 0:
            return deaths
        assert child.exitcode == -signal.SIGKILL, f"died of {child.exitcode} at {point}"
    raise AssertionError("the last run was not to be killed")


def test_killed_at_every_write_in_turn(made: tuple[Path, Path], undisturbed: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made[0], folder)
    # The n-th life dies at its n-th write, so every kind of write is hit, and work goes on between.
    deaths = run_and_kill(folder, made[1], order=1, points=list(range(1, 41)))
    assert deaths >= 20
    assert loop.record(folder) == undisturbed
    assert verify(folder)["ok"]


@pytest.mark.parametrize("seed", range(2))
def test_killed_anywhere_and_answered_in_any_order(
    made: tuple[Path, Path], undisturbed: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made[0], folder)
    rng = random.Random(seed)
    run_and_kill(folder, made[1], order=seed + 10, points=[rng.randrange(1, 120) for _ in range(6)])
    assert loop.record(folder) == undisturbed
    assert verify(folder)["ok"]


def test_every_batch_replays_after_kills(made: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    shutil.copytree(made[0], folder)
    run_and_kill(folder, made[1], order=3, points=[5, 30, 60])
    found = replay(loop.Project.open(folder))
    assert len(found["rounds"]) > loop.ROUNDS
    assert all(line["same"] for line in found["rounds"]), found
