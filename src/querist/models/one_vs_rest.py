"""One model for each label of a multi-label task, on the same features."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from querist import models
from querist.errors import Damaged, UnknownName
from querist.models import files
from querist.types import Array, Features, Learner, Model, Rng


@dataclass(frozen=True, slots=True)
class OneVsRest:
    """A learner of label sets: a binary model for each label that is on some training rows and not on others.

    A label that none of them has, or all, is predicted with the share (count + 1) / (rows + 2) (Laplace's rule), until
    there is something to tell apart. Read, Pfahringer, Holmes & Frank, Machine Learning 2011, call it binary relevance.

    Args:
        learner: of each label.

    >>> from querist.types import Features
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> target = np.array([[0, 1], [0, 1], [1, 1], [1, 1]], dtype=np.int8)
    >>> model = OneVsRest(models.learner("logistic_regression")).fit(Features(x, x), target, classes=2)
    >>> model.signals({"label_proba"}, Features(x, x), rng=np.random.default_rng(0))["label_proba"].round(2)[:, 1]
    array([0.83, 0.83, 0.83, 0.83])
    """

    learner: Learner

    @property
    def name(self) -> str:
        """The name of the learner of each label."""
        return self.learner.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """The settings of the learner of each label."""
        return self.learner.settings

    def fit(
        self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0
    ) -> LabelModel:
        """Fit on (l, classes) of 0 and 1.

        Raises:
            ModelFailure: the library raised.
        """
        target = np.asarray(target)
        fitted: list[Model | None] = []
        for label in range(classes):
            column = target[:, label].astype(np.int64)
            varies = 0 < column.sum() < len(column)
            made = self.learner.fit(features, column, classes=2, weight=weight, seed=seed) if varies else None
            fitted.append(made)
        shares = (target.sum(axis=0) + 1) / (len(target) + 2)
        return LabelModel(self.name, tuple(fitted), shares)


@dataclass(frozen=True, slots=True)
class LabelModel:
    """Fitted models of the labels; None where a label had nothing to tell apart, and its share stands in."""

    name: str
    labels: tuple[Model | None, ...] = field(repr=False)
    shares: Array = field(repr=False)

    @property
    def classes(self) -> int:
        """The number of labels."""
        return len(self.labels)

    @property
    def offers(self) -> frozenset[str]:
        """`label_proba` and `embed`."""
        return frozenset({"label_proba", "embed"})

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows: `label_proba` (n, k), `embed` (n, d).

        Raises:
            UnknownName: the model does not offer a signal.
        """
        for name in wanted:
            if name not in self.offers:
                raise UnknownName(f"signal of {self.name} for label sets", name, self.offers)
        given: dict[str, Array] = {}
        if "embed" in wanted:
            given["embed"] = features.embed
        if "label_proba" in wanted:
            proba = np.tile(self.shares, (len(features), 1))
            for number, model in enumerate(self.labels):
                if model is not None:
                    proba[:, number] = model.signals({"proba"}, features, rng=rng)["proba"][:, 1]
            given["label_proba"] = proba
        return given

    def save(self) -> dict[str, bytes]:
        """Return the files of all models inside."""
        own = {str(number): model for number, model in enumerate(self.labels) if model is not None}
        manifest = {"kind": "one_vs_rest", "name": self.name, "shares": self.shares.tolist(), "fitted": list(own)}
        nested = [files.nest(number, model.save()) for number, model in own.items()]
        return {"model.json": files.to_json(manifest)} | {name: data for part in nested for name, data in part.items()}


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> LabelModel:
    """Return the model that `LabelModel.save` gave the files of; see `querist.models.load_model`."""
    manifest = files.from_json(saved, "model.json")
    try:
        name, shares, fitted = manifest["name"], np.asarray(manifest["shares"], dtype=float), set(manifest["fitted"])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"model.json of a model of label sets is broken ({error!r})") from error
    inner = [
        models.load_model(files.inside(str(number), saved), trusted=trusted) if str(number) in fitted else None
        for number in range(len(shares))
    ]
    return LabelModel(name, tuple(inner), shares)
