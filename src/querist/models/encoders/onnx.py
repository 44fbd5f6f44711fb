"""Encoders in an ONNX file, through onnxruntime: no torch is needed. The file goes into the project and its models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.errors import BadValue, MissingExtra
from querist.models.encoders.images import images
from querist.models.encoders.sentences import windows
from querist.models.features.text import text_of
from querist.types import Array, Content, Json, canonical_json

_BATCH: Final = 32

_REFUSALS: Final = ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotImplemented")
"""Its errors, which have no common base."""


def text(settings: Json, device: str) -> OnnxText:
    """Return an encoder of texts: a transformer in an ONNX file, with the `tokenizer.json` of its vocabulary.

    `length`: tokens of a window. `pooling` of a network that gives a vector for each token: `mean`, or `first`.
    """
    session, files = _open(settings, device, "features 'onnx_text'")
    path = settings["tokenizer"] or str(Path(settings["model"]).with_name("tokenizer.json"))
    files["tokenizer.json"] = _read(path, "tokenizer")
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise MissingExtra("features 'onnx_text'", "onnx") from None
    tokenizer = Tokenizer.from_buffer(files["tokenizer.json"])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    if settings["pooling"] not in ("mean", "first"):
        raise BadValue("pooling", settings["pooling"], "must be mean or first", choices=("mean", "first"))
    return OnnxText(session, tokenizer, settings, _fingerprint(settings, files), files)


def image(settings: Json, device: str) -> OnnxImage:
    """Return an encoder of images: a network in an ONNX file that reads (n, 3, size, size) standardised channels."""
    session, files = _open(settings, device, "features 'onnx_image'")
    return OnnxImage(session, settings, _fingerprint(settings, files), files)


def _open(settings: Json, device: str, needed_by: str) -> tuple[Any, dict[str, bytes]]:
    try:
        import onnxruntime
        from onnxruntime.capi import onnxruntime_pybind11_state as refused
    except ImportError:
        raise MissingExtra(needed_by, "onnx") from None
    if not settings["model"]:
        raise BadValue("model", "", f"name the file: {needed_by.split(chr(39))[1]}:encoder.onnx")
    data = _read(settings["model"], "model")
    have = onnxruntime.get_available_providers()
    wanted = [p for p in ("CUDAExecutionProvider", "CPUExecutionProvider") if p in have]
    if device == "cpu":
        wanted = ["CPUExecutionProvider"]
    try:
        return onnxruntime.InferenceSession(data, providers=wanted), {"model.onnx": data}
    except tuple(getattr(refused, name) for name in _REFUSALS) as error:
        raise BadValue("model", settings["model"], f"is no network that onnxruntime can run: {error}") from error


def _read(path: str, setting: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise BadValue(setting, path, f"cannot be read: {error.strerror}") from error


def _fingerprint(settings: Json, files: Mapping[str, bytes]) -> str:
    said = {name: value for name, value in settings.items() if name not in ("model", "tokenizer")}
    digest = hashlib.sha256(canonical_json(said).encode())
    for name in sorted(files):
        digest.update(hashlib.sha256(files[name]).digest())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class OnnxText:
    """Texts as token ids; token vectors are pooled here, sentence vectors are taken as they are."""

    session: Any = field(repr=False)
    tokenizer: Any = field(repr=False)
    settings: Json
    fingerprint: str
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def dim(self) -> int:
        """The width of an embedding."""
        return int(self._encode([""]).shape[1])

    def encode(self, contents: Sequence[Content], *, media: Path | None = None) -> Array:  # noqa: ARG002
        """Return (n, dim) float32, of unit length if `normalise`."""
        parts = [self._pieces(text_of(content)) for content in contents]
        flat = [piece for pieces in parts for piece in pieces]
        # Texts of like length go together: less padding.
        order = sorted(range(len(flat)), key=lambda place: len(flat[place]))
        rows: list[Array] = [np.empty(0)] * len(flat)
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            for place, row in zip(places, self._encode([flat[place] for place in places]), strict=True):
                rows[place] = row
        ends = np.cumsum([len(pieces) for pieces in parts])
        counted = zip(ends, parts, strict=True)
        embed = np.stack([np.mean(rows[end - len(pieces) : end], axis=0) for end, pieces in counted])
        return _unit(embed) if self.settings["normalise"] else embed

    def _pieces(self, said: str) -> list[str]:
        if self.settings["windows"] == 1:
            return [said]
        found = self.tokenizer.encode(said, add_special_tokens=False)
        return windows(said, found.offsets, self.settings["length"] - 2, self.settings["windows"])

    def _encode(self, texts: list[str]) -> Array:
        found = [self.tokenizer.encode(each) for each in texts]
        width = min(self.settings["length"], max(len(each.ids) for each in found))
        ids, mask = (np.zeros((len(found), width), dtype=np.int64) for _ in range(2))
        for row, each in enumerate(found):
            # The last token closes the text, also where it is cut.
            kept = each.ids if len(each.ids) <= width else [*each.ids[: width - 1], each.ids[-1]]
            ids[row, : len(kept)], mask[row, : len(kept)] = kept, 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        wanted = {each.name for each in self.session.get_inputs()}
        output = self.session.run(None, {name: given[name] for name in wanted & given.keys()})[0]
        if output.ndim == 3 and self.settings["pooling"] == "first":
            output = output[:, 0]
        elif output.ndim == 3:
            output = (output * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True).clip(1)
        embed: Array = np.asarray(output, dtype=np.float32)
        return _unit(embed) if self.settings["normalise"] else embed


@dataclass(frozen=True)
class OnnxImage:
    """Images at one size through the network; what still has places is averaged over them."""

    session: Any = field(repr=False)
    settings: Json
    fingerprint: str
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def dim(self) -> int:
        """The width of an embedding."""
        size = self.settings["size"]
        return int(self._encode(np.zeros((1, 3, size, size), dtype=np.float32)).shape[1])

    def encode(self, contents: Sequence[Content], *, media: Path | None = None) -> Array:
        """Return (n, dim) float32."""
        said = self.settings
        parts = [
            self._encode(images(contents[start : start + _BATCH], said["size"], said["mean"], said["std"], media))
            for start in range(0, len(contents), _BATCH)
        ]
        return np.concatenate(parts)

    def _encode(self, batch: Array) -> Array:
        output = self.session.run(None, {self.session.get_inputs()[0].name: batch})[0]
        embed: Array = np.asarray(output, dtype=np.float32)
        return embed.mean(axis=(2, 3)) if embed.ndim == 4 else embed.reshape(len(embed), -1)


def _unit(rows: Array) -> Array:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Array = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return unit
