"""scikit-learn classifiers as learners: any by object, five by name with defaults that suit few labels.

Anything with `fit` and `predict_proba` (or `decision_function`) works: estimators, pipelines that end in one, searches,
and objects of users' own that only look alike. This is the only module that calls a user's estimator.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import json
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse

from querist.errors import BadValue, Damaged, ModelFailure, UnknownName
from querist.models import HEAD, files, members, safe
from querist.models.threads import one_thread_if_small
from querist.types import Array, Features, Json, Rng

_BLOCK: Final = 1 << 25  # numbers of a dense matrix that are predicted from in one go: 128 MiB as float32
_ABSENT: Final = -1e4  # the bias of a class that no training row had: its probability is 0 in any precision

Recipe = Callable[[bool], Any]
"""Whether the input is sparse → the unfitted estimator."""


def learner(model: object, settings: Mapping[str, Any]) -> SklearnLearner:
    """Return the learner around an estimator, or the one of a name; see `querist.models.learner`.

    Args:
        model: `logistic_regression`, `random_forest`, `gradient_boosting`, `svm`, `naive_bayes`, or an estimator.
        settings: parameters of the estimator, and `trusted`.

    Raises:
        UnknownName: the estimator has no such parameter.
        BadValue: the object is not a classifier.

    >>> learner("svm", {}).settings["C"]
    10.0
    """
    chosen = dict(settings)
    trusted = tuple(chosen.pop("trusted", ()))
    if not isinstance(model, str):
        return _around(model, chosen, trusted)
    recipe, dense_only = _NAMED[model]
    variants = [recipe(sparse) for sparse in (False, True)]
    parameters = {name: value for variant in reversed(variants) for name, value in variant.get_params().items()}
    for name in chosen:
        if name not in parameters:
            raise UnknownName(f"setting of {model}", name, parameters)

    def build(sparse: bool) -> Any:
        estimator = recipe(sparse)
        return estimator.set_params(**{name: chosen[name] for name in chosen if name in estimator.get_params()})

    return SklearnLearner(model, as_json({**parameters, **chosen}), build, dense_only=dense_only, trusted=trusted)


def _around(estimator: Any, settings: Mapping[str, Any], trusted: tuple[str, ...]) -> SklearnLearner:
    name = type(estimator).__name__
    if isinstance(estimator, type):
        raise BadValue(
            "model", estimator.__name__, "is a class; give an object of it, say " + estimator.__name__ + "()"
        )
    if not hasattr(estimator, "fit"):
        raise BadValue("model", name, "has no method fit")
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise BadValue("model", name, "has neither predict_proba nor decision_function: it cannot say how sure it is")
    original = unfitted(estimator)
    parameters = original.get_params() if hasattr(original, "get_params") else {}
    for setting in settings:
        if setting not in parameters:
            raise UnknownName(f"setting of {name}", setting, parameters)
    if settings:
        original.set_params(**settings)
    described = as_json(original.get_params(deep=False)) if parameters else {}
    return SklearnLearner(name, described, lambda _: unfitted(original), trusted=trusted)


def unfitted(estimator: Any) -> Any:
    """Return a copy of an estimator that knows nothing yet."""
    from sklearn.base import clone

    return clone(estimator) if hasattr(estimator, "get_params") else copy.deepcopy(estimator)


def _logistic_regression(_: bool) -> Any:
    from sklearn.linear_model import LogisticRegression

    # C = 1 on rows of unit length predicts the majority for hundreds of labels; 10 is no worse on standardised tables.
    return LogisticRegression(C=10.0, max_iter=1000)


def _random_forest(_: bool) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(n_estimators=100)


def _gradient_boosting(_: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    # The library's 20 rows a leaf is made for thousands of labels: with 30 of them it cannot split at all.
    return HistGradientBoostingClassifier(min_samples_leaf=3, max_leaf_nodes=15, l2_regularization=1.0)


def _svm(sparse: bool) -> Any:
    from sklearn.svm import SVC, LinearSVC

    return LinearSVC(C=10.0, max_iter=5000) if sparse else SVC(C=10.0)


def _naive_bayes(sparse: bool) -> Any:
    from sklearn.naive_bayes import ComplementNB, GaussianNB

    return ComplementNB(alpha=0.3) if sparse else GaussianNB(var_smoothing=1e-3)


def _bradley_terry(_: bool) -> Any:
    from sklearn.linear_model import LogisticRegression

    # On differences of two sides; without an intercept neither side has an advantage.
    return LogisticRegression(C=10.0, max_iter=1000, fit_intercept=False)


_NAMED: Final[Mapping[str, tuple[Recipe, bool]]] = {
    "bradley_terry": (_bradley_terry, False),
    "logistic_regression": (_logistic_regression, False),
    "random_forest": (_random_forest, False),
    "gradient_boosting": (_gradient_boosting, True),
    "svm": (_svm, False),
    "naive_bayes": (_naive_bayes, False),
}
"""Name → recipe, and whether it reads dense rows only (sparse features then lend it their `embed`)."""


def as_json(parameters: Mapping[str, Any]) -> Json:
    """Return the parameters with those that JSON cannot hold written as Python shows them."""
    written: Json = {}
    for name, value in parameters.items():
        try:
            json.dumps(value, allow_nan=False)
            written[name] = value
        except (TypeError, ValueError):
            written[name] = repr(value)
    return written


@dataclass(frozen=True, slots=True)
class SklearnLearner:
    """A recipe around an estimator; `fit` clones it, seeds it, and leaves the original as it was."""

    name: str
    settings: Mapping[str, Any]
    recipe: Recipe = field(repr=False)
    dense_only: bool = False
    trusted: tuple[str, ...] = ()

    def fit(
        self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0
    ) -> SklearnModel:
        """Fit a clone on the rows; parameters called `random_state` that are None get the seed.

        Args:
            features: (l,) rows; sparse input goes to learners that read dense rows only as `embed`.
            target: (l,) int class numbers in [0, classes); at least two must occur.
            classes: number of declared classes.
            weight: (l,) weights; equal ones are not passed on.
            seed: of the estimator's own randomness.

        Raises:
            ModelFailure: fewer than two classes occur, or the library raised.
        """
        target = np.asarray(target, dtype=np.int64)
        seen = np.unique(target)
        if len(seen) < 2:
            only = f"only class {seen[0]}" if len(seen) else "no rows"
            raise ModelFailure(f"{self.name} needs rows of two classes to learn from; the data set has {only}")
        sparse = issparse(features.input)
        reads = "embed" if sparse and self.dense_only else "input"
        estimator = seeded(self.recipe(sparse and reads == "input"), seed)
        rows = getattr(features, reads)
        with one_thread_if_small(size_of(rows)), noted() as notes, failures(self.name, f"fit {len(target)} rows"):
            estimator.fit(rows, target, **weights(self.name, estimator, weight))
        on_embed = features.one_space or reads == "embed"
        own = getattr(estimator, "classes_", seen)
        return SklearnModel(
            self.name, classes, estimator, np.asarray(own, np.int64), reads, on_embed, tuple(notes), self.trusted
        )


def seeded(estimator: Any, seed: int) -> Any:
    """Return the estimator with the seed as each `random_state` that is None."""
    if hasattr(estimator, "get_params"):
        given = estimator.get_params().items()
        unset = [name for name, value in given if value is None and f"__{name}".endswith("__random_state")]
        if unset:
            estimator.set_params(**dict.fromkeys(unset, seed % 2**32))
    elif getattr(estimator, "random_state", 0) is None:
        estimator.random_state = seed % 2**32
    return estimator


def weights(name: str, estimator: Any, weight: Array | None) -> dict[str, Array]:
    """Return the argument that gives `fit` unequal weights; nothing where they are equal."""
    if weight is None or len(weight) == 0 or np.all(weight == weight[0]):
        return {}
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import has_fit_parameter

    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if not has_fit_parameter(last, "sample_weight"):
        raise ModelFailure(f"{name} takes no sample_weight, and the rows of this data set have unequal weights")
    prefix = f"{estimator.steps[-1][0]}__" if isinstance(estimator, Pipeline) else ""
    return {f"{prefix}sample_weight": np.asarray(weight, dtype=np.float64)}


def size_of(rows: Any) -> int:
    """Return how many numbers a matrix holds."""
    return int(rows.nnz if issparse(rows) else np.size(rows))


@contextlib.contextmanager
def noted() -> Iterator[list[str]]:
    """Collect the library's warnings about the fit (no convergence, say) in place of printing them."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield notes
    about_code = (DeprecationWarning, FutureWarning, PendingDeprecationWarning)
    said = (
        f"{w.category.__name__}: {str(w.message).partition(chr(10))[0]}" for w in caught if w.category not in about_code
    )
    notes.extend(dict.fromkeys(said))


