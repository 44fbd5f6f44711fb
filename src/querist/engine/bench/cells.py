"""One cell of a bench: one strategy, one seed, from the first labels to the end of the budget.

Cells of one seed are paired: the same hold-out, the same first labels and the same model seed for every strategy, so
that what differs between them is what was asked, and nothing else.
"""

from __future__ import annotations

import functools
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from querist.acquire import presets
from querist.acquire.select import required_signals
from querist.compute import peak
from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import Labelled
from querist.engine.bench.measured import bins, figures
from querist.errors import BadValue, ModelFailure, NotReady
from querist.events import ModelFailed
from querist.measure import scores
from querist.registry import has
from querist.types import Array, Features, Json, Learner, Strategy, short_hash

if TYPE_CHECKING:
    from querist.engine.learner import ActiveLearner


@dataclass(frozen=True, slots=True)
class Cell:
    """What is run: equal cells give equal results, on any number of processes.

    `advisers` is how many bootstrapped copies of the model give their opinion to strategies that need several, while
    the model itself is what is measured; 0 leaves it to the model to offer draws.
    """

    strategy: str | Strategy
    seed: int
    model: Any = "logistic_regression"
    batch: int = 20
    budget: int = 400
    seed_set: int = 20
    hold_out: float = 0.3
    calibrate: bool = True
    conditions: Conditions = field(default_factory=Conditions)
    advisers: int = 0

    @property
    def name(self) -> str:
        """The strategy's name."""
        return self.strategy if isinstance(self.strategy, str) else self.strategy.name

    def to_json(self) -> Json:
        """Return the manifest that names the cell's file."""
        strategy = self.strategy if isinstance(self.strategy, str) else self.strategy.to_json()
        match self.model:
            case str():
                model: Any = self.model
            case Learner():
                model = {"name": self.model.name, "settings": dict(self.model.settings)}
            case _:
                model = repr(self.model)
        kept = ("seed", "batch", "budget", "seed_set", "hold_out", "calibrate")
        switched = self.conditions.to_json()
        advised = self._needs_advice()
        return {
            "strategy": strategy,
            "model": model,
            **{name: getattr(self, name) for name in kept},
            **({"conditions": switched} if switched else {}),
            **({"advisers": self.advisers} if advised else {}),
        }

    def learner(self) -> Any:
        """Return the model; a strategy that asks several opinions gets advisers beside it, if the cell has some."""
        if not self._needs_advice():
            return self.model
        from querist.models import learner
        from querist.models.advised import Advised

        return Advised(learner(self.model), self.advisers)

    def _needs_advice(self) -> bool:
        if not self.advisers or (isinstance(self.strategy, str) and has("policy", self.strategy)):
            return False
        strategy = self.strategy if isinstance(self.strategy, Strategy) else presets.strategy(self.strategy)
        return any(name.endswith("proba_samples") for name in required_signals(strategy).needs)

    def key(self, fingerprint: str) -> str:
        """Return the file name under which the result on these data is kept."""
        return f"{self.name}-{self.seed}-{short_hash([fingerprint, self.to_json()])}"


@dataclass(frozen=True, slots=True)
class Split:
    """Row numbers: what may be asked about, what only measures, and the first labels (positions in the pool)."""

    pool: Array
    hold_out: Array
    first: Array


def split(target: Array, *, seed: int, hold_out: float, seed_set: int) -> Split:
    """Return the split of a seed: a stratified hold-out, and first labels drawn uniformly from the rest.

    Every class (or stretch of the numbers) is held out in its share, to the nearest row.

    >>> s = split(np.array([0] * 80 + [1] * 20), seed=0, hold_out=0.3, seed_set=5)
    >>> len(s.pool), np.bincount(np.array([0] * 80 + [1] * 20)[s.hold_out]).tolist(), len(s.first)
    (70, [24, 6], 5)
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    shuffled = rng.permutation(len(target))
    by_class = shuffled[np.argsort(target[shuffled], kind="stable")]
    # Systematic sampling along the classes: every 1/hold_out-th row, so no class is out of its share by a whole row.
    steps = np.floor(np.arange(len(target) + 1) * hold_out + rng.random())
    held = by_class[np.diff(steps) > 0]
    pool = np.setdiff1d(np.arange(len(target)), held)
    return Split(pool, np.sort(held), first_rows(len(pool), seed, seed_set))


def first_rows(pool: int, seed: int, seed_set: int) -> Array:
    """Return the positions in a pool of the labels to begin with: uniform, and a larger set contains the smaller one.

    >>> first_rows(100, 0, 3).tolist() == first_rows(100, 0, 5)[:3].tolist()
    True
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,))).permutation(pool)[:seed_set]


def run_cell(data: Labelled, cell: Cell) -> Json:
    """Run a cell and return what it found.

    Returns:
        `points`, one dict for each size of the training set; `picks`, the rows of the data set that were labelled, in
        order, the first ones included; and of the last model `reliability`, `confusion` (c lists of c counts, a list
        for each true class; empty where a row is not of one class) and `wrong`, the held-out rows that it gets wrong.

    Raises:
        QueristError: what the learner raises: an unknown strategy, a signal that the model does not offer.
        ModelFailure: every training failed.
    """
    with warnings.catch_warnings():
        # Trainings that fail are counted in what the cell found.
        warnings.filterwarnings("ignore", "training failed in round", RuntimeWarning)
        return _run_cell(data, cell)


