"""Expected error reduction by refitting."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from querist import models
from querist.errors import BadValue
from querist.models.refit import expected_risk
from querist.types import Features


@pytest.mark.parametrize("loss", ["log", "zero_one"])
@pytest.mark.parametrize("sparse", [False, True])
def test_it_is_the_average_over_all_answers(loss: Literal["log", "zero_one"], sparse: bool) -> None:
    data = load_wine()
    rows = StandardScaler().fit_transform(data.data)[:, :4]
    order = np.random.default_rng(0).permutation(len(rows))
    labelled, asked, over = order[:20], order[20:22], order[24:60]
    features = Features(csr_matrix(rows), rows) if sparse else Features(rows, rows)
    learner = models.learner("logistic_regression")
    model = learner.fit(features.rows(labelled), data.target[labelled], classes=3)
    proba = model.signals({"proba"}, features.rows(asked), rng=np.random.default_rng(0))["proba"]
    risk = expected_risk(
        learner,
        features.rows(asked),
        proba=proba,
        labelled=features.rows(labelled),
        labelled_target=data.target[labelled],
        over=features.rows(over),
        loss=loss,
    )
    expected = np.zeros(2)
    for place, row in enumerate(asked):
        for answer in range(3):
            refitted = LogisticRegression(C=10, max_iter=1000)
            refitted.fit(rows[[*labelled, row]], [*data.target[labelled], answer])
            future = refitted.predict_proba(rows[over])
            risks = -(future * np.log(future)).sum(axis=1) if loss == "log" else 1 - future.max(axis=1)
            expected[place] += proba[place, answer] * risks.mean()
    assert np.allclose(risk, expected, atol=1e-4)


def test_an_answer_that_cannot_be_is_not_tried() -> None:
    rows = np.arange(6.0)[:, None]
    features = Features(rows, rows)
    learner = models.learner("logistic_regression")
    target = np.array([0, 0, 0, 1, 1, 1])
    risk = expected_risk(
        learner, features, proba=np.eye(3)[target], labelled=features, labelled_target=target, over=features
    )
    assert np.isfinite(risk).all()


def test_too_many_refits_are_refused() -> None:
    rows = np.zeros((1000, 1))
    features = Features(rows, rows)
    with pytest.raises(BadValue, match=r"3,000 refits, more than 2,000"):
        expected_risk(
            models.learner("svm"),
            features,
            proba=np.full((1000, 3), 1 / 3),
            labelled=features,
            labelled_target=np.zeros(1000, dtype=int),
            over=features,
        )
