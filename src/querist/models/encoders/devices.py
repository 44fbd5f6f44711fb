"""Where torch computes, and what a module's weights are called."""

from __future__ import annotations

import hashlib
from typing import Any

from querist.errors import BadValue, MissingExtra


def import_torch(needed_by: str) -> Any:
    """Return the module torch; MissingExtra, naming what needs it, where it is not installed."""
    try:
        import torch
    except ImportError:
        raise MissingExtra(needed_by, "torch") from None
    return torch


def pick(device: str = "auto") -> str:
    """Return the device's name: the one asked for, or the quickest that is there.

    Raises:
        BadValue: it is not on this machine.
    """
    torch = import_torch(f"device {device!r}")
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    if device == "auto":
        return there[0]
    if device.partition(":")[0] not in [*there, "meta"]:
        raise BadValue("device", device, f"is not on this machine; have: auto, {', '.join(there)}", choices=there)
    return device


def state_hash(module: Any) -> str:
    """Return the SHA-256 of a module's parameters and buffers: names, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().to("cpu").contiguous()
        digest.update(f"{name}{tuple(array.shape)}{array.dtype}".encode())
        digest.update(array.flatten().view(import_torch("a fingerprint").uint8).numpy().tobytes())
    return digest.hexdigest()
