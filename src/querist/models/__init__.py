"""Learners and the models they become: rows in, signals out.

Names resolve lazily: nothing here imports scikit-learn until a learner is made. One module per library is the only
place that imports it; each has `learner(…)` and `load(files, trusted=…)`.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from querist.errors import BadValue, Damaged, UnknownName
from querist.types import Learner, Model

if TYPE_CHECKING:
    from querist.models.predictor import Predictor

HEAD: Final = frozenset({"head_weight", "head_bias", "head_l2"})
_CLASSIFIER: Final = frozenset({"proba", "embed"})
_NETWORK: Final = _CLASSIFIER | HEAD | {"proba_samples"}
_NETWORKS: Final = frozenset({"mlp", "small_resnet", "torch", "transformer"})
_REGRESSION: Final = frozenset({"mean", "std", "embed"})

OFFERS: Final[Mapping[str, frozenset[str]]] = {
    "bayesian_ridge": _REGRESSION,
    "bradley_terry": _CLASSIFIER | HEAD,
    "gaussian_process": _REGRESSION,
    "gradient_boosting": _CLASSIFIER,
    "logistic_regression": _CLASSIFIER | HEAD,
    "mlp": _NETWORK,
    "naive_bayes": _CLASSIFIER,
    "random_forest": _CLASSIFIER | {"proba_samples"},
    "random_forest_regressor": _REGRESSION | {"mean_samples"},
    "self_training": _CLASSIFIER | HEAD | {"proba_samples"},
    "small_resnet": _NETWORK,
    "svm": _CLASSIFIER,
    "torch": _NETWORK,
    "transformer": _NETWORK,
}
"""What each learner that has a name can offer, at best: `head_*` needs features whose input and embedding are one."""

_LOADERS: Final[Mapping[str, str]] = {
    "advised": "querist.models.advised",
    "calibrated": "querist.models.calibrated",
    "committee": "querist.models.committee",
    "mapped": "querist.models.mapped",
    "one_vs_rest": "querist.models.one_vs_rest",
    "regression": "querist.models.regression",
    "self_training": "querist.models.semi_supervised",
    "sklearn": "querist.models.sklearn",
    "torch": "querist.models.torch",
}


def names() -> list[str]:
    """Return the learners that can be had by name, sorted.

    >>> "logistic_regression" in names()
    True
    """
    return sorted(OFFERS)


def offered_by(signal: str) -> list[str]:
    """Return the named learners whose models can offer a signal: the hint of a `MissingSignal`.

    >>> offered_by("proba_samples")
    ['mlp', 'random_forest', 'self_training', 'small_resnet', 'torch', 'transformer']
    """
    return [name for name in names() if signal in OFFERS[name]]


def learner(model: object, settings: Mapping[str, Any] | None = None, *, signal: str = "proba") -> Learner:
    """Return a learner: by name, from an estimator of scikit-learn's kind, or as it is when it is one already.

    Args:
        model: a name out of `names()`; a classifier (`fit` and `predict_proba` or `decision_function`) or, for numbers,
            a regressor (`fit` and `predict`); a `torch.nn.Module`; or a `Learner`.
        settings: parameters of the estimator, and `trusted`: names of types that may be loaded from its files.
        signal: what the task needs of it: `proba`, `label_proba` (one model for each label) or `mean` (numbers).

    Raises:
        UnknownName: there is no learner of that name, or it has no such setting.
        BadValue: the object cannot be used, or the model learns something else.
        MissingExtra: it is a network, and torch is not installed.

    >>> learner("logistic_regression", {"C": 3.0}).settings["C"]
    3.0
    """
    if isinstance(model, str) and model not in OFFERS:
        raise UnknownName("model", model, OFFERS)
    if isinstance(model, Learner):
        return model
    base = "mean" if signal == "mean" else "proba"
    if isinstance(model, str) and base not in OFFERS[model]:
        fitting = offered_by(base)
        raise BadValue("model", model, f"does not offer {base}; these do: {', '.join(fitting)}", choices=fitting)
    if model == "self_training":
        if signal != "proba":
            raise BadValue("model", model, f"gives pseudo-labels of classes, and this kind of label needs {signal}")
        from querist.models import semi_supervised

        return semi_supervised.learner(settings or {})
    is_network = model in _NETWORKS if isinstance(model, str) else _is_network(model)
    if is_network and signal != "proba":
        raise BadValue("model", model, f"networks learn classes so far, and this kind of label needs {signal}")
    library = "regression" if base == "mean" else "torch" if is_network else "sklearn"
    made: Learner = importlib.import_module(f"querist.models.{library}").learner(model, settings or {})
    if signal == "label_proba":
        made = importlib.import_module("querist.models.one_vs_rest").OneVsRest(made)
    return made


def _is_network(model: object) -> bool:
    """Say whether the object is a torch module, or a class of them; torch is not imported to find out."""
    torch = sys.modules.get("torch")
    kinds = model if isinstance(model, type) else type(model)
    return torch is not None and issubclass(kinds, torch.nn.Module)


def load_model(files: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> Model:
    """Return the model whose `save` gave the files; no code from them is run.

    Args:
        files: name → bytes.
        trusted: names of types, beyond those known to be safe, that the files may hold.

    Raises:
        Damaged: a file is missing, broken, or of a kind that this Querist does not know.
        BadValue: the files hold types that are neither known nor trusted; names them.
    """
    try:
        kind = json.loads(files["model.json"])["kind"]
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"these are not the files of a model: model.json is missing or broken ({error!r})") from error
    if kind not in _LOADERS:
        raise Damaged(f"model of unknown kind {kind!r}; this Querist reads: {', '.join(sorted(_LOADERS))}")
    model: Model = importlib.import_module(_LOADERS[kind]).load(files, trusted=trusted)
    return model


def load_folder(path: str | Path, *, trusted: Collection[str] = ()) -> Predictor:
    """Return the predictor that `querist export --model` wrote: texts, table rows or images in, labels out.

    Raises:
        NotFound: there is no model folder at the path.
        Damaged: a file is missing or was changed.
    """
    found: Predictor = importlib.import_module("querist.models.predictor").load_folder(path, trusted=trusted)
    return found
