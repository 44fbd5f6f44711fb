"""The training loop: a budget of steps, early stopping on spared labels, smaller batches where memory runs out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from querist.errors import BadValue, ModelFailure
from querist.models.torch.augment import augmented, strong
from querist.models.torch.rows import Rows, batches, replayed
from querist.types import Array

State = dict[str, Tensor]

LOOKS: Final = 20
"""How often in a training it is looked whether it still gains."""

PATIENCE: Final = 5
"""Looks without gain after which it stops, in the second half: before, the rate is high and batch norms settle."""

TEMPERATURES: Final = np.exp(np.linspace(-3, 2, 21)).tolist()
"""At the best of these a state is judged: a temperature is fitted afterwards, so being too sure is no fault yet."""

SLICE_FROM: Final = 50
"""Labels from which on a slice can be spared for early stopping."""

_LEARNT: Final = 1e-3
"""Loss on the training rows below which nothing is left to learn."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to train: see the settings of `TorchLearner`."""

    steps: int = 300
    batch: int = 32
    rate: float = 2e-3
    decay: float = 1e-2
    l2: float = 1.0
    augment: str = "none"
    cycles: int = 1
    consistency: float = 0.0
    certain: float = 0.95


@dataclass(frozen=True, slots=True)
class Told:
    """What a network learns from.

    Args:
        rows: n rows.
        target: (n,) class numbers.
        weight: (n,) weights of the rows.
        seen: class numbers that occur, in order; the others take no part.
        held_out: places of the rows that are not trained on: where they gain no more, it stops, with the best state.
        new: (n,) whether the network has not seen a row yet; then each batch is half new rows, half earlier ones.
        unlabelled: rows for consistency training, if the plan has any.
    """

    rows: Rows
    target: Array
    weight: Array
    seen: Array
    held_out: Array | None = None
    new: Array | None = None
    unlabelled: Rows | None = None

    @property
    def place(self) -> Array:
        """The place of each row's class among those that occur."""
        return np.searchsorted(self.seen, self.target)

    @property
    def kept(self) -> Array:
        """The places of the rows that are trained on."""
        every = np.arange(len(self.rows))
        return every if self.held_out is None else np.setdiff1d(every, self.held_out)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Array]:
        """Yield places of the rows that are trained on, without end."""
        kept = self.kept
        if self.new is None:
            return (kept[places] for places in batches(len(kept), size, generator))
        return replayed(kept[self.new[kept]], kept[~self.new[kept]], size, generator)


@dataclass(slots=True)
class Trained:
    """What came out: a state for each cycle of the rate, the steps that were made, and what was noteworthy."""

    states: list[State]
    steps: int
    notes: list[str] = field(default_factory=list)


