"""What a file holds and which columns to use: the guess that `querist init` shows and explains."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from querist import kinds, pools
from querist.errors import BadValue, NotFound
from querist.pools import folder, images, sounds
from querist.pools.reader import label_text
from querist.pools.table import Record
from querist.types import Json

_LOOKED_AT: Final = 1_000
PREVIEW: Final = 8
"""Rows that are shown before anything is made of them."""
_TEXT_NAMES: Final = frozenset(
    ("text", "body", "content", "sentence", "message", "review", "comment", "question", "utterance", "document")
)
_LABEL_NAMES: Final = frozenset(
    ("label", "labels", "target", "class", "category", "sentiment", "intent", "gold", "tag", "topic", "answer", "y")
)
_ID_NAMES: Final = frozenset(("id", "uuid", "key", "guid", "identifier", "index"))
_FEW: Final = 200
"""The most values that a column of labels may have."""


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column as its first rows show it; `distinct` and `missing` count among these."""

    name: str
    kind: kinds.ColumnKind | str
    distinct: int
    missing: int
    samples: tuple[str, ...]
    length: float = 0.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Arguments for `read_pool`, each with its reason; `classes` are the labels that the first rows show.

    A file that is sorted by its labels shows only some of them at its beginning: `PoolReader.summary.labels` has all.
    """

    text: str | None = None
    image: str | None = None
    audio: str | None = None
    columns: tuple[str, ...] | None = None
    label: str | None = None
    id: str | None = None
    classes: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found: `rows` were looked at, `more` says whether the file goes on, `preview` holds the first."""

    source: str
    item: str
    rows: int
    more: bool
    columns: tuple[ColumnInfo, ...]
    suggestion: Suggestion
    preview: tuple[Json, ...] = ()

    def to_json(self) -> Json:
        """Return the JSON form."""
        return asdict(self)


def inspect(path: str | Path) -> Inspection:
    """Return what a file or folder holds; see `querist.pools.inspect`."""
    path = Path(path)
    if not path.exists():
        raise NotFound(f"there is no file or folder {str(path)!r}", field="data", value=str(path))
    if path.is_dir():
        return _folder(path)
    if path.suffix == ".npz":
        return _archive(path)
    table = pools.open_table(path)
    records = [record for record in islice(table.records(table.names), _LOOKED_AT + 1) if isinstance(record, Record)]
    if not records:
        raise BadValue("data", str(path), "holds no row that can be read")
    rows = [record.cells for record in records[:_LOOKED_AT]]
    columns = tuple(_column(name, [row.get(name) for row in rows]) for name in table.names)
    suggestion = _suggest(columns, rows)
    item = next((role for role in ("text", "image", "audio") if getattr(suggestion, role)), "row")
    return Inspection(str(path), item, len(rows), len(records) > _LOOKED_AT, columns, suggestion, tuple(rows[:PREVIEW]))


def _archive(path: Path) -> Inspection:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError) as error:
        raise BadValue("data", str(path), f"cannot be read as .npz: {error}") from error
    image = next((name for name in ("images", "image", "x", "X") if name in names), None)
    label = next((name for name in names if name.lower() in _LABEL_NAMES and name != image), None)
    found = (("image", image), ("label", label))
    reasons = tuple(f"{role} = {name!r}: is named like it" for role, name in found if name)
    return Inspection(str(path), "image", 0, True, (), Suggestion(image=image, label=label, reasons=reasons))


