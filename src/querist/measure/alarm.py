"""The alarm: is the strategy worse than random? Evidence that may be looked at after every label."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.measure.evidence import Difference
from querist.measure.shadow import Arm, Fit
from querist.types import Array, Json

RED_AT: Final = 20.0
"""Evidence at which the alarm is red: the chance that it ever gets there by chance is 1 in 20."""


def log_evidence(against: int, favour: int) -> float:
    """Return the log of the evidence that the rate of `against` among disagreements is above one half.

    The evidence is the mean likelihood ratio over all rates in (1/2, 1) against a fair coin: a martingale under the
    fair coin, so it passes 20 with a chance of at most 1/20, ever, however often it is looked at.

    Args:
        against: disagreements in which only the other model was right (V).
        favour: disagreements in which only this one was right (W).

    Ville 1939; Robbins, Annals of Mathematical Statistics 1970.

    >>> round(math.exp(log_evidence(24, 7)), 1), log_evidence(0, 0)
    (51.0, 0.0)
    """
    # 2^(n+1) B(V+1, W+1) P(Beta > 1/2), the probability written as a binomial tail: no factor under- or overflows.
    n = against + favour
    log_beta = math.lgamma(against + 1) + math.lgamma(favour + 1) - math.lgamma(n + 2)
    terms = [math.lgamma(n + 2) - math.lgamma(j + 1) - math.lgamma(n + 2 - j) for j in range(against + 1)]
    top = max(terms)
    return log_beta + top + math.log(math.fsum(math.exp(term - top) for term in terms))


@dataclass(frozen=True, slots=True)
class Watch:
    """The evidence so far that active is worse than random, from items on which only one of the two was right.

    `peak` is the highest that the log evidence ever was, `fired_at` the number of disagreements at which it first
    reached the alarm; a fired alarm stays fired.
    """

    active_right: int
    random_right: int
    log_evidence: float
    log_evidence_better: float
    peak: float
    fired_at: int | None

    @property
    def red(self) -> bool:
        """Whether active is worse than random, with a chance of a false alarm, ever, below 5 %."""
        return self.fired_at is not None

    def to_json(self) -> Json:
        """Return the fields and `red`."""
        return {
            "active_right": self.active_right,
            "random_right": self.random_right,
            "log_evidence": self.log_evidence,
            "log_evidence_better": self.log_evidence_better,
            "peak": self.peak,
            "fired_at": self.fired_at,
            "red": self.red,
        }


def watch(outcomes: Iterable[int]) -> Watch:
    """Return the state of the alarm after a sequence of items, in the order in which their labels came.

    Args:
        outcomes: an item each: 1 only the active model was right, -1 only the shadow model, 0 both or neither. Items
            that the active model was trained on are left out (`shadow.progressive_plan` says which model meets which
            items).

    >>> seen = watch([-1] * 8 + [1] + [-1] * 3)
    >>> seen.red, seen.fired_at, seen.random_right
    (True, 7, 11)
    """
    right = {1: 0, -1: 0}
    peak, fired_at = 0.0, None
    for outcome in outcomes:
        if outcome == 0:
            continue
        right[outcome] += 1
        peak = max(peak, log_evidence(right[-1], right[1]))
        if fired_at is None and peak >= math.log(RED_AT):
            fired_at = right[1] + right[-1]
    return Watch(
        active_right=right[1],
        random_right=right[-1],
        log_evidence=log_evidence(right[-1], right[1]),
        log_evidence_better=log_evidence(right[1], right[-1]),
        peak=peak,
        fired_at=fired_at,
    )


def outcomes(fits: Sequence[Fit], right: Sequence[Array], active: Arm, evaluation: Array) -> list[int]:
    """Return what `watch` reads: each evaluation item once, met by models that had not seen it.

    Items of other lanes are left out, since the active model was trained on them; so are those that came before the
    first active model.

    Args:
        fits: of `shadow.progressive_plan`, over control and evaluation rows in the order in which their labels came.
        right: for each fit, (len(fit.scored),) whether it was right on its scored rows.
        active: archived active models on the evaluation items.
        evaluation: (n,) rows of these items, in the order of `active`.

    >>> from querist.measure.shadow import progressive_plan
    >>> fits = list(progressive_plan(np.arange(40), step=20))
    >>> active = Arm(np.array([20]), np.array([[1.0, 0.0, 1.0]]))
    >>> outcomes(fits, [np.zeros(20)], active, np.array([25, 30, 35]))
    [1, 0, 1]
    """
    place = {row: i for i, row in enumerate(np.asarray(evaluation).tolist())}
    found = []
    for fit, shadow_right in zip(fits, right, strict=True):
        if fit.size < active.labels[0]:
            continue
        own = active.right[active.up_to(fit.size)]
        met = [
            (place[row], r)
            for row, r in zip(fit.scored.tolist(), np.asarray(shadow_right), strict=True)
            if row in place
        ]
        found += [int(own[i] > 0.5) - int(r > 0.5) for i, r in met]
    return found


def no_useful_gain(difference: Difference, *, useful: float = 0.02) -> bool:
    """Say whether the alarm is amber: a gain of `useful` or more is ruled out, one-sided at 90 %.

    It is not a test of harm, and is meant for the planned looks only.
    """
    return difference.best_case < useful
