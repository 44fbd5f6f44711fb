"""How long strategies take, against the machine's own limit and against peers that happen to be installed.

    python -m benchmarks.speed                 # small sizes, under a minute on a quiet machine
    python -m benchmarks.speed --full          # the sizes of the table in docs/benchmarks.md
    python -m benchmarks.speed --only badge --json

A *read* is the time to go once over the bytes that a strategy must see, measured in the same run; *reads* is our time
as a multiple of it. Times are medians; extra memory is the peak that numpy asked for beyond the input.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from querist import acquire

Work = Callable[[], Any]


@dataclass(frozen=True)
class Row:
    """One measured line: seconds of ours, of one read and, where it is installed, of a peer."""

    work: str
    seconds: float
    read: float
    extra_mb: float
    peer: str = ""
    peer_seconds: float | None = None

    @property
    def reads(self) -> float:
        return self.seconds / self.read

    def line(self) -> str:
        ratio = f"{self.peer} {self.peer_seconds / self.seconds:8.1f} ×" if self.peer_seconds else ""
        return (
            f"{self.work:<52}{1e3 * self.seconds:10.1f} ms{1e3 * self.read:9.2f} ms{self.reads:9.1f}"
            f"{self.extra_mb:9.1f} MB  {ratio}"
        )


@dataclass(frozen=True)
class Case:
    """Something to time: `make` returns what to run, the arrays that it must see, and the peer's way of doing it."""

    name: str
    work: str
    make: Callable[[bool], tuple[Work, list[np.ndarray], tuple[str, Work] | None]]


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def proba(n: int, c: int) -> np.ndarray:
    values = rng().random((n, c), dtype=np.float32)
    values /= values.sum(axis=1, keepdims=True)
    return values


def clustered(n: int, d: int, groups: int = 50) -> np.ndarray:
    draw = rng()
    centres = 1.5 * draw.standard_normal((groups, d), dtype=np.float32)
    return draw.standard_normal((n, d), dtype=np.float32) + centres[draw.integers(0, groups, n)]


def scores_of(name: str, c: int) -> Case:
    def make(full: bool) -> tuple[Work, list[np.ndarray], tuple[str, Work] | None]:
        p = proba(1_000_000 if full else 200_000, c)
        ours = getattr(acquire, name)

        def run() -> np.ndarray:
            return acquire.top(scores=ours(proba=p), n=100)

        return run, [p], modal_peer(name, p)

    return Case(name, f"{name}, top 100, c = {c}", make)


def modal_peer(name: str, p: np.ndarray) -> tuple[str, Work] | None:
    if importlib.util.find_spec("modAL") is None:
        return None
    from modAL.uncertainty import entropy_sampling, margin_sampling, uncertainty_sampling

    class Given:
        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return p[rows]

    peer = {"margin": margin_sampling, "entropy": entropy_sampling, "least_confidence": uncertainty_sampling}[name]
    return "modAL", lambda: peer(Given(), np.arange(len(p)), n_instances=100)


def selector(
    name: str, n: int, d: int, *, small: int, data: Callable[[int, int], np.ndarray] = clustered, **more: Any
) -> Case:
    title = more.pop("title", "")

    def make(full: bool) -> tuple[Work, list[np.ndarray], None]:
        rows = n if full else small
        x = data(rows, d)
        given: dict[str, Any] = {"embed": x, **{key: value(rows) for key, value in more.items()}}
        seen = [x] + [array for key, array in given.items() if key == "proba"]
        return lambda: getattr(acquire, name)(**given, n=100, rng=rng()), seen, None

    return Case(name, f"{name}, 100 picks, d = {d}{title}", make)


def flat(n: int, d: int) -> np.ndarray:
    return rng().standard_normal((n, d), dtype=np.float32)


def equal(n: int, d: int) -> np.ndarray:
    return np.ones((n, d), np.float32)


def density(full: bool) -> tuple[Work, list[np.ndarray], None]:
    x = clustered(1_000_000 if full else 100_000, 64)
    return lambda: acquire.information_density(embed=x), [x], None


def ten_classes(rows: int) -> np.ndarray:
    return proba(rows, 10)


CASES = [
    *[scores_of(name, c) for c in (10, 100) for name in ("margin", "entropy", "least_confidence")],
    selector("k_center", 1_000_000, 512, small=50_000),
    selector("k_center", 100_000, 64, small=50_000),
    selector("k_center", 100_000, 2, small=50_000, data=flat, title=", one cloud"),
    selector("k_center", 100_000, 16, small=50_000, data=equal, title=", all equal"),
    selector("kmeans_plus_plus", 100_000, 64, small=50_000),
    selector("badge", 1_000_000, 512, small=50_000, proba=ten_classes),
    selector("badge", 100_000, 64, small=50_000, proba=ten_classes),
    selector("bait", 200_000, 384, small=20_000, proba=ten_classes),
    selector("typiclust", 100_000, 64, small=20_000),
    selector("max_herding", 200_000, 384, small=20_000),
    selector("uncertainty_herding", 200_000, 384, small=20_000, proba=ten_classes),
    selector("prob_cover", 200_000, 384, small=20_000),
    selector("graph_cut", 200_000, 384, small=50_000),
    selector("weighted_kmeans", 200_000, 384, small=50_000, scores=lambda n: rng().random(n, dtype=np.float32)),
    Case("information_density", "information density, cosine, d = 64", density),
]


def measure(case: Case, *, full: bool, repeats: int) -> Row:
    run, seen, peer = case.make(full)
    run()
    read = min(seconds(lambda: [array.sum() for array in seen]) for _ in range(repeats + 2))
    ours = statistics.median(seconds(run) for _ in range(repeats))
    theirs = statistics.median(seconds(peer[1]) for _ in range(repeats)) if peer else None
    tracemalloc.start()
    run()
    extra = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    shape = " × ".join(str(length) for length in seen[0].shape)
    return Row(f"{case.work} ({shape})", ours, read, extra, peer[0] if peer else "", theirs)


def seconds(run: Work) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def rows(only: str, *, full: bool, repeats: int) -> Iterator[Row]:
    for case in CASES:
        if only in case.name:
            yield measure(case, full=full, repeats=repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time strategies against one read of their input.")
    parser.add_argument("--full", action="store_true", help="the sizes of the published table")
    parser.add_argument("--only", default="", help="part of a strategy's name")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    found = []
    if not wanted.json:
        print(f"{'work':<52}{'ours':>13}{'one read':>12}{'reads':>9}{'extra':>12}  peer / ours")
    for row in rows(wanted.only, full=wanted.full, repeats=wanted.repeats):
        found.append(row)
        if not wanted.json:
            print(row.line(), flush=True)
    if wanted.json:
        print(json.dumps([{**asdict(row), "reads": row.reads} for row in found], indent=1))


if __name__ == "__main__":
    main()