def _folder(path: Path) -> Inspection:
    found = list(islice(folder.paths(path), _LOOKED_AT + 1))
    if not found:
        raise BadValue("data", str(path), f"holds no image; looked for {', '.join(sorted(images.SUFFIXES))}")
    if (path / folder.LABELS).is_file():
        inner = inspect(path / folder.LABELS)
        label, classes = inner.suggestion.label, inner.suggestion.classes
        reasons: tuple[str, ...] = (f"{folder.LABELS} in the folder has the column {label!r}",) if label else ()
        columns = inner.columns
    else:
        classes = tuple(sorted({name.split("/")[0] for name in found if "/" in name}))
        by_folder = 2 <= len(classes) <= _FEW
        label = folder.BY_FOLDER if by_folder else None
        classes, columns = (classes if by_folder else ()), ()
        reasons = (f"images lie in {len(classes)} sub-folders",) if by_folder else ()
    suggestion = Suggestion(label=label, classes=classes, reasons=reasons)
    rows, more = min(len(found), _LOOKED_AT), len(found) > _LOOKED_AT
    preview = tuple({"image": name, folder.BY_FOLDER: name.rpartition("/")[0]} for name in found[:PREVIEW])
    return Inspection(str(path), "image", rows, more, columns, suggestion, preview)


def _column(name: str, cells: Sequence[Any]) -> ColumnInfo:
    present = [cell for cell in cells if not kinds.is_missing(cell)]
    texts = [label_text(cell) for cell in present]
    samples = tuple(text[:80] for text in dict.fromkeys(texts[:50]))[:3]
    length = sum(map(len, texts)) / len(texts) if texts else 0.0
    kind = _files(texts) or kinds.kind_of(cells)
    return ColumnInfo(name, kind, len(set(texts)), len(cells) - len(present), samples, length)


def _files(texts: Sequence[str]) -> str | None:
    """What files a column names, if it does."""
    endings = {Path(text).suffix.lower() for text in texts}
    return next(
        (
            kind
            for kind, known in (("image", images.SUFFIXES), ("audio", sounds.SUFFIXES))
            if endings and endings <= known
        ),
        None,
    )


def _suggest(columns: Sequence[ColumnInfo], rows: Sequence[Json]) -> Suggestion:
    reasons: list[str] = []

    def because(column: ColumnInfo | None, role: str, why: str) -> str | None:
        if column is not None:
            reasons.append(f"{role} = {column.name!r}: {why}")
        return column.name if column else None

    label_column = _label(columns, len(rows))
    rest = [column for column in columns if column is not label_column]
    image = because(next((c for c in rest if c.kind == "image"), None), "image", "holds names of image files")
    heard = None if image else next((c for c in rest if c.kind == "audio"), None)
    audio = because(heard, "audio", "holds names of sound files")
    text = None if image or audio else because(_text(rest), "text", "holds the longest texts")
    label = because(label_column, "label", "is named like one and has few values")
    own_id = because(
        _id(rest, len(rows), taken=text or image or audio), "id", "is named like one, and all its values differ"
    )
    shown = {label_text(row[label]).strip() for row in rows if label and not kinds.is_missing(row.get(label))}
    used = (label, own_id)
    fields = None if text or image or audio else tuple(column.name for column in columns if column.name not in used)
    return Suggestion(text, image, audio, fields, label, own_id, tuple(sorted(shown)), tuple(reasons))


def _text(columns: Sequence[ColumnInfo]) -> ColumnInfo | None:
    wordy = [column for column in columns if column.kind == "text"]
    named = [c for c in columns if c.name.lower() in _TEXT_NAMES and c.kind in ("text", "identifier", "category")]
    return max(named or wordy, key=lambda column: column.length, default=None)


def _label(columns: Sequence[ColumnInfo], rows: int) -> ColumnInfo | None:
    # Empty cells do not speak against a label column: they are the pool.
    named = [column for column in columns if column.name.lower() in _LABEL_NAMES]
    fits = [column for column in named if 1 <= column.distinct <= min(_FEW, max(2, (rows - column.missing) // 2))]
    return next((column for column in fits if column.kind not in ("text", "list", "image", "audio", "date")), None)


def _id(columns: Sequence[ColumnInfo], rows: int, *, taken: str | None) -> ColumnInfo | None:
    for column in columns:
        named = column.name.lower() in _ID_NAMES or column.name.lower().endswith("_id")
        if named and column.name != taken and column.distinct == rows and not column.missing:
            return column
    return None
