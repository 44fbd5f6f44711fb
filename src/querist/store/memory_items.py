"""The items of a project that lives in this process: columns by row, so that a hundred thousand come in at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np

from querist.errors import BadValue, Conflict, NotFound
from querist.store.protocol import ItemRow, PoolTable
from querist.types import Array, Content, ItemId


class MemoryItems:
    """Items by row. Those of an import that was never announced lie behind the pool, and make room for the next.

    >>> items = MemoryItems()
    >>> items.add_all(["a", "b"])
    >>> items.rows_of(["b"])
    array([1])
    """

    def __init__(self) -> None:
        self.names: list[ItemId] = []
        self.contents: list[Content | None] = []
        self._row_of: dict[ItemId, int] = {}
        self._u_eval: list[float] = []
        self._u_control: list[float] = []
        self._group: list[str | None] = []
        self._cost: list[float | None] = []
        self._table: PoolTable | None = None

    def __len__(self) -> int:
        return len(self.names)

    def add(self, rows: Iterable[ItemRow], *, size: int) -> None:
        """Keep items and their content behind the `size` items of the pool; those that are known are passed over."""
        self._table = None
        for row in rows:
            known = self._row_of.get(row.item)
            if known is not None and (known == row.row or known < size):
                continue
            if row.row < size:
                raise taken_row(row, self.names[row.row])
            if known is not None or row.row < len(self):
                # Left over from an import that never was: this one takes its place.
                self._cut(row.row if known is None else min(known, row.row))
            if row.row > len(self):
                raise gap(row, len(self))
            self._row_of[row.item] = row.row
            for column, value in zip(
                self._columns(),
                (row.item, row.content, row.u_eval, row.u_control, row.group, row.cost),
                strict=True,
            ):
                column.append(value)

    def add_all(
        self,
        names: Sequence[ItemId],
        *,
        u_eval: Array | None = None,
        u_control: Array | None = None,
        contents: Sequence[Content | None] | None = None,
        group: Sequence[str | None] | None = None,
    ) -> None:
        """Keep the distinct items of an empty pool, all at once; without lanes where no numbers are given."""
        self._table = None
        count = len(names)
        self.names.extend(names)
        self._row_of.update(zip(names, range(count), strict=True))
        self._u_eval.extend(repeat(0.5, count) if u_eval is None else u_eval.tolist())
        self._u_control.extend(repeat(0.5, count) if u_control is None else u_control.tolist())
        self.contents.extend(repeat(None, count) if contents is None else contents)
        self._group.extend(repeat(None, count) if group is None else group)
        self._cost.extend(repeat(None, count))

    def _columns(self) -> tuple[list[Any], ...]:
        return self.names, self.contents, self._u_eval, self._u_control, self._group, self._cost

    def _cut(self, first: int) -> None:
        for name in self.names[first:]:
            del self._row_of[name]
        for column in self._columns():
            del column[first:]

    def table(self, size: int, gone: Iterable[ItemId]) -> PoolTable:
        """Return the first `size` items as columns; `gone` are withdrawn."""
        known = self._table
        if known is None or len(known) != size:
            known = PoolTable(
                items=self.names[:size],
                u_eval=np.array(self._u_eval[:size], dtype=np.float64),
                u_control=np.array(self._u_control[:size], dtype=np.float64),
                withdrawn=np.zeros(size, dtype=bool),
                group=self._group[:size] if self._group[:size].count(None) < size else None,
                cost=self._costs(size),
            )
            self._table = known
        withdrawn = np.zeros(size, dtype=bool)
        withdrawn[[self._row_of[item] for item in gone if item in self._row_of]] = True
        return PoolTable(known.items, known.u_eval, known.u_control, withdrawn, known.group, known.cost)

    def _costs(self, size: int) -> Array | None:
        costs = self._cost[:size]
        if costs.count(None) == size:
            return None
        return np.array([np.nan if cost is None else cost for cost in costs])

    def rows_of(self, items: Sequence[ItemId]) -> Array:
        """Return the row numbers of items; NotFound names the first unknown one."""
        try:
            return np.array([self._row_of[item] for item in items], dtype=np.int64)
        except KeyError as error:
            raise unknown_item(error.args[0]) from None

    def __contains__(self, item: ItemId) -> bool:
        return item in self._row_of


def unknown_item(item: ItemId) -> NotFound:
    """Return the error for an item that the project does not have."""
    return NotFound(f"the project has no item {item!r}", field="item", value=item)


def taken_row(row: ItemRow, holder: ItemId) -> Conflict:
    """Return the error for a row number that another item has."""
    return Conflict(f"row {row.row} belongs to item {holder!r}, not {row.item!r}", field="row", value=row.row)


def gap(row: ItemRow, after: int) -> BadValue:
    """Return the error for a row number beyond the next."""
    return BadValue("row", row.row, f"leaves a gap: the next row is {after}")
