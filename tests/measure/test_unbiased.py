"""Unbiasedness by enumeration: every possible sequence of picks, weighted by its probability."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure.unbiased import active_mean, lure, lure_weights


@given(st.integers(0, 10_000), st.integers(2, 5), st.data())
@settings(max_examples=25, deadline=None)
def test_lure_is_exactly_unbiased_over_all_sequences(seed, n, data):
    m = data.draw(st.integers(1, n))
    rng = np.random.default_rng(seed)
    losses, appeal = rng.random(n), rng.uniform(0.05, 1, n)
    expected = chance_of_all = 0.0
    for picks in itertools.permutations(range(n), m):
        left, chance, q = set(range(n)), 1.0, []
        for pick in picks:
            q.append(appeal[pick] / sum(appeal[i] for i in left))
            chance *= q[-1]
            left.remove(pick)
        chance_of_all += chance
        expected += chance * lure(losses[list(picks)], np.array(q), n)
    assert chance_of_all == pytest.approx(1)
    assert expected == pytest.approx(losses.mean())


@given(st.integers(1, 30), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_uniform_picks_and_whole_pools_weigh_one(m, rest):
    n = m + rest
    uniform = 1 / (n - np.arange(m))
    np.testing.assert_allclose(lure_weights(uniform, n), 1)
    np.testing.assert_array_equal(lure_weights(np.full(m, 0.9), m), np.ones(m))


def test_the_bias_that_it_takes_away():
    rng = np.random.default_rng(0)
    losses = rng.random(30) ** 3
    weighted, plain = [], []
    for _ in range(400):
        left, picks, q = list(range(30)), [], []
        for _ in range(10):
            p = losses[left] + 0.05
            p /= p.sum()
            i = rng.choice(len(left), p=p)
            q.append(p[i])
            picks.append(left.pop(i))
        weighted.append(lure(losses[picks], np.array(q), 30))
        plain.append(losses[picks].mean())
    assert np.mean(plain) > 1.3 * losses.mean()
    assert np.mean(weighted) == pytest.approx(losses.mean(), abs=3 * np.std(weighted) / 20)


@pytest.mark.parametrize("q", [[0.5, 0.0], [0.5, np.nan], [0.5, 1.5], [0.5, -0.1]])
def test_picks_without_a_positive_probability_are_refused(q):
    with pytest.raises(BadValue, match="pick 1 has no positive probability"):
        lure(np.ones(2), np.array(q), 4)


def test_shapes_are_checked():
    with pytest.raises(BadValue, match="smaller than its 2 picks"):
        lure(np.ones(2), np.ones(2), 1)
    with pytest.raises(BadValue, match="losses"):
        lure(np.ones(3), np.ones(2), 9)
    with pytest.raises(BadValue):
        lure(np.array([]), np.array([]), 9)


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_active_mean_is_unbiased_over_all_subsets(seed):
    rng = np.random.default_rng(seed)
    y, f, q = rng.random(5), rng.random(5), rng.uniform(0.2, 1, 5)
    expected = 0.0
    for subset in itertools.product([False, True], repeat=5):
        asked = np.array(subset)
        expected += np.prod(np.where(asked, q, 1 - q)) * active_mean(y, f, q, asked).value
    assert expected == pytest.approx(y.mean())


def test_active_mean_covers_and_never_reads_what_was_not_asked():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        f = rng.random(300)
        y = (rng.random(300) < f).astype(float)
        q = np.clip(np.sqrt(f * (1 - f)) * 0.6, 0.1, 1)
        asked = rng.random(300) < q
        found = active_mean(np.where(asked, y, np.nan), f, q, asked)
        hits += found.low <= y.mean() <= found.high
    assert hits >= 270
    with pytest.raises(BadValue, match="positive chance"):
        active_mean(y, f, np.zeros(300), asked)
