"""CSV as it comes: true line numbers, and one bad row never costs another."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.pools import read_pool
from querist.types import Item, Rejected


def read(path: Path, data: bytes | str, **roles: str) -> list[Item | Rejected]:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return list(read_pool(path, **(roles or {"text": "t"})).read())


def shown(rows: list[Item | Rejected]) -> list[str | tuple[int, str]]:
    return [row.content.value["text"] if isinstance(row, Item) else (row.line, row.reason) for row in rows]


def test_quoted_line_breaks_count_as_lines(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 't,y\n"one\ntwo",1\nthree,2,3\n"fo""ur",4\n')
    assert shown(rows) == ["one\ntwo", (4, "has 3 cells where the header names 2 columns"), 'fo"ur']
    assert isinstance(rows[1], Rejected)
    assert rows[1].raw == "three,2,3"


def test_a_quote_that_is_never_closed_costs_one_line(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 't,y\nbefore,1\n"oops,2\nafter,3\nlast,4\n')
    assert shown(rows) == ["before", (3, "opens a quote that is never closed"), "after", "last"]
    assert isinstance(rows[1], Rejected)
    assert rows[1].raw == '"oops,2'


def test_several_open_quotes(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 't,y\n"a,1\n"b,2\nc,3\n"d,4\n')
    # The quote that opens on line 2 is closed on line 3 in a way that no CSV has; so is the next one.
    assert [row if isinstance(row, str) else row[0] for row in shown(rows)] == [2, 3, "c", 5]


def test_a_row_that_runs_on_for_ever_is_cut_short(tmp_path: Path) -> None:
    body = "".join(f"row {number},x\n" for number in range(10_500))
    rows = read(tmp_path / "a.csv", f't,y\n"open,x\n{body}')
    assert len(rows) == 10_501
    assert shown(rows)[0] == (2, "opens a quote that is never closed")


def test_text_behind_a_closing_quote_is_rejected(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", 't,y\n"a"b,1\nc,2\n')
    assert shown(rows)[1:] == ["c"]
    assert isinstance(rows[0], Rejected)
    assert rows[0].line == 2
    assert "is not valid CSV" in rows[0].reason


def test_bytes_that_are_no_text_and_nul(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", b"t,y\ncaf\xe9,1\nb\x00d,2\ncaf\xc3\xa9,3\n")
    assert shown(rows) == [(2, "holds bytes that are not UTF-8"), (3, "holds a NUL character"), "café"]


def test_empty_texts_are_rejected_and_empty_lines_are_no_rows(tmp_path: Path) -> None:
    rows = read(tmp_path / "a.csv", "t,y\n\n,1\n   ,2\na,3\n\n")
    assert shown(rows) == [(3, "column 't' is empty"), (4, "column 't' is empty"), "a"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    rows = read(tmp_path / "a.csv", f"t{delimiter}y\nhello{delimiter}1\n", text="t", label="y")
    assert [(row.content.value["text"], row.label) for row in rows if isinstance(row, Item)] == [("hello", "1")]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    assert shown(read(tmp_path / "a.csv", "t,y\r\nnaïve,1\r\n".encode(encoding))) == ["naïve"]


def test_gzip(tmp_path: Path) -> None:
    assert shown(read(tmp_path / "a.csv.gz", gzip.compress(b"t,y\nhello,1\n"))) == ["hello"]


@pytest.mark.parametrize(("data", "reason"), [("", "is empty"), ("t,t\na,b\n", "two columns of the name 't'")])
def test_headers_that_cannot_be(tmp_path: Path, data: str, reason: str) -> None:
    with pytest.raises(BadValue, match=reason):
        read(tmp_path / "a.csv", data)


cells = st.text(alphabet='ab"\n\r,;é ', min_size=1, max_size=6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8))
def test_what_the_standard_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    starts = []
    for row in rows:
        starts.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    path = tmp_path_factory.mktemp("pool") / "a.csv"
    path.write_bytes(buffer.getvalue().encode())
    reader = read_pool(path, columns=["a", "b"], keep_duplicates=True)
    read_back = [row for row in reader.read() if isinstance(row, Item)]
    assert [(row.content.value["fields"]["a"], row.content.value["fields"]["b"]) for row in read_back] == rows
    assert [int(row.id.rpartition("-")[2]) for row in read_back] == starts
