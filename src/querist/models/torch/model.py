"""A trained network that speaks in signals, and as files: safetensors and JSON."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor, nn

from querist.errors import BadValue, Damaged, ModelFailure, UnknownName
from querist.models import HEAD, files
from querist.models.encoders.devices import pick
from querist.models.torch import dropout, networks, training
from querist.models.torch.laplace import Posterior
from querist.models.torch.rows import Rows
from querist.types import Array, Features, Json, Rng

_ABSENT: Final = -1e4  # the bias of a class that no training row had: its probability is 0 in any precision


@dataclass(frozen=True, slots=True)
class TorchModel:
    """One network, or the members of an ensemble; `seen` are the class numbers that it was trained on.

    `shape` is that of a row; `held_out` what it says of the labels that it was not trained on, (v, classes), and their
    class numbers; `notes` what was noteworthy in the training.
    """

    name: str
    classes: int
    settings: Json
    source: Json
    shape: tuple[int, ...]
    seen: Array = field(repr=False)
    networks: tuple[nn.Module, ...] = field(repr=False)
    device: str
    notes: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()
    posterior: Posterior | None = field(default=None, repr=False)
    held_out: tuple[Array, Array] | None = field(default=None, repr=False)

    def with_(self, **changes: Any) -> TorchModel:
        """Return the model with some of its fields replaced."""
        return dataclasses.replace(self, **changes)

    @property
    def head(self) -> nn.Linear | None:
        """The last layer of the first network, if it is linear and has an output for each class."""
        return networks.head_of(self.networks[0], self.classes)

    @property
    def offers(self) -> frozenset[str]:
        """`proba`, `embed` (what comes into the last layer); `head_*` of a single network; `proba_samples`."""
        alone = len(self.networks) == 1
        more = HEAD if alone and self.head is not None else frozenset()
        draws = not alone or self.posterior is not None
        draws = draws or (self.settings["posterior"] == "dropout" and bool(dropout.layers(self.networks[0])))
        return frozenset({"proba", "embed"}) | more | ({"proba_samples"} if draws else set())

    @property
    def embeds(self) -> bool:
        """Whether `embed` is the network's own, and not the embedding of the features."""
        return self.head is not None

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows, computed a block at a time.

        Returns:
            `proba` (n, classes), of an ensemble the mean; `embed` (n, d), of an ensemble the first member's;
            `proba_samples` (draws or members, n, classes), each draw one network for all rows; `head_weight`
            (classes, d), `head_bias` (classes,), `head_l2` ().

        Raises:
            UnknownName: the model does not offer a signal.
            ModelFailure: the network gave something that is no number.
        """
        offers = self.offers
        for name in wanted:
            if name not in offers:
                raise UnknownName(f"signal of {self.name}", name, offers)
        given: dict[str, Array] = {}
        rows = self._rows(features)
        with training.threads(len(rows) * int(np.prod(self.shape))):
            if {"proba", "embed", "proba_samples"} & set(wanted):
                given |= self._of_rows(wanted, features, rows, rng)
        if HEAD.intersection(wanted):
            head = dict(zip(("head_weight", "head_bias", "head_l2"), self._head(), strict=True))
            given |= {name: head[name] for name in HEAD.intersection(wanted)}
        return given

    def _rows(self, features: Features) -> Rows:
        array = features.embed if issparse(features.input) else features.input
        if int(np.prod(array.shape[1:])) != int(np.prod(self.shape)):
            raise BadValue("rows", f"of shape {tuple(array.shape[1:])}", f"{self.name} was trained on {self.shape}")
        return Rows(array, self.shape, self.device)

    def _of_rows(self, wanted: Collection[str], features: Features, rows: Rows, rng: Rng) -> dict[str, Array]:
        members: list[Array] = []
        embed = None
        for number, network in enumerate(self.networks):
            if number and not {"proba", "proba_samples"} & set(wanted):
                break
            body, logits = _passed(network, self.head if number == 0 else None, rows)
            embed = body if number == 0 else embed
            members.append(self._proba(logits))
        given: dict[str, Array] = {}
        if "embed" in wanted:
            given["embed"] = features.embed if embed is None else embed.numpy()
        if "proba" in wanted:
            given["proba"] = members[0] if len(members) == 1 else np.mean(members, axis=0)
        if "proba_samples" in wanted:
            given["proba_samples"] = np.stack(members) if len(members) > 1 else self._draws(rows, embed, rng)
        return given

    def _draws(self, rows: Rows, embed: Tensor | None, rng: Rng) -> Array:
        count = int(self.settings["draws"])
        seeds = [int(seed) for seed in rng.integers(2**31, size=count)]
        head = self.head
        if self.posterior is not None and head is not None and embed is not None:
            kept = torch.from_numpy(self.seen)
            weight = torch.cat([head.weight, head.bias[:, None]], dim=1).to("cpu")[kept]
            drawn = self.posterior.draws(weight, count, seeds[0])
            return self._spread([embed @ each[:, :-1].T + each[:, -1] for each in drawn])
        network = self.networks[0]
        if head is not None and embed is not None and len(rows):
            with torch.inference_mode():
                quick = dropout.only_before(network, head, rows.take(np.arange(min(2, len(rows)))))
            if quick:
                layer = dropout.layers(network)[0]
                masks = [dropout.mask(layer, tuple(embed.shape[1:]), seed) for seed in seeds]
                weight, bias = head.weight.to("cpu"), head.bias.to("cpu")
                # A mask of the embedding is a mask of the weights, which are fewer.
                return np.stack([self._proba(embed @ (weight * mask).T + bias) for mask in masks])
        samples = []
        for seed in seeds:
            with dropout.fixed(network, seed):
                samples.append(self._proba(_passed(network, None, rows)[1]))
        return np.stack(samples)

    def _proba(self, logits: Tensor) -> Array:
        """Return (n, classes) float32 of logits of all classes; those that were never seen have 0."""
        return self._spread([logits[:, torch.from_numpy(self.seen)]])[0]

    def _spread(self, seen: list[Tensor]) -> Array:
        proba = np.zeros((len(seen), len(seen[0]), self.classes), dtype=np.float32)
        for number, logits in enumerate(seen):
            own = torch.softmax(logits.float(), dim=1).numpy()
            if not np.isfinite(own).all():
                row = int(np.flatnonzero(~np.isfinite(own).all(axis=1))[0])
                raise ModelFailure(f"{self.name} gave NaN or infinity in row {row}")
            proba[number][:, self.seen] = own
        return proba

    def _head(self) -> tuple[Array, Array, Array]:
        head = self.head
        assert head is not None
        weight = np.zeros((self.classes, head.in_features))
        bias = np.full(self.classes, _ABSENT)
        weight[self.seen] = head.weight.to("cpu").numpy()[self.seen]
        bias[self.seen] = head.bias.to("cpu").numpy()[self.seen]
        return weight, bias, np.asarray(float(self.settings["l2"]))

    def forward(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """Return what comes into the first network's head, (n, d), and its logits, (n, classes), on the CPU."""
        embed, logits = _passed(self.networks[0], self.head, rows)
        assert embed is not None
        return embed, logits

    def save(self) -> dict[str, bytes]:
        """Return `model.json` and `weights.safetensors`.

        Raises:
            BadValue: the module is the user's own, and cannot be made again from its path and arguments.
        """
        from safetensors.torch import save

        _check_source(self.source, self.classes)
        tensors = {
            f"{number}.{name}": tensor.to("cpu").contiguous().clone()
            for number, network in enumerate(self.networks)
            for name, tensor in network.state_dict().items()
        }
        if self.posterior is not None:
            kept = self.posterior
            tensors |= {"posterior.values": kept.values, "posterior.vectors": kept.vectors}
            tensors |= {"posterior.class_vectors": kept.class_vectors}
            tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
        manifest = {
            "kind": "torch",
            "name": self.name,
            "classes": self.classes,
            "settings": self.settings,
            "source": self.source,
            "shape": list(self.shape),
            "seen": self.seen.tolist(),
            "networks": len(self.networks),
            "precision": None if self.posterior is None else self.posterior.precision,
            "notes": list(self.notes),
        }
        return {"model.json": files.to_json(manifest), "weights.safetensors": save(tensors)}


