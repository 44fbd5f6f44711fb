"""Shadow models: what random labelling would have learnt, by cross-fitting over the control and evaluation labels.

A shadow model is the project's own learner, with the same settings, fitted on random labels only. It neither selects
nor ships. Each evaluation item is scored only by shadow models that did not see it, so every label is used twice, and
the random arm reaches 0.8 of all random labels instead of the control lane alone. Planning and averaging are here; the
engine fits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue, NotReady
from querist.types import Array

SMALLEST = 20
"""Labels of the smallest shadow model, and between two looks of the alarm."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One shadow model: fit on the rows `train`, (size,), then score the evaluation rows `scored`.

    No row is in both. The training rows of one fold are nested: a smaller fit saw a part of what a larger one saw.
    """

    train: Array
    scored: Array
    size: int
    fold: int
    repeat: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One learning curve item by item: how right each model is on each evaluation item.

    A metric is a ratio of two sums over the items: of `right`, and of `of` (what could have been right). Accuracy
    counts every item; recall only those of its class; F1 is also of this form. `measure.metrics` makes arms of
    predictions.

    Args of the constructor:
        labels: (p,) training labels of the models, increasing.
        right: (p, n) in [0, 1]; True or False of one model, a mean over several shadow models.
        of: (p, n) in [0, 1], not below `right`; None counts every item as 1.
        squared: `right` holds squared errors instead, and the score is minus the root of their mean.

    Raises:
        BadValue: shapes that do not fit, sizes that do not increase, values outside [0, 1].
    """

    labels: Array
    right: Array
    of: Array | None = None
    squared: bool = False

    def __post_init__(self) -> None:
        labels, right = np.asarray(self.labels), np.asarray(self.right, dtype=float)
        if labels.ndim != 1 or right.ndim != 2 or len(labels) != len(right) or right.size == 0:
            raise BadValue("right", right.shape, f"must be (p, n) for labels {labels.shape}, neither of them 0")
        if np.any(np.diff(labels) <= 0):
            raise BadValue("labels", labels.tolist(), "must increase")
        highest = np.inf if self.squared else 1
        if not np.all((right >= 0) & (right <= highest)):
            raise BadValue("right", "outside [0, 1]", "says how right a model is on an item")
        if self.of is not None:
            of = np.asarray(self.of, dtype=float)
            if self.squared or of.shape != right.shape or not np.all((of >= right) & (of <= 1)):
                raise BadValue("of", of.shape, f"must be {right.shape}, between right and 1, and of no squared errors")
            object.__setattr__(self, "of", of)
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "right", right)

    @property
    def n(self) -> int:
        """Evaluation items."""
        return int(self.right.shape[1])

    @property
    def score(self) -> Array:
        """The metric of each model over the evaluation items, (p,); higher is better. NaN where nothing counts."""
        found: Array = self.weighted(np.full((1, self.n), 1 / self.n))[0]
        return found

    def weighted(self, weights: Array) -> Array:
        """Return (w, p) scores under (w, n) weightings of the items, such as resamples."""
        found: Array = weights @ self.right.T
        if self.squared:
            root: Array = -np.sqrt(found)
            return root
        if self.of is None:
            return found
        counted = weights @ self.of.T
        share: Array = np.divide(found, counted, out=np.full_like(found, np.nan), where=counted > 0)
        return share

    def influence(self, place: int) -> Array:
        """Return (n,) how far each item moves the score of one model: their scatter is the score's.

        For accuracy it is rightness less its mean; for a ratio, and for the root of a mean, its linearisation.
        """
        right, score = self.right[place], float(self.score[place])
        if self.squared:
            mean = float(right.mean())
            return np.zeros(self.n) if mean == 0 else -(right - mean) / (2 * np.sqrt(mean))
        of = np.ones(self.n) if self.of is None else self.of[place]
        total = float(of.mean())
        return np.full(self.n, np.nan) if total == 0 else (right - score * of) / total

    def up_to(self, labels: float) -> int:
        """Return the place of the model with the most labels, `labels` at most.

        Raises:
            NotReady: the first model had more.
        """
        place = int(np.searchsorted(self.labels, labels, side="right")) - 1
        if place < 0:
            raise NotReady(f"no model with {labels:g} labels or fewer; the first had {self.labels[0]}")
        return place


