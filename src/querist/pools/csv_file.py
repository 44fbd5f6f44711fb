"""CSV and TSV as they come: quoted line breaks, ragged rows, quotes that are never closed, bytes that are no text."""

from __future__ import annotations

import csv
import gzip
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from querist.errors import BadValue
from querist.pools.table import Record
from querist.types import Rejected

_DELIMITERS: Final = ",;\t|"
_FIELD: Final = 16 << 20
"""Characters of the longest cell."""
_LINES: Final = 10_000
"""Lines of the longest row: beyond it an opening quote was never closed."""


class CsvTable:
    """A CSV file with a header; the delimiter is the commonest of , ; tab | in it. UTF-8, or UTF-16 with its mark."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with open_text(path) as stream:
            first = stream.readline()
            if not first.strip():
                raise BadValue("data", str(path), "is empty: its first line must name the columns")
            self._delimiter = max(_DELIMITERS, key=first.count)
            stream.seek(0)
            self.names = self._header(_Lines(stream))

    def records(self, wanted: Sequence[str]) -> Iterator[Record | Rejected]:  # noqa: ARG002
        """Yield the rows; `line` is the physical line that a row begins on, counted from 1 with the header."""
        with open_text(self.path) as stream:
            lines = _Lines(stream)
            rows = self._rows(lines)
            next(rows)
            while True:
                lines.begin()
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except (csv.Error, _NeverClosed) as error:
                    if not lines.taken:
                        return
                    yield lines.give_back_all_but_first(_reason(error))
                    continue
                if row:  # an empty line is no row
                    yield self._record(row, lines)

    def _rows(self, lines: _Lines) -> Iterator[list[str]]:
        csv.field_size_limit(_FIELD)
        return csv.reader(lines, delimiter=self._delimiter, strict=True)

    def _header(self, lines: _Lines) -> tuple[str, ...]:
        try:
            names = [name.strip() for name in next(self._rows(lines))]
        except (csv.Error, _NeverClosed) as error:
            raise BadValue("data", str(self.path), f"has a header that cannot be read: {_reason(error)}") from error
        for name in names:
            if names.count(name) > 1:
                raise BadValue("data", str(self.path), f"has two columns of the name {name!r}")
        return tuple(names)

    def _record(self, row: list[str], lines: _Lines) -> Record | Rejected:
        raw = "".join(lines.taken)
        reason = None
        if len(row) != len(self.names):
            reason = f"has {len(row)} cells where the header names {len(self.names)} columns"
        elif "\0" in raw:
            reason = "holds a NUL character"
        elif not raw.isascii() and not is_text(raw):
            reason = "holds bytes that are not UTF-8"
        if reason:
            return Rejected(lines.line, reason, raw.encode(errors="replace").decode().rstrip("\r\n"))
        return Record(lines.line, dict(zip(self.names, row, strict=True)))


class _NeverClosed(Exception):
    """A row that runs on and on."""


class _Lines:
    """The lines of a file, with those of the row at hand kept so that they can be given back."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._returned: deque[str] = deque()
        self._next = 1
        self.line = 1
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) >= _LINES:
            raise _NeverClosed
        line = self._returned.popleft() if self._returned else self._stream.readline()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._next += 1
        return line

    def begin(self) -> None:
        """Forget the lines of the row before."""
        self.line, self.taken = self._next, []

    def give_back_all_but_first(self, reason: str) -> Rejected:
        """Return the first line as a rejected row; reading goes on behind it, so that one bad quote costs one line."""
        first, rest = self.taken[0], self.taken[1:]
        self._returned.extendleft(reversed(rest))
        self._next = self.line + 1
        return Rejected(self.line, reason, first.encode(errors="replace").decode().rstrip("\r\n"))


def open_text(path: Path) -> IO[str]:
    """Open a text file, gzipped or not; bytes that are no text come through as lone surrogates."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rb") as stream:
        mark = stream.read(2)
    encoding, errors = ("utf-16", "replace") if mark in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "surrogateescape")
    return opened(path, "rt", encoding=encoding, errors=errors, newline="\n")


def is_text(text: str) -> bool:
    """Say whether a text can be written as UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, _NeverClosed) or "unexpected end of data" in str(error):
        return "opens a quote that is never closed"
    return f"is not valid CSV: {error}"
