"""Learn from the unlabelled rows, too: pseudo-labels that a model is sure of, or that spread along a graph.

They are never labels: they count in no budget and no figure, weigh less than a person's answer, and every model that
was trained with them says so, and which they were.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from scipy.sparse import csr_matrix, diags, identity, issparse, vstack

from querist import models
from querist.errors import BadValue, UnknownName
from querist.measure.calibration import apply_temperature, fit_temperature
from querist.models import files
from querist.types import Array, Features, Json, Learner, Model, Rng

HOW: Final = {"confident": 0.95, "graph": 0.5}
"""The ways, and how sure each must be if nothing else is said: what spreads along a graph is a softer number."""

FOLDS: Final = 5

DEFAULTS: Final[Mapping[str, Any]] = {
    "model": "logistic_regression",
    "model_settings": {},
    "how": "confident",
    "threshold": 0.0,
    "per_label": 20.0,
    "weight": 0.5,
    "neighbours": 5,
    "spread": 0.9,
}
"""`how`: `confident` takes what the model itself is sure of, `graph` what its neighbours' labels say; `threshold` on
the calibrated probability (0: 0.95 and 0.5); `per_label`: pseudo-labels of a class for each label of it, at most;
`weight` of a pseudo-label where a label has 1; `neighbours` and `spread` of the graph."""


@dataclass(frozen=True, slots=True)
class Pseudo:
    """The rows of the unlabelled ones that got a pseudo-label: (k,) places, class numbers, and how sure it was."""

    place: Array
    target: Array
    sure: Array


def learner(settings: Mapping[str, Any]) -> SelfTraining:
    """Return the learner of the name `self_training`.

    Raises:
        UnknownName: there is no such setting, or no such way.
        BadValue: a setting has a value that cannot be.

    >>> learner({"model": "naive_bayes"}).settings["how"]
    'confident'
    """
    for name in settings:
        if name not in DEFAULTS:
            raise UnknownName("setting of self_training", name, DEFAULTS)
    said = {**DEFAULTS, **settings}
    if said["how"] not in HOW:
        raise UnknownName("how of self_training", said["how"], HOW)
    said["threshold"] = said["threshold"] or HOW[said["how"]]
    for name, low, high in (("threshold", 0.3, 1.0), ("weight", 0.0, 1.0), ("spread", 0.0, 0.999)):
        if not low <= said[name] <= high:
            raise BadValue(name, said[name], f"must be between {low} and {high}")
    return SelfTraining(models.learner(said["model"], said["model_settings"]), said)


@dataclass(frozen=True, slots=True)
class SelfTraining:
    """A learner that is fitted, gives the surest unlabelled rows pseudo-labels, and is fitted again with them.

    Confirmation bias is held down by thresholds on probabilities that were calibrated out of fold (without five labels
    a class there are no pseudo-labels), by a limit for each class, and by their weight.

    Lee, ICML workshop 2013; class balance: Zou et al., ECCV 2018; with active selection: Wang et al., TCSVT 2017.
    """

    inner: Learner
    settings: Mapping[str, Any]
    name: str = "self_training"

    beside: ClassVar[frozenset[str]] = frozenset({"unlabelled"})

    def fit(
        self,
        features: Features,
        target: Array,
        *,
        classes: int,
        weight: Array | None = None,
        seed: int = 0,
        unlabelled: Features | None = None,
    ) -> Model:
        """Fit on the labelled rows, and again with what the unlabelled ones teach.

        Args:
            features: (l,) labelled rows.
            target: (l,) int class numbers.
            classes: number of declared classes.
            weight: (l,) weights.
            seed: of the learner.
            unlabelled: (u,) rows; without them this is the learner inside.

        Raises:
            ModelFailure: the learner failed.
        """
        model = self.inner.fit(features, target, classes=classes, weight=weight, seed=seed)
        if unlabelled is None or not len(unlabelled):
            return model
        target = np.asarray(target, dtype=np.int64)
        proba = self._proba(model, features, target, unlabelled, classes, seed)
        chosen = (
            None if proba is None else choose(proba, target, self.settings["threshold"], self.settings["per_label"])
        )
        if chosen is None or not len(chosen.place):
            return SelfTrained(model, Pseudo(*(np.empty(0, dtype=np.int64),) * 3))
        own = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=float)
        again = self.inner.fit(
            together(features, unlabelled.rows(chosen.place)),
            np.concatenate([target, chosen.target]),
            classes=classes,
            weight=np.concatenate([own, np.full(len(chosen.place), float(self.settings["weight"]))]),
            seed=seed,
        )
        return SelfTrained(again, chosen)

    def _proba(
        self, model: Model, features: Features, target: Array, unlabelled: Features, classes: int, seed: int
    ) -> Array | None:
        """Return what is thought of the unlabelled rows, as sure as it may be; None where that cannot be told."""
        if self.settings["how"] == "graph":
            return propagated(
                features.embed, target, unlabelled.embed, classes, self.settings["neighbours"], self.settings["spread"]
            )
        if np.bincount(target)[np.unique(target)].min() < FOLDS:
            return None
        from sklearn.model_selection import StratifiedKFold

        unseen = np.zeros((len(target), classes))
        for train, held in StratifiedKFold(FOLDS, shuffle=True, random_state=seed % 2**32).split(target, target):
            fold = self.inner.fit(features.rows(train), target[train], classes=classes, seed=seed)
            unseen[held] = _said(fold, features.rows(held))
        temperature = fit_temperature(np.log(np.clip(unseen, 1e-12, None)), target)
        return apply_temperature(np.asarray(_said(model, unlabelled), dtype=float), temperature)


def _said(model: Model, features: Features) -> Array:
    return model.signals({"proba"}, features, rng=np.random.default_rng(0))["proba"]


def choose(proba: Array, target: Array, threshold: float, per_label: float) -> Pseudo:
    """Return the surest rows above the threshold, of each class at most `per_label` for each label of that class.

    >>> choose(np.array([[0.99, 0.01], [0.97, 0.03], [0.2, 0.8]]), np.array([0, 1]), 0.9, 1.0).place
    array([0])
    """
    best, sure = proba.argmax(axis=1), proba.max(axis=1)
    places: list[int] = []
    for number, count in zip(*np.unique(target, return_counts=True), strict=True):
        among = np.flatnonzero((best == number) & (sure >= threshold))
        order = among[np.argsort(-sure[among], kind="stable")]
        places += order[: int(count * per_label)].tolist()
    place = np.sort(np.array(places, dtype=np.int64))
    return Pseudo(place, best[place].astype(np.int64), sure[place])


def propagated(
    labelled: Array, target: Array, unlabelled: Array, classes: int, neighbours: int, spread: float
) -> Array:
    """Return (u, classes): labels spread along the graph of nearest neighbours, in closed form.

    F = (I − spread · S)⁻¹ Y with S the symmetrically normalised graph; rows that no label reaches are uniform.

    Zhou, Bousquet, Lal, Weston, Schölkopf: Learning with Local and Global Consistency, NeurIPS 2003.
    """
    from scipy.sparse.linalg import cg
    from sklearn.neighbors import NearestNeighbors

    rows = np.concatenate([labelled, unlabelled]).astype(np.float32)
    count = min(neighbours, len(rows) - 1)
    distance, nearest = NearestNeighbors(n_neighbors=count + 1).fit(rows).kneighbors(rows)
    distance, nearest = distance[:, 1:], nearest[:, 1:]
    width = float(np.median(distance)) or 1.0
    strength = np.exp(-((distance / width) ** 2)).ravel()
    own = np.repeat(np.arange(len(rows)), count)
    graph = csr_matrix((strength, (own, nearest.ravel())), shape=(len(rows), len(rows)))
    graph = graph.maximum(graph.T)
    degree = np.asarray(graph.sum(axis=1)).ravel()
    scale = diags(1 / np.sqrt(np.where(degree > 0, degree, 1)))
    system = identity(len(rows)) - spread * (scale @ graph @ scale)
    known = np.zeros((len(rows), classes))
    # Classes count alike, however many labels each has.
    known[np.arange(len(target)), target] = 1 / np.bincount(target, minlength=classes)[target]
    found = np.column_stack([cg(system, known[:, column], rtol=1e-6)[0] for column in range(classes)])
    found = np.clip(found[len(target) :], 0, None)
    total = found.sum(axis=1, keepdims=True)
    proba: Array = np.where(total > 1e-12, found / np.where(total > 1e-12, total, 1), 1 / classes)
    return proba


def together(features: Features, more: Features) -> Features:
    """Return the rows of both, in one space where they were."""
    embed = np.concatenate([features.embed, more.embed])
    if features.one_space:
        return Features(embed, embed)
    parts: list[Any] = [features.input, more.input]
    return Features(vstack(parts, format="csr") if issparse(features.input) else np.concatenate(parts), embed)


@dataclass(frozen=True, slots=True)
class SelfTrained:
    """A model that pseudo-labels helped to train; `pseudo` says which."""

    model: Model
    pseudo: Pseudo | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The name of the model inside."""
        return self.model.name

    @property
    def classes(self) -> int:
        """The number of classes of the model inside."""
        return self.model.classes

    @property
    def offers(self) -> frozenset[str]:
        """What the model inside offers."""
        return self.model.offers

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows."""
        return self.model.signals(wanted, features, rng=rng)

    def save(self) -> dict[str, bytes]:
        """Return the files of the model inside, and how many pseudo-labels it had."""
        count = 0 if self.pseudo is None else len(self.pseudo.place)
        said: Json = {"kind": "self_training", "pseudo_labels": count}
        return {"model.json": files.to_json(said), **files.nest("inner", self.model.save())}


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> SelfTrained:
    """Return the model that `SelfTrained.save` gave the files of; see `querist.models.load_model`."""
    return SelfTrained(models.load_model(files.inside("inner", saved), trusted=trusted))
