"""What the answers amount to is kept up to date from news alone, and is what reading everything anew would give."""

import numpy as np
import pytest

from querist.engine.labels import resolve_with_opinions, training_rows
from querist.engine.project import Project
from querist.engine.round import MEASURING
from querist.engine.spec import ProjectSpec
from querist.events import (
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    ClassesChanged,
    ItemWithdrawn,
    OpinionsWanted,
    PoolImported,
    ProjectCreated,
)
from querist.store.memory import MemoryStore

ITEMS = [f"i{number}" for number in range(8)]
PEOPLE = ["ann", "bob", "import"]


def make() -> Project:
    spec = ProjectSpec.from_json({"project": {"name": "labels", "classes": ["a", "b", "c"]}})
    store = MemoryStore()
    store.items.add_all(ITEMS)
    project = Project(spec, store)
    project.record("created", ProjectCreated(spec=spec.to_json(), spec_hash="", seed=0, versions={}))
    items = store.artefacts.put_table({"item": ITEMS, "row": list(range(len(ITEMS)))})
    project.record("import", PoolImported("memory", "f", items, len(ITEMS), 0, size=len(ITEMS)))
    return project


def happen(project: Project, rng: np.random.Generator, step: int, *, classes_change: bool = True) -> None:
    """Anything that people may do to labels."""
    state = project.state()
    item, key = str(rng.choice(ITEMS)), f"e{step}"
    live = state.live.get(item, ())
    classes = list(state.classes)
    value = str(rng.choice(classes))
    match rng.choice(
        ["answer", "correct", "undo", "decide", "withdraw", "one more", "rename", "add"],
        p=[0.5, 0.15, 0.1, 0.1, 0.02, 0.05, 0.04, 0.04],
    ):
        case "answer":
            person = str(rng.choice(PEOPLE))
            lane = str(rng.choice(["query", "control", "evaluation"], p=[0.6, 0.3, 0.1]))
            outcome = str(rng.choice(["answered", "skipped"], p=[0.9, 0.1]))
            said = value if outcome == "answered" else None
            project.record(key, AnswerSubmitted(item, "single_label", outcome, said, lane=lane), actor=person)
        case "correct" if live:
            answer = AnswerSubmitted(item, "single_label", "answered", value, lane=live[0].lane, replaces=live[0].seq)
            project.record(key, answer, actor=live[0].person)
        case "undo" if live:
            project.record(key, AnswerWithdrawn(live[-1].seq, "undo"), actor=live[-1].person)
        case "decide" if live:
            project.record(key, AnswerAdjudicated(item, value, "so", [live[0].seq]), actor="rev")
        case "withdraw":
            project.record(key, ItemWithdrawn(item, "gone"), actor="rev")
        case "one more" if live:
            wanted = OpinionsWanted(item=item, wanted=len(live) + 1, reason="?", lane="query", round=0)
            project.record(key, wanted)
        case "rename" if classes_change:
            project.record(key, ClassesChanged("rename", [value], [f"{value}'"]), actor="rev")
        case "add" if classes_change:
            project.record(key, ClassesChanged("add", classes, [*classes, f"new{step}"]), actor="rev")
        case _:
            pass


@pytest.mark.parametrize("seed", range(20))
def test_labels_from_news_are_those_of_reading_everything_anew(seed):
    project, rng = make(), np.random.default_rng(seed)
    for step in range(80):
        happen(project, rng, step)
        if rng.random() < 0.4:
            state = project.state()
            anew, _ = resolve_with_opinions(project, state, state.seq, lambda answer: answer.lane not in MEASURING)
            assert training_rows(project, state, through=state.seq) == anew


def test_the_past_is_read_anew_and_changes_nothing_of_the_present():
    project, rng = make(), np.random.default_rng(5)
    for step in range(30):
        happen(project, rng, step, classes_change=False)
    early = project.state()
    then = training_rows(project, early, through=early.seq)
    for step in range(30, 60):
        happen(project, rng, step, classes_change=False)
    late = project.state()
    now = training_rows(project, late, through=late.seq)
    assert then != now
    assert training_rows(project, early, through=early.seq) == then
    assert training_rows(project, late, through=late.seq) == now
