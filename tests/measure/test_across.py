"""Comparisons over data sets, against scipy, published numbers and slow, obvious twins."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from querist.errors import BadValue
from querist.measure import across


def test_ranks_are_means_of_the_places_on_each_set() -> None:
    scores = np.random.default_rng(0).integers(0, 8, (14, 4)).astype(float)
    found = across.ranks(scores)
    slow = np.mean([[1 + np.sum(row > v) + (np.sum(row == v) - 1) / 2 for v in row] for row in scores], axis=0)
    assert found.mean == pytest.approx(slow)
    assert found.statistic == pytest.approx(stats.friedmanchisquare(*scores.T).statistic)


@pytest.mark.parametrize(("k", "quantile"), [(3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsars_table(k, quantile) -> None:
    found = across.ranks(np.random.default_rng(0).normal(size=(14, k)))
    assert found.critical == pytest.approx(quantile * np.sqrt(k * (k + 1) / (6 * 14)), abs=0.002)


@given(st.integers(2, 6), st.integers(3, 6), st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_cliques_are_the_widest_runs_within_the_critical_difference(n, k, seed) -> None:
    found = across.ranks(np.random.default_rng(seed).normal(size=(n, k)))
    order = sorted(range(k), key=lambda i: found.mean[i])
    runs = {
        tuple(order[a : b + 1])
        for a, b in itertools.combinations(range(k), 2)
        if found.mean[order[b]] - found.mean[order[a]] <= found.critical
    }
    widest = {run for run in runs if not any(set(run) < set(other) for other in runs)}
    assert {frozenset(clique) for clique in found.cliques} == {frozenset(run) for run in widest}


def test_strategies_that_are_alike_everywhere_are_not_told_apart() -> None:
    found = across.ranks(np.ones((5, 3)))
    assert found.p_value == 1
    assert found.mean.tolist() == [2, 2, 2]


def slow_signed_rank(z, rope, draws, strength, seed):
    z = [*z, 0.0]
    rng = np.random.default_rng(seed)
    counts = [0.0, 0.0, 0.0]
    for w in rng.dirichlet([*[1.0] * (len(z) - 1), strength], draws):
        shares = [0.0, 0.0, 0.0]
        for i, j in itertools.product(range(len(z)), repeat=2):
            middle = (z[i] + z[j]) / 2
            shares[0 if middle < -rope else 2 if middle > rope else 1] += w[i] * w[j]
        counts[int(np.argmax(shares))] += 1 / draws
    return counts


@given(st.lists(st.floats(-0.1, 0.1).map(lambda v: round(v, 3)), min_size=1, max_size=7), st.sampled_from([0.0, 0.01]))
@settings(max_examples=10, deadline=None)
def test_bayesian_signed_rank_is_its_slow_twin(z, rope) -> None:
    fast = across.bayesian_signed_rank(np.array(z), rope=rope, draws=300, seed=1)
    slow = slow_signed_rank(z, rope, 300, 0.5, 1)
    assert [fast.worse, fast.alike, fast.better] == pytest.approx(slow, abs=0.02)  # ties of shares are split


def test_bayesian_signed_rank_knows_equality_which_a_p_value_does_not() -> None:
    rng = np.random.default_rng(0)
    assert across.bayesian_signed_rank(rng.normal(0, 0.001, 20), rope=0.01).alike > 0.99
    assert across.bayesian_signed_rank(rng.normal(0.03, 0.01, 20), rope=0.01).better > 0.99
    assert across.bayesian_signed_rank(rng.normal(-0.03, 0.01, 20), rope=0.01).worse > 0.99


def test_penalties_count_the_points_at_which_a_paired_t_test_is_significant() -> None:
    rng = np.random.default_rng(0)
    curves = {name: rng.normal(size=(3, 5, 7)).cumsum(axis=2) for name in ("one", "two")}
    slow = np.zeros((3, 3))
    for values in curves.values():
        for i, j in itertools.permutations(range(3), 2):
            for point in range(7):
                test = stats.ttest_rel(values[i, :, point], values[j, :, point])
                slow[i, j] += (test.statistic > 0 and test.pvalue <= 0.05) / 7
    assert across.penalties(curves) == pytest.approx(slow)


def test_a_tally_needs_holms_correction() -> None:
    assert across.tally([0.04, 0.04], [1.0, 1.0]) == {"wins": 0, "ties": 2, "losses": 0}
    assert across.tally([0.02, 0.04], [1.0, -1.0]) == {"wins": 1, "ties": 0, "losses": 1}


@pytest.mark.long
def test_the_bootstrap_over_sets_covers_its_mean() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(500):
        low, high = across.bootstrap_over_sets(rng.normal(1.0, 1.0, 13), draws=1000)
        hits += low <= 1.0 <= high
    assert 0.88 <= hits / 500 <= 0.97  # thirteen sets: a percentile interval is a little narrow, and we say so


@pytest.mark.parametrize("scores", [np.ones((1, 3)), np.ones((3, 2)), np.full((3, 3), np.nan)])
def test_too_little_to_rank_is_refused(scores) -> None:
    with pytest.raises(BadValue):
        across.ranks(scores)
