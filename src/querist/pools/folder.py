"""A folder of images, with its labels in labels.csv or in the names of its sub-folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from querist.errors import BadValue, UnknownName
from querist.pools import images
from querist.pools.csv_file import CsvTable
from querist.pools.reader import Draft
from querist.pools.table import Record, Roles
from querist.types import Content, Rejected

LABELS: Final = "labels.csv"
BY_FOLDER: Final = "folder"
_NAMES: Final = ("image", "file", "filename", "file_name", "path", "name")


class ImageFolder:
    """Every image below a folder, in the order of their paths; links that lead out of it are rejected.

    An item is known by the bytes of its file, so it keeps its id when the folder is moved. Files are read once.
    """

    def __init__(self, root: Path, roles: Roles) -> None:
        for role in ("text", "columns", "group", "cost", "about"):
            if getattr(roles, role):
                raise BadValue(role, getattr(roles, role), "has no meaning for a folder of images")
        self._root = root
        self._roles = roles
        self._labels: dict[str, Any] = {}
        self._unmatched: list[Rejected] = []
        self._marks: dict[str, bytes | images.BadImage] = {}
        if roles.id not in (None, "path"):
            raise UnknownName("column", roles.id, ["path"])
        if roles.label and roles.label != BY_FOLDER:
            self._labels = self._read_labels(roles.label)

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._root)

    @property
    def media(self) -> Path:
        """The folder."""
        return self._root

    def drafts(self) -> Iterator[Draft | Rejected]:
        """Yield a draft of each image; `line` is its number in the order of paths."""
        yield from self._unmatched
        for line, relative in enumerate(paths(self._root), start=1):
            mark = self._mark(relative)
            if isinstance(mark, images.BadImage):
                yield Rejected(line, str(mark), relative)
                continue
            content = Content("image", {"path": relative})
            yield Draft(line, content, mark, relative if self._roles.id else None, self._label(relative))

    def _mark(self, relative: str) -> bytes | images.BadImage:
        if relative not in self._marks:
            try:
                self._marks[relative] = hashlib.sha256(images.read(self._root, relative)).digest()
            except images.BadImage as error:
                self._marks[relative] = error
        return self._marks[relative]

    def _label(self, relative: str) -> Any:
        if self._roles.label == BY_FOLDER:
            parts = relative.split("/")
            return parts[0] if len(parts) > 1 else None
        return self._labels.get(relative)

    def _read_labels(self, column: str) -> dict[str, Any]:
        path = self._root / LABELS
        if not path.is_file():
            reason = f"needs the file {LABELS} in the folder; or write {BY_FOLDER!r} for the names of its sub-folders"
            raise BadValue("label", column, reason)
        table = CsvTable(path)
        if column not in table.names:
            raise UnknownName("column", column, table.names)
        file_column = self._roles.image or next((name for name in _NAMES if name in table.names), None)
        if file_column not in table.names:
            raise UnknownName("column", file_column or "image", table.names)
        known = set(paths(self._root))
        labels: dict[str, Any] = {}
        for record in table.records(table.names):
            if isinstance(record, Rejected):
                self._unmatched.append(Rejected(record.line, f"{LABELS}: {record.reason}", record.raw))
                continue
            self._take_label(record, str(file_column), column, known, labels)
        return labels

    def _take_label(
        self, record: Record, file_column: str, column: str, known: set[str], labels: dict[str, Any]
    ) -> None:
        named, label = record.cells[file_column].strip(), record.cells[column].strip()
        # Some data sets name files from the folder, some from its images/.
        relative = next((path for path in (named, f"images/{named}") if path in known), None)
        reason = None
        if relative is None:
            reason = f"{LABELS} names {named!r}, which is not in the folder"
        elif labels.get(relative, label) != label:
            reason = f"{LABELS} gives {named!r} two labels: {labels[relative]!r} and {label!r}"
        if reason or relative is None:
            self._unmatched.append(Rejected(record.line, str(reason), ",".join(record.cells.values())))
        elif label:
            labels[relative] = label


def paths(root: Path) -> Iterator[str]:
    """Yield the paths of all images below a folder, relative to it, sorted."""
    found = []
    for folder, _, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        found += [(inside / name).as_posix() for name in names if Path(name).suffix.lower() in images.SUFFIXES]
    yield from sorted(found)
