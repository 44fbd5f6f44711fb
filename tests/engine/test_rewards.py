"""Bandits over strategies learn from what their batches did to the model."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.naive_bayes import GaussianNB

from querist import ActiveLearner
from querist.engine.arrays import target_rows
from querist.engine.rewards import rewards

X, Y = load_digits(return_X_y=True)
X = X[:600] / 16


def looped(strategy: str, rounds: int = 6) -> tuple[ActiveLearner, list[np.ndarray]]:
    """A learner after some rounds, and what its models said of the pool, model by model."""
    learner = ActiveLearner(GaussianNB(var_smoothing=0.1), pool=X, strategy=strategy, classes=range(10), seed=3)
    said = []
    for _ in range(rounds):
        ids = learner.ask(50)
        learner.tell(ids, Y[ids])
        said.append(learner.predict(X))
    return learner, said


@pytest.mark.parametrize("policy", ["bandit_exp3", "bandit_thompson"])
def test_a_bandit_is_told_how_much_each_batch_changed_the_predictions(policy):
    learner, said = looped(policy)
    project = learner.project
    state = project.state()
    items = project.pool().items
    sample = [int(items[row]) for row in target_rows(project, state)]
    trained = project.trained()
    assert [event.moved for event in trained] == [
        None,
        *(np.mean(after[sample] != before[sample]) for before, after in pairwise(said)),
    ]
    labels = [event.labelled for event in trained]
    wanted = {
        event.round: min(1.0, event.moved * now / (now - before))
        for event, before, now in zip(trained[1:], labels, labels[1:], strict=False)
    }
    assert rewards(project, state) == wanted
    assert min(wanted.values()) > 0


def test_what_a_bandit_believes_moves_with_its_rewards():
    learner, _ = looped("bandit_thompson")
    means = learner.rounds[-1]["evidence"]["means"]
    tried = {batch["strategy"]["name"] for batch in learner.rounds[1:-1]}
    assert all((means[name] != 0.5) == (name in tried) for name in means)


def test_other_strategies_are_spared_the_predictions():
    learner, _ = looped("margin", rounds=3)
    assert [event.moved for event in learner.project.trained()] == [None, None, None]
