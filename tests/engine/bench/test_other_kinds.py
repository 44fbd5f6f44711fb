"""A simulation of every kind of label that has a learner; the others say that theirs is to come."""

import numpy as np
import pytest

from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import load
from querist.engine.bench.simulate import simulate
from querist.errors import BadValue, UnknownName
from querist.tasks import kind_of_label, names

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
NUMBERS = 3 * X[:, 0] + X[:, 1]
SETS = [[name for name, value in zip("abc", row, strict=False) if value > 0] for row in X]
WINNERS = np.where(NUMBERS > 1, "first", np.where(NUMBERS < -1, "second", "tie"))
SHORT = {"strategies": ["k_center"], "budget": 40, "batch": 20, "seed_set": 20, "seeds": 2, "jobs": 1}
KNOWN = {"numeric": (NUMBERS, "r2"), "multi_label": (SETS, "macro_f1"), "pairwise": (WINNERS, "accuracy")}


@pytest.mark.parametrize("task", KNOWN)
def test_a_strategy_is_compared_with_random_by_the_figure_of_its_kind(task, tmp_path) -> None:
    labels, metric = KNOWN[task]
    found = simulate(X, labels, task=task, out=tmp_path, **SHORT)
    assert found.summary["failures"] == []
    assert found.summary["metric"] == metric
    assert found.comparisons[0]["metric"] == f"{metric}_area_under_curve"
    final = {s["strategy"]: s["final"][metric]["mean"] for s in found.summary["strategies"]}
    assert min(final.values()) > 0.5  # four columns give the labels away: whoever learns nothing stays below
    assert "k_center" in (tmp_path / "index.html").read_text()


def test_pairs_without_a_winner_are_left_out_and_counted() -> None:
    loaded = load(X, WINNERS, task="pairwise")
    assert loaded.classes == ("first", "second")
    assert len(loaded) == (WINNERS != "tie").sum()
    assert loaded.about["left_out"].startswith(f"{(WINNERS == 'tie').sum()} that")


def test_a_part_keeps_kind_and_settings() -> None:
    part = load(X, NUMBERS, task="numeric", settings={"tolerance": 2.0}).take(50)
    assert (len(part), part.settings["tolerance"], part.task.name) == (50, 2.0, "numeric")


@pytest.mark.parametrize("task", [name for name in names() if kind_of_label(name).target is None])
def test_a_kind_without_a_learner_says_so(task) -> None:
    with pytest.raises(BadValue, match="its learner is still to come"):
        simulate(X, NUMBERS, task=task)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(UnknownName, match="rmse"):
        simulate(X, NUMBERS, task="numeric", metric="rmse", **SHORT)
    with pytest.raises(BadValue, match="holds no number"):
        simulate(X, ["much"] * 200, task="numeric", **SHORT)
    with pytest.raises(BadValue, match="all the same number"):
        simulate(X, [0.5] * 200, task="numeric", settings={"low": 0, "high": 1}, **SHORT)
    with pytest.raises(BadValue, match="only copies"):
        simulate(X, NUMBERS, task="numeric", conditions=Conditions(label_noise=0.1), **SHORT)
