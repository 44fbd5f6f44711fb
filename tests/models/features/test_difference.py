"""Pairs: the difference of both sides, so that swapping them turns the sign."""

from __future__ import annotations

import numpy as np

from querist.models.features import fit_features, load_features
from querist.types import Content


def text(words: str) -> dict:
    return {"kind": "text", "value": {"text": words}}


def pair(first: str, second: str) -> Content:
    return Content("pair", {"first": text(first), "second": text(second)})


POOL = [pair("short answer", "a long and winding answer"), pair("yes", "no"), pair("good film", "bad film")] * 3


def test_swapping_the_sides_turns_the_sign():
    for method in ("svd", "tfidf"):
        fitted = fit_features(lambda: POOL, kind="pair", settings={"of": method})
        ours, theirs = (fitted.transform([p]) for p in (pair("yes", "good film"), pair("good film", "yes")))
        assert np.allclose(ours.embed, -theirs.embed)
        assert np.allclose(np.asarray(ours.input.sum()), -np.asarray(theirs.input.sum()), atol=1e-5)
        same = fitted.transform([pair("yes", "yes")])
        assert np.allclose(same.embed, 0)


def test_saved_features_are_the_same_and_an_erased_pair_says_nothing():
    fitted = fit_features(lambda: POOL, kind="pair")
    again = load_features(fitted.save())
    assert np.array_equal(fitted.transform(POOL).embed, again.transform(POOL).embed)
    assert np.allclose(fitted.transform([None]).embed, 0)
