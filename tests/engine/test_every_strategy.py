"""Every registered strategy asks in the loop, of a model that offers what it needs."""

from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.linear_model import LogisticRegression

from querist import ActiveLearner, registry
from querist.acquire.presets import strategy
from querist.acquire.select import required_signals

POOL = np.random.default_rng(0).normal(size=(60, 4))
VALUES = 2 * POOL[:, 0]
CLASSES = (VALUES > 0).astype(int)
LABELS = [["a"] if one else ["b"] for one in CLASSES]
NUMERIC = {"task": "numeric", "task_settings": {"low": -10, "high": 10}}
OURS = [
    entry.name
    for kind in ("scorer", "selector")
    for entry in registry.entries(kind)
    if entry.function.__module__.startswith("querist.")
]


def fitting(needs: set[str]) -> tuple[Any, dict[str, Any], Any]:
    """A model that offers the signals, what the learner is told beside it, and the labels."""
    if "mean_samples" in needs:
        return RandomForestRegressor(3, random_state=0), NUMERIC, VALUES
    if needs & {"mean", "std"}:
        return GaussianProcessRegressor(alpha=0.01), NUMERIC, VALUES
    if "label_proba" in needs:
        return LogisticRegression(), {"task": "multi_label", "classes": ["a", "b"]}, np.array(LABELS, dtype=object)
    if "proba_samples" in needs:
        return RandomForestClassifier(3, random_state=0), {}, CLASSES
    return LogisticRegression(), {}, CLASSES


@pytest.mark.parametrize("name", OURS)
def test_it_asks_once_there_is_a_model(name):
    model, more, labels = fitting(set(required_signals(strategy(name)).needs))
    learner = ActiveLearner(model, pool=POOL, strategy=name, seed=0, **more)
    for _ in range(2):
        ids = learner.ask(15)
        learner.tell(ids, [list(label) if isinstance(label, list | np.ndarray) else label for label in labels[ids]])
    asked = learner.ask(5)
    assert len(set(asked)) == 5
    assert not set(asked) & set(learner.labelled_ids)
    assert learner.rounds[-1]["strategy"]["name"] == name
