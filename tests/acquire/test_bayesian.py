"""Bayesian scorers and BatchBALD against slow twins that enumerate labels and follow the definitions."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.acquire import bayesian as b
from querist.acquire.disagreement import kl_disagreement
from querist.errors import BadValue
from querist.types import Array


def draws(seed: int, m: int, n: int, c: int) -> Array:
    """Random draws, some of whose probabilities are exactly 0 and 1."""
    rng = np.random.default_rng(seed)
    proba = rng.dirichlet(np.ones(c), size=(m, n))
    sure = rng.random((m, n)) < 0.1
    proba[sure] = np.eye(c)[rng.integers(c, size=sure.sum())]
    return proba


def entropy(p: Array) -> float:
    return -sum(x * math.log(x) for x in np.ravel(p) if x > 0)


def joint(proba: Array, rows: tuple[int, ...]) -> Array:
    """Probability of each labelling of the rows, by enumeration."""
    m, _, c = proba.shape
    return np.array(
        [
            sum(math.prod(proba[t, row, y] for row, y in zip(rows, labels, strict=True)) for t in range(m)) / m
            for labels in itertools.product(range(c), repeat=len(rows))
        ]
    )


def information(proba: Array, rows: tuple[int, ...]) -> float:
    """I(labels of the rows; draw), by enumeration."""
    return entropy(joint(proba, rows)) - sum(
        np.mean([entropy(proba[t, row]) for t in range(len(proba))]) for row in rows
    )


def posteriors(proba: Array, row: int, targets: Array) -> list[tuple[float, Array]]:
    """For each answer: its probability, and the targets' distributions after it (t, c)."""
    found = []
    for y in range(proba.shape[2]):
        weight = proba[:, row, y]
        if weight.sum() > 0:
            found.append((weight.mean(), np.tensordot(weight / weight.sum(), targets, axes=1)))
    return found


def slow_epig(proba: Array, targets: Array, row: int) -> float:
    gains = []
    for u in range(targets.shape[1]):
        both = sum(np.outer(proba[t, row], targets[t, u]) for t in range(len(proba))) / len(proba)
        apart = np.outer(both.sum(axis=1), both.sum(axis=0))
        gains.append(sum(p * math.log(p / q) for p, q in zip(both.ravel(), apart.ravel(), strict=True) if p > 0))
    return float(np.mean(gains))


def slow_core_mse(proba: Array, targets: Array, row: int) -> float:
    now = targets.mean(axis=0)
    return sum(p * ((after - now) ** 2).sum(axis=1).mean() for p, after in posteriors(proba, row, targets))


def slow_zero_one(proba: Array, targets: Array, row: int) -> float:
    now = targets.mean(axis=0).max(axis=1).mean()
    return sum(p * after.max(axis=1).mean() for p, after in posteriors(proba, row, targets)) - now


def slow_log(proba: Array, targets: Array, row: int) -> float:
    now = np.mean([entropy(p) for p in targets.mean(axis=0)])
    return now - sum(p * np.mean([entropy(q) for q in after]) for p, after in posteriors(proba, row, targets))


LOOK_AHEAD = {
    "epig": (b.epig, slow_epig),
    "core_mse": (b.core_mse, slow_core_mse),
    "eer_posterior": (b.eer_posterior, slow_zero_one),
    "eer_posterior, log": (lambda **signals: b.eer_posterior(loss="log", **signals), slow_log),
}
cases = given(seed=st.integers(0, 10_000), m=st.integers(1, 5), n=st.integers(1, 6), c=st.integers(1, 4))


@cases
@settings(max_examples=40, deadline=None)
def test_bald_is_the_information_about_the_draw_and_the_consensus_divergence(seed: int, m: int, n: int, c: int) -> None:
    proba = draws(seed, m, n, c)
    scores = b.bald(proba_samples=proba)
    np.testing.assert_allclose(scores, [information(proba, (row,)) for row in range(n)], atol=1e-12)
    np.testing.assert_array_equal(scores, kl_disagreement(proba_samples=proba))


