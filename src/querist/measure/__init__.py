"""How good, how sure, how much was saved: figures from arrays, with intervals, and the words for them."""

from querist.measure import (
    alarm,
    calibration,
    calibrators,
    comparison,
    curves,
    duel,
    evidence,
    guarantee,
    intervals,
    metrics,
    saving,
    scores,
    shadow,
    unbiased,
    words,
)

__all__ = [
    "alarm",
    "calibration",
    "calibrators",
    "comparison",
    "curves",
    "duel",
    "evidence",
    "guarantee",
    "intervals",
    "metrics",
    "saving",
    "scores",
    "shadow",
    "unbiased",
    "words",
]
