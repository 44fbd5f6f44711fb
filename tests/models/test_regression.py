"""Numbers: what is predicted, how sure, and that a saved model says the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression, Ridge

from querist import models
from querist.errors import BadValue, UnknownName
from querist.types import Features

RNG = np.random.default_rng(0)
NAMES = ("bayesian_ridge", "random_forest_regressor", "gaussian_process")


@pytest.fixture(scope="module")
def rows() -> Features:
    x = np.random.default_rng(1).normal(size=(60, 3))
    return Features(x, x)


@pytest.fixture(scope="module")
def target(rows) -> np.ndarray:
    return 3 * rows.embed[:, 0] - rows.embed[:, 1] + 10


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_learnt_and_survive_saving(name, rows, target):
    model = models.learner(name, signal="mean").fit(rows, target, classes=2, seed=1)
    wanted = {"mean", "std"} | ({"mean_samples"} & model.offers)
    said = model.signals(wanted, rows, rng=RNG)
    assert np.corrcoef(said["mean"], target)[0, 1] > 0.95
    assert (said["std"] >= 0).all()
    again = models.load_model(model.save()).signals(wanted, rows, rng=RNG)
    assert all(np.array_equal(said[name], again[name]) for name in wanted)


def test_the_trees_of_a_forest_are_its_samples(rows, target):
    model = models.learner("random_forest_regressor", {"n_estimators": 7}, signal="mean").fit(rows, target)
    said = model.signals({"mean", "std", "mean_samples"}, rows, rng=RNG)
    assert said["mean_samples"].shape == (7, 60)
    assert np.allclose(said["mean_samples"].mean(axis=0), said["mean"])
    assert np.allclose(said["mean_samples"].std(axis=0), said["std"])


def test_any_regressor_will_do_and_tells_the_spread_of_its_errors(rows, target):
    noisy = target + np.random.default_rng(2).normal(size=60)
    model = models.learner(Ridge(), signal="mean").fit(rows, noisy)
    said = model.signals({"mean", "std"}, rows, rng=RNG)
    assert np.allclose(said["std"], np.std(noisy - said["mean"]))


def test_sparse_rows_are_learnt_from_their_embedding(rows, target):
    sparse = Features(csr_matrix(rows.embed), rows.embed)
    one, other = (models.learner("bayesian_ridge", signal="mean").fit(part, target) for part in (rows, sparse))
    assert np.allclose(*(m.signals({"mean"}, p, rng=RNG)["mean"] for m, p in ((one, rows), (other, sparse))))


def test_what_cannot_be_is_refused_by_name():
    with pytest.raises(BadValue, match="does not offer mean; these do: bayesian_ridge"):
        models.learner("svm", signal="mean")
    with pytest.raises(BadValue, match="does not offer proba"):
        models.learner("gaussian_process")
    with pytest.raises(UnknownName, match="setting of bayesian_ridge"):
        models.learner("bayesian_ridge", {"C": 1.0}, signal="mean")
    with pytest.raises(BadValue, match="has no methods fit and predict"):
        models.learner(object(), signal="mean")
    assert models.learner(LogisticRegression()).name == "LogisticRegression"
