"""A model whose probabilities were softened or sharpened by one temperature."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist import models
from querist.errors import BadValue
from querist.models import files
from querist.types import Array, Features, Model, Rng

_PROBA: Final = frozenset({"proba", "proba_samples", "parts_proba"})


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A model behind a temperature T: proba becomes softmax(log proba / T); above 1 it is less sure than before.

    A linear head is divided by T, so that softmax(embed · weightᵀ + bias) still is `proba`; its penalty is multiplied
    by T², so that the prior on the weights stays the same. A committee's members share the temperature.

    Args:
        model: any model.
        temperature: a positive number; `measure.calibration` fits it on out-of-fold probabilities.

    Raises:
        BadValue: the temperature is not positive and finite.

    Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks, ICML 2017.
    """

    model: Model
    temperature: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.temperature) and self.temperature > 0):
            raise BadValue("temperature", self.temperature, "must be positive and finite")

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
        """Return the wanted signals of the rows, at this temperature."""
        given = self.model.signals(wanted, features, rng=rng)
        for name in _PROBA.intersection(given):
            given[name] = tempered(given[name], self.temperature)
        for name in {"head_weight", "head_bias"}.intersection(given):
            given[name] = given[name] / self.temperature
        if "head_l2" in given:
            given["head_l2"] = given["head_l2"] * self.temperature**2
        return given

    def save(self) -> dict[str, bytes]:
        """Return the files of the model inside, and the temperature."""
        manifest = {"kind": "calibrated", "temperature": float(self.temperature)}
        return {"model.json": files.to_json(manifest), **files.nest("inner", self.model.save())}


def tempered(proba: Array, temperature: float) -> Array:
    """Return softmax(log proba / T) along the last axis; a class of probability 0 stays at 0.

    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3)
    array([[0.667, 0.333]])
    """
    peak = proba.max(axis=-1, keepdims=True)
    softened = (proba / peak) ** proba.dtype.type(1 / temperature)
    result: Array = softened / softened.sum(axis=-1, keepdims=True)
    return result


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> Calibrated:
    """Return the model that `Calibrated.save` gave the files of; see `querist.models.load_model`."""
    inner = models.load_model(files.inside("inner", saved), trusted=trusted)
    return Calibrated(inner, files.from_json(saved, "model.json")["temperature"])
