"""`expected_error_reduction_refit` in the loop: the project's own model, refitted for each item and answer."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from querist import ActiveLearner
from querist.errors import BadValue

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]
MODEL = LogisticRegression(max_iter=300)


def started(pool: np.ndarray, first: list[int]) -> ActiveLearner:
    learner = ActiveLearner(
        MODEL, pool=pool, strategy="expected_error_reduction_refit", classes=range(3), seed=0, ids=range(len(pool))
    )
    learner.tell(first, Y[np.asarray(first) % len(Y)])
    return learner


def test_it_asks_for_the_item_whose_label_leaves_least_risk() -> None:
    first = [row for row in range(50) if row % 5]
    left = [row for row in range(50) if row not in first]
    asked = started(X, first).ask(1)
    now = clone(MODEL).fit(X[first], Y[first]).predict_proba(X[left])
    risk = []
    for chances, row in zip(now, left, strict=True):
        after = [clone(MODEL).fit(X[[*first, row]], [*Y[first], c]).predict_proba(X[left]) for c in range(3)]
        risk.append(sum(p * -(q * np.log(q)).sum(axis=1).mean() for p, q in zip(chances, after, strict=True)))
    assert asked == [left[int(np.argmin(risk))]]


def test_too_many_refits_are_refused_by_number() -> None:
    pool = np.tile(X, (20, 1)) + np.arange(1000)[:, None] / 1e4
    with pytest.raises(BadValue, match=r"925 candidates × 3 classes.*2,775 refits"):
        started(pool, list(range(75))).ask(1)
