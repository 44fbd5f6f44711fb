"""Who gets which item: groups, conflicts, shares, once a group; hard items go round, tired people get easier ones."""

import time
import uuid
from typing import Any

import pytest

from querist.engine import assignment, commands
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.spec import ProjectSpec
from querist.errors import BadValue, UnknownName
from querist.events import AnswerSubmitted, BatchSelected, FeaturesBuilt, PoolImported, ProjectCreated
from querist.store.memory import MemoryStore
from querist.store.protocol import ItemRow, QueueEntry
from querist.types import Content

NAMES = [f"i{number}" for number in range(40)]
MINUTE = 60_000_000


class Clock:
    now = time.time_ns() // 1000

    def __call__(self) -> int:
        return self.now


def make(clock: Clock | None = None, **rules: Any) -> Project:
    """A project with a queue of forty items of the groups de and fr in turn, the hardest first."""
    named = {"name": "t", "classes": ["a", "b"]}
    spec = ProjectSpec.from_json({"project": named, "loop": {"batch": 40}, "assignment": rules})
    store = MemoryStore("t", **({} if clock is None else {"clock": clock}))
    project = Project(spec, store)
    project.record("created", ProjectCreated(spec=spec.to_json(), spec_hash="", seed=0, versions={}))
    groups = ["de" if row % 2 else "fr" for row in range(40)]
    content = Content("text", {"text": "x"})
    store.add_items(ItemRow(name, row, 0.9, 0.9, content, group=groups[row]) for row, name in enumerate(NAMES))
    nothing = [None] * 40
    half = [0.9] * 40
    table = {"item": NAMES, "row": list(range(40)), "u_eval": half, "u_control": half, "copies": [1] * 40}
    items = store.artefacts.put_table({**table, "group": groups, "cost": nothing})
    project.record("import", PoolImported("memory", "f", items, 40, 0, size=40, reserve=0.1))
    scores = [1 - row / 40 for row in range(40)]
    picks = {"item": NAMES, "lane": ["query"] * 40, "rank": list(range(1, 41)), "score": scores, "probability": nothing}
    event = BatchSelected(
        round=0, part=0, strategy={"name": "margin", "scorer": "margin", "selector": "top"}, strategy_hash="",
        evidence={}, model=None, dataset=None, features=None, through_seq=2, pending=None, items=NAMES,
        picks=store.artefacts.put_table(picks), asked=40, chosen=40,
    )  # fmt: skip
    project.record("r0/select/0", event)
    return project


def given(project: Project, person: str, n: int) -> list[str]:
    return [task["item"] for task in commands.next_items(project, person, n, [])["tasks"]]


def group(item: str) -> str:
    return "de" if int(item[1:]) % 2 else "fr"


def test_without_rules_the_order_of_the_queue_holds() -> None:
    project = make()
    assert assignment.arrange(project, project.state(), "ann") is None
    assert given(project, "ann", 5) == NAMES[:5]


def test_people_get_the_groups_that_they_know() -> None:
    project = make(by_group=True, people={"ann": {"groups": ["de"]}, "bob": {"groups": ["de", "fr"]}})
    assert {group(item) for item in given(project, "ann", 10)} == {"de"}
    assert {group(item) for item in given(project, "bob", 20)} == {"de", "fr"}
    assert given(project, "cyd", 10) == []


def test_a_conflict_of_interest_keeps_items_and_groups_away() -> None:
    project = make(people={"ann": {"conflicts": ["i0", "de"]}})
    found = given(project, "ann", 40)
    assert "i0" not in found
    assert {group(item) for item in found} == {"fr"}
    assert "i0" in given(project, "bob", 40)


def test_nobody_gets_two_items_of_a_group() -> None:
    project = make(once_per_group=True)
    first = given(project, "ann", 5)
    assert sorted(group(item) for item in first) == ["de", "fr"]
    for item in first:
        commands.submit(project, "ann", FileAnswer(uuid.uuid4(), item, "a"))
    assert given(project, "ann", 5) == []
    assert len(given(project, "bob", 5)) == 2


def test_a_weight_is_a_share_of_the_queue() -> None:
    project = make(people={"ann": {"weight": 0.25}})
    assert 4 <= len(given(project, "ann", 40)) <= 18
    assert given(make(people={"ann": {"weight": 0.25}}), "ann", 40) == given(
        make(people={"ann": {"weight": 0.25}}), "ann", 40
    )


def test_a_load_ends_the_day() -> None:
    project = make(daily=6, people={"ann": {"daily": 2}})
    for person, most in (("ann", 2), ("bob", 6)):
        first = given(project, person, 10)
        assert len(first) == most
        for item in first:
            commands.submit(project, person, FileAnswer(uuid.uuid4(), item, "a"))
        reply = commands.next_items(project, person, 10, [])
        assert reply["tasks"] == []
        assert reply["waiting"]["sentence"] == "That is all for today"


def test_who_gets_nothing_by_rule_is_told_so() -> None:
    for rules, told in (({"by_group": True}, "Nothing for you just now"), ({}, "The rest is out with other people")):
        project = make(**rules)
        shards = [project.store.artefacts.put_json({})]
        project.record("features", FeaturesBuilt("f" * 16, shards[0], shards, "none", {}, 1, rows=40, fitted_on=40))
        given(project, "bob", 40)
        reply = commands.next_items(project, "ann", 5, [])
        assert (reply["tasks"], reply["waiting"]["sentence"]) == ([], told)


def test_hard_items_go_round() -> None:
    found = given(make(rotate=True), "ann", 8)
    hard = [int(item[1:]) < 10 for item in found]
    assert hard == [True, True, True, False] * 2
    assert given(make(), "ann", 8) == NAMES[:8]


def test_who_has_worked_too_long_gets_easier_items_between_until_a_break() -> None:
    clock = Clock()
    clock.now = time.time_ns() // 1000 - 50 * MINUTE
    project = make(clock)
    for item in NAMES[:6]:
        project.record(str(uuid.uuid4()), AnswerSubmitted(item, "single_label", "answered", "a"), actor="ann")
        clock.now += 10 * MINUTE
    clock.now = time.time_ns() // 1000
    project.state()
    assert project.timesheet.working_minutes("ann", clock.now) == pytest.approx(50, abs=0.5)
    assert [int(item[1:]) < 15 for item in given(project, "ann", 6)] == [True, False] * 3
    assert project.timesheet.working_minutes("ann", clock.now + 20 * MINUTE) == 0


def test_every_item_stays_exactly_once() -> None:
    entries = [QueueEntry(name, rank, "query", 0, 1 - rank / 40, 1) for rank, name in enumerate(NAMES)]
    mixed = assignment._mixed(entries, easy_each=2)
    assert sorted(entry.item for entry in mixed) == sorted(NAMES)


def test_rules_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadValue, match="greater than 0"):
        make(people={"ann": {"weight": 0}})
    with pytest.raises(UnknownName, match="group"):
        make(people={"ann": {"group": ["de"]}})
