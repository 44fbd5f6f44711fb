"""Maps of probabilities: what each can undo, JSON round trips, the choice out of fold."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import UnknownName
from querist.measure import scores
from querist.measure.calibrators import Calibrator, choose, fit, held_out

METHODS = ["temperature", "platt", "vector", "dirichlet", "isotonic"]


def drawn(seed, n, c=3):
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(n, c))
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return honest, np.array([rng.choice(c, p=row) for row in honest]), logits


@pytest.mark.parametrize("method", METHODS)
@given(seed=st.integers(0, 10_000), c=st.sampled_from([2, 4]))
@settings(max_examples=8, deadline=None)
def test_every_map_gives_probabilities_and_survives_json(method, seed, c):
    honest, target, _ = drawn(seed, 60, c)
    fitted = fit(method, 2 * np.log(honest), target)
    found = fitted(honest)
    assert found.shape == honest.shape
    assert np.all(found > 0)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    again = Calibrator.from_json(json.loads(json.dumps(fitted.to_json())))
    np.testing.assert_array_equal(again(honest), found)


@pytest.mark.parametrize("method", METHODS)
def test_every_map_repairs_certainty_that_is_twice_too_high(method):
    honest, target, logits = drawn(1, 3000)
    fitted = fit(method, 2 * logits[:1500], target[:1500])
    sure = np.exp(2 * logits)
    sure /= sure.sum(axis=1, keepdims=True)
    before, after = (scores.log_loss(target[1500:], p[1500:]) for p in (sure, fitted(sure)))
    best = scores.log_loss(target[1500:], honest[1500:])
    assert best - 0.01 <= after < best + 0.4 * (before - best)


def test_vector_scaling_undoes_a_shift_that_temperature_cannot():
    _, target, logits = drawn(2, 3000)
    bent = logits * [0.5, 1.0, 2.0] + [1.0, 0.0, -1.0]
    proba = np.exp(bent) / np.exp(bent).sum(axis=1, keepdims=True)
    losses = {m: scores.log_loss(target, fit(m, bent, target)(proba)) for m in ("temperature", "vector", "dirichlet")}
    assert losses["vector"] < losses["temperature"] - 0.02
    assert losses["dirichlet"] < losses["temperature"] - 0.02


def test_dirichlet_undoes_classes_that_are_mistaken_for_each_other():
    honest, target, _ = drawn(3, 3000)
    mixing = np.array([[0.6, 0.4, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 1.0]]) + 1e-3
    blurred = np.exp(np.log(honest) @ mixing.T)
    blurred /= blurred.sum(axis=1, keepdims=True)
    losses = {m: scores.log_loss(target, fit(m, np.log(blurred), target)(blurred)) for m in ("vector", "dirichlet")}
    assert losses["dirichlet"] < losses["vector"] - 0.02


def test_isotonic_equals_scikit_learns_on_two_classes():
    isotonic = pytest.importorskip("sklearn.isotonic")
    honest, target, _ = drawn(4, 300, 2)
    theirs = isotonic.IsotonicRegression(out_of_bounds="clip").fit(honest[:, 1], target).predict(honest[:, 1])
    ours = fit("isotonic", np.log(honest), target)(honest)[:, 1]
    np.testing.assert_allclose(ours, np.clip(theirs, 1e-6, 1 - 1e-6), atol=1e-5)


def test_the_choice_is_made_out_of_fold():
    _, target, logits = drawn(5, 400)
    best, losses = choose(3 * logits, target, methods=("temperature", "isotonic"))
    assert best.method == "temperature"
    assert losses["temperature"] < losses["isotonic"] < losses["none"]


def test_nothing_is_done_where_everything_does_harm():
    honest, target, _ = drawn(6, 40)
    best, losses = choose(np.log(honest), target, methods=("isotonic",))
    assert losses["none"] < losses["isotonic"]
    np.testing.assert_allclose(best(honest), honest)


def test_an_unknown_method_is_named_with_the_choices():
    honest, target, _ = drawn(7, 10)
    with pytest.raises(UnknownName, match=r"tempature.*temperature"):
        fit("tempature", np.log(honest), target)


@pytest.mark.parametrize("method", ["vector", "dirichlet", "isotonic"])
def test_what_a_map_does_is_measured_on_rows_that_it_was_not_fitted_on(method):
    # These probabilities are right already: a map that seems to gain knows its rows by heart.
    seeming, honest = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        p = rng.dirichlet([1, 1, 1], 80)
        target = np.array([rng.choice(3, p=row) for row in p])
        before = scores.log_loss(target, p)
        seeming.append(before - scores.log_loss(target, fit(method, np.log(p), target)(p)))
        others = held_out(method, np.log(p), target, seed=seed)
        np.testing.assert_allclose(others.sum(axis=1), 1)
        honest.append(before - scores.log_loss(target, others))
    assert np.mean(seeming) > 0
    assert np.mean(honest) < 0
