"""Advisers: who gets them, and what they change."""

import numpy as np
from sklearn.datasets import load_wine

from querist import models
from querist.models.advised import Advised, AdvisedModel
from querist.types import Features

X, Y = load_wine(return_X_y=True)
FEATURES = Features.of((X - X.mean(axis=0)) / X.std(axis=0))


def test_advisers_disagree_and_the_prediction_stays_the_models_own() -> None:
    alone = models.learner("logistic_regression").fit(FEATURES, Y, classes=3, seed=0)
    advised = Advised(models.learner("logistic_regression"), 4).fit(FEATURES, Y, classes=3, seed=0)
    assert isinstance(advised, AdvisedModel)
    given = advised.signals({"proba", "proba_samples"}, FEATURES, rng=np.random.default_rng(0))
    assert given["proba_samples"].shape == (4, len(Y), 3)
    assert np.ptp(given["proba_samples"], axis=0).max() > 0
    own = alone.signals({"proba"}, FEATURES, rng=np.random.default_rng(0))["proba"]
    np.testing.assert_array_equal(given["proba"], own)


def test_a_model_that_draws_by_itself_gets_none() -> None:
    forest = Advised(models.learner("random_forest", {"n_estimators": 12}), 4).fit(FEATURES, Y, classes=3, seed=0)
    assert not isinstance(forest, AdvisedModel)
    draws = forest.signals({"proba_samples"}, FEATURES, rng=np.random.default_rng(0))["proba_samples"]
    assert len(draws) == 12
