"""Arrays by name, cut to the rows that a function is asked about."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np

from querist import signals
from querist.acquire.blocks import MEMORY_LIMIT, Rows, is_sparse
from querist.errors import BadValue, MissingSignal
from querist.registry import Entry
from querist.types import Array

COPIED: Final = MEMORY_LIMIT // 2
"""Chosen rows that take more bytes than this are not copied, but read as they are needed."""

Given: TypeAlias = Mapping[str, Any]
"""Signals by name; those without a role describe all rows of the pool."""


def describes_candidates(name: str) -> bool:
    """Say whether the signal has one entry for each candidate row.

    >>> describes_candidates("embed"), describes_candidates("labelled_embed"), describes_candidates("head_bias")
    (True, False, False)
    """
    return name in signals.BASE


def pool_size(given: Given, *others: Any) -> int:
    """Return the number of candidate rows, which all arrays must agree on.

    Args:
        given: signals by name.
        others: further (n,) arrays, numbers of rows, or None.

    Raises:
        BadValue: they disagree, or none says it.
    """
    sizes = {name: rows_of(name, array) for name, array in given.items() if describes_candidates(name)}
    sizes.pop("parts_proba", None)
    sizes |= {f"argument {i}": x if isinstance(x, int) else len(x) for i, x in enumerate(others) if x is not None}
    if not sizes:
        raise BadValue("size", None, "no signal tells how many rows the pool has; give `size`")
    if len(set(sizes.values())) > 1:
        raise BadValue("signals", sizes, "describe different numbers of rows")
    return next(iter(sizes.values()))


def rows_of(name: str, array: Any) -> int:
    """Return how many rows a signal describes."""
    length: int = array.shape[_row_axis(name)]
    return length - 1 if name.endswith("parts_offsets") else length


@functools.cache
def _row_axis(name: str) -> int:
    signal = signals.find(name)
    assert signal is not None, name
    return next((i for i, letter in enumerate(signal.shape) if letter not in "mck"), 0)


def row_bytes(given: Given) -> int:
    """Return the bytes that one row takes in all of the signals together."""
    return sum(int(array.nbytes if hasattr(array, "nbytes") else array.data.nbytes) for array in given.values()) // max(
        1, pool_size(given)
    )


def take(given: Given, rows: Any) -> dict[str, Any]:
    """Return the signals of some rows; a slice of an array is a view.

    >>> take({"proba_samples": np.zeros((5, 4, 2))}, np.array([0, 3]))["proba_samples"].shape
    (5, 2, 2)
    """
    taken = {name: _part(array, rows, _row_axis(name)) for name, array in given.items()}
    if "parts_offsets" in given:
        offsets = np.asarray(given["parts_offsets"])
        chosen = np.arange(len(offsets) - 1)[rows]
        lengths = np.diff(offsets)[chosen]
        taken["parts_offsets"] = np.concatenate([[0], np.cumsum(lengths)])
        if "parts_proba" in given:
            shift = np.repeat(offsets[chosen] - taken["parts_offsets"][:-1], lengths)
            taken["parts_proba"] = given["parts_proba"][np.arange(len(shift)) + shift]
    return taken


def _part(array: Any, rows: Any, axis: int) -> Any:
    if axis:
        return array[:, rows]
    large = isinstance(rows, np.ndarray) and getattr(array, "ndim", 0) == 2 and not is_sparse(array)
    if large and len(rows) * array.shape[1] * array.dtype.itemsize > COPIED:
        return Rows(array, rows)
    return array[rows]


def arguments(
    strategy: str, entry: Entry, given: Given, rows: Any, *, kept: Array | None = None, model: str = "given"
) -> dict[str, Any]:
    """Return the signals that a registered function asks for, cut to some candidate rows.

    Args:
        strategy: its name, for errors.
        entry: the function.
        given: signals of all rows.
        rows: (r,) row numbers or a slice.
        kept: (k,) rows already in the batch, which join the pending ones.
        model: its name, for errors.

    Raises:
        MissingSignal: a needed signal is not given.
    """
    missing = [name for name in entry.needs if given.get(name) is None]
    if missing:
        raise MissingSignal(strategy, missing[0], model)
    wanted = [name for name in (*entry.needs, *entry.can_use) if given.get(name) is not None]
    own = {name: given[name] for name in wanted if describes_candidates(name)}
    result = {name: given[name] for name in wanted if not describes_candidates(name)}
    result |= _whole_pool_as_target(entry.can_use, given, rows)
    if kept is not None and len(kept):
        result |= _also_pending((*entry.needs, *entry.can_use), given, kept)
    return result | take(own, rows)


def _whole_pool_as_target(can_use: Iterable[str], given: Given, rows: Any) -> dict[str, Any]:
    """Return the whole pool for targets that are not given: a function that is called on a part must not take that."""
    if isinstance(rows, slice) and rows == slice(None):
        return {}
    targets = [name for name in can_use if name.startswith("target_") and given.get(name) is None]
    return {name: given[base] for name in targets if (base := name.removeprefix("target_")) in given}


def _also_pending(names: Iterable[str], given: Given, kept: Array) -> dict[str, Any]:
    joined = {}
    for name in names:
        base = name.removeprefix("pending_")
        if base == name or given.get(base) is None:
            continue
        more = take({base: given[base]}, kept)[base]
        before = given.get(name)
        joined[name] = more if before is None or not rows_of(name, before) else _join(before, more, _row_axis(name))
    return joined


def _join(first: Any, second: Any, axis: int) -> Any:
    if is_sparse(first) or is_sparse(second):
        from scipy.sparse import vstack

        return vstack([first, second]).tocsr()
    return np.concatenate([first, second], axis=axis)