@pytest.mark.parametrize("name", LOOK_AHEAD)
@cases
@settings(max_examples=25, deadline=None)
def test_look_ahead_equals_its_definition(name: str, seed: int, m: int, n: int, c: int) -> None:
    score, twin = LOOK_AHEAD[name]
    proba, targets = draws(seed, m, n, c), draws(seed + 1, m, 3, c)
    expected = [twin(proba, targets, row) for row in range(n)]
    found = score(proba_samples=proba, target_proba_samples=targets)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (found >= 0).all()
    np.testing.assert_allclose(
        score(proba_samples=proba), score(proba_samples=proba, target_proba_samples=proba), atol=1e-14
    )


@pytest.mark.parametrize("name", LOOK_AHEAD)
def test_blocks_and_types_change_nothing_but_rounding(name: str) -> None:
    score, _ = LOOK_AHEAD[name]
    proba, targets = draws(3, 8, 300, 5), draws(4, 8, 70, 5)
    exact = score(proba_samples=proba, target_proba_samples=targets)
    tight = score(proba_samples=proba, target_proba_samples=targets, memory_limit=4000)
    np.testing.assert_allclose(tight, exact, atol=1e-13)
    single = score(proba_samples=proba.astype(np.float32), target_proba_samples=targets.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=2e-6)


def test_information_of_no_use_at_the_targets_scores_nothing() -> None:
    rng = np.random.default_rng(0)
    bits = rng.permutation(np.array([[0, 0], [0, 1], [1, 0], [1, 1]] * 4))  # two independent facts about the model
    junk, useful = np.where(bits[:, :1] == 0, 0.95, 0.05), np.where(bits[:, 1:] == 0, 0.8, 0.2)
    proba = np.stack([np.hstack([junk, 1 - junk]), np.hstack([useful, 1 - useful])], axis=1)
    assert np.argmax(b.bald(proba_samples=proba)) == 0
    for score, _ in LOOK_AHEAD.values():
        junk_score, useful_score = score(proba_samples=proba, target_proba_samples=proba[:, 1:])
        assert junk_score == pytest.approx(0, abs=1e-15)
        assert useful_score > 0.01
    single = b.epig(proba_samples=proba.astype(np.float32), target_proba_samples=np.repeat(proba[:, 1:], 500, axis=1))
    assert single[0] < 1e-7


def test_an_answer_that_changes_no_decision_is_worth_nothing_to_zero_one() -> None:
    proba = np.array([[[0.9, 0.1]], [[0.8, 0.2]]])
    assert b.eer_posterior(proba_samples=proba) == pytest.approx(0, abs=1e-15)
    assert b.epig(proba_samples=proba) > 1e-4


def greedy(proba: Array, pending: tuple[int, ...], pool: list[int], n: int) -> list[int]:
    """BatchBALD by enumeration of all labellings, looking at each row each time; ties to the lower row."""
    picks: list[int] = []
    for _ in range(min(n, len(pool))):
        left = [row for row in pool if row not in picks]
        gains = [information(proba, (*pending, *picks, row)) for row in left]
        picks.append(next(row for row, gain in zip(left, gains, strict=True) if gain > max(gains) - 1e-11))
    return picks


@given(seed=st.integers(0, 10_000), m=st.integers(2, 6), c=st.integers(2, 3), q=st.integers(0, 2))
@settings(max_examples=30, deadline=None)
def test_batch_bald_picks_what_plain_greedy_picks(seed: int, m: int, c: int, q: int) -> None:
    proba = draws(seed, m, 8 + q, c)
    proba[:, 5] = proba[:, 2]  # a copy
    found = b.batch_bald(
        proba_samples=proba[:, :8], pending_proba_samples=proba[:, 8:], n=3, rng=np.random.default_rng(0)
    )
    expected = greedy(proba, tuple(range(8, 8 + q)), list(range(8)), 3)
    sums = [information(proba, (*range(8, 8 + q), *batch)) for batch in (found.tolist(), expected)]
    assert sums[0] == pytest.approx(sums[1], abs=1e-10)  # equal gains may be taken in either order
    assert len(set(found.tolist())) == 3


