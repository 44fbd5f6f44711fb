"""Values that are more than a name or a number, as arrays of objects, and figures that are means over items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.types import Array


def encode(values: Iterable[Any]) -> Array:
    """Return (l,) objects, one value each, whatever their length.

    >>> encode([["a"], ["b"]]).shape
    (2,)
    """
    listed = list(values)
    target = np.empty(len(listed), dtype=object)
    for row, value in enumerate(listed):
        target[row] = value
    return target


def mean_over(target: Array, prediction: Array, figure: Callable[[Any, Any], float]) -> float:
    """Return the mean of a figure of two values over all items.

    Raises:
        BadValue: there is no item, or the lengths differ.
    """
    if len(target) == 0 or len(target) != len(prediction):
        raise BadValue("prediction", len(prediction), f"needs one value for each of the {len(target)} targets (≥ 1)")
    return float(np.mean([figure(a, b) for a, b in zip(target, prediction, strict=True)]))


def f1_of_counts(both: int, target: int, prediction: int) -> float:
    """Return 2 · both / (in the target + in the prediction); 1 where neither holds anything.

    >>> f1_of_counts(1, 2, 2), f1_of_counts(0, 0, 0)
    (0.5, 1.0)
    """
    return 2 * both / (target + prediction) if target + prediction else 1.0
