"""Expected error reduction by really refitting: slow, exact, for small pools and as the yardstick of the fast forms."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np
from scipy.sparse import issparse, vstack

from querist.errors import BadValue
from querist.types import Array, Features, Learner

MOST: Final = 2_000
"""Candidates × classes: more refits than that are refused."""


def expected_risk(
    learner: Learner,
    candidates: Features,
    *,
    proba: Array,
    labelled: Features,
    labelled_target: Array,
    over: Features,
    loss: Literal["log", "zero_one"] = "log",
    weight: Array | None = None,
    seed: int = 0,
) -> Array:
    """Return the signal `expected_risk`: what the model would risk on other rows once a candidate were labelled.

    For each candidate and each class the learner is refitted with that answer added; the risks of these models are
    averaged by how likely the present model holds each answer. A class of probability 0 is not tried.

    Args:
        learner: the recipe of the model.
        candidates: n rows that might be asked.
        proba: (n, c) what the present model thinks of them.
        labelled: l rows, and `labelled_target` (l,) their class numbers.
        labelled_target: see `labelled`.
        over: t rows that the risk is averaged over: a sample of the unlabelled pool.
        loss: `log`, the entropy of the predictions; `zero_one`, one minus the likeliest class.
        weight: (l,) weights of the labelled rows; a new one has weight 1.
        seed: of each fit.

    Returns:
        (n,) expected risk: lower is better.

    Raises:
        BadValue: there would be more than 2,000 refits.
        ModelFailure: a fit failed.

    Roy & McCallum, ICML 2001.
    """
    n, classes = proba.shape
    if n * classes > MOST:
        reason = f"is {n * classes:,} refits, more than {MOST:,}; filter the pool, or take one of the fast forms"
        raise BadValue("expected_risk", f"{n} candidates × {classes} classes", reason)
    rng = np.random.default_rng(seed)
    risk = np.zeros(n)
    for row in range(n):
        features = _with(labelled, candidates.rows(np.array([row])))
        for answer in np.flatnonzero(proba[row]):
            target = np.append(labelled_target, answer)
            weights = None if weight is None else np.append(weight, 1.0)
            model = learner.fit(features, target, classes=classes, weight=weights, seed=seed)
            future = model.signals({"proba"}, over, rng=rng)["proba"]
            risk[row] += proba[row, answer] * _RISK[loss](future)
    return risk


def _with(features: Features, more: Features) -> Features:
    embed = np.concatenate([features.embed, more.embed])
    if features.one_space:
        return Features(embed, embed)
    parts: list[Any] = [features.input, more.input]
    return Features(vstack(parts, format="csr") if issparse(features.input) else np.concatenate(parts), embed)


def _entropy(proba: Array) -> float:
    logarithm = np.log(proba, out=np.zeros_like(proba), where=proba > 0)
    return float(-(proba * logarithm).sum(axis=1).mean())


def _error(proba: Array) -> float:
    return float((1 - proba.max(axis=1)).mean())


_RISK: Final = {"log": _entropy, "zero_one": _error}
