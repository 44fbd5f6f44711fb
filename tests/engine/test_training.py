"""Calibration inside a project: chosen out of fold, saved without code, before and after on the record."""

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from querist.engine.training import fit
from querist.errors import ModelFailure
from querist.measure import scores
from querist.models import HEAD, learner, load_model
from querist.models.calibrated import Calibrated
from querist.models.mapped import Mapped
from querist.tasks import task_type
from querist.types import Array, Features

KIND = task_type("single_label", classes=("a", "b")).target


def data(n: int, seed: int = 0) -> tuple[Features, Array]:
    """Repeated columns: naive Bayes is far too sure of itself."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, n)
    rows = np.repeat(rng.normal(size=(n, 2)) + 0.8 * target[:, None], 8, axis=1)
    return Features(rows, rows), target


@pytest.mark.parametrize("how", ["temperature", "platt", "vector", "dirichlet", "isotonic", "auto"])
def test_calibration_makes_held_out_probabilities_truer(how: str) -> None:
    features, target = data(600)
    fitted = fit(learner(GaussianNB()), features, target, kind=KIND, calibrate=how)
    new, truth = data(3000, seed=1)
    rng = np.random.default_rng(0)
    raw = fit(learner(GaussianNB()), features, target, kind=KIND, calibrate="off").model.signals(
        ["proba"], new, rng=rng
    )
    after = fitted.model.signals(["proba"], new, rng=rng)["proba"]
    assert scores.log_loss(truth, after) < scores.log_loss(truth, raw["proba"]) - 0.2
    np.testing.assert_allclose(after.sum(axis=1), 1, atol=1e-6)
    found = fitted.calibration
    assert found["ece_after"] < found["ece_before"]
    assert found["nll_after"] < found["nll_before"]
    assert found["brier_after"] < found["brier_before"]
    again = load_model(fitted.model.save(), trusted=["sklearn.naive_bayes.GaussianNB"])
    np.testing.assert_allclose(again.signals(["proba"], new, rng=rng)["proba"], after)
    assert isinstance(fitted.model, Calibrated if found["method"] == "temperature" else Mapped)


def test_a_map_that_is_no_temperature_offers_no_head() -> None:
    features, target = data(300)
    fitted = fit(learner("logistic_regression"), features, target, kind=KIND, calibrate="vector")
    assert not fitted.model.offers & HEAD
    assert "proba" in fitted.model.offers


def test_few_labels_take_a_temperature_without_asking_further() -> None:
    features, target = data(60)
    found = fit(learner(GaussianNB()), features, target, kind=KIND, calibrate="auto").calibration
    assert found["method"] == "temperature"
    assert found["losses"] == {}


def test_a_class_with_a_handful_of_labels_is_not_calibrated_and_one_class_not_fitted() -> None:
    features, target = data(60)
    target[:] = 0
    target[:3] = 1
    fitted = fit(learner(GaussianNB()), features, target, kind=KIND)
    assert fitted.uncalibrated == "1 of 2 classes have fewer than 5 labels"
    with pytest.raises(ModelFailure, match="two kinds"):
        fit(learner(GaussianNB()), features, np.zeros(60, dtype=int), kind=KIND)
