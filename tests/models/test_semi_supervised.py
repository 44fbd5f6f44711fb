"""Pseudo-labels: only what is sure, of each class in its share, lighter than labels, and always known as such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from querist import ActiveLearner, models
from querist.errors import BadValue, UnknownName
from querist.models.semi_supervised import SelfTrained, choose, propagated
from querist.types import Array, Features

X, Y = load_digits(return_X_y=True)
X = X / 16
RNG = np.random.default_rng(0)
ROWS = RNG.permutation(len(Y))
KNOWN, FREE, TEST = ROWS[:100], ROWS[100:900], ROWS[900:]


def features(rows: Array) -> Features:
    return Features.of(X[rows])


def fitted(**settings: Any) -> Any:
    learner: Any = models.learner("self_training", settings)
    return learner.fit(features(KNOWN), Y[KNOWN], classes=10, unlabelled=features(FREE))


def right(model: Any) -> float:
    proba = model.signals({"proba"}, features(TEST), rng=RNG)["proba"]
    return float((proba.argmax(axis=1) == Y[TEST]).mean())


@pytest.mark.parametrize("how", ["confident", "graph"])
def test_what_gets_a_pseudo_label_is_mostly_right(how: str) -> None:
    model = fitted(how=how, threshold=0.8)
    assert isinstance(model, SelfTrained)
    assert model.pseudo is not None
    assert len(model.pseudo.place) > 30
    assert (Y[FREE][model.pseudo.place] == model.pseudo.target).mean() > 0.9
    assert model.pseudo.sure.min() >= 0.8


def test_the_graph_helps_where_labels_are_few() -> None:
    few = KNOWN[:40]
    plain = models.learner("logistic_regression").fit(features(few), Y[few], classes=10)
    learner: Any = models.learner("self_training", {"how": "graph"})
    helped = learner.fit(features(few), Y[few], classes=10, unlabelled=features(FREE))
    assert right(helped) > right(plain) + 0.03


def test_no_class_gets_more_than_its_share() -> None:
    model = fitted(how="graph", threshold=0.5, per_label=2.0)
    counts = np.bincount(Y[KNOWN], minlength=10)
    assert (np.bincount(model.pseudo.target, minlength=10) <= 2 * counts).all()


def test_choosing_against_the_slow_way() -> None:
    proba = RNG.dirichlet(np.ones(3) * 0.3, size=200)
    target = np.array([0, 0, 0, 1, 1])  # class 2 has no label: nothing is made of it
    expected: set[int] = set()
    for number, most in ((0, 6), (1, 4)):
        sure = [
            (-proba[row].max(), row) for row in range(200) if proba[row].argmax() == number and proba[row].max() >= 0.9
        ]
        expected |= {row for _, row in sorted(sure)[:most]}
    assert set(choose(proba, target, 0.9, 2.0).place.tolist()) == expected


def test_the_graph_against_the_dense_solution() -> None:
    rows = RNG.normal(size=(30, 2))
    target = np.array([0, 1, 1, 0])
    found = propagated(rows[:4], target, rows[4:], 2, neighbours=29, spread=0.8)
    distance = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    width = np.median(distance[~np.eye(30, dtype=bool)])
    graph = np.exp(-((distance / width) ** 2)) * ~np.eye(30, dtype=bool)
    scale = np.diag(1 / np.sqrt(graph.sum(axis=1)))
    known = np.zeros((30, 2))
    known[np.arange(4), target] = 0.5
    expected = np.linalg.solve(np.eye(30) - 0.8 * scale @ graph @ scale, known)[4:]
    assert np.allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-3)


def test_rows_that_no_label_reaches_are_undecided() -> None:
    near, far = np.zeros((4, 2)) + RNG.normal(scale=0.1, size=(4, 2)), RNG.normal(size=(6, 2)) * 0.1 + 1000
    found = propagated(near, np.array([0, 1, 0, 1]), far, 2, neighbours=2, spread=0.9)
    assert np.allclose(found, 0.5)


def test_too_few_labels_to_calibrate_give_no_pseudo_labels() -> None:
    few = np.concatenate([np.flatnonzero(number == Y)[:3] for number in range(10)])
    learner: Any = models.learner("self_training")
    model = learner.fit(features(few), Y[few], classes=10, unlabelled=features(FREE))
    assert len(model.pseudo.place) == 0


def test_without_unlabelled_rows_it_is_the_learner_inside() -> None:
    learner = models.learner("self_training", {"model": "naive_bayes"})
    assert learner.fit(features(KNOWN), Y[KNOWN], classes=10).name == "naive_bayes"


def test_saved_and_loaded() -> None:
    model = fitted(threshold=0.8)
    again = models.load_model(model.save())
    given = [each.signals({"proba"}, features(TEST), rng=RNG)["proba"] for each in (model, again)]
    assert np.allclose(*given)


def test_settings() -> None:
    with pytest.raises(UnknownName, match="unknown setting of self_training 'treshold'"):
        models.learner("self_training", {"treshold": 0.9})
    with pytest.raises(UnknownName, match="how of self_training"):
        models.learner("self_training", {"how": "magic"})
    with pytest.raises(BadValue, match=r"between 0\.3 and 1\.0"):
        models.learner("self_training", {"threshold": 0.2})


def test_in_a_project_they_are_marked_and_never_counted() -> None:
    settings = {"how": "graph", "threshold": 0.7}
    loop = ActiveLearner(models.learner("self_training", settings), pool=X[:400], strategy="margin", seed=0)
    for _ in range(4):
        ids = loop.ask(20)
        loop.tell(ids, Y[ids])
    loop.ask(1)
    trained = loop.project.trained()[-1]
    assert trained.labelled == 80
    assert trained.pseudo["count"] > 0
    table = loop.project.store.artefacts.get_table(trained.pseudo["rows"])
    assert set(table["kind"]) == {"pseudo"}
    assert not {int(item) for item in table["item"]} & set(loop.labelled_ids)
    frozen = loop.project.last("dataset_frozen")
    assert frozen is not None
    assert sum(frozen.event.counts.values()) == 80  # type: ignore[attr-defined]
