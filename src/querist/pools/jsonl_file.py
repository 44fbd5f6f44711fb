"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NoReturn

from querist.errors import BadValue
from querist.pools.csv_file import is_text, open_text
from querist.pools.table import Record
from querist.types import Rejected

_LOOKED_AT: Final = 1_000


class JsonlTable:
    """A file of JSON objects; its columns are the keys of the first 1,000."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.names: tuple[str, ...] = ()
        first = [record for record in islice(self.records(()), _LOOKED_AT) if isinstance(record, Record)]
        self.names = tuple(dict.fromkeys(name for record in first for name in record.cells))
        if not self.names:
            raise BadValue("data", str(path), f"holds no JSON object in its first {_LOOKED_AT:,} lines")

    def records(self, wanted: Sequence[str]) -> Iterator[Record | Rejected]:  # noqa: ARG002
        """Yield the objects; a line that is none is rejected."""
        with open_text(self.path) as stream:
            for line, raw in enumerate(stream, start=1):
                if raw.strip():
                    yield _record(line, raw)


def _record(line: int, raw: str) -> Record | Rejected:
    shown = raw.encode(errors="replace").decode().rstrip("\r\n")
    if not is_text(raw):
        return Rejected(line, "holds bytes that are not UTF-8", shown)
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return Rejected(line, f"is not valid JSON: {error}", shown)
    if not isinstance(value, dict):
        return Rejected(line, f"is not a JSON object but a {type(value).__name__}", shown)
    if "\\u0000" in raw:
        return Rejected(line, "holds a NUL character", shown)
    return Record(line, value)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
