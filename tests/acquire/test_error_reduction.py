"""Fast forms of expected error reduction against twins that add each imagined label and start over."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire import error_reduction as e
from querist.acquire import ridge
from querist.errors import BadValue
from querist.types import Array

Classifier = Callable[[Array, Array, Array], Array]
"""Labelled rows, their classes, rows to predict: class probabilities."""


def risks(proba: Array, loss: str) -> float:
    if loss == "zero_one":
        return float(np.mean([1 - max(p) for p in proba]))
    return float(np.mean([-sum(x * math.log(x) for x in p if x > 0) for p in proba]))


def slow(classifier: Classifier, embed: Array, seen: Array, target: Array, at: Array, classes: int, loss: str) -> Array:
    now = risks(classifier(seen, target, at), loss)
    scores = []
    for x in embed:
        label = classifier(seen, target, x[None])[0]
        after = [risks(classifier(np.vstack([seen, x[None]]), np.append(target, y), at), loss) for y in range(classes)]
        scores.append(now - float(label @ after))
    return np.array(scores)


def parzen(classes: int, gamma: float, prior: float) -> Classifier:
    def predict(seen: Array, target: Array, rows: Array) -> Array:
        masses = np.full((len(rows), classes), prior)
        for i, u in enumerate(rows):
            for x, y in zip(seen, target, strict=True):
                masses[i, y] += math.exp(-gamma * ((u - x) ** 2).sum())
        return masses / masses.sum(axis=1, keepdims=True)

    return predict


def nearest(classes: int, neighbours: int, prior: float) -> Classifier:
    def predict(seen: Array, target: Array, rows: Array) -> Array:
        votes = np.full((len(rows), classes), prior)
        for i, u in enumerate(rows):
            for j in sorted(range(len(seen)), key=lambda j: ((u - seen[j]) ** 2).sum())[:neighbours]:
                votes[i, target[j]] += 1
        return votes / votes.sum(axis=1, keepdims=True)

    return predict


def process(classes: int, kernel: Callable[[Array, Array], float], noise: float) -> Classifier:
    def predict(seen: Array, target: Array, rows: Array) -> Array:
        k = np.array([[kernel(a, b) for b in seen] for a in seen]).reshape(len(seen), len(seen))
        cross = np.array([[kernel(a, b) for b in seen] for a in rows]).reshape(len(rows), len(seen))
        values = np.eye(classes)[target] - 1 / classes
        f = 1 / classes + cross @ np.linalg.solve(k + noise * np.eye(len(seen)), values)
        masses = np.maximum(f, 1e-3)
        return masses / masses.sum(axis=1, keepdims=True)

    return predict


def linear(a: Array, b: Array) -> float:
    return float(a @ b + 1)


def rbf(a: Array, b: Array) -> float:
    return math.exp(-0.4 * ((a - b) ** 2).sum())


FORMS = {
    "parzen": (e.eer_parzen, {"gamma": 0.3, "prior": 0.01}, lambda c: parzen(c, 0.3, 0.01)),
    "knn": (e.eer_knn, {"neighbours": 2, "prior": 0.25}, lambda c: nearest(c, 2, 0.25)),
    "ridge": (ridge.eer_ridge, {"noise": 0.7}, lambda c: process(c, linear, 0.7)),
    "rbf": (ridge.eer_ridge, {"kernel": "rbf", "noise": 0.2, "gamma": 0.4}, lambda c: process(c, rbf, 0.2)),
}


def arrays(seed: int, n: int, labelled: int, c: int, d: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {
        "embed": rng.normal(size=(n, d)),
        "labelled_embed": rng.normal(size=(labelled, d)),
        "labelled_target": rng.integers(0, c, size=labelled),
        "target_embed": rng.normal(size=(4, d)),
    }


@pytest.mark.parametrize("loss", e.LOSSES)
@pytest.mark.parametrize("form", FORMS)
@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 5),
    labelled=st.integers(0, 5),
    c=st.integers(1, 4),
    d=st.integers(1, 3),
)
@settings(max_examples=20, deadline=None)
def test_equals_starting_over_with_each_answer(
    form: str, loss: str, seed: int, n: int, labelled: int, c: int, d: int
) -> None:
    score, chosen, twin = FORMS[form]
    given_ = arrays(seed, n, labelled, c, d)
    found = score(**given_, **chosen, loss=loss, classes=c)
    expected = slow(
        twin(c), given_["embed"], given_["labelled_embed"], given_["labelled_target"], given_["target_embed"], c, loss
    )
    np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_blocks_types_and_sparse_rows_change_nothing_but_rounding(form: str) -> None:
    score, chosen, _ = FORMS[form]
    given_ = arrays(1, 700, 30, 5, 6)
    given_["target_embed"] = np.random.default_rng(2).normal(size=(300, 6))
    exact = score(**given_, **chosen)
    np.testing.assert_allclose(score(**given_, **chosen, memory_limit=100_000), exact, atol=1e-12)
    sparse = {**given_, "embed": scipy.sparse.csr_array(given_["embed"])}
    np.testing.assert_allclose(score(**sparse, **chosen), exact, atol=1e-12)
    narrow = {name: a.astype(np.float32) if a.dtype == float else a for name, a in given_.items()}
    single = score(**narrow, **chosen)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=2e-3 * np.abs(exact).max())
    own = score(**{**given_, "target_embed": None}, **chosen)
    np.testing.assert_array_equal(own, score(**{**given_, "target_embed": given_["embed"]}, **chosen))


@given(seed=st.integers(0, 10_000), labelled=st.integers(0, 6), d=st.integers(1, 3))
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize(("kernel", "twin"), [("linear", linear), ("rbf", rbf)])
def test_integrated_variance_is_the_fall_when_the_row_is_added(
    kernel: str, twin: Callable[[Array, Array], float], seed: int, labelled: int, d: int
) -> None:
    given_ = arrays(seed, 4, labelled, 2, d)
    del given_["labelled_target"]

    def variance(seen: Array) -> float:
        k = np.array([[twin(a, b) for b in seen] for a in seen]).reshape(len(seen), len(seen))
        precision = np.linalg.inv(k + 0.3 * np.eye(len(seen)))
        cross = np.array([[twin(u, b) for b in seen] for u in given_["target_embed"]]).reshape(4, len(seen))
        prior = np.mean([twin(u, u) for u in given_["target_embed"]])
        return float(prior - np.einsum("ui,ij,uj->u", cross, precision, cross).mean())

    now = variance(given_["labelled_embed"])
    expected = [now - variance(np.vstack([given_["labelled_embed"], x[None]])) for x in given_["embed"]]
    found = ridge.integrated_variance(**given_, kernel=kernel, noise=0.3, gamma=0.4)
    np.testing.assert_allclose(found, expected, atol=1e-10)
    assert (found >= 0).all()


def test_it_asks_where_a_label_helps_and_not_for_what_is_known_or_far() -> None:
    rng = np.random.default_rng(0)
    known, new = rng.normal(size=(60, 2)), rng.normal(size=(60, 2)) + 8
    labelled, target = known[:6], np.array([0, 1, 0, 1, 0, 1])
    pool = np.vstack([known, new, [[300.0, 300.0]]])
    for score, chosen in ((e.eer_parzen, {}), (ridge.eer_ridge, {"kernel": "rbf"})):
        scores = score(embed=pool, labelled_embed=labelled, labelled_target=target, gamma=0.1, **chosen)
        assert 60 <= scores.argmax() < 120


def test_refit_is_the_negative_risk() -> None:
    np.testing.assert_array_equal(e.expected_error_reduction_refit(expected_risk=np.array([0.5, 0.25])), [-0.5, -0.25])


def test_says_what_is_wrong() -> None:
    given_ = arrays(0, 3, 4, 2, 2)
    for score in (e.eer_parzen, e.eer_knn, ridge.eer_ridge):
        with pytest.raises(BadValue, match="loss = 'hinge': must be log or zero_one"):
            score(**given_, loss="hinge")
        with pytest.raises(BadValue, match=r"must be \(l,\) class numbers"):
            score(**{**given_, "labelled_target": np.array([0.5, 1.0, 2.0, 0.1])})
        with pytest.raises(BadValue, match="labels go from 0 to 4"):
            score(**{**given_, "labelled_target": np.array([0, 4, 1, 1])}, classes=3)
    with pytest.raises(BadValue, match="prior = 0"):
        e.eer_parzen(**given_, prior=0)
    with pytest.raises(BadValue, match="neighbours = 0"):
        e.eer_knn(**given_, neighbours=0)
    with pytest.raises(BadValue, match="kernel = 'cubic': must be linear or rbf"):
        ridge.eer_ridge(**given_, kernel="cubic")
    with pytest.raises(BadValue, match="noise = 0"):
        ridge.eer_ridge(**given_, noise=0)


def test_parzen_ranks_as_scikit_activeml_does() -> None:
    """Its `MonteCarloEER` sums over all rows, labelled ones too, and knows no prior."""
    pool = pytest.importorskip("skactiveml.pool")
    from skactiveml.classifier import ParzenWindowClassifier

    rng = np.random.default_rng(0)
    rows = rng.normal(size=(30, 4))
    target = np.arange(12) % 3
    known = np.concatenate([target, np.full(18, np.nan)])
    classifier = ParzenWindowClassifier(classes=range(3), metric_dict={"gamma": 0.25})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, theirs = pool.MonteCarloEER(method="log_loss").query(rows, known, classifier, return_utilities=True)
    ours = e.eer_parzen(
        embed=rows[12:],
        labelled_embed=rows[:12],
        labelled_target=target,
        target_embed=rows,
        gamma=0.25,
        prior=1e-12,
    )
    utilities = theirs[0, 12:] / 30
    np.testing.assert_allclose(ours - ours.mean(), utilities - utilities.mean(), atol=1e-8)
