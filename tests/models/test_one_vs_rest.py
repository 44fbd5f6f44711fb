"""Label sets: each label by a model of its own, or by its share; saved and loaded as they were."""

from __future__ import annotations

import numpy as np
import pytest

from querist import models
from querist.errors import UnknownName
from querist.types import Features

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def rows() -> Features:
    x = np.random.default_rng(1).normal(size=(80, 3))
    return Features(x, x)


@pytest.fixture(scope="module")
def target(rows) -> np.ndarray:
    on = np.stack([rows.embed[:, 0] > 0, rows.embed[:, 1] > 0.5, np.zeros(80, dtype=bool)], axis=1)
    return on.astype(np.int8)


def test_each_label_is_learnt_as_if_it_were_alone(rows, target):
    model = models.learner("logistic_regression", signal="label_proba").fit(rows, target, classes=3)
    alone = models.learner("logistic_regression").fit(rows, target[:, 1].astype(int), classes=2)
    together = model.signals({"label_proba"}, rows, rng=RNG)["label_proba"]
    assert together.shape == (80, 3)
    assert np.array_equal(together[:, 1], alone.signals({"proba"}, rows, rng=RNG)["proba"][:, 1])
    assert ((together[:, :2] > 0.5) == target[:, :2]).mean() > 0.9
    assert np.allclose(together[:, 2], 1 / 82)


def test_a_saved_model_says_the_same(rows, target):
    model = models.learner("random_forest", {"n_estimators": 5}, signal="label_proba").fit(rows, target, classes=3)
    again = models.load_model(model.save())
    said = [one.signals({"label_proba"}, rows, rng=RNG)["label_proba"] for one in (model, again)]
    assert np.array_equal(*said)


def test_probabilities_of_classes_are_not_offered(rows, target):
    model = models.learner("naive_bayes", signal="label_proba").fit(rows, target, classes=3)
    with pytest.raises(UnknownName, match="label_proba"):
        model.signals({"proba"}, rows, rng=RNG)
