"""The model's guess as a controlled variable: blind where it must be, recorded with each answer, its shift measured."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest

from querist.engine import commands, create, prefill, steering, views
from querist.engine.lanes import keyed_numbers
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.server.schemas.labelling import AnswerForm, Task
from querist.server.schemas.status import Status


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Points on a line, labelled by their sign; the model's guess is shown on half of the items."""
    rng = np.random.default_rng(0)
    lines = ["x,sign", *(f"{x:.3f},{'plus' if x > 0 else 'minus'}" for x in rng.normal(size=240))]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    create.init(
        tmp_path / "p",
        data=str(tmp_path / "points.csv"),
        columns=["x"],
        classes=["minus", "plus"],
        settings={
            "labels": {"prefill": "shown", "blind_share": 0.5},
            "lanes": {"control": 0.1, "evaluation": 0.1},
            "stop": {"any": []},
        },
    )
    return Project.open(tmp_path / "p")


def answer(project: Project, believes: bool, n: int) -> list[tuple[dict, str]]:
    """Somebody who says "plus" whatever the item is, but the guess where it is seen, if they believe it."""
    given = []
    for _ in range(n):
        run_until_waiting(project)
        task = commands.next_items(project, "p_1", 1, [])["tasks"][0]
        Task.model_validate(task)
        truth = "plus" if float(task["content"]["value"]["fields"]["x"]) > 0 else "minus"
        guess = task["prefill"]
        said = guess["value"] if guess is not None and believes else truth
        form = FileAnswer(uuid.uuid4(), task["item"], said, lease=task["lease"], shown=guess)
        commands.submit(project, "p_1", form)
        given.append((task, said))
    return given


def test_guesses_are_shown_only_where_they_may_be_and_recorded_with_the_answer(project):
    answer(project, believes=False, n=45)
    assert project.state().model is not None
    before = project.store.head()[0]
    given = answer(project, believes=True, n=30)
    events = [r.event for r in project.store.events(before, kinds=["answer_submitted"])]
    seen = 0
    for (task, said), event in zip(given, events, strict=True):
        blind = keyed_numbers(project.seed, "blind", [task["item"]])[0] < 0.5
        if event.lane in ("evaluation", "control"):
            assert task["prefill"] is None
            assert event.shown is None
        else:
            assert (task["prefill"] is None) == blind
            assert event.shown["seen"] is (not blind)
            assert event.shown["value"] in ("minus", "plus")
        if task["prefill"] is not None:
            seen += 1
            assert event.shown["value"] == said == task["prefill"]["value"]
    assert seen > 3


def test_a_client_cannot_claim_to_have_seen_what_is_blind(project):
    answer(project, believes=False, n=45)
    item = next(
        i for i in project.pool().items if prefill.is_blind(project, i, "query") and i not in project.state().live
    )
    row = int(project.store.rows([item])[0])
    lane = "evaluation" if project.pool().u_eval[row] < project.state().reserve else "query"
    told = {"value": "plus", "when": "shown", "model": "m"}
    recorded = prefill.seen_with(project, item, lane, told)
    assert recorded is None or recorded["seen"] is False


def test_the_shift_is_measured_with_its_interval(project, monkeypatch):
    answer(project, believes=False, n=60)
    early = prefill.shift(project)
    assert early is not None
    assert early["shift"] is None
    assert "too early to say" in early["sentence"]
    monkeypatch.setattr(prefill, "FEWEST", 10)
    found = prefill.shift(project)
    assert found["shift"]["low"] <= found["shift"]["value"] <= found["shift"]["high"]
    assert found["shift"]["value"] == pytest.approx(found["seen"]["value"] - found["blind"]["value"])
    status = Status.model_validate(views.status(project))
    assert status.prefill is not None


def test_off_is_off(project):
    steering.change_settings(project, "p_1", {"labels": {"prefill": "off"}})
    answer(project, believes=True, n=30)
    assert prefill.shift(project) is None
    assert AnswerForm(key=uuid.uuid4(), item="i").shown is None
