"""Labels as CSV, JSON Lines or Parquet, written as they come: a million take no more memory than ten thousand."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from querist.errors import UnknownName
from querist.exchange.cells import neutralised
from querist.exchange.files import written_whole
from querist.types import Json, canonical_json

COLUMNS: Final = ("item", "label", "who", "when", "lane", "round", "seq")
_BLOCK: Final = 10_000


@dataclass(frozen=True, slots=True)
class LabelRow:
    """One answer: `who` is a pseudonym, `at` UTC in microseconds, `seq` its place in the ledger."""

    item: str
    label: Any
    who: str
    at: int
    lane: str | None
    round: int | None
    seq: int

    def to_json(self) -> Json:
        """Return the columns of the export; `when` is ISO 8601.

        >>> LabelRow("a", "spam", "p_1", 0, "query", 3, 17).to_json()["when"]
        '1970-01-01T00:00:00.000000Z'
        """
        moment = datetime.fromtimestamp(self.at // 1_000_000, UTC).replace(microsecond=self.at % 1_000_000)
        when = moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
        values = (self.item, self.label, self.who, when, self.lane, self.round, self.seq)
        return dict(zip(COLUMNS, values, strict=True))


def stream(rows: Iterable[LabelRow], format: str = "csv") -> Iterator[bytes]:
    """Yield the export in blocks of bytes, as an HTTP answer or a file takes them.

    Args:
        rows: the labels, in the order they shall stand in.
        format: `csv` (cells that a spreadsheet would take for a formula are neutralised), `jsonl` or `parquet`.

    Raises:
        UnknownName: there is no such format; at the call, before anything is written.

    >>> b"".join(stream([LabelRow("=1+1", "spam", "p_1", 0, None, None, 1)])).decode().splitlines()[1]
    "'=1+1,spam,p_1,1970-01-01T00:00:00.000000Z,,,1"
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    return FORMATS[format](rows)


def write(rows: Iterable[LabelRow], path: str | Path, format: str | None = None) -> int:
    """Write the export to a file and return the number of rows; the file appears when it is whole.

    Args:
        rows: the labels.
        path: where to; its ending is the format unless that is given.
        format: see `stream`.

    Raises:
        UnknownName: there is no such format.
    """
    target = Path(path)
    counted = _Counted(rows)
    blocks = stream(counted, format or target.suffix.removeprefix("."))
    with written_whole(target) as file:
        for block in blocks:
            file.write(block)
    return counted.count


class _Counted:
    """Rows that are counted as they go by."""

    def __init__(self, rows: Iterable[LabelRow]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[LabelRow]:
        for row in self._rows:
            self.count += 1
            yield row


def _blocks(rows: Iterable[LabelRow]) -> Iterator[list[Json]]:
    waiting = iter(rows)
    while block := [row.to_json() for row in islice(waiting, _BLOCK)]:
        yield block


def _csv(rows: Iterable[LabelRow]) -> Iterator[bytes]:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    yield buffer.getvalue().encode()
    for block in _blocks(rows):
        buffer.seek(0)
        buffer.truncate()
        writer.writerows([neutralised(_text(value)) for value in row.values()] for row in block)
        yield buffer.getvalue().encode()


def _jsonl(rows: Iterable[LabelRow]) -> Iterator[bytes]:
    for block in _blocks(rows):
        yield "".join(canonical_json(row) + "\n" for row in block).encode()


def _parquet(rows: Iterable[LabelRow]) -> Iterator[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: Mapping[str, Any] = {"round": pa.int64(), "seq": pa.int64()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in COLUMNS])
    buffer = _Drained()
    with pq.ParquetWriter(buffer, schema, compression="zstd") as writer:
        for block in _blocks(rows):
            columns = {name: [row[name] for row in block] for name in COLUMNS}
            columns["label"] = [_text(label) for label in columns["label"]]
            writer.write_table(pa.table(columns, schema=schema))
            yield buffer.drain()
    yield buffer.drain()


class _Drained(io.RawIOBase):
    """A file that Parquet is written to and bytes are taken from."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        taken = bytes(data)
        self._waiting.append(taken)
        self._position += len(taken)
        return len(taken)

    def tell(self) -> int:
        return self._position

    def drain(self) -> bytes:
        """Return what was written since the last time."""
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return canonical_json(value)


FORMATS: Final[Mapping[str, Callable[[Iterable[LabelRow]], Iterator[bytes]]]] = {
    "csv": _csv,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
