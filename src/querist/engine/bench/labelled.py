"""A data set whose every label is known: what simulations and benches run on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.types import Array, Content, Features, Item, Rejected, canonical_json


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A data set whose every label is known.

    `rows` is an array (n, p), dense or CSR, or a list of contents, whose images lie under `media`; `target` (n,) is the
    class numbers. `features` is how contents become arrays. `about` is what the report tells of where it came from.
    `cost` (n,) is what labelling each row costs, in any unit; None where all cost the same.
    """

    name: str
    rows: Any
    target: Array
    classes: tuple[str, ...]
    features: str
    fingerprint: str
    about: Mapping[str, Any]
    media: Path | None = None
    cost: Array | None = None

    def __len__(self) -> int:
        return len(self.target)

    def take(self, most: int, *, seed: int = 0) -> Labelled:
        """Return a fixed uniform part of at most so many rows, in their order: a large set in the time of a small one.

        >>> load(np.zeros((9, 1)), [0, 1, 2] * 3).take(4).about["part_of"]
        9
        """
        if len(self) <= most:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:most])
        rows = [self.rows[i] for i in chosen] if isinstance(self.rows, list) else self.rows[chosen]
        labels = [self.classes[k] for k in self.target[chosen]]
        cost = None if self.cost is None else self.cost[chosen]
        about = {**self.about, "part_of": len(self)}
        return _labelled(self.name, rows, labels, self.features, about, self.media, cost)

    def part(self, pool: Array, others: Array, *, seed: int) -> tuple[Features, Features]:
        """Return the features of two sets of rows; what has to be fitted is fitted on the first alone."""
        if not isinstance(self.rows, list):
            return Features.of(self.rows[pool]), Features.of(self.rows[others])
        from querist.models.features import fit_features

        known, unknown = ([self.rows[row] for row in rows] for rows in (pool, others))
        fitted = fit_features(lambda: known, kind=known[0].kind, method=self.features, seed=seed, media=self.media)
        return fitted.transform(known, media=self.media), fitted.transform(unknown, media=self.media)


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
    cost: str | Sequence[float] | Array | None = None,
) -> Labelled:
    """Return the labelled rows of arrays, of lists, or of whatever a pool can read; rows without a label are left out.

    Raises:
        BadValue: labels are missing, or of one class only.
        UnknownName: a column that the file does not have.

    `cost` is the column with the cost of each label or, where `data` is an array or a list, (n,) costs.

    >>> load([[0.0], [1.0], [2.0]], ["no", "yes", "no"]).classes
    ('no', 'yes')
    """
    if isinstance(data, Labelled):
        return data
    if y is None:
        return _from_source(data, target, text, columns, image, features, name, cost)
    is_array = hasattr(data, "shape") or not (len(data) and isinstance(data[0], str | Mapping | Content))
    if len(y) != (data.shape[0] if hasattr(data, "shape") else len(data)):
        raise BadValue("y", f"{len(y)} labels", f"there are not as many rows: {np.shape(data)[0]}")
    if is_array:
        rows = data.tocsr() if hasattr(data, "tocsr") else np.asarray(data)
        return _labelled(name or "array", rows, [_name(label) for label in y], features, {}, None, _costs(cost, len(y)))
    from querist.pools import memory

    values = [Content("row", {"fields": dict(row)}) if isinstance(row, Mapping) else row for row in data]
    found = list(memory.reader(values, [_name(label) for label in y]).read())
    costs = _costs(cost, len(y))
    if costs is not None:
        found = [
            item if isinstance(item, Rejected) else replace(item, cost=float(costs[int(item.id)])) for item in found
        ]
    return _from_items(found, features, name or "list", {}, None)


def _from_source(
    source: Any,
    target: str | None,
    text: str | None,
    columns: Sequence[str],
    image: str | None,
    features: str,
    name: str | None,
    cost: Any,
) -> Labelled:
    from querist.pools import SAMPLES, read_pool

    if cost is not None and not isinstance(cost, str):
        raise BadValue("cost", type(cost).__name__, f"name the column of {source} that holds the costs")

    if source == "digits" and not Path(source).exists():
        source, name = "sample:digits:labelled", name or "handwritten digits"
    if target is None and source not in SAMPLES:
        raise BadValue("target", None, f"name the column of {source} that holds the labels")
    reader = read_pool(source, text=text, columns=list(columns) or None, image=image, label=target, cost=cost)
    path = Path(str(source))
    media = path if path.is_dir() else path.parent
    return _from_items(reader.read(), features, name or path.stem, {"source": str(source)}, media)


def _from_items(
    found: Iterable[Item | Rejected], features: str, name: str, about: Mapping[str, Any], media: Path | None
) -> Labelled:
    """Items with a label; the report names how many were left out, and why."""
    rows: list[Content] = []
    labels: list[str] = []
    costs: list[float | None] = []
    left_out: Counter[str] = Counter()
    for item in found:
        if isinstance(item, Rejected):
            left_out["unreadable"] += 1
        elif item.label is None:
            left_out["without a label"] += 1
        else:
            rows.append(item.content)
            labels.append(_name(item.label))
            costs.append(item.cost)
            left_out["exact duplicates"] += item.copies - 1
    said = {"left_out": ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)}
    known = None if None in costs or not costs else np.array(costs, dtype=float)
    if known is None and any(cost is not None for cost in costs):
        raise BadValue("cost", None, f"{costs.count(None)} of {len(costs)} labelled rows have no cost")
    return _labelled(name, rows, labels, features, {**about, **said}, media, known)


def _costs(cost: Any, n: int) -> Array | None:
    if cost is None:
        return None
    costs = np.asarray(cost, dtype=float)
    if costs.shape != (n,) or not np.isfinite(costs).all() or costs.min(initial=0) < 0:
        raise BadValue("cost", costs.shape, f"must be {n} finite figures, none below 0")
    return costs


def _labelled(
    name: str,
    rows: Any,
    labels: Sequence[str],
    features: str,
    about: Mapping[str, Any],
    media: Path | None,
    cost: Array | None = None,
) -> Labelled:
    classes = tuple(sorted(set(labels), key=_natural))
    if len(classes) < 2:
        raise BadValue("target", ", ".join(classes), "a simulation needs labelled rows of at least two classes")
    number = {label: k for k, label in enumerate(classes)}
    target = np.array([number[label] for label in labels], dtype=np.int64)
    return Labelled(name, rows, target, classes, features, _fingerprint(rows, labels), about, media, cost)


def _fingerprint(rows: Any, labels: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(labels).encode())
    if isinstance(rows, list):
        for row in rows:
            digest.update(canonical_json(row.to_json()).encode())
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