@contextlib.contextmanager
def failures(name: str, doing: str) -> Iterator[None]:
    """Turn whatever a foreign estimator raises into one line that names the model."""
    try:
        yield
    except ModelFailure:
        raise
    except Exception as error:
        hint = "; set features = 'svd' for dense rows" if "sparse" in str(error).lower() else ""
        message = f"{name} could not {doing}: {type(error).__name__}: {error}{hint}"
        raise ModelFailure(message, field="model", value=name) from error


@dataclass(frozen=True, slots=True)
class SklearnModel:
    """A fitted estimator that speaks in signals, with a column for every declared class.

    `seen` are the class numbers of the estimator's own columns, `reads` the features it was fitted on, `on_embed`
    whether these are the embedding, `notes` what the library warned of while fitting.
    """

    name: str
    classes: int
    estimator: Any = field(repr=False)
    seen: Array = field(repr=False)
    reads: str
    on_embed: bool
    notes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()

    @property
    def offers(self) -> frozenset[str]:
        """`proba` and `embed`; `head_*` of a softmax regression on `embed`; `proba_samples` of forests and bagging."""
        more = HEAD if self._is_softmax_head() else frozenset()
        return frozenset({"proba", "embed"}) | more | ({"proba_samples"} if members.has(self.estimator) else set())

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:  # noqa: ARG002
        """Return the wanted signals of the rows; nothing is drawn, so `rng` is left alone.

        Returns:
            `proba` (n, classes), `embed` (n, d), `proba_samples` (members, n, classes), `head_weight` (classes, d),
            `head_bias` (classes,), `head_l2` ().

        Raises:
            UnknownName: the model does not offer a signal.
            ModelFailure: the estimator raised, or gave something other than probabilities.
        """
        offers = self.offers
        for name in wanted:
            if name not in offers:
                raise UnknownName(f"signal of {self.name}", name, offers)
        given: dict[str, Array] = {}
        if "embed" in wanted:
            given["embed"] = features.embed
        if "proba" in wanted:
            given["proba"] = self._all_classes(self._by_blocks(features, self._own_proba))
        if "proba_samples" in wanted:
            draw = functools.partial(members.proba_samples, self.estimator)
            samples = self._all_classes(self._by_blocks(features, draw))
            given["proba_samples"] = samples if len(features) else np.stack([samples] * members.count(self.estimator))
        if HEAD.intersection(wanted):
            head = dict(zip(("head_weight", "head_bias", "head_l2"), self._head(), strict=True))
            given |= {name: head[name] for name in HEAD.intersection(wanted)}
        return given

    def save(self) -> dict[str, bytes]:
        """Return the model's files; without pickle.

        Raises:
            BadValue: the estimator holds types that are neither known to be safe nor trusted; names them.
        """
        manifest = {
            "kind": "sklearn",
            "name": self.name,
            "classes": self.classes,
            "seen": self.seen.tolist(),
            "reads": self.reads,
            "on_embed": self.on_embed,
            "notes": list(self.notes),
        }
        return {"model.json": files.to_json(manifest), "estimator.skops": safe.dump(self.estimator, self.trusted)}

    def _by_blocks(self, features: Features, predict: Callable[[Any], Array]) -> Array:
        rows = getattr(features, self.reads)
        n = rows.shape[0]
        block = n if issparse(rows) else max(1, _BLOCK // max(1, rows.shape[1]))
        if n == 0:
            return np.zeros((0, len(self.seen)))
        with one_thread_if_small(size_of(rows)), failures(self.name, f"predict {n} rows"):
            parts = [predict(rows[start : start + block]) for start in range(0, n, block)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-2)

    def _own_proba(self, rows: Any) -> Array:
        if hasattr(self.estimator, "predict_proba"):
            return np.asarray(self.estimator.predict_proba(rows))
        margins = np.asarray(self.estimator.decision_function(rows), dtype=np.float64)
        if margins.ndim == 1:
            margins = np.column_stack([-margins / 2, margins / 2])
        odds = np.exp(margins - margins.max(axis=1, keepdims=True))
        proba: Array = odds / odds.sum(axis=1, keepdims=True)
        return proba

    def _all_classes(self, own: Array) -> Array:
        if own.shape[-1] != len(self.seen):
            shape = f"{own.shape[-1]} columns for {len(self.seen)} classes"
            raise ModelFailure(f"{self.name} gave probabilities with {shape}")
        # A product, because numpy sums short rows slowly.
        is_one = np.abs(own @ np.ones(own.shape[-1], own.dtype) - 1) <= 1e-3
        if not is_one.all():
            row = int(np.flatnonzero(~is_one)[0]) % max(1, own.shape[-2])
            raise ModelFailure(f"{self.name} gave probabilities that do not sum to 1 in row {row}: {own[..., row, :]}")
        if len(self.seen) == self.classes and np.array_equal(self.seen, np.arange(self.classes)):
            return own
        proba = np.zeros((*own.shape[:-1], self.classes), dtype=own.dtype)
        proba[..., self.seen] = own
        return proba

    def _is_softmax_head(self) -> bool:
        from sklearn.linear_model import LogisticRegression

        fitted = self.estimator
        if not self.on_embed or type(fitted) is not LogisticRegression or fitted.solver == "liblinear":
            return False
        return fitted.penalty in ("deprecated", "l2", None) and not fitted.l1_ratio

    def _head(self) -> tuple[Array, Array, Array]:
        """Return the softmax head of all declared classes, with its penalty.

        scikit-learn minimises C · loss + ‖w‖² / 2, so the penalty of the summed loss is 1 / C. For two classes it fits
        one vector w; as two rows ∓w / 2 these have half its squared length, so the same penalty is 2 / C.
        """
        weight, bias = self.estimator.coef_, self.estimator.intercept_
        l2 = 0.0 if self.estimator.penalty is None else 1.0 / self.estimator.C
        if len(self.seen) == 2:
            weight, bias, l2 = np.vstack([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2]), 2 * l2
        all_weight = np.zeros((self.classes, weight.shape[1]))
        all_bias = np.full(self.classes, _ABSENT)
        all_weight[self.seen], all_bias[self.seen] = weight, bias
        return all_weight, all_bias, np.asarray(l2)


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> SklearnModel:
    """Return the model that `SklearnModel.save` gave the files of; see `querist.models.load_model`."""
    manifest = files.from_json(saved, "model.json")
    if "estimator.skops" not in saved:
        raise Damaged("file 'estimator.skops' of the model is missing")
    return SklearnModel(
        manifest["name"],
        manifest["classes"],
        safe.load(saved["estimator.skops"], trusted),
        np.asarray(manifest["seen"], dtype=np.int64),
        manifest["reads"],
        manifest["on_embed"],
        tuple(manifest["notes"]),
        tuple(trusted),
    )
