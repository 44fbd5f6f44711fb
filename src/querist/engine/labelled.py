"""A data set whose every label is known: what simulations and benches run on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.types import Array


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
) -> Labelled:
    """Return the labelled rows of arrays, of a list of texts, or of whatever a pool can read.

    Raises:
        BadValue: labels are missing, or of one class only.
        UnknownName: a column that the file does not have.

    >>> load([[0.0], [1.0], [2.0]], ["no", "yes", "no"]).classes
    ('no', 'yes')
    """
    if y is not None:
        return _from_memory(data, y, features)
    raise NotImplementedError


def _from_memory(data: Any, y: Sequence[Any] | Array, features: str) -> Labelled:
    texts = isinstance(data, list | tuple) and len(data) > 0 and isinstance(data[0], str)
    rows: Any = list(data) if texts else np.asarray(data)
    if len(rows) != len(y):
        raise BadValue("y", f"{len(y)} labels", f"there are {len(rows)} rows")
    chosen = ("tfidf" if texts else "array") if features == "auto" else features
    content = "\0".join(rows).encode() if texts else np.ascontiguousarray(rows).tobytes()
    return _labelled("array" if not texts else "texts", rows, list(y), chosen, content)


def _labelled(name: str, rows: Any, labels: list[Any], features: str, content: bytes, **about: Any) -> Labelled:
    names = [str(label.item() if isinstance(label, np.generic) else label) for label in labels]
    classes = tuple(sorted(set(names), key=_natural))
    if len(classes) < 2:
        raise BadValue("target", ", ".join(classes), "a simulation needs rows of at least two classes")
    number = {name: k for k, name in enumerate(classes)}
    digest = hashlib.sha256(content)
    digest.update("\0".join(names).encode())
    return Labelled(name, rows, np.array([number[n] for n in names]), classes, features, digest.hexdigest()[:16], about)


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in the order of their value, then words: 2 before 10."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
