import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from querist.acquire.diversity import k_center, kmeans_plus_plus
from querist.acquire.greedy import FRONT, lazy_greedy


def plain_farthest_first(x, held, n):
    distance = np.square(x[:, None] - held).sum(axis=2).min(axis=1)
    picks = []
    for _ in range(n):
        picks.append(int(distance.argmax()))
        np.minimum(distance, np.square(x - x[picks[-1]]).sum(axis=1), out=distance)
        distance[picks] = -1
    return picks


POOLS = {
    "two dimensions": np.random.default_rng(0).normal(size=(FRONT + 3000, 2)),
    "wide": np.random.default_rng(1).normal(size=(FRONT + 3000, 24)),
    "one tight cluster": np.random.default_rng(2).normal(size=(FRONT + 3000, 8)) * 1e-3 + 5,
    "a grid full of ties": np.stack(np.meshgrid(np.arange(100.0), np.arange(80.0)), -1).reshape(-1, 2),
    "few distinct points": np.random.default_rng(3).integers(0, 3, (FRONT + 3000, 3)).astype(float),
}


@pytest.mark.parametrize("name", POOLS)
def test_lazy_farthest_first_picks_what_a_pass_for_each_pick_picks(name):
    x = POOLS[name]
    held = x[:1]
    n = 26 if name == "few distinct points" else 80
    found = k_center(embed=x, labelled_embed=held, n=n)
    if name == "a grid full of ties":
        np.testing.assert_allclose(radii(x, held, found), radii(x, held, plain_farthest_first(x, held, n)))
    elif name == "few distinct points":
        assert len(np.unique(x[found], axis=0)) == 26
    else:
        assert found.tolist() == plain_farthest_first(x, held, n)


def radii(x, held, picks):
    distance = np.square(x[:, None] - held).sum(axis=2).min(axis=1)
    taken = []
    for row in picks:
        taken.append(distance[row])
        np.minimum(distance, np.square(x - x[row]).sum(axis=1), out=distance)
    return taken


def test_all_equal_rows_end_and_are_distinct():
    for selector in (k_center, kmeans_plus_plus):
        rows = selector(embed=np.ones((FRONT + 100, 3), np.float32), n=50, rng=np.random.default_rng(0))
        assert len(set(rows.tolist())) == 50


X = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [3.0, 1.0], [0.0, 5.0]])


def chances(held, n):
    """Materialise the distribution of k-means++ over ordered picks."""
    table = {}
    for order in itertools.permutations(range(len(X)), n):
        centres, chance = [*held], 1.0
        for row in order:
            far = [np.square(X - centre).sum(axis=1) for centre in centres] or [np.ones(len(X))]
            weight = np.min(far, axis=0)
            chance *= weight[row] / weight.sum()
            centres.append(X[row])
        table[order] = chance
    return {order: chance for order, chance in table.items() if chance > 0}


@pytest.mark.parametrize(("held", "n"), [([], 2), ([], 3), ([X[0]], 3)])
def test_k_means_plus_plus_follows_the_materialised_distribution(held, n):
    table, rng = chances(held, n), np.random.default_rng(5)
    counts = dict.fromkeys(table, 0)
    labelled = np.array(held) if held else None
    for _ in range(3000):
        counts[tuple(kmeans_plus_plus(embed=X, labelled_embed=labelled, n=n, rng=rng).tolist())] += 1
    assert chisquare(list(counts.values()), [3000 * p for p in table.values()]).pvalue > 0.001


def test_copies_are_drawn_only_when_nothing_else_is_left():
    x = np.repeat(np.random.default_rng(0).normal(100, 1, (6, 5)), 50, axis=0).astype(np.float32)
    for seed in range(10):
        rows = kmeans_plus_plus(embed=x, n=8, rng=np.random.default_rng(seed))
        assert len(set(rows[:6] // 50)) == 6
        assert len(set(rows.tolist())) == 8


def covering(kernel):
    """What opens a front: rows add what they cover of the columns that nothing has covered yet."""
    covered = np.zeros(kernel.shape[1])

    class Work:
        def __init__(self, rows):
            self.kernel = kernel[rows]
            self.values = np.maximum(self.kernel - covered, 0).sum(axis=1)

        def take(self, at):
            np.maximum(covered, self.kernel[at], out=covered)
            np.copyto(self.values, np.maximum(self.kernel - covered, 0).sum(axis=1), where=self.values > -np.inf)

    return Work


@given(st.integers(0, 10_000), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_lazy_greedy_picks_what_greedy_picks(seed, n):
    kernel = np.random.default_rng(seed).random((20, 12))

    def greedy():
        covered, picks = np.zeros(12), []
        for _ in range(n):
            gain = np.maximum(kernel - covered, 0).sum(axis=1)
            gain[picks] = -1
            picks.append(int(gain.argmax()))
            covered = np.maximum(covered, kernel[picks[-1]])
        return picks

    for size in (3, 20):
        assert lazy_greedy(kernel.sum(axis=1), covering(kernel), n, size=size).tolist() == greedy()


def test_lazy_greedy_on_a_pool_larger_than_its_front():
    kernel = np.random.default_rng(0).random((FRONT + 2000, 40)) ** 4
    covered, expected = np.zeros(40), []
    for _ in range(30):
        gain = np.maximum(kernel - covered, 0).sum(axis=1)
        gain[expected] = -1
        expected.append(int(gain.argmax()))
        covered = np.maximum(covered, kernel[expected[-1]])
    assert lazy_greedy(kernel.sum(axis=1), covering(kernel), 30).tolist() == expected
