"""A data set whose every label is known: what simulations and benches run on."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from querist.errors import BadValue
from querist.kinds import as_number
from querist.tasks import kind_of_label, task_type
from querist.types import Array, Content, Features, Item, Rejected, TargetKind, TaskType, canonical_json


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """A data set whose every label is known.

    `rows` is an array (n, p), dense or CSR, or a list of contents, whose images lie under `media`; `target` is what
    the task makes of the labels: (n,) class numbers or numbers, (n, k) label sets. `classes` are those of a prediction
    (the two sides of a pair; none of numbers). `features` is how contents become arrays. `about` is what the report
    tells of where it came from. `cost` (n,) is what labelling each row costs, in any unit; None: all cost the same.
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
    kind_of_label: str = "single_label"
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.target)

    @property
    def task(self) -> TaskType:
        """The kind of label, with its classes and settings."""
        declared = self.classes if kind_of_label(self.kind_of_label).has_classes else ()
        return task_type(self.kind_of_label, classes=declared, settings=self.settings)

    @property
    def kind(self) -> TargetKind:
        """What a model learns."""
        return learnt(self.task)

    @property
    def strata(self) -> Array:
        """(n,) what a hold-out has in its share: classes, sets of labels, stretches of numbers."""
        return self.kind.codes(self.target) if self.target.ndim > 1 else self.target

    def said(self, target: Array) -> list[Any]:
        """Return the labels that some rows of the target stand for."""
        return self.task.decode(target)

    def counts(self, target: Array) -> list[int]:
        """Return how often each class is in some rows of the target; nothing of numbers."""
        if target.ndim > 1:
            return [int(count) for count in (target == 1).sum(axis=0)]
        return np.bincount(target, minlength=len(self.classes)).tolist() if self.classes else []

    def take(self, most: int, *, seed: int = 0) -> Labelled:
        """Return a fixed uniform part of at most so many rows, in their order: a large set in the time of a small one.

        >>> load(np.zeros((9, 1)), [0, 1, 2] * 3).take(4).about["part_of"]
        9
        """
        if len(self) <= most:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:most])
        rows = [self.rows[i] for i in chosen] if isinstance(self.rows, list) else self.rows[chosen]
        cost = None if self.cost is None else self.cost[chosen]
        about = {**self.about, "part_of": len(self)}
        named = _Named(self.name, self.features, about, self.media, self.kind_of_label, self.settings)
        return _labelled(named, rows, self.said(self.target[chosen]), cost)

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
    task: str = "single_label",
    settings: Mapping[str, Any] | None = None,
    pair: Sequence[str] = (),
) -> Labelled:
    """Return the labelled rows of arrays, of lists, or of whatever a pool can read; rows without a label are left out.

    Raises:
        BadValue: labels are missing, or all the same; the learner of this kind of label is still to come.
        UnknownName: a column that the file does not have; a kind of label or a setting of it.

    `cost` is the column with the cost of each label or, where `data` is an array or a list, (n,) costs. `task` and
    `settings` are the kind of label, as in a project; `pair` the two columns of a file that are compared.

    >>> load([[0.0], [1.0], [2.0]], ["no", "yes", "no"]).classes
    ('no', 'yes')
    """
    if isinstance(data, Labelled):
        return data
    settings = settings or {}
    if kind_of_label(task).target is None:
        raise BadValue("task", task, "its learner is still to come, so there is nothing to simulate")
    if y is None:
        columns_of = {"target": target, "text": text, "columns": list(columns) or None, "image": image, "cost": cost}
        return _from_source(data, columns_of | {"pair": list(pair) or None}, features, name, task, settings)
    is_array = hasattr(data, "shape") or not (len(data) and isinstance(data[0], str | Mapping | Content))
    if len(y) != (data.shape[0] if hasattr(data, "shape") else len(data)):
        raise BadValue("y", f"{len(y)} labels", f"there are not as many rows: {np.shape(data)[0]}")
    if is_array:
        rows = data.tocsr() if hasattr(data, "tocsr") else np.asarray(data)
        named = _Named(name or "array", features, {}, None, task, settings)
        return _labelled(named, rows, [_plain(label) for label in y], _costs(cost, len(y)))
    from querist.pools import memory

    values = [Content("row", {"fields": dict(row)}) if isinstance(row, Mapping) else row for row in data]
    found = list(memory.reader(values, [_cell(label) for label in y]).read())
    costs = _costs(cost, len(y))
    if costs is not None:
        found = [
            item if isinstance(item, Rejected) else replace(item, cost=float(costs[int(item.id)])) for item in found
        ]
    return _from_items(found, _Named(name or "list", features, {}, None, task, settings))


def _from_source(
    source: Any,
    columns: Mapping[str, Any],
    features: str,
    name: str | None,
    task: str,
    settings: Mapping[str, Any],
) -> Labelled:
    from querist.pools import SAMPLES, read_pool

    roles = dict(columns)
    target, cost = roles.pop("target"), roles["cost"]
    if cost is not None and not isinstance(cost, str):
        raise BadValue("cost", type(cost).__name__, f"name the column of {source} that holds the costs")

    if source == "digits" and not Path(source).exists():
        source, name = "sample:digits:labelled", name or "handwritten digits"
    if target is None and source not in SAMPLES:
        raise BadValue("target", None, f"name the column of {source} that holds the labels")
    reader = read_pool(source, label=target, **roles)
    path = Path(str(source))
    media = path if path.is_dir() else path.parent
    about = {"source": str(source)}
    return _from_items(reader.read(), _Named(name or path.stem, features, about, media, task, settings))


