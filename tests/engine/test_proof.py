"""Better than random? On whole projects in memory, whose truth is known."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import evidence
from sklearn.naive_bayes import GaussianNB

from querist.engine import steering
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
from querist.engine.fold import fold
from querist.engine.project import Project
from querist.engine.reserve import measuring
from querist.engine.round import MEASURING, State, control_share
from querist.engine.views.evidence import curves
from querist.errors import BadValue, Conflict, NotReady, UnknownName
from querist.events import Alarm, BatchSelected, DuelDrawn, ModelEvaluated
from querist.models import learner
from querist.registry import scorer
from querist.types import Array, Strategy

CLASSES = ["a", "b", "c"]
FAST = {
    "loop": {"batch": 30, "retrain_every": {"least": 30, "share": 0.0}},
    "model": {"calibrate": "off"},
    "stop": {"any": []},
}


@scorer
def surest_of_the_proof(*, proba: Array) -> Array:
    """Ask where the model is surest: useless."""
    return proba.max(axis=1)


USELESS = Strategy("useless", scorer="surest_of_the_proof")


def world(n: int = 1500) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    target = rng.integers(0, 3, n)
    centres = rng.normal(size=(3, 4))
    return centres[target] + 0.9 * rng.normal(size=(n, 4)), target


def project(strategy: str | Strategy = "margin", **sections) -> tuple[Project, Array]:
    rows, target = world()
    lanes = {"evaluation": 0.35, "control_after": 0.2}
    settings = {**FAST, "lanes": lanes, **sections}
    return begin(rows, CLASSES, strategy=strategy, learner=learner(GaussianNB()), seed=3, **settings), target


@pytest.fixture(scope="module")
def grown() -> SimpleNamespace:
    """A project that has passed its first planned look."""
    made, target = project()
    rehearse(made, truth_of(target, CLASSES), labels=420, chunk=30)
    return SimpleNamespace(project=made, target=target)


@pytest.fixture(scope="module")
def settled(grown) -> SimpleNamespace:
    """The same after the duel that settles the comparison."""
    made = grown.project
    before = curves(made)["comparison"]
    receipt = steering.settle(made, "p_1", "settle-1")
    assert receipt == steering.settle(made, "p_1", "settle-1")
    with pytest.raises(Conflict, match="out already"):
        steering.settle(made, "p_1", "settle-2")
    rehearse(made, truth_of(grown.target, CLASSES), labels=made.state().paid + 50, chunk=10)
    return SimpleNamespace(project=made, before=before)


def test_evaluations_record_what_was_found(grown):
    events = [e.event for e in grown.project.store.events(kinds=["model_evaluated"])]
    last = events[-1]
    assert isinstance(last, ModelEvaluated)
    assert last.evidence["metric"] == "accuracy"
    assert last.evidence["comparison"]["n"] >= 100
    assert last.evidence["saved"]["net"] == pytest.approx(
        last.evidence["saved"]["saved"] - last.evidence["saved"]["evaluation_labels"]
    )
    assert {"accuracy", "auc", "brier", "log_loss", "f1:a", "precision:b", "recall:c"} <= set(last.metrics)
    for figure in last.metrics.values():
        assert figure["low"] <= figure["value"] + 1e-9
        assert figure["value"] <= figure["high"] + 1e-9


def test_no_item_is_looked_at_twice_and_none_that_a_model_saw(grown):
    made = grown.project
    name = made.last("model_evaluated").event.watch
    kept = made.store.artefacts.get_json(name)
    assert max(Counter(kept["used"]).values()) == 1
    assert kept["used"] == [item for block in kept["blocks"] for item in block["items"]]
    datasets = {e.event.dataset: e.event for e in made.store.events(kinds=["dataset_frozen"])}
    trained = {e.event.model: datasets[e.event.dataset] for e in made.store.events(kinds=["model_trained"])}
    met = [block for block in kept["blocks"] if block["model"]]
    for block in met:
        assert not set(block["scored"]) & set(made.store.artefacts.get_table(trained[block["model"]].rows)["item"])
        assert set(block["scored"]) <= set(block["items"])
    # Evaluation items and random items that were to train later models.
    reserve = set(made.reserve()[1])
    assert sum(len(set(block["scored"]) & reserve) for block in met) > 40
    assert sum(len(set(block["scored"]) - reserve) for block in met) > 40


def test_the_red_alarm_is_heard_where_a_strategy_harms_and_not_where_it_helps():
    """Near copies of one item, of 26 classes: about 17 points less than random labels would have given."""
    slow = next(world for world in evidence.worlds() if world.name == "slow")
    heard = {}
    for strategy in ("near copies", "margin"):
        made = evidence.begin_project(slow, strategy, seed=2)
        rehearse(made, truth_of(slow.target, slow.classes), labels=500, chunk=30)
        heard[strategy] = {e.event.name: e.event for e in made.store.events(kinds=["alarm"])}
    assert "worse_than_random" not in heard["margin"]
    alarm = heard["near copies"]["worse_than_random"]
    assert alarm.evidence["red"]
    assert alarm.evidence["random_right"] > alarm.evidence["active_right"] + 10
    assert "drawn at random" in alarm.evidence["sentence"]


def test_reserve_items_are_in_no_query_control_or_training_set(grown):
    made = grown.project
    reserve = set(made.reserve()[1])
    for recorded in made.store.events(kinds=["batch_selected"]):
        assert isinstance(recorded.event, BatchSelected)
        table = made.store.artefacts.get_table(recorded.event.picks)
        asked = {item for item, lane in zip(table["item"], table["lane"], strict=True) if lane != "evaluation"}
        assert not asked & reserve
    for recorded in made.store.events(kinds=["dataset_frozen"]):
        assert not set(made.store.artefacts.get_table(recorded.event.rows)["item"]) & reserve


def test_settling_draws_disagreements_and_says_what_they_settle(settled):
    made = settled.project
    drawn = made.last("duel_drawn").event
    assert isinstance(drawn, DuelDrawn)
    said = made.store.artefacts.get_json(drawn.predictions)
    assert all(a != s for a, s in zip(said["active"], said["shadow"], strict=True))
    reserve = set(made.reserve()[1])
    assert set(drawn.items) <= reserve
    found = made.last("duel_settled").event
    assert found.n == len(drawn.items)
    assert found.low <= found.value <= found.high
    after = curves(made)["comparison"]
    assert after["settle"]["state"] == "settled"
    assert after["settle"]["sentence"] == found.sentence
    assert settled.before["settle"]["state"] in ("offer", "none")


def test_answers_of_a_duel_measure_only_when_the_order_reaches_them_and_never_train(settled):
    made = settled.project
    state = made.state()
    duel = {item for item, answers in state.live.items() if any(a.lane == "duel" for a in answers)}
    assert duel
    assert "duel" in MEASURING
    for recorded in made.store.events(kinds=["dataset_frozen"]):
        assert not set(made.store.artefacts.get_table(recorded.event.rows)["item"]) & duel
    measured = measuring(made, state)
    known = np.flatnonzero(measured.known)
    asked = [item in state.live for item in measured.items]
    first_open = asked.index(False)
    assert known.max() < first_open, "the sample is a stretch of the order from its beginning"


def test_the_fold_gives_the_same_state_at_once_and_event_by_event(grown):
    events = list(grown.project.store.events())
    pieces = State()
    for recorded in events:
        pieces = fold(pieces, [recorded])
    assert pieces == fold(State(), events)


def test_a_useless_strategy_raises_the_control_share_and_a_new_one_starts_afresh():
    made, target = project(USELESS)
    rehearse(made, truth_of(target, CLASSES), labels=90, chunk=30)
    state = made.state()
    assert control_share(state) == 0.2
    sentence = "Worse than random on this project: …"
    made.record("alarm", Alarm(state.round, "worse_than_random", {"sentence": sentence, "control": 0.5}))
    assert control_share(made.state()) == 0.5
    assert curves(made)["comparison"]["state"] == "missing"
    rehearse(made, truth_of(target, CLASSES), labels=190, chunk=30)
    lanes = made.state().lanes
    assert lanes["control"] > 0.3 * 100
    steering.change_settings(made, "p_1", {"strategy": {"name": "margin"}})
    assert control_share(made.state()) == 0.2
    assert made.state().alarms == {}


@pytest.mark.long
def test_the_alarm_fires_on_a_useless_strategy_and_not_on_a_good_one():
    fired = {}
    for strategy in (USELESS, "margin"):
        made, target = project(strategy)
        rehearse(made, truth_of(target, CLASSES), labels=900, chunk=30)
        fired[made.spec.strategy.name] = set(made.state().alarms)
    assert fired["useless"]
    assert "worse_than_random" not in fired["margin"]


def test_metrics_of_a_class_are_compared_and_misspelt_ones_refused():
    made, target = project(evaluation={"metric": "f1:b"})
    rehearse(made, truth_of(target, CLASSES), labels=360, chunk=30)
    found = curves(made)
    assert found["metric"] == "f1:b"
    assert found["active"]["points"]
    assert all(0 <= p["low"] <= p["value"] <= p["high"] <= 1 for p in found["random"]["points"])
    assert made.last("model_evaluated").event.evidence["metric"] == "f1:b"
    with pytest.raises(Conflict, match="compares f1:b"):
        steering.settle(made, "p_1", "k")
    with pytest.raises(UnknownName, match="f2"):
        project(evaluation={"metric": "f2:b"})


def test_settling_waits_for_a_comparison():
    made, target = project()
    with pytest.raises(NotReady, match="no comparison"):
        steering.settle(made, "p_1", "k")
    steering.stop(made, "p_1", "s")
    with pytest.raises(Conflict, match="stopped"):
        steering.settle(made, "p_1", "k")
    with pytest.raises(BadValue):
        rehearse(made, truth_of(target, CLASSES), labels=10, chunk=0)


def test_numbers_are_compared_by_how_far_they_are_off() -> None:
    from querist.models.regression import learner as of_numbers

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, 3))
    values = rows @ np.array([3.0, -2.0, 1.0]) + 0.3 * rng.normal(size=900)
    named = {"name": "numbers", "task": "numeric", "settings": {"low": -20.0, "high": 20.0, "tolerance": 0.5}}
    made = begin(
        rows,
        [],
        strategy="random",
        learner=of_numbers("bayesian_ridge", {}),
        seed=2,
        project=named,
        evaluation={"metric": "rmse"},
        lanes={"evaluation": 0.4},
        **FAST,
    )
    rehearse(made, lambda item: float(values[int(item)]), labels=330, chunk=30)
    found = curves(made)
    assert found["metric"] == "rmse"
    assert found["random"]["points"]
    last = made.last("model_evaluated").event.evidence["comparison"]
    errors = [point["value"] for point in found["active"]["points"]]
    assert 0.2 < errors[-1] < 0.5, "the noise is 0.3"
    assert abs(last["value"]) < 0.2
    assert "an RMSE between" in found["comparison"]["sentence"] or "RMSE lower" in found["comparison"]["sentence"]
    with pytest.raises(BadValue, match="about numbers"):
        project(evaluation={"metric": "rmse"})
