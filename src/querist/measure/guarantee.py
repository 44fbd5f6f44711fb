"""Enough of the relevant items found: two ways to say so with a guarantee, for screening and rare classes.

The quantile rule needs a hidden random sample that holds some relevant items; remainder sampling draws at random from
what a ranked review left over. "Hidden" is meant: the same sample also used for training broke the guarantee in a third
to four fifths of simulated reviews.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue
from querist.types import Array


def passes_needed(known: int, *, recall: float = 0.8, level: float = 0.95) -> int | None:
    """Return how many of the known relevant items of a hidden sample a ranked review must pass, or None.

    None means that so few can guarantee nothing. Valid however often it is looked at: the stopping point is an order
    statistic. The number of known items is chosen before looking, or is what a sample of a fixed size happens to hold.

    Args:
        known: relevant items in the hidden random sample.
        recall: share of all relevant items to find.
        level: of the guarantee.

    Lewis, Yang & Frieder, CIKM 2021 (quantile estimation).

    >>> passes_needed(30, recall=0.8), passes_needed(50, recall=0.9), passes_needed(13, recall=0.8)
    (28, 49, None)
    """
    from scipy.special import bdtrc

    _share("recall", recall)
    _share("level", level)
    if known < 0:
        raise BadValue("known", known, "cannot be negative")
    passed = np.arange(1, known + 1)
    rarely = bdtrc(passed - 1, known, recall) <= 1 - level
    return int(passed[rarely.argmax()]) if rarely.any() else None


def smallest_known(*, recall: float = 0.8, level: float = 0.95) -> int:
    """Return the fewest known relevant items with which any guarantee is possible: all of them must be passed.

    >>> [smallest_known(recall=t) for t in (0.7, 0.8, 0.9, 0.95)]
    [9, 14, 29, 59]
    """
    return math.ceil(math.log(1 - _share("level", level)) / math.log(_share("recall", recall)) - 1e-9)


@dataclass(frozen=True, slots=True)
class RecallGuarantee:
    """Where a review stands by the quantile rule: `passed` of `known` hidden relevant items have come up.

    `needed` is None where so few are known that no guarantee is possible; `least_known` says how many that takes.
    """

    recall: float
    level: float
    known: int
    passed: int
    needed: int | None
    least_known: int

    @property
    def reached(self) -> bool:
        """Whether at least `recall` of the relevant items have been found, with the level."""
        return self.needed is not None and self.passed >= self.needed


def recall_guarantee(known: int, passed: int, *, recall: float = 0.8, level: float = 0.95) -> RecallGuarantee:
    """Return where a ranked review stands.

    Args:
        known: relevant items in the hidden random sample.
        passed: how many of them the review has come to.
        recall: share of all relevant items to find.
        level: of the guarantee.

    >>> recall_guarantee(30, 28).reached, recall_guarantee(30, 27).reached, recall_guarantee(2, 2).reached
    (True, False, False)
    """
    if not 0 <= passed <= known:
        raise BadValue("passed", passed, f"must lie between 0 and known = {known}")
    needed = passes_needed(known, recall=recall, level=level)
    return RecallGuarantee(recall, level, known, passed, needed, smallest_known(recall=recall, level=level))


def missed_at_most(found: int, drawn: int, left: int, *, expected: float = 1.0, level: float = 0.95) -> int:
    """Return an upper bound on the relevant items among those left over, valid after every random draw from them.

    Args:
        found: relevant ones among the draws.
        drawn: random draws without replacement.
        left: items left over when drawing began; the bound counts the relevant ones among these, the found included.
        expected: about how many there may be; shapes the bound, not its validity.
        level: of the bound, at all draws together.

    Waudby-Smith & Ramdas, NeurIPS 2020 (prior-posterior ratio, hypergeometric).

    >>> missed_at_most(0, 0, 1000), missed_at_most(0, 300, 1000), missed_at_most(0, 1000, 1000)
    (1000, 9, 0)
    """
    if not 0 <= found <= drawn <= left:
        raise BadValue("drawn", drawn, f"found = {found}, drawn and left = {left} must rise in this order from 0")
    missed = np.arange(found, left - (drawn - found) + 1)
    likelihood = _log_hypergeometric(found, drawn, missed, left)
    scale = max(expected, 1.0)
    prior = -1.5 * np.log(np.arange(left + 1) + scale)
    prior = prior[missed] - _log_sum(prior)
    # Prior over posterior at M is the evidence over the likelihood at M; the truth exceeds 1/alpha ever with ≤ alpha.
    kept = _log_sum(prior + likelihood) - likelihood < -math.log(1 - _share("level", level))
    return int(missed[kept].max())


def expected_left(found: int, *, recall: float = 0.8) -> float:
    """Return the number of relevant items left over at which half of the allowed misses are used up: a good `expected`.

    >>> expected_left(80)
    10.0
    """
    return round(max(1.0, found * (1 - recall) / (2 * recall)), 9)


def _log_hypergeometric(found: int, drawn: int, missed: Array, left: int) -> Array:
    """Return the log chance of `found` among `drawn` for each number of relevant items, up to a constant."""
    from scipy.special import gammaln

    def log_choose(n: Array, k: int) -> Array:
        chosen: Array = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return chosen

    logs: Array = log_choose(missed, found) + log_choose(left - missed, drawn - found)
    return logs - float(log_choose(np.array(left), drawn))


def _log_sum(logs: Array) -> float:
    top = float(logs.max())
    return top + math.log(float(np.exp(logs - top).sum()))


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise BadValue(name, value, "must lie between 0 and 1")
    return value
