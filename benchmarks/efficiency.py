"""Label efficiency on real data: strategies × data sets × seeds, against random, every finished cell kept.

    python benchmarks/efficiency.py --quick              # minutes: three sets, three strategies, three seeds
    python benchmarks/efficiency.py --tier core --hours 6

Data come from the folder that QUERIST_DATA names (the digits from scikit-learn); nothing is downloaded. A run that was
cut off goes on where it stopped; a tier that was not finished says which cells are missing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from querist.acquire import presets
from querist.engine.bench import run_cells
from querist.engine.cells import Cell
from querist.engine.labelled import Labelled, load
from querist.engine.simulate import SimulationResult, versions
from querist.engine.summary import Question, summarise
from querist.errors import NotFound, UnknownName
from querist.registry import has

CORE = (
    "random",
    "margin",
    "entropy",
    "power_margin",
    "k_center",
    "weighted_kmeans",
    "typiclust",
    "badge",
    "bait",
    "uncertainty_herding",
    "auto",
)
LEAST_SEEDS = 20
"""No claim is made from fewer."""


@dataclass(frozen=True)
class Set:
    """A data set: how it is read, and how it is simulated."""

    name: str
    read: Callable[[], Labelled]
    batch: int = 20
    budget: int = 320
    seed_set: int = 20


def folder() -> Path:
    """Return the folder with the data, or say which variable names it."""
    if "QUERIST_DATA" not in os.environ:
        raise NotFound("set QUERIST_DATA to the folder with the data sets", field="QUERIST_DATA")
    return Path(os.environ["QUERIST_DATA"])


def text(name: str) -> Callable[[], Labelled]:
    return lambda: load(folder() / "text" / f"{name}.parquet", target="label", text="text", name=name)


def table(name: str, *, most: int = 8000) -> Callable[[], Labelled]:
    """A table; of a large one a fixed random part, so that a cell takes seconds and not minutes."""

    def read() -> Labelled:
        import pyarrow.parquet as pq

        path = folder() / "tabular" / f"{name}.parquet"
        columns = [column for column in pq.read_schema(path).names if column not in ("target", "split")]
        return part(load(path, target="target", columns=columns, name=name), most)

    return read


def part(data: Labelled, most: int) -> Labelled:
    if len(data) <= most:
        return data
    chosen = np.sort(np.random.default_rng(0).permutation(len(data))[:most])
    rows = [data.rows[i] for i in chosen] if isinstance(data.rows, list) else data.rows[chosen]
    labels = [data.classes[k] for k in data.target[chosen]]
    return load([row.value["fields"] for row in rows] if isinstance(rows, list) else rows, labels, name=data.name)


def images(name: str) -> Callable[[], Labelled]:
    def read() -> Labelled:
        with np.load(folder() / "image" / f"{name}.npz") as kept:
            pixels, labels = kept["images"], kept["labels"].ravel()
        return part(load(pixels.reshape(len(pixels), -1).astype(np.float32) / 255, labels, name=name), 6000)

    return read


def duplicated(times: int = 5) -> Labelled:
    """Digits in a pool where each has near-copies: top-k uncertainty asks for the same thing five times."""
    data = load("sample:digits:labelled")
    pixels = np.array([np.ravel(row.value["pixels"]) for row in data.rows], dtype=float) / 255
    rng = np.random.default_rng(0)
    copies = np.vstack([np.clip(pixels + rng.normal(0, 0.02, pixels.shape), 0, 1) for _ in range(times)])
    return load(copies, np.tile(data.target, times), name=f"digits_dup{times}")


def three_clusters() -> Labelled:
    """Two easy clusters and a blob of pure label noise between them, which uncertainty cannot leave alone."""
    rng = np.random.default_rng(0)
    x = np.vstack(
        [rng.normal((-4, 0), 1, (900, 2)), rng.normal((4, 0), 1, (900, 2)), rng.normal((0, 3), 0.6, (700, 2))]
    )
    y = np.concatenate([np.zeros(900, int), np.ones(900, int), rng.integers(0, 2, 700)])
    return load(x, y, name="toy_noise_blob")


SETS = {
    each.name: each
    for each in (
        Set("digits", lambda: load("sample:digits:labelled", name="digits"), budget=320),
        Set("sms_spam", text("sms_spam")),
        Set("pendigits", table("pendigits")),
        Set("trec6", text("trec6"), budget=620),
        Set("banking77", text("banking77"), batch=50, budget=800, seed_set=50),
        Set("letter", table("letter"), budget=620),
        Set("satimage", table("satimage")),
        Set("mammography", table("mammography")),
        Set("adult", table("adult")),
        Set("messidor_dr", table("messidor_dr")),
        Set("mnist", images("mnist_t10k"), budget=420),
        Set("pneumonia", images("pneumoniamnist")),
        Set("digits_dup5", duplicated),
        Set("toy_noise_blob", three_clusters, batch=10, budget=160, seed_set=10),
    )
}
TIERS: dict[str, dict[str, Any]] = {
    "quick": {"sets": ("digits", "sms_spam", "pendigits"), "strategies": ("random", "margin", "auto"), "seeds": 3},
    "core": {"sets": tuple(SETS), "strategies": CORE, "seeds": 20},
    "breadth": {"sets": ("digits", "sms_spam", "pendigits", "trec6"), "strategies": (), "seeds": 5},
}


def known(strategies: Sequence[str]) -> list[str]:
    """The strategies that this version has; what is missing is said, never silently left out."""
    found = []
    for name in strategies:
        try:
            if not has("policy", name):
                presets.strategy(name)
        except UnknownName:
            print(f"missing: this version has no strategy {name!r}")
            continue
        found.append(name)
    return found


def run_set(
    each: Set, strategies: Sequence[str], seeds: int, out: Path, deadline: float, jobs: int | None
) -> list[dict]:
    """Run a set seed by seed, until all are done or time is up; whole seeds keep the pairs together."""
    data = each.read()
    results: list[dict] = []
    for seed in range(seeds):
        if time.monotonic() > deadline:
            break
        cells = [
            Cell(name, seed, batch=each.batch, budget=min(each.budget, len(data) // 2), seed_set=each.seed_set)
            for name in strategies
        ]
        results += run_cells(data, cells, kept=out / each.name / "cells", jobs=jobs)
    held_out = np.round(np.bincount(data.target, minlength=len(data.classes)) * 0.3).astype(int)
    found = summarise(results, classes=data.classes, held_out=held_out, question=Question())
    for record in found["comparisons"][: len(strategies) - 1]:
        interval = "" if record["low"] is None else f"[{100 * record['low']:+.1f}, {100 * record['high']:+.1f}]"
        print(f"  {record['strategy']:<22}{100 * record['difference']:+6.1f} {interval}  from {record['n']} seeds")
    for failure in found["failures"]:
        print(f"  failed: {failure['strategy']} seed {failure['seed']}: {failure['error']}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tier that takes minutes")
    parser.add_argument("--tier", choices=sorted(TIERS), default="core")
    parser.add_argument("--sets", nargs="*", choices=sorted(SETS), help="only these data sets")
    parser.add_argument("--strategies", nargs="*", help="only these strategies")
    parser.add_argument("--seeds", type=int, help="fewer or more seeds than the tier has")
    parser.add_argument("--hours", type=float, default=6.0, help="begin no new seed after this time")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--out", type=Path, default=Path("bench-efficiency"))
    asked = parser.parse_args()
    tier = TIERS["quick" if asked.quick else asked.tier]
    strategies = known(asked.strategies or tier["strategies"] or presets.names())
    seeds = asked.seeds or tier["seeds"]
    began, deadline = time.monotonic(), time.monotonic() + 3600 * asked.hours
    results: dict[str, list[dict]] = {}
    for name in asked.sets or tier["sets"]:
        print(f"{name}: area under the curve against random, points of accuracy [95 %]")
        results[name] = run_set(SETS[name], strategies, seeds, asked.out, deadline, asked.jobs)
    write(results, asked.out, seconds=time.monotonic() - began)
    wanted, done = len(strategies) * seeds * len(results), sum(map(len, results.values()))
    if done < wanted:
        print(f"not finished: {wanted - done} of {wanted} cells are missing; run it again to go on")
    if seeds < LEAST_SEEDS:
        print(f"{seeds} seeds: too few to claim anything; {LEAST_SEEDS} are the least")


def write(results: dict[str, list[dict]], out: Path, *, seconds: float) -> None:
    """Write one Parquet of every point of every cell, and a line on machine, versions and time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tables = []
    for name, cells in results.items():
        found = SimulationResult({}, tuple(cells)).table()
        tables.append(found.append_column("set", pa.array([name] * found.num_rows, pa.string())))
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), out / "results.parquet", compression="zstd")
    machine = {**versions(), "processor": platform.processor(), "seconds": round(seconds), "finished": int(time.time())}
    (out / "machine.json").write_text(json.dumps(machine, indent=2))
    print(f"{sum(map(len, results.values()))} cells in {seconds:.0f} s: {out / 'results.parquet'}")


if __name__ == "__main__":
    main()
