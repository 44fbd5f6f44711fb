"""How soon each class of network traffic is met: novelty against random, on the NSL-KDD table taken as a pool.

    QUERIST_DATA=... python -m benchmarks.rare_classes --seeds 4

The rarest of six classes is one row in a thousand. Prints, after every ten labels, how many classes have been met.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from querist import acquire

LEFT_OUT = ("t", "split", "target", "category")
STRATEGIES = ("random", "margin", "novelty", "novelty × margin", "k_center", "max_herding")


def table(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    read = pq.read_table(folder / "stream" / "nsl_kdd.parquet")
    numbers, words = [], []
    for name in read.column_names:
        if name not in LEFT_OUT:
            values = read[name].to_numpy()
            (numbers if values.dtype.kind in "iufb" else words).append(values)
    plain = np.column_stack(numbers).astype(float)
    coded = OneHotEncoder(sparse_output=False, max_categories=30).fit_transform(np.column_stack(words).astype(str))
    x = StandardScaler().fit_transform(np.column_stack([np.sign(plain) * np.log1p(np.abs(plain)), coded]))
    return x.astype(np.float32), read["category"].to_numpy().astype(str)


def doubt(x: np.ndarray, y: np.ndarray, rows: np.ndarray, left: np.ndarray) -> np.ndarray:
    if len(set(y[rows])) < 2:
        return np.ones(len(left))
    model = LogisticRegression(C=10.0, max_iter=300).fit(x[rows], y[rows])
    return acquire.margin(proba=model.predict_proba(x[left]))


def ask(name: str, x: np.ndarray, y: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    left = np.setdiff1d(np.arange(len(x)), rows)
    if name in ("k_center", "max_herding"):
        return left[getattr(acquire, name)(embed=x[left], labelled_embed=x[rows], n=10, rng=rng)]
    scores = np.ones(len(left))
    if "novelty" in name:
        scores = scores * acquire.novelty(embed=x[left], labelled_embed=x[rows], target_embed=x[::3])
    if "margin" in name:
        scores = scores * doubt(x, y, rows, left)
    choose = acquire.random if name == "random" else acquire.top
    return left[choose(scores=scores, n=10, rng=rng)]


def met(name: str, x: np.ndarray, y: np.ndarray, seed: int, rounds: int) -> list[int]:
    rng = np.random.default_rng(seed)
    pool = rng.choice(len(x), 6000, replace=False)
    rows, found = rng.choice(6000, 5, replace=False), []
    for _ in range(rounds):
        rows = np.concatenate([rows, ask(name, x[pool], y[pool], rows, rng)])
        found.append(len(set(y[pool][rows])))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Classes met, by labels.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=10)
    wanted = parser.parse_args()
    x, y = table(Path(os.environ["QUERIST_DATA"]))
    print(f"{'labels':<18}" + "".join(f"{5 + 10 * (i + 1):>7}" for i in range(wanted.rounds)))
    for name in STRATEGIES:
        mean = np.mean([met(name, x, y, seed, wanted.rounds) for seed in range(wanted.seeds)], axis=0)
        print(f"{name:<18}" + "".join(f"{value:7.2f}" for value in mean), flush=True)


if __name__ == "__main__":
    main()
