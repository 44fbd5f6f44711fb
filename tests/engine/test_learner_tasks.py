"""Ask and tell with label sets, numbers and pairs: learnt, measured in their own figures, or refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, make_multilabel_classification
from sklearn.linear_model import LogisticRegression, Ridge

from querist import ActiveLearner
from querist.errors import BadValue, MissingSignal


def run(learner: ActiveLearner, truth, rounds: int, n: int = 20) -> None:
    for _ in range(rounds):
        ids = learner.ask(n)
        learner.tell(ids, [truth[i] for i in ids])


def test_numbers_are_learnt_asked_by_their_own_strategies_and_measured_by_their_error():
    x, y = load_diabetes(return_X_y=True)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    for strategy in ("auto", "predictive_std"):
        learner = ActiveLearner(
            "bayesian_ridge", pool=x[:300], strategy=strategy, task="numeric", task_settings={"low": 0, "high": 400}
        )
        run(learner, y[:300], 5)
        figures = learner.project.task.measure(y[300:], learner.predict(x[300:]))
        assert figures["rmse"] < 0.85 * y.std()
        assert learner.predict_proba(x[:3]).shape == (3, 2)
    assert [r["strategy"]["name"] for r in learner.rounds][-1] == "predictive_std"


def test_label_sets_are_learnt_and_asked_by_their_own_strategies():
    x, on = make_multilabel_classification(400, n_features=12, n_classes=4, n_labels=2, random_state=0)
    names = np.array(["a", "b", "c", "d"])
    truth = [names[row == 1].tolist() for row in on]
    learner = ActiveLearner(
        LogisticRegression(max_iter=2000),
        pool=x[:250],
        strategy="mean_label_entropy",
        task="multi_label",
        classes=names.tolist(),
    )
    run(learner, truth, 5)
    predicted = learner.predict(x[250:])
    task = learner.project.task
    figures = task.measure(on[250:], task.encode(predicted))
    assert figures["macro_f1"] > 0.6
    assert learner.classes == ["a", "b", "c", "d"]


def test_a_strategy_for_another_kind_of_label_names_those_that_fit():
    x, on = make_multilabel_classification(60, n_features=5, n_classes=2, random_state=0)
    names = np.array(["a", "b"])
    learner = ActiveLearner(LogisticRegression(), pool=x, strategy="margin", task="multi_label", classes=names.tolist())
    with pytest.raises(MissingSignal, match=r"'margin' needs the signal 'proba'.*strategies for what it offers: .*mmc"):
        run(learner, [names[row == 1].tolist() for row in on], 5)


def test_pairs_are_learnt_from_differences_and_a_tie_trains_nothing():
    rng = np.random.default_rng(0)
    worth, x = rng.normal(size=3), rng.normal(size=(300, 3))
    truth = np.where(x @ worth > 0, "first", "second").astype(object)
    truth[np.abs(x @ worth) < 0.1] = "tie"
    learner = ActiveLearner("bradley_terry", pool=x[:200], strategy="margin", task="pairwise")
    run(learner, truth[:200], 4)
    sided = truth[200:] != "tie"
    assert (learner.predict(x[200:])[sided] == truth[200:][sided]).mean() > 0.9
    swapped = learner.predict_proba(-x[200:])
    assert np.allclose(learner.predict_proba(x[200:])[:, 0], swapped[:, 1]), "whoever wins, wins from either side"


def test_what_cannot_be_is_refused():
    x = np.zeros((5, 2))
    with pytest.raises(BadValue, match="its learner is still to come"):
        ActiveLearner("logistic_regression", pool=x, task="spans", classes=["a"])
    learner = ActiveLearner(Ridge(), pool=x, task="numeric", task_settings={"low": 0, "high": 1})
    with pytest.raises(BadValue, match="must be between 0 and 1"):
        learner.tell([0], [4.0])
