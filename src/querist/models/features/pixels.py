"""Small images as their pixels: resized to one size of at most 32 × 32, values from 0 to 1, reduced if asked."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG003

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.models import files
from querist.types import Array, Content, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {"size": 32, "pca": "auto", "fit_rows": 5_000}
_MANY: Final = 1024  # pixels from which on `pca = "auto"` reduces: wider rows only slow everything that follows
_AXES: Final = 128


@dataclass(frozen=True)
class PixelsPipeline:
    """Grey or RGB values as one row, for digits, icons and other small pictures; photos want a pretrained encoder.

    The pool's own size is kept up to `size` × `size` pixels; colour is kept where a picture of the sample has any.
    `pca`: axes to reduce to, 0 for none, `auto` for 128 where there are more than 1,024 values.
    """

    width: int
    height: int
    colour: bool
    centre: Array
    axes: Array  # (k, pixels), or empty

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return int(self.axes.shape[0]) or self._values

    @property
    def report(self) -> Json:
        return {"width": self.width, "height": self.height, "colour": self.colour, "pca": int(self.axes.shape[0])}

    @property
    def _values(self) -> int:
        return self.width * self.height * (3 if self.colour else 1)

    @classmethod
    def fit(
        cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None
    ) -> PixelsPipeline:
        size = int(settings["size"])
        if not 1 <= size <= 256:
            raise BadValue("size", size, "must be between 1 and 256 pixels")
        seen = [_look(content, media) for content in sample[:500] if content is not None]
        if not seen:
            raise BadValue("features", "pixels", "found no image to look at")
        width = min(size, int(np.median([shape[0] for shape in seen])))
        height = min(size, int(np.median([shape[1] for shape in seen])))
        plain = cls(
            width, height, any(shape[2] for shape in seen), np.zeros(0, np.float32), np.zeros((0, 0), np.float32)
        )
        wanted = settings["pca"]
        reduced = (_AXES if plain._values > _MANY else 0) if wanted == "auto" else int(wanted)
        if reduced <= 0:
            return plain
        rows = plain.transform(sample, media=media).input
        return cls(width, height, plain.colour, *_principal(rows, min(reduced, *rows.shape), seed))

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        rows = np.zeros((len(batch), self._values), dtype=np.float32)
        for number, content in enumerate(batch):
            if content is not None:
                rows[number] = self._read(content, media)
        rows /= 255
        if self.axes.size:
            rows = (rows - self.centre) @ self.axes.T
        return Features(rows, rows)

    def save(self) -> dict[str, bytes]:
        shape = {"width": self.width, "height": self.height, "colour": self.colour}
        return {
            "pixels.json": files.to_json(shape),
            "centre.npy": files.to_npy(self.centre),
            "axes.npy": files.to_npy(self.axes),
        }

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> PixelsPipeline:
        shape = files.from_json(saved, "pixels.json")
        return cls(**shape, centre=files.from_npy(saved, "centre.npy"), axes=files.from_npy(saved, "axes.npy"))

    def _read(self, content: Content, media: Path | None) -> Array:
        from PIL import Image

        size = (self.width, self.height)
        if "pixels" in content.value and not self.colour:
            pixels = np.asarray(content.value["pixels"], dtype=np.uint8)
            if pixels.shape == (self.height, self.width):
                return pixels.ravel()
        image = open_image(content, media)
        image.draft("RGB" if self.colour else "L", size)
        if image.mode != ("RGB" if self.colour else "L"):
            image = image.convert("RGB" if self.colour else "L")
        if image.size != size:
            image = image.resize(size, Image.Resampling.BOX)
        return np.asarray(image, dtype=np.uint8).ravel()


def open_image(content: Content, media: Path | None) -> Any:
    """Return the PIL image of a content, out of its file under `media` or its pixels; a file is not read yet."""
    from PIL import Image

    if "pixels" in content.value:
        return Image.fromarray(np.asarray(content.value["pixels"], dtype=np.uint8))
    return Image.open(_path(content, media))


def _look(content: Content, media: Path | None) -> tuple[int, int, bool]:
    """Return width, height and whether it has colour; reads the header of a file only, unless its mode is colour."""
    from PIL import Image

    if "pixels" in content.value:
        shape = np.asarray(content.value["pixels"]).shape
        return shape[1], shape[0], len(shape) == 3
    with Image.open(_path(content, media)) as image:
        width, height = image.size
        if image.mode in ("1", "L", "LA", "I", "I;16", "F"):
            return width, height, False
        small = np.asarray(image.convert("RGB").resize((16, 16)), dtype=np.int16)
        return width, height, bool((small.max(axis=2) - small.min(axis=2)).max() > 8)


def _path(content: Content, media: Path | None) -> Path:
    if media is None:
        raise BadValue("media", None, f"the folder that {content.value['path']!r} is relative to must be given")
    return media / str(content.value["path"])


def _principal(rows: Array, count: int, seed: int) -> tuple[Array, Array]:
    from sklearn.utils.extmath import randomized_svd

    centre = rows.mean(axis=0)
    _, _, axes = randomized_svd(rows - centre, count, n_iter=3, random_state=seed % 2**32)
    return centre.astype(np.float32), np.ascontiguousarray(axes, dtype=np.float32)
