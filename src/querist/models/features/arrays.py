"""Rows that are numbers already: passed through, standardised if asked, reduced where they are sparse."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG002, ARG003

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from scipy.sparse import csr_matrix, issparse

from querist.errors import BadValue
from querist.models import files
from querist.types import Array, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {"standardise": False, "dim": 128}
_EMPTY: Final = np.zeros((0, 0), dtype=np.float32)


@dataclass(frozen=True)
class ArrayPipeline:
    """Numbers as they are, so that an estimator sees what its owner prepared.

    Settings: `standardise` (dense rows: centred, unit variance, float32), `dim` of the embedding of sparse rows (their
    truncated SVD, rows of unit length). Dense rows are one space; with missing values (NaN) the embedding has the
    column's median in their place, and the estimator sees them as they are.
    """

    width: int
    middle: Array  # (p,) median, for missing values
    shift: Array  # (p,) or empty: not standardised
    scale: Array
    axes: Array  # (dim, p) or empty: not sparse

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return int(self.axes.shape[0]) or self.width

    @property
    def report(self) -> Json:
        return {"columns": self.width, "sparse": bool(self.axes.size), "standardised": bool(self.shift.size)}

    @classmethod
    def fit(cls, sample: Any, settings: Mapping[str, Any], *, seed: int, media: Path | None) -> ArrayPipeline:
        nothing = np.zeros(0)
        if issparse(sample):
            from sklearn.utils.extmath import randomized_svd

            if settings["standardise"]:
                raise BadValue("standardise", True, "would make sparse rows dense; use standardise = false")
            dim = max(1, min(int(settings["dim"]), min(sample.shape) - 1))
            _, _, axes = randomized_svd(csr_matrix(sample), dim, n_iter=3, random_state=seed % 2**32)
            return cls(int(sample.shape[1]), nothing, nothing, nothing, np.ascontiguousarray(axes, dtype=np.float32))
        sample = _numbers(sample)
        middle = np.zeros(sample.shape[1])
        missing = np.isnan(sample)
        if missing.any():
            filled = ~missing.all(axis=0)
            middle[filled] = np.nanmedian(sample[:, filled], axis=0)
            sample = np.where(missing, middle, sample)
        if not settings["standardise"]:
            return cls(int(sample.shape[1]), middle, nothing, nothing, _EMPTY)
        scale = sample.std(axis=0, dtype=np.float64)
        scale[scale == 0] = 1.0
        return cls(int(sample.shape[1]), middle, sample.mean(axis=0, dtype=np.float64), scale, _EMPTY)

    def transform(self, batch: Any, *, media: Path | None) -> Features:
        if not issparse(batch) and len(batch) == 0:
            batch = csr_matrix((0, self.width)) if self.axes.size else np.zeros((0, self.width))
        if issparse(batch):
            return self._sparse(csr_matrix(batch))
        rows = _numbers(batch)
        if rows.shape[1] != self.width or self.axes.size:
            found = f"{rows.shape[1]} dense columns"
            expected = f"{self.width} {'sparse' if self.axes.size else 'dense'}"
            raise BadValue("rows", found, f"the features were fitted on {expected} columns")
        missing = np.isnan(rows)
        filled = np.where(missing, self.middle.astype(rows.dtype), rows) if missing.any() else rows
        if self.shift.size:
            filled = ((filled - self.shift) / self.scale).astype(np.float32)
            return Features(filled, filled)
        return Features(rows, filled)

    def save(self) -> dict[str, bytes]:
        return {f"{name}.npy": files.to_npy(getattr(self, name)) for name in ("middle", "shift", "scale", "axes")} | {
            "array.json": files.to_json({"width": self.width})
        }

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> ArrayPipeline:
        arrays = [files.from_npy(saved, f"{name}.npy") for name in ("middle", "shift", "scale", "axes")]
        return cls(files.from_json(saved, "array.json")["width"], *arrays)

    def _sparse(self, rows: Any) -> Features:
        if rows.shape[1] != self.width or not self.axes.size:
            raise BadValue(
                "rows", f"{rows.shape[1]} sparse columns", f"the features were fitted on {self.width} others"
            )
        embed = np.asarray(rows @ self.axes.T, dtype=np.float32)
        length = np.linalg.norm(embed, axis=1, keepdims=True)
        np.divide(embed, length, out=embed, where=length > 0)
        return Features(rows, embed)


def _numbers(rows: Any) -> Array:
    array = np.asarray(rows)
    if array.ndim != 2 or array.dtype.kind not in "fiub":
        raise BadValue("rows", f"{array.ndim}-dimensional {array.dtype}", "must be a table of numbers (n, p)")
    numbers: Array = array if array.dtype.kind == "f" else array.astype(np.float64)
    if np.isinf(numbers).any():
        raise BadValue("rows", "inf", "must be finite or NaN for a missing value")
    return numbers