def train(network: nn.Module, head: nn.Linear | None, told: Told, plan: Plan, *, seed: int) -> Trained:
    """Train a network on rows; on the GPU in bfloat16 where it can. Halves the batch when memory runs out.

    Args:
        network: on its device, in the state that it shall begin with.
        head: its last layer, whose L2 penalty is `plan.l2` / 2 · ‖weight‖² of the summed loss.
        told: the rows and what they are.
        plan: steps, batch, rates.
        seed: of the order of rows and of dropout.

    Raises:
        ModelFailure: memory runs out with two rows, or the loss is no number.
    """
    begin = copied(network)
    notes: list[str] = []
    batch = min(plan.batch, len(told.rows))
    while True:
        try:
            trained = _train(network, head, told, plan, batch, seed)
            trained.notes.extend(notes)
            return trained
        except RuntimeError as error:
            if not is_memory(error):
                raise
            if batch <= 2:
                raise ModelFailure(
                    "the memory is too small to train this network, even with two rows at a time"
                ) from error
            batch = max(2, batch // 2)
            notes.append(f"memory ran out; trained with batches of {batch} rows")
        # Outside of `except`: the error would keep the tensors of the failed step alive.
        network.zero_grad(set_to_none=True)
        network.load_state_dict(begin)
        if told.rows.device.startswith("cuda"):
            torch.cuda.empty_cache()


def is_memory(error: RuntimeError) -> bool:
    """Return whether torch says that memory ran out; on a CPU it is an error like others."""
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in said or "can't allocate memory" in said


def _train(network: nn.Module, head: nn.Linear | None, told: Told, plan: Plan, batch: int, seed: int) -> Trained:
    device = told.rows.device
    generator = torch.Generator().manual_seed(seed)
    columns, place, count = torch.from_numpy(told.seen).to(device), told.place, len(told.kept)
    optimiser = _optimiser(network, head, plan, fused=device.startswith("cuda"))
    stream = told.batches(batch, generator)
    consistency = None if told.unlabelled is None else _Consistency(told.unlabelled, plan, columns, generator)
    watch = _Watch.of(network, told, columns) if plan.cycles == 1 else None
    look = max(1, plan.steps // LOOKS)
    states: list[State] = []
    losses: list[Tensor] = []
    made = 0
    with seeded(seed):
        for made in range(1, plan.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * _rate(made - 1, plan.steps, plan.cycles)
            chosen = next(stream)
            given = augmented(told.rows.take(chosen), plan.augment, generator)
            network.train()
            wanted, weight = (torch.from_numpy(each[chosen]).to(device) for each in (place, told.weight))
            more = None if consistency is None else consistency.loss(network)
            losses.append(step(network, head, optimiser, given, wanted, weight, columns, plan.l2 / count, more))
            if plan.cycles > 1 and made % (plan.steps // plan.cycles) == 0 and len(states) < plan.cycles:
                states.append(copied(network))
            if made % look == 0:
                mean = _mean(losses, made)
                if watch is not None and watch.is_over() and made >= plan.steps // 2:
                    break
                if watch is None and mean < _LEARNT and plan.cycles == 1 and made >= plan.steps // 4:
                    break
    if watch is not None:
        watch.restore()
    return Trained(states or [copied(network)], made)


def _mean(losses: list[Tensor], made: int) -> float:
    """Return the mean loss since the last look, and forget it: asking a GPU for a number makes it wait."""
    mean = torch.stack(losses).mean().item()
    losses.clear()
    if not math.isfinite(mean):
        raise ModelFailure(f"the loss is {mean} after {made} steps; a smaller rate may help")
    return mean


def step(
    network: nn.Module,
    head: nn.Linear | None,
    optimiser: torch.optim.Optimizer,
    rows: Tensor,
    wanted: Tensor,
    weight: Tensor,
    columns: Tensor,
    l2: float,
    more: Tensor | None = None,
) -> Tensor:
    """Make one step, without leaving the device, and return its loss there."""
    kind = rows.device.type
    half = kind == "cuda" and torch.cuda.is_bf16_supported()
    with torch.autocast(kind if kind in ("cuda", "cpu") else "cpu", dtype=torch.bfloat16, enabled=half):
        logits = network(rows)
    each = functional.cross_entropy(logits.float()[:, columns], wanted, reduction="none")
    loss = (each * weight).mean()
    optimiser.zero_grad(set_to_none=True)
    whole = loss if head is None else loss + 0.5 * l2 * head.weight.float().pow(2).sum()
    whole = whole if more is None else whole + more
    whole.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.detach()


class _Consistency:
    """What the network is sure of about an unlabelled image shall hold when the image is much changed.

    Sohn et al.: FixMatch, NeurIPS 2020.
    """

    def __init__(self, rows: Rows, plan: Plan, columns: Tensor, generator: torch.Generator) -> None:
        if len(rows.shape) != 3:
            raise BadValue("consistency", plan.consistency, "is for images: rows must be (channels, height, width)")
        self._rows, self._plan, self._columns, self._generator = rows, plan, columns, generator
        self._stream = batches(len(rows), 2 * plan.batch, generator)

    def loss(self, network: nn.Module) -> Tensor:
        rows = self._rows.take(next(self._stream))
        network.eval()
        with torch.no_grad():
            sure, target = torch.softmax(network(rows).float()[:, self._columns], dim=1).max(dim=1)
        network.train()
        changed = network(strong(rows, self._generator)).float()[:, self._columns]
        each = functional.cross_entropy(changed, target, reduction="none")
        return self._plan.consistency * (each * (sure >= self._plan.certain)).mean()


@torch.inference_mode()
def log_loss(network: nn.Module, rows: Rows, place: Array, columns: Tensor) -> float:
    """Return the mean log loss of a network in evaluation mode, at the best of some temperatures."""
    network.eval()
    logits = torch.cat([network(block).float()[:, columns] for block in rows.blocks()])
    target = torch.from_numpy(place).to(logits.device)
    return min(functional.cross_entropy(logits / heat, target).item() for heat in TEMPERATURES)


def _optimiser(network: nn.Module, head: nn.Linear | None, plan: Plan, *, fused: bool) -> torch.optim.Optimizer:
    own = set() if head is None else {id(head.weight), id(head.bias)}
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    # Biases and batch norms are not shrunk; the head has its own penalty, which its posterior knows of.
    groups: list[dict[str, Any]] = [
        {"params": [p for p in trainable if p.dim() > 1 and id(p) not in own], "weight_decay": plan.decay},
        {"params": [p for p in trainable if p.dim() <= 1 or id(p) in own], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=plan.rate, fused=fused)


def _rate(step: int, steps: int, cycles: int) -> float:
    """Return the share of the rate: warmed up over a twentieth, then down a cosine; once for each cycle."""
    length = max(1, steps // cycles)
    at = (step % length) / length
    return min(1.0, (at + 1 / length) * 20) * 0.5 * (1 + math.cos(math.pi * at))


@dataclass
class _Watch:
    """The best state so far, by the loss on rows that are not trained on."""

    network: nn.Module
    rows: Rows
    place: Array
    columns: Tensor
    best: float = math.inf
    since: int = 0
    state: State | None = None

    @classmethod
    def of(cls, network: nn.Module, told: Told, columns: Tensor) -> _Watch | None:
        """Return the watch over the rows that are held out, if there are any."""
        if told.held_out is None:
            return None
        spared = np.sort(told.held_out)
        rows = Rows(told.rows.array[spared], told.rows.shape, told.rows.device)
        return cls(network, rows, told.place[spared], columns)

    def is_over(self) -> bool:
        """Look once more; return whether nothing was gained for long."""
        loss = log_loss(self.network, self.rows, self.place, self.columns)
        if loss < self.best:
            self.best, self.since, self.state = loss, 0, copied(self.network)
        else:
            self.since += 1
        return self.since >= PATIENCE

    def restore(self) -> None:
        """Give the network its best state back."""
        if self.state is not None:
            self.network.load_state_dict(self.state)


def copied(network: nn.Module) -> State:
    """Return a copy of all weights and buffers, where they are."""
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch's global chance begin at a seed, and give it back as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def threads(numbers: int, *, small: int = 2_000_000) -> Iterator[None]:
    """Let torch use one thread for small work: waking a second one costs more than it does."""
    before = torch.get_num_threads()
    try:
        if numbers < small:
            torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)
