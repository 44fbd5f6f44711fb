import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from querist.acquire.uncertainty import entropy, least_confidence, margin, ratio
from querist.errors import BadValue

ALL = (margin, least_confidence, entropy, ratio)


@st.composite
def probabilities(draw, classes=None):
    rows, c = draw(st.integers(1, 6)), classes or draw(st.integers(1, 40))
    weights = draw(arrays(float, (rows, c), elements=st.floats(0, 1, width=32)))
    weights[np.arange(rows), draw(arrays(int, rows, elements=st.integers(0, c - 1)))] += 0.25
    return weights / weights.sum(axis=1, keepdims=True)


def by_definition(function, row):
    ranked = [*sorted(row, reverse=True), 0.0]
    return {
        margin: 1 - (ranked[0] - ranked[1]),
        least_confidence: 1 - ranked[0],
        ratio: ranked[1] / ranked[0],
        entropy: -sum(p * math.log(p) for p in row if p > 0),
    }[function]


@pytest.mark.parametrize("function", ALL)
@given(proba=probabilities())
@settings(max_examples=40, deadline=None)
def test_the_formula_row_by_row(function, proba):
    expected = [by_definition(function, row.tolist()) for row in proba]
    np.testing.assert_allclose(function(proba=proba), expected, atol=1e-12)


@given(proba=probabilities(classes=2))
@settings(max_examples=40, deadline=None)
def test_with_two_classes_all_four_rank_alike(proba):
    proba = np.round(proba, 3)
    order = np.argsort(proba.max(axis=1), kind="stable")
    for function in ALL:
        assert (np.diff(function(proba=proba)[order]) <= 1e-12).all()


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("classes", [3, 100])
def test_blocks_and_types_do_not_change_the_scores(function, classes):
    proba = np.random.default_rng(0).dirichlet(np.ones(classes), 20_000)
    whole = function(proba=proba)
    np.testing.assert_array_equal(function(proba=proba[9_000:9_100]), whole[9_000:9_100])
    np.testing.assert_allclose(function(proba=proba.astype(np.float32)), whole, atol=2e-6)
    half = function(proba=proba.astype(np.float16))
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, whole, atol=5e-3)


def test_a_memory_mapped_array_is_read_in_blocks(tmp_path):
    proba = np.random.default_rng(0).dirichlet(np.ones(10), 200_000).astype(np.float32)
    np.save(tmp_path / "proba.npy", proba)
    mapped = np.load(tmp_path / "proba.npy", mmap_mode="r")
    tracemalloc.start()
    scores = margin(proba=mapped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(scores, margin(proba=proba))
    assert peak < scores.nbytes + 4 * 2**20


def test_a_probability_a_hair_above_one_gives_no_negative_score():
    proba = np.array([[1.0000001, 0.0]], np.float32)
    for function in ALL:
        assert function(proba=proba)[0] >= 0


def test_a_single_class_has_nothing_to_gain_from():
    assert [f(proba=np.ones((2, 1)))[0] for f in (least_confidence, margin, entropy, ratio)] == [0, 0, 0, 0]


@pytest.mark.parametrize("proba", [np.ones(3), np.ones((3, 0))])
def test_an_array_of_another_shape_is_refused(proba):
    with pytest.raises(BadValue, match=r"two dimensions \(rows, classes\)"):
        margin(proba=proba)
