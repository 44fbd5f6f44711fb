import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from querist.acquire.draws import gumbel_top, highest, random, top
from querist.errors import BadValue


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 14))
@settings(max_examples=50, deadline=None)
def test_top_is_the_stable_sort(values, n):
    scores = np.array(values, float)
    expected = sorted(range(len(values)), key=lambda row: (-values[row], row))[:n]
    assert top(scores=scores, n=n).tolist() == expected


def test_highest_of_nothing_is_nothing():
    assert highest(np.empty(0), 3).tolist() == []


def weights_by_definition(scores, how, beta):
    if how == "power":
        return scores**beta
    if how == "softmax":
        return np.exp(beta * scores)
    ranks = [sum(other > s for other in scores) + (sum(other == s for other in scores) + 1) / 2 for s in scores]
    return np.array(ranks) ** -beta


def chances_by_definition(weights, n):
    """Enumerate ordered draws without replacement."""
    table = {}
    for order in itertools.permutations(range(len(weights)), n):
        left, chance = weights.sum(), 1.0
        for row in order:
            chance *= weights[row] / left
            left -= weights[row]
        table[order] = chance
    return table


@pytest.mark.parametrize(("how", "beta"), [("power", 2.0), ("softmax", 1.5), ("softrank", 1.0), ("power", 0.0)])
def test_draws_follow_the_materialised_distribution(how, beta):
    scores = np.array([0.9, 0.5, 0.5, 0.1])
    table = chances_by_definition(weights_by_definition(scores, how, beta), 2)
    rng = np.random.default_rng(7)
    counts = dict.fromkeys(table, 0)
    for _ in range(3000):
        counts[tuple(gumbel_top(scores=scores, n=2, rng=rng, how=how, beta=beta).tolist())] += 1
    assert chisquare(list(counts.values()), [3000 * p for p in table.values()]).pvalue > 0.001


@given(
    st.lists(st.floats(0, 1, width=16), min_size=3, max_size=8),
    st.sampled_from([("power", 1.0), ("power", 3.0), ("softmax", 2.0), ("softrank", 1.0)]),
    st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_the_stated_probability_is_that_among_what_was_left(values, way, seed):
    scores, (how, beta) = np.array(values), way
    rows, chances = gumbel_top(
        scores=scores, n=3, rng=np.random.default_rng(seed), how=how, beta=beta, probabilities=True
    )
    weights, left = weights_by_definition(scores, how, beta), list(range(len(values)))
    for row, chance in zip(rows, chances, strict=True):
        total = weights[left].sum()
        assert chance == pytest.approx(weights[row] / total if total > 0 else 1 / len(left), rel=1e-9)
        left.remove(row)


def test_rows_without_weight_come_last_and_uniformly():
    scores = np.array([0.0, 1.0, 0.0, 0.0])
    second = [gumbel_top(scores=scores, n=2, rng=np.random.default_rng(seed)).tolist() for seed in range(600)]
    assert {rows[0] for rows in second} == {1}
    counts = np.bincount([rows[1] for rows in second], minlength=4)[[0, 2, 3]]
    assert chisquare(counts).pvalue > 0.001


def test_a_large_beta_becomes_top():
    scores = np.random.default_rng(0).random(50)
    drawn = gumbel_top(scores=scores, n=5, rng=np.random.default_rng(1), how="softmax", beta=1e6)
    assert drawn.tolist() == top(scores=scores, n=5).tolist()


def test_a_negative_score_is_refused_with_what_to_use_instead():
    with pytest.raises(BadValue, match="softmax or softrank"):
        gumbel_top(scores=np.array([-1.0, 1.0]), n=1, rng=np.random.default_rng(0))
    with pytest.raises(BadValue, match="'powr'"):
        gumbel_top(scores=np.array([1.0]), n=1, rng=np.random.default_rng(0), how="powr")


def test_random_is_uniform_over_ordered_pairs():
    counts = dict.fromkeys(itertools.permutations(range(4), 2), 0)
    rng = np.random.default_rng(0)
    for _ in range(2400):
        counts[tuple(random(scores=np.zeros(4), n=2, rng=rng).tolist())] += 1
    assert chisquare(list(counts.values())).pvalue > 0.001
