"""MC dropout with masks that hold for the whole pool: each draw is one network, asked about every row.

With fresh masks for each row the draws of two rows do not belong together, and what two rows share (BatchBALD, EPIG)
cannot be seen. Gal & Ghahramani, ICML 2016; consistent masks: Kirsch, van Amersfoort, Gal, NeurIPS 2019.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

KINDS: Final = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)


def layers(network: nn.Module) -> list[nn.Module]:
    """Return the dropout layers that drop anything."""
    return [part for part in network.modules() if isinstance(part, KINDS) and 0 < part.p < 1]


def mask(layer: nn.Module, shape: tuple[int, ...], seed: int) -> Tensor:
    """Return the mask of one draw for one layer, of the shape of a row: zeros, and 1 / (1 − p) for what stays.

    Channels fall together in the layers that drop channels, and the axes of a token in every place of a text alike.
    The mask is drawn on the CPU, so that it is the same on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    if isinstance(layer, nn.Dropout):
        drawn = shape if len(shape) != 2 else (1, shape[1])
    else:
        drawn = (shape[0], *(1 for _ in shape[1:]))
    kept = 1 - float(layer.p)
    return (torch.rand(drawn, generator=generator) < kept).float() / kept


@contextlib.contextmanager
def fixed(network: nn.Module, seed: int) -> Iterator[None]:
    """Let every dropout layer of a network in evaluation mode drop the same units of all rows."""

    def hook(number: int, layer: nn.Module) -> Callable[..., Any]:
        drawn: dict[tuple[int, ...], Tensor] = {}

        def masked(_: nn.Module, given: tuple[Tensor, ...], __: Tensor) -> Tensor:
            shape = tuple(given[0].shape[1:])
            if shape not in drawn:
                drawn[shape] = mask(layer, shape, seed + 7919 * number).to(given[0].device)
            return given[0] * drawn[shape]

        return masked

    handles = [layer.register_forward_hook(hook(number, layer)) for number, layer in enumerate(layers(network))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def only_before(network: nn.Module, head: nn.Linear, rows: Tensor) -> bool:
    """Return whether the one dropout layer is right before the head: draws then need the body's output only once."""
    found = layers(network)
    if len(found) != 1:
        return False
    given: dict[str, Tensor] = {}
    hooks = [
        found[0].register_forward_hook(lambda _, __, output: given.__setitem__("out", output)),
        head.register_forward_pre_hook(lambda _, args: given.__setitem__("in", args[0])),
    ]
    try:
        network(rows)
    finally:
        for hook in hooks:
            hook.remove()
    same: bool = given["in"].data_ptr() == given["out"].data_ptr() and given["in"].dim() == 2
    return same
