"""Finished cells as one Parquet: a row a cell, with machine, versions and time, that later runs read and continue."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.versions import machine, versions

LISTS: Final = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "macro_precision",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
    "cost",
    "seconds_model",
    "seconds_query",
    "bytes_query",
)
"""Figures of each point; the recall of each class follows as one long list."""


def origin() -> dict[str, str]:
    """Where and with what the cells of this run are made."""
    here = Path(__file__).parent
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    found = versions()
    libraries = ", ".join(f"{name} {found[name]}" for name in ("python", "numpy", "scipy", "scikit-learn"))
    return {"version": found["querist"], "commit": asked.stdout.strip(), "machine": f"{machine()}; {libraries}"}


def row(set_name: str, key: str, result: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """A cell's result as a row; `made` says where, with what and when."""
    points = result["points"]
    recall = [value for point in points for value in point["recall"]]
    return {
        "set": set_name,
        "key": key,
        "strategy": result["strategy"],
        "seed": result["seed"],
        "status": result["status"],
        "error": result["error"],
        "seconds": result["seconds"],
        "cell": json.dumps(result["cell"], sort_keys=True),
        **made,
        "labels": [point["labels"] for point in points],
        **{name: [point.get(name) for point in points] for name in LISTS},
        "failed_fits": points[-1]["failed_fits"] if points else 0,
        "recall": recall,
        "picks": result["picks"],
        "reliability": json.dumps(result["reliability"]),
    }


def result(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What `run_cells` gave, from a row, as far as comparisons need it."""
    labels = kept["labels"]
    classes = len(kept["recall"]) // len(labels) if labels else 0
    points = [
        {
            "labels": at,
            **{name: kept[name][i] for name in LISTS},
            "recall": kept["recall"][i * classes : (i + 1) * classes],
            "failed_fits": kept["failed_fits"],
        }
        for i, at in enumerate(labels)
    ]
    own = {name: kept[name] for name in ("strategy", "seed", "status", "error", "seconds", "picks")}
    return {**own, "cell": json.loads(kept["cell"]), "points": points, "reliability": json.loads(kept["reliability"])}


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Key → row of every finished cell; none where there is no file yet."""
    import pyarrow.parquet as pq

    return {kept["key"]: kept for kept in pq.read_table(path).to_pylist()} if path.exists() else {}


def join(path: Path, others: Sequence[Path]) -> int:
    """Let the cells of other files join those of a file, which keeps its own; return how many were new."""
    kept = read(path)
    before = len(kept)
    for other in others:
        kept = {**read(other), **kept}
    write(path, list(kept.values()))
    return len(kept) - before


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write all rows, sorted, in one step; figures as 32-bit floats, which is finer than any seed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted(rows, key=lambda kept: (kept["set"], kept["cell"], kept["strategy"], kept["seed"]))
    floats = pa.list_(pa.float32())
    types = {"labels": pa.list_(pa.int32()), "picks": pa.list_(pa.int32()), "recall": floats}
    types |= dict.fromkeys(LISTS, floats) | {"error": pa.string(), "bytes_query": pa.list_(pa.int64())}
    columns = {
        name: pa.array([_plain(kept[name]) for kept in ordered], types.get(name))
        for name in (ordered[0] if ordered else {})
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".partial")
    pq.write_table(pa.table(columns), unfinished, compression="zstd", compression_level=15)
    unfinished.replace(path)


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value
