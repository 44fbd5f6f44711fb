"""Sounds as their spectra: how loud each band of pitches is on average, and how much that changes."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG003

from __future__ import annotations

import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist.models import files
from querist.types import Array, Content, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {"bands": 32, "seconds": 30}
_FRAME: Final = 1024
_LOWEST: Final = 60.0
_WIDTHS: Final[Mapping[int, str]] = {1: "u1", 2: "<i2", 4: "<i4"}


@dataclass(frozen=True)
class SoundPipeline:
    """Mean and deviation over time of the log energy in `bands` bands of equal musical width, of the first `seconds`.

    Reads WAV of 8, 16 or 32 bits; any other sound becomes a row of zeros, and `report` says how many there were among
    those it was fitted on. Rows are standardised.
    """

    centre: Array
    scale: Array
    settings: Mapping[str, Any]
    unread: int

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return len(self.centre)

    @property
    def report(self) -> Json:
        return {"dim": self.dim, "not_wav": self.unread}

    @classmethod
    def fit(cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None) -> SoundPipeline:
        found = [_spectrum(content, media, settings) for content in sample]
        read = [row for row in found if row is not None]
        rows = np.array(read) if read else np.zeros((1, 2 * int(settings["bands"])))
        scale = rows.std(axis=0)
        kept = {name: settings[name] for name in _DEFAULTS}
        return cls(rows.mean(axis=0), np.where(scale > 0, scale, 1.0), kept, len(found) - len(read))

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        rows = np.zeros((len(batch), self.dim), dtype=np.float32)
        for place, content in enumerate(batch):
            found = _spectrum(content, media, self.settings)
            if found is not None:
                rows[place] = (found - self.centre) / self.scale
        return Features(rows, rows)

    def save(self) -> dict[str, bytes]:
        about = {"settings": dict(self.settings), "unread": self.unread}
        return {
            "sound.json": files.to_json(about),
            "centre.npy": files.to_npy(self.centre),
            "scale.npy": files.to_npy(self.scale),
        }

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> SoundPipeline:
        about = files.from_json(saved, "sound.json")
        centre, scale = (files.from_npy(saved, name) for name in ("centre.npy", "scale.npy"))
        return cls(centre, scale, about["settings"], about["unread"])


def _spectrum(content: Content | None, media: Path | None, settings: Mapping[str, Any]) -> Array | None:
    """(2 · bands,) of one sound; None where it is erased or no WAV."""
    read = None if content is None else _samples(Path(media or ".") / content.value["path"], int(settings["seconds"]))
    if read is None:
        return None
    samples, rate = read
    frames = np.pad(samples, (0, -len(samples) % _FRAME)).reshape(-1, _FRAME)
    energy = np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2
    pitches = np.fft.rfftfreq(_FRAME, 1 / rate)
    bands = int(settings["bands"])
    edges = np.geomspace(_LOWEST, max(rate / 2, 2 * _LOWEST), bands + 1)
    band = np.clip(np.digitize(pitches, edges) - 1, 0, bands - 1)
    loud = np.stack([np.bincount(band, weights=frame, minlength=bands) for frame in energy])
    log = np.log10(loud + 1e-6)
    return np.concatenate([log.mean(axis=0), log.std(axis=0)])


def _samples(path: Path, seconds: int) -> tuple[Array, int] | None:
    try:
        with wave.open(str(path), "rb") as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            data = file.readframes(seconds * rate)
    except (wave.Error, EOFError, OSError):
        return None
    if width not in _WIDTHS or not data:
        return None
    given = np.frombuffer(data[: len(data) // (width * channels) * width * channels], dtype=_WIDTHS[width])
    samples = given.astype(np.float64).reshape(-1, channels).mean(axis=1)
    return (samples - (128 if width == 1 else 0)) / 2.0 ** (8 * width - 1), rate
