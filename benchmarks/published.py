"""Three published findings, each repeated with its protocol in minutes: how close do we come, and where do we differ?

    python -m benchmarks.published compatible     # Lu et al. 2023: margin pays if the deployed model asks
    python -m benchmarks.published duplicates     # Kirsch et al. 2019: top-k uncertainty fails on a pool of near-copies
    python -m benchmarks.published core_set       # Huseljic et al. 2025: k-center falls behind random on embeddings

Data come from QUERIST_DATA and QUERIST_EMBEDDINGS; `--seeds` and `--sets` make it smaller.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from benchmarks.sets import SETS
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from querist.acquire import presets
from querist.acquire.select import choose
from querist.engine.bench.cells import split
from querist.engine.bench.conditions import Conditions
from querist.measure import comparison, curves
from querist.types import Array

Fit = Callable[[Array, Array], Any]


@dataclass(frozen=True)
class Task:
    """One data set of a protocol: rows to ask about, their classes, and rows that only measure."""

    name: str
    pool: Array
    target: Array
    held: Array
    held_target: Array


@dataclass(frozen=True)
class Protocol:
    """What is asked how often: the first labels contain every class, as in the papers."""

    first: int
    batch: int
    rounds: int
    deployed: Fit
    arms: dict[str, tuple[str, Fit]]
    """Arm → strategy, and the model that it asks."""


def run(task: Task, protocol: Protocol, seed: int) -> dict[str, float]:
    """Arm → mean height of the learning curve of the deployed model; all arms begin with the same labels."""
    first = _first(task.target, protocol.first, np.random.default_rng([seed, 1]))
    return {arm: _arm(task, protocol, first, *how, seed=seed) for arm, how in protocol.arms.items()}


def _first(target: Array, n: int, rng: np.random.Generator) -> Array:
    """One row of each class, the rest uniform."""
    order = rng.permutation(len(target))
    one_each = np.array([order[np.argmax(target[order] == k)] for k in np.unique(target)])
    return np.concatenate([one_each, order[~np.isin(order, one_each)][: max(0, n - len(one_each))]])


def _arm(task: Task, protocol: Protocol, first: Array, strategy: str, asked: Fit, *, seed: int) -> float:
    rng = np.random.default_rng([seed, 2])
    chosen, accuracy, labels = list(first), [], []
    wanted = presets.strategy(strategy)
    for _ in range(protocol.rounds + 1):
        rows = np.array(chosen)
        deployed = protocol.deployed(task.pool[rows], task.target[rows])
        accuracy.append(float((deployed.predict(task.held) == task.held_target).mean()))
        labels.append(len(rows))
        eligible = np.ones(len(task.pool), dtype=bool)
        eligible[rows] = False
        given = {"embed": task.pool, "labelled_embed": task.pool[rows]}
        if strategy not in ("random", "k_center"):
            model = deployed if asked is protocol.deployed else asked(task.pool[rows], task.target[rows])
            given["proba"] = _proba(model, task.pool)
        batch = choose(wanted, given, n=protocol.batch, rng=rng, eligible=eligible, size=len(task.pool))
        chosen.extend(batch.rows.tolist())
    return curves.area(np.array(labels, dtype=float), np.array(accuracy))


def _proba(model: Any, rows: Array) -> Array:
    """Probabilities; of a machine without them a monotone map of its decision, which keeps the order of margins."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(rows))
    p = 1 / (1 + np.exp(-np.asarray(model.decision_function(rows))))
    return np.column_stack([1 - p, p])


def kernel_machine(x: Array, y: Array) -> Any:
    return SVC(C=10.0).fit(x, y)


def weak_linear(x: Array, y: Array) -> Any:
    return LogisticRegression(C=0.1, max_iter=500).fit(x, y)


def linear(x: Array, y: Array) -> Any:
    return LogisticRegression(C=10.0, max_iter=500).fit(x, y)


# --- the three findings

PAIRS = {
    "pendigits": (("4", "9"), ("3", "5"), ("1", "7"), ("8", "9")),
    "letter": (("D", "O"), ("B", "R"), ("I", "J"), ("E", "F"), ("H", "K"), ("U", "V")),
    "satimage": (("3", "4"), ("4", "7"), ("5", "7")),
    "digits": (("3", "8"), ("1", "8"), ("4", "9")),
}
"""Two classes of a table of many, as binary tables of the literature were made; those that are hard to tell apart."""
BINARY = ("messidor", "adult", "mammography")


