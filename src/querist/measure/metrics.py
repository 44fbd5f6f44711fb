"""The metric in which a project is measured and compared: from predictions to an `Arm`, whatever the metric.

A metric is named `accuracy`, or with the class that matters: `recall:fraud`, `precision:fraud`, `f1:fraud`; of numbers
it is `rmse`. Where a class is under 10 % of the pool, accuracy hardly moves whatever one does: name the class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.errors import BadValue, UnknownName
from querist.measure.intervals import Estimate, normal_quantile, wilson
from querist.measure.shadow import Arm
from querist.types import Array

OF_A_CLASS: Final = ("f1", "precision", "recall")
WHOLE: Final = ("accuracy", "rmse")


@dataclass(frozen=True, slots=True)
class Metric:
    """What is compared: `kind`, and the class it is about, or None."""

    kind: str
    name: str | None = None

    def __str__(self) -> str:
        return self.kind if self.name is None else f"{self.kind}:{self.name}"

    @property
    def words(self) -> str:
        """The metric as people read it.

        >>> Metric("f1", "fraud").words, Metric("accuracy").words
        ('F1 of fraud', 'accuracy')
        """
        kind = {"f1": "F1", "rmse": "RMSE"}.get(self.kind, self.kind)
        return kind if self.name is None else f"{kind} of {self.name}"


def metric(text: str, classes: Sequence[str] | None = None) -> Metric:
    """Return the metric of a name such as `accuracy` or `recall:fraud`.

    Args:
        text: the name.
        classes: the declared classes; None leaves the class unchecked.

    Raises:
        UnknownName: no such metric.
        BadValue: a class is missing, is not declared, or has no place here.

    >>> metric("recall:fraud", ["fraud", "fine"])
    Metric(kind='recall', name='fraud')
    """
    kind, colon, name = text.partition(":")
    if kind in WHOLE and not colon:
        return Metric(kind)
    if kind not in OF_A_CLASS:
        raise UnknownName("metric", text, [*WHOLE, *(f"{kind}:CLASS" for kind in OF_A_CLASS)])
    if classes is not None and name not in classes:
        raise BadValue("metric", text, f"must name a class: {kind}:CLASS; have: {', '.join(classes)}", choices=classes)
    return Metric(kind, name)


def arm_of(wanted: Metric, labels: Array, predicted: Array, target: Array, *, positive: int = -1) -> Arm:
    """Return how well models did on the evaluation items, in a metric.

    Args:
        wanted: the metric.
        labels: (p,) training labels of the models, increasing.
        predicted: (p, n) class numbers or values; or (p, repeats, n), several models of each size, which are averaged.
        target: (n,) the truth.
        positive: number of the class that the metric is about.

    >>> arm = arm_of(Metric("f1", "b"), np.array([20]), np.array([[1, 1, 0, 0]]), np.array([1, 0, 1, 0]), positive=1)
    >>> arm.score
    array([0.5])
    """
    given = np.asarray(predicted)
    given = given[:, None, :] if given.ndim == 2 else given
    if wanted.kind == "rmse":
        return Arm(labels, ((given - target) ** 2).mean(axis=1), squared=True)
    if wanted.kind == "accuracy":
        return Arm(labels, (given == target).mean(axis=1))
    says, is_so = given == positive, np.broadcast_to(np.asarray(target) == positive, given.shape)
    hit = (says & is_so).astype(float)
    # F1 = TP / (TP + (FP + FN) / 2): an item said or so, but not both, counts half.
    of = {"recall": is_so.astype(float), "precision": says.astype(float), "f1": (says.astype(float) + is_so) / 2}
    return Arm(labels, hit.mean(axis=1), of[wanted.kind].mean(axis=1))


def estimate(wanted: Metric, arm: Arm, place: int, *, level: float = 0.95) -> Estimate | None:
    """Return a model's figure with its one-look interval; None where no item counts.

    Wilson for shares (for F1 on TP / (TP + FP + FN), of which it is monotone); normal for an RMSE, whose value is
    positive here.

    >>> recall = Metric("recall", "b")
    >>> arm = arm_of(recall, np.array([20]), np.array([[1, 1, 0, 0]]), np.array([1, 0, 1, 0]), positive=1)
    >>> found = estimate(recall, arm, 0)
    >>> found.value, found.n
    (0.5, 2)
    """
    if arm.squared:
        value = -float(arm.score[place])
        half = normal_quantile((1 + level) / 2) * float(arm.influence(place).std()) / np.sqrt(arm.n)
        return Estimate(value, max(value - half, 0.0), value + half, arm.n, "normal")
    right = float(arm.right[place].sum())
    of = float(arm.n if arm.of is None else arm.of[place].sum())
    if of <= 0:
        return None
    if wanted.kind != "f1":
        return wilson(right, of, level)
    share = wilson(right, 2 * of - right, level)
    value, low, high = (2 * q / (1 + q) for q in (share.value, share.low, share.high))
    return Estimate(value, low, high, share.n, "wilson")
