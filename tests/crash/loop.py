"""A project with an oracle, driven in a child process that may be killed at any call; shared by the crash tests."""

from __future__ import annotations

import csv
import os
import random
import signal
import uuid
from pathlib import Path
from typing import Any

from querist.engine import commands, create
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting

ROUNDS = 3
PERSON = "p_oracle"


def write_wine(path: Path) -> None:
    """Write scikit-learn's wines as a table with an id and the class."""
    from sklearn.datasets import load_wine

    data = load_wine()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *data.feature_names, "class"])
        for number, (row, target) in enumerate(zip(data.data.tolist(), data.target.tolist(), strict=True)):
            writer.writerow([f"w{number}", *row, f"class {target}"])


def truth(path: Path) -> dict[str, str]:
    with path.open(newline="") as file:
        return {row["id"]: row["class"] for row in csv.DictReader(file)}


def make(folder: Path, data: Path) -> None:
    """Make the project: a table whose labels are not shown to it."""
    columns = [name for name in data.read_text().splitlines()[0].split(",") if name not in ("id", "class")]
    create.init(
        folder,
        data=str(data),
        columns=columns,
        id="id",
        classes=["class 0", "class 1", "class 2"],
        seed=7,
        settings={
            "loop": {"mode": "batch", "batch": 12, "seed_set": {"least": 12, "per_class": 4}},
            "lanes": {"control": 0.25, "evaluation": 0.25},
        },
    )


def drive(folder: Path, data: Path, *, order: int, kill_at: int | None = None) -> None:
    """Answer every batch with the truth until the rounds are over; SIGKILL this process at its n-th write."""
    project = Project.open(folder)
    if kill_at is not None:
        die_at(project.store, kill_at)
    answers = truth(data)
    while project.state().round < ROUNDS:
        run_until_waiting(project)
        entries = project.store.queue()
        random.Random(order).shuffle(entries)
        for entry in entries:
            key = uuid.uuid5(uuid.NAMESPACE_OID, f"{entry.item}/{entry.round}")
            commands.submit(project, PERSON, FileAnswer(key, entry.item, answers[entry.item]), source="oracle")
    project.store.close()


def die_at(store: Any, number: int) -> None:
    """Count artefacts and events as they are written; die before an odd count is reached, after an even one."""
    calls = 0

    def counted(write: Any) -> Any:
        def wrapper(*args: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            result = write(*args, **more)
            calls += 1
            if calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return wrapper

    store.append = counted(store.append)
    store.artefacts.put = counted(store.artefacts.put)


def record(folder: Path) -> dict[str, Any]:
    """What must not depend on kills or on the order of answers: batches, data sets, models; and all answers."""
    project = Project.open(folder)
    batches, datasets, models, answers = [], [], [], []
    for recorded in project.store.events():
        event = recorded.event
        match event.kind:
            case "batch_selected":
                batches.append((event.round, event.part, event.items))  # type: ignore[attr-defined]
            case "dataset_frozen":
                datasets.append((event.round, event.dataset))  # type: ignore[attr-defined]
            case "model_trained":
                models.append((event.round, event.model))  # type: ignore[attr-defined]
            case "answer_submitted" if event.round < ROUNDS:  # type: ignore[attr-defined]
                answers.append((event.item, event.value))  # type: ignore[attr-defined]
    project.store.close()
    return {"batches": batches, "datasets": datasets, "models": models, "answers": sorted(answers)}
