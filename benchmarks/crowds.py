"""Can labels of several people be trusted? Consensus, second opinions and doubted labels, on data with known truth.

    QUERIST_DATA=… python -m benchmarks.crowds consensus     # three public crowds: seconds
    QUERIST_DATA=… python -m benchmarks.crowds second        # ActiveLab against re-labelling at random: minutes
    QUERIST_DATA=… python -m benchmarks.crowds errors        # planted errors on banking77: minutes

Each figure wears its interval: Wilson's for a share of items, the paired bootstrap over seeds for a difference.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from querist.crowd import active_lab, crowdlab, dawid_skene, label_errors, majority
from querist.engine.bench.labelled import load
from querist.engine.training import folds
from querist.measure.intervals import bootstrap, wilson
from querist.models import learner
from querist.types import Array

Answers = dict[str, Array]
SEEDS = 12
PEOPLE = (0.95, 0.85, 0.75, 0.65, 0.55)
"""How often each simulated person is right on the digits."""


def crowd(name: str) -> tuple[Answers, Array, Array]:
    """Return answers (item, annotator, label), and rows and classes of the items whose truth is known."""
    data = Path(os.environ["QUERIST_DATA"]) / "crowd"
    answers, truth = (pq.read_table(data / f"{name}_{part}.parquet").to_pydict() for part in ("labels", "truth"))
    items, item = np.unique(answers["item"], return_inverse=True)
    annotator = np.unique(answers["annotator"], return_inverse=True)[1]
    place = {name: row for row, name in enumerate(items.tolist())}
    known = [(place[i], k - 1) for i, k in zip(truth["item"], truth["label"], strict=True) if i in place]
    rows, target = np.array(known).T
    return {"item": item, "annotator": annotator, "label": np.array(answers["label"]) - 1}, rows, target


def consensus() -> list[dict[str, Any]]:
    """Accuracy of each method against the known truth."""
    lines = []
    for name in ("rte", "bluebird", "trec_relevance"):
        answers, rows, target = crowd(name)
        for method in (majority, dawid_skene, crowdlab):
            right = method(**answers).label[rows] == target
            found = wilson(int(right.sum()), right.size)
            lines.append({"crowd": name, "method": method.__name__, **found.to_json()})
    return lines


# --- second opinions


class Replay:
    """Answers that are given when asked for: the first to each item at once, the others as an order says."""

    def __init__(self, answers: Answers, truth: Callable[[Array], float], seed: int) -> None:
        rng = np.random.default_rng(seed)
        lot = rng.permutation(answers["item"].size)
        order = lot[np.argsort(answers["item"][lot], kind="stable")]
        first = np.r_[True, np.diff(answers["item"][order]) > 0]
        self.answers, self.accuracy = answers, truth
        self.given = order[first].tolist()
        self.left = {int(item): [] for item in np.unique(answers["item"])}
        for row in order[~first].tolist():
            self.left[int(answers["item"][row])].append(row)

    @property
    def now(self) -> Answers:
        """The answers given so far."""
        return {name: values[self.given] for name, values in self.answers.items()}

    def ask(self, items: Array) -> None:
        """Get one more answer to each item that has one left."""
        for item in items.tolist():
            if self.left[item]:
                self.given.append(self.left[item].pop(0))

    @property
    def open(self) -> Array:
        """Items that have answers left."""
        return np.array([item for item, rows in self.left.items() if rows])


def replay(
    answers: Answers, score: Callable[[Answers], float], proba: Any, *, seed: int, by: str, n: int
) -> list[float]:
    """Return the consensus accuracy after each of ten rounds of n further opinions."""
    state, rng = Replay(answers, score, seed), np.random.default_rng([seed, 1])
    found = []
    for _ in range(10):
        now = state.now
        model = proba(now, seed)
        if by == "random":
            chosen = rng.permutation(state.open)[:n]
        else:
            scores, _ = active_lab(**now, proba=model, unlabelled_proba=model[:1])
            chosen = state.open[np.argsort(-scores[state.open], kind="stable")][:n]
        state.ask(chosen)
        found.append(score(state.now))
    return found


def second() -> list[dict[str, Any]]:
    """ActiveLab's order against a random one: real people on rte, simulated people and a real model on the digits."""
    lines = []
    for name, setting in (("rte", _rte), ("digits", _digits)):
        gains = []
        for seed in range(SEEDS):
            answers, score, proba, n = setting(seed)
            curves = {by: replay(answers, score, proba, seed=seed, by=by, n=n) for by in ("activelab", "random")}
            gains.append([float(np.mean(curves["activelab"])), float(np.mean(curves["random"])), n])
            print(name, seed, *(round(value, 4) for value in gains[-1]), flush=True)
        table = np.array(gains)
        gain = bootstrap(np.mean, table[:, 0] - table[:, 1], rng=np.random.default_rng(0), draws=4000)
        means = {"activelab": table[:, 0].mean(), "random": table[:, 1].mean(), "a_round": int(table[0, 2])}
        lines.append({"data": name, **means, "gain": gain.to_json()})
    return lines


