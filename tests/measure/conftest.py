"""Small simulated projects whose truth is known: Gaussian classes, a linear learner, a pool and a large test set."""

from dataclasses import dataclass

import numpy as np
import pytest

from querist.measure.shadow import Arm, combine, cross_fit_plan

CLASSES, DIM = 4, 6


def _draw(rng, centres, n):
    target = rng.integers(0, CLASSES, n)
    return centres[target] + rng.normal(size=(n, DIM)), target


def _features(x):
    return np.hstack([x, x**2, np.ones((len(x), 1))])


def fit_predict(x, target, new):
    """Return the classes of new rows by ridge regression on one-hot targets."""
    f = _features(x)
    weight = np.linalg.solve(f.T @ f + 0.5 * np.eye(f.shape[1]), f.T @ np.eye(CLASSES)[target])
    return _features(new) @ weight


@dataclass
class Simulated:
    """One project: both arms on its evaluation items, and the truth on the test set."""

    active: Arm
    random: Arm
    difference: float  # true, at the largest size of the random arm
    outcomes: list


class World:
    """A pool and a test set; the random curve is known from many random arms."""

    def __init__(self, seed=0, spread=1.3):
        rng = np.random.default_rng(seed)
        centres = spread * rng.normal(size=(CLASSES, DIM))
        self.x, self.target = _draw(rng, centres, 1500)
        self.test_x, self.test_target = _draw(rng, centres, 4000)
        self._true_random = {}

    def accuracy(self, rows):
        scores = fit_predict(self.x[rows], self.target[rows], self.test_x)
        return float(np.mean(scores.argmax(axis=1) == self.test_target))

    def true_random(self, size):
        if size not in self._true_random:
            rng = np.random.default_rng(99)
            arms = [self.accuracy(rng.choice(1500, size, replace=False)) for _ in range(60)]
            self._true_random[size] = np.mean(arms)
        return self._true_random[size]

    def right(self, train, scored):
        scores = fit_predict(self.x[train], self.target[train], self.x[scored])
        return scores.argmax(axis=1) == self.target[scored]

    def project(self, seed, strategy, *, control=60, evaluation=200, budget=400, step=20):
        rng = np.random.default_rng(seed)
        order = rng.permutation(1500)
        reserve, pool = order[:evaluation], list(order[evaluation:])
        control_rows = np.array(pool[:control])
        labelled = list(control_rows[:step])
        models = []
        while len(labelled) <= budget:
            models.append(list(labelled))
            left = np.setdiff1d(pool, labelled)
            scores = fit_predict(self.x[labelled], self.target[labelled], self.x[left])
            top = np.sort(scores, axis=1)
            certainty = top[:, -1] - top[:, -2]
            keys = {"random": rng.random(len(left)), "margin": certainty, "certain": -certainty}
            labelled += left[np.argsort(keys[strategy])[:step]].tolist()
        active = Arm(
            np.array([len(m) for m in models]), np.array([self.right(m, reserve) for m in models], dtype=float)
        )
        plan = list(cross_fit_plan(control_rows, reserve, seed=seed))
        random = combine(plan, [self.right(f.train, f.scored) for f in plan], reserve)
        size = int(random.labels[-1])
        own = models[active.up_to(size)]
        met = np.concatenate([control_rows, reserve])
        outcomes = []
        for start in range(step, len(met), step):
            rows = np.array([r for r in met[start : start + step] if r not in own], dtype=int)
            if len(rows):
                trained = models[min(start // step - 1, len(models) - 1)]
                outcomes += (self.right(trained, rows).astype(int) - self.right(met[:start], rows)).tolist()
        return Simulated(active, random, self.accuracy(own) - self.true_random(size), outcomes)


@pytest.fixture(scope="session")
def world():
    return World()
