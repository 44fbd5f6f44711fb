"""What makes a bench like real life, or harder: wrong answers, rare classes, near-copies in the pool.

The hold-out is never touched: what is measured is the true task. All draws depend on the seed alone, so that every
strategy of a seed meets the same wrong answers, the same rare rows and the same copies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse

from querist.errors import BadValue, UnknownName
from querist.types import Array, Features, Json

_NOISE, _ANSWERS, _RARE, _COPIES = range(2, 6)  # streams of a seed; 0 and 1 split and begin
JITTER: Final = 0.05
"""Near-copies differ from their original by so many standard deviations of each feature."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The switches of a bench; the defaults change nothing.

    Args:
        label_noise: share of the training answers that are replaced by another class, drawn uniformly.
        confusion: how people mistake classes: true class → {answer: probability}; the rest is answered rightly.
        imbalance: how many times more rows of the commonest class than of the rarest are left in the pool; sizes fall
            geometrically in between (Cui, Jia, Lin, Song & Belongie, CVPR 2019). 1 leaves the pool as it is.
        copies: how often each row of the pool occurs; copies differ by a little noise where features are dense.
    """

    label_noise: float = 0.0
    confusion: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    imbalance: float = 1.0
    copies: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.label_noise < 1:
            raise BadValue("label_noise", self.label_noise, "must be at least 0 and below 1")
        if not 1 <= self.imbalance <= 1000:
            raise BadValue("imbalance", self.imbalance, "must be between 1 and 1000")
        if self.copies < 1:
            raise BadValue("copies", self.copies, "must be at least 1")
        for true, answers in self.confusion.items():
            wrong = sum(answers.values())
            if min(answers.values(), default=0) < 0 or wrong > 1 + 1e-9:
                raise BadValue(
                    "confusion", wrong, f"the mistakes on class {true!r} must be shares that sum to 1 at most"
                )

    def to_json(self) -> Json:
        """Return what differs from the defaults: nothing, for the plain bench."""
        plain = Conditions()
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        found["confusion"] = {true: dict(answers) for true, answers in self.confusion.items()}
        return {name: value for name, value in found.items() if value != getattr(plain, name)}

    def words(self) -> str:
        """Return what a report says of them.

        >>> Conditions(label_noise=0.1, copies=5).words()
        '10 % wrong labels, 5 copies of each item'
        """
        said = [
            (self.label_noise, f"{100 * self.label_noise:g} % wrong labels"),
            (self.confusion, "people who mistake classes"),
            (self.imbalance > 1, f"classes up to {self.imbalance:g} : 1"),
            (self.copies > 1, f"{self.copies} copies of each item"),
        ]
        return ", ".join(words for said_so, words in said if said_so)

    def pool(self, rows: Array, target: Array, *, seed: int) -> Array:
        """Return the rows of the pool that remain, each as often as it occurs.

        Args:
            rows: (p,) row numbers of the pool.
            target: (p,) their classes.
            seed: of the draw.

        >>> kept = Conditions(imbalance=10).pool(np.arange(200), np.arange(200) % 2, seed=0)
        >>> np.bincount(kept % 2).tolist()
        [100, 10]
        """
        return np.repeat(self._rare(rows, target, seed), self.copies)

    def _rare(self, rows: Array, target: Array, seed: int) -> Array:
        if self.imbalance == 1:
            return rows
        sizes = np.bincount(target)
        order = np.argsort(-sizes, kind="stable")  # the commonest stays the commonest
        wanted = np.zeros(len(sizes))
        wanted[order] = sizes.max() * self.imbalance ** (-np.linspace(0, 1, len(sizes)))
        left = np.minimum(sizes, np.maximum(np.round(wanted), 1)).astype(int)
        shuffled = _rng(seed, _RARE).permutation(len(rows))
        rank = np.empty(len(rows), int)
        for k in range(len(sizes)):
            mine = shuffled[target[shuffled] == k]
            rank[mine] = np.arange(len(mine))
        return np.asarray(rows[rank < left[target]])

    def answers(self, target: Array, classes: Sequence[str], *, seed: int) -> Array:
        """Return what people answer: (p,) class numbers, wrong ones included; a row is always answered in one way.

        Raises:
            UnknownName: `confusion` names a class that the data do not have.

        >>> said = Conditions(label_noise=0.5).answers(np.zeros(1000, int), ["a", "b"], seed=0)
        >>> bool(450 < said.sum() < 550)
        True
        """
        said = np.asarray(target).copy()
        if self.confusion:
            table = np.cumsum(_table(self.confusion, classes), axis=1)
            drawn = _rng(seed, _ANSWERS).random(len(said))
            said = (drawn[:, None] >= table[said]).sum(axis=1).clip(max=len(classes) - 1)
        if self.label_noise:
            rng = _rng(seed, _NOISE)
            wrong = rng.random(len(said)) < self.label_noise
            other = (said + rng.integers(1, len(classes), len(said))) % len(classes)
            said = np.where(wrong, other, said)
        return said

    def features(self, pool: Features, *, seed: int) -> Features:
        """Return the pool's features with a little noise on all copies but the first of each row."""
        if self.copies == 1:
            return pool
        copy = np.arange(len(pool)) % self.copies > 0
        rng = _rng(seed, _COPIES)
        embed = _jittered(pool.embed, copy, rng)
        return Features(embed if pool.one_space else _jittered(pool.input, copy, rng), embed)


def _jittered(x: Any, copy: Array, rng: np.random.Generator) -> Any:
    if issparse(x):
        return x
    found = np.array(x, dtype=np.result_type(x.dtype, np.float32))
    noise = rng.normal(0, JITTER, (int(copy.sum()), found.shape[1])) * found.std(axis=0)
    found[copy] += noise.astype(found.dtype)
    return found


def _table(confusion: Mapping[str, Mapping[str, float]], classes: Sequence[str]) -> Array:
    number = {name: k for k, name in enumerate(classes)}
    table = np.eye(len(classes))
    for true, answers in confusion.items():
        for name in (true, *answers):
            if name not in number:
                raise UnknownName("class in confusion", name, classes)
        for answer, share in answers.items():
            table[number[true], number[answer]] += share
            table[number[true], number[true]] -= share
    return table


def _rng(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(stream,)))
