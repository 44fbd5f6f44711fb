"""scikit-learn regressors as learners: any by object, three by name that say how sure they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse

from querist.errors import BadValue, Damaged, ModelFailure, UnknownName
from querist.models import files, safe
from querist.models.sklearn import as_json, failures, noted, seeded, size_of, unfitted, weights
from querist.models.threads import one_thread_if_small
from querist.types import Array, Features, Rng

_BLOCK: Final = 8_192
"""Rows that are predicted at a time."""


def _bayesian_ridge() -> Any:
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge()


def _random_forest() -> Any:
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, min_samples_leaf=2)


def _gaussian_process() -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(1.0) * RBF(3.0, (1e-2, 1e3)) + WhiteKernel(0.1, (1e-4, 1e1))
    return GaussianProcessRegressor(kernel=kernel, normalize_y=True)


NAMED: Final[Mapping[str, Callable[[], Any]]] = {
    "bayesian_ridge": _bayesian_ridge,
    "gaussian_process": _gaussian_process,
    "random_forest_regressor": _random_forest,
}


def learner(model: object, settings: Mapping[str, Any]) -> Regression:
    """Return the learner of numbers: by name, or around an estimator with `fit` and `predict`.

    Args:
        model: `bayesian_ridge` (linear, quick), `random_forest_regressor` (curved, robust), `gaussian_process` (smooth;
            for up to a few thousand labels), or an estimator.
        settings: parameters of the estimator, and `trusted`.

    Raises:
        UnknownName: there is no learner of that name, or it has no such parameter.
        BadValue: the object cannot predict.

    >>> learner("bayesian_ridge", {"max_iter": 100}).settings["max_iter"]
    100
    """
    chosen = dict(settings)
    trusted = tuple(chosen.pop("trusted", ()))
    if isinstance(model, str):
        if model not in NAMED:
            raise UnknownName("model of numbers", model, NAMED)
        name, estimator = model, NAMED[model]()
    else:
        name, estimator = type(model).__name__, unfitted(model)
        if isinstance(model, type) or not (hasattr(estimator, "fit") and hasattr(estimator, "predict")):
            raise BadValue("model", name, "has no methods fit and predict")
    parameters = estimator.get_params() if hasattr(estimator, "get_params") else {}
    for setting in chosen:
        if setting not in parameters:
            raise UnknownName(f"setting of {name}", setting, parameters)
    if chosen:
        estimator.set_params(**chosen)
    return Regression(name, as_json({**parameters, **chosen}), estimator, trusted)


@dataclass(frozen=True, slots=True)
class Regression:
    """A recipe around a regressor; `fit` clones it and seeds it. Sparse features lend it their `embed`."""

    name: str
    settings: Mapping[str, Any]
    estimator: Any = field(repr=False)
    trusted: tuple[str, ...] = ()

    def fit(
        self,
        features: Features,
        target: Array,
        *,
        classes: int = 2,  # noqa: ARG002 - numbers have none
        weight: Array | None = None,
        seed: int = 0,
    ) -> RegressionModel:
        """Fit on (l,) numbers.

        Raises:
            ModelFailure: the library raised.
        """
        target = np.asarray(target, dtype=np.float64)
        reads = "embed" if issparse(features.input) else "input"
        rows = getattr(features, reads)
        estimator = seeded(unfitted(self.estimator), seed)
        with one_thread_if_small(size_of(rows)), noted() as notes, failures(self.name, f"fit {len(target)} rows"):
            estimator.fit(rows, target, **weights(self.name, estimator, weight))
            spread = float(np.std(target - np.asarray(estimator.predict(rows)).ravel()))
        return RegressionModel(self.name, estimator, reads, spread, tuple(notes), self.trusted)


@dataclass(frozen=True, slots=True)
class RegressionModel:
    """A fitted regressor that speaks in signals; `spread` is the deviation of its errors on the training rows."""

    name: str
    estimator: Any = field(repr=False)
    reads: str
    spread: float
    notes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """Numbers have no classes: the columns of a prediction are mean and deviation."""
        return 2

    @property
    def offers(self) -> frozenset[str]:
        """`mean`, `std` and `embed`; `mean_samples` of forests."""
        return frozenset({"mean", "std", "embed"}) | ({"mean_samples"} if self._has_trees else set())

    @property
    def _has_trees(self) -> bool:
        from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

        return isinstance(self.estimator, RandomForestRegressor | ExtraTreesRegressor)

    @property
    def _says_std(self) -> bool:
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.linear_model import ARDRegression, BayesianRidge

        return isinstance(self.estimator, GaussianProcessRegressor | BayesianRidge | ARDRegression)

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:  # noqa: ARG002
        """Return the wanted signals of the rows; nothing is drawn.

        Returns:
            `mean` (n,), `std` (n,), `mean_samples` (trees, n), `embed` (n, d). The deviation is the model's own where
            it has one, of the trees where it is a forest, and else that of its errors on the training rows.

        Raises:
            UnknownName: the model does not offer a signal.
            ModelFailure: the estimator raised, or gave something that is no number.
        """
        for name in wanted:
            if name not in self.offers:
                raise UnknownName(f"signal of {self.name}", name, self.offers)
        given: dict[str, Array] = {"embed": features.embed} if "embed" in wanted else {}
        if {"mean", "std", "mean_samples"}.isdisjoint(wanted):
            return given
        rows = getattr(features, self.reads)
        parts = [self._block(rows[start : start + _BLOCK], wanted) for start in range(0, max(1, len(features)), _BLOCK)]
        for name in parts[0]:
            given[name] = np.concatenate([part[name] for part in parts], axis=-1)
            if not np.isfinite(given[name]).all():
                raise ModelFailure(f"{self.name} predicted something that is no number", field="model", value=self.name)
        return given

    def _block(self, rows: Any, wanted: Collection[str]) -> dict[str, Array]:
        if rows.shape[0] == 0:
            none = np.empty(0)
            empty = {"mean": none, "std": none, "mean_samples": np.empty((1, 0))}
            return {name: empty[name] for name in empty if name in wanted}
        found: dict[str, Array] = {}
        with failures(self.name, "predict"), one_thread_if_small(size_of(rows)):
            if self._has_trees:
                samples = np.stack([tree.predict(rows) for tree in self.estimator.estimators_])
                found = {"mean": samples.mean(axis=0), "std": samples.std(axis=0), "mean_samples": samples}
            elif self._says_std:
                mean, std = self.estimator.predict(rows, return_std=True)
                found = {"mean": mean, "std": std}
            else:
                mean = np.asarray(self.estimator.predict(rows), dtype=float).ravel()
                found = {"mean": mean, "std": np.full(len(mean), self.spread)}
        return {name: values for name, values in found.items() if name in wanted}

    def save(self) -> dict[str, bytes]:
        """Return the model's files; without pickle.

        Raises:
            BadValue: the estimator holds types that are neither known to be safe nor trusted; names them.
        """
        manifest = {
            "kind": "regression",
            "name": self.name,
            "reads": self.reads,
            "spread": self.spread,
            "notes": list(self.notes),
        }
        return {"model.json": files.to_json(manifest), "estimator.skops": safe.dump(self.estimator, self.trusted)}


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> RegressionModel:
    """Return the model that `RegressionModel.save` gave the files of; see `querist.models.load_model`."""
    manifest = files.from_json(saved, "model.json")
    if "estimator.skops" not in saved:
        raise Damaged("file 'estimator.skops' of the model is missing")
    estimator = safe.load(saved["estimator.skops"], trusted)
    return RegressionModel(
        manifest["name"],
        estimator,
        manifest["reads"],
        float(manifest["spread"]),
        tuple(manifest["notes"]),
        tuple(trusted),
    )
