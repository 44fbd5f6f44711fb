"""Expected error reduction for softmax heads: a Newton step and a correction in place of each refit."""

from __future__ import annotations

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.acquire.blocks import CACHED, MEMORY_LIMIT, read, spans, working_type
from querist.acquire.error_reduction import LOSSES, one_hot
from querist.errors import BadValue
from querist.registry import scorer
from querist.types import Array

_BIAS_CURVATURE: Final = 1e-3
"""Added to the curvature of the biases, which have no penalty: else a step with few labels could go anywhere."""

_ROUNDS: Final = 50
"""Newton steps in c dimensions that an imagined label may take to settle; five to ten do."""

_LINE_ROUNDS: Final = 8
"""Newton steps along a line; three or four do."""

_LINE_STEP: Final = 0.02
"""After a step as short as this, what is left is its square: less than a thousandth of the way."""


@scorer(signed=True)
def eer_newton(
    *,
    proba: Array,
    embed: Array,
    labelled_embed: Array,
    labelled_target: Array,
    head_weight: Array,
    head_bias: Array,
    head_l2: Array,
    target_embed: Array | None = None,
    loss: str = "log",
    corrections: int = 1,
    hessian: str = "diagonal",
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Ask what lowers the expected error of the softmax head itself most; the form to take for linear models.

    For each item and answer the head steps to where it would settle if the loss of the labelled rows were quadratic,
    the imagined label's own loss being exact (Sherman–Morrison–Woodbury: a problem of c dimensions). Where labelled
    rows are far from the boundary, their loss is anything but quadratic, so that one correction follows, along the
    gradient of the true loss. It then ranks as exact refitting does, at a thousandth of the time: rank correlations of
    0.9 to 1 on wine, breast cancer and digits, where the step alone has 0.3 to 0.99.

    The head should be trained to convergence on the labelled rows; if it is not, or was calibrated since, the steps
    start from where it stands. Costs n · (t + l) · c² exponentials: for hundreds of
    candidates, or few classes.

    Args:
        proba: (n, c) calibrated class probabilities: how likely each answer is.
        embed: (n, d) what the head sees; dense or CSR.
        labelled_embed: (l, d).
        labelled_target: (l,) class numbers.
        head_weight: (c, d) weights of the head.
        head_bias: (c,) biases.
        head_l2: () penalty; the head minimises the *summed* log loss + head_l2 / 2 · ‖head_weight‖².
        target_embed: (t, d); the given rows themselves when left out.
        loss: `log` (entropy, nats) or `zero_one` (probability of being wrong).
        corrections: how many corrections follow the step; each brings it nearer to the refit.
        hessian: `diagonal` (classes apart: c matrices of side d + 1) or `full` (one matrix of side c · (d + 1)): a
            little nearer to the refit, for small c · d.
        memory_limit: bytes of working memory.

    Returns:
        (n,) expected fall of the mean risk of the targets, signed.

    Raises:
        BadValue: an unknown loss or hessian, a full one that does not fit into memory, a penalty of 0 where the labels
            alone do not determine the head.

    Roy & McCallum, ICML 2001; by second-order updates: Huseljic et al., arXiv:2210.06112, 2022.

    >>> eer_newton(
    ...     proba=np.array([[0.5, 0.5], [0.95, 0.05]]), embed=np.array([[0.0], [3.0]]),
    ...     labelled_embed=np.array([[1.0], [-1.0]]), labelled_target=np.array([0, 1]),
    ...     head_weight=np.array([[0.5], [-0.5]]), head_bias=np.zeros(2), head_l2=np.array(1.0),
    ... ).round(3)
    array([0.037, 0.015])
    """
    if loss not in LOSSES:
        raise BadValue("loss", loss, "must be log or zero_one", choices=LOSSES)
    targets = embed if target_embed is None else target_embed
    dtype = np.result_type(*(working_type(array) for array in (proba, embed, targets)))
    seen = _lifted(read(labelled_embed, slice(None), np.dtype(np.float64)))
    truth = one_hot(labelled_target, len(head_bias)).T
    weights = np.column_stack([head_weight, head_bias])
    head = _Head.of(seen, truth, weights, float(head_l2), hessian, memory_limit).astype(dtype)
    total, now = np.zeros(embed.shape[0]), 0.0
    cell = head.classes**2 * dtype.itemsize
    parts = list(spans(targets.shape[0], cell, min(memory_limit // 8, CACHED)))
    # Fresh memory for each row would take longer than what is done with it.
    work = np.empty((2, head.classes**2 * max((part.stop - part.start for part in parts), default=0)), dtype)
    for part in parts:
        logits = head.weights @ _lifted(read(targets, part, dtype)).T
        now += _risks(logits, np.empty_like(logits), loss).sum(dtype=np.float64)
    wide = max(len(seen), head.weights.shape[1]) * cell
    for span in spans(embed.shape[0], 3 * wide, min(memory_limit // 2, 4 * CACHED)):
        rows = _lifted(read(embed, span, dtype))
        steps = head.steps(rows)
        for _ in range(corrections):
            steps = head.corrected(steps, rows)
        moved = np.ascontiguousarray((head.weights[:, None, None] + steps).transpose(2, 0, 1, 3))
        for part in parts:
            at = np.ascontiguousarray(_lifted(read(targets, part, dtype)).T)
            logits, spare = work[:, : head.classes**2 * at.shape[1]].reshape(2, head.classes, head.classes, -1)
            for row, weights in enumerate(moved, start=span.start):
                np.matmul(weights.reshape(-1, len(at)), at, out=logits.reshape(-1, at.shape[1]))
                total[row] += proba[row] @ _risks(logits, spare, loss).sum(axis=1, dtype=np.float64)
    fall: Array = (now - total) / max(1, targets.shape[0])
    return fall.astype(dtype)


def _lifted(rows: Array) -> Array:
    """Return the rows with a column of ones, which the biases are the weights of."""
    return np.hstack([rows, np.ones((len(rows), 1), rows.dtype)])


def _risks(logits: Array, spare: Array, loss: str) -> Array:
    """Return risks (…) of predictions with logits (c, …), which are overwritten as `spare` is."""
    logits -= logits.max(axis=0)
    odds = np.exp(logits, out=spare)
    total = odds.sum(axis=0)
    if loss == "zero_one":
        wrong: Array = 1 - 1 / total
        return wrong
    logits *= odds
    entropy: Array = np.log(total) - logits.sum(axis=0) / total
    return entropy


@dataclass(frozen=True, slots=True)
class _Head:
    """A trained softmax head, and the curvature of its loss.

    Rows are [x, 1], of D numbers: `weights` (c, D), `penalty` (D,), `seen` (l, D) labelled rows, `truth` (c, l) 0/1,
    `inverse` of the Hessian (c, D, c, D), or (c, D, D) with classes apart. Steps are (c, answers, r, D): what each
    answer at each of r rows adds to each class's weights; rows last, so that products with all of them are one.
    """

    weights: Array
    penalty: Array
    seen: Array
    truth: Array
    inverse: Array

    @classmethod
    def of(cls, seen: Array, truth: Array, weights: Array, l2: float, hessian: str, memory_limit: int) -> _Head:
        classes, wide = weights.shape
        proba = _softmax(weights @ seen.T, axis=0)
        penalty = np.append(np.full(wide - 1, l2), 0.0)
        ridge = np.append(penalty[:-1], _BIAS_CURVATURE)
        if hessian == "diagonal":
            blocks = np.stack([(seen.T * curvature) @ seen for curvature in proba * (1 - proba)]) + np.diag(ridge)
            return cls(weights, penalty, seen, truth, _inverse(blocks, l2))
        if hessian != "full":
            raise BadValue("hessian", hessian, "must be full or diagonal", choices=("full", "diagonal"))
        side = classes * wide
        if 24 * side**2 > memory_limit:
            reason = f"{classes} classes × {wide} weights do not fit into {memory_limit} bytes; take 'diagonal'"
            raise BadValue("hessian", hessian, reason)
        full = np.empty((classes, wide, classes, wide))
        for a, b in itertools.combinations_with_replacement(range(classes), 2):
            block = (seen.T * (proba[a] * ((a == b) - proba[b]))) @ seen
            # Moving all classes' weights alike changes no probability; a constant pins that direction down.
            block += np.diag(ridge * (a == b) + 1 / classes)
            full[a, :, b], full[b, :, a] = block, block
        return cls(weights, penalty, seen, truth, _inverse(full.reshape(side, side), l2).reshape(full.shape))

    @property
    def classes(self) -> int:
        return len(self.weights)

    def astype(self, dtype: np.dtype[np.floating]) -> _Head:
        return _Head(*(getattr(self, field.name).astype(dtype) for field in dataclasses.fields(self)))

    def steps(self, rows: Array) -> Array:
        """Return the steps to where the head settles, the labelled rows' loss being quadratic: −H⁻¹ U (p − e_y).

        U = I ⊗ x, and p is what the row itself predicts in the end.
        """
        logits = rows @ self.weights.T
        if self.inverse.ndim == 3:
            apart = np.einsum("aij,rj->rai", self.inverse, rows, optimize=True)
            own = np.einsum("rai,ri->ra", apart, rows)
            errors = _settled(logits, own)
            split: Array = errors.transpose(2, 1, 0)[..., None] * apart.swapaxes(0, 1)[:, None]
            return split
        wide = rows.shape[1]
        pulled = np.tensordot(rows, self.inverse, axes=(1, 3)).transpose(0, 1, 3, 2)
        pulled = np.ascontiguousarray(pulled).reshape(-1, self.classes, self.classes, wide)
        errors = _settled(logits, np.einsum("rabi,ri->rab", pulled, rows))
        steps: Array = (errors[:, None] @ pulled).transpose(1, 2, 0, 3)
        return steps

    def corrected(self, steps: Array, rows: Array) -> Array:
        """Return the steps moved along −H⁻¹ · gradient of the true loss, to its least value on that line."""
        moved = self.weights[:, None, None] + steps
        logits = self._on(moved, rows)
        seen, answers = np.arange(len(self.seen)), np.arange(self.classes)
        labels = self.truth.argmax(axis=0)
        proba = _softmax(logits, axis=1)
        errors = proba.copy()
        errors[seen, labels] -= 1
        errors[-1, answers, answers] -= 1
        gradient = (errors[:-1].reshape(len(self.seen), -1).T @ self.seen).reshape(moved.shape)
        gradient += errors[-1][..., None] * rows + self.penalty * moved
        # A calibrated or weighted head is not where its plain loss is least: that loss is tilted until it is.
        tilt = (_softmax(self.weights @ self.seen.T, axis=0) - self.truth) @ self.seen + self.penalty * self.weights
        gradient -= tilt[:, None, None]
        along = -self._pulled(gradient)
        pulled = along * self.penalty
        slope, bend = (np.einsum("cyri,cyri->yr", pulled, other) for other in (moved, along))
        slope -= np.einsum("cyri,ci->yr", along, tilt)
        ahead = self._on(along, rows)
        slope -= ahead[seen, labels].sum(axis=0) + ahead[-1, answers, answers]
        far = _least(logits, ahead, proba, slope, bend)
        moved_on: Array = steps + far[..., None] * along
        return moved_on

    def _pulled(self, gradient: Array) -> Array:
        """Return the inverse Hessian times a gradient (c, answers, r, D)."""
        classes, wide = self.weights.shape
        if self.inverse.ndim == 3:
            return (gradient.reshape(classes, -1, wide) @ self.inverse).reshape(gradient.shape)
        apart = gradient.transpose(1, 2, 0, 3)
        pulled: Array = apart.reshape(-1, classes * wide) @ self.inverse.reshape(classes * wide, classes * wide)
        return pulled.reshape(apart.shape).transpose(2, 0, 1, 3)

    def _on(self, weights: Array, rows: Array) -> Array:
        """Return (l + 1, c, answers, r) products of weights (c, answers, r, D) with seen rows and the row itself."""
        result = np.empty((len(self.seen) + 1, *weights.shape[:3]), weights.dtype)
        np.matmul(self.seen, weights.reshape(-1, weights.shape[3]).T, out=result[:-1].reshape(len(self.seen), -1))
        np.einsum("cyri,ri->cyr", weights, rows, out=result[-1])
        return result


def _least(logits: Array, along: Array, proba: Array, slope: Array, bend: Array) -> Array:
    """Return (answers, r) how far to go for the least log-partition of logits + far · along, (l + 1, c, answers, r).

    To it comes a parabola of that slope and bend (answers, r): the penalty, and what the true classes give. `proba` is
    the softmax of the logits, and is used up.
    """
    far = np.zeros_like(slope)
    for _ in range(_LINE_ROUNDS):
        proba *= along
        mean = proba.sum(axis=1)
        first = mean.sum(axis=0) + slope + far * bend
        proba *= along
        second = proba.sum(axis=(0, 1)) - np.einsum("lyr,lyr->yr", mean, mean) + bend
        step = np.clip(-first / np.maximum(second, np.finfo(far.dtype).tiny), -1, 1)
        far += step
        if np.abs(step).max(initial=0) < _LINE_STEP:
            break
        np.multiply(far, along, out=proba)
        proba += logits
        _softmax(proba, axis=1, out=proba)
    return far


def _settled(logits: Array, reach: Array) -> Array:
    """Return (r, answers, c) errors e_y − p at the row itself, once the head has taken in the answer y.

    The head moves by reach (r, c, c), or (r, c) with classes apart, times the error, so that the logits s settle at
    s = logits + reach · (e_y − p(s)): the minimum of a convex function, found by Newton's method in c dimensions, with
    steps too short to overshoot.
    """
    identity = np.eye(logits.shape[1], dtype=logits.dtype)
    settled = np.repeat(logits[:, None], len(identity), axis=1)
    # A class that the head has never seen is so unlikely that its answer need not settle.
    possible = (logits > logits.max(axis=1, keepdims=True) - 50)[..., None]
    for _ in range(_ROUNDS):
        proba = _softmax(settled, axis=2)
        pulled = (identity - proba) * reach[:, None] if reach.ndim == 2 else (identity - proba) @ reach.swapaxes(1, 2)
        step = _newton_step(proba, reach, logits[:, None] + pulled - settled)
        length = np.abs(step).max(axis=2, keepdims=True)
        settled += step * np.minimum(1, 2 / np.maximum(length, 1e-9))
        if (length * possible).max(initial=0) < 1e-4:
            break
    errors: Array = identity - _softmax(settled, axis=2)
    return errors


def _newton_step(proba: Array, reach: Array, gap: Array) -> Array:
    """Return (1 + reach · (diag p − p pᵀ))⁻¹ gap (r, answers, c); by Sherman–Morrison with classes apart."""
    if reach.ndim == 2:
        reach = reach[:, None]
        stretch = 1 / (1 + reach * proba)
        alone = gap * stretch
        shared = (proba * alone).sum(axis=2, keepdims=True) / (proba * stretch).sum(axis=2, keepdims=True)
        step: Array = alone + reach * proba * stretch * shared
        return step
    identity = np.eye(proba.shape[2], dtype=proba.dtype)
    spread = proba[..., :, None] * identity - proba[..., :, None] * proba[..., None, :]
    solved: Array = np.linalg.solve(identity + reach[:, None] @ spread, gap[..., None])[..., 0]
    return solved


def _inverse(matrices: Array, l2: float) -> Array:
    try:
        root = np.linalg.inv(np.linalg.cholesky(matrices))
    except np.linalg.LinAlgError:
        raise BadValue("head_l2", l2, "the labels alone do not determine the head; it needs a penalty") from None
    inverse: Array = root.swapaxes(-1, -2) @ root
    return inverse


def _softmax(logits: Array, *, axis: int, out: Array | None = None) -> Array:
    proba: Array = np.subtract(logits, logits.max(axis=axis, keepdims=True), out=out)
    np.exp(proba, out=proba)
    proba /= proba.sum(axis=axis, keepdims=True)
    return proba
