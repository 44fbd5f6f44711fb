"""How people work through a day: sessions, runs of answers that nobody can have read, and what tiring does.

Everything here flags and measures; what is done about it is for people to decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.measure.intervals import Estimate
from querist.types import Array

PAUSE: Final = 15 * 60.0
"""Seconds without an answer after which a new session begins."""

LEAST_IN_SESSION: Final = 30
"""Answers of a session whose thirds are compared."""

LEAST_READ: Final = 0.5
"""Seconds below which nobody has read an item, whatever their habit."""


def sessions(at: Array, *, pause: float = PAUSE) -> Array:
    """Return the number of the session of each answer; a pause begins a new one.

    Args:
        at: (a,) seconds, ascending.
        pause: seconds without an answer.

    >>> sessions(np.array([0.0, 10.0, 2000.0, 2010.0]))
    array([0, 0, 1, 1])
    """
    at = np.asarray(at, dtype=float)
    return np.cumsum(np.r_[False, np.diff(at) > pause][: len(at)])


def bursts(seconds: Array, *, run: int = 5, share: float = 0.25) -> list[tuple[int, int]]:
    """Return (first, last) of each run of answers that are all far quicker than the person's own habit.

    One quick answer is an easy item; `run` in a row are not read. The habit is the person's median, so that quick
    people are not flagged for being quick.

    Args:
        seconds: (a,) active time of each answer of one person in order; NaN where unknown, which ends a run.
        run: answers in a row.
        share: of the median, below which an answer is quick; below half a second every answer is.

    >>> bursts(np.array([4.0, 5, 4, 0.3, 0.2, 0.3, 0.2, 0.3, 4, 5, 6]))
    [(3, 7)]
    """
    seconds = np.asarray(seconds, dtype=float)
    known = seconds[~np.isnan(seconds)]
    if known.size < run:
        return []
    quick = np.r_[False, seconds < max(share * float(np.median(known)), LEAST_READ), False]
    edges = np.flatnonzero(np.diff(quick.astype(int)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2) if b - a >= run]


@dataclass(frozen=True, slots=True)
class Drift:
    """The last third of sessions against the first: `slower` is a ratio, `agreement` a difference of shares."""

    sessions: int
    slower: Estimate | None
    agreement: Estimate | None


def drift(session: Array, seconds: Array, agreed: Array) -> Drift:
    """Return how one person's speed and agreement change within sessions, with 95 % intervals.

    Each session of enough answers gives one ratio of median times and one difference of agreement; the intervals are
    Student's over sessions, so that a person's good and bad days do not pass for tiring. With a single session the
    intervals come from its answers.

    Args:
        session: (a,) session of each answer, in order.
        seconds: (a,) active time; NaN where unknown.
        agreed: (a,) share of others who said the same; NaN where nobody else answered.
    """
    ratios, differences, spread = [], [], []
    counted = 0
    for number in np.unique(session):
        rows = np.flatnonzero(session == number)
        if rows.size < LEAST_IN_SESSION:
            continue
        counted += 1
        third = rows.size // 3
        early, late = rows[:third], rows[-third:]
        times = [_known(seconds[part]) for part in (early, late)]
        if min(len(times[0]), len(times[1])) >= 5:
            logs = [np.log(np.maximum(part, 1e-3)) for part in times]
            ratios.append(float(np.median(logs[1]) - np.median(logs[0])))
            # The median's variance is π / 2 times the mean's.
            spread.append(math.sqrt(sum(1.57 * part.var(ddof=1) / len(part) for part in logs)))
        shares = [_known(agreed[part]) for part in (early, late)]
        if min(len(shares[0]), len(shares[1])) >= 5:
            half = math.sqrt(sum(max(float(part.var(ddof=1)), 1 / (4 * len(part))) / len(part) for part in shares))
            differences.append((float(shares[1].mean() - shares[0].mean()), half))
    slower = _combined(ratios, spread)
    less = _combined([value for value, _ in differences], [half for _, half in differences])
    ratio = None
    if slower is not None:
        ratio = Estimate(math.exp(slower.value), math.exp(slower.low), math.exp(slower.high), slower.n, slower.method)
    return Drift(counted, ratio, less)


def _known(values: Array) -> Array:
    found: Array = values[~np.isnan(values)]
    return found


def _combined(values: list[float], spread: list[float]) -> Estimate | None:
    from scipy.special import stdtrit

    if not values:
        return None
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return Estimate(mean, mean - 1.96 * spread[0], mean + 1.96 * spread[0], 1, "within one session")
    half = float(stdtrit(n - 1, 0.975)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n, "Student's over sessions")
