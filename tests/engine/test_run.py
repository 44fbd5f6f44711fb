"""A worker that goes on for ever: people do not run out of items while it trains."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from querist.engine import commands, create, trust
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting, work_forever
from querist.events import BatchSelected
from querist.models import learner
from querist.types import Array

CLASSES = ["a", "b"]


@dataclass
class Held:
    """A learner whose fits wait until they are let go."""

    name: str = "held"
    settings: dict[str, Any] = field(default_factory=dict)
    begun: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def fit(self, features: Any, target: Array, *, classes: int, weight: Any = None, seed: int = 0) -> Any:
        self.begun.set()
        assert self.go.wait(120)
        return learner(GaussianNB()).fit(features, target, classes=classes, weight=weight, seed=seed)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Callable[..., Project]]:
    """Make a project of 400 points in two classes, whose models a given learner fits."""
    opened = []

    def make(recipe: Held, **loop: Any) -> Project:
        rng = np.random.default_rng(0)
        lines = [f"{n},{x + 2 * (n % 2):.4f},{y:.4f}" for n, (x, y) in enumerate(rng.normal(size=(400, 2)))]
        data = tmp_path / "points.csv"
        data.write_text("\n".join(["id,x,y", *lines]))
        settings = {
            "loop": {"batch": 10, "retrain_every": {"least": 10, "share": 0.0}, **loop},
            "model": {"calibrate": "off"},
            "stop": {"any": []},
        }
        create.init(tmp_path / "p", data=str(data), id="id", columns=["x", "y"], classes=CLASSES, settings=settings)
        plain = Project.open(tmp_path / "p")
        opened.append(plain)
        return Project(plain.spec, plain.store, folder=plain.folder, learner=recipe)

    yield make
    for made in opened:
        made.store.close()


@contextmanager
def working(made: Project, recipe: Held) -> Iterator[None]:
    """A worker works on the project inside, until it has come to its next round."""
    stop = threading.Event()
    worker = threading.Thread(target=work_forever, args=(made, stop))
    worker.start()
    try:
        yield
        recipe.go.set()
        until(lambda: made.state().round > 0)
    finally:
        recipe.go.set()
        stop.set()
        worker.join()


def answered(made: Project, person: str) -> bool:
    """Answer one item with the truth, if there is one."""
    tasks = commands.next_items(made, person, 1, [])["tasks"]
    for task in tasks:
        value = CLASSES[int(task["item"]) % 2]
        commands.submit(made, person, FileAnswer(uuid.uuid4(), task["item"], value, lease=task["lease"]))
    return bool(tasks)


def until(happens: Callable[[], bool]) -> None:
    patience = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < patience
        time.sleep(0.01)


def batches(made: Project) -> list[BatchSelected]:
    return [line.event for line in made.store.events(kinds=["batch_selected"]) if isinstance(line.event, BatchSelected)]


def test_people_do_not_run_out_of_items_while_a_model_is_trained_and_every_batch_replays(
    project: Callable[..., Project],
) -> None:
    recipe = Held()
    made = project(recipe)
    with working(made, recipe):
        until(lambda: answered(made, "p_1") and recipe.begun.is_set())
        for _ in range(60):
            until(lambda: answered(made, "p_1"))
        assert made.state().model is None
        assert not made.trained()
    assert [event.part for event in batches(made) if event.round == 0][-1] >= 3
    items = [item for event in batches(made) for item in event.items if event.round == 0]
    assert len(items) == len(set(items))
    assert batches(made)[-1].model is not None
    assert trust.replay(made)["ok"]
    assert trust.verify(made.folder)["ok"]


def test_in_batch_mode_people_wait_for_the_round(project: Callable[..., Project]) -> None:
    recipe = Held()
    made = project(recipe, mode="batch")
    with working(made, recipe):
        until(lambda: answered(made, "p_1"))
        until(lambda: not answered(made, "p_1") and recipe.begun.is_set())
        asked = len(batches(made))
    assert batches(made)[asked].round == 1
    assert batches(made)[asked].model is not None


def test_a_step_that_another_worker_has_done_meanwhile_is_no_defect(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = project(Held())
    rival = Project.open(made.folder)
    stop = threading.Event()
    real = made.store.claim

    def claim(name: str, owner: str) -> bool:
        if not name.startswith("worker/"):
            run_until_waiting(rival)
            stop.set()
        return real(name, owner)

    monkeypatch.setattr(made.store, "claim", claim)
    work_forever(made, stop)
    rival.store.close()
    assert stop.is_set()
    assert len(batches(made)) == 1
    assert trust.verify(made.folder)["ok"]
