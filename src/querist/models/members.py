"""The members of ensembles that scikit-learn fits in one go (forests, bagging), as draws of class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import issparse

from querist.types import Array


def has(estimator: Any) -> bool:
    """Say whether the fitted estimator is a forest, bagging, or a pipeline that ends in one."""
    from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier

    last = _last(estimator)
    if isinstance(last, BaggingClassifier):
        return all(hasattr(member, "predict_proba") for member in last.estimators_)
    return isinstance(last, RandomForestClassifier | ExtraTreesClassifier)


def count(estimator: Any) -> int:
    """Return the number of members."""
    return len(_last(estimator).estimators_)


def proba_samples(estimator: Any, rows: Any) -> Array:
    """Return (m, n, c) float32: what each member thinks; their mean is the ensemble's `predict_proba`."""
    from sklearn.pipeline import Pipeline

    if isinstance(estimator, Pipeline):
        rows = estimator[:-1].transform(rows) if len(estimator.steps) > 1 else rows
        estimator = _last(estimator)
    subsets = getattr(estimator, "estimators_features_", None)
    if subsets is None:
        # Trees read float32: convert once, not once a tree.
        rows = rows.tocsr().astype(np.float32) if issparse(rows) else np.asarray(rows, dtype=np.float32)
    samples = np.zeros((len(estimator.estimators_), rows.shape[0], len(estimator.classes_)), dtype=np.float32)
    for number, member in enumerate(estimator.estimators_):
        if subsets is None:
            samples[number] = member.predict_proba(rows, check_input=False)
        else:
            own = np.asarray(member.classes_, dtype=np.int64)  # a bootstrap may have missed a class
            samples[number][:, own] = member.predict_proba(rows[:, subsets[number]])
    return samples


def _last(estimator: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
