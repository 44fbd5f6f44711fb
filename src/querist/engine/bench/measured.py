"""What a bench measures at each point of a learning curve: the figures of each kind of target.

What a task predicts (its `signal`) decides; the first of the rising figures is the headline, unless another is asked
for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.measure import calibration, scores
from querist.types import Array, Json, TargetKind

BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Measured:
    """Names of figures: those where more is better, whose areas are compared, and the others.

    `unbounded` are without the ceiling of 1, `signed` without the floor of 0.
    """

    rising: tuple[str, ...]
    others: tuple[str, ...]
    unbounded: frozenset[str] = frozenset()
    signed: frozenset[str] = frozenset()

    @property
    def figures(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.rising, *self.others)


MEASURED: Final = {
    "proba": Measured(
        ("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "average_precision"),
        ("macro_precision", "log_loss", "brier", "ece"),
        unbounded=frozenset({"log_loss", "brier"}),
    ),
    "label_proba": Measured(("macro_f1", "micro_f1", "jaccard", "accuracy"), ("hamming", "ece")),
    "mean": Measured(
        ("r2", "accuracy"), ("rmse", "mae", "ece"), unbounded=frozenset({"rmse", "mae"}), signed=frozenset({"r2"})
    ),
}
"""By the signal of the kind of target: one class, label sets, numbers."""


def figures(kind: TargetKind, target: Array, matrix: Array) -> Json:
    """Return every figure of one evaluation point, and what there is for each class.

    Args:
        kind: what the task predicts.
        target: of the held-out rows, as the task encodes them.
        matrix: (n, columns) predictions.
    """
    if kind.signal == "proba":
        return of_classes(target, matrix)
    found = _of_sets(target, kind.predicted(matrix)) if kind.signal == "label_proba" else _of_numbers(target, matrix)
    right = kind.right(target, matrix)
    return {**found, "accuracy": float(right.mean()), "ece": _off(bins(kind.certainty(matrix), right))}


def of_classes(target: Array, proba: Array) -> Json:
    """Return the figures of class probabilities; classes that were not held out have no recall (None).

    >>> point = of_classes(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    >>> round(point["accuracy"], 3), point["recall"]
    (0.667, [1.0, 0.5])
    """
    found = scores.per_class(target, proba.argmax(axis=1), classes=proba.shape[1])
    return {
        **{name: _number(value) for name, value in scores.classification(target, proba).items()},
        "macro_precision": _number(float(np.nanmean(found.precision))),
        "ece": calibration.expected_calibration_error(proba=proba, target=target),
        **{name: [_number(value) for value in getattr(found, name)] for name in ("recall", "precision", "f1")},
    }


def _of_sets(target: Array, predicted: Array) -> Json:
    from querist.tasks.targets import jaccard, label_macro_f1, label_micro_f1

    both = ((target == 1) & (predicted == 1)).sum(axis=0)
    there, said = (target == 1).sum(axis=0), (predicted == 1).sum(axis=0)
    return {
        "macro_f1": label_macro_f1(target, predicted),
        "micro_f1": label_micro_f1(target, predicted),
        "jaccard": jaccard(target, predicted),
        "hamming": float((target != predicted).mean()),
        "recall": _shares(both, there),
        "precision": _shares(both, said),
        "f1": _shares(2 * both, there + said),
    }


def _of_numbers(target: Array, matrix: Array) -> Json:
    mean = matrix[:, 0]
    varies = target.size > 1 and np.ptp(target) > 0
    return {
        "r2": _number(scores.r2(target, mean)) if varies else None,
        "rmse": scores.rmse(target, mean),
        "mae": scores.mae(target, mean),
        "recall": [],
        "precision": [],
        "f1": [],
    }


def bins(certainty: Array, right: Array) -> list[Json]:
    """Return how often the model was right by how sure it was: tenths of certainty, which pool over seeds.

    >>> bins(np.array([0.94, 0.96]), np.array([True, False]))[-1]
    {'n': 2, 'certain': 0.95, 'right': 0.5}
    """
    place = np.minimum((certainty * BINS).astype(int), BINS - 1)
    n = np.bincount(place, minlength=BINS)
    means = [
        np.divide(np.bincount(place, values, minlength=BINS), n, out=np.zeros(BINS), where=n > 0)
        for values in (certainty, right)
    ]
    return [
        {"n": count, "certain": round(sure, 9), "right": hit}
        for count, sure, hit in zip(n.tolist(), means[0].tolist(), means[1].tolist(), strict=True)
    ]


def _off(tenths: list[Json]) -> float:
    """How far certainty and share of right ones are apart, over the items."""
    total = sum(tenth["n"] for tenth in tenths)
    return float(sum(tenth["n"] * abs(tenth["certain"] - tenth["right"]) for tenth in tenths) / max(1, total))


def _shares(part: Array, whole: Array) -> list[float | None]:
    return [float(p / w) if w else None for p, w in zip(part.tolist(), whole.tolist(), strict=True)]


def _number(value: float) -> float | None:
    """JSON has no NaN: a figure that does not exist is None."""
    return None if np.isnan(value) else float(value)
