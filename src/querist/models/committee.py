"""Several models in place of one: their mean predicts, their quarrels say what to ask.

This module imports no library. Ensembles that a library fits in one go (the trees of a forest, dropout) are draws of
its own adapter, which is quicker; a committee is for different learners, bootstraps and restarts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist import models
from querist.errors import BadValue, ModelFailure, UnknownName
from querist.models import files
from querist.types import Array, Features, Json, Learner, Model, Rng

KINDS: Final = ("bootstrap", "dropout", "ensemble", "models", "trees")

_SAMPLES: Final = {"proba": "proba_samples", "mean": "mean_samples"}
"""What all members must offer → the draws that the committee then offers, beside their mean."""


class Committee:
    """A learner that fits each of its members and offers their mean and their draws.

    Members differ by their kind (`Committee(["logistic_regression", "random_forest"])`), by the rows they are fitted on
    (`Committee.bootstrap`), or by their seed alone (`Committee.ensemble`; for learners that draw at random). Different
    kinds disagree most usefully where each is a fair model by itself; a bootstrap is the safe choice.

    Args:
        members: names, estimators or learners, as `querist.models.learner` takes them; at least one.
        resample: fit each on rows drawn with replacement, within each class, so that no member lacks a class.

    Raises:
        BadValue: there is no member.

    Seung, Opper & Sompolinsky, COLT 1992; bootstraps: Abe & Mamitsuka, ICML 1998.

    >>> Committee(["logistic_regression", "naive_bayes"]).settings["members"][1]["name"]
    'naive_bayes'
    """

    name = "committee"

    def __init__(self, members: Sequence[object], *, resample: bool = False) -> None:
        if not members:
            raise BadValue("members", 0, "a committee needs at least one")
        self.members: tuple[Learner, ...] = tuple(models.learner(member) for member in members)
        self.resample = resample

    @classmethod
    def bootstrap(cls, member: object, members: int = 10) -> Committee:
        """Return a committee of one learner, fitted on so many bootstrap samples.

        >>> len(Committee.bootstrap("naive_bayes", 5).members)
        5
        """
        return cls([member] * members, resample=True)

    @classmethod
    def ensemble(cls, member: object, members: int = 10) -> Committee:
        """Return a committee of one learner, fitted on all rows with so many seeds."""
        return cls([member] * members)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The members' names and settings, and whether they resample."""
        described = [{"name": member.name, "settings": dict(member.settings)} for member in self.members]
        return {"members": described, "resample": self.resample}

    def fit(
        self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0
    ) -> CommitteeModel:
        """Fit each member with a seed of its own, and on rows of its own where the committee resamples.

        Args:
            features: (l,) rows.
            target: (l,) int class numbers in [0, classes).
            classes: number of declared classes.
            weight: (l,) weights, which go with their rows.
            seed: of all chance.

        Raises:
            ModelFailure: a member failed; names it.
        """
        fitted = []
        for number, (member, sequence) in enumerate(
            zip(self.members, np.random.SeedSequence(seed).spawn(len(self.members)), strict=True)
        ):
            rows = _resampled(target, np.random.default_rng(sequence)) if self.resample else np.arange(len(target))
            try:
                model = member.fit(
                    features.rows(rows) if self.resample else features,
                    target[rows],
                    classes=classes,
                    weight=None if weight is None else weight[rows],
                    seed=int(sequence.generate_state(1)[0]),
                )
            except ModelFailure as failure:
                raise ModelFailure(f"member {number} of the committee ({member.name}): {failure}") from failure
            fitted.append(model)
        return CommitteeModel(tuple(fitted), classes)


@dataclass(frozen=True, slots=True)
class CommitteeModel:
    """Fitted members; `proba` (or `mean`) is their mean, `proba_samples` (or `mean_samples`) are they themselves."""

    members: tuple[Model, ...]
    classes: int
    name: str = "committee"

    @property
    def offers(self) -> frozenset[str]:
        """What can be made of what all members offer."""
        common = frozenset.intersection(*(member.offers for member in self.members))
        made = {signal for own, draws in _SAMPLES.items() if own in common for signal in (own, draws)}
        return frozenset(made | (common & {"embed"}))

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows; each member is asked once, with chance of its own.

        Returns:
            `proba` (n, classes), `proba_samples` (members, n, classes), `mean` (n,), `mean_samples` (members, n),
            `embed` (n, d).

        Raises:
            UnknownName: not all members offer what it takes.
        """
        for name in wanted:
            if name not in self.offers:
                raise UnknownName("signal of committee", name, self.offers)
        asked = [own for own, draws in _SAMPLES.items() if {own, draws} & set(wanted)]
        given: dict[str, Array] = {}
        if "embed" in wanted:
            given["embed"] = features.embed
        if not asked:
            return given
        answers = [
            member.signals(asked, features, rng=own)
            for member, own in zip(self.members, rng.spawn(len(self.members)), strict=True)
        ]
        for own in asked:
            samples = np.stack([answer[own] for answer in answers])
            given |= {_SAMPLES[own]: samples, own: samples.mean(axis=0)}
        return {name: array for name, array in given.items() if name in wanted}

    def save(self) -> dict[str, bytes]:
        """Return the files of all members, each in a folder of its own."""
        saved = {"model.json": files.to_json({"kind": "committee", "members": len(self.members)})}
        for number, member in enumerate(self.members):
            saved |= files.nest(f"member-{number}", member.save())
        return saved


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> CommitteeModel:
    """Return the model that `CommitteeModel.save` gave the files of; see `querist.models.load_model`."""
    count = int(files.from_json(saved, "model.json")["members"])
    members = tuple(
        models.load_model(files.inside(f"member-{number}", saved), trusted=trusted) for number in range(count)
    )
    return CommitteeModel(members, members[0].classes)


def recipe(
    name: str, settings: Json, *, members: int = 0, kind: str = "bootstrap", listed: Sequence[object] = ()
) -> Learner:
    """Return the learner that a project's `[model]` and its `committee` describe.

    Args:
        name: the model's.
        settings: the model's.
        members: how many; 0 for no committee, unless models are listed.
        kind: `bootstrap`, `ensemble` (seeds), `models` (the listed ones), or `trees` and `dropout`, whose draws come
            from the one model itself.
        listed: names of models, for the kind `models`.

    Raises:
        UnknownName: there is no such kind, model or setting.
        BadValue: the kind is `models`, and none is listed.

    >>> recipe("naive_bayes", {}, members=3).settings["resample"]
    True
    >>> recipe("naive_bayes", {}).name
    'naive_bayes'
    """
    if kind not in KINDS:
        raise UnknownName("kind of committee", kind, KINDS)
    if kind == "models" and (listed or members):
        if not listed:
            raise BadValue("models", [], "a committee of listed models needs their names", choices=models.names())
        return Committee(listed)
    if members == 0 or kind == "dropout":
        return models.learner(name, settings)
    if kind == "trees":
        return models.learner(name, {"n_estimators": members, **settings})
    return Committee([models.learner(name, settings)] * members, resample=kind == "bootstrap")


def _resampled(target: Array, rng: Rng) -> Array:
    """Return l rows drawn with replacement, as many of each class as there are, in the order of classes."""
    drawn = [rng.choice(np.flatnonzero(target == value), size=count) for value, count in _counted(target)]
    return np.concatenate(drawn) if drawn else np.arange(0)


def _counted(target: Array) -> list[tuple[Any, int]]:
    values, counts = np.unique(target, return_counts=True)
    return list(zip(values, counts.tolist(), strict=True))
