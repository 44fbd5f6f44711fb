"""The networks that can be had by name, and how any network is taken apart into a body and a linear head."""

from __future__ import annotations

import importlib
import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor, nn

from querist.errors import BadValue, ModelFailure, UnknownName
from querist.models.torch.transformers import transformer
from querist.types import Json

Build = Callable[..., nn.Module]
"""(shape of a row, number of classes, **settings) → a network that maps (b, *shape) to (b, classes) logits."""


class Standardise(nn.Module):
    """Shift and scale rows by what the training rows had: one mean a column, one scale for all of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(()))

    def learn(self, rows: Tensor) -> None:
        """Take mean and scale from rows (n, width)."""
        self.mean = rows.mean(dim=0)
        self.scale = (rows - self.mean).pow(2).mean().sqrt().clamp_min(1e-6)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the rows on their scale."""
        return (rows - self.mean) / self.scale


def mlp(shape: Sequence[int], classes: int, *, hidden: Sequence[int] = (256,), dropout: float = 0.2) -> nn.Module:
    """Return a perceptron: each hidden layer is linear, ReLU, dropout; for embeddings and tables.

    `hidden = []` is a linear softmax head. Rows are standardised by the training rows.
    """
    widths = [int(torch.Size(shape).numel()), *hidden]
    layers: list[nn.Module] = [nn.Flatten(), Standardise(widths[0])]
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(widths[-1], classes))


class Residual(nn.Module):
    """Two 3 × 3 convolutions with batch norm, around which the input goes straight on.

    He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016.
    """

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip
        straight = before == after and stride == 1
        self.around = nn.Identity() if straight else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return (b, after, h / stride, w / stride)."""
        return torch.relu(self.first(images) + self.around(images))


def small_resnet(
    shape: Sequence[int], classes: int, *, width: int = 16, blocks: int = 1, dropout: float = 0.3
) -> nn.Module:
    """Return a small residual network for images of 16 to 64 pixels: 80,000 weights as it stands.

    Three stages of `blocks` residual blocks, of `width`, 2 · `width` and 4 · `width` channels; dropout before the head.
    """
    channels = shape[0]
    layers: list[nn.Module] = [
        nn.Conv2d(channels, width, 3, 1 if shape[-1] <= 16 else 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
    ]  # fmt: skip
    before = width
    for stage in range(3):
        for block in range(blocks):
            after = width * 2**stage
            layers.append(Residual(before, after, 2 if stage and not block else 1))
            before = after
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(before, classes)]
    return nn.Sequential(*layers)


NAMED: Final[Mapping[str, Build]] = {"mlp": mlp, "small_resnet": small_resnet, "transformer": transformer}

IMAGES: Final = frozenset({"small_resnet"})
"""Networks that read (channels, height, width)."""


def settings_of(build: Build) -> dict[str, Any]:
    """Return the settings of a named network, with their defaults."""
    found = inspect.signature(build).parameters.values()
    return {one.name: one.default for one in found if one.kind is inspect.Parameter.KEYWORD_ONLY}


def by_path(path: str) -> Callable[..., nn.Module]:
    """Return the class or function `package.module:Name`; importing it runs code of that package.

    Raises:
        BadValue: there is no such module or name.
    """
    module, _, name = path.partition(":")
    try:
        found: Callable[..., nn.Module] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise BadValue("module", path, f"must be package.module:Name of a torch.nn.Module: {error}") from error
    return found


def called(factory: Callable[..., nn.Module], arguments: Mapping[str, Any], classes: int) -> nn.Module:
    """Return what a user's factory makes; it is given `classes` if it has a parameter of that name."""
    known = inspect.signature(factory).parameters
    for name in arguments:
        if name not in known:
            raise UnknownName(f"argument of {getattr(factory, '__name__', 'the network')}", name, known)
    more = {"classes": classes} if "classes" in known and "classes" not in arguments else {}
    return factory(**arguments, **more)


def made(
    source: Json, shape: tuple[int, ...], classes: int, given: Callable[..., nn.Module] | None = None
) -> nn.Module:
    """Return the network of a source, with weights that are not trained.

    Raises:
        ModelFailure: the user's maker raised.
    """
    if "named" in source:
        return NAMED[source["named"]](shape, classes, **source["arguments"])
    factory = given if given is not None else by_path(source["path"])
    try:
        return called(factory, source["arguments"], classes)
    except TypeError as error:
        raise ModelFailure(f"{source['path']} could not be made: {error}") from error


def head_of(network: nn.Module, classes: int) -> nn.Linear | None:
    """Return the last linear layer if its outputs are the classes: what comes into it is the embedding."""
    linear = [part for part in network.modules() if isinstance(part, nn.Linear)]
    return linear[-1] if linear and linear[-1].out_features == classes else None


def placed(network: nn.Module, shape: Sequence[int], device: str) -> nn.Module:
    """Return the network on its device; of images with its channels last: CPUs convolve that a seventh quicker."""
    last = torch.channels_last if len(shape) == 3 else torch.preserve_format
    return network.to(device, memory_format=last)


def image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channels, height, width) of images, grey or RGB: flat and square, without channels, or with them last.

    Raises:
        BadValue: it is no such image.

    >>> image_shape([784]), image_shape([28, 20]), image_shape([32, 32, 3]), image_shape([3, 32, 32])
    ((1, 28, 28), (1, 28, 20), (3, 32, 32), (3, 32, 32))
    """
    match tuple(shape):
        case (height, width):
            return 1, height, width
        case (height, width, 1 | 3 as channels):
            return channels, height, width
        case (channels, height, width):
            return channels, height, width
        case (numbers,):
            for channels in (1, 3):
                side = round((numbers / channels) ** 0.5)
                if channels * side * side == numbers:
                    return channels, side, side
    reason = (
        "are no square image; set features.settings = {pca = 0}, or model.settings.shape = [channels, height, width]"
    )
    raise BadValue("features", f"{' × '.join(map(str, shape))} numbers", reason)
