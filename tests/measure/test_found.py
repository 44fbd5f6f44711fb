"""Entities, boxes and ranked lists, against scikit-learn, counting by hand, and slow twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from querist.errors import BadValue
from querist.measure import found
from querist.measure.found import Boxes

spans = st.lists(st.tuples(st.integers(0, 5), st.integers(6, 9), st.sampled_from("AB")), max_size=5, unique=True)


@given(st.lists(st.tuples(spans, spans), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_entities_are_counted_over_all_texts(texts) -> None:
    target, predicted = [t for t, _ in texts], [p for _, p in texts]
    right = sum(span in p for t, p in texts for span in t)
    scores = found.entities(target, predicted)
    assert (scores.right, scores.true, scores.found) == (right, sum(map(len, target)), sum(map(len, predicted)))
    if scores.true + scores.found:
        assert scores.f1 == pytest.approx(2 * right / (scores.true + scores.found))


def test_a_worked_example_of_conll() -> None:
    # By hand: precision 2/3, recall 2/4.
    true = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-ORG", "I-ORG", "B-PER"]
    said = ["B-PER", "I-PER", "O", "O", "O", "B-ORG", "O", "B-PER"]
    scores = found.entities([found.spans_of(true)], [found.spans_of(said)])
    assert (scores.precision, scores.recall) == (pytest.approx(2 / 3), 0.5)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["I-A", "I-A"], [(0, 2, "A")]),
        (["B-A", "I-B"], [(0, 1, "A"), (1, 2, "B")]),
        (["B-A", "B-A"], [(0, 1, "A"), (1, 2, "A")]),
        ([], []),
        (["O", "O"], []),
    ],
)
def test_tags_are_read_as_conll_reads_them(tags, expected) -> None:
    assert found.spans_of(tags) == expected


@given(st.integers(1, 40), st.integers(0, 500))
@settings(max_examples=50, deadline=None)
def test_ndcg_is_scikit_learns_ties_included(n, seed) -> None:
    rng = np.random.default_rng(seed)
    relevance, score = rng.integers(0, 4, n).astype(float), rng.integers(0, 5, n).astype(float)
    if n > 1 and relevance.any():
        for at in (None, 3):
            assert found.ndcg(relevance, score, at=at) == pytest.approx(metrics.ndcg_score([relevance], [score], k=at))


def test_nothing_relevant_has_no_gain() -> None:
    assert np.isnan(found.ndcg(np.zeros(3), np.arange(3.0)))
    assert np.isnan(found.recall_at(np.zeros(3, bool), np.arange(3.0), 2))


@given(st.integers(1, 25), st.integers(1, 30), st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_recall_at_a_budget_is_the_mean_over_the_orders_of_ties(n, budget, seed) -> None:
    rng = np.random.default_rng(seed)
    relevant, score = rng.random(n) < 0.4, rng.integers(0, 3, n).astype(float)
    if not relevant.any():
        return
    draws = [relevant[np.lexsort((rng.random(n), -score))[:budget]].sum() / relevant.sum() for _ in range(400)]
    assert found.recall_at(relevant, score, budget) == pytest.approx(np.mean(draws), abs=0.12)


def test_overlap_counts_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = (np.sort(rng.integers(0, 12, (2, 2)), axis=0).ravel() for _ in range(2))
        grid = np.zeros((2, 12, 12), bool)
        for k, (left, top, right, bottom) in enumerate((a, b)):
            grid[k, left:right, top:bottom] = True
        union = (grid[0] | grid[1]).sum()
        assert found.overlap(a[None], b[None])[0, 0] == pytest.approx((grid[0] & grid[1]).sum() / union if union else 0)


def test_average_precision_of_perfectly_placed_boxes_is_that_of_their_order() -> None:
    rng = np.random.default_rng(1)
    right = rng.random(30) < 0.6
    score = rng.random(30)
    own = np.array([[10 * i, 0, 10 * i + 5, 5] for i in range(30)], dtype=float)
    truth = [Boxes(own[right], np.zeros(right.sum(), int))]
    said = [Boxes(own, np.zeros(30, int), score)]
    order = np.argsort(-score)
    precision = np.cumsum(right[order]) / np.arange(1, 31)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    expected = best_from_here[right[order]].mean()
    assert found.mean_average_precision(truth, said) == pytest.approx(expected)


def test_a_true_box_is_found_once_and_only_in_its_own_image_and_class() -> None:
    box = np.array([[0.0, 0, 4, 4]])
    truth = [Boxes(box, np.array([0])), Boxes(np.zeros((0, 4)), np.array([], int))]
    twice = Boxes(np.vstack([box, box]), np.array([0, 0]), np.array([0.9, 0.8]))
    nothing = Boxes(np.zeros((0, 4)), np.array([], int), np.array([]))
    assert found.mean_average_precision(truth, [twice, nothing]) == 1.0
    assert found.mean_average_precision(truth, [nothing, twice]) == 0.0
    other = Boxes(box, np.array([1]), np.array([0.9]))
    assert found.mean_average_precision(truth, [other, nothing]) == 0.0
    near = Boxes(box + np.array([1, 0, 1, 0]), np.array([0]), np.array([0.9]))  # overlap 12 / 20
    assert found.mean_average_precision(truth, [near, nothing], thresholds=[0.5, 0.75]) == 0.5


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadValue):
        found.entities([[]], [])
    with pytest.raises(BadValue):
        found.ndcg(np.array([-1.0]), np.array([0.0]))
    with pytest.raises(BadValue):
        found.mean_average_precision(
            [Boxes(np.zeros((0, 4)), np.array([], int))], [Boxes(np.ones((1, 4)), np.array([0]))]
        )
