"""Where the last models of a bench are weak: held-out rows by class, by column and by cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.engine.bench.cells import Cell, split
from querist.engine.bench.labelled import Labelled
from querist.engine.columns import CLUSTER, clusters, table
from querist.measure import slices
from querist.types import Array, Json

CLASS: Final = "class"
NUMBER: Final = "label: number"
FEW_COLUMNS: Final = 30
"""Columns of an array that are cut; pixels tell nobody anything."""


def weak_spots(data: Labelled, results: Sequence[Json], cell: Cell, strategy: str) -> Json:
    """Return the slices of which the last models of a strategy get the least right.

    A row counts once: its share of right answers over the seeds that held it out.

    Args:
        data: the data set.
        results: what became of the cells.
        cell: one of them, for the split.
        strategy: whose models.

    Returns:
        `strategy`, `n` rows held out at least once, their share `right`, and `worst`, the slices, with `clusters`, the
        words of the row in the middle of each.
    """
    finished = [result for result in results if result["strategy"] == strategy and result["points"]]
    if not finished:
        return {"strategy": strategy, "n": 0, "right": None, "worst": [], "clusters": {}}
    held, wrong = np.zeros(len(data)), np.zeros(len(data))
    for result in finished:
        rows = split(data.strata, seed=result["seed"], hold_out=cell.hold_out, seed_set=cell.seed_set).hold_out
        held[rows] += 1
        wrong[result["wrong"]] += 1
    rows = np.flatnonzero(held)
    right = 1 - wrong[rows] / held[rows]
    columns, middles = _columns(data, rows, finished[0]["seed"])
    worst = slices.worst(columns, right)
    return {
        "strategy": strategy,
        "n": len(rows),
        "right": float(right.mean()),
        "worst": [each.to_json() for each in worst],
        "clusters": middles,
    }


def _columns(data: Labelled, rows: Array, seed: int) -> tuple[dict[str, Sequence[Any]], dict[str, str]]:
    found = _labels(data, data.target[rows])
    if isinstance(data.rows, list):
        found |= table([data.rows[row] for row in rows])
    elif not hasattr(data.rows, "tocsr") and data.rows.ndim == 2 and data.rows.shape[1] <= FEW_COLUMNS:
        found |= {f"column {j}": data.rows[rows, j].tolist() for j in range(data.rows.shape[1])}
    if data.cost is not None:
        found["cost"] = data.cost[rows].tolist()
    features, _ = data.part(rows, rows[:1], seed=seed)
    middles: dict[str, str] = {}
    if hasattr(features.embed, "tocsr") or np.isfinite(features.embed).all():
        number, middle = clusters(features.embed, seed=seed)
        found[CLUSTER] = [str(each) for each in number]
        middles = {str(place): _words(data, int(rows[row])) for place, row in enumerate(middle, start=1)}
    return found, middles


def _labels(data: Labelled, target: Array) -> dict[str, Sequence[Any]]:
    """The labels of the rows as columns: the class, whether each label is there, the number."""
    if target.ndim > 1:
        there = np.where(target == 1, "yes", "no")
        return {f"label: {name}": there[:, k].tolist() for k, name in enumerate(data.classes)}
    return {CLASS if data.classes else NUMBER: data.said(target)}


def _words(data: Labelled, row: int) -> str:
    """What a person sees of a row, in a few words."""
    if not isinstance(data.rows, list):
        return f"row {row}"
    content = data.rows[row]
    if content.kind == "text":
        return str(content.value["text"])[:60]
    if content.kind == "row":
        return ", ".join(f"{name} {value}" for name, value in list(content.value["fields"].items())[:3])
    return f"row {row}"
