"""Gaussian processes on arrays: what a label at x says about the value at u, without refitting anything.

A ridge regression is the process with the linear kernel, in the space of its weights; a kernel ridge regression the one
with the RBF kernel. Both answer the same two questions (posterior mean and covariance) about rows in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from querist.acquire.blocks import MEMORY_LIMIT, read, spans, working_type
from querist.errors import BadValue
from querist.types import Array


class Process(Protocol):
    """A Gaussian process of prior mean 0 that has seen some rows; `noise` is the variance of a label about its value.

    Rows are first turned into coordinates, once per block; all else is products of coordinates.
    """

    @property
    def noise(self) -> float: ...

    def coordinates(self, rows: Array) -> Array:
        """Return (n, p) coordinates of dense rows (n, d)."""

    def covariance(self, a: Array, b: Array) -> Array:
        """Return (a, b) posterior covariances of the values at two blocks of coordinates."""

    def variance(self, a: Array) -> Array:
        """Return (a,) posterior variances, the diagonal of the covariance."""

    def mean(self, a: Array, values: Array) -> Array:
        """Return (a, k) posterior means, `values` (l, k) being what was seen at the labelled rows."""


def process(labelled: Array, *, kernel: str, noise: float, gamma: float, dtype: np.dtype[np.floating]) -> Process:
    """Return the process of that kernel that has seen the labelled rows (l, d).

    Args:
        labelled: (l, d), dense or CSR; l may be 0.
        kernel: `linear` (x·x′ + 1, a ridge regression with a bias) or `rbf` (exp(−gamma · ‖x − x′‖²)).
        noise: variance of a label about its value; the penalty of the ridge regression.
        gamma: of the RBF kernel.
        dtype: of the coordinates.

    Raises:
        BadValue: an unknown kernel, or a noise that is not above 0.
    """
    if noise <= 0:
        raise BadValue("noise", noise, "must be above 0")
    rows = read(labelled, slice(None), np.dtype(np.float64))
    if kernel == "linear":
        return _Linear.seen(rows, noise, dtype)
    if kernel == "rbf":
        return _Rbf.seen(rows, noise, gamma, dtype)
    raise BadValue("kernel", kernel, "must be linear or rbf", choices=("linear", "rbf"))


@dataclass(frozen=True, slots=True)
class _Linear:
    """Coordinates are z = C⁻¹ [x, 1], C Cᵀ the precision of the weights: covariances are plain products of them."""

    noise: float
    whiten: Array
    seen_at: Array

    @classmethod
    def seen(cls, rows: Array, noise: float, dtype: np.dtype[np.floating]) -> _Linear:
        lifted = np.hstack([rows, np.ones((len(rows), 1))])
        precision = lifted.T @ lifted / noise + np.eye(lifted.shape[1])
        whiten = np.linalg.inv(np.linalg.cholesky(precision)).T
        return cls(noise, whiten.astype(dtype), lifted @ whiten / noise)

    def coordinates(self, rows: Array) -> Array:
        z: Array = rows @ self.whiten[:-1]
        z += self.whiten[-1]
        return z

    def covariance(self, a: Array, b: Array) -> Array:
        product: Array = a @ b.T
        return product

    def variance(self, a: Array) -> Array:
        squares: Array = np.einsum("ij,ij->i", a, a)
        return squares

    def mean(self, a: Array, values: Array) -> Array:
        product: Array = a @ (self.seen_at.T @ values).astype(a.dtype)
        return product


@dataclass(frozen=True, slots=True)
class _Rbf:
    """Coordinates are [x, v], v = C⁻¹ k(labelled, x), C Cᵀ the covariance of the labels: k(x, x′) − v·v′."""

    noise: float
    gamma: float
    rows: Array
    whiten: Array

    @classmethod
    def seen(cls, rows: Array, noise: float, gamma: float, dtype: np.dtype[np.floating]) -> _Rbf:
        covariance = np.exp(-gamma * square_distances(rows, rows)) + noise * np.eye(len(rows))
        whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
        return cls(noise, gamma, rows.astype(dtype), whiten.astype(dtype))

    def coordinates(self, rows: Array) -> Array:
        return np.hstack([rows, self._prior(rows, self.rows) @ self.whiten])

    def covariance(self, a: Array, b: Array) -> Array:
        d = self.rows.shape[1]
        covariance = self._prior(a[:, :d], b[:, :d])
        covariance -= a[:, d:] @ b[:, d:].T
        return covariance

    def variance(self, a: Array) -> Array:
        seen = a[:, self.rows.shape[1] :]
        left: Array = 1 - np.einsum("ij,ij->i", seen, seen)
        return np.maximum(left, 0)

    def mean(self, a: Array, values: Array) -> Array:
        product: Array = a[:, self.rows.shape[1] :] @ (self.whiten.T @ values).astype(a.dtype)
        return product

    def _prior(self, a: Array, b: Array) -> Array:
        covariance = square_distances(a, b)
        covariance *= -self.gamma
        return np.exp(covariance, out=covariance)


def square_distances(a: Array, b: Array) -> Array:
    """Return (a, b) squared distances between dense rows, not below 0 where rounding would have it so.

    >>> square_distances(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[25.,  0.]])
    """
    distances: Array = a @ b.T
    distances *= -2
    distances += np.einsum("ij,ij->i", a, a)[:, None]
    distances += np.einsum("ij,ij->i", b, b)
    return np.maximum(distances, 0, out=distances)


def centre_and_scale(rows: Array, *, memory_limit: int = MEMORY_LIMIT) -> tuple[Array, float]:
    """Return the mean (d,) of the rows and the `gamma` at which an RBF kernel sees them well: 1 / sum of variances.

    Rows that are all equal have scale 1.

    >>> centre_and_scale(np.array([[0.0, 1.0], [2.0, 1.0]]))
    (array([1., 1.]), 1.0)
    """
    total, squares = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    count = max(1, rows.shape[0])
    for span in spans(rows.shape[0], 8 * rows.shape[1], memory_limit // 4):
        total += read(rows, span, np.dtype(np.float64)).sum(axis=0)
    centre = total / count
    for span in spans(rows.shape[0], 8 * rows.shape[1], memory_limit // 4):
        squares += ((read(rows, span, np.dtype(np.float64)) - centre) ** 2).sum(axis=0)
    spread = float(squares.sum() / count)
    return centre.astype(working_type(rows)), 1 / spread if spread > 0 else 1.0
