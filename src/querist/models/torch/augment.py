"""Images as they might have been taken as well: drawn anew for each batch, on the device that the batch is on."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from querist.errors import UnknownName

KINDS: Final = ("none", "shift", "flip")
"""`shift`: moved by up to an eighth; `flip`: that, and mirrored left to right half of the time."""


def augmented(rows: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """Return the images (b, channels, h, w), each moved, and mirrored, by its own lot.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownName("augmentation", kind, KINDS)
    if kind == "none":
        return rows
    count, (height, width) = len(rows), rows.shape[-2:]
    most = max(1, min(height, width) // 8)
    down, right = (torch.randint(0, 2 * most + 1, (count, 1), generator=generator).to(rows.device) for _ in range(2))
    padded = functional.pad(rows, (most, most, most, most))
    own = torch.arange(count, device=rows.device)
    ys = (down + torch.arange(height, device=rows.device))[:, :, None]
    xs = right + torch.arange(width, device=rows.device)
    if kind == "flip":
        mirrored = (torch.rand((count, 1), generator=generator) < 0.5).to(rows.device)
        xs = torch.where(mirrored, xs.flip(1), xs)
    return padded[own[:, None, None], :, ys, xs[:, None, :]].permute(0, 3, 1, 2)
