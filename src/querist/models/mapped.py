"""A model whose probabilities go through a calibrator with more numbers than one temperature."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from querist import models
from querist.measure.calibrators import Calibrator
from querist.models import files
from querist.types import Array, Features, Model, Rng


@dataclass(frozen=True, slots=True)
class Mapped:
    """A model behind a Platt, vector, Dirichlet or isotonic map; use `Calibrated` for a temperature.

    Each draw of a committee goes through the same map. A linear head is no longer offered: its softmax would not be
    `proba` any more.

    Args:
        model: any model.
        calibrator: fitted on probabilities of rows that the model did not train on.
    """

    model: Model
    calibrator: Calibrator

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
        """What the model inside offers, without its head."""
        return self.model.offers - models.HEAD

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows, probabilities through the map."""
        given = self.model.signals(wanted, features, rng=rng)
        for name in ("proba", "proba_samples", "parts_proba"):
            if name in given:
                rows = given[name].reshape(-1, given[name].shape[-1])
                given[name] = self.calibrator(rows).reshape(given[name].shape).astype(given[name].dtype)
        return given

    def save(self) -> dict[str, bytes]:
        """Return the files of the model inside, and the map as JSON."""
        manifest = {"kind": "mapped", "calibrator": self.calibrator.to_json()}
        return {"model.json": files.to_json(manifest), **files.nest("inner", self.model.save())}


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> Mapped:
    """Return the model that `Mapped.save` gave the files of; see `querist.models.load_model`."""
    inner = models.load_model(files.inside("inner", saved), trusted=trusted)
    return Mapped(inner, Calibrator.from_json(files.from_json(saved, "model.json")["calibrator"]))
