"""Twenty rounds of fifty labels with a logistic regression: how much of the time is not the model's own.

Every loop begins with the same fifty random labels, chosen by nobody, and fits twenty models.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from benchmarks.speed_peers import installed
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from querist import ActiveLearner, acquire

ROUNDS, BATCH = 20, 50
Clock = Callable[[], float]
INSIDE = {"seconds": 0.0, "clock": None}
"""The time that models spent in fit and predict_proba since it was last set to 0; clones share it."""


class Timed(LogisticRegression):
    """A logistic regression that counts the time in its own fit and predict_proba."""

    def fit(self, *given, **more):
        return self._counted(super().fit, *given, **more)

    def predict_proba(self, *given, **more):
        return self._counted(super().predict_proba, *given, **more)

    def _counted(self, work, *given, **more):
        start = INSIDE["clock"]()
        try:
            return work(*given, **more)
        finally:
            INSIDE["seconds"] += INSIDE["clock"]() - start


@dataclass(frozen=True)
class Loop:
    """Seconds of a whole loop, and of what was not the model."""

    whole: float
    outside: float


def pool(name: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return (x / 16).astype(np.float32), y
    draw = np.random.default_rng(0)
    target = draw.integers(10, size=100_000 // size)
    return (draw.normal(size=(10, 64))[target] + draw.normal(size=(len(target), 64))).astype(np.float32), target


def timed(loop: Callable[[np.ndarray, np.ndarray], None], x: np.ndarray, y: np.ndarray, clock: Clock) -> Loop:
    INSIDE.update(seconds=0.0, clock=clock)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = clock()
        loop(x, y)
        whole = clock() - start
    return Loop(whole, whole - INSIDE["seconds"])


def first(size: int) -> np.ndarray:
    return np.random.default_rng(0).choice(size, BATCH, replace=False)


def ours(x: np.ndarray, y: np.ndarray, *, calibrate: bool = False) -> None:
    learner = ActiveLearner(
        Timed(max_iter=100), pool=x, strategy="margin", classes=range(10), seed=0, batch=BATCH, calibrate=calibrate
    )
    ids = first(len(x))
    for step in range(ROUNDS):
        learner.tell(ids, y[ids])
        if step + 1 < ROUNDS:
            ids = learner.ask(BATCH)
    learner.predict(x[:1])


def library(x: np.ndarray, y: np.ndarray) -> None:
    """The loop that a researcher writes with our functions, on arrays; it keeps nothing, as modAL's."""
    known, model = first(len(x)), Timed(max_iter=100)
    for step in range(ROUNDS):
        model.fit(x[known], y[known])
        if step + 1 < ROUNDS:
            scores = acquire.margin(proba=model.predict_proba(x))
            scores[known] = -1  # no score is negative
            known = np.concatenate([known, acquire.top(scores=scores, n=BATCH)])


def modal(x: np.ndarray, y: np.ndarray) -> None:
    """modAL's loop, without its `teach`, which does not run on scikit-learn 1.9: it only appends and fits."""
    from modAL.models import ActiveLearner as Peer
    from modAL.uncertainty import margin_sampling

    known = first(len(x))
    learner = Peer(estimator=Timed(max_iter=100), query_strategy=margin_sampling)
    left = np.setdiff1d(np.arange(len(x)), known)
    for step in range(ROUNDS):
        learner.X_training, learner.y_training = x[known], y[known]
        learner._fit_to_known()
        if step + 1 < ROUNDS:
            at, _ = learner.query(x[left], n_instances=BATCH)
            known, left = np.concatenate([known, left[at]]), np.delete(left, at)


def loops(size: int, clock: Clock) -> Iterator[list[str]]:
    """Yield the rows of the loop table."""
    for name in ("digits", "100k × 64"):
        x, y = pool(name, size)
        own = timed(ours, x, y, clock)
        beside = "none installed"
        if installed("modAL"):
            theirs = timed(modal, x, y, clock)
            beside = f"modAL: {1e3 * theirs.outside:.0f} ms outside, {theirs.outside / own.outside:.2g} × (goal 5)"
        yield cells(name, own, beside)
        plain = timed(library, x, y, clock)
        if installed("modAL"):
            beside = f"modAL: {1e3 * theirs.outside:.0f} ms outside, {theirs.outside / plain.outside:.2g} × (goal 5)"
        yield cells(f"{name}, functions of `querist.acquire`", plain, f"{beside}; both keep nothing")
        yield cells(f"{name}, ten lines of numpy", timed(hand_written, x, y, clock), "keeps nothing")
        yield cells(f"{name}, calibrated", timed(lambda a, b: ours(a, b, calibrate=True), x, y, clock), "")


def hand_written(x: np.ndarray, y: np.ndarray) -> None:
    """The least that a loop can do: fit, predict, take the fifty smallest margins, keep nothing."""
    known, model = first(len(x)), Timed(max_iter=100)
    left = np.ones(len(x), bool)
    for step in range(ROUNDS):
        left[known] = False
        model.fit(x[known], y[known])
        if step + 1 < ROUNDS:
            rows = np.flatnonzero(left)
            two = np.partition(model.predict_proba(x[rows]), -2, axis=1)
            known = np.concatenate([known, rows[np.argpartition(two[:, -1] - two[:, -2], BATCH)[:BATCH]]])


def cells(name: str, loop: Loop, beside: str) -> list[str]:
    inside = 1 - loop.outside / loop.whole
    return [name, f"{loop.whole:.2f} s", f"{1e3 * loop.outside:.0f} ms", f"{100 * inside:.0f} % (goal 95)", beside]
