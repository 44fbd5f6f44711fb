"""BAIT: batches by the Fisher information of a linear head."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, dots, read, refuse_sparse, spans, working_type
from querist.acquire.distances import PRODUCT
from querist.acquire.greedy import Front
from querist.errors import BadValue
from querist.registry import selector
from querist.types import Array, Rng

FORMS: Final = ("binary", "full")
FULL_LIMIT: Final = 1024
"""Largest c·d for which the full form keeps its (c·d)² matrices."""


@selector
def bait(
    *,
    proba: Array,
    embed: Any,
    n: int,
    rng: Rng | None = None,  # noqa: ARG001 - every selector takes rng
    target_proba: Array | None = None,
    target_embed: Any = None,
    labelled_proba: Array | None = None,
    labelled_embed: Any = None,
    pending_proba: Array | None = None,
    pending_embed: Any = None,
    head_l2: Any = None,
    form: str = "binary",
    prior: float = 1.0,
    oversample: float = 2.0,
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Take the rows whose Fisher information most reduces the expected variance of predictions on the targets.

    The strongest single strategy on frozen embeddings with a linear head. It trusts that head: with trees, or with
    features that the model does not see, it can be worse than chance.

    Args:
        proba: (n, c) class probabilities of the linear model.
        embed: (n, d) its input.
        n: how many rows.
        rng: not used; ties go to the lower row.
        target_proba: (t, c) where predictions will be needed; None means the given rows.
        target_embed: (t, d) likewise.
        labelled_proba: (l, c) of rows whose information the model has already.
        labelled_embed: (l, d) likewise.
        pending_proba: (q, c) of rows whose information it will have.
        pending_embed: (q, d) likewise.
        head_l2: () the head's L2 penalty, which is the prior precision; None means `prior`.
        form: `binary` sees one Bernoulli variable, whether the likeliest class is right: O(n·d + d²) for a pick;
            `full` the whole softmax: O(n·c²·d²), for c·d up to 1,024.
        prior: precision where the model offers no `head_l2`: 1 / C of a logistic regression.
        oversample: so many times n rows are picked forward, and the least useful given back one by one.
        memory_limit: bytes of working memory.

    Returns:
        (n,) rows in the order of choice.

    Raises:
        BadValue: c·d is too large for the full form, or the form is unknown.

    Ash, Goel, Krishnamurthy & Kakade, "Gone Fishing", NeurIPS 2021; binary form: Huseljic, Herde, Hahn, Müjde & Sick,
    "Fast Fishing", ECML PKDD 2024. Labelled information is added as it is, where the authors' code scales it by
    l / (l + n).

    >>> proba = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [1.0, 0.0]])
    >>> bait(proba=proba, embed=np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 3.0], [9.0, 9.0]]), n=2)
    array([0, 2])
    """
    if form not in FORMS:
        raise BadValue("form", form, "is not a form of BAIT", choices=FORMS)
    refuse_sparse("bait", embed)
    n = min(n, len(proba))
    if n < 1:
        return np.empty(0, np.int64)
    precision = float(prior if head_l2 is None else head_l2)
    fisher = _binary_fisher if form == "binary" else _full_fisher
    given = target_proba is not None and target_embed is not None
    target = fisher(target_proba, target_embed) if given else fisher(proba, embed)
    known = precision * np.eye(len(target))
    for p, h in ((labelled_proba, labelled_embed), (pending_proba, pending_embed)):
        if p is not None and h is not None and len(p):
            known += fisher(p, h)
    forward = min(len(proba), max(n, round(oversample * n)))
    steps = _BinarySteps if form == "binary" else _FullSteps
    return steps(proba, embed, np.linalg.inv(known), target / len(proba), memory_limit).pick(n, forward)


def _spread_of(proba: Any, rows: Any, dtype: Any) -> Array:
    """Return √(p̂ (1 − p̂)) of the likeliest class."""
    best = np.asarray(proba[rows], dtype).max(axis=1)
    root: Array = np.sqrt(np.maximum(best * (1 - best), 0))
    return root


def _binary_fisher(proba: Any, embed: Any) -> Array:
    """Return Σ p̂ (1 − p̂) h hᵀ, (d, d)."""
    dtype = working_type(embed)
    total = np.zeros((embed.shape[1], embed.shape[1]))
    for span in spans(len(proba), embed.shape[1] * dtype.itemsize, PRODUCT):
        block = read(embed, span, dtype) * _spread_of(proba, span, dtype)[:, None]
        total += block.T @ block
    return total


