"""Projects on disk, made from data that scikit-learn ships, with an oracle that answers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from querist.engine import commands, create
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.pools import read_pool
from querist.types import Item

PERSON = "p_oracle"


@pytest.fixture(scope="session")
def digit_of() -> dict[str, str]:
    """The known label of each digit, by the id that its content gives it."""
    entries = read_pool("sample:digits:labelled").read()
    return {entry.id: str(entry.label) for entry in entries if isinstance(entry, Item)}


@pytest.fixture
def digits(tmp_path: Path) -> Project:
    """The demo project, without labels."""
    create.init(tmp_path / "digits", sample="digits", settings=create.settings(sample="digits"))
    return Project.open(tmp_path / "digits")


@pytest.fixture
def answer(digit_of: dict[str, str]) -> Callable[..., list[str]]:
    """Answer n items of a digits project with the truth, as the worker trains between; returns the items."""

    def give(project: Project, n: int, *, person: str = PERSON, **more: Any) -> list[str]:
        items = []
        for _ in range(n):
            run_until_waiting(project)
            task = commands.next_items(project, person, 1, [])["tasks"][0]
            form = FileAnswer(uuid.uuid4(), task["item"], digit_of[task["item"]], lease=task["lease"], **more)
            commands.submit(project, person, form)
            items.append(task["item"])
        run_until_waiting(project)
        return items

    return give
