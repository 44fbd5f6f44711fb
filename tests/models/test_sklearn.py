"""scikit-learn classifiers as learners: columns for every declared class, heads, members, files without pickle."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from querist import models
from querist.errors import BadValue, Damaged, ModelFailure, UnknownName
from querist.types import Array, Features, Learner, Model

RNG = np.random.default_rng(0)
QUICK: dict[str, dict[str, int]] = {"random_forest": {"n_estimators": 5}, "gradient_boosting": {"max_iter": 5}}


def wine(classes: tuple[int, ...] = (0, 1, 2)) -> tuple[Features, Array]:
    data = load_wine()
    rows = StandardScaler().fit_transform(data.data)
    keep = np.isin(data.target, classes)
    return one_space(rows[keep]), data.target[keep]


def one_space(rows: Any) -> Features:
    return Features(rows, rows)


ELSEWHERE = {"mlp", "small_resnet", "torch", "transformer", "self_training"}
CLASSIFIERS = [name for name in models.names() if "proba" in models.OFFERS[name] and name not in ELSEWHERE]
"""The learners of this module; networks and what learns from the unlabelled have tests of their own."""


def signals(model: Model, features: Features, *names: str) -> list[Array]:
    given_signals = model.signals(set(names), features, rng=RNG)
    return [given_signals[name] for name in names]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_named_learner_learns(name: str) -> None:
    features, target = wine()
    learner = models.learner(name)
    assert isinstance(learner, Learner)
    model = learner.fit(features, target, classes=3, seed=1)
    (proba,) = signals(model, features, "proba")
    assert proba.shape == (len(target), 3)
    assert np.allclose(proba.sum(axis=1), 1)
    assert (proba.argmax(axis=1) == target).mean() > 0.95
    json.dumps(dict(learner.settings), allow_nan=False)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_named_learner_reads_sparse_rows(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=(60, 12))) * (rng.random((60, 12)) < 0.4)
    target = (rows[:, 0] > 0).astype(int)
    features = Features(csr_matrix(rows), rows[:, :5].copy())
    model = models.learner(name).fit(features, target, classes=2)
    (proba,) = signals(model, features, "proba")
    assert (proba.argmax(axis=1) == target).mean() > 0.8
    assert "head_weight" not in model.offers


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_a_learner_offers_is_listed(name: str) -> None:
    features, target = wine()
    model = models.learner(name, QUICK.get(name)).fit(features, target, classes=3)
    assert model.offers == models.OFFERS[name]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_seed_gives_the_same_files_and_they_load_to_the_same_model(name: str) -> None:
    features, target = wine()
    learner = models.learner(name, QUICK.get(name))
    first = learner.fit(features, target, classes=3, seed=5)
    saved = first.save()
    assert saved == learner.fit(features, target, classes=3, seed=5).save()
    loaded = models.load_model(saved)
    assert (loaded.name, loaded.classes, loaded.offers) == (first.name, first.classes, first.offers)
    for signal in sorted(first.offers):
        assert np.array_equal(signals(loaded, features, signal)[0], signals(first, features, signal)[0]), signal


def test_forests_with_other_seeds_differ() -> None:
    features, target = wine()
    proba = [
        signals(
            models.learner("random_forest", QUICK["random_forest"]).fit(features, target, classes=3, seed=seed),
            features,
            "proba",
        )[0]
        for seed in (1, 2)
    ]
    assert not np.array_equal(*proba)


@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), SVC(), KNeighborsClassifier(3), make_pipeline(StandardScaler(), SVC())],
    ids=lambda estimator: type(estimator).__name__,
)
def test_absent_classes_have_probability_zero(estimator: Any) -> None:
    features, target = wine((0, 2))
    model = models.learner(estimator).fit(features, target + 1, classes=5)
    (proba,) = signals(model, features, "proba")
    assert np.array_equal(proba[:, [0, 2, 4]], np.zeros((len(target), 3)))
    assert np.array_equal(proba.argmax(axis=1), target + 1)


@pytest.mark.parametrize("target", [[], [2, 2, 2]])
def test_one_class_is_a_failure_in_words(target: list[int]) -> None:
    rows = np.zeros((len(target), 2))
    with pytest.raises(ModelFailure, match="needs rows of two classes"):
        models.learner("logistic_regression").fit(one_space(rows), np.array(target, dtype=int), classes=3)


class TestHead:
    """A softmax regression on the embedding gives itself away; nothing else does."""

    @pytest.mark.parametrize(("classes", "declared"), [((0, 1, 2), 3), ((0, 1, 2), 5), ((0, 2), 3), ((0, 1), 2)])
    def test_the_head_is_the_model(self, classes: tuple[int, ...], declared: int) -> None:
        features, target = wine(classes)
        model = models.learner("logistic_regression").fit(features, target, classes=declared)
        proba, weight, bias = signals(model, features, "proba", "head_weight", "head_bias")
        assert (weight.shape, bias.shape) == ((declared, features.embed.shape[1]), (declared,))
        assert np.allclose(softmax(features.embed @ weight.T + bias, axis=1), proba, atol=1e-10)

    @pytest.mark.parametrize("classes", [(0, 1, 2), (0, 1)])
    def test_the_penalty_is_that_of_the_summed_loss(self, classes: tuple[int, ...]) -> None:
        """At the optimum the gradient of loss + l2 / 2 · ‖weight‖² is zero, whichever of the two forms was fitted."""
        features, target = wine(classes)
        learner = models.learner("logistic_regression", {"C": 0.7, "tol": 1e-10, "max_iter": 10_000})
        model = learner.fit(features, target, classes=len(classes))
        proba, weight, l2 = signals(model, features, "proba", "head_weight", "head_l2")
        residual = proba - np.eye(len(classes))[target]
        assert np.allclose(residual.T @ features.embed + l2 * weight, 0, atol=1e-3)
        assert np.allclose(residual.sum(axis=0), 0, atol=1e-3)

    @pytest.mark.parametrize(
        "estimator",
        [
            make_pipeline(StandardScaler(), LogisticRegression()),
            LogisticRegression(l1_ratio=1.0, solver="saga", max_iter=5000),
            LogisticRegression(solver="liblinear"),
            GaussianNB(),
        ],
        ids=["pipeline", "l1", "liblinear", "bayes"],
    )
    def test_models_without_such_a_head_offer_none(self, estimator: Any) -> None:
        features, target = wine((0, 1))
        assert not models.HEAD & models.learner(estimator).fit(features, target, classes=2).offers

    def test_no_head_where_input_and_embedding_differ(self) -> None:
        features, target = wine()
        apart = Features(features.input, features.embed[:, :3].copy())
        model = models.learner("logistic_regression").fit(apart, target, classes=3)
        assert model.offers == {"proba", "embed"}
        with pytest.raises(UnknownName, match="head_weight"):
            model.signals({"head_weight"}, apart, rng=RNG)


class TestMembers:
    """Trees and bagged models are draws from what the ensemble believes."""

    @pytest.mark.parametrize(
        "estimator",
        [
            RandomForestClassifier(7),
            ExtraTreesClassifier(7),
            BaggingClassifier(GaussianNB(), n_estimators=7, max_features=0.5, max_samples=0.2),
            make_pipeline(StandardScaler(), RandomForestClassifier(7)),
        ],
        ids=["forest", "extra", "bagging", "pipeline"],
    )
    def test_their_mean_is_the_ensemble(self, estimator: Any) -> None:
        features, target = wine()
        model = models.learner(estimator).fit(features, target, classes=4, seed=3)
        proba, samples = signals(model, features, "proba", "proba_samples")
        assert samples.shape == (7, len(target), 4)
        assert np.allclose(samples.mean(axis=0), proba, atol=1e-6)
        assert np.allclose(samples.sum(axis=2), 1, atol=1e-6)

    def test_a_bootstrap_that_missed_a_class(self) -> None:
        rows = np.arange(20.0)[:, None]
        target = np.array([0] * 9 + [1] * 10 + [2])
        estimator = BaggingClassifier(KNeighborsClassifier(1), n_estimators=9, max_samples=0.3)
        model = models.learner(estimator).fit(one_space(rows), target, classes=3, seed=0)
        (samples,) = signals(model, one_space(rows), "proba_samples")
        assert (samples[..., 2].max(axis=1) == 0).any()
        assert np.allclose(samples.sum(axis=2), 1, atol=1e-6)

    def test_sparse_rows(self) -> None:
        rows = csr_matrix(np.eye(6).repeat(5, axis=0))
        features = Features(rows, rows.toarray())
        target = np.arange(6).repeat(5) % 2
        model = models.learner("random_forest", {"n_estimators": 5}).fit(features, target, classes=2)
        proba, samples = signals(model, features, "proba", "proba_samples")
        assert np.allclose(samples.mean(axis=0), proba, atol=1e-6)

    def test_no_rows(self) -> None:
        features, target = wine()
        model = models.learner("random_forest", {"n_estimators": 5}).fit(features, target, classes=4)
        empty = features.rows(np.array([], dtype=int))
        proba, samples, embed = signals(model, empty, "proba", "proba_samples", "embed")
        assert (proba.shape, samples.shape, embed.shape) == ((0, 4), (5, 0, 4), (0, 13))


class TestEstimatorsOfUsers:
    """Objects: cloned, seeded, weighted where they can be, and never changed."""

    def test_the_object_itself_is_not_fitted(self) -> None:
        features, target = wine()
        estimator = RandomForestClassifier(3)
        models.learner(estimator).fit(features, target, classes=3, seed=9)
        assert not hasattr(estimator, "estimators_")
        assert estimator.random_state is None

    def test_a_random_state_of_the_users_own_stays(self) -> None:
        features, target = wine()
        learner = models.learner(RandomForestClassifier(3, random_state=4))
        assert (
            learner.fit(features, target, classes=3, seed=1).save()
            == learner.fit(features, target, classes=3, seed=2).save()
        )

    def test_settings_are_parameters(self) -> None:
        learner = models.learner(make_pipeline(StandardScaler(), SVC()), {"svc__C": 3.0})
        assert "svc__C" not in learner.settings  # it stands in the description of the steps
        assert "C=3.0" in learner.settings["steps"]
        with pytest.raises(UnknownName, match="setting of SVC 'gama'; did you mean 'gamma'"):
            models.learner(SVC(), {"gama": 1})
        with pytest.raises(UnknownName, match="setting of logistic_regression"):
            models.learner("logistic_regression", {"depth": 1})

    @pytest.mark.parametrize(
        ("thing", "reason"),
        [(LinearRegression(), "neither predict_proba"), (3, "no method fit"), (SVC, r"is a class; .*SVC\(\)")],
    )
    def test_what_is_no_classifier(self, thing: object, reason: str) -> None:
        with pytest.raises(BadValue, match=reason):
            models.learner(thing)

    def test_unknown_name(self) -> None:
        with pytest.raises(UnknownName, match="did you mean 'random_forest'"):
            models.learner("random_forrest")

    def test_weights_count_like_copies(self) -> None:
        features, target = wine()
        weight = np.random.default_rng(0).integers(1, 4, len(target))
        copied = np.repeat(np.arange(len(target)), weight)
        learner = models.learner("logistic_regression", {"tol": 1e-10, "max_iter": 10_000})
        weighted = learner.fit(features, target, classes=3, weight=weight.astype(float))
        repeated = learner.fit(features.rows(copied), target[copied], classes=3)
        assert np.allclose(signals(weighted, features, "proba"), signals(repeated, features, "proba"), atol=1e-3)

    def test_weights_reach_the_last_step_of_a_pipeline(self) -> None:
        features, target = wine()
        learner = models.learner(make_pipeline(StandardScaler(), LogisticRegression()))
        weight = np.where(target == 1, 1000.0, 1.0)
        (proba,) = signals(learner.fit(features, target, classes=3, weight=weight), features, "proba")
        assert (proba[target == 1, 1] > 0.99).all()

    def test_weights_that_cannot_be_used_are_not_dropped(self) -> None:
        features, target = wine()
        learner = models.learner(KNeighborsClassifier())
        learner.fit(features, target, classes=3, weight=np.ones(len(target)))
        with pytest.raises(ModelFailure, match="KNeighborsClassifier takes no sample_weight"):
            learner.fit(features, target, classes=3, weight=np.arange(len(target)) + 1.0)

    def test_what_the_library_raises_is_passed_on(self) -> None:
        features, target = wine()
        rows = features.input.copy()
        rows[0, 0] = np.nan
        with pytest.raises(ModelFailure, match="SVC could not fit 178 rows: ValueError: Input X contains NaN"):
            models.learner(SVC()).fit(one_space(rows), target, classes=3)

    def test_warnings_become_notes(self) -> None:
        features, target = wine()
        model = models.learner(LogisticRegression(max_iter=1)).fit(features, target, classes=3)
        assert [note.partition(":")[0] for note in model.notes] == ["ConvergenceWarning"]  # type: ignore[attr-defined]

    def test_an_object_that_only_looks_alike(self) -> None:
        features, target = wine()
        (proba,) = signals(models.learner(Nearest()).fit(features, target, classes=4, seed=1), features, "proba")
        assert proba.shape == (len(target), 4)
        assert (proba.argmax(axis=1) == target).mean() > 0.9

    @pytest.mark.parametrize(
        ("wrong", "reason"), [(np.full((178, 3), 0.5), "sum to 1 in row 0"), (np.ones((178, 2)) / 2, "2 columns")]
    )
    def test_what_is_no_probability_is_refused(self, wrong: Array, reason: str) -> None:
        features, target = wine()
        model = models.learner(Fixed(wrong)).fit(features, target, classes=3)
        with pytest.raises(ModelFailure, match=reason):
            signals(model, features, "proba")


class Nearest:
    """No scikit-learn estimator: no parameters, no classes_."""

    def fit(self, rows: Array, target: Array) -> None:
        self.centres = np.stack([rows[target == number].mean(axis=0) for number in np.unique(target)])

    def predict_proba(self, rows: Array) -> Array:
        distance = ((rows[:, None] - self.centres) ** 2).sum(axis=2)
        proba: Array = softmax(-distance, axis=1)
        return proba


class Fixed(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Says the same whatever it is asked."""

    def __init__(self, proba: Array) -> None:
        self.proba = proba

    def fit(self, rows: Array, target: Array) -> Fixed:
        self.classes_ = np.unique(target)
        return self

    def predict_proba(self, rows: Array) -> Array:
        return self.proba


