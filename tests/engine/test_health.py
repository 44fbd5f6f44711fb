"""Has something changed? Whole projects in memory: quiet ones stay quiet, and what is planted is found."""

import itertools
from typing import Any

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from querist.engine import commands, steering
from querist.engine.bench.rehearsal import begin, join, rehearse, truth_of
from querist.engine.due import CheckHealth, Wait
from querist.engine.fold import fold
from querist.engine.project import Project
from querist.engine.round import State, next_step
from querist.engine.run import fire_timers, run_until_waiting
from querist.engine.views.health import health, health_text
from querist.engine.views.overview import status, status_text
from querist.errors import NotReady
from querist.events import AnswerSubmitted, HealthChecked
from querist.models import learner
from querist.store.protocol import NewEvent
from querist.types import Array

CLASSES = ["a", "b", "c"]
DAY = 86_400_000_000


def world(n: int, *, moved: float = 0.0, seed: int = 5) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    centres = 1.4 * np.random.default_rng(1).normal(size=(3, 4))
    return centres[target] + 0.9 * rng.normal(size=(n, 4)) + moved, target


def project(**sections: Any) -> tuple[Project, Array]:
    rows, target = world(900)
    settings = {
        "loop": {"batch": 20, "retrain_every": {"least": 20, "share": 0.0}},
        "model": {"calibrate": "off"},
        "stop": {"any": []},
        "lanes": {"evaluation": 0.3},
        **sections,
    }
    return begin(rows, CLASSES, strategy="margin", learner=learner(GaussianNB()), seed=3, **settings), target


def looks(made: Project) -> list[HealthChecked]:
    return [e.event for e in made.store.events(kinds=["health_checked"]) if isinstance(e.event, HealthChecked)]


def states(event: HealthChecked) -> dict[str, str]:
    return {check["check"]: check["state"] for check in event.checks}


def test_a_quiet_project_is_looked_at_again_and_again_and_stays_quiet() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=330, chunk=20)
    found = looks(made)
    assert len(found) >= 3
    assert [event.look for event in found] == list(range(1, len(found) + 1))
    assert states(found[0])["labels"] == "not_tested", "the first look is what later ones are compared with"
    assert states(found[-1])["labels"] == "quiet"
    assert states(found[-1])["calibration"] == "quiet"
    assert not any(name.startswith("health:") for name in made.state().alarms)
    told = status(made)
    assert told["health"]["state"] == "quiet"
    assert "Nothing that could be tested has changed" in status_text(told)


def test_no_random_label_is_recent_twice() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=300, chunk=20)
    seen: list[set[str]] = [set(made.store.artefacts.get_json(event.seen)) for event in looks(made)]
    assert all(before <= after for before, after in itertools.pairwise(seen))


def test_people_who_begin_to_answer_otherwise_are_noticed() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=200, chunk=20)
    otherwise = ["a", "b", "a"]
    rehearse(made, truth_of(target, otherwise), labels=620, chunk=20)
    alarms = {name for event in looks(made) for name in event.alarms}
    assert "health:labels" in alarms
    notices = [n["sentence"] for n in status(made)["notices"] if n["kind"] == "alarm"]
    assert any("Labels have changed: " in sentence for sentence in notices)
    assert fold(State(), made.store.events()) == made.state()


def test_items_that_join_are_compared_with_those_before() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=120, chunk=20)
    before = len(looks(made))
    rows, _ = world(200, seed=6)
    join(made, rows)
    run_until_waiting(made)
    assert len(looks(made)) == before + 1
    last = states(looks(made)[-1])
    assert (last["features"], last["classifier"], last["predictions"]) == ("quiet", "quiet", "quiet")
    rows, _ = world(200, moved=1.5, seed=7)
    join(made, rows)
    run_until_waiting(made)
    assert {"health:features", "health:classifier", "health:predictions"} <= set(looks(made)[-1].alarms)
    found = health(made, made.state())
    assert found["state"] == "alarm"
    assert found["checks"][0]["state"] == "alarm"
    assert "ALARM" in health_text(found)


def test_after_a_stop_a_check_asks_for_random_labels_and_then_looks() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=200, chunk=20)
    steering.stop(made, "p_1", "stop")
    assert isinstance(run_until_waiting(made), Wait)
    assert made.state().phase == "maintain"
    assert commands.next_items(made, "p_1", 5, [])["tasks"] == [], "nobody is asked after a stop"
    stopped = made.last("stopped")
    assert stopped is not None
    assert not fire_timers(made, now=stopped.at + 6 * DAY)
    due = max(stopped.at, made.last("health_checked").at) + 7 * DAY
    assert fire_timers(made, now=due)
    assert not fire_timers(made, now=due + DAY), "one check at a time"
    before = len(looks(made))
    wait = run_until_waiting(made)
    assert wait == Wait("labels of a check", 20)
    queue = made.store.queue()
    assert {entry.lane for entry in queue} == {"evaluation"}
    assert len(queue) == 20
    made.store.append_many(
        NewEvent(f"check/{entry.item}", answered(entry, CLASSES[target[int(entry.item)]]), "p_1") for entry in queue
    )
    run_until_waiting(made)
    assert len(looks(made)) == before + 1
    assert states(looks(made)[-1])["calibration"] == "quiet"
    state = made.state()
    assert (state.phase, state.checking, state.check_asked) == ("maintain", False, False)
    assert made.state().stopped == "person"
    steering.check(made, "p_1", "again")
    assert run_until_waiting(made) == Wait("labels of a check", 20)
    wrong = dict(zip(CLASSES, ["b", "c", "a"], strict=True))
    made.store.append_many(
        NewEvent(f"again/{entry.item}", answered(entry, wrong[CLASSES[target[int(entry.item)]]]), "p_1")
        for entry in made.store.queue()
    )
    run_until_waiting(made)
    assert "health:calibration" in made.state().alarms
    steering.resume(made, "p_1", "go on")
    run_until_waiting(made)
    assert made.state().phase == "collect"


def answered(entry: Any, value: str) -> AnswerSubmitted:
    return AnswerSubmitted(entry.item, "single_label", "answered", value, lane=entry.lane, round=entry.round)


def test_items_that_join_after_a_stop_are_looked_at_and_a_check_is_asked_for() -> None:
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=160, chunk=20)
    steering.stop(made, "p_1", "stop")
    rows, _ = world(150, moved=2.0, seed=8)
    join(made, rows)
    assert run_until_waiting(made) == Wait("labels of a check", 20)
    assert "health:features" in made.state().alarms


def test_a_check_on_request_and_none_without_a_model() -> None:
    made, target = project(watch={"labels": 0})
    with pytest.raises(NotReady, match="no model"):
        steering.check(made, "p_1", "k")
    rehearse(made, truth_of(target, CLASSES), labels=100, chunk=20)
    before = len(looks(made))
    assert steering.check(made, "p_1", "k1")["sentence"] == "It is checked now."
    run_until_waiting(made)
    steering.stop(made, "p_1", "stop")
    steering.check(made, "p_1", "k2")
    assert isinstance(next_step(made.state()), CheckHealth)
    run_until_waiting(made)
    assert len(looks(made)) == before + 2


def test_the_watch_can_be_switched_off() -> None:
    made, target = project(watch={"drift": False})
    rehearse(made, truth_of(target, CLASSES), labels=200, chunk=20)
    assert looks(made) == []
    assert health(made, made.state())["state"] == "early"
