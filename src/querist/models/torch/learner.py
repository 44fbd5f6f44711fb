"""A network as a learner: built anew for each fit, trained, and given a posterior if one is wanted."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import torch
from scipy.sparse import issparse
from torch import nn

from querist.errors import BadValue, ModelFailure, UnknownName
from querist.models.encoders.devices import pick
from querist.models.torch import dropout, laplace, networks, training
from querist.models.torch.augment import KINDS
from querist.models.torch.model import TorchModel
from querist.models.torch.rows import Rows, shape_of
from querist.types import Array, Features, Json

POSTERIORS: Final = ("dropout", "ensemble", "laplace", "none", "snapshots")

COMMON: Final[Mapping[str, Any]] = {
    "posterior": "dropout",
    "draws": 20,
    "members": 3,
    "steps": 300,
    "batch": 32,
    "rate": 2e-3,
    "decay": 1e-2,
    "l2": 1.0,
    "augment": "none",
    "validation": 0.15,
    "tune_steps": 100,
    "tune_rate": 0.5,
    "consistency": 0.0,
    "certain": 0.95,
    "shape": [],
    "device": "auto",
}
"""The settings of every network.

`posterior`: where `proba_samples` come from (`draws` of dropout or of the last layer's Laplace approximation; `members`
of an ensemble, or snapshots of one training). `steps` of at most `batch` rows, with the `rate` and weight `decay` of
AdamW; `l2` penalty of the head; `augment`: none, shift, flip; `validation`: share of the labels for early stopping and
calibration, once there are 50; `tune_steps` at `tune_rate` · `rate` when it goes on from a model; `consistency`: weight
of what it is `certain` of about unlabelled images that are then changed; `shape` of a row, if it cannot be guessed.
"""

JOIN: Final = 0.25
"""Share of the steps that follow once the spared labels have said when to stop: with all labels, at `tune_rate`."""

COUNTS: Final = ("steps", "batch", "draws", "members", "tune_steps")

MOST: Final[Mapping[str, float]] = {
    **dict.fromkeys(("rate", "decay", "l2", "consistency", "tune_rate"), math.inf),
    "validation": 0.5,
    "certain": 1,
}
"""The settings that are numbers from 0 up, and the most that each may be."""

DEFAULTS: Final[Mapping[str, Mapping[str, Any]]] = {
    # Fits within a second: the temperature comes out of fold, and no label is spared.
    "mlp": {"steps": 200, "validation": 0.0},
    "small_resnet": {"augment": "shift"},
    "transformer": {"steps": 200, "batch": 16, "rate": 2e-4},
}


def make(model: object, settings: Mapping[str, Any]) -> TorchLearner:
    """Return the learner of a network.

    Args:
        model: `mlp`, `small_resnet`, or `torch` with the setting `module = "my_package.nets:Net"` (and `arguments`);
            or a `torch.nn.Module`, which is copied for each fit; or a class or function that makes one. What makes one
            may have a parameter `classes`. The network maps (b, …) to (b, classes) logits.
        settings: those of the network, and `COMMON`; `fresh` (true): a module that is given begins each fit with
            weights drawn anew, not with those that it has; `trusted`: paths of modules that may be loaded from files.

    Raises:
        UnknownName: there is no such setting.
        BadValue: a setting that cannot be, or a module that cannot be found.

    >>> make("mlp", {"hidden": [64]}).settings["hidden"]
    [64]
    """
    chosen = dict(settings)
    trusted = tuple(chosen.pop("trusted", ()))
    if isinstance(model, str) and model in networks.NAMED:
        own = networks.settings_of(networks.NAMED[model])
        own = {name: list(value) if isinstance(value, tuple) else value for name, value in own.items()}
        said = _checked(model, {**COMMON, **DEFAULTS[model], **own}, chosen)
        source = {"named": model, "arguments": {name: said[name] for name in own}}
        return TorchLearner(model, said, source, trusted=trusted)
    if isinstance(model, str):
        return _by_path(chosen, trusted)
    fresh = bool(chosen.pop("fresh", True))
    said = _checked(_name(model), COMMON, chosen)
    path = f"{getattr(model, '__module__', '')}:{getattr(model, '__qualname__', '')}"
    if isinstance(model, nn.Module):
        path = f"{type(model).__module__}:{type(model).__qualname__}"
    source = {"path": path, "arguments": {}}
    return TorchLearner(_name(model), {**said, "fresh": fresh}, source, given=model, trusted=trusted)


def _by_path(chosen: dict[str, Any], trusted: tuple[str, ...]) -> TorchLearner:
    path, arguments = str(chosen.pop("module", "")), dict(chosen.pop("arguments", {}))
    if not path:
        raise BadValue("model.settings.module", "", "name the network: package.module:Name")
    networks.by_path(path)
    said = _checked("torch", COMMON, chosen)
    source = {"path": path, "arguments": arguments}
    # Whoever names the module in the settings trusts it.
    return TorchLearner("torch", {**said, "module": path, "arguments": arguments}, source, trusted=(*trusted, path))


def _name(model: object) -> str:
    return type(model).__name__ if isinstance(model, nn.Module) else str(getattr(model, "__name__", "network"))


def _checked(name: str, known: Mapping[str, Any], chosen: Mapping[str, Any]) -> Json:
    for setting in chosen:
        if setting not in known:
            raise UnknownName(f"setting of {name}", setting, known)
    said = {**known, **chosen}
    if said["posterior"] not in POSTERIORS:
        raise UnknownName("posterior", said["posterior"], POSTERIORS)
    if said["augment"] not in KINDS:
        raise UnknownName("augmentation", said["augment"], KINDS)
    for setting in COUNTS:
        if type(said[setting]) is not int or said[setting] < 1:
            raise BadValue(setting, said[setting], "must be at least 1, and whole")
    for setting, most in MOST.items():
        if not isinstance(said[setting], int | float) or not 0 <= said[setting] <= most:
            raise BadValue(setting, said[setting], f"must be between 0 and {most}")
    return said


@dataclass(frozen=True, slots=True)
class TorchLearner:
    """A recipe for a network; `source` says how to build it again, `given` is the user's own module or maker."""

    name: str
    settings: Mapping[str, Any]
    source: Json
    given: Any = field(default=None, repr=False)
    trusted: tuple[str, ...] = ()

    @property
    def beside(self) -> frozenset[str]:
        """What `fit` takes beside labels: a model to go on from; unlabelled rows, for consistency training."""
        return frozenset({"start"}) | ({"unlabelled"} if self.settings["consistency"] else set())

    def fit(
        self,
        features: Features,
        target: Array,
        *,
        classes: int,
        weight: Array | None = None,
        seed: int = 0,
        start: TorchModel | None = None,
        new: Array | None = None,
        unlabelled: Features | None = None,
    ) -> TorchModel:
        """Train on the rows, which are read a batch at a time.

        Args:
            features: (l,) rows; sparse input is read as `embed`.
            target: (l,) int class numbers in [0, classes); at least two must occur.
            classes: number of declared classes.
            weight: (l,) weights.
            seed: of weights, order and dropout: equal seeds give equal models on a CPU.
            start: a model to go on from, of the same network; it may know fewer classes.
            new: (l,) which rows it has not seen: each batch is half of these, half of the earlier ones.
            unlabelled: (u,) rows, where the setting `consistency` is above 0.

        Raises:
            ModelFailure: fewer than two classes occur, memory runs out, or the network raised.
        """
        target = np.asarray(target, dtype=np.int64)
        seen, counts = np.unique(target, return_counts=True)
        if len(seen) < 2:
            only = f"only class {seen[0]}" if len(seen) else "no rows"
            raise ModelFailure(f"{self.name} needs rows of two classes to learn from; the data set has {only}")
        rows = self._rows(features)
        share = np.ones(len(target)) if weight is None else np.asarray(weight, dtype=np.float64)
        share = (share / share.mean()).astype(np.float32)
        # What a model goes on from may have seen any row: none can be spared to measure it.
        spare = self._spared(target, counts, seed) if start is None else None
        free = None if unlabelled is None else self._rows(unlabelled)
        said = self.settings
        several = said["members"] if said["posterior"] == "ensemble" else 1
        plan = self._plan() if start is None else self._plan(said["tune_steps"], said["rate"] * said["tune_rate"])
        told = training.Told(rows, target, share, seen, spare, None if start is None else new, free)
        fitted: list[nn.Module] = []
        notes: list[str] = []
        with training.threads(len(rows) * int(np.prod(rows.shape))):
            for number, sequence in enumerate(np.random.SeedSequence(seed).spawn(several)):
                own = int(sequence.generate_state(1)[0])
                network = self.build(rows.shape, classes, own, rows.device)
                if start is not None:
                    taken_over(network, start.networks[number % len(start.networks)])
                else:
                    _learn_scale(network, rows)
                _check_outputs(self.name, network, rows, classes)
                trained = self._train(network, told, classes, plan, own)
                notes += trained.notes
                for state in trained.states:
                    fitted.append(copy.deepcopy(network) if len(trained.states) > 1 else network)
                    fitted[-1].load_state_dict(state)
            model = TorchModel(
                self.name, classes, dict(said), self.source, rows.shape, seen, tuple(fitted), rows.device,
                tuple(dict.fromkeys(notes)), self.trusted,
            )  # fmt: skip
            if spare is not None:
                proba = model.signals({"proba"}, features.rows(spare), rng=np.random.default_rng(0))["proba"]
                model = model.with_(held_out=(proba, target[spare]))
                self._join(fitted, told, classes, seed)
            for network in fitted:
                network.eval().requires_grad_(False)
            return self._finished(model, rows, share)

    def _join(self, fitted: Sequence[nn.Module], told: training.Told, classes: int, seed: int) -> None:
        """Train on the spared labels as well, once they have said when to stop: labels are dear, and none is wasted."""
        said = self.settings
        plan = replace(self._plan(math.ceil(said["steps"] * JOIN), said["rate"] * said["tune_rate"]), cycles=1)
        for number, network in enumerate(fitted):
            own = int(np.random.SeedSequence(seed, spawn_key=(number, 1)).generate_state(1)[0])
            self._train(network, replace(told, held_out=None), classes, plan, own)

    def build(self, shape: tuple[int, ...], classes: int, seed: int, device: str) -> nn.Module:
        """Return a network with weights drawn by the seed.

        Raises:
            ModelFailure: the user's module cannot be made, or gives something other than a logit for each class.
        """
        with training.seeded(seed):
            if not isinstance(self.given, nn.Module):
                return networks.placed(networks.made(self.source, shape, classes, self.given), shape, device)
            network = copy.deepcopy(self.given)
            if self.settings["fresh"]:
                for part in network.modules():
                    if hasattr(part, "reset_parameters"):
                        part.reset_parameters()
        return networks.placed(network, shape, device)

    def _rows(self, features: Features) -> Rows:
        array = features.embed if issparse(features.input) else features.input
        shape = shape_of(array, self.settings["shape"])
        if self.name in networks.IMAGES:
            shape = networks.image_shape(shape)
        return Rows(array, shape, pick(self.settings["device"]))

    def _spared(self, target: Array, counts: Array, seed: int) -> Array | None:
        """Return the places of a stratified slice for early stopping and calibration, once it can be spared."""
        share = self.settings["validation"]
        if not share or len(target) < training.SLICE_FROM or counts.min() < 1 / share:
            return None
        from sklearn.model_selection import train_test_split

        _, spared = train_test_split(
            np.arange(len(target)), test_size=share, stratify=target, random_state=seed % 2**32
        )
        return np.sort(spared)

    def _plan(self, steps: int | None = None, rate: float | None = None) -> training.Plan:
        """How to train: from scratch, unless steps and rate are given."""
        said = self.settings
        cycles = said["members"] if said["posterior"] == "snapshots" else 1
        return training.Plan(
            steps=said["steps"] * cycles if steps is None else steps,
            rate=said["rate"] if rate is None else rate,
            cycles=cycles,
            **{name: said[name] for name in ("batch", "decay", "l2", "augment", "consistency", "certain")},
        )

    def _train(
        self, network: nn.Module, told: training.Told, classes: int, plan: training.Plan, seed: int
    ) -> training.Trained:
        head = networks.head_of(network, classes)
        try:
            return training.train(network, head, told, plan, seed=seed)
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            message = f"{self.name} could not fit {len(told.target)} rows: {type(error).__name__}: {error}"
            raise ModelFailure(message) from error

    def _finished(self, model: TorchModel, rows: Rows, weight: Array) -> TorchModel:
        """Add the posterior of the head, which needs the trained network."""
        network = model.networks[0]
        head = networks.head_of(network, model.classes)
        if self.settings["posterior"] == "laplace":
            if head is None:
                raise BadValue(
                    "posterior", "laplace", f"{self.name} does not end in a linear layer with an output a class"
                )
            embed, logits = model.forward(rows)
            proba = torch.softmax(logits[:, torch.from_numpy(model.seen)], dim=1)
            # Zero precision would be no prior at all: a class that is told apart with ease has an endless posterior.
            precision = max(float(self.settings["l2"]), 1e-3)
            return model.with_(posterior=laplace.posterior(embed, proba, torch.from_numpy(weight), precision))
        if self.settings["posterior"] == "dropout" and not dropout.layers(network) and self.name in networks.NAMED:
            raise BadValue(
                "posterior", "dropout", f"{self.name} drops nothing; set dropout above 0, or another posterior"
            )
        return model