def _passed(network: nn.Module, head: nn.Linear | None, rows: Rows) -> tuple[Tensor | None, Tensor]:
    """Return what came into the head and what came out, on the CPU; in smaller blocks if memory runs out."""
    into: list[Tensor] = []
    hook = (
        None if head is None else head.register_forward_pre_hook(lambda _, args: into.append(args[0].float().to("cpu")))
    )
    try:
        with torch.inference_mode():
            out = _by_blocks(network, rows, into)
    finally:
        if hook is not None:
            hook.remove()
    return (torch.cat(into) if into else None), out


def _by_blocks(network: nn.Module, rows: Rows, into: list[Tensor]) -> Tensor:
    most: int | None = None
    while True:
        into.clear()
        try:
            parts = [network(block).float().to("cpu") for block in rows.blocks(most)]
        except RuntimeError as error:
            if not training.is_memory(error):
                raise
            most = (most or 512) // 2
            if most < 1:
                raise ModelFailure("the memory is too small to ask this network about one row") from None
            continue
        if parts:
            return torch.cat(parts)
        # No rows: two made-up ones tell the shapes.
        empty = network(torch.zeros((2, *rows.shape), device=rows.device)).float().to("cpu")[:0]
        into[:] = [each[:0] for each in into]
        return empty


def _check_source(source: Json, classes: int) -> None:
    if "named" in source:
        return
    path = source["path"]
    said = (
        f'give it as "{path.replace("<", "").replace(">", "")}" with `arguments` in the settings of the model `torch`'
    )
    if "<" in path or path.startswith("__main__"):
        raise BadValue("model", path, f"cannot be kept: it is not in a module that can be imported; {said}")
    known = inspect.signature(networks.by_path(path))
    try:
        known.bind(**source["arguments"], **({"classes": classes} if "classes" in known.parameters else {}))
    except TypeError as error:
        raise BadValue("model", path, f"cannot be kept: {error}; {said}") from error


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> TorchModel:
    """Return the model that `TorchModel.save` gave the files of; see `querist.models.load_model`."""
    from safetensors import SafetensorError
    from safetensors.torch import load as read

    said = files.from_json(saved, "model.json")
    source = said["source"]
    path = source.get("path")
    if path is not None and path not in trusted:
        reason = "is a module of your own, whose code would run; if you know it, name it in the setting trusted = "
        raise BadValue("model", path, f"{reason}{json.dumps([path])}", choices=[path])
    try:
        tensors = read(saved["weights.safetensors"])
    except (KeyError, SafetensorError) as error:
        raise Damaged(f"file 'weights.safetensors' is missing or damaged ({error!r})") from error
    device = pick(said["settings"]["device"] if said["settings"]["device"] == "cpu" else "auto")
    shape = tuple(said["shape"])
    fitted = []
    for number in range(said["networks"]):
        network = networks.placed(networks.made(source, shape, said["classes"]), shape, device)
        fitted.append(_restored(network, files_of(tensors, number)))
    kept = {name.removeprefix("posterior."): tensors[name] for name in tensors if name.startswith("posterior.")}
    posterior = Posterior(**kept, precision=said["precision"]) if kept else None
    return TorchModel(
        said["name"], said["classes"], said["settings"], source, shape, np.asarray(said["seen"], dtype=np.int64),
        tuple(fitted), device, tuple(said["notes"]), tuple(trusted), posterior,
    )  # fmt: skip


def files_of(tensors: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Return the weights of one network out of those of all."""
    start = f"{number}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def _restored(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise Damaged(f"the weights do not fit the network: {error}") from error
    return network.eval().requires_grad_(False)
