"""A model that predicts alone and is advised by a committee: what is asked changes, what is deployed does not.

A committee in the place of a model changes two things at once, the questions and the predictions. To see what the
questions alone are worth, or to deploy one small model, keep the model and let bootstrapped copies of it disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from querist import models
from querist.models import files
from querist.models.committee import Committee
from querist.types import Array, Features, Learner, Model, Rng


@dataclass(frozen=True, slots=True)
class Advised:
    """A learner whose models offer `proba_samples` of bootstrapped copies beside their own signals.

    A model that draws by itself (the trees of a forest, dropout, an ensemble) needs no advisers and gets none.

    Args:
        learner: what predicts.
        advisers: how many copies; each is one more fit when its opinion is asked for.

    >>> Advised(models.learner("naive_bayes"), 3).settings["advisers"]
    3
    """

    learner: Learner
    advisers: int = 5

    @property
    def name(self) -> str:
        """The learner's name."""
        return self.learner.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """The learner's settings, and the number of advisers."""
        return {**self.learner.settings, "advisers": self.advisers}

    def fit(
        self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0
    ) -> Model:
        """Fit the model; its advisers are fitted on the same rows when they are first asked.

        Raises:
            ModelFailure: the learner failed.
        """
        model = self.learner.fit(features, target, classes=classes, weight=weight, seed=seed)
        if "proba_samples" in model.offers:
            return model
        copies = Committee.bootstrap(self.learner, self.advisers)
        return AdvisedModel(model, lambda: copies.fit(features, target, classes=classes, weight=weight, seed=seed))


@dataclass(frozen=True, slots=True)
class AdvisedModel:
    """A fitted model and its advisers: every signal is the model's own, but `proba_samples`, which is the advisers'."""

    model: Model
    call: Callable[[], Model]
    called: list[Model] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def classes(self) -> int:
        """The number of classes of the model."""
        return self.model.classes

    @property
    def offers(self) -> frozenset[str]:
        """What the model offers, and draws of probabilities."""
        return self.model.offers | {"proba_samples"}

    @property
    def advisers(self) -> Model:
        """The committee, fitted at the first call."""
        if not self.called:
            self.called.append(self.call())
        return self.called[0]

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows."""
        own = [name for name in wanted if name != "proba_samples"]
        given = self.model.signals(own, features, rng=rng)
        if "proba_samples" in wanted:
            given |= self.advisers.signals(["proba_samples"], features, rng=rng)
        return given

    def save(self) -> dict[str, bytes]:
        """Return the files of the model and of its advisers."""
        manifest = {"model.json": files.to_json({"kind": "advised"})}
        return manifest | files.nest("model", self.model.save()) | files.nest("advisers", self.advisers.save())


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> AdvisedModel:
    """Return the model that `AdvisedModel.save` gave the files of; see `querist.models.load_model`."""
    model, advisers = (models.load_model(files.inside(part, saved), trusted=trusted) for part in ("model", "advisers"))
    return AdvisedModel(model, lambda: advisers)
