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

    Bytes become numbers from 0 to 1, integers stay integers (tokens), everything else is float32. Where `shape` is that
    of a colour image, (3, height, width), rows may lie as (height, width, 3), and flat rows do.
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
        if len(self.shape) == 3 and self.shape[0] == 3 and tuple(self.array.shape[1:]) != self.shape:
            return tensor.reshape(-1, *self.shape[1:], 3).permute(0, 3, 1, 2)
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


def replayed(new: Array, old: Array, size: int, generator: torch.Generator) -> Iterator[Array]:
    """Yield batches of places without end, half of them new rows and half earlier ones, so that nothing is forgotten.

    >>> stream = replayed(np.array([7, 8]), np.arange(6), 4, torch.Generator().manual_seed(0))
    >>> [sorted(set(next(stream).tolist()) & {7, 8}) for _ in range(3)]
    [[7, 8], [7, 8], [7, 8]]
    """
    if not len(new) or not len(old):
        rows = new if len(new) else old
        yield from (rows[places] for places in batches(len(rows), size, generator))
    half = max(1, size // 2)
    streams = [(rows, batches(len(rows), half, generator)) for rows in (new, old)]
    while True:
        yield np.concatenate([rows[next(stream)] for rows, stream in streams])


def shape_of(array: Any, wanted: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of a row: as wanted, else as it is."""
    return tuple(int(side) for side in wanted) or tuple(array.shape[1:])
