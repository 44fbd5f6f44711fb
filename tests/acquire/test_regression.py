"""Regression strategies against twins that start over for each pick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import scipy.sparse
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from querist.acquire import numeric_batches as batches
from querist.acquire import regression as r
from querist.acquire.diversity import k_center
from querist.errors import BadValue
from querist.types import Array

RNG = np.random.default_rng


def pool(seed: int, n: int, known: int, q: int, d: int) -> dict[str, Array]:
    rng = RNG(seed)
    return {
        "embed": rng.normal(size=(n, d)),
        "mean": rng.normal(size=n),
        "labelled_embed": rng.normal(size=(known, d)),
        "labelled_target": rng.normal(size=known),
        "pending_embed": rng.normal(size=(q, d)),
        "pending_mean": rng.normal(size=q),
    }


def greedy(n: int, rows: int, score: Callable[[int, list[int]], float], first: int | None = None) -> list[int]:
    picks: list[int] = [] if first is None else [first]
    while len(picks) < min(n, rows):
        left = [i for i in range(rows) if i not in picks]
        picks.append(max(left, key=lambda i: (score(i, picks), -i)))
    return picks


cases = given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 9),
    known=st.integers(0, 4),
    q=st.integers(0, 2),
    d=st.integers(1, 3),
)


@cases
@settings(max_examples=40, deadline=None)
def test_greedy_samplings_equal_their_definitions(seed: int, rows: int, known: int, q: int, d: int) -> None:
    assume(rows != 2 or known + q)  # two rows alone are equally near to their mean
    given_ = pool(seed, rows, known, q, d)
    x, f = given_["embed"], given_["mean"]
    seen = list(np.vstack([given_["labelled_embed"], given_["pending_embed"]]))
    values = list(np.concatenate([given_["labelled_target"], given_["pending_mean"]]))

    def far(i: int, picks: list[int]) -> float:
        return min(float(np.linalg.norm(x[i] - z)) for z in [*seen, *x[picks]])

    def odd(i: int, picks: list[int]) -> float:
        return min(abs(f[i] - y) for y in [*values, *f[picks]])

    def both(i: int, picks: list[int]) -> float:
        pairs = zip([*seen, *x[picks]], [*values, *f[picks]], strict=True)
        return min(float(np.linalg.norm(x[i] - z)) * abs(f[i] - y) for z, y in pairs)

    middle = None if seen else int(np.linalg.norm(x - x.mean(axis=0), axis=1).argmin())
    typical = None if seen else int(np.abs(f - f.mean()).argmin())
    embeds = {name: given_[name] for name in ("embed", "labelled_embed", "pending_embed")}
    outputs = {name: given_[name] for name in ("mean", "labelled_target", "pending_mean")}
    assert r.gsx(**embeds, n=5).tolist() == greedy(5, rows, far, middle)
    assert r.gsx(**embeds, n=5).tolist() == k_center(**embeds, n=5).tolist()
    assert r.gsy(**outputs, n=5).tolist() == greedy(5, rows, odd, typical)
    assert r.igs(**given_, n=5).tolist() == greedy(5, rows, both, middle)


def slow_lcmd(x: Array, seen: list[Array], n: int) -> list[int]:
    picks = [] if seen else [int(np.linalg.norm(x - x.mean(axis=0), axis=1).argmin())]
    while len(picks) < min(n, len(x)):
        centres = np.array([*seen, *x[picks]])
        square = ((x[:, None] - centres) ** 2).sum(axis=2)
        nearest, least = square.argmin(axis=1), square.min(axis=1)
        sums = [least[nearest == c].sum() for c in range(len(centres))]
        inside = [i for i in range(len(x)) if nearest[i] == np.argmax(sums) and i not in picks]
        picks.append(max(inside, key=lambda i: (least[i], -i)))
    return picks


@cases
@settings(max_examples=40, deadline=None)
def test_lcmd_splits_the_heaviest_cluster_at_its_farthest_row(seed: int, rows: int, known: int, q: int, d: int) -> None:
    assume(rows != 2 or known + q)
    given_ = pool(seed, rows, known, q, d)
    embeds = {name: given_[name] for name in ("embed", "labelled_embed", "pending_embed")}
    seen = list(np.vstack([given_["labelled_embed"], given_["pending_embed"]]))
    assert batches.lcmd(**embeds, n=5).tolist() == slow_lcmd(given_["embed"], seen, 5)


def lifted(x: Array) -> Array:
    return np.column_stack([x, np.ones(len(x))])


@cases
@settings(max_examples=40, deadline=None)
def test_max_det_picks_the_largest_posterior_variance_each_time(
    seed: int, rows: int, known: int, q: int, d: int
) -> None:
    given_ = pool(seed, rows, known, q, d)
    embeds = {name: given_[name] for name in ("embed", "labelled_embed", "pending_embed")}
    x, seen = lifted(given_["embed"]), lifted(np.vstack([given_["labelled_embed"], given_["pending_embed"]]))

    def variance(i: int, picks: list[int]) -> float:
        design = np.vstack([seen, x[picks]])
        return float(x[i] @ np.linalg.inv(design.T @ design / 0.2 + np.eye(d + 1)) @ x[i])

    assert batches.max_det(**embeds, n=5, noise=0.2).tolist() == greedy(5, rows, variance)


def test_the_space_of_an_ensemble_is_that_of_its_covariances() -> None:
    rng = RNG(0)
    draws, seen = rng.normal(size=(6, 30)), rng.normal(size=(6, 4))
    x, labelled = ((a - a.mean(axis=0)).T / np.sqrt(6) for a in (draws, seen))
    given_ = {"embed": np.zeros((30, 1)), "mean_samples": draws, "labelled_mean_samples": seen, "space": "ensemble"}
    assert batches.lcmd(**given_, n=6).tolist() == slow_lcmd(x, list(labelled), 6)
    covariance = x @ x.T - x @ labelled.T @ np.linalg.inv(labelled @ labelled.T + 0.1 * np.eye(4)) @ labelled @ x.T
    assert batches.max_det(**given_, n=1)[0] == covariance.diagonal().argmax()


@given(seed=st.integers(0, 10_000), m=st.integers(1, 6), n=st.integers(1, 9))
@settings(max_examples=30, deadline=None)
def test_scorers_equal_their_definitions(seed: int, m: int, n: int) -> None:
    samples = RNG(seed).normal(size=(m, n))
    expected = [sum((f - samples[:, i].mean()) ** 2 for f in samples[:, i]) / m for i in range(n)]
    np.testing.assert_allclose(r.qbc_variance(mean_samples=samples), expected, atol=1e-12)
    std = np.abs(samples[0])
    np.testing.assert_array_equal(r.predictive_std(std=std), std)
    assert r.predictive_std(std=std) is not std


@pytest.mark.parametrize("select", [r.gsx, batches.lcmd, batches.max_det])
def test_sparse_rows_blocks_and_sketches(select: Callable[..., Array]) -> None:
    rng = RNG(1)
    dense = rng.normal(size=(400, 12)) * (rng.random((400, 12)) < 0.4)
    picks = select(embed=dense, labelled_embed=dense[:5], n=20).tolist()
    sparse = scipy.sparse.csr_array(dense)
    assert select(embed=sparse, labelled_embed=sparse[:5], n=20).tolist() == picks
    assert select(embed=dense, labelled_embed=dense[:5], n=20, memory_limit=20_000).tolist() == picks
    if select is not r.gsx:
        near = select(embed=dense, labelled_embed=dense[:5], n=5, sketch=400, rng=RNG(0)).tolist()
        assert select(embed=dense, labelled_embed=dense[:5], n=5, sketch=400, rng=RNG(0)).tolist() == near
        assert len(set(near) & set(picks)) >= 2  # a wide sketch hardly changes distances


def test_max_det_gives_no_second_pick_to_a_copy() -> None:
    x = np.repeat(RNG(0).normal(size=(5, 5)) * 3, 4, axis=0)
    assert len({pick // 4 for pick in batches.max_det(embed=x, n=5)}) == 5


def test_lcmd_leaves_less_uncovered_than_k_center() -> None:
    rng = RNG(3)
    x = np.vstack([rng.normal(size=(300, 2)) + 6 * centre for centre in rng.normal(size=(5, 2))])
    picks = batches.lcmd(embed=x, n=25)

    def left(rows: Array) -> float:
        return float(((x[:, None] - x[rows]) ** 2).sum(axis=2).min(axis=1).mean())

    assert left(picks) < left(k_center(embed=x, n=25))


def test_says_what_is_wrong() -> None:
    given_ = pool(0, 5, 2, 0, 2)
    with pytest.raises(BadValue, match="labelled_target = 1"):
        r.igs(**{**given_, "labelled_target": np.zeros(1)}, n=1)
    with pytest.raises(BadValue, match="space = 'tangent': must be embed or ensemble"):
        batches.lcmd(embed=given_["embed"], n=1, space="tangent")
    with pytest.raises(BadValue, match="needs the signal mean_samples"):
        batches.lcmd(embed=given_["embed"], n=1, space="ensemble")
    with pytest.raises(BadValue, match="needed to draw a sketch"):
        batches.max_det(embed=given_["embed"], n=1, sketch=2)
    with pytest.raises(BadValue, match="noise = 0"):
        batches.max_det(embed=given_["embed"], n=1, noise=0)
