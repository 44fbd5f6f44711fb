"""Where a model is weak: the share of right answers by class, by column, by cluster, with counts and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from querist.errors import BadValue
from querist.measure.intervals import normal_quantile
from querist.types import Array, Json

LEAST: Final = 10
"""A slice of fewer items is not shown: its interval would span nearly everything."""
MOST_VALUES: Final = 30
"""A column of more different values is no way to cut, unless they are numbers."""
PARTS: Final = 4
"""Numbers are cut into so many parts of equal size."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Items that share a value of a column: how many, how many of them right, and the interval of that share.

    `low` and `high` hold for all slices together, so that the worst of many may be pointed at. `below` says that the
    whole interval lies under the share over all items. `where` is the filter that asks for more of it: one value, or
    numbers from (inclusive) to (exclusive, None for no end).
    """

    column: str
    value: str
    n: int
    right: float
    low: float
    high: float
    below: bool
    where: Json

    def to_json(self) -> Json:
        """Return the fields."""
        return {
            name: getattr(self, name) for name in ("column", "value", "n", "right", "low", "high", "below", "where")
        }


def worst(
    columns: Mapping[str, Sequence[Any]], right: Array, *, least: int = LEAST, level: float = 0.95, n: int = 10
) -> list[Slice]:
    """Return the slices of which the least is right, the surest first: those whose upper end is lowest.

    Args:
        columns: name → (items,) values: texts, numbers or None; the class and a cluster number are columns like others.
        right: (items,) whether the model was right; 0 to 1 where it is a share.
        least: items that a slice must have.
        level: of all intervals together (Bonferroni over the slices; Wilson within).
        n: slices to return.

    Raises:
        BadValue: a column that has not as many values as there are items.

    Wilson, JASA 1927; slices as in Chung, Kraska, Polyzotis, Tae & Whang, ICDE 2019.

    >>> right = np.array([True] * 90 + [False] * 10 + [True] * 20 + [False] * 30)
    >>> (first, *_) = worst({"city": ["Bern"] * 100 + ["Rome"] * 50}, right)
    >>> first.value, first.n, first.right, first.below
    ('Rome', 50, 0.4, True)
    """
    right = np.asarray(right, dtype=float)
    cuts: list[tuple[str, str, Array, Json]] = []
    for name, values in columns.items():
        if len(values) != len(right):
            raise BadValue("columns", f"{name}: {len(values)} values", f"must be {len(right)}, one for each item")
        cuts += [(name, value, rows, where) for value, rows, where in _cut(values) if rows.sum() >= least]
    if not cuts:
        return []
    z = normal_quantile(1 - (1 - level) / 2 / len(cuts))
    overall = float(right.mean())
    found = []
    for name, value, rows, where in cuts:
        low, high = _wilson(float(right[rows].sum()), int(rows.sum()), z)
        share = float(right[rows].mean())
        found.append(Slice(name, value, int(rows.sum()), share, low, high, high < overall, {"column": name, **where}))
    return sorted(found, key=lambda s: (s.high, s.right))[:n]


def _cut(values: Sequence[Any]) -> list[tuple[str, Array, Json]]:
    """The slices of a column: (words, rows, filter)."""
    empty = np.array([value is None or _is_nan(value) for value in values], dtype=bool)
    known = [value for value, is_empty in zip(values, empty, strict=True) if not is_empty]
    numbers = bool(known) and all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in known)
    distinct = dict.fromkeys(known)
    found: list[tuple[str, Array, Json]] = [("empty", empty, {"value": None})] if empty.any() else []
    if numbers and len(distinct) > PARTS:
        return found + _parts(np.array([np.nan if e else float(v) for v, e in zip(values, empty, strict=True)]))
    if len(distinct) > MOST_VALUES:
        return found
    for value in distinct:
        rows = np.array([v == value for v in values], dtype=bool) & ~empty
        found.append((str(value), rows, {"value": value.item() if isinstance(value, np.generic) else value}))
    return found


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _parts(values: Array) -> list[tuple[str, Array, Json]]:
    edges = np.unique(np.nanquantile(values, np.linspace(0, 1, PARTS + 1)[1:-1]))
    starts, ends = [None, *edges.tolist()], [*edges.tolist(), None]
    found: list[tuple[str, Array, Json]] = []
    for start, end in zip(starts, ends, strict=True):
        rows = ~np.isnan(values)
        if start is not None:
            rows &= values >= start
        if end is not None:
            rows &= values < end
        words = f"below {end:g}" if start is None else f"{start:g} and more" if end is None else f"{start:g} to {end:g}"
        found.append((words, rows, {"from": start, "to": end}))
    return found


def _wilson(right: float, n: int, z: float) -> tuple[float, float]:
    share = right / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