@dataclass(frozen=True, slots=True)
class _Named:
    """What a data set is called and how it is read: all but its rows."""

    name: str
    features: str
    about: Mapping[str, Any]
    media: Path | None
    task: str
    settings: Mapping[str, Any]


def _from_items(found: Iterable[Item | Rejected], named: _Named) -> Labelled:
    """Items with a label; the report names how many were left out, and why."""
    rows: list[Content] = []
    labels: list[Any] = []
    costs: list[float | None] = []
    left_out: Counter[str] = Counter()
    for item in found:
        if isinstance(item, Rejected):
            left_out["unreadable"] += 1
        elif item.label is None:
            left_out["without a label"] += 1
        else:
            rows.append(item.content)
            labels.append(item.label)
            costs.append(item.cost)
            left_out["exact duplicates"] += item.copies - 1
    said = {"left_out": ", ".join(f"{count:,} {why}" for why, count in left_out.items() if count)}
    known = None if None in costs or not costs else np.array(costs, dtype=float)
    if known is None and any(cost is not None for cost in costs):
        raise BadValue("cost", None, f"{costs.count(None)} of {len(costs)} labelled rows have no cost")
    return _labelled(replace(named, about={**named.about, **said}), rows, labels, known)


def _costs(cost: Any, n: int) -> Array | None:
    if cost is None:
        return None
    costs = np.asarray(cost, dtype=float)
    if costs.shape != (n,) or not np.isfinite(costs).all() or costs.min(initial=0) < 0:
        raise BadValue("cost", costs.shape, f"must be {n} finite figures, none below 0")
    return costs


def _labelled(named: _Named, rows: Any, labels: Sequence[Any], cost: Array | None = None) -> Labelled:
    if named.task == "single_label":
        names = [_name(label) for label in labels]
        classes = tuple(sorted(set(names), key=_natural))
        if len(classes) < 2:
            raise BadValue("target", ", ".join(classes), "a simulation needs labelled rows of at least two classes")
        number = {label: k for k, label in enumerate(classes)}
        target = np.array([number[label] for label in names], dtype=np.int64)
        marks = "\0".join(names)
        return Labelled(
            named.name, rows, target, classes, named.features, _fingerprint(rows, marks), named.about, named.media, cost
        )
    return _of_kind(named, rows, labels, cost)


def _of_kind(named: _Named, rows: Any, labels: Sequence[Any], cost: Array | None) -> Labelled:
    """Rows of another kind of label than one class each; pairs without a winner are left out."""
    kind = kind_of_label(named.task)
    settings = dict(named.settings)
    if "low" in kind.settings_schema.get("required", []) and not {"low", "high"} <= set(settings):
        numbers = [number for label in labels if (number := as_number(label)) is not None]
        if not numbers:
            raise BadValue("target", "", "holds no number")
        settings = {"low": min(numbers), "high": max(numbers), **settings}
    declared = sorted({name for label in labels for name in kind.classes_in(label)}, key=_natural)
    task = task_type(named.task, classes=declared if kind.has_classes else (), settings=settings)
    values = [task.read(label) for label in labels]
    target = task.encode(values)
    learnable = learnt(task).known(target)
    about = dict(named.about)
    if not learnable.all():
        without = f"{int((~learnable).sum()):,} that nothing can be learnt from"
        about["left_out"] = ", ".join(filter(None, (about.get("left_out"), without)))
        kept = np.flatnonzero(learnable)
        rows = [rows[row] for row in kept] if isinstance(rows, list) else rows[kept]
        values, target = [values[row] for row in kept], target[kept]
        cost = None if cost is None else cost[kept]
    lacks = learnt(task).lacks(target)
    if lacks:
        raise BadValue("target", named.name, lacks)
    marks = canonical_json([named.task, settings, values])
    classes = learnt(task).columns if learnt(task).signal != "mean" else ()
    fingerprint = _fingerprint(rows, marks)
    return Labelled(
        named.name, rows, target, classes, named.features, fingerprint, about, named.media, cost, named.task, settings
    )


def learnt(task: TaskType) -> TargetKind:
    """Return what a model learns of a kind of label that has a learner."""
    if task.target is None:
        raise BadValue("task", task.name, "its learner is still to come")
    return task.target


def _fingerprint(rows: Any, labels: str) -> str:
    digest = hashlib.sha256(labels.encode())
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


def _plain(label: Any) -> Any:
    return label.tolist() if isinstance(label, np.generic | np.ndarray) else label


def _name(label: Any) -> str:
    return str(_plain(label))


def _cell(label: Any) -> str:
    """A label as a cell of a file holds it."""
    plain = _plain(label)
    return canonical_json(list(plain)) if isinstance(plain, list | tuple) else str(plain)


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers in the order of their value, then words: 2 before 10."""
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)