class TestFiles:
    """Loading runs no code, and says what is wrong."""

    def test_types_of_users_must_be_trusted(self) -> None:
        features, target = wine()
        model = models.learner(Fixed(np.full((178, 3), 1 / 3))).fit(features, target, classes=3)
        with pytest.raises(BadValue, match="holds types that are not known to be safe") as caught:
            model.save()
        names = list(caught.value.choices)
        assert any(name.endswith("Fixed") for name in names)
        trusting = models.learner(Fixed(np.full((178, 3), 1 / 3)), {"trusted": names}).fit(features, target, classes=3)
        saved = trusting.save()
        with pytest.raises(BadValue, match="not known to be safe"):
            models.load_model(saved)
        assert models.load_model(saved, trusted=names).name == "Fixed"

    def test_trees_that_point_outside_are_refused(self) -> None:
        features, target = wine()
        for name, column in (("random_forest", "left_child"), ("gradient_boosting", "left")):
            saved = models.learner(name, QUICK[name]).fit(features, target, classes=3).save()
            saved["estimator.skops"] = _with_wild_links(saved["estimator.skops"], column)
            with pytest.raises(Damaged, match="point outside"):
                models.load_model(saved)

    @pytest.mark.parametrize(
        "files",
        [{}, {"model.json": b"{"}, {"model.json": b'{"kind": "pickle"}'}, {"model.json": b"[]"}],
        ids=["none", "broken", "unknown", "list"],
    )
    def test_files_that_are_no_model(self, files: dict[str, bytes]) -> None:
        with pytest.raises(Damaged):
            models.load_model(files)

    def test_a_broken_archive(self) -> None:
        features, target = wine()
        saved = models.learner("naive_bayes").fit(features, target, classes=3).save()
        with pytest.raises(Damaged, match="cannot be read"):
            models.load_model({**saved, "estimator.skops": saved["estimator.skops"][:100]})
        with pytest.raises(Damaged, match="missing"):
            models.load_model({"model.json": saved["model.json"]})


def _with_wild_links(data: bytes, column: str) -> bytes:
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name.endswith(".npy"):
                table = np.load(io.BytesIO(content))
                if column in (table.dtype.names or ()):
                    table[column][0] = 10_000
                    buffer = io.BytesIO()
                    np.save(buffer, table)
                    content = buffer.getvalue()
            new.writestr(name, content)
    return changed.getvalue()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_rows_are_treated_independently(seed: int) -> None:
    data = load_breast_cancer()
    rows = StandardScaler().fit_transform(data.data).astype(np.float32)
    model = models.learner("logistic_regression").fit(one_space(rows[:50]), data.target[:50], classes=2)
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = order[: seed % len(rows)], order[seed % len(rows) :]
    together = signals(model, one_space(rows), "proba")[0]
    apart = np.concatenate([signals(model, one_space(rows[part]), "proba")[0] for part in cut])
    assert np.allclose(apart, together[order], atol=1e-6)