def taken_over(network: nn.Module, old: nn.Module) -> None:
    """Give a network the weights of an old one; a head that has grown keeps its new rows.

    Raises:
        ModelFailure: they are different networks.
    """
    state = network.state_dict()
    for name, tensor in old.state_dict().items():
        if (
            name not in state
            or state[name].shape[1:] != tensor.shape[1:]
            or len(state[name].shape) != len(tensor.shape)
        ):
            raise ModelFailure(f"cannot go on from a model whose {name} is {tuple(tensor.shape)}: another network")
        if state[name].dim() == 0:
            state[name] = tensor.clone()
            continue
        if len(tensor) > len(state[name]):
            raise ModelFailure("cannot go on from a model that knows more classes")
        state[name][: len(tensor)] = tensor.to(state[name].device)
    network.load_state_dict(state)


def _learn_scale(network: nn.Module, rows: Rows) -> None:
    scales = [part for part in network.modules() if isinstance(part, networks.Standardise)]
    if scales:
        some = np.linspace(0, len(rows) - 1, min(len(rows), 2_000)).astype(np.intp)
        for part in scales:
            part.learn(rows.take(np.unique(some)).flatten(1))


def _check_outputs(name: str, network: nn.Module, rows: Rows, classes: int) -> None:
    network.eval()
    try:
        with torch.inference_mode():
            logits = network(rows.take(np.arange(min(2, len(rows)))))
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise ModelFailure(f"{name} cannot read rows of shape {rows.shape}: {type(error).__name__}: {error}") from error
    shape = tuple(getattr(logits, "shape", ()))
    if len(shape) != 2 or shape[1] != classes:
        hint = "give it a parameter `classes`" if "classes" not in inspect.signature(type(network)).parameters else ""
        raise ModelFailure(
            f"{name} gives an output of shape {shape} for 2 rows and {classes} classes; {hint}".rstrip("; ")
        )
