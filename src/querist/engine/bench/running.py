"""Run the cells of a bench on all processors, and keep each one as soon as it is finished."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from querist import compute
from querist.engine.bench.cells import Cell, run_cell
from querist.engine.bench.labelled import Labelled
from querist.errors import Damaged
from querist.types import Json, canonical_json

NOTHING: Final[Json] = {"points": [], "picks": [], "reliability": [], "confusion": [], "wrong": []}
"""What a cell that failed has found."""


def run_cells(
    data: Labelled,
    cells: Sequence[Cell],
    *,
    kept: Path | None = None,
    jobs: int | None = None,
    timeout: float | None = None,
    progress: bool = False,
) -> list[Json]:
    """Run cells in parallel and return what became of each, in the order given.

    A cell whose file is in the folder `kept` is read, not run; a finished one is written there at once. A cell that
    fails is a result with status "failed", its error, and no points; remove its file to try it again.
    """
    results: dict[int, Json] = {}
    # Other features, other results: cells of both may lie in one folder.
    fingerprint = data.fingerprint if data.features == "auto" else f"{data.fingerprint}/{data.features}"
    for number, cell in enumerate(cells):
        known = None if kept is None else _read_cell(kept / f"{cell.key(fingerprint)}.json")
        if known is not None:
            results[number] = known
    missing = [number for number in range(len(cells)) if number not in results]
    todo = [cells[number] for number in missing]
    with _bar(len(cells), done=len(results), show=progress) as advance:
        for outcome in compute.map(run_cell, todo, shared=data, jobs=jobs, timeout=timeout):
            cell = todo[outcome.index]
            results[missing[outcome.index]] = result = {
                "strategy": cell.name,
                "seed": cell.seed,
                "status": "finished" if outcome.error is None else "failed",
                "error": outcome.error,
                "seconds": outcome.seconds,
                "cell": cell.to_json(),
                **(outcome.value or NOTHING),
            }
            if kept is not None:
                kept.mkdir(parents=True, exist_ok=True)
                write_text(kept / f"{cell.key(fingerprint)}.json", canonical_json(result))
            advance()
    return [results[number] for number in range(len(cells))]


def _read_cell(path: Path) -> Json | None:
    try:
        result: Json = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Damaged(f"{path} is not a finished cell ({error}); remove the file to run the cell again") from error
    return result


def write_text(path: Path, text: str) -> None:
    """Write a file in one step: a reader, or a run after a crash, sees all of it or nothing."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


@contextlib.contextmanager
def _bar(total: int, *, done: int, show: bool) -> Iterator[Callable[[], None]]:
    if not show:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    left = TextColumn("{task.fields[left]}")
    # Standard error, so that `--json` on standard output stays clean.
    with Progress(*columns, left, console=Console(stderr=True)) as progress:
        task = progress.add_task("runs", total=total, completed=done, left="" if done < total else "all were kept")
        began, before = time.perf_counter(), done

        def advance() -> None:
            nonlocal done
            done += 1
            # Rich's own estimate sees a burst as soon as two processes finish together; the mean is steadier.
            seconds = (time.perf_counter() - began) / (done - before) * (total - done)
            progress.update(task, completed=done, left=f"{_duration(seconds)} left" if done < total else "done")

        yield advance


def _duration(seconds: float) -> str:
    """Return a time as people say it.

    >>> _duration(75), _duration(3.2), _duration(7300)
    ('1 min 15 s', '3 s', '2 h 1 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
