"""A model behind a temperature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from querist import models
from querist.errors import BadValue
from querist.models.calibrated import Calibrated, tempered
from querist.types import Features, Model

RNG = np.random.default_rng(0)


def fitted(name: str) -> tuple[Model, Features]:
    data = load_wine()
    rows = StandardScaler().fit_transform(data.data)
    features = Features(rows, rows)
    return models.learner(name).fit(features, data.target, classes=4, seed=0), features


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5, 40.0])
def test_tempering_is_softmax_of_the_divided_logarithm(temperature: float) -> None:
    logits = np.random.default_rng(1).normal(size=(2, 30, 5)) * 10
    expected = softmax(log_softmax(logits, axis=-1) / temperature, axis=-1)
    assert np.allclose(tempered(softmax(logits, axis=-1), temperature), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zero_stays_zero_and_the_type_stays(dtype: type) -> None:
    proba = tempered(np.array([[0.9, 0.1, 0.0]], dtype=dtype), 7.0)
    assert proba[0, 2] == 0
    assert (proba.dtype, proba.sum()) == (dtype, pytest.approx(1))


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_the_head_still_is_the_model(temperature: float) -> None:
    model, features = fitted("logistic_regression")
    calibrated = Calibrated(model, temperature)
    given = calibrated.signals({"proba", "head_weight", "head_bias", "head_l2"}, features, rng=RNG)
    logits = features.embed @ given["head_weight"].T + given["head_bias"]
    assert np.allclose(softmax(logits, axis=1), given["proba"], atol=1e-9)
    plain = model.signals({"head_weight", "head_l2"}, features, rng=RNG)
    penalty = [signals["head_l2"] * (signals["head_weight"] ** 2).sum() for signals in (plain, given)]
    assert penalty[0] == pytest.approx(penalty[1])


def test_the_ranking_of_classes_stays_and_above_one_it_is_less_sure() -> None:
    model, features = fitted("naive_bayes")
    plain = model.signals({"proba"}, features, rng=RNG)["proba"]
    soft = Calibrated(model, 3.0).signals({"proba"}, features, rng=RNG)["proba"]
    assert np.array_equal(plain.argmax(axis=1), soft.argmax(axis=1))
    assert (soft.max(axis=1) <= plain.max(axis=1) + 1e-12).all()


def test_members_share_the_temperature() -> None:
    model, features = fitted("random_forest")
    plain = model.signals({"proba_samples"}, features, rng=RNG)["proba_samples"]
    given = Calibrated(model, 2.0).signals({"proba_samples"}, features, rng=RNG)["proba_samples"]
    assert np.allclose(given, tempered(plain, 2.0))


def test_round_trip() -> None:
    model, features = fitted("logistic_regression")
    calibrated = Calibrated(model, 1.7)
    loaded = models.load_model(calibrated.save())
    assert (loaded.name, loaded.classes, loaded.offers) == (model.name, 4, model.offers)
    for signal in sorted(calibrated.offers):
        pair = [each.signals({signal}, features, rng=RNG)[signal] for each in (calibrated, loaded)]
        assert np.array_equal(*pair), signal


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf])
def test_temperatures_that_cannot_be(temperature: float) -> None:
    with pytest.raises(BadValue, match="positive and finite"):
        Calibrated(fitted("naive_bayes")[0], temperature)
