"""Selection from a pool larger than memory: a memory-mapped float16 file, under a limit on what may be allocated.

    python -m benchmarks.large --rows 10000000 --limit-gb 2 --folder /var/tmp

Writes rows × 384 numbers once, then runs each strategy in a process of its own whose data segment is limited (the file
itself is mapped, and counts for nothing). Prints seconds and the peak of resident memory that is not the file's.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np

from querist import acquire

WIDTH, CLASSES = 384, 10
STRATEGIES = ("margin", "information_density", "k_center", "badge", "bait", "weighted_kmeans", "max_herding")


def written(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(100, WIDTH)).astype(np.float32)
    data = np.lib.format.open_memmap(path, "w+", np.float16, (rows, WIDTH))
    for start in range(0, rows, 100_000):
        block = data[start : start + 100_000]
        block[:] = rng.standard_normal(block.shape, dtype=np.float32) + centres[rng.integers(0, 100, len(block))]
    data.flush()


def anonymous_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(name: str, path: Path, limit: int, answers: multiprocessing.SimpleQueue) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
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
    answers.put((time.perf_counter() - start, anonymous_mb()))


def main() -> None:
    parser = argparse.ArgumentParser(description="Selection under a memory limit.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--limit-gb", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--only", default="")
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
                print(f"{name:<24}{seconds:10.1f} s {peak:10.0f} MB resident at the end", flush=True)


if __name__ == "__main__":
    main()
