"""Texts as TF-IDF and as its truncated SVD."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from querist.errors import BadValue
from querist.models.features import FittedFeatures, fit_features
from querist.types import Array, Content

TEXTS = ["the cat sat", "the dog sat", "a cat and a dog", "call 0800 123 now", "call 0900 999 now!"] * 4


def fit(texts: list[str], method: str = "tfidf", **settings: object) -> tuple[FittedFeatures, list[Content]]:
    pool = [Content("text", {"text": text}) for text in texts]
    return fit_features(lambda: pool, kind="text", method=method, settings=settings), pool


def test_words_are_scikit_learns_tfidf() -> None:
    features, pool = fit(TEXTS, characters=False)
    plain = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), token_pattern=r"(?u)\w+|[^\w\s]", dtype=np.float32)
    expected = plain.fit_transform(["".join("0" if c.isdigit() else c for c in text) for text in TEXTS])
    assert np.allclose(features.transform(pool).input.toarray(), expected.toarray(), atol=1e-6)


def test_the_embedding_keeps_the_angles_of_the_input() -> None:
    features, pool = fit(TEXTS, dim=64)
    given = features.transform(pool)
    wide = given.input.toarray()
    assert np.allclose(np.linalg.norm(given.embed, axis=1), 1, atol=1e-5)
    assert np.allclose(given.embed @ given.embed.T, wide @ wide.T, atol=1e-3)


def test_numbers_of_one_shape_are_one_word() -> None:
    features, _ = fit(TEXTS)
    given = features.transform([Content("text", {"text": text}) for text in ("0800", "1234", "12")])
    assert np.array_equal(given.input[0].toarray(), given.input[1].toarray())
    assert not np.array_equal(given.input[0].toarray(), given.input[2].toarray())


def test_a_text_of_unknown_words_is_a_row_of_zeros() -> None:
    features, _ = fit(TEXTS, "svd")
    assert np.array_equal(features.transform([Content("text", {"text": "ÿþ"})]).embed, np.zeros((1, features.dim)))


def test_characters_forgive_typing_errors_and_need_no_blanks() -> None:
    def alike(characters: bool, a: str, b: str) -> float:
        features, _ = fit([*TEXTS, "delivery", "机器学习很有趣", "机器学习不难"], characters=characters, least=1)
        rows: Array = features.transform([Content("text", {"text": text}) for text in (a, b)]).input.toarray()
        return float(rows[0] @ rows[1])

    assert alike(True, "delivery", "delivrey") > alike(False, "delivery", "delivrey") == 0
    assert alike(True, "机器学习很有趣", "机器学习不难") > alike(False, "机器学习很有趣", "机器学习不难") == 0


def test_pairs_of_texts_are_read_together() -> None:
    sides = [{"kind": "text", "value": {"text": text}} for text in ("the cat", "the dog")]
    features, _ = fit(TEXTS)
    pair = features.transform([Content("pair", {"first": sides[0], "second": sides[1]})]).input
    joined = features.transform([Content("text", {"text": "the cat\nthe dog"})]).input
    assert (pair != joined).nnz == 0
    pool = [Content("pair", {"first": first, "second": second}) for first in sides for second in sides]
    assert fit_features(lambda: pool, kind="pair").transform(pool).embed.shape[0] == 4


def test_long_texts_are_fitted_on_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fit(TEXTS)[0].report["texts"] == 20
    monkeypatch.setattr("querist.models.features.text._CHARACTERS", sum(map(len, TEXTS)) // 2)
    features, pool = fit(TEXTS, "svd")
    assert features.report["texts"] == 10
    assert len(features.transform(pool)) == 20


@pytest.mark.parametrize("texts", [["hello"], ["a b", "c d"], ["same words"] * 30])
def test_small_pools(texts: list[str]) -> None:
    features, pool = fit(texts, "svd")
    assert np.isfinite(features.transform(pool).embed).all()


def test_texts_without_a_word() -> None:
    with pytest.raises(BadValue, match="cannot be fitted on these texts"):
        fit(["   ", "\n"])
