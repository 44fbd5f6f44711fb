"""Texts as TF-IDF of words and pairs of words, and as its truncated SVD (latent semantic analysis)."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG002, ARG003

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from scipy.sparse import csr_matrix, hstack

from querist.errors import BadValue
from querist.models import files
from querist.types import Array, Content, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {
    "dim": 128,
    "pairs": True,
    "characters": True,
    "terms": 50_000,
    "least": 2,
    "fit_rows": 20_000,
}
_CHARACTERS: Final = 20_000_000
_DIGIT: Final = re.compile(r"\d")
_WORD: Final = r"(?u)\w+|[^\w\s]"


def _shape(text: str) -> str:
    # 08001234567 and £250 are the same word to a reader who has not seen the number before.
    return _DIGIT.sub("0", text.lower())


@dataclass(frozen=True)
class TfidfPipeline:
    """TF-IDF as input (CSR), its truncated SVD as embedding: good with many labels, or with naive Bayes.

    Words and single signs in small letters, each digit read as 0; `pairs` of neighbouring words too; `characters`: also
    runs of two to four characters within words, which forgive typing errors and serve languages that put no blanks
    between words (they take three quarters of the time). At most so many `terms` of each sort, each in at least `least`
    texts; sublinear term frequency; rows of unit length. `dim` is the width of the embedding. Where texts are long, so
    many of the sample are fitted on as have 20 million characters, and the report says how many.

    Salton & Buckley (1988); Deerwester et al. (1990).
    """

    vectorizers: tuple[Any, ...]
    axes: Array  # (dim, terms) float32
    texts: int

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS
    one_space: ClassVar[bool] = False

    @property
    def dim(self) -> int:
        return int(self.axes.shape[0])

    @property
    def report(self) -> Json:
        return {"terms": int(self.axes.shape[1]), "dim": self.dim, "texts": self.texts}

    @classmethod
    def fit(cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None) -> TfidfPipeline:
        from sklearn.utils.extmath import randomized_svd

        texts = _within_bounds(_texts(sample), seed)
        # In a handful of texts hardly a word comes twice.
        limits = {"min_df": min(int(settings["least"]), 1 + len(texts) // 50), "max_features": int(settings["terms"])}
        vectorizers = tuple(_vectorizer(sort, settings, **limits) for sort in _sorts(settings))
        try:
            matrix = _joined([vectorizer.fit_transform(texts) for vectorizer in vectorizers])
        except ValueError as error:
            raise BadValue("features", "tfidf", f"cannot be fitted on these texts: {error}") from error
        dim = max(1, min(int(settings["dim"]), min(matrix.shape) - 1))
        _, _, axes = randomized_svd(matrix, dim, n_iter=3, random_state=seed % 2**32)
        return cls(vectorizers, np.ascontiguousarray(axes, dtype=np.float32), len(texts))

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        matrix = self._matrix(batch)
        embed = np.asarray(matrix @ self.axes.T)
        length = np.linalg.norm(embed, axis=1, keepdims=True)
        np.divide(embed, length, out=embed, where=length > 0)
        return Features(embed, embed) if self.one_space else Features(matrix, embed)

    def save(self) -> dict[str, bytes]:
        saved = {"axes.npy": files.to_npy(self.axes), "text.json": files.to_json({"texts": self.texts})}
        for number, vectorizer in enumerate(self.vectorizers):
            terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
            saved[f"terms{number}.json"] = files.to_json(terms)
            saved[f"idf{number}.npy"] = files.to_npy(vectorizer.idf_)
        return saved

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> TfidfPipeline:
        vectorizers = []
        for number, sort in enumerate(_sorts(settings)):
            terms = files.from_json(saved, f"terms{number}.json")
            vectorizer = _vectorizer(sort, settings, vocabulary={term: place for place, term in enumerate(terms)})
            vectorizer.idf_ = files.from_npy(saved, f"idf{number}.npy")
            vectorizers.append(vectorizer)
        return cls(tuple(vectorizers), files.from_npy(saved, "axes.npy"), files.from_json(saved, "text.json")["texts"])

    def _matrix(self, batch: Sequence[Any]) -> Any:
        if not batch:
            return csr_matrix((0, self.axes.shape[1]), dtype=np.float32)
        texts = _texts(batch)
        return _joined([vectorizer.transform(texts) for vectorizer in self.vectorizers])


class SvdPipeline(TfidfPipeline):
    """The truncated SVD of TF-IDF as input and embedding in one: the default for texts.

    With few labels a linear model learns far more from 128 dense axes than from thousands of words, and it can offer
    its head to gradient strategies.
    """

    one_space: ClassVar[bool] = True


def _within_bounds(texts: list[str], seed: int) -> list[str]:
    """Return the texts, or so many of them, drawn by the seed, that counting their terms fits into memory."""
    length = sum(map(len, texts))
    if length <= _CHARACTERS:
        return texts
    count = max(1, int(len(texts) * _CHARACTERS / length))
    chosen = np.sort(np.random.default_rng(seed).choice(len(texts), count, replace=False))
    return [texts[row] for row in chosen]


def _sorts(settings: Mapping[str, Any]) -> list[str]:
    return ["words", "characters"] if settings["characters"] else ["words"]


def _vectorizer(sort: str, settings: Mapping[str, Any], **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    if sort == "characters":
        more |= {"analyzer": "char_wb", "ngram_range": (2, 4)}
    else:
        more |= {"token_pattern": _WORD, "ngram_range": (1, 2 if settings["pairs"] else 1)}
    return TfidfVectorizer(preprocessor=_shape, sublinear_tf=True, dtype=np.float32, **more)


def _joined(parts: list[Any]) -> Any:
    # Each part has rows of unit length; so has their union.
    return parts[0] if len(parts) == 1 else (hstack(parts) * np.float32(np.sqrt(1 / len(parts)))).tocsr()


def _texts(batch: Sequence[Any]) -> list[str]:
    return ["" if content is None else text_of(content) for content in batch]


def text_of(content: Content) -> str:
    """Return what is read of a text, or of a pair of texts."""
    if content.kind == "pair":
        return "\n".join(str(content.value[side]["value"].get("text", "")) for side in ("first", "second"))
    if content.kind == "row":
        return "\n".join(str(cell) for cell in content.value["fields"].values() if cell is not None)
    return str(content.value["text"])
