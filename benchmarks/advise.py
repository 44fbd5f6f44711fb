"""How much `auto` saved on real data, and whether `querist advise` would have foretold it from 200 random labels.

    python -m benchmarks.advise --out advise.jsonl

Of each set the truth is the share of labels saved when random labelling stops at 320 (5 splits, up to 6,000 rows); the
advice sees 200 labelled rows drawn at random, and nothing else. Interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.sets import pixels, table, text

from querist.engine.bench.advising import rehearsed
from querist.engine.bench.labelled import Labelled, load
from querist.engine.bench.simulate import simulate

SETS: dict[str, Callable[[], Labelled]] = {
    "digits": lambda: load("digits"),
    "pendigits": table("pendigits"),
    "satimage": table("satimage"),
    "messidor": table("messidor_dr"),
    "mammography": table("mammography"),
    "adult": table("adult"),
    "letter": table("letter"),
    "sms_spam": text("sms_spam"),
    "trec6": text("trec6"),
    "pneumonia": pixels("pneumoniamnist"),
}
BUDGET, SEEDS, SEEN = 320, 5, 200


def truth(data: Labelled) -> float | None:
    """Return the share of random labelling's labels that `auto` saved at equal accuracy."""
    found = simulate(data, strategies=["auto"], budget=BUDGET, batch=30, seed_set=20, seeds=SEEDS, jobs=1)
    saving = next(entry for entry in found.summary["strategies"] if entry["strategy"] == "auto")["labels_saved"]
    return float(np.clip(saving["saved"] / saving["needed_by_baseline"], -1, 0.95))


def foretold(data: Labelled, seed: int) -> Any:
    """Return what a rehearsal on 200 random rows says: the share saved, with its range."""
    rows = np.random.default_rng(seed).permutation(len(data))[:SEEN]
    part = [data.rows[k] for k in rows] if isinstance(data.rows, list) else data.rows[rows]
    return rehearsed(load(part, [data.classes[k] for k in data.target[rows]], features=data.features), seed=seed)


def main() -> None:
    """Run the sets that are missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=Path("advise.jsonl"))
    out = options.parse_args().out
    kept = [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []
    for name, read in SETS.items():
        if name not in {record["set"] for record in kept}:
            data = read()
            kept.append({"set": name, "truth": truth(data), "foretold": [foretold(data, seed) for seed in range(2)]})
            with out.open("a") as file:
                file.write(json.dumps(kept[-1]) + "\n")
    print("| set | saved | foretold from 200 labels |\n|---|---|---|")
    for record in kept:
        said = ", ".join("–" if f is None else f"{f['low']:.0%} to {f['high']:.0%}" for f in record["foretold"])
        print(f"| {record['set']} | {record['truth']:.0%} | {said} |")
    shares = [record["truth"] for record in kept]
    inside = [f["low"] <= r["truth"] <= f["high"] for r in kept for f in r["foretold"] if f is not None]
    print(f"\nquartiles {np.quantile(shares, [0.25, 0.5, 0.75]).round(2)}; inside: {sum(inside)} of {len(inside)}")


if __name__ == "__main__":
    main()
