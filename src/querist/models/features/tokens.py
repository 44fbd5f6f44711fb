"""Texts as token ids for a transformer that is fine-tuned, beside their frozen embedding to measure distances in."""

# A pipeline takes the arguments of all methods, whether it needs them or not.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist.errors import BadValue
from querist.models.features.encoded import PIPELINES, EncodedPipeline
from querist.models.features.text import text_of
from querist.types import Features, Json

PAD: Final = -1
"""What fills a row up: no vocabulary has it."""

_DEFAULTS: Final[Mapping[str, Any]] = {**PIPELINES["sentence_transformers"].defaults, "length": 64}


@dataclass(frozen=True)
class TokensPipeline:
    """Token ids (n, windows, length) int32 as input, tokenised once; the encoder's embedding as embedding.

    `length`: tokens of a window; `windows`: how many, for long documents; `model`: a folder or a name of
    sentence-transformers, MiniLM out of its package if none is named. The other settings are those of encoders.
    """

    inner: EncodedPipeline
    settings: Mapping[str, Any]

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return self.inner.dim

    @property
    def report(self) -> Json:
        return {**self.inner.report, "length": self.settings["length"], "windows": self.settings["windows"]}

    @classmethod
    def fit(
        cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None
    ) -> TokensPipeline:
        if not 4 <= settings["length"] <= 512 or settings["windows"] < 1:
            shown = f"{settings['windows']} × {settings['length']}"
            raise BadValue("length", shown, "must be between 4 and 512 tokens, in at least one window")
        return cls(_kind(settings).fit(sample, settings, seed=seed, media=media), settings)

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        length, most = int(self.settings["length"]), int(self.settings["windows"])
        ids = np.full((len(batch), most, length), PAD, dtype=np.int32)
        encoder: Any = self.inner.encoder
        tokenizer = encoder.model.tokenizer
        texts = ["" if content is None else text_of(content) for content in batch]
        found = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] if texts else []
        step = length - 2
        for row, tokens in enumerate(found):
            for window in range(max(1, min(most, -(-len(tokens) // step)))):
                part = tokens[window * step : (window + 1) * step]
                # Some vocabularies have no token that opens or closes a text.
                closed = [
                    token for token in (tokenizer.cls_token_id, *part, tokenizer.sep_token_id) if token is not None
                ]
                ids[row, window, : len(closed)] = closed
        return Features(ids, self.inner.transform(batch, media=media).embed)

    def save(self) -> dict[str, bytes]:
        return self.inner.save()

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> TokensPipeline:
        return cls(_kind(settings).restore(saved, settings), settings)


def _kind(settings: Mapping[str, Any]) -> type[EncodedPipeline]:
    return PIPELINES["sentence_transformers" if settings["model"] else "minilm"]
