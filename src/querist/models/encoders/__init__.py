"""Pretrained encoders: texts or images in, embeddings out. Frozen; nothing of your pool is learnt by them.

Each library is imported by one module here and nowhere else. An encoder has a *fingerprint*, the hash of its weights
and of the settings that change what it gives, so that embeddings can be kept for ever and never be taken for another's.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from querist.errors import BadValue, UnknownName
from querist.types import Array, Content, canonical_json

ENCODERS: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "minilm": ("querist.models.encoders.sentences", "packaged", ("text", "pair")),
    "sentence_transformers": ("querist.models.encoders.sentences", "named", ("text", "pair")),
    "onnx_text": ("querist.models.encoders.onnx", "text", ("text", "pair")),
    "efficientnet_lite0": ("querist.models.encoders.images", "packaged", ("image",)),
    "timm": ("querist.models.encoders.images", "timm", ("image",)),
    "torchvision": ("querist.models.encoders.images", "torchvision", ("image",)),
    "onnx_image": ("querist.models.encoders.onnx", "image", ("image",)),
}
"""Name → module, function that opens it, kinds of item that it reads."""

SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    "minilm": {"windows": 1},
    "sentence_transformers": {"model": "", "windows": 1},
    "onnx_text": {"model": "", "tokenizer": "", "length": 256, "windows": 1, "pooling": "mean", "normalise": True},
    "efficientnet_lite0": {"size": 96},
    "timm": {"model": "", "size": 0},
    "torchvision": {"model": "", "size": 0},
    "onnx_image": {"model": "", "size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}
"""The settings of each that change what it gives, with their defaults; `model` is a hub's name or a file."""

_LEAST: Final = {"windows": 1, "length": 8, "size": 0}


class Encoder(Protocol):
    """What `open_encoder` gives."""

    @property
    def fingerprint(self) -> str:
        """The hash of weights and settings: equal fingerprints give equal embeddings, up to rounding."""

    @property
    def dim(self) -> int:
        """The width of an embedding."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """The encoder itself, where it is a file of the user's that no name can bring back; else nothing."""

    def encode(self, contents: Sequence[Content], *, media: Path | None = None) -> Array:
        """Return (n, dim) float32."""


def open_encoder(name: str, settings: Mapping[str, Any], *, device: str = "auto") -> Encoder:
    """Return an encoder; opened once in a process.

    Args:
        name: out of `ENCODERS`.
        settings: those in `SETTINGS` that differ from their defaults.
        device: `auto`, `cpu`, `cuda`, `mps`.

    Raises:
        UnknownName: there is no such encoder, or it has no such setting.
        MissingExtra: its library is not installed.
        BadValue: the model cannot be opened, or a setting cannot be.
    """
    if name not in ENCODERS:
        raise UnknownName("encoder", name, ENCODERS)
    for setting in settings:
        if setting not in SETTINGS[name]:
            raise UnknownName(f"setting of encoder {name!r}", setting, SETTINGS[name])
    said = {**SETTINGS[name], **settings}
    for setting, least in _LEAST.items():
        if setting in said and not (isinstance(said[setting], int) and said[setting] >= least):
            raise BadValue(setting, said[setting], f"must be a whole number of at least {least}")
    return _opened(name, canonical_json(said), device)


@functools.lru_cache(maxsize=4)
def _opened(name: str, settings: str, device: str) -> Encoder:
    import json

    module, function, _ = ENCODERS[name]
    encoder: Encoder = getattr(importlib.import_module(module), function)(json.loads(settings), device)
    return encoder
