"""How long strategies take: against one read of what they must see, and against peers on the same arrays.

    python -m benchmarks.speed                            # a tenth of the sizes
    python -m benchmarks.speed --full --write             # the published sizes, into docs/benchmarks.md
    python -m benchmarks.speed --full --only badge bait   # rows that begin with these words; `loop` is the last table
    python -m benchmarks.speed --write                    # the page from what is kept, measuring nothing

What is measured at full size is kept in benchmarks/results/speed.json, row by row with its date and commit, so that the
table can be made in parts.

A *read* goes once over the bytes that a strategy must see, by a dot product of the array with itself, in the same run;
*reads* is our time as a multiple of it. We and a peer take turns, and the ratio is that of the medians. Both have one
thread, as the engine gives to strategies: on a machine with other work, two threads wait for each other. With
`--clock cpu` the processor's time counts instead of the wall's, for machines that are not quiet; such rows are marked.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import platform
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.page import commit, header, write
from benchmarks.speed_loop import loops
from benchmarks.speed_peers import installed
from benchmarks.speed_work import Beside, Piece, pieces
from threadpoolctl import threadpool_limits

KEPT = Path(__file__).parent / "results" / "speed.json"
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Ratio:
    """A peer's time over ours, on arrays of the same size; `partly` where it did a part of the work."""

    name: str
    at: str
    theirs: float
    ours: float
    at_least: float
    partly: bool

    @property
    def times(self) -> float:
        return self.theirs / self.ours

    def words(self) -> str:
        goal = (
            "" if not self.at_least else f" (goal {self.at_least:g}{'' if self.times >= self.at_least else ', missed'})"
        )
        at = f", {self.at}" if self.at else ""
        return f"{self.name}{at}: {spoken(self.theirs)}{'*' if self.partly else ''}, {self.times:,.3g} ×{goal}"


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of ours, of one read, megabytes beyond the input, and the peers."""

    name: str
    work: str
    seconds: float
    read: float
    extra_mb: float
    goal_reads: float | None
    beside: tuple[Ratio, ...]
    missing: tuple[str, ...] = ()

    @property
    def reads(self) -> float:
        return self.seconds / self.read

    def cells(self) -> list[str]:
        reads = f"{self.reads:,.3g}"
        if self.goal_reads:
            reads += f" (goal {self.goal_reads:g}{'' if self.reads <= self.goal_reads else ', missed'})"
        words = [ratio.words() for ratio in self.beside] + [f"{name} is not installed" for name in self.missing]
        beside = "; ".join(words) or "no peer can"
        return [self.work, spoken(self.seconds), reads, f"{self.extra_mb:,.0f} MB", beside]


def spoken(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1e3 * seconds:.3g} ms"


def timed(work: Callable[[], Any], clock: Callable[[], float]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = clock()
        work()
        return clock() - start


def one_read(arrays: list[np.ndarray], clock: Callable[[], float]) -> float:
    """Return the least time of five that it takes to go over the arrays once."""
    flat = [np.ascontiguousarray(array, np.float32).reshape(-1) for array in arrays]
    # A half is read as half of a single.
    share = sum(array.nbytes for array in arrays) / sum(array.nbytes for array in flat)
    return share * min(timed(lambda: [np.dot(array, array) for array in flat], clock) for _ in range(5))


def measure(piece: Piece, *, size: int, quick: bool, clock: Callable[[], float]) -> Row:
    ours, seen, beside = piece.make(size)
    repeats = 1 if quick else piece.repeats
    if piece.repeats > 1:
        ours()
    read = one_read(seen, clock)
    seconds = statistics.median(timed(ours, clock) for _ in range(repeats))
    ratios = tuple(compare(one, repeats, clock) for one in beside if one.theirs is not None)
    tracemalloc.start()
    ours()
    extra = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    missing = tuple(one.name for one in beside if one.theirs is None)
    return Row(piece.name, piece.work, seconds, read, extra, piece.reads, ratios, missing)


def compare(one: Beside, repeats: int, clock: Callable[[], float]) -> Ratio:
    """Return the medians of turns of both; a peer that takes longer than five seconds has one turn."""
    ours, theirs = [], []
    for _ in range(max(1, repeats)):
        ours.append(timed(one.ours, clock))
        theirs.append(timed(one.theirs, clock) * one.times)  # type: ignore[arg-type]
        if theirs[0] / one.times > 5:
            break
    middle = statistics.median
    return Ratio(one.name, one.at, middle(theirs), middle(ours), one.at_least, one.times != 1)


def rows(only: list[str], *, size: int, quick: bool, clock: Callable[[], float]) -> Iterator[Row]:
    for piece in pieces():
        if not only or piece.work.startswith(tuple(only)):
            yield measure(piece, size=size, quick=quick, clock=clock)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Give numpy and the peers' libraries so many threads."""
    if installed("torch"):
        import torch

        torch.set_num_threads(count)
    with threadpool_limits(count):
        yield


# --- what is kept


def keep(table: str, cells: list[str], clock: str) -> None:
    """Keep one line of a table, in place of an older one of the same work."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    about = {"cells": cells, "date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit(), "clock": clock}
    kept.setdefault(table, {})[cells[0]] = about
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def tables() -> str:
    """Return both tables from what is kept, lines in the order in which they are measured."""
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    work, loop = kept.get("work", {}), kept.get("loop", {})
    order = [piece.work for piece in pieces() if piece.work in work]
    found = [*(work[name] for name in order), *loop.values()]
    dates, commits = ({about[part] for about in found} for part in ("date", "commit"))
    facts = (
        f"{' and '.join(sorted(dates))}, {platform.machine()}, numpy {np.__version__}, one thread, commits "
        f"{', '.join(sorted(commits))}. Wall time on a quiet machine; where a ° stands, processor time on a busy one."
    )
    lines = [facts, "", *header(["work", "ours", "reads", "extra memory", "beside: theirs, ratio"])]
    lines += [line(work[name]) for name in order]
    lines += ["", *header(["20 rounds of 50, margin", "whole", "outside fit and predict", "share inside", "beside"])]
    lines += [line(about) for about in loop.values()]
    return "\n".join(lines)


def line(about: dict[str, Any]) -> str:
    name, *cells = about["cells"]
    return "| " + " | ".join([f"{name} °" if about["clock"] == "cpu" else name, *cells]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Time strategies against one read of their input, and against peers.")
    parser.add_argument("--full", action="store_true", help="the sizes of the published table; kept")
    parser.add_argument("--only", nargs="*", default=[], help="rows that begin with one of these, or `loop`")
    parser.add_argument("--quick", action="store_true", help="once each")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="put what is kept into docs/benchmarks.md")
    wanted = parser.parse_args()
    size, clock = 1 if wanted.full else 10, CLOCKS[wanted.clock]
    worth_keeping = wanted.full and not wanted.quick and wanted.threads == 1
    with threads(wanted.threads):
        if wanted.full or not wanted.write:
            for name, cells in measured(wanted.only, size=size, quick=wanted.quick, clock=clock):
                print(" | ".join(cells), flush=True)
                if worth_keeping:
                    keep(name, cells, wanted.clock)
    if wanted.write:
        write("speed", tables())


def measured(only: list[str], *, size: int, quick: bool, clock: Callable[[], float]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines of both tables, each with the name of its table."""
    for row in rows(only, size=size, quick=quick, clock=clock):
        yield "work", row.cells()
    if not only or "loop" in only:
        for cells in loops(size, clock):
            yield "loop", cells


if __name__ == "__main__":
    main()
