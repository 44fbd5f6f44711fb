"""Recall with a guarantee: the table of the reference page, enumeration, and simulated reviews."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.measure.guarantee import (
    expected_left,
    missed_at_most,
    passes_needed,
    recall_guarantee,
    smallest_known,
)


@pytest.mark.parametrize(
    ("recall", "table"),
    [
        (0.7, {9: 9, 30: 26, 50: 41, 100: 78}),
        (0.8, {14: 14, 30: 28, 50: 45, 100: 87}),
        (0.9, {29: 29, 50: 49, 100: 96, 200: 188}),
        (0.95, {59: 59, 100: 99, 200: 196}),
    ],
)
def test_the_table_of_passes(recall, table):
    assert smallest_known(recall=recall) == min(table)
    assert {known: passes_needed(known, recall=recall) for known in table} == table
    assert passes_needed(min(table) - 1, recall=recall) is None


@given(st.integers(0, 60), st.floats(0.5, 0.97), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=50, deadline=None)
def test_passes_needed_is_the_smallest_rare_count(known, recall, level):
    def at_least(j):
        return sum(math.comb(known, i) * recall**i * (1 - recall) ** (known - i) for i in range(j, known + 1))

    rare = [j for j in range(1, known + 1) if at_least(j) <= 1 - level]
    assert passes_needed(known, recall=recall, level=level) == (min(rare) if rare else None)
    assert (known >= smallest_known(recall=recall, level=level)) == bool(rare)


def slow_missed(found, drawn, left, scale, alpha):
    prior = {m: (m + scale) ** -1.5 for m in range(left + 1)}
    whole = sum(prior.values())
    chance = {
        m: math.comb(m, found) * math.comb(left - m, drawn - found) / math.comb(left, drawn)
        for m in range(left + 1)
        if m >= found and left - m >= drawn - found
    }
    evidence = sum(prior[m] / whole * p for m, p in chance.items())
    return max(m for m, p in chance.items() if evidence / p < 1 / alpha)


@given(st.integers(1, 30), st.data())
@settings(max_examples=50, deadline=None)
def test_the_bound_on_missed_items_by_enumeration(left, data):
    drawn = data.draw(st.integers(0, left))
    found = data.draw(st.integers(0, drawn))
    scale = data.draw(st.sampled_from([1.0, 3.0, 10.0]))
    assert missed_at_most(found, drawn, left, expected=scale) == slow_missed(found, drawn, left, scale, 0.05)


def test_the_bound_holds_at_every_draw():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        relevant = rng.permutation(np.arange(200) < 12)
        found = np.cumsum(relevant)
        held += all(missed_at_most(int(found[n - 1]), n, 200) >= 12 for n in range(5, 200, 5))
    assert held >= 92


def reached(runs, known, recall, relevant=200, skill=2.0, seed=0):
    """Return how often a review that stops by the rule has found enough; the ranking is random in part."""
    rng = np.random.default_rng(seed)
    enough = 0
    needed = passes_needed(known, recall=recall)
    for _ in range(runs):
        place = np.argsort(np.argsort(-(rng.random(relevant) * skill)))  # ranks among the relevant items
        hidden = np.sort(rng.choice(place, known, replace=False))
        enough += (hidden[needed - 1] + 1) / relevant >= recall
    return enough / runs


@pytest.mark.parametrize(("known", "recall"), [(14, 0.8), (30, 0.8), (50, 0.9)])
def test_a_review_that_stops_by_the_rule_has_found_enough(known, recall):
    assert reached(400, known, recall) >= 0.92


@pytest.mark.long
@pytest.mark.parametrize(("known", "recall"), [(14, 0.8), (30, 0.8), (50, 0.9)])
def test_at_its_rate(known, recall):
    assert reached(20_000, known, recall, relevant=2000) >= 0.945


def test_where_a_review_stands():
    assert recall_guarantee(30, 28).reached
    assert not recall_guarantee(30, 27).reached
    few = recall_guarantee(2, 2, recall=0.9)
    assert (few.needed, few.least_known, few.reached) == (None, 29, False)
    assert expected_left(0) == 1


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: passes_needed(-1), "known"),
        (lambda: passes_needed(5, recall=1.0), "recall"),
        (lambda: smallest_known(level=95), "level"),
        (lambda: recall_guarantee(3, 4), "passed"),
        (lambda: missed_at_most(3, 2, 9), "drawn"),
    ],
)
def test_misuse_is_refused_by_name(call, named):
    with pytest.raises(BadValue) as caught:
        call()
    assert caught.value.field == named
