"""Where the models of a simulation are weak: the worst slices, their filters, and the confusion matrix."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from querist.report.figures import number, percent, to
from querist.types import Json

MATRIX: Final = 12
"""Classes up to which the confusion matrix is shown whole."""
MISTAKES: Final = 8


def weak(summary: Json) -> Json | None:
    """Return the worst slices of the best strategy's models, and what they take for what; None if there are none."""
    found = summary.get("slices") or {}
    record = next((s for s in summary["strategies"] if s["strategy"] == found.get("strategy")), None)
    if record is None or not found["worst"]:
        return None
    return {
        "strategy": found["strategy"],
        "n": number(found["n"]),
        "right": percent(found["right"]),
        "rows": [_slice(each, found["clusters"]) for each in found["worst"]],
        "confusion": _confusion(record["confusion"], list(summary["data"]["classes"])),
    }


def _slice(each: Json, clusters: Json) -> Json:
    like = clusters.get(each["value"], "") if each["column"] == "cluster" else ""
    return {
        "column": each["column"],
        "value": f"{each['value']}, like “{like}”" if like else each["value"],
        "n": number(each["n"]),
        "right": percent(each["right"], 0),
        "interval": to(each, lambda v: percent(v, 0)),
        "bar": {"a": 100 * each["low"], "m": 100 * each["right"], "b": 100 * each["high"], "zero": False},
        "below": each["below"],
        "filter": _filter(each),
    }


def _filter(each: Json) -> str:
    """The filter of `querist.toml` that asks for more of a slice; nothing where none can."""
    column, where = each["column"], each["where"]
    if column == "cluster" or column.startswith("label: ") or ("value" in where and where["value"] is None):
        return ""
    if column == "class":
        column = "predicted_class"
    if "value" in where:
        return f"{{column = {json.dumps(column)}, is = [{json.dumps(str(where['value']), ensure_ascii=False)}]}}"
    ends = (
        f"{name} = {where[end]:g}" for name, end in (("at_least", "from"), ("at_most", "to")) if where[end] is not None
    )
    return f"{{column = {json.dumps(column)}, {', '.join(ends)}}}"


def _confusion(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> Json | None:
    """The matrix of a few classes; of many the commonest mistakes."""
    if not counts:
        return None
    mistakes = sorted(
        ((n, classes[i], classes[j]) for i, row in enumerate(counts) for j, n in enumerate(row) if i != j and n),
        reverse=True,
    )
    whole = len(classes) <= MATRIX
    return {
        "classes": classes if whole else [],
        "rows": [
            {
                "name": classes[i],
                "cells": [{"n": number(n), "same": i == j, "wrong": i != j and n > 0} for j, n in enumerate(row)],
            }
            for i, row in enumerate(counts if whole else [])
        ],
        "mistakes": [{"n": number(n), "true": true, "said": said} for n, true, said in mistakes[:MISTAKES]],
    }
