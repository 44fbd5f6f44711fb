"""Settle it: labels where the active model and a shadow model disagree, the only items on which they can differ.

These labels cost extra, so this is a button and not a default. They are no evaluation items, since they are not a
uniform sample: their lane is `duel`, and they never train.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.errors import BadValue, NotReady
from querist.measure.intervals import normal_quantile
from querist.types import Array

DUEL_SIZE: Final = 40
"""Labels that settle a comparison."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Items that would settle a comparison of two models: `rows` (k,) drawn among `disagreements` reserve items.

    `share` is how much of the reserve the models disagree on, `probability` the chance of each of the drawn rows,
    `reserve` the unlabelled reserve itself: a sample of the pool, whose own luck belongs in the interval.
    """

    rows: Array
    share: float
    disagreements: int
    reserve: int

    @property
    def probability(self) -> float:
        """The chance with which each disagreement was drawn."""
        return len(self.rows) / self.disagreements

    @property
    def widest(self) -> float:
        """The largest half-width that labelling these rows can leave, known before any label."""
        # Labels that differ on every row: nothing varies more, in the drawing or in the reserve.
        return math.hypot(self.drawing, normal_quantile(0.975) * math.sqrt(self.share / self.reserve))

    @property
    def drawing(self) -> float:
        """The half-width that comes of labelling some of the disagreements, if their differences have deviation 1."""
        k = len(self.rows)
        return normal_quantile(0.975) * self.share / math.sqrt(k) * math.sqrt(max(1 - k / self.disagreements, 0.0))


def duel(active_predicted: Array, shadow_predicted: Array, rows: Array, *, n: int = DUEL_SIZE, seed: int = 0) -> Duel:
    """Draw reserve items on which two models disagree; elsewhere their accuracies cannot differ.

    Take for the shadow model the one of median accuracy: a lucky random arm would stay in the result.

    Args:
        active_predicted: (r,) classes by the active model of the same number of labels.
        shadow_predicted: (r,) classes by the shadow model.
        rows: (r,) the unlabelled reserve rows.
        n: labels to spend; all disagreements if there are fewer.
        seed: of the draw.

    Raises:
        NotReady: the models agree everywhere.

    >>> found = duel(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), np.array([10, 11, 12, 13]), n=1)
    >>> found.share, found.disagreements, found.probability
    (0.5, 2, 0.5)
    """
    apart = np.flatnonzero(np.asarray(active_predicted) != np.asarray(shadow_predicted))
    if len(apart) == 0:
        raise NotReady("the two models agree on the whole reserve: there is nothing to settle")
    chosen = np.random.default_rng(seed).permutation(apart)[:n]
    return Duel(np.asarray(rows)[chosen], len(apart) / len(rows), len(apart), len(rows))


def settle(drawn: Duel, active_right: Array, shadow_right: Array) -> tuple[float, float, float]:
    """Return the difference between the two models, low and high, from the labels of a duel's rows.

    Covers 91 to 95 %: call it "about 90 %". It compares two particular models.

    Args:
        drawn: the duel.
        active_right: (k,) whether the active model was right on the rows.
        shadow_right: (k,) whether the shadow model was.

    >>> drawn = Duel(np.arange(40), share=0.1, disagreements=100, reserve=1000)
    >>> value, low, high = settle(drawn, np.arange(40) < 30, np.arange(40) >= 30)
    >>> round(value, 3), round(low, 3), round(high, 3)
    (0.05, 0.021, 0.079)
    """
    d = np.asarray(active_right, dtype=float) - np.asarray(shadow_right, dtype=float)
    k = len(drawn.rows)
    if d.shape != (k,) or k < 2:
        raise BadValue("active_right", d.shape, f"must be ({k},), two or more: one label for each row of the duel")
    value = drawn.share * float(d.mean())
    drawing = (drawn.drawing * max(float(d.std(ddof=1)), 0.3)) ** 2
    # Elsewhere in the reserve d is 0; with few thousand items the reserve's own luck counts as much as the drawing.
    of_reserve = max(drawn.share * float(np.mean(d**2)) - value**2, 0.0) / drawn.reserve
    half = math.sqrt(drawing + normal_quantile(0.975) ** 2 * of_reserve)
    return value, value - half, value + half