def _run_cell(data: Labelled, cell: Cell) -> Json:
    from querist.engine.learner import ActiveLearner

    parts = _parts(data, cell)
    kind, held_target = data.kind, data.target[parts.hold_out]
    answers = cell.conditions.answers(data.target, data.classes, seed=cell.seed)[parts.pool]
    learner = ActiveLearner(
        cell.learner(),
        pool=parts.features,
        strategy=cell.strategy,
        seed=cell.seed,
        classes=list(data.classes) if data.task.has_classes else None,
        task=data.task.name,
        task_settings=data.settings,
        # A temperature keeps every prediction, so that the accuracies compared are those of the model itself.
        calibrate="temperature" if cell.calibrate else False,
        batch=cell.batch,
        # The first labels are given: what is compared begins with the first batch, and coverage must not step in.
        seed_set=1,
    )
    picks: list[int] = []
    points: list[Json] = []
    asked: Sequence[int] = [int(row) for row in parts.first]
    seconds_query, grown = 0.0, [0]
    while asked:
        picks.extend(int(row) for row in asked)
        began = time.perf_counter()
        learner.tell(asked, data.said(answers[list(asked)]))
        matrix, has_model = _predict(learner, parts.held_features, kind.constant(answers[picks], len(held_target)))
        points.append(
            {
                "labels": len(picks),
                "cost": _cost(data, parts.pool[picks]),
                "has_model": has_model,
                "failed_fits": failed_fits(learner),
                **figures(kind, held_target, matrix),
                "labels_per_class": data.counts(answers[picks]),
                "seconds_model": time.perf_counter() - began,
                "seconds_query": seconds_query,
                "bytes_query": grown[0] if grown else None,
            }
        )
        wanted = min(cell.batch, cell.budget - len(picks))
        began = time.perf_counter()
        with peak() as grown:
            asked = learner.ask(wanted) if wanted > 0 else []
        seconds_query = time.perf_counter() - began
    if not has_model and (failures := _failures(learner)):
        raise ModelFailure(f"no training succeeded: {failures[-1]}")
    right = kind.right(held_target, matrix)
    return {
        "points": points,
        "picks": parts.pool[picks].tolist(),
        "reliability": bins(kind.certainty(matrix), right),
        "confusion": _confusion(data, held_target, matrix),
        "wrong": parts.hold_out[~right].tolist(),
    }


def _confusion(data: Labelled, target: Array, matrix: Array) -> list[list[int]]:
    """Counts of the classes that were taken for each other; nothing where a row is not of one class."""
    if data.kind.signal != "proba":
        return []
    found: list[list[int]] = scores.confusion(target, matrix.argmax(axis=1), classes=len(data.classes)).tolist()
    return found


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a cell works on: rows of pool and hold-out, their features, positions of the first labels."""

    pool: Array
    hold_out: Array
    first: Array
    features: Features
    held_features: Features


def _parts(data: Labelled, cell: Cell) -> _Parts:
    """The split of the seed under the cell's conditions."""
    parts = split(data.strata, seed=cell.seed, hold_out=cell.hold_out, seed_set=cell.seed_set)
    features, held = _features(data, cell.seed, cell.hold_out)
    if not cell.conditions.to_json():
        return _Parts(parts.pool, parts.hold_out, parts.first, features, held)
    left = cell.conditions.pool(np.arange(len(parts.pool)), data.target[parts.pool], seed=cell.seed)
    if cell.budget > len(left):
        raise BadValue("budget", cell.budget, f"the conditions leave {len(left)} rows to ask about")
    first = first_rows(len(left), cell.seed, cell.seed_set)
    made = cell.conditions.features(features.rows(left), seed=cell.seed)
    return _Parts(parts.pool[left], parts.hold_out, first, made, held)


def _cost(data: Labelled, rows: Array) -> float:
    return float(len(rows)) if data.cost is None else float(data.cost[rows].sum())


def failed_fits(learner: ActiveLearner) -> int:
    """Return how many trainings failed so far: the last good model was measured in their place."""
    return len(_failures(learner))


def _failures(learner: ActiveLearner) -> list[str]:
    events = (kept.event for kept in learner.project.store.events(kinds=["model_failed"]))
    return [event.error for event in events if isinstance(event, ModelFailed)]


@functools.lru_cache(maxsize=1)
def _features(data: Labelled, seed: int, hold_out: float) -> tuple[Features, Features]:
    """The features of pool and hold-out; strategies of one seed share them, and cells come seed by seed."""
    parts = split(data.strata, seed=seed, hold_out=hold_out, seed_set=0)
    return data.part(parts.pool, parts.hold_out, seed=seed)


def _predict(learner: ActiveLearner, rows: Features, guess: Array) -> tuple[Array, bool]:
    """Return the predictions of the held-out rows; before there is a model, what the labels so far amount to."""
    try:
        return np.asarray(learner.predict_proba(rows), dtype=float), True
    except NotReady:
        return guess, False
