"""Predictions as a file: item, label, and a column of probability for each class."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from querist.errors import BadValue, UnknownName
from querist.exchange.cells import neutralised
from querist.exchange.files import written_whole
from querist.types import Array, canonical_json

FORMATS: Final = ("csv", "jsonl", "parquet")

Write = Callable[[Sequence[str], Array], None]
"""Takes a block: the names of its items, and their probabilities (b, classes)."""


@contextlib.contextmanager
def predictions_file(
    path: str | Path,
    classes: Sequence[str],
    *,
    labels: Callable[[Array], Sequence[Any]] | None = None,
    certainty: Callable[[Array], Array] | None = None,
    prefix: str = "proba_",
) -> Iterator[Write]:
    """Give a function that takes predictions block by block; the file appears at the end, whole.

    Its columns are `item`, `label` (the likeliest class), `certainty` (its probability) and `proba_<class>` for each
    class. The ending says the format: .csv, .jsonl or .parquet.

    Args:
        path: where to.
        classes: what the columns of a prediction stand for.
        labels: what (b, classes) predictions amount to, where that is not the likeliest class; lists become JSON text.
        certainty: (b,) of such labels.
        prefix: of the names of the predictions' columns.

    Raises:
        UnknownName: the ending is none of these.
        StorageFull: the file cannot be written.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "out.csv"
    >>> with predictions_file(target, ["ham", "spam"]) as write:
    ...     write(["a"], np.array([[0.25, 0.75]]))
    >>> print(target.read_text())
    item,label,certainty,proba_ham,proba_spam
    a,spam,0.75,0.25,0.75
    """
    target = Path(path)
    format = target.suffix.removeprefix(".")
    if format not in FORMATS:
        raise UnknownName("format of predictions", format or target.name, FORMATS)
    with written_whole(target) as file, _OPEN[format](file, [f"{prefix}{name}" for name in classes]) as write_columns:

        def write(items: Sequence[str], proba: Array) -> None:
            if proba.shape != (len(items), len(classes)):
                raise BadValue("proba", proba.shape, f"must be of shape {(len(items), len(classes))}")
            named = labels(proba) if labels else [classes[number] for number in proba.argmax(axis=1)]
            sure = certainty(proba) if certainty else proba.max(axis=1)
            write_columns(_columns(items, proba, classes, [_text(label) for label in named], sure, prefix))

        yield write


def _text(label: Any) -> Any:
    return label if isinstance(label, str) else canonical_json(label)


def _columns(
    items: Sequence[str], proba: Array, classes: Sequence[str], labels: list[Any], sure: Array, prefix: str
) -> dict[str, Any]:
    # As text, float32 is written with the digits that it has and no others.
    rounded, certain = (np.round(a.astype(np.float64), 6) if a.dtype == np.float32 else a for a in (proba, sure))
    columns: dict[str, Any] = {"item": list(items), "label": labels, "certainty": certain.tolist()}
    return columns | {f"{prefix}{name}": rounded[:, number].tolist() for number, name in enumerate(classes)}


def _names(classes: Sequence[str]) -> list[str]:
    return ["item", "label", "certainty", *classes]


@contextlib.contextmanager
def _csv(file: BinaryIO, classes: Sequence[str]) -> Iterator[Callable[[dict[str, Any]], None]]:
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([neutralised(name) for name in _names(classes)])

    def write(columns: dict[str, Any]) -> None:
        safe = columns | {name: [neutralised(cell) for cell in columns[name]] for name in ("item", "label")}
        writer.writerows(zip(*safe.values(), strict=True))

    try:
        yield write
    finally:
        text.detach()


@contextlib.contextmanager
def _jsonl(file: BinaryIO, _: Sequence[str]) -> Iterator[Callable[[dict[str, Any]], None]]:
    def write(columns: dict[str, Any]) -> None:
        for row in zip(*columns.values(), strict=True):
            file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False).encode() + b"\n")

    yield write


@contextlib.contextmanager
def _parquet(file: BinaryIO, classes: Sequence[str]) -> Iterator[Callable[[dict[str, Any]], None]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ("item", "label")
    schema = pa.schema([(name, pa.string() if name in texts else pa.float64()) for name in _names(classes)])
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        yield lambda columns: writer.write_table(pa.table(columns, schema=schema))


_OPEN: Final = {"csv": _csv, "jsonl": _jsonl, "parquet": _parquet}
