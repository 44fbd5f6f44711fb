import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, load_wine

from querist.acquire import clusters
from querist.acquire.clusters import k_means, medoids
from querist.acquire.distances import Space, nearest
from querist.errors import BadValue

DIGITS = load_digits().data.astype(np.float32)


@pytest.mark.parametrize(("x", "k"), [(DIGITS, 10), (DIGITS, 50), (load_wine().data, 3)])
def test_as_tight_as_scikit_learn(x, k):
    ours = np.mean([k_means(x, k, rng=np.random.default_rng(seed)).inertia for seed in range(3)])
    theirs = np.mean([KMeans(k, n_init=1, random_state=seed).fit(x).inertia_ for seed in range(3)])
    assert ours <= 1.03 * theirs


def test_the_centres_are_the_weighted_means_of_their_rows():
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=(300, 4)), rng.random(300)
    found = k_means(x, 6, rng=rng, weight=weight, tolerance=0)
    for k in range(6):
        mine = found.assignment == k
        np.testing.assert_allclose(
            found.centres[k] + found.space.mean, np.average(x[mine], axis=0, weights=weight[mine]), atol=1e-9
        )
    distance = np.square(x - (found.centres + found.space.mean)[found.assignment]).sum(axis=1)
    assert found.inertia == pytest.approx(weight @ distance)


def test_large_pools_are_clustered_as_tightly_from_a_part_of_them(monkeypatch):
    x = np.concatenate(
        [DIGITS + np.random.default_rng(i).normal(0, 1, DIGITS.shape).astype(np.float32) for i in (0, 1)]
    )
    whole = np.mean([k_means(x, 20, rng=np.random.default_rng(seed)).inertia for seed in range(3)])
    monkeypatch.setattr(clusters, "SAMPLE", 400)
    monkeypatch.setattr(clusters, "SAMPLE_EACH", 40)
    from_part = [k_means(x, 20, rng=np.random.default_rng(seed)) for seed in range(3)]
    assert np.mean([found.inertia for found in from_part]) <= 1.02 * whole
    assert from_part[0].iterations < 40


def test_rows_without_weight_attract_no_centre():
    x = np.concatenate([np.zeros((20, 2)), np.full((20, 2), 9.0)])
    weight = np.repeat([1.0, 0.0], 20)
    found = k_means(x, 1, rng=np.random.default_rng(0), weight=weight)
    np.testing.assert_allclose(found.centres + found.space.mean, [[0, 0]], atol=1e-9)


def test_fixed_centres_hold_their_rows_and_do_not_move():
    x = np.concatenate([np.random.default_rng(i).normal(place, 0.1, (30, 2)) for i, place in enumerate((0, 5, 9))])
    found = k_means(x, 2, rng=np.random.default_rng(0), fixed=np.full((1, 2), 5.0))
    assert set(found.assignment[30:60]) == {2}
    assert sorted((found.centres + found.space.mean).mean(axis=1).round()) == [0, 9]


def test_csr_gives_what_dense_gives():
    x = np.where(DIGITS > 8, DIGITS, 0)[:400]
    dense = k_means(x, 7, rng=np.random.default_rng(3))
    sparse = k_means(csr_matrix(x), 7, rng=np.random.default_rng(3))
    np.testing.assert_array_equal(dense.assignment, sparse.assignment)
    assert sparse.inertia == pytest.approx(dense.inertia, rel=1e-5)


@pytest.mark.parametrize("limit", [2**10, 2**28])
def test_the_memory_limit_changes_nothing_else(limit):
    found = k_means(DIGITS[:500], 9, rng=np.random.default_rng(0), memory_limit=limit)
    assert found.inertia == pytest.approx(k_means(DIGITS[:500], 9, rng=np.random.default_rng(0)).inertia, rel=1e-5)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data())
@settings(max_examples=50, deadline=None)
def test_medoids_are_distinct_rows_whatever_the_duplicates(values, data):
    x = np.array(values, float)[:, None]
    k = data.draw(st.integers(1, len(values)))
    found = k_means(x, k, rng=np.random.default_rng(0))
    rows = medoids(found, k)
    assert len(set(rows.tolist())) == k
    assert len({values[row] for row in rows}) == min(k, len(set(values)))


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_nearest_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    x, centres = rng.normal(size=(9, 3)), rng.normal(size=(4, 3))
    table = np.square(x[:, None] - centres).sum(axis=2)
    space = Space(x)
    assignment, distance = nearest(space, space.place(centres))
    np.testing.assert_array_equal(assignment, table.argmin(axis=1))
    np.testing.assert_allclose(distance, table.min(axis=1), atol=1e-12)


def test_more_clusters_than_rows_are_refused():
    with pytest.raises(BadValue, match="between 1 and the number of rows, 3"):
        k_means(np.zeros((3, 1)), 4, rng=np.random.default_rng(0))
