"""What a model learns for a task: how predictions are read, when they are right, how good they are.

A task that learns has one of these; the engine asks it, and never for the kind of task. A *prediction* is the matrix
that a model gives for n rows, (n, len(columns)).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np

from querist.types import Array, Json

FEWEST_FOR_AREA: Final = 5
"""Items of each class from which the area under the ROC curve is given."""
RESAMPLES: Final = 200
"""Bootstrap samples behind the interval of a figure that is no mean of zeros and ones."""
FEWEST: Final = 10
"""Items from which a bootstrap is made."""


@dataclass(frozen=True, slots=True)
class OneClass:
    """One of several classes for each row; targets are (l,) class numbers, −1 where there is none."""

    columns: tuple[str, ...]

    signal: ClassVar[str] = "proba"
    means: ClassVar[str] = ""
    unit: ClassVar[str] = ""

    def unknown(self, n: int) -> Array:
        """Return n targets that are not known."""
        return np.full(n, -1, dtype=np.int64)

    def known(self, target: Array) -> Array:
        """Return (n,) whether there is a target."""
        found: Array = target >= 0
        return found

    def predicted(self, matrix: Array) -> Array:
        """Return (n,) the likeliest class."""
        found: Array = matrix.argmax(axis=1)
        return found

    def right(self, target: Array, matrix: Array) -> Array:
        """Return (n,) whether the likeliest class is the target."""
        return np.asarray(np.equal(self.predicted(matrix), target), dtype=bool)

    def codes(self, target: Array) -> Array:
        """Return (n,) whole numbers that stand for targets: here the class numbers."""
        return target

    def said(self, matrix: Array, target: Array) -> Array:
        """Return (n,) the codes of what is predicted."""
        return self.predicted(matrix)

    def certainty(self, matrix: Array) -> Array:
        """Return (n,) how likely the model holds what it predicts."""
        found: Array = matrix.max(axis=1)
        return found

    def decisions(self, matrix: Array) -> Array:
        """Return (n,) whole numbers, equal where the predictions amount to the same."""
        return self.predicted(matrix)

    def entropy(self, matrix: Array) -> float | None:
        """Return the mean entropy of the predictions, as a share of the largest possible."""
        proba = np.clip(matrix, 1e-12, None)
        return float(-(proba * np.log(proba)).sum(axis=1).mean() / np.log(max(2, matrix.shape[1])))

    def lacks(self, target: Array) -> str:
        """Return why nothing can be learnt from these targets yet, or an empty text."""
        seen = np.unique(target)
        if seen.size >= 2:
            return ""
        name = self.columns[int(seen[0])] if seen.size else "none"
        return f"the {target.size} training labels are all of class {name}"

    def constant(self, target: Array, n: int) -> Array:
        """Return what would be predicted for n rows without looking at them: the shares of the classes."""
        shares = np.bincount(target, minlength=len(self.columns)) / max(1, target.size)
        return np.tile(shares, (n, 1))

    def has(self, target: Array, column: int) -> Array:
        """Return (n,) whether the target names the class of that number."""
        found: Array = target == column
        return found

    def losses(self, target: Array, matrix: Array) -> Array:
        """Return (n,) losses: 1 where the likeliest class is wrong."""
        return 1.0 - self.right(target, matrix)

    def strata(self, target: Array) -> Array | None:
        """Return (n,) what folds keep in proportion."""
        return target

    def figures(self, target: Array, matrix: Array, *, seed: int = 0, resample: bool = False) -> Json:
        """Return the figures beside accuracy: macro-F1, and recall, precision and F1 of each class, with intervals.

        `resample` adds those whose interval is a bootstrap: calibration error, Brier score, log loss, and the area
        under the ROC curve where each class has five items.
        """
        from querist.measure import intervals, scores

        found: Json = {}
        table = scores.confusion(target, self.predicted(matrix), classes=matrix.shape[1])
        if target.size >= 10 * matrix.shape[1]:
            macro = intervals.macro_f1(table, rng=np.random.default_rng(seed))
            if macro is not None:
                found["macro_f1"] = macro.to_json()
        for k, name in enumerate(self.columns[: matrix.shape[1]]):
            for kind, figure in (
                ("recall", intervals.recall),
                ("precision", intervals.precision),
                ("f1", intervals.f1),
            ):
                estimate = figure(table, k)
                if estimate is not None:
                    found[f"{kind}:{name}"] = estimate.to_json()
        return found | (_of_probabilities(target, matrix, seed) if resample else {})


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Any of several labels for each row; targets are (l, k) int8, −1 where there is none."""

    columns: tuple[str, ...]

    signal: ClassVar[str] = "label_proba"
    means: ClassVar[str] = "every label of an item right, and none too many"
    unit: ClassVar[str] = ""

    def unknown(self, n: int) -> Array:
        """Return n targets that are not known."""
        return np.full((n, len(self.columns)), -1, dtype=np.int8)

    def known(self, target: Array) -> Array:
        """Return (n,) whether there is a target."""
        found: Array = np.all(target >= 0, axis=1)
        return found

    def predicted(self, matrix: Array) -> Array:
        """Return (n, k) 1 where a label is at least as likely as not."""
        return (matrix >= 0.5).astype(np.int8)

    def right(self, target: Array, matrix: Array) -> Array:
        """Return (n,) whether the whole set is right."""
        found: Array = (self.predicted(matrix) == target).all(axis=1)
        return found

    def codes(self, target: Array) -> Array:
        """Return (n,) whole numbers that stand for targets: equal for equal sets, −1 where there is none."""
        return np.where(self.known(target), _set_codes(target), -1)

    def said(self, matrix: Array, target: Array) -> Array:
        """Return (n,) the codes of the predicted sets."""
        return _set_codes(self.predicted(matrix))

    def certainty(self, matrix: Array) -> Array:
        """Return (n,) how likely the predicted set is, were labels independent."""
        found: Array = np.maximum(matrix, 1 - matrix).prod(axis=1)
        return found

    def decisions(self, matrix: Array) -> Array:
        """Return (n,) whole numbers, equal where the predicted sets are equal, in this and in any other call."""
        return _set_codes(self.predicted(matrix))

    def entropy(self, matrix: Array) -> float | None:
        """Return the mean entropy of a label, as a share of the largest possible."""
        p = np.clip(matrix, 1e-12, 1 - 1e-12)
        return float(-(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean())

    def lacks(self, target: Array) -> str:
        """Return why nothing can be learnt from these targets yet, or an empty text."""
        varies = target.size and (target.min(axis=0) != target.max(axis=0)).any()
        return "" if varies else f"no label is on some and not on others of the {len(target)} training items"

    def constant(self, target: Array, n: int) -> Array:
        """Return what would be predicted for n rows without looking at them: the share of each label."""
        return np.tile(target.mean(axis=0), (n, 1))

    def has(self, target: Array, column: int) -> Array:
        """Return (n,) whether the target holds the label of that number."""
        found: Array = target[:, column] == 1
        return found

    def losses(self, target: Array, matrix: Array) -> Array:
        """Return (n,) losses: the share of labels that are wrong (Hamming)."""
        found: Array = (self.predicted(matrix) != target).mean(axis=1)
        return found

    def strata(self, target: Array) -> Array | None:
        """Return None: folds are drawn without strata."""
        return None

    def figures(self, target: Array, matrix: Array, *, seed: int = 0, resample: bool = False) -> Json:
        """Return macro- and micro-F1 over labels, the Jaccard index of the sets, and the recall of each label."""
        from querist.measure.intervals import wilson

        predicted = self.predicted(matrix)
        found = _bootstrapped(
            {"macro_f1": label_macro_f1, "micro_f1": label_micro_f1, "jaccard": jaccard}, target, predicted, seed
        )
        for k, name in enumerate(self.columns):
            among = target[:, k] == 1
            if among.any():
                found[f"recall:{name}"] = wilson(int(predicted[among, k].sum()), int(among.sum())).to_json()
        return found


@dataclass(frozen=True, slots=True)
class Number:
    """A number for each row; targets are (l,) float64, NaN where there is none. Predictions are mean and deviation."""

    tolerance: float
    unit: str = ""
    columns: tuple[str, ...] = field(default=("mean", "std"))

    signal: ClassVar[str] = "mean"

    @property
    def means(self) -> str:
        """What counts as correct."""
        return f"off by at most {self.tolerance:g}{' ' + self.unit if self.unit else ''}"

    def unknown(self, n: int) -> Array:
        """Return n targets that are not known."""
        return np.full(n, np.nan)

    def known(self, target: Array) -> Array:
        """Return (n,) whether there is a target."""
        found: Array = ~np.isnan(target)
        return found

    def predicted(self, matrix: Array) -> Array:
        """Return (n,) the predicted numbers."""
        found: Array = matrix[:, 0]
        return found

    def right(self, target: Array, matrix: Array) -> Array:
        """Return (n,) whether the prediction is within the tolerance."""
        found: Array = np.abs(matrix[:, 0] - target) <= self.tolerance
        return found

    def codes(self, target: Array) -> Array:
        """Return (n,) 0 where there is a target and −1 where there is none: what is near enough has no other name."""
        return np.where(self.known(target), 0, -1)

    def said(self, matrix: Array, target: Array) -> Array:
        """Return (n,) 0 where the prediction is within the tolerance of a known target, else 1."""
        return np.where(self.known(target) & self.right(target, matrix), 0, 1)

    def certainty(self, matrix: Array) -> Array:
        """Return (n,) how likely the truth is within the tolerance, were errors normal."""
        from scipy.special import erf

        found: Array = erf(self.tolerance / (np.maximum(matrix[:, 1], 1e-12) * np.sqrt(2)))
        return found

    def decisions(self, matrix: Array) -> Array:
        """Return (n,) the predictions in steps of twice the tolerance."""
        return np.round(matrix[:, 0] / (2 * self.tolerance)).astype(np.int64)

    def entropy(self, matrix: Array) -> float | None:
        """Return None: a share of the largest possible does not exist for numbers."""
        return None

    def lacks(self, target: Array) -> str:
        """Return why nothing can be learnt from these targets yet, or an empty text."""
        if target.size >= 2 and np.ptp(target) > 0:
            return ""
        return f"the {target.size} training labels are all the same number"

    def constant(self, target: Array, n: int) -> Array:
        """Return what would be predicted for n rows without looking at them: the mean of the targets."""
        return np.tile([target.mean(), target.std()], (n, 1))

    def has(self, target: Array, column: int) -> Array:
        """Return (n,) False: numbers are of no class."""
        return np.zeros(len(target), dtype=bool)

    def losses(self, target: Array, matrix: Array) -> Array:
        """Return (n,) squared errors."""
        found: Array = (matrix[:, 0] - target) ** 2
        return found

    def strata(self, target: Array) -> Array | None:
        """Return None: folds are drawn without strata."""
        return None

    def figures(self, target: Array, matrix: Array, *, seed: int = 0, resample: bool = False) -> Json:
        """Return root mean squared error, mean absolute error and R² with their intervals."""
        from querist.measure import scores

        wanted = {"rmse": scores.rmse, "mae": scores.mae, "r2": scores.r2}
        if target.size < 2 or np.ptp(target) == 0:
            del wanted["r2"]
        return _bootstrapped(wanted, target, matrix[:, 0], seed)


Target = OneClass | LabelSet | Number
"""What a model learns: one class, a set of labels, a number."""

FIGURE_NAMES: Final = {
    "macro_f1": "Macro F1",
    "micro_f1": "Micro F1",
    "jaccard": "Jaccard index of the sets",
    "rmse": "Root mean squared error",
    "mae": "Mean absolute error",
    "r2": "R²",
}
"""How people read a figure."""


def _of_probabilities(target: Array, proba: Array, seed: int) -> Json:
    """Figures of probabilities, without a formula for their interval: by bootstrap over the items."""
    from querist.measure import calibration, intervals, scores

    wanted: dict[str, Callable[[Array, Array], float]] = {
        "calibration_error": lambda t, p: calibration.expected_calibration_error(proba=p, target=t, debiased=True),
        "brier": scores.brier,
        "log_loss": scores.log_loss,
    }
    if np.bincount(target, minlength=proba.shape[1]).min() >= FEWEST_FOR_AREA:
        wanted["auc"] = scores.roc_auc
    found: Json = {}
    for name, figure in wanted.items() if len(target) >= FEWEST else ():
        rng = np.random.default_rng(seed)
        estimate = intervals.bootstrap(figure, target, proba, rng=rng, draws=RESAMPLES)
        if np.isfinite([estimate.value, estimate.low, estimate.high]).all():
            found[name] = estimate.to_json()
    return found


def _bootstrapped(wanted: dict[str, Callable[..., float]], target: Array, predicted: Array, seed: int) -> Json:
    """Each figure with the 2.5 % and 97.5 % points of its bootstrap over items; nothing from a handful."""
    n = len(target)
    found: Json = {}
    for name, figure in wanted.items() if n >= FEWEST else ():
        value = float(figure(target, predicted))
        rng = np.random.default_rng(seed)
        draws = [_drawn(figure, target, predicted, rng.integers(n, size=n)) for _ in range(RESAMPLES)]
        low, high = (float(q) for q in np.nanquantile(draws, (0.025, 0.975)))
        found[name] = {"value": value, "low": min(low, value), "high": max(high, value), "n": n}
    return found


def _drawn(figure: Callable[..., float], target: Array, predicted: Array, rows: Array) -> float:
    drawn = target[rows]
    return float(figure(drawn, predicted[rows])) if target.ndim > 1 or np.ptp(drawn) > 0 else float("nan")


def _set_codes(sets: Array) -> Array:
    """(n,) whole numbers ≥ 0, equal where the sets (n, k) are equal: sums of fixed random weights of 40 bits."""
    weights = np.random.default_rng(0).integers(1, 2**40, size=sets.shape[1], dtype=np.int64)
    found: Array = (sets == 1).astype(np.int64) @ weights
    return found


def label_macro_f1(target: Array, predicted: Array) -> float:
    """Return the mean over labels of F1, over those that occur in either.

    >>> label_macro_f1(np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]])).__round__(3)
    0.833
    """
    both = ((target == 1) & (predicted == 1)).sum(axis=0)
    either = (target == 1).sum(axis=0) + (predicted == 1).sum(axis=0)
    occurs = either > 0
    return float(np.mean(2 * both[occurs] / either[occurs])) if occurs.any() else 1.0


def label_micro_f1(target: Array, predicted: Array) -> float:
    """Return F1 over all labels of all items together."""
    either = int((target == 1).sum() + (predicted == 1).sum())
    return float(2 * ((target == 1) & (predicted == 1)).sum() / either) if either else 1.0


def jaccard(target: Array, predicted: Array) -> float:
    """Return the mean over items of what both sets hold / what either holds; two empty sets agree.

    >>> jaccard(np.array([[1, 0], [0, 0]]), np.array([[1, 1], [0, 0]]))
    0.75
    """
    both = ((target == 1) & (predicted == 1)).sum(axis=1)
    either = ((target == 1) | (predicted == 1)).sum(axis=1)
    return float(np.where(either > 0, both / np.maximum(either, 1), 1.0).mean())


def aligned(matrix: Array, have: Sequence[str], want: Sequence[str]) -> Array:
    """Return a prediction under the columns now in force: of classes that were merged the sum, of new ones nothing.

    >>> aligned(np.array([[0.5, 0.25, 0.25]]), ["a", "b", "a"], ["b", "a", "new"])
    array([[0.25, 0.75, 0.  ]])
    """
    if tuple(have) == tuple(want):
        return matrix
    place: dict[str, int] = {name: number for number, name in enumerate(want)}
    found: Array = np.zeros((matrix.shape[0], len(want)), dtype=matrix.dtype)
    for number, name in enumerate(have):
        if name in place:
            found[:, place[name]] += matrix[:, number]
    return found