def _rte(_: int) -> tuple[Answers, Callable[[Answers], float], Any, int]:
    answers, rows, target = crowd("rte")

    def proba(now: Answers, _seed: int) -> Array:
        # These items have no content: a model that only knows how frequent the classes are.
        share = np.bincount(now["label"], minlength=2) / now["label"].size
        return np.tile(share, (800, 1))

    def score(now: Answers) -> float:
        return float(np.mean(crowdlab(**now, proba=proba(now, 0)).label[rows] == target))

    return answers, score, proba, 80


def _digits(seed: int) -> tuple[Answers, Callable[[Answers], float], Any, int]:
    images, truth = load_digits(return_X_y=True)
    rng = np.random.default_rng([seed, 2])
    rows = rng.permutation(truth.size)[:500]
    images, truth = images[rows] / 16, truth[rows]
    item = np.repeat(np.arange(500), len(PEOPLE))
    annotator = np.tile(np.arange(len(PEOPLE)), 500)
    right = rng.random(item.size) < np.array(PEOPLE)[annotator]
    label = np.where(right, truth[item], (truth[item] + rng.integers(1, 10, item.size)) % 10)
    known: dict[int, Array] = {}

    def proba(now: Answers, seed: int) -> Array:
        if now["item"].size not in known:
            known.clear()
            known[now["item"].size] = _out_of_fold(images, majority(**now, classes=10, items=500).label, seed)
        return known[now["item"].size]

    def score(now: Answers) -> float:
        return float(np.mean(crowdlab(**now, proba=proba(now, seed)).label == truth))

    return {"item": item, "annotator": annotator, "label": label}, score, proba, 50


def _out_of_fold(images: Array, label: Array, seed: int) -> Array:
    found = np.zeros((label.size, 10))
    for train, held_out in folds(label, seed=seed):
        model = LogisticRegression(max_iter=200).fit(images[train], label[train])
        found[np.ix_(held_out, model.classes_)] = model.predict_proba(images[held_out])
    return found


# --- doubted labels


def errors(rows: int = 4_000, share: float = 0.05, seeds: int = 3) -> list[dict[str, Any]]:
    """Plant wrong labels, and see how many of the labels that models doubt first are the planted ones."""
    data = load(str(Path(os.environ["QUERIST_DATA"]) / "text" / "banking77.parquet"), text="text", target="label")
    lines = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(len(data))[:rows])
        features, _ = data.part(chosen, chosen[:1], seed=seed)
        truth, classes = data.target[chosen], len(data.classes)
        wrong = rng.random(rows) < share
        label = np.where(wrong, (truth + rng.integers(1, classes, rows)) % classes, truth)
        proba = np.zeros((rows, classes))
        for train, held_out in folds(label, seed=seed):
            model = learner("logistic_regression").fit(features.rows(train), label[train], classes=classes, seed=seed)
            proba[held_out] = model.signals(["proba"], features.rows(held_out), rng=rng)["proba"]
        found = label_errors(label=label, proba=proba)
        first = np.argsort(-found.score)[: int(wrong.sum())]
        hits = int(wrong[first].sum())
        line = {"seed": seed, "planted": int(wrong.sum()), "precision": wilson(hits, first.size).to_json()}
        suspects = wilson(int((wrong & found.suspected).sum()), int(found.suspected.sum())).to_json()
        lines.append({**line, "suspected": int(found.suspected.sum()), "precision_of_suspected": suspects})
    return lines


def main() -> None:
    """Run one part and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = {"consensus": consensus, "second": second, "errors": errors}
    parser.add_argument("part", choices=sorted(parts))
    for line in parts[parser.parse_args().part]():
        print(json.dumps(line))


if __name__ == "__main__":
    main()
