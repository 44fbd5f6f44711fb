"""Kinds of label: what an answer may be, how answers are merged, and how well predictions match them.

Name → class, found lazily; `single_label` is the pattern that every other kind follows.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from querist.errors import BadValue, UnknownName
from querist.types import TaskType

BUILTINS: Final = {
    "boxes": "querist.tasks.boxes:Boxes",
    "multi_label": "querist.tasks.multi_label:MultiLabel",
    "numeric": "querist.tasks.numeric:Numeric",
    "pairwise": "querist.tasks.pairwise:Pairwise",
    "polygons": "querist.tasks.polygons:Polygons",
    "ranking": "querist.tasks.ranking:Ranking",
    "relations": "querist.tasks.relations:Relations",
    "single_label": "querist.tasks.single_label:SingleLabel",
    "spans": "querist.tasks.spans:Spans",
    "text": "querist.tasks.text:Text",
}


def names() -> list[str]:
    """Return the names of all kinds of label, sorted.

    >>> "single_label" in names()
    True
    """
    return sorted(BUILTINS)


def kind_of_label(name: str) -> type[TaskType]:
    """Return the class behind a name.

    Raises:
        UnknownName: there is no such kind.
    """
    if name not in BUILTINS:
        raise UnknownName("task type", name, BUILTINS)
    module, _, attribute = BUILTINS[name].partition(":")
    found: type[TaskType] = getattr(importlib.import_module(module), attribute)
    return found


def task_type(name: str, *, classes: Iterable[str] = (), settings: Mapping[str, Any] | None = None) -> TaskType:
    """Return the kind of label of that name with its classes and settings; a project has exactly one.

    Args:
        name: one of `names()`.
        classes: the declared classes, in the order of their numbers.
        settings: further fields of the kind; its `settings_schema` describes them.

    Raises:
        UnknownName: there is no such kind, or it has no such setting.
        BadValue: the classes or a setting cannot be used.

    >>> task_type("single_label", classes=["ham", "spam"]).classes
    ('ham', 'spam')
    """
    kind = kind_of_label(name)
    if isinstance(classes, str):
        raise BadValue("classes", classes, "must be a list of names, not one text")
    given = {setting: tuple(value) if isinstance(value, list) else value for setting, value in (settings or {}).items()}
    known = kind.settings_schema["properties"]
    for setting, value in given.items():
        if setting not in known:
            raise UnknownName(f"setting of {name}", setting, known)
        if not _fits(value, known[setting].get("type")):
            raise BadValue(setting, value, f"must be of the type {known[setting]['type']}")
    task: TaskType = kind(classes=tuple(classes), **given)  # type: ignore[call-arg]
    return task


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "array": (tuple,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "string": (str,),
}


def _fits(value: Any, kind: str | None) -> bool:
    """Whether a setting has the type that its schema names."""
    if kind is None:
        return True
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
