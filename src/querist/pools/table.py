"""Rows of a table as drafts: which column is the item, its label, its id, its group, its cost."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from querist.errors import BadValue, UnknownName
from querist.pools import images, sounds
from querist.pools.reader import Draft, digest
from querist.types import Content, Json, Rejected, canonical_json


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a table, with the number of the line it begins on."""

    line: int
    cells: Json


class Table(Protocol):
    """A file with named columns."""

    @property
    def path(self) -> Path:
        """Where it lies."""

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns."""

    def records(self, wanted: Sequence[str]) -> Iterator[Record | Rejected]:
        """Yield the rows, with the wanted columns at least."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column means what; see `querist.pools.read_pool`."""

    text: str | None = None
    columns: tuple[str, ...] | None = None
    image: str | None = None
    label: str | None = None
    id: str | None = None
    group: str | None = None
    cost: str | None = None
    pair: tuple[str, ...] | None = None
    audio: str | None = None
    about: tuple[str, ...] = ()

    def checked(self, names: Sequence[str]) -> Roles:
        """Return the roles with `columns` filled in where neither text nor image is the item.

        Raises:
            UnknownName: a column is not there.
            BadValue: no column is left to be the item, or more than one way is asked for.
        """
        ways = [way for way in ("text", "columns", "image", "audio") if getattr(self, way) is not None]
        if len(ways) > 1:
            raise BadValue(ways[1], getattr(self, ways[1]), f"cannot be the item, for {ways[0]} is already")
        others = {role: getattr(self, role) for role in ("text", "image", "audio", "label", "id", "group", "cost")}
        beside = [*(self.columns or ()), *(self.pair or ()), *self.about]
        for name in [*(name for name in others.values() if name), *beside]:
            if name not in names:
                raise UnknownName("column", name, names)
        if self.pair is not None:
            if len(self.pair) != 2 or (ways and ways != ["text"]):
                raise BadValue("pair", list(self.pair), "name two columns; beside them only --text, which both answer")
            return self
        if self.text or self.image or self.audio:
            return self
        columns = self.columns or tuple(name for name in names if name not in {*others.values(), *self.about})
        if not columns:
            raise BadValue("columns", [], "no column is left to be the item")
        return replace(self, columns=columns)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Every column that has a role."""
        named = (self.text, self.image, self.audio, self.label, self.id, self.group, self.cost)
        listed = [*(self.columns or ()), *(self.pair or ()), *self.about]
        return tuple(dict.fromkeys([*listed, *(name for name in named if name)]))


class TableSource:
    """The drafts of a table."""

    def __init__(self, table: Table, roles: Roles) -> None:
        self._table = table
        self._roles = roles.checked(table.names)

    @property
    def name(self) -> str:
        """The file's path."""
        return str(self._table.path)

    @property
    def media(self) -> Path | None:
        """The file's folder where a column holds paths of images."""
        return self._table.path.parent if self._roles.image or self._roles.audio else None

    def drafts(self) -> Iterator[Draft | Rejected]:
        """Yield a draft of each row."""
        for record in self._table.records(self._roles.wanted):
            yield record if isinstance(record, Rejected) else self._draft(record)

    def _draft(self, record: Record) -> Draft | Rejected:
        try:
            return draft(record, self._roles, self.media)
        except Unreadable as error:
            return Rejected(record.line, str(error), canonical_text(record.cells))


class Unreadable(Exception):
    """Why one row cannot become an item; caught row by row."""


def draft(record: Record, roles: Roles, media: Path | None) -> Draft:
    """Return the draft of one row; Unreadable says why there is none."""
    cells = record.cells
    content = _content(cells, roles)
    try:
        mark = digest(content)
        if media is not None and roles.image is not None:
            mark = hashlib.sha256(images.read(media, content.value["path"])).digest()
        if media is not None and roles.audio is not None:
            mark = hashlib.sha256(sounds.read(media, content.value["path"])).digest()
    except (UnicodeEncodeError, images.BadImage) as error:
        reason = str(error) if isinstance(error, images.BadImage) else "holds half a character (a lone surrogate)"
        raise Unreadable(reason) from error
    except ValueError as error:
        raise Unreadable("holds an infinite number") from error
    if roles.about:
        # After the digest: rows that differ in nothing but these are copies.
        content = Content(content.kind, {**content.value, "about": {name: cells.get(name) for name in roles.about}})
    return Draft(
        record.line,
        content,
        mark,
        _name(cells, roles.id, "id") if roles.id else None,
        _label(cells.get(roles.label)) if roles.label else None,
        _name(cells, roles.group, None) if roles.group else None,
        _cost(cells, roles.cost) if roles.cost else None,
    )


def _content(cells: Json, roles: Roles) -> Content:
    if roles.pair:
        first, second = (_part(cells, column) for column in roles.pair)
        asked = {"prompt": _part(cells, roles.text)} if roles.text else {}
        return Content("pair", {**asked, "first": first, "second": second})
    if roles.text or roles.image or roles.audio:
        part = _part(cells, str(roles.text or roles.image or roles.audio))
        if roles.text:
            return Content("text", part["value"])
        return Content("image" if roles.image else "audio", {"path": part["value"]["text"]})
    fields = {name: cells.get(name) for name in roles.columns or ()}
    if all(value is None or value == "" for value in fields.values()):
        raise Unreadable("every column is empty")
    return Content("row", {"fields": fields})


def _part(cells: Json, column: str) -> Json:
    """A cell as a text, or as one side of a pair."""
    value = cells.get(column)
    if value is None or not str(value).strip():
        raise Unreadable(f"column {column!r} is empty")
    return {"kind": "text", "value": {"text": str(value)}}


def _label(value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip()
    return None if value in ("", None) else value


def _name(cells: Json, column: str, required: str | None) -> str | None:
    value = _label(cells.get(column))
    if value is None and required:
        raise Unreadable(f"column {column!r}, which names the items, is empty")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else str(value)


def _cost(cells: Json, column: str) -> float | None:
    value = _label(cells.get(column))
    if value is None:
        return None
    try:
        cost = float(value)
    except (TypeError, ValueError):
        cost = math.nan
    if not (math.isfinite(cost) and cost >= 0):
        raise Unreadable(f"column {column!r} holds no cost: {value!r}")
    return cost


def canonical_text(value: Any) -> str:
    """Return a value as text for a rejected row, whatever it holds."""
    try:
        return canonical_json(value)
    except ValueError:
        return repr(value)
