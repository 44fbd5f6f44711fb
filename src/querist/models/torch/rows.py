"""Rows as tensors, a batch at a time: what is on disk stays there until its turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from querist.types import Array

_BLOCK: Final = 1 << 26  # bytes of float32 that a network is given at a time


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of an array that may be memory-mapped, in the shape that a network reads.

    Bytes become numbers from 0 to 1, integers stay integers (tokens), everything else is float32. Images of uint8 lie
    as (height, width, channels) or flat; they are given as (channels, height, width) where `shape` says so.
    """

    array: Any
    shape: tuple[int, ...]
    device: str

    def __len__(self) -> int:
        return int(self.array.shape[0])

    def take(self, places: Array) -> Tensor:
        """Return (b, *shape) on the device."""
        picked = np.asarray(self.array[places])
        tensor = torch.from_numpy(np.ascontiguousarray(picked)).to(self.device)
        if tensor.dtype == torch.uint8:
            tensor = tensor.float() / 255
        elif tensor.is_floating_point():
            tensor = tensor.float()
        else:
            tensor = tensor.long()
        return tensor.reshape(-1, *self.shape)

    def blocks(self, most: int | None = None) -> Iterator[Tensor]:
        """Yield all rows in order, in blocks that fit into memory."""
        size = most or max(16, min(4096, _BLOCK // (4 * max(1, int(np.prod(self.shape))))))
        for start in range(0, len(self), size):
            yield self.take(np.arange(start, min(start + size, len(self))))


def batches(count: int, size: int, generator: torch.Generator) -> Iterator[Array]:
    """Yield the places 0 … count − 1, shuffled, in batches of `size` without end.

    No batch has one row alone, unless there is no other: batch norm cannot learn from it.

    >>> stream = batches(5, 2, torch.Generator().manual_seed(0))
    >>> [len(next(stream)) for _ in range(4)]
    [2, 3, 2, 3]
    """
    size = max(2, size)
    while True:
        order = torch.randperm(count, generator=generator).numpy()
        starts = list(range(0, count, size))
        if len(starts) > 1 and count - starts[-1] == 1:
            starts.pop()
        for start, end in zip(starts, [*starts[1:], count], strict=True):
            yield order[start:end]


def shape_of(array: Any, wanted: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a row: as wanted, else as it is."""
    return tuple(int(side) for side in wanted) or tuple(array.shape[1:])
