"""Texts and images by a pretrained encoder, frozen: the strongest features where there is one for your kind of data."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG003

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue, Damaged
from querist.models import files
from querist.models.encoders import SETTINGS, Encoder, open_encoder
from querist.models.encoders.kept import Kept, cache_folder, key_of
from querist.types import Array, Content, Features, Json

_STRETCH: Final = 256
"""Items that are encoded between two writes to the disk: what a crash can cost."""

_COMMON: Final[Mapping[str, Any]] = {
    "dtype": "float32",
    "centre": True,
    "cache": "",
    "device": "auto",
    "fit_rows": 5_000,
}


@dataclass(frozen=True)
class EncodedPipeline:
    """The embeddings of an encoder, centred on the pool's mean and of unit length: input and embedding in one.

    Settings, beside those of the encoder: `centre` (without it rows are only made unit length), `dtype` (`float16`
    halves the disk), `cache` (the folder that embeddings are kept in), `device`.
    """

    name: str
    settings: Mapping[str, Any]
    encoder: Encoder
    centre: Array  # (dim,)

    encoder_name: ClassVar[str] = ""
    defaults: ClassVar[Mapping[str, Any]] = _COMMON

    @property
    def dim(self) -> int:
        return int(self.centre.shape[0])

    @property
    def report(self) -> Json:
        return {"encoder": self.name, "fingerprint": self.encoder.fingerprint, "dim": self.dim}

    @classmethod
    def fit(
        cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None
    ) -> EncodedPipeline:
        if settings["dtype"] not in ("float32", "float16"):
            raise BadValue("dtype", settings["dtype"], "must be float32 or float16", choices=("float32", "float16"))
        encoder = _encoder(cls.encoder_name, settings)
        plain = cls(cls.encoder_name, settings, encoder, np.zeros(encoder.dim, dtype=np.float32))
        if not settings["centre"]:
            return plain
        rows = plain._raw([content for content in sample if content is not None], media)
        centre = rows.mean(axis=0, dtype=np.float64).astype(np.float32) if len(rows) > 1 else plain.centre
        return cls(cls.encoder_name, settings, encoder, centre)

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        known = np.array([content is not None for content in batch], dtype=bool)
        rows = np.zeros((len(batch), self.dim), dtype=self.settings["dtype"])
        if known.any():
            found = self._raw([content for content in batch if content is not None], media) - self.centre
            length = np.linalg.norm(found, axis=1, keepdims=True)
            rows[known] = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
        return Features(rows, rows)

    def save(self) -> dict[str, bytes]:
        said = {"encoder": self.name, "fingerprint": self.encoder.fingerprint}
        kept = files.nest("encoder", self.encoder.files)
        return {"encoded.json": files.to_json(said), "centre.npy": files.to_npy(self.centre), **kept}

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> EncodedPipeline:
        said = files.from_json(saved, "encoded.json")
        own = files.inside("encoder", saved)
        with _laid_out(own) as folder:
            moved = {"model": str(folder / "model.onnx"), "tokenizer": str(folder / "tokenizer.json")} if own else {}
            encoder = _encoder(cls.encoder_name, {**settings, **{k: v for k, v in moved.items() if k in settings}})
        if encoder.fingerprint != said["fingerprint"]:
            reason = f"these features were made by {said['encoder']} with fingerprint {said['fingerprint']}"
            raise Damaged(
                f"{reason}; the one on this machine is {encoder.fingerprint}: other weights, or another version"
            )
        return cls(said["encoder"], settings, encoder, files.from_npy(saved, "centre.npy"))

    def _raw(self, contents: Sequence[Content], media: Path | None) -> Array:
        """Return (n, dim) float32 as the encoder gave them, out of the cache where they are kept."""
        encoder = self.encoder
        folder = cache_folder(self.settings["cache"]) / "embeddings" / encoder.fingerprint
        kept = Kept(folder, self.dim, self.settings["dtype"])
        keys = [key_of(content, media) for content in contents]
        missing = kept.missing(keys)
        for start in _shown(range(0, len(missing), _STRETCH), f"{self.name}: {len(missing):,} new items"):
            places = missing[start : start + _STRETCH]
            kept.add(
                [keys[place] for place in places], encoder.encode([contents[place] for place in places], media=media)
            )
        found = kept.get(keys).astype(np.float32)
        if not np.isfinite(found).all():
            place = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
            raise BadValue("features", self.name, f"the encoder gave NaN or infinity for item number {place}")
        return found


def _encoder(name: str, settings: Mapping[str, Any]) -> Encoder:
    own = {key: value for key, value in settings.items() if key in SETTINGS[name]}
    return open_encoder(name, own, device=settings.get("device", "auto"))


class _laid_out(tempfile.TemporaryDirectory[str]):  # noqa: N801 - used as a function
    """The files in a folder of their own, for as long as the context lasts."""

    def __init__(self, saved: Mapping[str, bytes]) -> None:
        super().__init__(prefix="querist-encoder-")
        self._saved = saved

    def __enter__(self) -> Path:  # type: ignore[override]
        folder = Path(super().__enter__())
        for name, data in self._saved.items():
            (folder / name).write_bytes(data)
        return folder


def _shown(steps: range, said: str) -> Iterator[int]:
    """Yield the steps, behind a bar where somebody watches a terminal and it will take a while."""
    import sys

    if len(steps) < 3 or not sys.stderr.isatty():
        yield from steps
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(steps, description=said, console=Console(stderr=True))


def _pipeline(name: str) -> type[EncodedPipeline]:
    """Return the pipeline of one encoder: the settings of a method are those of its class."""
    own = {"encoder_name": name, "defaults": {**_COMMON, **SETTINGS[name]}, "__doc__": EncodedPipeline.__doc__}
    return type(f"Encoded[{name}]", (EncodedPipeline,), own)


PIPELINES: Final = {name: _pipeline(name) for name in SETTINGS}
