"""Table rows as numbers: each column by its kind, found on a sample and reported."""

# A pipeline takes the arguments of all methods, whether it needs them or not.
# ruff: noqa: ARG002, ARG003

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np

from querist import kinds
from querist.errors import BadValue, UnknownName
from querist.models import files
from querist.types import Array, Features, Json

_DEFAULTS: Final[Mapping[str, Any]] = {"levels": 30, "rare": 0.005, "clip": 10.0, "ignore": [], "kinds": {}}
_USED: Final = ("number", "boolean", "date", "category")


@dataclass(frozen=True, slots=True)
class Column:
    """How one column becomes numbers. `missing` adds a column that says where the cell was empty."""

    name: str
    kind: str
    missing: bool = False
    middle: float = 0.0
    shift: float = 0.0
    scale: float = 1.0
    levels: list[str] = field(default_factory=list)
    form: str = ""
    note: str = ""

    @property
    def width(self) -> int:
        """How many numbers the column gives."""
        own = {"number": 1, "boolean": 1, "date": 7, "category": len(self.levels) + 1}.get(self.kind, 0)
        return own + (self.missing and own > 0)


@dataclass(frozen=True)
class ColumnsPipeline:
    """Numbers standardised (missing: median, and a column that says so), categories one-hot, dates in parts.

    Settings: `levels`, most categories that get a column of their own, and `rare`, the share of rows below which they
    get none (all others share one); `clip`, standard deviations beyond which numbers are cut off; `ignore`, columns to
    leave out; `kinds`, column → kind where the guess is wrong. Columns whose values nearly all differ, free texts and
    constants are left out and reported.
    """

    columns: tuple[Column, ...]
    clip: float

    defaults: ClassVar[Mapping[str, Any]] = _DEFAULTS

    @property
    def dim(self) -> int:
        return sum(column.width for column in self.columns)

    @property
    def report(self) -> Json:
        """Return kind, width, share of rare levels and reasons, by column."""
        return {
            column.name: {"kind": column.kind, "width": column.width} | ({"note": column.note} if column.note else {})
            for column in self.columns
        }

    @classmethod
    def fit(
        cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None
    ) -> ColumnsPipeline:
        rows = [content.value["fields"] for content in sample if content is not None]
        names = list(dict.fromkeys(name for row in rows for name in row))
        for setting in ("ignore", "kinds"):
            for name in settings[setting]:
                if name not in names:
                    raise UnknownName(f"column in features.{setting}", name, names)
        columns = []
        for name in names:
            if name in settings["ignore"]:
                columns.append(Column(name, "ignored", note="left out by the settings"))
            else:
                cells = [row.get(name) for row in rows]
                kind = settings["kinds"].get(name) or kinds.kind_of(cells)
                columns.append(_fit_column(name, kind, cells, settings))
        if not any(column.width for column in columns):
            found = ", ".join(f"{column.name} ({column.kind})" for column in columns)
            raise BadValue("features", "columns", f"found no column to learn from among {found or 'no columns'}")
        return cls(tuple(columns), float(settings["clip"]))

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        rows = [{} if content is None else content.value["fields"] for content in batch]
        matrix = np.zeros((len(rows), self.dim), dtype=np.float32)
        start = 0
        for column in self.columns:
            if column.width:
                cells = [row.get(column.name) for row in rows]
                _FILL[column.kind](column, cells, matrix[:, start : start + column.width], self.clip)
                start += column.width
        return Features(matrix, matrix)

    def save(self) -> dict[str, bytes]:
        return {"columns.json": files.to_json({"clip": self.clip, "columns": [asdict(c) for c in self.columns]})}

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> ColumnsPipeline:
        state = files.from_json(saved, "columns.json")
        return cls(tuple(Column(**column) for column in state["columns"]), state["clip"])


def is_all_text(sample: Sequence[Any]) -> bool:
    """Whether a table holds free text, and no column besides that numbers could be made of."""
    rows = [content.value["fields"] for content in sample if content is not None]
    columns = [[row.get(name) for row in rows] for name in dict.fromkeys(name for row in rows for name in row)]
    found = {kinds.kind_of(cells) for cells in columns if len({str(cell) for cell in cells}) > 1}
    return "text" in found and not found.intersection(_USED)


