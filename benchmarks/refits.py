"""How well the quick form of expected error reduction ranks candidates as refitting the head for each of them does.

    python -m benchmarks.refits --candidates 30

Prints the rank correlation of `eer_newton` with exact refitting of a softmax head, on tables that ship with
scikit-learn, for 30 labels and the log loss.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import spearmanr
from tests.acquire.test_newton import refitted, table

from querist.acquire import eer_newton


def main() -> None:
    parser = argparse.ArgumentParser(description="Rank correlation with exact refitting.")
    parser.add_argument("--candidates", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=3)
    wanted = parser.parse_args()
    for name in ("iris", "wine", "breast_cancer", "digits"):
        found = []
        for seed in range(wanted.seeds):
            given = table(name, seed, 30, wanted.candidates)
            found.append(spearmanr(eer_newton(**given), refitted(given, "log"))[0])
        print(f"{name:<14} {np.mean(found):.3f} (least of {wanted.seeds}: {min(found):.3f})", flush=True)


if __name__ == "__main__":
    main()
