"""Table rows: each column by its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from querist.errors import BadValue, UnknownName
from querist.models.features import FittedFeatures, fit_features
from querist.types import Array, Content


def fit(table: dict[str, list[Any]], **settings: Any) -> tuple[FittedFeatures, Array]:
    pool = contents(table)
    features = fit_features(lambda: pool, kind="row", settings=settings)
    return features, features.transform(pool).embed


def contents(table: dict[str, list[Any]]) -> list[Content]:
    return [Content("row", {"fields": dict(zip(table, row, strict=True))}) for row in zip(*table.values(), strict=True)]


def test_numbers_are_standardised() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0]
    _, rows = fit({"x": values})
    assert np.allclose(rows[:, 0], (np.array(values) - 2.8) / np.std(values), atol=1e-6)


def test_numbers_as_text_are_the_same_numbers() -> None:
    numbers = [3.0, 1.0, 4.5, -1.0]
    assert np.array_equal(fit({"x": numbers})[1], fit({"x": [str(value) for value in numbers]})[1])


def test_missing_numbers_get_the_median_and_say_so() -> None:
    features, rows = fit({"x": [1.0, None, 3.0, "", 100.0]})
    assert rows.shape == (5, 2)
    assert np.array_equal(rows[:, 1], [0, 1, 0, 1, 0])
    assert rows[1, 0] == rows[3, 0] == rows[2, 0]
    assert features.report["x"] == {"kind": "number", "width": 2}


def test_a_cell_that_is_missing_only_later() -> None:
    features, rows = fit({"x": [1.0, 2.0, 3.0]})
    later = features.transform(contents({"x": [None, "unknown"]})).embed
    assert np.array_equal(later, np.array([[rows[1, 0]], [rows[1, 0]]]))


def test_outliers_are_cut_off() -> None:
    features, _ = fit({"x": [0.0, 1.0] * 10}, clip=4.0)
    assert features.transform(contents({"x": [1e12, -1e12]})).embed.ravel().tolist() == [4.0, -4.0]


def test_categories_are_one_hot_and_rare_ones_share_a_column() -> None:
    features, rows = fit({"c": ["a"] * 5 + ["b"] * 3 + ["x", "y"]})
    expected = np.zeros((10, 3))
    expected[range(10), [0] * 5 + [1] * 3 + [2, 2]] = 1
    assert np.array_equal(rows, expected)
    assert features.report["c"]["note"] == "2 rare values share one column"
    assert np.array_equal(features.transform(contents({"c": ["never seen"]})).embed, [[0, 0, 1]])


def test_at_most_so_many_categories() -> None:
    values = [f"v{number % 10}" for number in range(100)]
    assert fit({"c": values}, levels=4)[1].shape == (100, 5)


def test_a_missing_category_has_its_own_column() -> None:
    _, rows = fit({"c": ["a", "a", None, "?"]})
    assert np.array_equal(rows, [[1, 0, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]])


def test_truth_values() -> None:
    _, rows = fit({"b": ["yes", "no", None, True]})
    assert np.array_equal(rows, [[1, 0], [-1, 0], [0, 1], [1, 0]])


def test_dates_are_a_time_line_and_three_circles() -> None:
    dates = ["2024-12-31", "2024-01-01", "2024-06-30", "2024-06-30T12:00:00", None]
    features, rows = fit({"d": dates})
    assert rows.shape == (5, 8)
    assert features.report["d"]["kind"] == "date"
    # December lies next to January, and far from June.
    assert np.linalg.norm(rows[0, 3:5] - rows[1, 3:5]) < 0.1 < np.linalg.norm(rows[0, 3:5] - rows[2, 3:5])
    assert rows[0, 0] > rows[2, 0] > rows[1, 0]
    assert np.allclose(rows[3, 5:7], [0, -1], atol=1e-6)  # noon is half a turn
    assert np.array_equal(rows[4, 1:7], np.zeros(6))
    assert np.array_equal(rows[:, 7], [0, 0, 0, 0, 1])


def test_what_is_left_out_is_reported() -> None:
    table = {
        "x": [float(number) for number in range(30)],
        "name": [f"user{number}" for number in range(30)],
        "story": [f"a long story with many words in it, number {number}" for number in range(30)],
        "same": [7] * 30,
        "nothing": [None] * 30,
        "list": [[1]] * 30,
    }
    features, rows = fit(table)
    assert rows.shape == (30, 1)
    report = features.report
    assert {name: report[name]["kind"] for name in table} == {
        "x": "number",
        "name": "identifier",
        "story": "text",
        "same": "constant",
        "nothing": "empty",
        "list": "list",
    }
    assert all("left out" in report[name]["note"] for name in table if name != "x")


def test_the_guess_can_be_overruled() -> None:
    table = {"zip": [10115, 80331, 10115, 80331], "x": [1.0, 2.0, 3.0, 4.0]}
    features, rows = fit(table, kinds={"zip": "category"}, ignore=["x"])
    assert rows.shape == (4, 3)
    assert features.report["x"]["note"] == "left out by the settings"
    with pytest.raises(UnknownName, match=r"column in features\.kinds 'zap'; did you mean 'zip'"):
        fit(table, kinds={"zap": "category"})
    with pytest.raises(BadValue, match="is no kind of column"):
        fit(table, kinds={"zip": "postcode"})


def test_nothing_to_learn_from() -> None:
    with pytest.raises(BadValue, match=r"found no column to learn from among same \(constant\)"):
        fit({"same": [1, 1, 1]})