def _fit_column(name: str, kind: str, cells: list[Any], settings: Mapping[str, Any]) -> Column:
    if kind in _USED and len({str(cell) for cell in cells}) == 1:
        return Column(name, "constant", note="left out: all values are equal")
    if kind == "number":
        return _fit_number(name, _numbers(cells))
    if kind == "boolean":
        return Column(name, kind, missing=any(kinds.as_boolean(cell) is None for cell in cells))
    if kind == "date":
        return _fit_date(name, cells)
    if kind == "category":
        return _fit_category(name, cells, settings)
    notes = {"identifier": "nearly all values differ", "text": "free text: make it the text of a text project"}
    if kind not in (*notes, "list", "empty"):
        raise BadValue(f"features.kinds.{name}", kind, "is no kind of column", choices=_USED)
    return Column(name, kind, note=f"left out: {notes.get(kind, 'holds no single values')}")


def _fit_number(name: str, values: Array) -> Column:
    missing = np.isnan(values)
    present = values[~missing]
    middle = float(np.median(present)) if len(present) else 0.0
    filled = np.where(missing, middle, values)
    return Column(name, "number", bool(missing.any()), middle, float(filled.mean()), float(filled.std()) or 1.0)


def _fit_date(name: str, cells: list[Any]) -> Column:
    form = kinds.date_form(cells) or ""
    days = np.asarray([_days(kinds.as_date(cell, form)) for cell in cells])
    number = _fit_number(name, days)
    missing = bool(np.isnan(days).any())
    return Column(name, "date", missing, number.middle, number.shift, number.scale, form=form)


def _fit_category(name: str, cells: list[Any], settings: Mapping[str, Any]) -> Column:
    counts = Counter(str(cell) for cell in cells if not kinds.is_missing(cell))
    least = max(2, math.ceil(settings["rare"] * len(cells)))
    common = [level for level, count in counts.most_common(int(settings["levels"])) if count >= least]
    missing = sum(counts.values()) < len(cells)
    others = len(counts) - len(common)
    note = f"{others} rare values share one column" if others else ""
    return Column(name, "category", missing, levels=sorted(common), note=note)


def _numbers(cells: list[Any]) -> Array:
    return np.asarray([math.nan if (value := kinds.as_number(cell)) is None else value for cell in cells])


def _days(moment: Any) -> float:
    return math.nan if moment is None else moment.timestamp() / 86_400


def _fill_number(column: Column, cells: list[Any], out: Array, clip: float) -> None:
    values = _numbers(cells)
    missing = np.isnan(values)
    values[missing] = column.middle
    out[:, 0] = np.clip((values - column.shift) / column.scale, -clip, clip)
    if column.missing:
        out[:, 1] = missing


def _fill_boolean(column: Column, cells: list[Any], out: Array, _: float) -> None:
    truths = [kinds.as_boolean(cell) for cell in cells]
    out[:, 0] = [0.0 if truth is None else 1.0 if truth else -1.0 for truth in truths]
    if column.missing:
        out[:, 1] = [truth is None for truth in truths]


def _fill_date(column: Column, cells: list[Any], out: Array, clip: float) -> None:
    moments = [kinds.as_date(cell, column.form) for cell in cells]
    days = np.asarray([_days(moment) for moment in moments])
    missing = np.isnan(days)
    days[missing] = column.middle
    out[:, 0] = np.clip((days - column.shift) / column.scale, -clip, clip)
    # Angles, so that December lies next to January and Sunday next to Monday.
    turns = (
        [0.0 if moment is None else moment.weekday() / 7 for moment in moments],
        [0.0 if moment is None else moment.timetuple().tm_yday / 366 for moment in moments],
        [0.0 if moment is None else (moment.hour + moment.minute / 60) / 24 for moment in moments],
    )
    for number, turn in enumerate(turns):
        angle = 2 * np.pi * np.asarray(turn)
        out[:, 1 + 2 * number] = np.where(missing, 0, np.sin(angle))
        out[:, 2 + 2 * number] = np.where(missing, 0, np.cos(angle))
    if column.missing:
        out[:, 7] = missing


def _fill_category(column: Column, cells: list[Any], out: Array, _: float) -> None:
    places = {level: number for number, level in enumerate(column.levels)}
    for row, cell in enumerate(cells):
        if kinds.is_missing(cell):
            if column.missing:
                out[row, -1] = 1.0
        else:
            out[row, places.get(str(cell), len(places))] = 1.0


_FILL: Final[Mapping[str, Callable[[Column, list[Any], Array, float], None]]] = {
    "number": _fill_number,
    "boolean": _fill_boolean,
    "date": _fill_date,
    "category": _fill_category,
}