def test_lazy_picks_what_looking_at_every_row_picks() -> None:
    rng = np.random.default_rng(5)
    weights = rng.normal(size=(12, 3, 4))
    logits = np.einsum("tcd,nd->tnc", weights, rng.normal(size=(3000, 4)))
    proba = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    found = b.batch_bald(proba_samples=proba, n=5, rng=rng)
    labellings = b._Labellings.none(12, np.dtype(float))
    left = np.ones(3000, dtype=bool)
    for pick in found:
        gains = np.where(left, labellings.gain(proba, 2**28), -np.inf)
        assert gains[pick] == pytest.approx(gains.max(), abs=1e-12)
        left[pick] = False
        labellings = labellings.extend(proba[:, pick], 10**6, rng)


def test_a_batch_avoids_copies_where_bald_takes_them() -> None:
    strong = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    weak = np.array([[0.8, 0.2], [0.2, 0.8], [0.8, 0.2], [0.2, 0.8]])
    proba = np.stack([strong] * 5 + [weak], axis=1)
    assert b.bald(proba_samples=proba).argmin() == 5
    assert 5 in b.batch_bald(proba_samples=proba, n=2, rng=np.random.default_rng(0))
    pending = b.batch_bald(proba_samples=proba, pending_proba_samples=proba[:, :1], n=1, rng=np.random.default_rng(0))
    assert pending.tolist() == [5]


def test_thinned_labellings_are_unbiased_and_close() -> None:
    rng = np.random.default_rng(0)
    weight = rng.dirichlet(np.full(40, 0.3))
    sums = np.zeros(40)
    for _ in range(4000):
        chosen, chance = b._thin(weight, 8, rng)
        assert len(chosen) == 8 == len(set(chosen.tolist()))
        sums[chosen] += weight[chosen] / chance
    np.testing.assert_allclose(sums / 4000, weight, atol=0.006)
    proba = draws(9, 10, 12, 3)
    batches = {tuple(b.batch_bald(proba_samples=proba, n=6, rng=rng, configurations=k)) for k in (60, 10_000)}
    gains = [information(proba, batch) for batch in batches]
    assert min(gains) > 0.97 * max(gains)


def test_takes_the_whole_pool_when_asked_for_more_and_nothing_of_nothing() -> None:
    same = np.full((4, 6, 2), 0.5, dtype=np.float32)
    rng = np.random.default_rng(0)
    assert sorted(b.batch_bald(proba_samples=same, n=9, rng=rng)) == list(range(6))
    assert b.batch_bald(proba_samples=same[:, :0], n=3, rng=rng).shape == (0,)
    assert b.batch_bald(proba_samples=same, n=0, rng=rng).shape == (0,)


def test_repeats_with_the_seed_and_leaves_inputs_alone() -> None:
    proba = draws(2, 8, 200, 4)
    proba.setflags(write=False)
    runs = [
        b.batch_bald(proba_samples=proba, n=8, rng=np.random.default_rng(7), configurations=50).tolist()
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_says_what_is_wrong() -> None:
    proba = draws(0, 3, 4, 2)
    with pytest.raises(BadValue, match=r"loss = .brier.: must be zero_one or log"):
        b.eer_posterior(proba_samples=proba, loss="brier")
    with pytest.raises(BadValue, match="same draws"):
        b.epig(proba_samples=proba, target_proba_samples=draws(0, 2, 4, 2))
    with pytest.raises(BadValue, match="at least 1"):
        b.batch_bald(proba_samples=proba, n=1, rng=np.random.default_rng(0), configurations=0)
    proba[1, 2] = np.nan
    with pytest.raises(BadValue, match="row 2"):
        b.batch_bald(proba_samples=proba, n=1, rng=np.random.default_rng(0))
