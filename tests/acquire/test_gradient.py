"""Expected gradient lengths against gradients that are written out in full."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire.gradient import expected_gradient_length, expected_model_change
from querist.errors import BadValue

cases = given(seed=st.integers(0, 10_000), n=st.integers(1, 8), c=st.integers(1, 5), d=st.integers(1, 4))


@cases
@settings(max_examples=40, deadline=None)
def test_equals_the_mean_length_of_explicit_gradients(seed: int, n: int, c: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    proba, embed = rng.dirichlet(np.full(c, 0.5), size=n), rng.normal(size=(n, d))
    found = expected_gradient_length(proba=proba, embed=embed)
    for p, h, score in zip(proba, embed, found, strict=True):
        lengths = [np.linalg.norm(np.outer(p - np.eye(c)[y], h)) for y in range(c)]
        assert score == pytest.approx(float(p @ lengths), abs=1e-12)


def test_nearly_certain_items_keep_their_order_in_single_precision() -> None:
    doubt = np.float32(10.0) ** -np.arange(3, 12, dtype=np.float32)
    proba = np.stack([1 - doubt, doubt * 0.75, doubt * 0.25], axis=1).astype(np.float32)
    score = expected_gradient_length(proba=proba, embed=np.ones((9, 1), np.float32))
    assert (np.diff(score) < 0).all()


def test_binary_sigmoid_is_the_same_over_root_two() -> None:
    score = expected_gradient_length(proba=np.array([[0.3, 0.7]]), embed=np.array([[3.0, 4.0]]))
    assert score[0] / np.sqrt(2) == pytest.approx(2 * 0.3 * 0.7 * 5)


@cases
@settings(max_examples=40, deadline=None)
def test_model_change_equals_the_mean_length_of_explicit_gradients(seed: int, n: int, c: int, d: int) -> None:
    rng = np.random.default_rng(seed)
    embed, draws, mean = rng.normal(size=(n, d)), rng.normal(size=(c, n)), rng.normal(size=n)
    found = expected_model_change(embed=embed, mean_samples=draws, mean=mean)
    expected = [np.mean([np.linalg.norm((f - mean[i]) * embed[i]) for f in draws[:, i]]) for i in range(n)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(
        expected_model_change(embed=embed, mean_samples=draws),
        expected_model_change(embed=embed, mean_samples=draws, mean=draws.mean(axis=0)),
    )


def test_sparse_rows_and_half_precision_give_the_same() -> None:
    rng = np.random.default_rng(0)
    proba, draws = rng.dirichlet(np.ones(4), size=500), rng.normal(size=(6, 500))
    embed = rng.normal(size=(500, 20)) * (rng.random((500, 20)) < 0.2)
    exact = expected_gradient_length(proba=proba, embed=embed)
    np.testing.assert_allclose(expected_gradient_length(proba=proba, embed=scipy.sparse.csr_array(embed)), exact)
    half = expected_gradient_length(proba=proba.astype(np.float16), embed=embed.astype(np.float16))
    np.testing.assert_allclose(half, exact, atol=0.02)
    np.testing.assert_allclose(
        expected_model_change(embed=scipy.sparse.csr_array(embed), mean_samples=draws),
        expected_model_change(embed=embed, mean_samples=draws),
    )


def test_says_which_rows_do_not_fit() -> None:
    with pytest.raises(BadValue, match="one row for each row of proba"):
        expected_gradient_length(proba=np.ones((3, 1)), embed=np.ones((2, 2)))
    with pytest.raises(BadValue, match=r"mean_samples = \(0, 2\)"):
        expected_model_change(embed=np.ones((2, 2)), mean_samples=np.ones((0, 2)))
