"""The export of labels: every format, streamed, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue, UnknownName
from querist.exchange import labels
from querist.exchange.cells import neutralised, original
from querist.exchange.labels import COLUMNS, LabelRow

ROWS = [
    LabelRow("a", "spam", "p_1", 1_700_000_000_123_456, "query", 3, 17),
    LabelRow('b, "quoted"\nline', "=cmd|' /C calc'!A0", "p_2", 1_700_000_001_000_000, None, None, 18),
    LabelRow("-5", ["x", "y"], "p_1", 1_700_000_002_000_000, "seed", 0, 19),
]
WHEN = ["2023-11-14T22:13:20.123456Z", "2023-11-14T22:13:21.000000Z", "2023-11-14T22:13:22.000000Z"]


def test_csv_is_read_back_by_any_reader() -> None:
    text = b"".join(labels.stream(ROWS, "csv")).decode()
    header, *rows = csv.reader(io.StringIO(text))
    assert tuple(header) == COLUMNS
    assert rows == [
        ["a", "spam", "p_1", WHEN[0], "query", "3", "17"],
        ['b, "quoted"\nline', "'=cmd|' /C calc'!A0", "p_2", WHEN[1], "", "", "18"],
        ["-5", '["x","y"]', "p_1", WHEN[2], "seed", "0", "19"],
    ]


def test_jsonl_keeps_values_as_they_are() -> None:
    rows = [json.loads(line) for line in b"".join(labels.stream(ROWS, "jsonl")).splitlines()]
    assert [row["label"] for row in rows] == ["spam", "=cmd|' /C calc'!A0", ["x", "y"]]
    assert [(row["when"], row["round"], row["seq"]) for row in rows] == [
        (WHEN[0], 3, 17),
        (WHEN[1], None, 18),
        (WHEN[2], 0, 19),
    ]


def test_parquet(tmp_path: Path) -> None:
    assert labels.write(ROWS, tmp_path / "labels.parquet") == 3
    table = pq.read_table(tmp_path / "labels.parquet")
    assert table.column_names == list(COLUMNS)
    assert table["seq"].to_pylist() == [17, 18, 19]
    assert table["label"].to_pylist()[2] == '["x","y"]'


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_no_labels_yet(tmp_path: Path, format: str) -> None:
    assert labels.write([], tmp_path / f"labels.{format}") == 0


def test_formats_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="have: csv, jsonl, parquet"):
        labels.stream(ROWS, "xlsx")
    with pytest.raises(BadValue, match="does not exist"):
        labels.write(ROWS, tmp_path / "nowhere" / "labels.csv")


def test_an_export_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("old")

    def failing() -> Iterator[LabelRow]:
        yield ROWS[0]
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        labels.write(failing(), path)
    assert (path.read_text(), [file.name for file in tmp_path.iterdir()]) == ("old", ["labels.csv"])


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_long_export_takes_no_more_memory_than_a_block(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("querist.exchange.labels._BLOCK", 100)

    def peak(count: int) -> int:
        rows = (LabelRow(f"item {number}", "spam", "p_1", number, "query", 1, number) for number in range(count))
        tracemalloc.start()
        size = sum(len(block) for block in labels.stream(rows, format))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size > 0
        return most

    peak(100)
    assert peak(3_000) < 2 * peak(300)


@settings(max_examples=50, deadline=None)
@given(st.text(alphabet="'=+-@|%\t\r\n1.e a", max_size=8))
def test_neutralising_can_be_undone_and_leaves_no_formula(cell: str) -> None:
    safe = neutralised(cell)
    assert safe is not None
    assert original(safe) == cell
    if safe and safe[0] in "=+-@|%\t\r\n":
        float(safe)  # only a number may begin so
