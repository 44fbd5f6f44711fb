"""Features that come in batches and may be more than memory holds: what is large grows on disk and is mapped."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse, vstack

from querist.types import Array, Features

LARGEST: Final = 256 << 20
"""Bytes of a dense array beyond which it is put on disk."""


def joined(parts: Iterable[Features], *, largest: int = LARGEST) -> Features | None:
    """Return the rows of all parts as one; None where there is no part.

    Args:
        parts: features of like form, taken one by one.
        largest: bytes of a dense array that are held in memory; a larger one is a memory map of a file that has no name
            and goes with it.
    """
    stream = iter(parts)
    first = next(stream, None)
    if first is None:
        return None
    embed, given = _Growing(largest), None
    for part in itertools.chain([first], stream):
        if given is None and not part.one_space:
            # A part may be one space by chance: where it has no missing value, say.
            given = _Growing(largest)
            if embed.rows:
                given.add(embed.whole())
        embed.add(part.embed)
        if given is not None:
            given.add(part.input)
    whole = embed.whole()
    features = Features(whole if given is None else given.whole(), whole)
    for growing in (embed, given):
        if growing is not None:
            growing.close()
    return features


class _Growing:
    """Rows that are added to; dense ones beyond a size lie in a file."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._parts: list[Any] = []
        self._held = 0
        self.rows = 0
        self._file: Any = None

    def add(self, rows: Any) -> None:
        self._parts.append(rows)
        self.rows += int(rows.shape[0])
        if issparse(rows):
            return
        self._held += int(rows.nbytes)
        if self._held > self._largest or self._file is not None:
            self._file = self._file or tempfile.TemporaryFile(prefix="querist-features-")  # noqa: SIM115
            for part in self._parts:
                self._file.write(np.ascontiguousarray(part).data)
            # The last one stays, empty, for its type and width.
            self._parts = [rows[:0]]

    def whole(self) -> Any:
        last = self._parts[-1]
        if issparse(last):
            return last if len(self._parts) == 1 else vstack(self._parts, format="csr")
        if self._file is None:
            return last if len(self._parts) == 1 else np.concatenate(self._parts)
        self._file.flush()
        mapped: Array = np.memmap(self._file, dtype=last.dtype, mode="r", shape=(self.rows, *last.shape[1:]))
        return mapped

    def close(self) -> None:
        """Let the file go; what is mapped of it stays."""
        if self._file is not None:
            self._file.close()
