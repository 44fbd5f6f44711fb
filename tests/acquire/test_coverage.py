import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from querist.acquire.coverage import facility_location, max_herding, prob_cover, uncertainty_herding
from querist.acquire.uncertainty import margin
from querist.errors import BadValue

DIGITS = load_digits().data
RNG = np.random.default_rng


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def squared(x, y):
    return np.square(x[:, None] - y).sum(axis=2)


def assert_greedy(picks, kernel, weight=None, covered=0.0):
    """Each pick adds as much to the weighted coverage of the targets as any row would; kernel (n, t)."""
    taken = []
    for row in picks:
        gain = np.maximum(kernel - covered, 0) @ (np.ones(kernel.shape[1]) if weight is None else weight)
        gain[taken] = -np.inf
        assert gain[row] == pytest.approx(gain.max(), abs=1e-9)
        covered = np.maximum(covered, kernel[row])
        taken.append(row)
    assert len(set(taken)) == len(picks)


@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
@settings(max_examples=30, deadline=None)
def test_max_herding_is_the_greedy_of_its_definition(seed, n, held):
    x = RNG(seed).normal(size=(30, 4))
    z, h = unit(x), 0.7
    labelled = x[:2] + 0.1 if held else None
    covered = np.exp(-squared(z, unit(labelled)) / h**2).max(axis=1) if held else 0.0
    found = max_herding(embed=x, labelled_embed=labelled, n=n, radius=h)
    assert_greedy(found, np.exp(-squared(z, z) / h**2), covered=covered)


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_facility_location_is_the_greedy_of_its_definition(seed, n):
    x = RNG(seed).normal(size=(25, 3))
    z = unit(x)
    assert_greedy(facility_location(embed=x, n=n), np.maximum(z @ z.T, 0))


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_greedy_guarantee_holds_against_the_best_subset(seed):
    x = RNG(seed).normal(size=(9, 2))
    kernel = np.exp(-squared(x, x))

    def value(rows):
        return kernel[list(rows)].max(axis=0).sum()

    best = max(value(rows) for rows in itertools.combinations(range(9), 3))
    assert value(max_herding(embed=x, n=3, unit=False, radius=1.0)) >= (1 - 1 / np.e) * best - 1e-9


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_prob_cover_is_the_greedy_of_its_definition(seed, n):
    x = RNG(seed).normal(size=(25, 2))
    found = prob_cover(embed=x, n=n, rng=RNG(0), radius=0.5, unit=False)
    assert_greedy(found, (squared(x, x) <= 0.25).astype(float))


def test_the_radius_of_prob_cover_keeps_clusters_apart():
    x = np.concatenate([RNG(i).normal(10 * i, 0.5, (40, 2)) for i in range(3)])
    rows = prob_cover(embed=x, n=3, rng=RNG(0), clusters=3, unit=False)
    assert sorted(rows // 40) == [0, 1, 2]


@given(st.integers(0, 10_000), st.integers(1, 6))
@settings(max_examples=30, deadline=None)
def test_uncertainty_herding_is_the_greedy_of_its_definition(seed, n):
    rng = RNG(seed)
    x, labelled, proba = rng.normal(size=(30, 4)), rng.normal(size=(5, 4)), rng.dirichlet(np.ones(3), 30)
    z, y = unit(x), unit(labelled)
    pairs = squared(y, y)
    h2 = pairs[pairs > 1e-12].min()
    covered = np.exp(-squared(z, y) / h2).max(axis=1)
    found = uncertainty_herding(proba=proba, embed=x, labelled_embed=labelled, n=n)
    assert_greedy(found, np.exp(-squared(z, z) / h2), margin(proba=proba), covered)


def test_uncertainty_herding_becomes_margin_as_the_radius_shrinks_even_on_sampled_targets():
    rng = RNG(0)
    x, proba = rng.normal(size=(500, 4)), rng.dirichlet(np.ones(3), 500)
    by_margin = np.argsort(-margin(proba=proba))[:10].tolist()
    for more in ({}, {"sample": 50}, {"target_embed": x[:50], "target_proba": proba[:50]}):
        assert uncertainty_herding(proba=proba, embed=x, n=10, rng=RNG(1), radius=1e-3, **more).tolist() == by_margin


@given(st.integers(0, 10_000), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_sampled_targets_stand_for_the_pool_and_a_candidate_for_itself(seed, n):
    rng = RNG(seed)
    x, labelled = rng.normal(size=(30, 3)), rng.normal(size=(2, 3))
    targets = x[:8]
    kernel, own = np.exp(-squared(x, targets)), np.exp(-squared(x, labelled)).max(axis=1)
    kernel[np.arange(8), np.arange(8)] = 0
    covered = np.exp(-squared(targets, labelled)).max(axis=1)
    picks = []
    for _ in range(n):
        gain = (1 - own) + 30 / 8 * np.maximum(kernel - covered, 0).sum(axis=1)
        gain[picks] = -np.inf
        picks.append(int(gain.argmax()))
        covered = np.maximum(covered, np.exp(-squared(targets, x[picks[-1:]]))[:, 0])
        own = np.maximum(own, np.exp(-squared(x, x[picks[-1:]]))[:, 0])
    found = max_herding(embed=x, target_embed=targets, labelled_embed=labelled, n=n, unit=False, radius=1.0)
    assert found.tolist() == picks


def test_a_sample_of_the_pool_covers_nearly_as_well_as_all_of_it():
    def coverage(rows):
        z = unit(DIGITS)
        return np.exp(-squared(z, z[rows]) / 0.25).max(axis=1).mean()

    exact = coverage(max_herding(embed=DIGITS, n=20, radius=0.5))
    for candidates, share in ((0, 0.97), (900, 0.95)):
        sampled = max_herding(embed=DIGITS, n=20, radius=0.5, sample=400, candidates=candidates, rng=RNG(0))
        assert coverage(sampled) > share * exact


def test_candidates_of_uncertainty_herding_hold_the_rows_that_matter_most():
    proba = RNG(0).dirichlet(np.ones(3), len(DIGITS))
    more = {"proba": proba, "embed": DIGITS, "n": 20, "radius": 1e-3, "sample": 400}
    by_margin = np.argsort(-margin(proba=proba))[:20]
    assert set(uncertainty_herding(rng=RNG(0), candidates=200, **more)) == set(by_margin)
    with pytest.raises(BadValue, match="to draw 200 candidates"):
        uncertainty_herding(candidates=200, target_embed=DIGITS[:9], target_proba=proba[:9], **more)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_narrow_types_cover_as_well(dtype):
    x = DIGITS[:600] / 16
    wide, narrow = (max_herding(embed=form, n=15) for form in (x, x.astype(dtype)))
    kernel = np.exp(-squared(unit(x), unit(x)))
    assert kernel[narrow].max(axis=0).mean() == pytest.approx(kernel[wide].max(axis=0).mean(), rel=1e-3)


def test_pending_rows_cover_too():
    x = np.concatenate([np.zeros((9, 1)), np.full((5, 1), 9.0)])
    assert max_herding(embed=x, pending_embed=x[:1], n=1, unit=False, radius=1.0)[0] >= 9
