"""Wrong answers, rare classes and copies: what they change, and what they leave alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from querist.engine.bench.cells import Cell, run_cell, split
from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import load
from querist.errors import BadValue, UnknownName
from querist.types import Features

TARGET = np.repeat(np.arange(4), 250)
NAMES = ["a", "b", "c", "d"]


def test_label_noise_is_uniform_over_the_other_classes_and_hits_its_share() -> None:
    said = Conditions(label_noise=0.3).answers(np.zeros(20_000, int), NAMES, seed=0)
    shares = np.bincount(said, minlength=4) / len(said)
    assert shares == pytest.approx([0.7, 0.1, 0.1, 0.1], abs=0.012)  # three standard errors and a half


def test_people_mistake_classes_as_the_table_says() -> None:
    conditions = Conditions(confusion={"a": {"b": 0.2, "c": 0.1}, "d": {"a": 1.0}})
    said = conditions.answers(np.repeat(np.arange(4), 10_000), NAMES, seed=3).reshape(4, -1)
    shares = np.stack([np.bincount(row, minlength=4) / 10_000 for row in said])
    expected = [[0.7, 0.2, 0.1, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 0, 0, 0]]
    assert shares == pytest.approx(np.array(expected), abs=0.016)


@given(st.integers(0, 99), st.floats(0.05, 0.9))
@settings(max_examples=20, deadline=None)
def test_a_row_is_always_answered_in_one_way_whoever_asks(seed, noise) -> None:
    conditions = Conditions(label_noise=noise)
    assert np.array_equal(conditions.answers(TARGET, NAMES, seed=seed), conditions.answers(TARGET, NAMES, seed=seed))


@pytest.mark.parametrize("ratio", [1, 2, 10, 100])
def test_imbalance_is_the_ratio_of_the_commonest_to_the_rarest(ratio) -> None:
    rows = np.arange(1000)
    left = Conditions(imbalance=ratio).pool(rows, TARGET, seed=1)
    sizes = np.bincount(TARGET[left])
    assert sizes.max() == 250
    assert sizes.min() == max(round(250 / ratio), 1)
    assert np.all(np.diff(sizes) <= 0)
    assert np.all(np.diff(left) > 0)


def test_a_class_never_dies_out() -> None:
    left = Conditions(imbalance=1000).pool(np.arange(1000), TARGET, seed=0)
    assert np.bincount(TARGET[left]).min() == 1


def test_copies_differ_a_little_from_their_original_and_sparse_ones_not_at_all() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3)) * [1, 10, 100]
    rows = Conditions(copies=3).pool(np.arange(100), TARGET[:100], seed=0)
    assert rows.tolist() == [i for i in range(100) for _ in range(3)]
    made = Conditions(copies=3).features(Features(x[rows], x[rows]), seed=0).embed
    apart = (made - x[rows]) / x.std(axis=0)
    assert np.all(apart[::3] == 0)
    assert apart[1::3].std(axis=0) == pytest.approx([0.05] * 3, rel=0.3)
    sparse = csr_matrix(x)[rows]
    assert (Conditions(copies=3).features(Features(sparse, x[rows]), seed=0).input != sparse).nnz == 0


def test_one_space_stays_one_space() -> None:
    x = np.ones((6, 2))
    assert Conditions(copies=2).features(Features(x, x), seed=0).one_space


def test_the_hold_out_is_the_true_task() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    data = load(rng.normal(size=(300, 2)) + 3 * y[:, None], y)
    plain = Cell("random", 0, "naive_bayes", budget=60, calibrate=False)
    noisy = Cell("random", 0, "naive_bayes", budget=60, calibrate=False, conditions=Conditions(label_noise=0.4))
    a, b = run_cell(data, plain), run_cell(data, noisy)
    assert a["picks"] == b["picks"]  # the same questions, other answers
    assert a["points"][-1]["labels_per_class"] != b["points"][-1]["labels_per_class"]
    assert np.sum(a["confusion"]) == np.sum(b["confusion"]) == len(split(y, seed=0, hold_out=0.3, seed_set=1).hold_out)
    wrong = a["wrong"]
    assert len(wrong) == np.sum(a["confusion"]) - np.trace(a["confusion"])
    assert a["points"][-1]["accuracy"] == pytest.approx(1 - len(wrong) / np.sum(a["confusion"]))


def test_conditions_are_part_of_the_name_of_a_cell_and_the_plain_ones_are_not() -> None:
    cells = [Cell("margin", 0), *(Cell("margin", 0, conditions=c) for c in (Conditions(0.1), Conditions(copies=2)))]
    assert len({cell.key("data") for cell in cells}) == 3
    assert "conditions" not in cells[0].to_json()


@pytest.mark.parametrize(
    "wrong",
    [
        {"label_noise": 1.0},
        {"label_noise": -0.1},
        {"imbalance": 0.5},
        {"copies": 0},
        {"confusion": {"a": {"b": 0.7, "c": 0.7}}},
    ],
)
def test_what_cannot_be_is_refused(wrong) -> None:
    with pytest.raises(BadValue):
        Conditions(**wrong)


def test_a_class_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownName, match="'e'"):
        Conditions(confusion={"a": {"e": 0.1}}).answers(TARGET, NAMES, seed=0)