def _full_fisher(proba: Any, embed: Any) -> Array:
    """Return Σ (diag p − p pᵀ) ⊗ h hᵀ, (c·d, c·d)."""
    c, d = proba.shape[1], embed.shape[1]
    if c * d > FULL_LIMIT:
        raise BadValue("form", "full", f'needs c·d of at most {FULL_LIMIT}, not {c} · {d}; use form = "binary"')
    total = np.zeros((c, c, d, d))
    for span in spans(len(proba), d * 8, PRODUCT):
        p, h = np.asarray(proba[span], np.float64), read(embed, span, np.dtype(np.float64))
        for i in range(c):
            for j in range(i, c):
                weight = p[:, i] * ((i == j) - p[:, j])
                total[i, j] += (h * weight[:, None]).T @ h
                total[j, i] = total[i, j].T
    fisher: Array = total.transpose(0, 2, 1, 3).reshape(c * d, c * d)
    return fisher


_GUESSED_AMONG: Final = 4096
"""Of so many rows, those that are worth most after a pass, the next picks are made."""
_TOGETHER: Final = 16
"""Picks of the binary form that share a pass over the pool at most."""


class _Changes(NamedTuple):
    """What k picks change: u (k, d), M F u (k, d) and uᵀFu (k,) of each, as the recursion needs them."""

    u: Array
    middle: Array
    inner: Array


