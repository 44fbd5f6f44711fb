"""Parquet through Arrow, batch by batch, only the columns that are wanted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from querist.errors import BadValue
from querist.pools.table import Record
from querist.types import Rejected

_BATCH: Final = 8_192


class ParquetTable:
    """A Parquet file; `line` of a row is its number, counted from 1."""

    def __init__(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        try:
            self.names: tuple[str, ...] = tuple(pq.read_schema(path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise BadValue("data", str(path), f"cannot be read as Parquet: {error}") from error

    def records(self, wanted: Sequence[str]) -> Iterator[Record | Rejected]:
        """Yield the rows with the wanted columns."""
        import pyarrow.parquet as pq

        line = 0
        with pq.ParquetFile(self.path) as file:
            # In this thread, as artefacts are read.
            for batch in file.iter_batches(batch_size=_BATCH, columns=list(wanted), use_threads=False):
                columns = [batch.column(name).to_pylist() for name in wanted]
                for row in zip(*columns, strict=True):
                    line += 1
                    yield _record(line, dict(zip(wanted, row, strict=True)))


def _record(line: int, cells: dict[str, Any]) -> Record | Rejected:
    try:
        return Record(line, {name: plain(value) for name, value in cells.items()})
    except TypeError as error:
        return Rejected(line, str(error), repr(cells))


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it: NaN is None, dates are ISO 8601.

    Raises:
        TypeError: it is binary, or of a type that JSON has no form for.

    >>> plain([date(2024, 2, 29), float("nan"), Decimal("1.5")])
    ['2024-02-29', None, 1.5]
    """
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float | Decimal):
        return None if math.isnan(value) else float(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if hasattr(value, "item"):
        return plain(value.item())
    return _nested(value)


def _nested(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    raise TypeError(f"holds a value of type {type(value).__name__}, which is no text and no number")