def largest_size(control: int, evaluation: int, *, folds: int = 5) -> int:
    """Return the largest size that every fold can be trained at: all random labels but the largest fold.

    >>> largest_size(120, 200)
    256
    """
    total = control + evaluation
    return total - -(-total // folds)


def shadow_sizes(largest: int) -> list[int]:
    """Return 20, 40, 80, … and the largest; the last alone answers "better than random?", the others draw the curve.

    >>> shadow_sizes(256)
    [20, 40, 80, 160, 256]
    """
    sizes, size = [], SMALLEST
    while size < largest:
        sizes.append(size)
        size *= 2
    return [*sizes, largest] if largest > 0 else []


def cross_fit_plan(
    control: Array,
    evaluation: Array,
    *,
    sizes: Sequence[int] | None = None,
    folds: int = 5,
    repeats: int = 2,
    seed: int = 0,
) -> Iterator[Fit]:
    """Yield the shadow models to fit; no evaluation row is scored by a model that saw it.

    Args:
        control: (a,) rows of the control set.
        evaluation: (b,) labelled rows of the evaluation lane; disjoint from control.
        sizes: training labels; by default `shadow_sizes` of the largest possible.
        folds: 5, or 3 where a fit is expensive.
        repeats: 2, or 1 where a fit is expensive; each divides the rows anew.
        seed: of the division.

    Raises:
        NotReady: fewer random labels than folds.
        BadValue: a row occurs twice, or a size is larger than the rows outside a fold.

    >>> plan = list(cross_fit_plan(np.arange(30), np.arange(100, 120), folds=5, repeats=1))
    >>> [fit.size for fit in plan[:2]], len(plan), sum(len(fit.scored) for fit in plan if fit.size == 40)
    ([20, 40], 10, 20)
    """
    rows = np.concatenate([control, evaluation])
    if len(np.unique(rows)) < len(rows):
        raise BadValue("evaluation", "a row twice", "control and evaluation rows must be distinct")
    if len(rows) < folds or len(evaluation) == 0:
        raise NotReady(f"cross-fitting in {folds} folds needs {folds} random labels or more; have {len(rows)}")
    most = largest_size(len(control), len(evaluation), folds=folds)
    wanted = list(sizes) if sizes is not None else shadow_sizes(most)
    if not wanted or max(wanted) > most or min(wanted) < 1:
        raise BadValue("sizes", wanted, f"must lie between 1 and {most}, what is left outside the largest fold")
    measured = np.arange(len(rows)) >= len(control)
    rng = np.random.default_rng(seed)
    for repeat in range(repeats):
        fold_of = rng.permutation(np.arange(len(rows)) % folds)
        for fold in range(folds):
            outside = rng.permutation(np.flatnonzero(fold_of != fold))
            scored = rows[(fold_of == fold) & measured]
            if len(scored):
                for size in wanted:
                    yield Fit(rows[outside[:size]], scored, size, fold, repeat)


def combine(fits: Sequence[Fit], right: Sequence[Array], evaluation: Array) -> Arm:
    """Return the random arm: for each size and evaluation item, the mean over the shadow models that did not see it.

    Args:
        fits: of the plan; those whose learner failed may be left out, with their `right`.
        right: for each fit, (len(fit.scored),) whether it was right on its scored rows.
        evaluation: (n,) rows, in the order wanted.

    Raises:
        NotReady: an item has no score at some size; names both.

    >>> one = Fit(np.array([7]), np.array([5, 6]), size=1, fold=0, repeat=0)
    >>> other = Fit(np.array([8]), np.array([6, 5]), size=1, fold=0, repeat=1)
    >>> combine([one, other], [np.array([1, 0]), np.array([1, 1])], np.array([5, 6])).right
    array([[1. , 0.5]])
    """
    sizes = sorted({fit.size for fit in fits})
    order = np.argsort(evaluation)
    total, count = np.zeros((2, len(sizes), len(evaluation)))
    for fit, values in zip(fits, right, strict=True):
        places = order[np.searchsorted(evaluation, fit.scored, sorter=order)]
        total[sizes.index(fit.size), places] += values
        count[sizes.index(fit.size), places] += 1
    if np.any(count == 0):
        size, place = np.argwhere(count == 0)[0]
        raise NotReady(f"no shadow model of {sizes[size]} labels scored evaluation row {evaluation[place]}")
    return Arm(np.array(sizes), total / count)


def collect(fits: Sequence[Fit], predicted: Sequence[Array], evaluation: Array) -> tuple[Array, Array]:
    """Return what the shadow models predicted for each evaluation item: sizes (p,) and predictions (p, repeats, n).

    Args:
        fits: of the plan, all of them.
        predicted: for each fit, (len(fit.scored),) what it predicted for its scored rows.
        evaluation: (n,) rows, in the order wanted.

    Raises:
        NotReady: an item has no prediction at some size.

    >>> one = Fit(np.array([7]), np.array([6]), size=1, fold=0, repeat=0)
    >>> other = Fit(np.array([8]), np.array([5]), size=1, fold=1, repeat=0)
    >>> collect([one, other], [np.array([3]), np.array([4])], np.array([5, 6]))[1]
    array([[[4, 3]]])
    """
    sizes = sorted({fit.size for fit in fits})
    repeats = 1 + max((fit.repeat for fit in fits), default=0)
    order = np.argsort(evaluation)
    kind = np.result_type(*predicted) if predicted else np.float64
    found = np.zeros((len(sizes), repeats, len(evaluation)), dtype=kind)
    seen = np.zeros(found.shape, dtype=bool)
    for fit, values in zip(fits, predicted, strict=True):
        places = order[np.searchsorted(evaluation, fit.scored, sorter=order)]
        found[sizes.index(fit.size), fit.repeat, places] = values
        seen[sizes.index(fit.size), fit.repeat, places] = True
    if not seen.all():
        size, _, place = np.argwhere(~seen)[0]
        raise NotReady(f"no shadow model of {sizes[size]} labels scored evaluation row {evaluation[place]}")
    return np.array(sizes), found


def progressive_plan(random: Array, *, step: int = SMALLEST) -> Iterator[Fit]:
    """Yield the models of the alarm: after every `step` random labels, one fitted on all so far, that scores the next.

    Args:
        random: (r,) rows in the order in which their labels came: control, then evaluation.
        step: labels between two models.

    >>> [(len(fit.train), fit.scored.tolist()) for fit in progressive_plan(np.arange(50), step=20)]
    [(20, [20, ..., 39]), (40, [40, ..., 49])]
    """
    for size in range(step, len(random), step):
        yield Fit(random[:size], random[size : size + step], size, fold=0, repeat=0)