def compatible(seed: int, sets: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """An RBF machine is deployed; margins come from itself, or from a linear model with strong regularisation."""
    protocol = Protocol(
        20, 5, 20, kernel_machine,
        {
            "random": ("random", kernel_machine),
            "margin, same model": ("margin", kernel_machine),
            "margin, other model": ("margin", weak_linear),
        },
    )  # fmt: skip
    tasks = [(name, None) for name in BINARY] + [(name, pair) for name, pairs in PAIRS.items() for pair in pairs]
    return [
        (task.name, run(task, protocol, seed))
        for name, pair in tasks
        if not sets or name in sets
        for task in [_task(name, seed, hold_out=0.4, pair=pair)]
    ]


def duplicates(seed: int, sets: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Digits, each five times with a little noise: top-k of a batch of 20 against batches that look at each other."""
    names = ("random", "margin", "entropy", "weighted_kmeans", "badge")
    protocol = Protocol(20, 20, 10, linear, {name: (name, linear) for name in names})
    return [
        (f"digits × {copies}", run(_task("digits", seed, copies=copies), protocol, seed))
        for copies in (1, 5)
        if not sets or "digits" in sets
    ]


def core_set(seed: int, sets: Sequence[str]) -> list[tuple[str, dict[str, float]]]:
    """Frozen embeddings and a linear model: k-center against random, with margin beside it."""
    names = ("random", "k_center", "margin")
    protocol = Protocol(20, 20, 10, linear, {name: (name, linear) for name in names})
    embedded = ("sms_spam_minilm", "trec6_minilm", "pneumonia_effnet")
    return [(name, run(_task(name, seed), protocol, seed)) for name in embedded if not sets or name in sets]


def _task(name: str, seed: int, *, hold_out: float = 0.3, pair: tuple[str, str] | None = None, copies: int = 1) -> Task:
    data = SETS[name].read() if (name not in _READ) else _READ[name]
    _READ[name] = data
    parts = split(data.target, seed=seed, hold_out=hold_out, seed_set=1)
    key = (name, seed, hold_out)
    if key not in _FEATURES:
        _FEATURES.clear()
        _FEATURES[key] = data.part(parts.pool, parts.hold_out, seed=seed)
    pool, held = _FEATURES[key]
    rows, target = np.arange(len(parts.pool)), data.target[parts.pool]
    if copies > 1:
        repeated = Conditions(copies=copies)
        rows = repeated.pool(rows, target, seed=seed)
        pool = repeated.features(pool.rows(rows), seed=seed)
        target = target[rows]
    x, y = np.asarray(pool.embed), target
    held_x, held_y = np.asarray(held.embed), data.target[parts.hold_out]
    if pair is None:
        return Task(name, x, y, held_x, held_y)
    numbers = [data.classes.index(each) for each in pair]
    of_pool, of_held = np.isin(y, numbers), np.isin(held_y, numbers)
    return Task(f"{name} {pair[0]}/{pair[1]}", x[of_pool], y[of_pool], held_x[of_held], held_y[of_held])


_READ: dict[str, Any] = {}
_FEATURES: dict[tuple[str, int, float], Any] = {}


# --- what came out


def show(found: dict[str, list[dict[str, float]]]) -> None:
    """Print for each data set the difference to random in area, points, with its paired interval over seeds."""
    by_arm: dict[str, list[comparison.Comparison]] = {}
    for name, by_seed in found.items():
        base = np.array([areas["random"] for areas in by_seed])
        words = [f"random {100 * base.mean():.1f}"]
        for arm in [arm for arm in by_seed[0] if arm != "random"]:
            apart = comparison.paired(np.array([areas[arm] for areas in by_seed]), base, strategy=arm)
            by_arm.setdefault(arm, []).append(apart)
            words.append(f"{arm} {100 * apart.difference:+.2f} [{100 * apart.low:+.2f}, {100 * apart.high:+.2f}]")
        print(f"  {name:<18}{'; '.join(words)}", flush=True)
    for arm, compared in by_arm.items():
        better, worse = sum(c.low > 0 for c in compared), sum(c.high < 0 for c in compared)
        mean = 100 * float(np.mean([c.difference for c in compared]))
        level = len(compared) - better - worse
        print(f"  {arm}: better on {better}, not decided on {level}, worse on {worse}; mean {mean:+.2f} points")


FINDINGS = {"compatible": compatible, "duplicates": duplicates, "core_set": core_set}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("finding", choices=list(FINDINGS))
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--sets", nargs="*", default=[], help="only these")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(asked.seeds):
        for name, areas in FINDINGS[asked.finding](seed, asked.sets):
            found.setdefault(name, []).append(areas)
    print(f"{asked.finding}, {asked.seeds} seeds; difference to random in area under the accuracy curve, points")
    show(found)


if __name__ == "__main__":
    main()
