"""Score and select from pools of embeddings, beside other libraries: seconds and extra memory.

    python -m benchmarks.pools --rows 10000 100000

Synthetic embeddings of 384 axes, ten classes, twenty draws; 100 rows are chosen. Each call runs in its own process,
after a call on 300 rows that loads what is loaded late; memory is the peak of the process beyond what it held before.
What takes longer than `--seconds`, or needs more than `--limit-gb`, says so, and larger pools are not tried.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks import speed_peers as peers

from querist import acquire

WIDTH, CLASSES, DRAWS, PICKS = 384, 10, 20, 100
LIBRARIES = ("querist", "scikit-activeml", "small-text", "baal")
Arrays = dict[str, Any]


def arrays(rows: int, needs: tuple[str, ...]) -> Arrays:
    rng = np.random.default_rng(0)
    made: Arrays = {}
    if "embed" in needs:
        centres = rng.normal(size=(50, WIDTH)).astype(np.float32)
        made["embed"] = np.empty((rows, WIDTH), np.float32)
        for start in range(0, rows, 10_000):
            block = made["embed"][start : start + 10_000]
            rng.standard_normal(out=block, dtype=np.float32)
            block += centres[rng.integers(0, 50, len(block))]
    for name, shape in (("proba", (rows, CLASSES)), ("proba_samples", (DRAWS, rows, CLASSES))):
        if name in needs:
            made[name] = rng.random(shape, dtype=np.float32)
            made[name] /= made[name].sum(axis=-1, keepdims=True)
    return made


def ours(name: str, a: Arrays) -> peers.Work:
    if name in ("margin", "bald"):
        return lambda: acquire.top(scores=getattr(acquire, name)(**a), n=PICKS)
    return lambda: getattr(acquire, name)(**a, n=PICKS, rng=np.random.default_rng(0))


def small_text(name: str, a: Arrays) -> peers.Work | None:
    if not peers.installed("small_text", "torch"):
        return None
    from small_text.integrations.pytorch.query_strategies.strategies import BADGE
    from small_text.query_strategies.bayesian import _bald
    from small_text.query_strategies.coresets import greedy_coreset
    from small_text.query_strategies.strategies import BreakingTies

    rows = np.arange(len(next(iter(a.values()))))
    known, none = rows[:1], np.empty(0)
    match name:
        case "margin":
            # Its data sets are indexed by rows; a table of probabilities stands for model and data.
            return lambda: BreakingTies().query(peers.Given(a["proba"]), rows, rows, known[:0], none, n=PICKS)
        case "bald":
            swapped = np.ascontiguousarray(a["proba_samples"].transpose(1, 0, 2))
            return lambda: np.argpartition(-_bald(swapped), PICKS)[:PICKS]
        case "k_center":
            return lambda: greedy_coreset(a["embed"], rows[1:], known, PICKS, distance_metric="euclidean")
        case "badge":
            strategy = BADGE(CLASSES)
            more = {"embeddings": a["embed"], "embeddings_proba": a["proba"].copy()}
            return lambda: strategy.sample(None, None, rows, known[:0], none, PICKS, **more)
    return None


def scikit_activeml(name: str, a: Arrays) -> peers.Work | None:
    match name:
        case "margin":
            return peers.skactiveml_uncertainty("margin", a["proba"], PICKS)
        case "bald":
            return peers.skactiveml_bald(a["proba_samples"])
        case "badge":
            return peers.skactiveml_badge(a["embed"], a["proba"], PICKS)
        case "k_center" | "typiclust":
            return peers.skactiveml_selector({"k_center": "CoreSet"}.get(name, "TypiClust"), a["embed"], PICKS)
    return None


def baal(name: str, a: Arrays) -> peers.Work | None:
    if name == "bald":
        return peers.baal_bald(a["proba_samples"])
    if name != "margin" or not peers.installed("baal"):
        return None
    with peers.quiet():
        from baal.active.heuristics import Margin
    return lambda: Margin()(a["proba"])


DO: dict[str, Callable[[str, Arrays], peers.Work | None]] = dict(
    zip(LIBRARIES, (ours, scikit_activeml, small_text, baal), strict=True)
)
WORK: dict[str, tuple[str, ...]] = {
    "margin": ("proba",),
    "bald": ("proba_samples",),
    "k_center": ("embed",),
    "badge": ("embed", "proba"),
    "typiclust": ("embed",),
    "bait": ("embed", "proba"),
}


def memory(field: str) -> float:
    """Return a field of the process's status in MB: VmRSS is what it holds, VmHWM the most that it held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def measure(library: str, name: str, rows: int, limit: int, answers: Any) -> None:
    small = DO[library](name, arrays(300, WORK[name]))
    if small is None:
        answers.put(None)
        return
    small()
    given = arrays(rows, WORK[name])
    call = DO[library](name, given)
    assert call is not None
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    held = memory("VmRSS")
    began = time.perf_counter()
    try:
        call()
    except MemoryError:
        answers.put("no memory")
        return
    answers.put((time.perf_counter() - began, memory("VmHWM") - held))


def cell(library: str, name: str, rows: int, seconds: float, limit: int) -> str:
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = context.Process(target=measure, args=(library, name, rows, limit, answers), daemon=True)
    process.start()
    process.join(seconds + 30)
    if process.is_alive():
        process.kill()
        process.join()
        return f"over {seconds:.0f} s"
    if answers.empty():
        return "failed"
    match answers.get():
        case None:
            return ""
        case str():
            return f"over {limit / 2**30:.0f} GB"
        case (took, grown):
            return f"{took:,.3g} s, {grown:,.0f} MB" if took <= seconds else f"over {seconds:.0f} s"
    raise AssertionError


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--limit-gb", type=float, default=8)
    options.add_argument("--only", nargs="+", choices=WORK, default=list(WORK))
    said = options.parse_args()
    print("| work | rows |", " | ".join(LIBRARIES), "|\n|" + "---|" * (2 + len(LIBRARIES)))
    for name in said.only:
        given_up: set[str] = set()
        for rows in said.rows:
            found = []
            for library in LIBRARIES:
                if library in given_up:
                    found.append("not tried")
                    continue
                found.append(cell(library, name, rows, said.seconds, int(said.limit_gb * 2**30)))
                if found[-1].startswith(("over", "failed")):
                    given_up.add(library)
            print(f"| {name} | {rows:,} |", " | ".join(found), "|", flush=True)


if __name__ == "__main__":
    sys.exit(main())
