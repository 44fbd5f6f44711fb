import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist

from querist.acquire.density import contrastive, information_density, isolation, novelty, typicality
from querist.acquire.presets import strategy
from querist.acquire.select import choose
from querist.errors import BadValue

RNG = np.random.default_rng
SEEDS = st.integers(0, 10_000)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_mean_vector_gives_the_mean_cosine(seed):
    x = RNG(seed).normal(size=(20, 3))
    expected = (1 + (unit(x) @ unit(x).T).mean(axis=1)) / 2
    np.testing.assert_allclose(information_density(embed=x), expected)
    np.testing.assert_allclose(information_density(embed=csr_matrix(x)), expected)
    np.testing.assert_allclose(information_density(embed=x[:5], target_mean=unit(x).mean(axis=0)), expected[:5])


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_the_gaussian_by_brute_force(seed):
    x, targets = RNG(seed).normal(size=(20, 3)), RNG(seed + 1).normal(size=(6, 3))
    given_targets = information_density(embed=x, target_embed=targets, kernel="gaussian", radius=2.0)
    np.testing.assert_allclose(given_targets, np.exp(-(cdist(x, targets) ** 2) / 4).mean(axis=1))
    itself = information_density(embed=x, kernel="gaussian", radius=2.0)
    np.testing.assert_allclose(itself, np.exp(-(cdist(x, x) ** 2) / 4).mean(axis=1))


def test_the_preset_is_settles_and_craven_product():
    x, proba = RNG(0).normal(size=(30, 3)), RNG(1).dirichlet(np.ones(3), 30)
    batch = choose(strategy("information_density"), {"proba": proba, "embed": x}, n=3, rng=RNG(0))
    entropy = -(proba * np.log(proba)).sum(axis=1)
    expected = entropy * information_density(embed=x)
    assert batch.rows.tolist() == np.argsort(-expected)[:3].tolist()


@given(SEEDS, st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_neighbours_by_brute_force(seed, k):
    x = RNG(seed).normal(size=(15, 3))
    mean = np.sort(cdist(x, x), axis=1)[:, 1 : k + 1].mean(axis=1)
    np.testing.assert_allclose(isolation(embed=x, neighbours=k), mean)
    np.testing.assert_allclose(typicality(embed=x, neighbours=k), 1 / (1 + mean))
    labelled = x[:2]
    far = cdist(x, labelled).min(axis=1)
    for outliers, part in ((0.0, far), (1.0, mean), (2.0, mean), (-1.0, far)):
        found = novelty(embed=x, labelled_embed=labelled, neighbours=k, outliers=outliers)
        np.testing.assert_allclose(found, far * (part / (far + mean)) ** abs(outliers), atol=1e-6)
    np.testing.assert_allclose(novelty(embed=x, neighbours=k), mean)


def test_a_target_at_the_rows_own_place_is_the_row_itself():
    x = RNG(0).normal(size=(12, 2))
    np.testing.assert_allclose(isolation(embed=x, target_embed=x, neighbours=3), isolation(embed=x, neighbours=3))
    apart = isolation(embed=x[:4], target_embed=x[4:], neighbours=3)
    np.testing.assert_allclose(apart, np.sort(cdist(x[:4], x[4:]), axis=1)[:, :3].mean(axis=1))


def test_novelty_finds_what_nobody_has_labelled_be_it_a_group_or_alone():
    known, group = RNG(0).normal(0, 1, (200, 4)), RNG(1).normal(12, 1, (8, 4))
    lonely = np.array([[40.0, 0, 0, 0], [0, -40.0, 0, 0]])
    x = np.concatenate([known, lonely, group])
    by_group = np.argsort(-novelty(embed=x, labelled_embed=known[:20], outliers=-8.0))[:8]
    assert by_group.min() >= 202
    assert set(np.argsort(-novelty(embed=x, labelled_embed=known[:20]))[:2]) == {200, 201}


@given(SEEDS, st.integers(1, 5))
@settings(max_examples=20, deadline=None)
def test_contrastive_by_brute_force(seed, k):
    rng = RNG(seed)
    x, labelled = rng.normal(size=(9, 2)), rng.normal(size=(6, 2))
    p, q = rng.dirichlet(np.ones(3), 9), rng.dirichlet(np.ones(3), 6)
    expected = []
    for row in range(9):
        near = np.argsort(np.square(x[row] - labelled).sum(axis=1))[:k]
        expected.append(np.mean([(q[j] * np.log(q[j] / p[row])).sum() for j in near]))
    found = contrastive(proba=p, embed=x, labelled_proba=q, labelled_embed=labelled, neighbours=k)
    np.testing.assert_allclose(found, expected)


def test_an_unknown_kernel_is_refused():
    with pytest.raises(BadValue, match="kernel = 'linear'"):
        information_density(embed=np.ones((2, 2)), kernel="linear")
