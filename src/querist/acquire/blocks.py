"""Reading large arrays in blocks: how many rows fit, in what type, dense or CSR.

Everything in `acquire` that touches n rows goes through here, so that arrays larger than memory (memory-mapped, or any
object with `shape`, `dtype` and row slicing) take the same path as small ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from querist.errors import BadValue
from querist.types import Array

MEMORY_LIMIT: Final = 256 * 2**20
"""Bytes of working memory that a function may take beyond its input and its (n,) results."""

CACHED: Final = 2**19
"""Bytes of a block that stays in a core's second-level cache while several passes go over it."""


_SIGN_AND_HALF: Final = np.int32(0x8FFFFFFF - 2**32)
_HALF_SCALE: Final = np.float32(2.0**112)
_HALF_INFINITY: Final = 65536.0


def spans(rows: int, row_bytes: int, limit: int = MEMORY_LIMIT) -> Iterator[slice]:
    """Yield slices that cover `rows` in order, each of at most `limit` bytes and of at least one row.

    >>> list(spans(5, row_bytes=8, limit=16))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, limit // max(1, row_bytes))
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def working_type(x: Any) -> np.dtype[Any]:
    """Return the floating type to compute in: float64 stays, everything else is computed in float32.

    >>> working_type(np.zeros(1, dtype=np.float16))
    dtype('float32')
    """
    return np.dtype(np.float64 if x.dtype == np.float64 else np.float32)


def is_sparse(x: Any) -> bool:
    """Say whether x is a sparse matrix or array of scipy."""
    return hasattr(x, "tocsr")


def refuse_sparse(strategy: str, embed: Any) -> None:
    """Raise for CSR rows, naming the setting that makes them dense.

    Raises:
        BadValue: they are sparse.
    """
    if is_sparse(embed):
        raise BadValue("embed", "CSR", f'{strategy} needs dense rows: use features with `method = "svd"`')


def read(x: Any, rows: Any, dtype: np.dtype[Any] | None = None) -> Array:
    """Return some rows of x, dense, in the working type; without a copy where the type is right already."""
    part = x[rows]
    if is_sparse(part):
        part = part.toarray()
    return converted(part, dtype or working_type(x))


def converted(part: Any, dtype: np.dtype[Any]) -> Array:
    """Return an array in that type, without a copy where it has it; float16 to float32 twice as fast as numpy.

    A half's bits, moved to their places in a float32, are the number times 2 ** -112, also where it is subnormal.

    >>> converted(np.array([1.5, -2.0, np.inf], np.float16), np.dtype(np.float32))
    array([ 1.5, -2. ,  inf], dtype=float32)
    """
    part = np.asarray(part)
    if part.dtype != np.float16 or dtype != np.float32:
        return np.asarray(part, dtype)
    bits = part.view(np.int16).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_HALF
    wide: Array = bits.view(np.float32)
    wide *= _HALF_SCALE
    # The exponent of infinity and NaN comes out as that of 65,536, which no finite half reaches.
    if wide.size and (wide.max() >= _HALF_INFINITY or wide.min() <= -_HALF_INFINITY):
        return np.asarray(part, dtype)
    return wide


def square_norms(x: Any, *, memory_limit: int = MEMORY_LIMIT) -> Array:
    """Return (n,) squared lengths of the rows of x, dense or CSR.

    >>> square_norms(np.array([[3.0, 4.0], [0.0, 1.0]]))
    array([25.,  1.])
    """
    if is_sparse(x):
        squared = x.multiply(x).sum(axis=1)
        return np.asarray(squared, dtype=working_type(x)).reshape(-1)
    dtype = working_type(x)
    result = np.empty(x.shape[0], dtype)
    for span in spans(x.shape[0], x.shape[1] * dtype.itemsize, min(memory_limit, 8 * CACHED)):
        block = read(x, span, dtype)
        np.einsum("ij,ij->i", block, block, out=result[span])
    return result


def dots(x: Any, rows: Any, other: Array) -> Array:
    """Return the inner products of some rows of x with each row of `other` (m, d), as a dense array."""
    part = x[rows]
    if is_sparse(part):
        return np.asarray(part @ other.T, dtype=other.dtype)
    product: Array = converted(part, other.dtype) @ other.T
    return product


class Rows:
    """Some rows of an array that is too large to copy; read in blocks like the array itself.

    Slices and row numbers give arrays; anything else (and `numpy.asarray`) makes the copy.

    >>> some = Rows(np.arange(10)[:, None], np.array([2, 5, 7]))
    >>> some.shape, some[1:].ravel()
    ((3, 1), array([5, 7]))
    """

    def __init__(self, base: Any, rows: Array) -> None:
        self.base, self.rows = base, rows
        self.dtype, self.ndim = base.dtype, base.ndim
        self.shape = (len(rows), *base.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def nbytes(self) -> int:
        """Bytes that a copy would take."""
        return int(np.prod(self.shape)) * int(self.dtype.itemsize)

    def __getitem__(self, key: Any) -> Any:
        return np.asarray(self)[key] if isinstance(key, tuple) else self.base[self.rows[key]]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.base[self.rows], dtype)
