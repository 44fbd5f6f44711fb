"""Pools that are in memory already: lists of texts or rows, arrays of numbers or of pixels, .npz files of images."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue, UnknownName
from querist.pools.parquet_file import plain
from querist.pools.reader import Draft, PoolReader, digest
from querist.pools.table import Record as TableRecord
from querist.pools.table import Roles, Unreadable, canonical_text, draft
from querist.types import Array, Content, Rejected


class MemorySource:
    """Values with, where there are some, labels; `line` is the row's number from 0."""

    def __init__(
        self, values: Sequence[Any] | Array, labels: Sequence[Any] | None, *, roles: Roles, name: str = "memory"
    ) -> None:
        if labels is not None and len(labels) != len(values):
            raise BadValue("labels", len(labels), f"must be as many as there are items: {len(values)}")
        self._values = values
        self._labels = labels
        self._roles = roles
        self.name = name
        self.media: Path | None = None

    def drafts(self) -> Iterator[Draft | Rejected]:
        """Yield a draft of each value."""
        for line in range(len(self._values)):
            value = self._values[line]
            try:
                yield self._draft(line, value)
            except Unreadable as error:
                yield Rejected(line, str(error), canonical_text(value))

    def _draft(self, line: int, value: Any) -> Draft:
        if isinstance(value, Mapping):
            return draft(TableRecord(line, {str(key): plain(cell) for key, cell in value.items()}), self._roles, None)
        content = value if isinstance(value, Content) else _content(value)
        try:
            mark = digest(content)
        except ValueError as error:
            raise Unreadable("holds half a character, or an infinite number") from error
        return Draft(line, content, mark, label=None if self._labels is None else plain(self._labels[line]))


def reader(
    values: Any, labels: Sequence[Any] | None = None, *, roles: Roles | None = None, keep_duplicates: bool = True
) -> PoolReader:
    """Return a reader of values in memory; ids are row numbers, as texts.

    Args:
        values: texts, mappings of columns, `Content`s; or an array: (n, p) numbers, (n, h, w) or (n, h, w, 3) pixels.
        labels: one for each, None where there is none.
        roles: which key of the mappings means what.
        keep_duplicates: each row stays an item of its own, as is natural for arrays.

    Raises:
        BadValue: the values are of no kind that can be items.

    >>> pool = reader(np.zeros((2, 3, 3), dtype=np.uint8))
    >>> [item.id for item in pool.read()]
    ['0', '1']
    """
    if isinstance(values, str | bytes | Mapping) or not hasattr(values, "__len__"):
        raise BadValue("pool", type(values).__name__, "must be a list or an array of items")
    roles = roles or Roles()
    if len(values) and isinstance(values[0], Mapping):
        roles = roles.checked(tuple(dict.fromkeys(str(key) for value in values[:1000] for key in value)))
    source = MemorySource(values, labels, roles=roles)
    return PoolReader(source, keep_duplicates=keep_duplicates, number_ids=roles.id is None)


def npz_reader(path: Path, *, roles: Roles, keep_duplicates: bool = False) -> PoolReader:
    """Return a reader of an .npz file with `images` (n, h, w) or (n, h, w, 3) uint8, and labels under any other key."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise BadValue("data", str(path), f"cannot be read as .npz: {error}") from error
    name = roles.image or "images"
    for wanted in (name, roles.label):
        if wanted is not None and wanted not in arrays:
            raise UnknownName("array", wanted, arrays)
    labels = arrays[roles.label].tolist() if roles.label else None
    source = MemorySource(arrays[name], labels, roles=roles, name=str(path))
    return PoolReader(source, keep_duplicates=keep_duplicates)


def _content(value: Any) -> Content:
    if isinstance(value, str):
        if not value.strip():
            raise Unreadable("is empty")
        return Content("text", {"text": value})
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "fiub":
        return Content("row", {"fields": {str(number): plain(cell) for number, cell in enumerate(value.tolist())}})
    if isinstance(value, np.ndarray) and value.ndim in (2, 3) and value.dtype == np.uint8:
        height, width = value.shape[:2]
        return Content("image", {"pixels": value.tolist(), "width": width, "height": height})
    shape = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
    raise BadValue("item", shape, "must be a text, a mapping, a row of numbers, or uint8 pixels (h, w) or (h, w, 3)")
