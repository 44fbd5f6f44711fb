"""Splits that pair strategies, and the names of cells."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.engine.bench.cells import Cell, split
from querist.types import Strategy

targets = st.lists(st.integers(0, 4), min_size=12, max_size=120).map(np.array)


@given(targets, st.integers(0, 1000), st.floats(0.1, 0.6))
@settings(max_examples=50, deadline=None)
def test_a_split_is_a_partition_with_every_class_in_its_share(target, seed, share) -> None:
    s = split(target, seed=seed, hold_out=share, seed_set=3)
    assert sorted([*s.pool, *s.hold_out]) == list(range(len(target)))
    for k in np.unique(target):
        wanted = share * (target == k).sum()
        assert abs((target[s.hold_out] == k).sum() - wanted) < 1 + 1e-9
    assert len(set(s.first.tolist())) == 3
    assert s.first.max() < len(s.pool)


def test_a_split_depends_on_the_seed_and_on_nothing_else() -> None:
    target = np.arange(200) % 3
    a, b = (split(target, seed=5, hold_out=0.3, seed_set=n) for n in (10, 20))
    assert np.array_equal(a.hold_out, b.hold_out)
    assert np.array_equal(a.first, b.first[:10])  # a larger first set contains the smaller one
    assert not np.array_equal(a.hold_out, split(target, seed=6, hold_out=0.3, seed_set=10).hold_out)


def test_hold_out_rows_are_equally_likely() -> None:
    target = np.array([0] * 30 + [1] * 10)
    held = np.zeros(40)
    for seed in range(400):
        held[split(target, seed=seed, hold_out=0.25, seed_set=1).hold_out] += 1
    # 400 draws of 1/4: standard error 0.022
    assert np.abs(held / 400 - 0.25).max() < 0.09


def test_first_labels_are_drawn_uniformly_not_by_class() -> None:
    target = np.array([0] * 950 + [1] * 50)
    rare = [
        (target[s.pool[s.first]] == 1).sum()
        for s in (split(target, seed=i, hold_out=0.3, seed_set=20) for i in range(200))
    ]
    assert min(rare) == 0
    assert abs(np.mean(rare) - 1.0) < 0.25


def test_a_cell_is_named_by_everything_that_changes_its_result() -> None:
    cell = Cell("margin", 0)
    changed = [
        Cell("entropy", 0),
        Cell("margin", 1),
        Cell("margin", 0, model="random_forest"),
        Cell("margin", 0, batch=10),
        Cell("margin", 0, budget=300),
        Cell("margin", 0, seed_set=10),
        Cell("margin", 0, hold_out=0.2),
        Cell("margin", 0, calibrate=False),
        Cell(Strategy("margin", scorer="margin", random_share=0.1), 0),
    ]
    assert len({c.key("data") for c in [cell, *changed]}) == 10
    assert cell.key("data") == Cell("margin", 0).key("data")
    assert cell.key("data") != cell.key("other data")
