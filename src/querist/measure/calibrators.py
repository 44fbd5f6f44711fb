"""Maps from a model's probabilities to better ones: temperature, Platt, vector, Dirichlet, isotonic.

Fit on out-of-fold probabilities, never on the evaluation lane. With few labels use temperature: one number, which
cannot change any prediction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np

from querist.errors import UnknownName
from querist.measure import scores
from querist.measure.calibration import TINY, apply_temperature, fit_temperature, log_softmax
from querist.measure.curves import monotone
from querist.types import Array, Json

Method = Literal["temperature", "platt", "vector", "dirichlet", "isotonic"]


@dataclass(frozen=True, slots=True)
class Calibrator:
    """A fitted map from probabilities to better ones; `parameters` are plain JSON and go into the ledger."""

    method: Method
    parameters: Mapping[str, Any]

    def __call__(self, proba: Array) -> Array:
        """Return (n, c) calibrated probabilities of (n, c) probabilities."""
        return _APPLY[self.method](np.asarray(proba, dtype=float), self.parameters)

    def to_json(self) -> Json:
        """Return method and parameters; `from_json` reads them."""
        return {"method": self.method, "parameters": dict(self.parameters)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Calibrator:
        """Return the calibrator whose `to_json` gave the value."""
        return cls(_known(value["method"]), value["parameters"])


def fit(method: str, log_proba: Array, target: Array) -> Calibrator:
    """Fit a map on out-of-fold rows.

    | method | numbers | use it |
    |---|---|---|
    | temperature | 1 | by default; keeps every prediction |
    | platt | 2 a class | scores that are not probabilities (an SVM's margins squeezed into [0, 1]) |
    | vector | 2 a class | some classes too sure, others not; a few hundred labels |
    | dirichlet | c² + c | classes that are mistaken for each other; about 100 labels a class |
    | isotonic | free | a bent relation; about 1,000 labels |

    Args:
        method: one of the above.
        log_proba: (n, c) log probabilities or logits, out of fold.
        target: (n,) true class numbers.

    Raises:
        UnknownName: no such method.

    Temperature and vector: Guo et al., ICML 2017; Platt 1999; isotonic: Zadrozny & Elkan, KDD 2002; Dirichlet: Kull et
    al., NeurIPS 2019.

    >>> proba = np.array([[0.99, 0.01]] * 10); target = np.array([0] * 9 + [1])
    >>> fit("temperature", np.log(proba), target)(proba)[0].round(2)
    array([0.9, 0.1])
    """
    known = _known(method)
    log_proba, target = log_softmax(log_proba), np.asarray(target)
    scores.log_loss(target, np.exp(log_proba))  # refuses what does not fit together
    return Calibrator(known, _FIT[known](log_proba, target))


def choose(
    log_proba: Array,
    target: Array,
    *,
    methods: Sequence[str] = ("temperature", "vector", "isotonic"),
    folds: int = 5,
    seed: int = 0,
) -> tuple[Calibrator, dict[str, float]]:
    """Fit the method with the lowest log loss in cross-validation; "none" of them wins where all do harm.

    Args:
        log_proba: (n, c) log probabilities or logits, out of fold.
        target: (n,) true class numbers.
        methods: candidates.
        folds: of the cross-validation; a class with fewer items is still spread as evenly as it can be.
        seed: of the split.

    Returns:
        The map fitted on all rows, and the cross-validated log loss of each method; with "none" the map is a
        temperature of 1.

    >>> rng = np.random.default_rng(0); p = rng.dirichlet([1, 1, 1], 300)
    >>> target = np.array([rng.choice(3, p=row) for row in p])
    >>> best, losses = choose(2.5 * np.log(p), target)  # two and a half times too sure
    >>> best.method, min(losses, key=losses.get), round(best.parameters["temperature"], 1)
    ('temperature', 'temperature', 2.7)
    """
    log_proba, target = log_softmax(log_proba), np.asarray(target)
    losses = {"none": scores.log_loss(target, np.exp(log_proba))}
    for method in methods:
        losses[method] = scores.log_loss(target, held_out(method, log_proba, target, folds=folds, seed=seed))
    best = min(losses, key=lambda name: losses[name])
    if best == "none":
        return Calibrator("temperature", {"temperature": 1.0}), losses
    return fit(best, log_proba, target), losses


def held_out(method: str, log_proba: Array, target: Array, *, folds: int = 5, seed: int = 0) -> Array:
    """Return what a method makes of each row when it is fitted on the other folds: how good it is, without flattery.

    Args:
        method: one of those of `fit`.
        log_proba: (n, c) log probabilities or logits, out of fold.
        target: (n,) true class numbers.
        folds: of the cross-validation; a class with fewer items is still spread as evenly as it can be.
        seed: of the split.

    Returns:
        (n, c) probabilities.

    >>> rng = np.random.default_rng(0); p = rng.dirichlet([1] * 4, 60)
    >>> target = np.array([rng.choice(4, p=row) for row in p])
    >>> flattered = fit("isotonic", np.log(p), target)(p)
    >>> honest = held_out("isotonic", np.log(p), target)
    >>> [round(scores.brier(target, proba), 2) for proba in (flattered, p, honest)]
    [0.55, 0.66, 0.7]
    """
    log_proba, target = log_softmax(log_proba), np.asarray(target)
    fold = _stratified(target, folds, np.random.default_rng(seed))
    found = np.empty(log_proba.shape)
    for k in range(folds):
        inside = fold != k
        if not inside.all():
            found[~inside] = fit(method, log_proba[inside], target[inside])(np.exp(log_proba[~inside]))
    return found


def _known(method: str) -> Method:
    if method not in _FIT:
        raise UnknownName("calibration method", method, list(_FIT))
    return cast(Method, method)


def _stratified(target: Array, folds: int, rng: np.random.Generator) -> Array:
    fold = np.empty(len(target), dtype=int)
    start = 0
    for k in np.unique(target):
        rows = rng.permutation(np.flatnonzero(target == k))
        fold[rows] = (np.arange(len(rows)) + start) % folds
        start += len(rows)
    return fold


def _fit_temperature(log_proba: Array, target: Array) -> Json:
    return {"temperature": fit_temperature(log_proba, target)}


def _apply_temperature(proba: Array, parameters: Mapping[str, Any]) -> Array:
    return apply_temperature(proba, parameters["temperature"])


def _fit_linear(log_proba: Array, target: Array, *, full: bool) -> Json:
    """Fit softmax(log p @ W + b) with a small pull towards W = identity, b = 0; W diagonal unless `full`."""
    from scipy.optimize import minimize

    n, c = log_proba.shape
    truth = np.eye(c)[target]
    start = np.concatenate([(np.eye(c) if full else np.ones(c)).ravel(), np.zeros(c)])
    pull = 0.1 / n

    def matrix(theta: Array) -> Array:
        return theta[:-c].reshape(c, c) if full else np.diag(theta[:-c])

    def loss(theta: Array) -> tuple[float, Array]:
        fitted = log_softmax(log_proba @ matrix(theta) + theta[-c:])
        error = (np.exp(fitted) - truth) / n
        slope = log_proba.T @ error
        moved = theta - start
        value = -float(np.mean(fitted[np.arange(n), target])) + pull * float(moved @ moved) / 2
        weights = slope.ravel() if full else np.diag(slope)
        return value, np.concatenate([weights, error.sum(axis=0)]) + pull * moved

    theta = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500}).x
    return {"weight": matrix(theta).tolist(), "bias": theta[-c:].tolist()}


def _apply_linear(proba: Array, parameters: Mapping[str, Any]) -> Array:
    logits = np.log(np.clip(proba, TINY, None)) @ np.asarray(parameters["weight"]) + np.asarray(parameters["bias"])
    return np.exp(log_softmax(logits))


def _fit_platt(log_proba: Array, target: Array) -> Json:
    """Fit a slope and an offset to each class's log odds, against the rest, with Platt's softened targets."""
    from scipy.optimize import minimize

    found: dict[str, list[float]] = {"slope": [], "offset": []}
    for k, odds in enumerate(_log_odds(np.exp(log_proba)).T):
        member = target == k
        inside = int(member.sum())
        soft = np.where(member, (inside + 1) / (inside + 2), 1 / (len(member) - inside + 2))

        def loss(theta: Array, odds: Array = odds, soft: Array = soft) -> tuple[float, Array]:
            z = theta[0] * odds + theta[1]
            error = (1 / (1 + np.exp(-z)) - soft) / len(z)
            return float(np.mean(np.logaddexp(0, z) - soft * z)), np.array([error @ odds, error.sum()])

        slope, offset = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B").x
        found["slope"].append(float(slope))
        found["offset"].append(float(offset))
    return found


def _apply_platt(proba: Array, parameters: Mapping[str, Any]) -> Array:
    z = _log_odds(proba) * np.asarray(parameters["slope"]) + np.asarray(parameters["offset"])
    return _normalised(1 / (1 + np.exp(-z)))


def _fit_isotonic(log_proba: Array, target: Array) -> Json:
    """Fit a rising step curve to each class's probability, against the rest; kept as its corner points."""
    proba = np.exp(log_proba)
    found: dict[str, list[list[float]]] = {"x": [], "y": []}
    for k in range(proba.shape[1]):
        values, position, count = np.unique(proba[:, k], return_inverse=True, return_counts=True)
        share = np.bincount(position, weights=target == k) / count
        heights = monotone(share, count)
        corner = np.append(True, heights[1:] != heights[:-1]) | np.append(heights[1:] != heights[:-1], True)
        found["x"].append(values[corner].tolist())
        found["y"].append(heights[corner].tolist())
    return found


def _apply_isotonic(proba: Array, parameters: Mapping[str, Any]) -> Array:
    columns = [
        np.interp(proba[:, k], x, y) for k, (x, y) in enumerate(zip(parameters["x"], parameters["y"], strict=True))
    ]
    return _normalised(np.stack(columns, axis=1))


def _log_odds(proba: Array) -> Array:
    p = np.clip(proba, TINY, 1 - TINY)
    found: Array = np.log(p) - np.log1p(-p)
    return found


def _normalised(scores_of_classes: Array) -> Array:
    """Return rows that sum to 1; never a probability of exactly 0, which one surprise would turn into infinite loss."""
    floored = np.clip(scores_of_classes, 1e-6, None)
    found: Array = floored / floored.sum(axis=1, keepdims=True)
    return found


_FIT: Final[dict[str, Callable[[Array, Array], Json]]] = {
    "temperature": _fit_temperature,
    "platt": _fit_platt,
    "vector": lambda log_proba, target: _fit_linear(log_proba, target, full=False),
    "dirichlet": lambda log_proba, target: _fit_linear(log_proba, target, full=True),
    "isotonic": _fit_isotonic,
}
_APPLY: Final[dict[str, Callable[[Array, Mapping[str, Any]], Array]]] = {
    "temperature": _apply_temperature,
    "platt": _apply_platt,
    "vector": _apply_linear,
    "dirichlet": _apply_linear,
    "isotonic": _apply_isotonic,
}
