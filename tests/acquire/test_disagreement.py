"""Committee scorers against slow twins that follow the definitions row by row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire import disagreement as d
from querist.errors import BadValue
from querist.types import Array


def draws(seed: int, m: int, n: int, c: int, sharpness: float = 1.0) -> Array:
    """Random committees, some of whose probabilities are exactly 0 and 1."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.full(c, sharpness), size=(m, n))
    if c > 1:
        sure = rng.random((m, n)) < 0.2
        proba[sure] = np.eye(c)[rng.integers(c, size=sure.sum())]
    return proba


def entropy(p: Array) -> float:
    return -sum(x * math.log(x) for x in p if x > 0)


def divergence(p: Array, q: Array) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def votes(members: Array) -> Array:
    counts = np.zeros(members.shape[1])
    for member in members:
        counts[list(member).index(max(member))] += 1
    return counts / len(members)


TWINS = {
    "vote_entropy": lambda members: entropy(votes(members)),
    "variation_ratio": lambda members: 1 - votes(members).max(),
    "consensus_entropy": lambda members: entropy(members.mean(axis=0)),
    "soft_vote_entropy": lambda members: entropy(members.mean(axis=0)),
    "kl_disagreement": lambda members: np.mean([divergence(p, members.mean(axis=0)) for p in members]),
}
cases = given(seed=st.integers(0, 10_000), m=st.integers(1, 6), n=st.integers(1, 12), c=st.integers(1, 5))


@pytest.mark.parametrize("name", TWINS)
@cases
@settings(max_examples=25, deadline=None)
def test_equals_its_definition(name: str, seed: int, m: int, n: int, c: int) -> None:
    proba = draws(seed, m, n, c)
    expected = [TWINS[name](proba[:, row]) for row in range(n)]
    np.testing.assert_allclose(getattr(d, name)(proba_samples=proba), expected, atol=1e-12)


@pytest.mark.parametrize("name", TWINS)
def test_blocks_types_and_layouts_change_nothing_but_rounding(name: str) -> None:
    score = getattr(d, name)
    proba = draws(1, 7, 5000, 11)
    exact = score(proba_samples=proba)
    assert exact.dtype == np.float64
    np.testing.assert_array_equal(score(proba_samples=np.asfortranarray(proba)), exact)
    halves = [score(proba_samples=proba[:, :1234]), score(proba_samples=proba[:, 1234:])]
    np.testing.assert_allclose(np.concatenate(halves), exact, atol=1e-12)
    single = score(proba_samples=proba.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=3e-6)


def test_pure_noise_is_no_disagreement_but_is_doubt() -> None:
    noise = np.full((9, 3, 4), 0.25)
    np.testing.assert_allclose(d.kl_disagreement(proba_samples=noise), 0, atol=1e-12)
    np.testing.assert_allclose(d.consensus_entropy(proba_samples=noise), math.log(4))


def test_members_each_sure_of_another_class_disagree_as_much_as_possible() -> None:
    quarrel = np.eye(5)[:, None, :]
    for name in ("vote_entropy", "kl_disagreement", "consensus_entropy"):
        np.testing.assert_allclose(getattr(d, name)(proba_samples=quarrel), math.log(5))
    np.testing.assert_allclose(d.variation_ratio(proba_samples=quarrel), 0.8)


@cases
@settings(max_examples=25, deadline=None)
def test_draws_that_arrive_one_at_a_time_give_the_same(seed: int, m: int, n: int, c: int) -> None:
    proba = draws(seed, m, n, c)
    np.testing.assert_allclose(d.streamed_information(draw for draw in proba), d.mutual_information(proba), atol=1e-12)


def test_says_what_is_wrong_with_the_shape() -> None:
    with pytest.raises(BadValue, match=r"proba_samples = \(4, 2\)"):
        d.kl_disagreement(proba_samples=np.ones((4, 2)))
    with pytest.raises(BadValue, match="at least one"):
        d.streamed_information([])
    with pytest.raises(BadValue, match="shape of the first"):
        d.streamed_information([np.ones((2, 2)), np.ones((3, 2))])
