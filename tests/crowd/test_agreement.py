"""Agreement against published examples, scikit-learn, and pairwise definitions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.crowd import agreement
from querist.crowd.agreement import cohen_kappa, fleiss_kappa, krippendorff_alpha
from querist.errors import BadValue


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=40))
@settings(max_examples=50, deadline=None)
def test_cohens_kappa_equals_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    a, b = np.array(pairs).T
    if len(set(a) | set(b)) == 1:
        assert math.isnan(cohen_kappa(a, b))
        return
    for weights in ("none", "linear", "quadratic"):
        theirs = metrics.cohen_kappa_score(a, b, weights=None if weights == "none" else weights, labels=range(4))
        assert cohen_kappa(a, b, weights=weights) == pytest.approx(theirs)


def test_fleiss_published_example():
    """Fleiss 1971, as reprinted in textbooks: ten patients, fourteen raters, five diagnoses, kappa .210."""
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)


@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_fleiss_is_agreement_of_pairs_over_chance(seed, raters, c):
    labels = np.random.default_rng(seed).integers(0, c, (7, raters))
    counts = np.array([[np.sum(row == k) for k in range(c)] for row in labels])
    pairs = np.mean([a == b for row in labels for a, b in itertools.combinations(row, 2)])
    chance = sum(np.mean(labels == k) ** 2 for k in range(c))
    if chance == 1:
        assert math.isnan(fleiss_kappa(counts))
    else:
        assert fleiss_kappa(counts) == pytest.approx((pairs - chance) / (1 - chance))


def slow_alpha(values, distance):
    """Observed over expected disagreement, by all pairs of answers."""
    people, items = values.shape
    columns = [[values[p, i] for p in range(people) if not np.isnan(values[p, i])] for i in range(items)]
    columns = [column for column in columns if len(column) > 1]
    pool = [v for column in columns for v in column]
    observed = sum(
        sum(distance(a, b, pool) for a, b in itertools.permutations(column, 2)) / (len(column) - 1)
        for column in columns
    ) / len(pool)
    expected = sum(distance(a, b, pool) for a, b in itertools.permutations(pool, 2)) / (len(pool) * (len(pool) - 1))
    return math.nan if expected == 0 else 1 - observed / expected


def ordinal(a, b, pool):
    low, high = min(a, b), max(a, b)
    between = sum(low <= v <= high for v in pool) - (pool.count(low) + pool.count(high)) / 2
    return between**2 if a != b else 0.0


DISTANCES = {
    "nominal": lambda a, b, _: float(a != b),
    "ordinal": ordinal,
    "interval": lambda a, b, _: (a - b) ** 2,
    "ratio": lambda a, b, _: ((a - b) / (a + b)) ** 2 if a + b else 0.0,
}


@pytest.mark.parametrize("level", list(DISTANCES))
@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_alpha_is_one_minus_observed_over_expected_disagreement(level, seed):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5, (3, 8)).astype(float)
    values[rng.random((3, 8)) < 0.25] = np.nan
    if ((~np.isnan(values)).sum(axis=0) < 2).all():
        with pytest.raises(BadValue):
            krippendorff_alpha(values, level=level)
        return
    expected = slow_alpha(values, DISTANCES[level])
    assert krippendorff_alpha(values, level=level) == pytest.approx(expected, nan_ok=True)


def test_full_agreement_is_one_and_one_value_has_no_meaning():
    values = np.array([[0.0, 1, 2], [0, 1, 2]])
    assert krippendorff_alpha(values) == 1
    assert cohen_kappa(values[0], values[1]) == 1
    assert math.isnan(krippendorff_alpha(np.zeros((2, 3))))
    assert math.isnan(fleiss_kappa(np.array([[2, 0], [2, 0]])))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: cohen_kappa(np.array([0]), np.array([0, 1])), "b"),
        (lambda: cohen_kappa(np.array([0]), np.array([0]), weights="cubic"), "weights"),
        (lambda: fleiss_kappa(np.array([[2, 0], [2, 1]])), "counts"),
        (lambda: fleiss_kappa(np.array([[1, 0], [0, 1]])), "counts"),
        (lambda: krippendorff_alpha(np.zeros((2, 2)), level="names"), "level"),
        (lambda: krippendorff_alpha(np.array([[-1.0, 2], [1, 2]]), level="ratio"), "values"),
        (lambda: krippendorff_alpha(np.zeros(3)), "values"),
    ],
)
def test_misuse_is_refused_by_name(call, named):
    with pytest.raises(BadValue) as caught:
        call()
    assert caught.value.field == named


def test_alpha_by_distance_is_alpha_where_distances_are_equality_and_matches_its_definition(crowd):
    item, annotator, label, _, _ = crowd(3, items=40, annotators=6, each=3)
    table = np.full((6, 40), np.nan)
    table[annotator, item] = label
    apart = (label[:, None] != label[None, :]).astype(float)
    assert agreement.alpha_by_distance(item, apart) == pytest.approx(agreement.krippendorff_alpha(table))
    rng = np.random.default_rng(0)
    far = rng.random((len(item), len(item)))
    far = np.triu(far, 1) + np.triu(far, 1).T
    pairs = [(i, j) for i in range(len(item)) for j in range(len(item)) if i != j]
    within = np.mean([far[i, j] for i, j in pairs if item[i] == item[j]])
    anywhere = np.mean([far[i, j] for i, j in pairs])
    assert agreement.alpha_by_distance(item, far) == pytest.approx(1 - within / anywhere)


def test_alpha_by_distance_refuses_what_has_no_pairs():
    with pytest.raises(BadValue, match="no item has two"):
        agreement.alpha_by_distance(np.array([0, 1]), np.zeros((2, 2)))
    with pytest.raises(BadValue, match=r"must be \(2, 2\)"):
        agreement.alpha_by_distance(np.array([0, 0]), np.zeros((3, 3)))
