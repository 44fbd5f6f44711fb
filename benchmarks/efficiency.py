"""Label efficiency on real data: strategies × data sets × seeds against random, every finished cell kept.

    python -m benchmarks.efficiency --quick                      # minutes, no data needed: what CI runs
    python -m benchmarks.efficiency --tier core --hours 6        # goes on where the last run stopped
    python -m benchmarks.efficiency --status                     # which cells are missing
    python -m benchmarks.efficiency --join other.parquet         # cells that were run elsewhere
    python -m benchmarks.efficiency --verdict --tier core        # the comparison, and whether auto earned its name
    python -m benchmarks.efficiency --write-docs                 # tables and pictures from the kept cells

Finished cells are rows of one Parquet, which is committed; a cell is run once, on whatever machine. What each set is,
and where its data come from, is in `benchmarks/sets.py`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks import keeping
from benchmarks.efficiency_page import ahead, points, write_page
from benchmarks.plain_switch import SwitchCell
from benchmarks.sets import CORE, OPENED, SETS, UNTOUCHED, Set

from querist.acquire import presets
from querist.engine.bench.across import LEAST_SEEDS, verdict, view
from querist.engine.bench.cells import Cell
from querist.engine.bench.labelled import Labelled
from querist.engine.bench.running import run_cells
from querist.engine.bench.summary import Question

STRATEGIES = (
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
    "kl_disagreement",
    "auto",
)
"""The core: `kl_disagreement` is the committee, five bootstrapped copies that advise the model that is deployed."""
FOUR = ("sms_spam", "pendigits", "trec6_minilm", "messidor")
OFFERED = {"proba", "embed", "proba_samples", "head_weight", "head_bias", "head_l2", "target"}
KEPT = Path(__file__).parent / "results" / "efficiency.parquet"


def other_strategies() -> tuple[str, ...]:
    """Every preset that a linear classifier with advisers can serve, random first; the rest needs other tasks."""
    return ("random", *(name for name in presets.served_by(OFFERED) if name not in STRATEGIES))


@dataclass(frozen=True)
class Tier:
    """A part of the bench: strategies × sets × models × seeds, in the order in which they are run."""

    sets: tuple[Set, ...]
    strategies: tuple[str, ...]
    seeds: int
    models: tuple[str, ...] = ("logistic_regression",)

    def part(self, *, sets: Sequence[str] = (), strategies: Sequence[str] = (), seeds: int | None = None) -> Tier:
        """What is left when only some sets, strategies or seeds are wanted; nothing named means all of them."""
        return Tier(
            tuple(each for each in self.sets if not sets or each.name in sets),
            tuple(name for name in self.strategies if not strategies or name in strategies),
            self.seeds if seeds is None else min(seeds, self.seeds),
            self.models,
        )

    def by_model(self) -> list[Tier]:
        """A tier of one model each: what different models learn is never put together."""
        return [replace(self, models=(model,)) for model in self.models]

    def cells(self, each: Set) -> list[Cell]:
        """The cells of a set, seed by seed, so that whatever is there is paired."""
        return [
            (SwitchCell if name == "plain_switch" else Cell)(
                name,
                seed,
                model,
                each.batch,
                each.budget,
                each.seed_set,
                conditions=each.conditions,
                advisers=5,
            )
            for model in self.models
            for seed in range(self.seeds)
            for name in self.strategies
        ]


def tiers() -> dict[str, Tier]:
    """The parts of the bench by name."""
    four = tuple(SETS[name] for name in FOUR)
    return {
        "quick": Tier((SETS["noise_blob"], SETS["wine"]), ("random", "margin", "auto"), 2),
        "core": Tier(CORE, STRATEGIES, 20),
        "switch": Tier(CORE, ("random", "plain_switch", "auto"), 20),
        "breadth": Tier(four, other_strategies(), 5),
        "models": Tier(four, STRATEGIES, 5, ("random_forest", "svm")),
        "opened": Tier(OPENED, STRATEGIES, 20),
        "untouched": Tier(UNTOUCHED, STRATEGIES, 20),
        "all": Tier((*CORE, *OPENED, *UNTOUCHED), STRATEGIES, 20),
    }


def run(tier: Tier, path: Path, *, deadline: float, jobs: int | None) -> None:
    """Run what is missing of a tier, seed by seed, and write the Parquet after each."""
    kept = keeping.read(path)
    made = keeping.origin()
    for each in tier.sets:
        data = each.read()
        missing = [cell for cell in tier.cells(each) if cell.key(data.fingerprint) not in kept]
        began = time.monotonic()
        for cells in _by_seed(missing):
            if time.monotonic() > deadline:
                break
            _run_seed(each, data, cells, kept, made, jobs)
            keeping.write(path, list(kept.values()))
        print(f"{each.name}: {len(missing)} cells were missing, {time.monotonic() - began:.0f} s", flush=True)
    keeping.write(path, list(kept.values()))


def _by_seed(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    groups: dict[tuple[Any, int], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((cell.model, cell.seed), []).append(cell)
    yield from groups.values()


def _run_seed(
    each: Set, data: Labelled, cells: list[Cell], kept: dict[str, Any], made: dict[str, str], jobs: int | None
) -> None:
    for cell, found in zip(cells, run_cells(data, cells, jobs=jobs), strict=True):
        key = cell.key(data.fingerprint)
        kept[key] = keeping.row(each.name, key, found, {**made, "finished": int(time.time())})
        if found["error"]:
            print(f"  failed: {each.name} {cell.name} seed {cell.seed}: {found['error']}", flush=True)


def kept_cells(tier: Tier, path: Path) -> dict[str, list[dict[str, Any]]]:
    """Set → the tier's finished cells, without reading the data."""
    wanted = {
        (each.name, keeping.json.dumps(cell.to_json(), sort_keys=True))
        for each in tier.sets
        for cell in tier.cells(each)
    }
    found: dict[str, list[dict[str, Any]]] = {}
    for kept in keeping.read(path).values():
        if (kept["set"], kept["cell"]) in wanted:
            found.setdefault(kept["set"], []).append(keeping.result(kept))
    return {each.name: found[each.name] for each in tier.sets if each.name in found}


