"""Train anew each round, or go on from the last model? Accuracy against the processor's seconds that training took.

    python -m benchmarks.fine_tuning --seeds 5

The digits that ship with scikit-learn; a perceptron learns from 50 random labels, then 50 more in each of seven rounds.
*scratch* trains anew; *replay* goes on, half of each batch new labels and half earlier ones, anew every fifth round;
*new labels only* goes on with nothing but the new labels, which is how networks forget.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from querist.models.torch import learner
from querist.types import Features

ROUNDS, BATCH, FULL_EVERY = 8, 50, 5
POLICIES = ("scratch", "replay", "new labels only")


def run(policy: str, seed: int) -> list[tuple[float, float]]:
    """Return (seconds of training so far, accuracy) after each round."""
    x, y = load_digits(return_X_y=True)
    features = Features.of((x / 16).astype(np.float32))
    order = np.random.default_rng(seed).permutation(len(y))
    test, pool = order[:600], order[600:]
    recipe: Any = learner("mlp", {"posterior": "none", "tune_steps": 60})
    model, seconds, points = None, 0.0, []
    for number in range(ROUNDS):
        rows = pool[: BATCH * (number + 1)]
        more: dict[str, Any] = {}
        if model is not None and policy != "scratch" and (policy != "replay" or number % FULL_EVERY):
            new = np.arange(len(rows)) >= BATCH * number
            more = {"start": model, "new": new}
            if policy == "new labels only":
                rows, more = rows[new], {"start": model}
        began = time.process_time()
        model = recipe.fit(features.rows(rows), y[rows], classes=10, seed=seed, **more)
        seconds += time.process_time() - began
        proba = model.signals({"proba"}, features.rows(test), rng=np.random.default_rng(0))["proba"]
        points.append((seconds, float((proba.argmax(axis=1) == y[test]).mean())))
    return points


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seeds", type=int, default=5)
    seeds = options.parse_args().seeds
    print(f"{seeds} seeds, {ROUNDS} rounds of {BATCH} labels: mean over rounds, last round, seconds of training")
    for policy in POLICIES:
        runs = np.array([run(policy, seed) for seed in range(seeds)])
        mean, last, seconds = runs[:, :, 1].mean(), runs[:, -1, 1], runs[:, -1, 0].mean()
        print(f"{policy:<16} {mean:7.1%} {last.mean():7.1%} ± {last.std():.1%} {seconds:7.2f} s")


if __name__ == "__main__":
    main()
