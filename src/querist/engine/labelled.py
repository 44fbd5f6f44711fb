"""A data set whose every label is known: what simulations and benches run on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.types import Array, Content, Rejected, canonical_json


@dataclass(frozen=True, slots=True)
class Labelled:
    """A data set whose every label is known.

    `rows` is an array (n, p) or a list of contents, `target` (n,) the class numbers; `features` is how rows become
    arrays, fitted on the pool part of each split alone. `about` is what the report tells of where it came from.
    """

    name: str
    rows: Any
    target: Array
    classes: tuple[str, ...]
    features: str
    fingerprint: str
    about: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.target)

    def take(self, numbers: Array) -> Any:
        """Return some rows, in the order given."""
        if isinstance(self.rows, list):
            return [self.rows[number] for number in numbers]
        return self.rows[numbers]


def load(
    data: Any,
    y: Sequence[Any] | Array | None = None,
    *,
    target: str | None = None,
    text: str | None = None,
    columns: Sequence[str] = (),
    image: str | None = None,
    features: str = "auto",
    name: str | None = None,
) -> Labelled:
    """Return the labelled rows of arrays, of lists, or of whatever a pool can read; rows without a label are left out.

    Raises:
        BadValue: labels are missing, or of one class only.
        UnknownName: a column that the file does not have.

    >>> load([[0.0], [1.0], [2.0]], ["no", "yes", "no"]).classes
    ('no', 'yes')
    """
    if isinstance(data, Labelled):
        return data
    if y is not None:
        return _from_memory(data, y, features, name)
    if not isinstance(data, str | Path):
        raise BadValue("y", None, "labels are needed beside the rows")
    if target is None:
        raise BadValue("target", None, f"name the column of {data} that holds the labels")
    return _from_file(Path(data), target, text, columns, image, features, name)


def _from_memory(data: Any, y: Sequence[Any] | Array, features: str, name: str | None) -> Labelled:
    is_array = hasattr(data, "shape") or not (len(data) and isinstance(data[0], str | dict | Content))
    rows: Any = (data if hasattr(data, "shape") else np.asarray(data)) if is_array else list(data)
    size = rows.shape[0] if is_array else len(rows)
    if size != len(y):
        raise BadValue("y", f"{len(y)} labels", f"there are {size} rows")
    labels = [_name(label) for label in y]
    return _labelled(name or ("array" if is_array else "list"), rows, labels, features, {})


def _from_file(
    source: Path,
    target: str,
    text: str | None,
    columns: Sequence[str],
    image: str | None,
    features: str,
    name: str | None,
) -> Labelled:
    from querist.pools import read_pool

    rows: list[Content] = []
    labels: list[str] = []
    left_out: Counter[str] = Counter()
    for found in read_pool(source, text=text, columns=columns or None, image=image, label=target).read():
        if isinstance(found, Rejected):
            left_out["unreadable"] += 1
        elif found.label is None:
            left_out["without a label"] += 1
        else:
            rows.append(found.content)
            labels.append(_name(found.label))
            left_out["exact duplicates"] += found.copies - 1
    about: dict[str, Any] = {"source": str(source)}
    if left_out.total():
        about["left_out"] = ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)
    return _labelled(name or source.stem, rows, labels, features, about)


def _labelled(name: str, rows: Any, labels: Sequence[str], features: str, about: Mapping[str, Any]) -> Labelled:
    classes = tuple(sorted(set(labels), key=_natural))
    if len(classes) < 2:
        raise BadValue("target", ", ".join(classes), "a simulation needs labelled rows of at least two classes")
    number = {label: k for k, label in enumerate(classes)}
    target = np.array([number[label] for label in labels], dtype=np.int64)
    return Labelled(name, rows, target, classes, features, _fingerprint(rows, labels), about)


def _fingerprint(rows: Any, labels: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(labels).encode())
    if isinstance(rows, list):
        for row in rows:
            digest.update(canonical_json(row.to_json() if isinstance(row, Content) else row).encode())
    elif hasattr(rows, "tocsr"):
        matrix = rows.tocsr()
        for part in (matrix.data, matrix.indices, matrix.indptr):
            digest.update(np.ascontiguousarray(part).tobytes())
    else:
        digest.update(f"{rows.dtype}{rows.shape}".encode() + np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()[:16]


def _name(label: Any) -> str:
    return str(label.item() if isinstance(label, np.generic) else label)


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in the order of their value, then words: 2 before 10."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
