import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import chisquare

from querist.acquire.gradient_embeddings import Gradients, badge
from querist.errors import BadValue

RNG = np.random.default_rng


def written_out(proba, embed):
    error = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    return (error[:, :, None] * embed[:, None, :]).reshape(len(proba), -1)


def pool(seed, n=8, c=3, d=2):
    rng = RNG(seed)
    return rng.dirichlet(np.ones(c), n), rng.normal(size=(n, d))


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_distances_are_those_of_the_gradients_written_out(seed):
    proba, embed = pool(seed)
    g = written_out(proba, embed)
    expected = np.square(g[:, None] - g).sum(axis=2)
    for form in (embed, csr_matrix(embed)):
        np.testing.assert_allclose(Gradients(proba, form).between(slice(None), np.arange(8)), expected, atol=1e-12)


def chances(g, start, pending, n):
    """Materialise k-means++ over ordered picks, from each kind of start."""
    table = {}
    for order in itertools.permutations(range(len(g)), n):
        centres, chance = [*pending], 1.0
        if start == "origin" and not pending:
            centres = [np.zeros(g.shape[1])]
        for row in order:
            if centres:
                weight = np.square(g[:, None] - np.array(centres)).sum(axis=2).min(axis=1)
            elif start == "largest":
                weight = (np.arange(len(g)) == np.square(g).sum(axis=1).argmax()).astype(float)
            else:
                weight = np.ones(len(g))
            chance *= weight[row] / weight.sum()
            centres.append(g[row])
        table[order] = chance
    return {order: chance for order, chance in table.items() if chance > 1e-9}


@pytest.mark.parametrize("start", ["largest", "uniform", "origin", "pending"])
def test_badge_follows_the_materialised_distribution(start):
    proba, embed = pool(1, n=5)
    g, more = written_out(proba, embed), {}
    if start == "pending":
        more = {"pending_proba": proba[:1], "pending_embed": embed[:1] + 0.5}
        table = chances(g, None, list(written_out(proba[:1], embed[:1] + 0.5)), 2)
    else:
        more = {"start": start}
        table = chances(g, start, [], 3)
    counts, rng = dict.fromkeys(table, 0), RNG(3)
    length = len(next(iter(table)))
    for _ in range(3000):
        counts[tuple(badge(proba=proba, embed=embed, n=length, rng=rng, **more).tolist())] += 1
    assert chisquare(list(counts.values()), [3000 * p for p in table.values()]).pvalue > 0.001


def test_many_picks_from_few_passes_follow_the_distribution_too():
    """Pick 20 of a batch is drawn by rejection; its distribution given the first 19 picks is that of the definition."""
    proba, embed = pool(2, n=60, c=4, d=5)
    g = written_out(proba, embed)
    shares = []
    for seed in range(1500):
        rows = badge(proba=proba, embed=embed, n=20, rng=RNG(seed))
        weight = np.square(g[:, None] - g[rows[:19]]).sum(axis=2).min(axis=1)
        order = np.argsort(weight)
        below = np.cumsum(weight[order]) / weight.sum()
        at = int(np.flatnonzero(order == rows[19])[0])
        shares.append(below[at] - RNG(seed + 10_000).random() * weight[order[at]] / weight.sum())
    counts = np.histogram(shares, bins=10, range=(0, 1))[0]
    assert chisquare(counts).pvalue > 0.001


def test_badge_on_a_pool_of_copies_ends_with_distinct_rows():
    proba, embed = (np.repeat(part, 40, axis=0).astype(np.float32) for part in pool(0, n=3))
    rows = badge(proba=proba, embed=embed, n=12, rng=RNG(0))
    assert len(set(rows.tolist())) == 12
    assert len(set(rows[:3] // 40)) == 3


def test_an_unknown_start_is_refused():
    proba, embed = pool(0)
    with pytest.raises(BadValue, match="start = 'first'"):
        badge(proba=proba, embed=embed, n=2, rng=RNG(0), start="first")
