"""Shadow models: no item is scored by a model that saw it, and averages are over the models that did not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue, NotReady
from querist.measure.shadow import (
    Arm,
    combine,
    cross_fit_plan,
    largest_size,
    progressive_plan,
    shadow_sizes,
)

lanes = st.tuples(st.integers(0, 60), st.integers(1, 60), st.integers(2, 6), st.integers(1, 3), st.integers(0, 1000))


@given(lanes)
@settings(max_examples=50, deadline=None)
def test_no_item_is_scored_by_a_model_that_saw_it(case):
    a, b, folds, repeats, seed = case
    rows = np.random.default_rng(seed).permutation(500)[: a + b]
    control, evaluation = rows[:a], rows[a:]
    if a + b < folds:
        with pytest.raises(NotReady):
            list(cross_fit_plan(control, evaluation, folds=folds))
        return
    plan = list(cross_fit_plan(control, evaluation, folds=folds, repeats=repeats, seed=seed))
    for fit in plan:
        assert not set(fit.train) & set(fit.scored)
        assert set(fit.train) <= set(rows)
        assert set(fit.scored) <= set(evaluation)
        assert len(set(fit.train)) == len(fit.train) == fit.size
    for size in {fit.size for fit in plan}:
        for repeat in range(repeats):
            scored = [r for fit in plan if (fit.size, fit.repeat) == (size, repeat) for r in fit.scored]
            assert sorted(scored) == sorted(evaluation)


@given(lanes)
@settings(max_examples=30, deadline=None)
def test_the_plan_repeats_and_sizes_are_nested(case):
    a, b, _, _, seed = case
    if a + b < 5:
        return
    plan = list(cross_fit_plan(np.arange(a), np.arange(a, a + b), seed=seed))
    again = list(cross_fit_plan(np.arange(a), np.arange(a, a + b), seed=seed))
    assert all(np.array_equal(x.train, y.train) for x, y in zip(plan, again, strict=True))
    for fit in plan:
        for other in plan:
            if (fit.fold, fit.repeat) == (other.fold, other.repeat) and fit.size <= other.size:
                np.testing.assert_array_equal(other.train[: fit.size], fit.train)
    assert max(f.size for f in plan) == largest_size(a, b)


def test_training_rows_are_a_uniform_sample_of_both_lanes():
    drawn = np.zeros(40)
    for seed in range(300):
        for fit in cross_fit_plan(np.arange(20), np.arange(20, 40), sizes=[8], repeats=1, seed=seed):
            drawn[fit.train] += 1
    expected = 300 * 5 * 8 / 40
    assert np.all(np.abs(drawn - expected) < 5 * np.sqrt(expected))


@given(st.integers(1, 5000))
@settings(max_examples=30, deadline=None)
def test_sizes_double_up_to_the_largest(largest):
    sizes = shadow_sizes(largest)
    assert sizes[-1] == largest
    assert all(size == 20 * 2**i for i, size in enumerate(sizes[:-1]))
    assert sizes == sorted(set(sizes))


@given(lanes)
@settings(max_examples=30, deadline=None)
def test_combining_is_the_mean_over_the_models_that_scored_an_item(case):
    a, b, _, repeats, seed = case
    if a + b < 5:
        return
    rng = np.random.default_rng(seed)
    evaluation = rng.permutation(np.arange(a, a + b))
    plan = list(cross_fit_plan(np.arange(a), evaluation, repeats=repeats, seed=seed))
    right = [rng.random(len(fit.scored)) < 0.5 for fit in plan]
    arm = combine(plan, right, evaluation)
    for s, size in enumerate(arm.labels):
        for i, row in enumerate(evaluation):
            values = [
                values[fit.scored.tolist().index(row)]
                for fit, values in zip(plan, right, strict=True)
                if fit.size == size and row in fit.scored
            ]
            assert len(values) == repeats
            assert arm.right[s, i] == pytest.approx(np.mean(values))


def test_a_failed_fit_may_be_left_out_unless_an_item_is_left_without_a_score():
    evaluation = np.arange(10, 30)
    plan = list(cross_fit_plan(np.arange(10), evaluation, sizes=[10]))
    right = [np.ones(len(f.scored)) for f in plan]
    assert combine(plan[1:], right[1:], evaluation).n == 20
    alone = [f for f in plan if f.repeat == 0][1:]
    with pytest.raises(NotReady, match="no shadow model of 10 labels scored evaluation row"):
        combine(alone, [np.ones(len(f.scored)) for f in alone], evaluation)


@given(st.integers(0, 130), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_the_alarm_meets_each_random_label_once_and_before_it_is_learnt(n, step):
    rows = np.random.default_rng(n).permutation(1000)[:n]
    met = []
    for fit in progressive_plan(rows, step=step):
        assert not set(fit.train) & set(fit.scored)
        np.testing.assert_array_equal(fit.train, rows[: fit.size])
        met += fit.scored.tolist()
    assert met == rows[step:].tolist()


def test_misuse_is_refused():
    with pytest.raises(BadValue, match="twice"):
        list(cross_fit_plan(np.array([1, 2]), np.array([2, 3, 4, 5])))
    with pytest.raises(BadValue, match="between 1 and 8"):
        list(cross_fit_plan(np.arange(5), np.arange(5, 10), sizes=[9]))
    for labels, right in (([20, 20], np.ones((2, 3))), ([20], np.full((1, 3), 1.5)), ([20], np.ones((2, 3)))):
        with pytest.raises(BadValue):
            Arm(np.array(labels), right)
    arm = Arm(np.array([40, 80]), np.ones((2, 3)))
    assert (arm.up_to(79), arm.up_to(80)) == (0, 1)
    with pytest.raises(NotReady, match="first had 40"):
        arm.up_to(39)
