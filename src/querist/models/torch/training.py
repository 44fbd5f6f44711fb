"""The training loop: a budget of steps, early stopping on spared labels, smaller batches where memory runs out."""

from __future__ import annotations

import contextlib
import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from querist.errors import ModelFailure
from querist.models.torch.augment import augmented
from querist.models.torch.rows import Rows, batches
from querist.types import Array

State = dict[str, Tensor]

LOOKS: Final = 20
"""How often in a training it is looked whether it still gains."""

PATIENCE: Final = 5
"""Looks without gain after which it stops."""

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


@dataclass(slots=True)
class Trained:
    """What came out: a state for each cycle of the rate, the steps that were made, and what was noteworthy."""

    states: list[State]
    steps: int
    notes: list[str] = field(default_factory=list)


def train(
    network: nn.Module,
    head: nn.Linear | None,
    rows: Rows,
    target: Array,
    weight: Array,
    plan: Plan,
    *,
    seen: Array,
    seed: int,
    held_out: Array | None = None,
) -> Trained:
    """Train a network on rows; on the GPU in bfloat16 where it can. Halves the batch when memory runs out.

    Args:
        network: on its device, in the state that it shall begin with.
        head: its last layer, whose L2 penalty is `plan.l2` / 2 · ‖weight‖² of the summed loss.
        rows: n rows.
        target: (n,) class numbers.
        weight: (n,) weights of the rows.
        plan: steps, batch, rates.
        seen: class numbers that occur; the others take no part.
        seed: of the order of rows and of dropout.
        held_out: places of the rows that are not trained on: where they gain no more, it stops, with the best state.

    Raises:
        ModelFailure: memory runs out with two rows, or the loss is no number.
    """
    begin = copy.deepcopy(network.state_dict())
    notes: list[str] = []
    batch = min(plan.batch, len(rows))
    while True:
        try:
            trained = _train(network, head, rows, target, weight, plan, batch, seen, seed, held_out)
            trained.notes.extend(notes)
            return trained
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if not _is_memory(error):
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
        if rows.device.startswith("cuda"):
            torch.cuda.empty_cache()


def _is_memory(error: RuntimeError) -> bool:
    said = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "not enough memory" in said or "can't allocate memory" in said


def _train(
    network: nn.Module,
    head: nn.Linear | None,
    rows: Rows,
    target: Array,
    weight: Array,
    plan: Plan,
    batch: int,
    seen: Array,
    seed: int,
    held_out: Array | None,
) -> Trained:
    generator = torch.Generator().manual_seed(seed)
    kept = np.arange(len(rows)) if held_out is None else np.setdiff1d(np.arange(len(rows)), held_out)
    columns = torch.from_numpy(seen).to(rows.device)
    place = np.searchsorted(seen, target)
    optimiser = _optimiser(network, head, plan, fused=rows.device.startswith("cuda"))
    stream = batches(len(kept), batch, generator)
    look = max(1, plan.steps // LOOKS)
    watch = _Watch(network) if held_out is not None and plan.cycles == 1 else None
    states: list[State] = []
    losses: list[Tensor] = []
    made = 0
    with seeded(seed):
        for made in range(1, plan.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = plan.rate * _rate(made - 1, plan.steps, plan.cycles)
            chosen = kept[next(stream)]
            given = augmented(rows.take(chosen), plan.augment, generator)
            network.train()
            wanted = torch.from_numpy(place[chosen]).to(rows.device)
            importance = torch.from_numpy(weight[chosen]).to(rows.device)
            losses.append(step(network, head, optimiser, given, wanted, importance, columns, plan.l2 / len(kept)))
            if plan.cycles > 1 and made % (plan.steps // plan.cycles) == 0 and len(states) < plan.cycles:
                states.append(copied(network))
            if made % look == 0:
                # One look in many steps: asking a GPU for a number makes it wait.
                mean = torch.stack(losses).mean().item()
                losses.clear()
                if not math.isfinite(mean):
                    raise ModelFailure(f"the loss is {mean} after {made} steps; a smaller rate may help")
                if watch is not None and held_out is not None:
                    loss = log_loss(network, Rows(rows.array[np.sort(held_out)], rows.shape, rows.device),
                                    place[np.sort(held_out)], columns)  # fmt: skip
                    if watch.is_over(loss):
                        break
                elif mean < _LEARNT and plan.cycles == 1 and made >= plan.steps // 4:
                    break
    if watch is not None:
        watch.restore()
    return Trained(states or [copied(network)], made)


def step(
    network: nn.Module,
    head: nn.Linear | None,
    optimiser: torch.optim.Optimizer,
    rows: Tensor,
    wanted: Tensor,
    weight: Tensor,
    columns: Tensor,
    l2: float,
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
    whole.backward()
    nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimiser.step()
    return loss.detach()


@torch.inference_mode()
def log_loss(network: nn.Module, rows: Rows, place: Array, columns: Tensor) -> float:
    """Return the mean log loss of a network in evaluation mode."""
    network.eval()
    logits = torch.cat([network(block).float()[:, columns] for block in rows.blocks()])
    return functional.cross_entropy(logits, torch.from_numpy(place).to(logits.device)).item()


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
    best: float = math.inf
    since: int = 0
    state: State | None = None

    def is_over(self, loss: float) -> bool:
        if loss < self.best:
            self.best, self.since, self.state = loss, 0, copied(self.network)
        else:
            self.since += 1
        return self.since >= PATIENCE

    def restore(self) -> None:
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
