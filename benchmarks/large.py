"""Selection from a pool larger than memory: a memory-mapped float16 file, under a limit on what may be allocated.

    python -m benchmarks.large --rows 10000000 --limit-gb 2 --folder /var/tmp

Writes rows × 384 numbers once, then runs each strategy in a process of its own whose data segment is limited (the file
itself is mapped, and counts for nothing). Prints seconds and the peak of resident memory that is not the file's; the
probabilities and scores that a strategy is given are within it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import threading
import time
from pathlib import Path

import numpy as np

from querist import acquire

WIDTH, CLASSES = 384, 10
STRATEGIES = ("margin", "information_density", "k_center", "badge", "bait", "weighted_kmeans", "max_herding")


def written(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, WIDTH)).astype(np.float32)
    # To draw four billion numbers takes longer than to select: each block turns the same ones another way.
    noise = rng.standard_normal((100_000, WIDTH), dtype=np.float32)
    unfinished = path.with_suffix(".part")
    data = np.lib.format.open_memmap(unfinished, "w+", np.float16, (rows, WIDTH))
    for start in range(0, rows, 100_000):
        block = data[start : start + 100_000]
        block[:] = np.roll(noise, rng.integers(WIDTH), axis=1)[: len(block)] + centres[rng.integers(0, 100, len(block))]
    data.flush()
    unfinished.rename(path)


def anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


class Peak(threading.Thread):
    """Looks at the memory twenty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.mb = 0.0

    def run(self) -> None:
        while True:
            self.mb = max(self.mb, anonymous_mb())
            time.sleep(0.05)


def run(name: str, path: Path, limit: int, answers: multiprocessing.SimpleQueue) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    peak = Peak()
    peak.start()
    embed = np.load(path, mmap_mode="r")
    rng = np.random.default_rng(0)
    proba = rng.random((len(embed), CLASSES), dtype=np.float32)
    proba /= proba.sum(axis=1, keepdims=True)
    start = time.perf_counter()
    if name == "margin":
        acquire.top(scores=acquire.margin(proba=proba), n=100)
    elif name == "information_density":
        acquire.top(scores=acquire.information_density(embed=embed), n=100)
    else:
        more = {"proba": proba} if name in ("badge", "bait") else {}
        more |= {"scores": acquire.margin(proba=proba)} if name == "weighted_kmeans" else {}
        getattr(acquire, name)(embed=embed, n=100, rng=rng, **more)
    answers.put((time.perf_counter() - start, peak.mb))


def main() -> None:
    parser = argparse.ArgumentParser(description="Selection under a memory limit.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--limit-gb", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--only", default="", help="part of a strategy's name; `nothing` only writes the file")
    wanted = parser.parse_args()
    path = wanted.folder / f"querist-large-{wanted.rows}.npy"
    if not path.exists():
        written(path, wanted.rows)
    for name in STRATEGIES:
        if wanted.only in name:
            answers: multiprocessing.SimpleQueue = multiprocessing.SimpleQueue()
            process = multiprocessing.Process(target=run, args=(name, path, int(wanted.limit_gb * 2**30), answers))
            process.start()
            process.join()
            if process.exitcode:
                print(f"{name:<24} failed (exit code {process.exitcode})", flush=True)
            else:
                seconds, peak = answers.get()
                print(f"{name:<24}{seconds:10.1f} s {peak:10.0f} MB at most", flush=True)


if __name__ == "__main__":
    main()
