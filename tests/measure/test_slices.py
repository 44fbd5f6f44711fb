"""The worst slices: what counts as one, and that pointing at the worst of many is safe."""

import numpy as np
import pytest
from scipy.stats import binomtest

from querist.errors import BadValue
from querist.measure import slices

RNG = np.random.default_rng(0)


def test_the_planted_slice_is_found_with_its_filter() -> None:
    age = RNG.uniform(20, 80, 2000)
    city = RNG.choice(["Bern", "Rome", None], 2000)
    bad = (age >= 65) | (city == "Rome")
    right = RNG.random(2000) < np.where(bad, 0.5, 0.9)
    found = slices.worst({"age": age, "city": city.tolist()}, right, n=3)
    assert {(s.column, s.value) for s in found[:2]} >= {("city", "Rome")}
    rome = next(s for s in found if s.value == "Rome")
    assert rome.where == {"column": "city", "value": "Rome"}
    assert rome.below
    assert rome.n == int((city == "Rome").sum())
    oldest = next(s for s in found if s.column == "age")
    assert oldest.where["to"] is None
    rows = age >= oldest.where["from"]
    assert (oldest.n, oldest.right) == (int(rows.sum()), pytest.approx(right[rows].mean()))


def test_intervals_are_wilsons_at_the_corrected_level() -> None:
    right = np.array([True] * 30 + [False] * 10 + [True] * 55 + [False] * 5)
    found = slices.worst({"k": [0] * 40 + [1] * 60}, right)
    for s in found:
        ours = binomtest(round(s.right * s.n), s.n).proportion_ci(0.975, method="wilson")
        assert (s.low, s.high) == pytest.approx((ours.low, ours.high))


def test_a_model_that_is_equally_good_everywhere_has_no_slice_below() -> None:
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        columns = {f"c{i}": rng.integers(0, 5, 600) for i in range(8)}
        alarms += any(s.below for s in slices.worst(columns, rng.random(600) < 0.8))
    assert alarms <= 8  # 95 % for all 40 slices together


def test_small_slices_free_text_and_gaps() -> None:
    right = np.ones(60, bool)
    columns = {"rare": ["x"] * 55 + ["y"] * 5, "text": [f"t{i}" for i in range(60)], "gap": [None] * 20 + [1.0] * 40}
    found = slices.worst(columns, right)
    assert {(s.column, s.value) for s in found} == {("rare", "x"), ("gap", "empty"), ("gap", "1.0")}
    assert slices.worst({"rare": ["y"] * 5}, np.ones(5)) == []
    with pytest.raises(BadValue):
        slices.worst({"short": [1]}, right)
