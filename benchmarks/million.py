"""A project of a million items: how long people wait for a page, an item, a batch, and how much memory it takes.

    python -m benchmarks.million --rows 1000000 --labels 50000 --folder /var/tmp/million [--store postgresql://…]

Makes the project once (a table of eight numbers, labels for some rows), then runs each command in a process of its own
and prints its seconds and the most memory that it held; `served` is a process that has the project open, as a server.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np

COLUMNS = 8


def write_table(path: Path, rows: int, labels: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, COLUMNS)).astype(np.float32)
    target = np.where(x[:, 0] + 0.5 * x[:, 1] + rng.normal(scale=0.5, size=rows) > 0, "yes", "no")
    label = [str(name) if n < labels else None for n, name in enumerate(target)]
    columns = {"id": [f"row{n}" for n in range(rows)], **{f"c{n}": x[:, n] for n in range(COLUMNS)}, "label": label}
    pq.write_table(pa.table(columns), path)


def command(*words: object) -> tuple[float, float, float]:
    """Run a command line; return its seconds, those of the processor, and its peak of resident memory in MB."""
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, "-m", "querist", *map(str, words)], stdout=subprocess.DEVNULL) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{words} ended with {child.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def timed(name: str, call: object, *, repeat: int = 1) -> object:
    took = []
    for _ in range(repeat):
        began = time.perf_counter()
        result = call()  # type: ignore[operator]
        took.append(time.perf_counter() - began)
    print(f"served: {name:<28}{np.median(took) * 1000:10.1f} ms, slowest {max(took) * 1000:.1f} ms", flush=True)
    return result


def served(folder: Path, answers: int) -> None:
    """What a server does that has had the project open for a while."""
    from querist.engine import commands, steering, views
    from querist.engine.offline import FileAnswer
    from querist.engine.project import Project
    from querist.engine.run import run_until_waiting

    project = Project.open(folder)
    timed("first look", lambda: views.status(project))
    timed("status", lambda: views.status(project), repeat=5)

    def answer() -> None:
        (task,) = commands.next_items(project, "p_bench", 1, [])["tasks"]
        commands.submit(
            project, "p_bench", FileAnswer(uuid.uuid4(), task["item"], project.task.classes[0], lease=task["lease"])
        )

    timed("take an item and answer it", answer, repeat=answers)
    timed("what happens now", lambda: views.now(project), repeat=5)
    item = project.pool().items[len(project.pool()) // 2]
    from querist.engine import trust

    timed("explain", lambda: trust.explain(project, item), repeat=3)
    steering.retrain(project, "p_bench", str(uuid.uuid4()))
    timed("train, evaluate, next batch", lambda: run_until_waiting(project))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"served: peak of memory {peak:,.0f} MB", flush=True)
    project.store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labels", type=int, default=50_000)
    parser.add_argument("--answers", type=int, default=20)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp/querist-million"))
    parser.add_argument("--store")
    parser.add_argument("--item", help="the one to explain, in a project of other items; without it, the middle one")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    data, project = wanted.folder / "table.parquet", wanted.folder / "project"
    runs: list[tuple[object, ...]] = [
        ("status", project),  # the first one keeps what the ledger came to
        ("status", project),
        ("explain", project, wanted.item or f"row{wanted.rows // 2}"),
    ]
    runs += [("export", project, "--out", wanted.folder / "labels.csv"), ("verify", project)]
    if not (project / "querist.toml").exists():
        write_table(data, wanted.rows, wanted.labels)
        where = ("--store", wanted.store) if wanted.store else ()
        columns = ",".join(f"c{n}" for n in range(COLUMNS))
        made = ("init", project, "--data", data, "--id", "id", "--columns", columns, "--label", "label", *where)
        runs = [made, ("train", project), *runs]
    for words in runs:
        seconds, processor, peak = command(*words)
        print(f"{words[0]!s:<8}{seconds:10.1f} s {processor:10.1f} s of processor {peak:10,.0f} MB", flush=True)
    served(project, wanted.answers)


if __name__ == "__main__":
    main()