def status(path: Path) -> None:
    """Print, for each tier, how many cells are there and which are missing."""
    for name, tier in tiers().items():
        found = kept_cells(tier, path)
        wanted = sum(len(tier.cells(each)) for each in tier.sets)
        there = sum(map(len, found.values()))
        print(f"{name}: {there} of {wanted} cells")
        for each in tier.sets:
            gap = len(tier.cells(each)) - len(found.get(each.name, []))
            if gap:
                print(f"  missing: {gap} of {each.name}")


def show(tier: Tier, path: Path) -> None:
    """Print the comparison over the finished sets, model by model, and whether `auto` earned its name there."""
    for part in tier.by_model():
        if found := kept_cells(part, path):
            print(f"{part.models[0]}:")
            _show(part, found)


def _show(tier: Tier, found: dict[str, list[dict[str, Any]]]) -> None:
    compared = view(found, Question())
    for s in sorted(compared["strategies"], key=lambda s: -s["area"]):
        against = s["against"]
        words = (
            ""
            if against is None
            else "  " + ", ".join(points(against[p]) for p in ("whole", "first", "middle", "last"))
        )
        tally = "" if against is None else "  {wins} better, {losses} worse".format(**against["tally"])
        print(f"  {s['strategy']:<22}{100 * s['area']:6.1f}{words}{tally}")
    print(f"  over {len(compared['sets'])} sets: {', '.join(s['set'] for s in compared['sets'])}")
    if "auto" in tier.strategies:
        judged = verdict(found, "auto", Question())
        for third in judged["thirds"]:
            rivals = f"auto against {third['best']} in the {third['period']} third"
            shown = "" if third["low"] >= -0.015 else " (not shown: the interval goes below −1.5)"
            print(f"  {rivals}: {points(third)}{shown}; above it besides: {ahead(third['above'])}")
        worse = judged["worse_than_baseline"] or "none"
        judgement = f"auto is worse than random on: {worse}; holds: {judged['holds']}"
        print(f"  {'auto is not finished on these sets' if judged['holds'] is None else judgement}")
    few = [s["set"] for s in compared["sets"] if s["seeds"] < LEAST_SEEDS]
    if few:
        print(f"  fewer than {LEAST_SEEDS} seeds, so nothing is claimed: {', '.join(few)}")


def _forgotten(kept: dict[str, Any], strategies: Sequence[str], sets: Sequence[str]) -> bool:
    return kept["strategy"] in strategies and (not sets or kept["set"] in sets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the tier that takes minutes and needs no data")
    parser.add_argument("--tier", choices=list(tiers()), default="core")
    parser.add_argument("--sets", nargs="*", choices=sorted(SETS), default=[], help="only these data sets")
    parser.add_argument("--strategies", nargs="*", default=[], help="only these strategies")
    parser.add_argument("--seeds", type=int, help="only so many seeds")
    parser.add_argument("--again", nargs="*", default=[], help="forget the kept cells of these strategies first")
    parser.add_argument("--join", nargs="*", type=Path, default=[], help="only let the cells of these files join")
    parser.add_argument("--hours", type=float, default=6.0, help="begin no new seed after this time")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--kept", type=Path, default=KEPT, help="the Parquet of finished cells")
    parser.add_argument("--status", action="store_true", help="only say what is there")
    parser.add_argument("--verdict", action="store_true", help="only compare, and say whether auto earned its name")
    parser.add_argument("--write-docs", action="store_true", help="only write tables and pictures")
    asked = parser.parse_args()
    name = "quick" if asked.quick else asked.tier
    tier = tiers()[name]
    path = Path("bench-efficiency/quick.parquet") if asked.quick and asked.kept == KEPT else asked.kept
    if asked.status:
        status(path)
        return
    if asked.verdict:
        show(tier, path)
        return
    if asked.write_docs:
        parts = {name: tier.by_model() for name, tier in tiers().items() if name not in ("quick", "all")}
        write_page({name: [(each, kept_cells(each, path)) for each in listed] for name, listed in parts.items()}, path)
        return
    if asked.join:
        joined = keeping.join(path, asked.join)
        print(f"{joined} cells joined {path}")
        return
    if asked.again:
        left = [kept for kept in keeping.read(path).values() if not _forgotten(kept, asked.again, asked.sets)]
        keeping.write(path, left)
    began = time.monotonic()
    part = tier.part(sets=asked.sets, strategies=asked.strategies, seeds=asked.seeds)
    run(part, path, deadline=began + 3600 * asked.hours, jobs=asked.jobs)
    print(f"{name}: {time.monotonic() - began:.0f} s; cells in {path}")
    show(tier, path)
    status(path)


if __name__ == "__main__":
    main()
