"""What a column holds, and how its cells are read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from querist import kinds


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-3e4", "", "?"], "number"),
        ([1, 2.5, None, math.nan], "number"),
        (["1"] * 39 + ["unknown"], "number"),
        (["1"] * 9 + ["unknown"], "category"),
        (["yes", "No", "", "YES"], "boolean"),
        ([True, False, None], "boolean"),
        (["0", "1", "1"], "number"),
        (["2024-01-31", "2024-02-29T10:00:00Z", ""], "date"),
        (["31/01/2024", "01/02/2024"], "date"),
        (["01/31/2024", "02/01/2024"], "date"),
        (["red", "blue", "red", "green"], "category"),
        ([f"user{number}" for number in range(40)], "identifier"),
        ([f"the quick brown fox number {number}" for number in range(40)], "text"),
        (["the same four words again"] * 40, "category"),
        ([["a"], ["b"]], "list"),
        (["", None, "NaN", "n/a"], "empty"),
        ([], "empty"),
        (["1_000", "2_000", "1_000"], "category"),
    ],
)
def test_kind_of(cells: list[object], kind: str) -> None:
    assert kinds.kind_of(cells) == kind


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_writes_them(value: float) -> None:
    assert kinds.as_number(repr(value)) == value
    assert kinds.as_number(value) == value


@pytest.mark.parametrize("value", [True, "1_000", "inf", "nan", None, "", [1], "1,5", 10**400])
def test_what_is_no_number(value: object) -> None:
    assert kinds.as_number(value) is None


def test_dates_are_in_utc() -> None:
    date = kinds.as_date("2024-03-01T01:00:00+02:00")
    assert date is not None
    assert date.isoformat() == "2024-02-29T23:00:00+00:00"
    assert kinds.as_date(20240301) is None