class _BinarySteps:
    """Forward and backward steps on rows x̃ = √(p̂(1−p̂)) h, by the rank-one recursion.

    s = x̃ᵀMx̃ and t = x̃ᵀMFMx̃ tell what a row is worth, t / (1 + s). Taking row j, M loses u uᵀ with u = Mx̃ⱼ / √(1 + sⱼ),
    and each row's s and t change by its products with u and M F u. Several picks share one pass over the pool: they are
    made among the rows that were worth most, and the pass, which replays every step for every row, says how many of
    them no other row would have beaten.
    """

    def __init__(self, proba: Array, embed: Any, inverse: Array, target: Array, memory_limit: int) -> None:
        self.embed, self.inverse, self.target = embed, inverse, target
        self.dtype = working_type(embed)
        self.spread = np.concatenate([_spread_of(proba, span, self.dtype) for span in spans(len(proba), 1, 2**16)])
        self.s, self.t = np.empty(len(proba)), np.empty(len(proba))
        self.limit = min(memory_limit // 4, 2 * CACHED)
        # Seen along these axes, M is the identity and MFM diagonal: one product with each row gives both.
        root = np.linalg.cholesky(inverse)
        scale, turned = np.linalg.eigh(root.T @ target @ root)
        axes = (root @ turned).astype(self.dtype)
        for span in self._spans():
            block = self.rows(span) @ axes
            block *= block
            self.s[span], self.t[span] = block.sum(axis=1), block @ scale.astype(self.dtype)

    def _spans(self) -> Any:
        return spans(len(self.spread), self.embed.shape[1] * self.dtype.itemsize, self.limit)

    def rows(self, rows: Any) -> Array:
        block: Array = read(self.embed, rows, self.dtype) * self.spread[rows][:, None]
        return block

    def pick(self, n: int, forward: int) -> Array:
        """Return n rows: the best `forward` one by one, then without the least useful one by one."""
        picks: list[int] = []
        while len(picks) < forward:
            before = self.inverse.copy()
            rows, changes = self._guess(forward - len(picks))
            if len(picks) + len(rows) < forward or len(rows) > 1:
                right = self._replay(rows, changes)
                if right < len(rows):
                    changes = _Changes(*(part[:right] for part in changes))
                    self.inverse = before - changes.u.T @ changes.u
                    self._replay(rows[:right], changes)
                rows = rows[:right]
            picks += rows
        return self._give_back(np.array(picks, np.int64), n)

    def _guess(self, n: int) -> tuple[list[int], _Changes]:
        """Return up to n picks made among the rows that are worth most, with what each changes."""
        front = Front(self.t / (1 + self.s), _GUESSED_AMONG)
        near = self.rows(front.rows)
        s, t = self.s[front.rows], self.t[front.rows]
        rows: list[int] = []
        changes: list[tuple[Array, Array, float]] = []
        while len(rows) < min(n, _TOGETHER):
            at, sure = front.best()
            if rows and not sure:
                break
            rows.append(int(front.rows[at]))
            u, middle = self._lose(np.asarray(near[at], np.float64), +1)
            changes.append((u, middle, float(u @ self.target @ u)))
            a, b = near @ u.astype(self.dtype), near @ middle.astype(self.dtype)
            t += a * (a * changes[-1][2] - 2 * b)
            s -= a * a
            t[at] = -np.inf
            front.values = t / (1 + s)
        return rows, _Changes(*(np.array(part) for part in zip(*changes, strict=True)))

    def _replay(self, rows: list[int], changes: _Changes) -> int:
        """Return how many of the picks are right, one at least; if all are, take them in every row's s and t."""
        u, middle, inner = changes
        # Column by column: a few columns are multiplied a third faster so.
        both, inner = np.asfortranarray(np.concatenate([u, middle]), self.dtype), inner.astype(self.dtype)[:, None]
        best, own = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
        s, t = np.empty_like(self.s), np.empty_like(self.t)
        order = np.argsort(rows)
        for span in self._spans():
            products = np.ascontiguousarray(dots(self.embed, span, both).T)
            products *= self.spread[span]
            a, b = np.split(products, 2)
            inside = order[slice(*np.searchsorted(rows, (span.start, span.stop), sorter=order))]
            fall, change = (a * a).astype(np.float64), (a * (a * inner - 2 * b)).astype(np.float64)
            change[inside, np.array(rows)[inside] - span.start] = -np.inf
            # Row k is the state after the k-th pick; the last one is nobody's choice yet.
            after_s, after_t = self.s[span] - np.cumsum(fall, axis=0), self.t[span] + np.cumsum(change, axis=0)
            s[span], t[span] = after_s[-1], after_t[-1]
            worth = after_t[:-1] / (1 + after_s[:-1])
            np.maximum(best[1:], worth.max(axis=1), out=best[1:])
            for step in inside[inside > 0]:
                own[step] = worth[step - 1, rows[step] - span.start]
        wrong = np.flatnonzero(own < best - 1e-6 * np.abs(best))
        if len(wrong):
            return int(wrong[0])
        self.s, self.t = s, t
        return len(rows)

    def _lose(self, x: Array, sign: int) -> tuple[Array, Array]:
        """Add (+1) or take away (−1) a row's information; return u and M F u from before the change."""
        product = self.inverse @ x
        u = product / np.sqrt(1 + sign * float(x @ product))
        middle = self.inverse @ (self.target @ u)
        self.inverse -= sign * np.outer(u, u)
        return u, middle

    def _give_back(self, picks: Array, n: int) -> Array:
        """Return n of the picks, in their order, giving back the least useful one by one."""
        x = np.asarray(self.rows(picks), np.float64)
        product = x @ self.inverse
        s, t = (product * x).sum(axis=1), ((product @ self.target) * product).sum(axis=1)
        kept = np.arange(len(picks))
        while len(kept) > n:
            worst = int((t[kept] / np.maximum(1 - s[kept], 1e-12)).argmin())
            u, middle = self._lose(x[kept[worst]], -1)
            a, b = x @ u, x @ middle
            t += a * (a * float(u @ self.target @ u) + 2 * b)
            s += a * a
            kept = np.delete(kept, worst)
        return picks[kept]


class _FullSteps:
    """The same steps with the whole softmax: a row's information is V Vᵀ with V = A ⊗ h, A Aᵀ = diag p − p pᵀ."""

    def __init__(self, proba: Array, embed: Any, inverse: Array, target: Array, memory_limit: int) -> None:
        self.proba, self.embed, self.inverse, self.target = proba, embed, inverse, target
        self.limit = memory_limit // 8

    def factors(self, rows: Any) -> Array:
        """Return (r, c·d, c) factors V of some rows; column y is √p_y times the gradient of the loss of label y."""
        p, h = np.asarray(self.proba[rows], np.float64), read(self.embed, rows, np.dtype(np.float64))
        root = np.sqrt(np.maximum(p, 0))
        a = root[:, None, :] * (np.eye(p.shape[1]) - p[:, :, None])
        factors: Array = (a[:, :, None, :] * h[:, None, :, None]).reshape(len(p), -1, p.shape[1])
        return factors

    def values(self, rows: Any, sign: int) -> Array:
        """Return by how much the trace falls (+1) or rises (−1) when a row's information is added or taken away."""
        v = self.factors(rows)
        product = self.inverse @ v
        inner = np.eye(v.shape[2]) + sign * v.transpose(0, 2, 1) @ product
        outer = product.transpose(0, 2, 1) @ (self.target @ product)
        # With the label's mean removed the factors are dependent, but 1 + VᵀMV is positive definite.
        values: Array = np.linalg.solve(inner, outer).trace(axis1=1, axis2=2)
        return values

    def pick(self, n: int, forward: int) -> Array:
        taken = np.zeros(len(self.proba), bool)
        picks: list[int] = []
        row_bytes = 8 * self.inverse.shape[0] * self.proba.shape[1] * 3
        for _ in range(forward):
            parts = [self.values(span, +1) for span in spans(len(taken), row_bytes, self.limit)]
            gain = np.concatenate(parts)
            gain[taken] = -np.inf
            picks.append(int(gain.argmax()))
            taken[picks[-1]] = True
            self._change(picks[-1], +1)
        chosen = np.array(picks, np.int64)
        while len(chosen) > n:
            worst = int(self.values(chosen, -1).argmin())
            self._change(int(chosen[worst]), -1)
            chosen = np.delete(chosen, worst)
        return chosen

    def _change(self, row: int, sign: int) -> None:
        v = self.factors([row])[0]
        product = self.inverse @ v
        self.inverse -= sign * product @ np.linalg.solve(np.eye(v.shape[1]) + sign * v.T @ product, product.T)
