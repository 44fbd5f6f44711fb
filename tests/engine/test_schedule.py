"""When and how models are trained: by count, by request, by time; anew or from the last one; failures keep the last."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from querist.engine import steering
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
from querist.engine.due import Freeze, Wait
from querist.engine.project import Project
from querist.engine.round import next_step
from querist.engine.run import fire_timers, run_until_waiting
from querist.engine.views.overview import status
from querist.errors import ModelFailure
from querist.events import Fallback, ModelFailed, ModelTrained, TimerFired
from querist.models import learner
from querist.types import Array

CLASSES = ["a", "b"]
HOUR = 3_600_000_000


@dataclass
class Continuing:
    """A learner that can go on from a model, and remembers from which; fails when it is told to."""

    name: str = "continuing"
    settings: dict = field(default_factory=dict)
    starts: list = field(default_factory=list)
    broken: bool = False

    def fit(self, features: Any, target: Array, *, classes: int, weight=None, seed=0, start=None):
        if self.broken:
            raise ModelFailure("the graphics card has melted")
        self.starts.append(start)
        return learner(GaussianNB()).fit(features, target, classes=classes, weight=weight, seed=seed)


def project(recipe: Any, **sections: Any) -> tuple[Project, Array]:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 400)
    rows = rng.normal(size=(400, 3)) + 2 * target[:, None]
    settings = {
        "loop": {"batch": 10, "retrain_every": {"least": 10, "share": 0.0}},
        "lanes": {"evaluation": 0.0, "control": 0.0, "control_after": 0.0, "reserve": 0},
        "model": {"calibrate": "off"},
        "stop": {"any": []},
        **sections,
    }
    return begin(rows, CLASSES, strategy="margin", learner=recipe, seed=1, **settings), target


def trained(made: Project) -> list[ModelTrained]:
    return made.trained()


def test_learners_that_can_go_on_do_and_begin_anew_in_every_third_round() -> None:
    recipe = Continuing()
    made, target = project(recipe, model={"calibrate": "off", "schedule": {"how": "auto", "full_every": 3}})
    rehearse(made, truth_of(target, CLASSES), labels=80, chunk=10)
    how = [event.how for event in trained(made)]
    assert how[:7] == ["scratch", "fine_tune", "fine_tune", "scratch", "fine_tune", "fine_tune", "scratch"]
    assert [start is None for start in recipe.starts] == [word == "scratch" for word in how]


def test_out_of_fold_models_never_go_on_from_one_that_saw_their_rows() -> None:
    recipe = Continuing()
    made, target = project(recipe, model={"calibrate": "temperature"})
    rehearse(made, truth_of(target, CLASSES), labels=50, chunk=10)
    assert sum(start is not None for start in recipe.starts) == sum(e.how == "fine_tune" for e in trained(made))
    assert len(recipe.starts) > 2 * len(trained(made))


def test_a_learner_that_cannot_go_on_begins_anew_and_says_so() -> None:
    made, target = project(learner(GaussianNB()), model={"calibrate": "off", "schedule": {"how": "fine_tune"}})
    rehearse(made, truth_of(target, CLASSES), labels=30, chunk=10)
    assert {event.how for event in trained(made)} == {"scratch"}
    said = [e.event for e in made.store.events(kinds=["fallback"])]
    assert any(isinstance(e, Fallback) and e.what == "schedule" and "cannot go on" in e.reason for e in said)


def test_failed_training_keeps_the_last_good_model_and_the_page_says_so() -> None:
    recipe = Continuing()
    made, target = project(recipe)
    rehearse(made, truth_of(target, CLASSES), labels=40, chunk=10)
    good = made.state().model
    recipe.broken = True
    rehearse(made, truth_of(target, CLASSES), labels=60, chunk=10)
    failed = made.last("model_failed")
    assert failed is not None
    assert isinstance(failed.event, ModelFailed)
    assert made.state().model == good
    notices = status(made)["notices"]
    assert any("melted" in notice["sentence"] and notice["live"] for notice in notices)
    recipe.broken = False
    rehearse(made, truth_of(target, CLASSES), labels=80, chunk=10)
    assert made.state().model != good


def test_warnings_of_the_library_reach_the_page() -> None:
    made, target = project(learner(LogisticRegression(max_iter=1)))
    rehearse(made, truth_of(target, CLASSES), labels=30, chunk=10)
    assert trained(made)[-1].notes
    assert any("Training warned" in notice["sentence"] for notice in status(made)["notices"])


def test_training_by_time_is_an_event_and_waits_for_something_new() -> None:
    every = {"least": 1000, "share": 0.0, "hours": 2.0}
    made, target = project(Continuing(), loop={"batch": 10, "retrain_every": every})
    rehearse(made, truth_of(target, CLASSES), labels=12, chunk=4)
    assert trained(made) == []
    first = next(e.at for e in made.store.events(kinds=["answer_submitted"]))
    assert not fire_timers(made, now=first + 2 * HOUR - 1)
    assert fire_timers(made, now=first + 2 * HOUR)
    assert isinstance(next_step(made.state()), Freeze)
    run_until_waiting(made)
    assert len(trained(made)) == 1
    assert not fire_timers(made, now=first + 900 * HOUR), "nothing is new"
    assert [e.event for e in made.store.events(kinds=["timer_fired"])] == [TimerFired("retrain", first + 2 * HOUR)]


def test_training_by_request_after_a_stop() -> None:
    made, target = project(Continuing())
    rehearse(made, truth_of(target, CLASSES), labels=25, chunk=5)
    steering.stop(made, "p_1", "stop")
    before = len(trained(made))
    assert isinstance(next_step(made.state()), Wait)
    steering.retrain(made, "p_1", "retrain")
    run_until_waiting(made)
    assert len(trained(made)) == before + 1
    assert made.state().stopped == "person"


@pytest.mark.parametrize("labels", [1, 3])
def test_one_class_or_very_few_labels_never_crash_and_never_pretend(labels: int) -> None:
    made, _ = project(Continuing(), loop={"batch": 5, "retrain_every": {"least": 1, "share": 0.0}})
    rehearse(made, lambda _: "a", labels=labels, chunk=1)
    assert made.state().model is None
    assert any("all of class a" in notice["sentence"] for notice in status(made)["notices"])
