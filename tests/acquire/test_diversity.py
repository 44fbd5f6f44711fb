import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits

from querist.acquire.diversity import determinantal, graph_cut, k_center, kmeans

DIGITS = load_digits().data


def greedy_by_definition(x, held, n):
    picks = []
    while len(picks) < n:
        centres = np.concatenate([held, x[picks]])
        distance = cdist(x, centres).min(axis=1)
        distance[picks] = -1
        picks.append(int(distance.argmax()))
    return picks


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_k_center_is_the_plain_greedy(seed, n):
    rng = np.random.default_rng(seed)
    x, held = rng.normal(size=(15, 3)), rng.normal(size=(2, 3))
    assert k_center(embed=x, labelled_embed=held, n=n).tolist() == greedy_by_definition(x, held, n)


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_k_center_is_within_twice_the_best_radius(seed):
    x = np.random.default_rng(seed).normal(size=(8, 2))
    table = cdist(x, x)
    best = min(table[:, list(rows)].min(axis=1).max() for rows in itertools.combinations(range(8), 3))
    assert table[:, k_center(embed=x, n=3)].min(axis=1).max() <= 2 * best + 1e-9


def test_k_center_begins_at_the_heart_of_the_pool():
    x = np.array([[0.0], [4.0], [5.0], [9.0]])
    assert k_center(embed=x, n=1)[0] in (1, 2)


def test_pending_rows_count_as_covered():
    x = np.array([[0.0], [1.0], [9.0]])
    assert k_center(embed=x, labelled_embed=x[:1], pending_embed=x[2:], n=1).tolist() == [1]
    assert kmeans(embed=x, pending_embed=x[2:], n=1, rng=np.random.default_rng(0))[0] in (0, 1)


@pytest.mark.parametrize("selector", [k_center, kmeans])
def test_csr_and_single_precision_give_the_same_rows(selector):
    x = np.where(DIGITS > 8, DIGITS, 0)[:300]
    rows = [selector(embed=form, n=9, rng=np.random.default_rng(0)).tolist() for form in (x, csr_matrix(x))]
    assert rows[0] == rows[1]


def test_kmeans_takes_a_row_of_every_far_cluster():
    x = np.concatenate([np.random.default_rng(i).normal(20 * i, 1, (50, 4)) for i in range(6)])
    assert sorted(kmeans(embed=x, n=6, rng=np.random.default_rng(0)) // 50) == list(range(6))


def test_incremental_kmeans_stays_away_from_labelled_rows():
    x = np.concatenate([np.random.default_rng(i).normal(20 * i, 1, (50, 4)) for i in range(3)])
    labelled = x[:50].mean(axis=0, keepdims=True)
    rows = kmeans(embed=x, labelled_embed=labelled, incremental=True, n=2, rng=np.random.default_rng(0))
    assert sorted(rows // 50) == [1, 2]


@given(st.integers(0, 10_000), st.integers(1, 5), st.booleans())
@settings(max_examples=30, deadline=None)
def test_graph_cut_is_the_greedy_of_its_definition(seed, n, held):
    rng = np.random.default_rng(seed)
    x, labelled = rng.normal(size=(20, 3)), rng.normal(size=(2, 3))
    z, y = (part / np.linalg.norm(part, axis=1, keepdims=True) for part in (x, labelled))
    similar, picks = z @ z.T, []
    while len(picks) < n:
        gain = 2.5 * similar.sum(axis=1) - 2 * similar[:, picks].sum(axis=1) - 1
        gain -= 2 * (z @ y.T).sum(axis=1) if held else 0
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
    more = {"labelled_embed": labelled} if held else {}
    for form in (x, csr_matrix(x)):
        assert graph_cut(embed=form, n=n, balance=2.5, **more).tolist() == picks
    assert graph_cut(embed=x, n=n, balance=2.5, target_mean=z.mean(axis=0), memory_limit=300, **more).tolist() == picks


@given(st.integers(0, 10_000), st.booleans())
@settings(max_examples=30, deadline=None)
def test_determinantal_is_the_greedy_of_the_determinant(seed, held):
    rng = np.random.default_rng(seed)
    x, q = rng.normal(size=(15, 3)), rng.random(15) + 0.1
    points = np.concatenate([x, rng.normal(size=(2, 3))])
    quality = np.concatenate([q, [1.0, 1.0]])
    kernel = quality[:, None] * quality * np.exp(-cdist(points, points, "sqeuclidean"))
    first = [15, 16] if held else []
    picks: list[int] = []
    while len(picks) < 4:
        left = [row for row in range(15) if row not in picks]
        picks.append(max(left, key=lambda row: np.linalg.det(kernel[np.ix_(*[[*first, *picks, row]] * 2)])))
    more = {"labelled_embed": points[15:16], "pending_embed": points[16:]} if held else {}
    assert determinantal(embed=x, scores=q, n=4, unit=False, radius=1.0, **more).tolist() == picks


def test_determinantal_takes_copies_last():
    x = np.repeat(np.random.default_rng(0).normal(size=(5, 3)), 6, axis=0)
    rows = determinantal(embed=x, scores=np.ones(30), n=30)
    assert len(set(rows[:5] // 6)) == 5
    assert len(set(rows.tolist())) == 30
