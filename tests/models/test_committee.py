"""Committees of real learners."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from querist import models
from querist.acquire import kl_disagreement
from querist.errors import BadValue, ModelFailure, UnknownName
from querist.models.calibrated import Calibrated
from querist.models.committee import Committee, recipe
from querist.types import Array, Features, Learner, Model

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def wine() -> tuple[Features, Array]:
    data = load_wine()
    rows = StandardScaler().fit_transform(data.data)
    return Features(rows, rows), data.target


def fitted(committee: Learner, wine: tuple[Features, Array], *, seed: int = 0) -> Model:
    features, target = wine
    return committee.fit(features.rows(np.arange(0, 178, 4)), target[::4], classes=3, seed=seed)


def test_members_of_all_kinds_are_draws_and_their_mean_is_the_prediction(wine: tuple[Features, Array]) -> None:
    committee = Committee([LogisticRegression(), "random_forest", models.learner("naive_bayes")])
    assert isinstance(committee, Learner)
    model = fitted(committee, wine)
    assert isinstance(model, Model)
    assert model.offers == {"proba", "proba_samples", "embed"}
    given = model.signals({"proba", "proba_samples", "embed"}, wine[0], rng=RNG)
    assert given["proba_samples"].shape == (3, 178, 3)
    np.testing.assert_allclose(given["proba"], given["proba_samples"].mean(axis=0))
    assert given["embed"] is wine[0].embed
    alone = models.learner("naive_bayes").fit(wine[0].rows(np.arange(0, 178, 4)), wine[1][::4], classes=3, seed=0)
    np.testing.assert_allclose(
        given["proba_samples"][2], alone.signals({"proba"}, wine[0], rng=RNG)["proba"], atol=1e-12
    )
    assert (given["proba"].argmax(axis=1) == wine[1]).mean() > 0.9


def test_a_bootstrap_differs_by_member_repeats_by_seed_and_disagrees_where_it_errs(
    wine: tuple[Features, Array],
) -> None:
    committee = Committee.bootstrap("logistic_regression", 8)
    first, again, other = (
        fitted(committee, wine, seed=seed).signals({"proba_samples"}, wine[0], rng=RNG)["proba_samples"]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)
    assert len({member.tobytes() for member in first}) == 8
    quarrel = kl_disagreement(proba_samples=first)
    wrong = first.mean(axis=0).argmax(axis=1) != wine[1]
    assert quarrel[wrong].mean() > 3 * quarrel[~wrong].mean()


def test_no_member_of_a_bootstrap_lacks_a_class(wine: tuple[Features, Array]) -> None:
    features, target = wine
    rows = np.array([0, 1, 2, 3, 4, 5, 60, 140])  # two classes have one row each
    model = Committee.bootstrap("logistic_regression", 20).fit(features.rows(rows), target[rows], classes=3)
    samples = model.signals({"proba_samples"}, features, rng=RNG)["proba_samples"]
    assert (samples.max(axis=1) > 0).all()


def test_an_ensemble_differs_by_seed_alone(wine: tuple[Features, Array]) -> None:
    samples = fitted(Committee.ensemble("random_forest", 2), wine).signals({"proba_samples"}, wine[0], rng=RNG)
    assert not np.array_equal(*samples["proba_samples"])
    same = fitted(Committee.ensemble("naive_bayes", 2), wine).signals({"proba_samples"}, wine[0], rng=RNG)
    np.testing.assert_array_equal(*same["proba_samples"])


def test_weights_go_with_their_rows(wine: tuple[Features, Array]) -> None:
    features, target = wine
    weight = np.where(target == 0, 100.0, 1.0)
    plain, heavy = (
        Committee.bootstrap("logistic_regression", 3)
        .fit(features, target, classes=3, weight=given)
        .signals({"proba"}, features, rng=RNG)["proba"][:, 0]
        .mean()
        for given in (None, weight)
    )
    assert heavy > plain


def test_saved_and_loaded_it_gives_the_same_also_behind_a_temperature(wine: tuple[Features, Array]) -> None:
    model = fitted(Committee(["logistic_regression", "random_forest"]), wine)
    for saved in (model, Calibrated(model, 2.0)):
        loaded = models.load_model(saved.save())
        wanted = {"proba", "proba_samples"}
        before, after = (m.signals(wanted, wine[0], rng=RNG) for m in (saved, loaded))
        for name in wanted:
            np.testing.assert_allclose(after[name], before[name], atol=1e-12)


class Line:
    """A regression model by hand: offers `mean`."""

    name, classes, offers = "line", 0, frozenset({"mean", "embed"})
    settings: dict[str, object] = {}  # noqa: RUF012 - a stand-in for users' own

    def fit(self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0):
        self.weights = np.linalg.lstsq(features.embed, target, rcond=None)[0]
        return self

    def signals(self, wanted, features, *, rng):
        return {"mean": features.embed @ self.weights}

    def save(self):
        return {}


def test_committees_of_regressions_offer_means() -> None:
    rows = np.arange(6.0)[:, None]
    model = Committee([Line(), Line()]).fit(Features(rows, rows), 2 * rows[:, 0], classes=0)
    assert model.offers == {"mean", "mean_samples", "embed"}
    given = model.signals({"mean", "mean_samples"}, Features(rows, rows), rng=RNG)
    np.testing.assert_allclose(given["mean"], 2 * rows[:, 0])
    assert given["mean_samples"].shape == (2, 6)


def test_recipes_of_projects() -> None:
    assert recipe("svm", {"C": 2.0}).settings["C"] == 2.0
    assert len(recipe("naive_bayes", {}, members=4, kind="ensemble").members) == 4
    assert recipe("random_forest", {}, members=7, kind="trees").settings["n_estimators"] == 7
    listed = recipe("svm", {}, kind="models", listed=["svm", "naive_bayes"])
    assert [member["name"] for member in listed.settings["members"]] == ["svm", "naive_bayes"]
    with pytest.raises(UnknownName, match="kind of committee 'forest'"):
        recipe("svm", {}, kind="forest")
    with pytest.raises(BadValue, match="needs their names"):
        recipe("svm", {}, members=2, kind="models")


def test_says_which_member_failed_and_what_is_not_offered(wine: tuple[Features, Array]) -> None:
    features, _ = wine
    with pytest.raises(ModelFailure, match=r"member 0 of the committee \(svm\): svm needs rows of two classes"):
        Committee(["svm"]).fit(features, np.zeros(178, int), classes=3)
    with pytest.raises(UnknownName, match="head_weight"):
        fitted(Committee(["naive_bayes"]), wine).signals({"head_weight"}, features, rng=RNG)
    with pytest.raises(BadValue, match="at least one"):
        Committee([])
