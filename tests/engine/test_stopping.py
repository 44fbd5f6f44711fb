"""Stopping rules inside a project: combined, overruled, refused when misspelt."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from querist.engine import steering
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
from querist.engine.project import Project
from querist.engine.spec import ProjectSpec
from querist.engine.stopping import verdicts
from querist.engine.views.overview import status
from querist.errors import BadValue, UnknownName
from querist.events import ModelEvaluated, Stopped
from querist.models import learner
from querist.types import Array

CLASSES = ["a", "b"]


def project(stop: dict, n: int = 900) -> tuple[Project, Array]:
    rng = np.random.default_rng(1)
    target = rng.integers(0, 2, n)
    rows = rng.normal(size=(n, 3)) + 3 * target[:, None]
    made = begin(
        rows,
        CLASSES,
        strategy="margin",
        learner=learner(GaussianNB()),
        seed=2,
        loop={"batch": 20, "retrain_every": {"least": 20, "share": 0.0}},
        lanes={"evaluation": 0.4},
        model={"calibrate": "off"},
        stop=stop,
    )
    return made, target


def test_rules_are_combined_as_written_and_the_evidence_is_kept() -> None:
    both = {"all": [{"rule": "budget", "labels": 70}, {"rule": "target", "at_least": 0.8}]}
    made, target = project({"any": [both]})
    end = rehearse(made, truth_of(target, CLASSES), labels=400, chunk=20)
    assert end["stopped"] == "budget and target"
    assert end["labels"] >= 70
    stopped = made.last("stopped")
    assert stopped is not None
    assert isinstance(stopped.event, Stopped)
    assert set(stopped.event.evidence) == {"budget", "target"}
    assert stopped.event.evidence["target"]["low"] >= 0.8
    assert "Budget and target" in status(made)["stopped"]["by"]
    for recorded in made.store.events(kinds=["model_evaluated"]):
        assert isinstance(recorded.event, ModelEvaluated)
        assert [rule["rule"] for rule in recorded.event.rules] == ["budget", "target", "settled"]


def test_an_overruled_rule_does_not_hide_another_one() -> None:
    made, target = project({"any": [{"rule": "target", "at_least": 0.5}, {"rule": "budget", "labels": 50}]})
    rehearse(made, truth_of(target, CLASSES), labels=200, chunk=20)
    assert made.state().stopped == "target"
    steering.resume(made, "p_1", "go on", "we want more")
    resumed = made.last("resumed")
    assert resumed is not None
    assert resumed.actor == "p_1"
    assert verdicts(made, made.state())[1] != "target"
    assert rehearse(made, truth_of(target, CLASSES), labels=200, chunk=10)["stopped"] == "budget"


def test_targets_of_a_class_are_promised_by_an_interval_that_holds_at_every_look() -> None:
    made, target = project({"any": [{"rule": "target", "metric": "recall:b", "at_least": 0.7}]})
    end = rehearse(made, truth_of(target, CLASSES), labels=400, chunk=20)
    assert end["stopped"] == "target"
    stopped = made.last("stopped")
    assert stopped is not None
    assert isinstance(stopped.event, Stopped)
    assert stopped.event.evidence["metric"] == "recall:b"
    assert stopped.event.evidence["n"] < made.state().lanes["evaluation"]


@pytest.mark.parametrize(
    ("stop", "error", "match"),
    [
        ({"any": [{"rule": "setled"}]}, UnknownName, "did you mean 'settled'"),
        ({"any": [{"rule": "target", "at_leest": 0.9}]}, UnknownName, "at_least"),
        ({"any": [{"labels": 5}]}, BadValue, "rule, any, all"),
        ({"any": [{"any": []}]}, BadValue, "one rule or more"),
        ({"all": [{"any": [{"rule": "settled"}], "rule": "settled"}]}, BadValue, "stands alone"),
    ],
)
def test_rules_that_cannot_be_asked_are_refused_when_the_file_is_read(stop, error, match) -> None:
    with pytest.raises(error, match=match):
        ProjectSpec.from_json({"project": {"name": "p"}, "stop": stop})
