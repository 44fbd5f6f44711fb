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
    "single_label": "querist.tasks.single_label:SingleLabel",
}


def names() -> list[str]:
    """Return the names of all kinds of label, sorted.

    >>> "single_label" in names()
    True
    """
    return sorted(BUILTINS)


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
    if name not in BUILTINS:
        raise UnknownName("task type", name, BUILTINS)
    if isinstance(classes, str):
        raise BadValue("classes", classes, "must be a list of names, not one text")
    module, _, attribute = BUILTINS[name].partition(":")
    kind = getattr(importlib.import_module(module), attribute)
    given = dict(settings or {})
    known = kind.settings_schema["properties"]
    for setting in given:
        if setting not in known:
            raise UnknownName(f"setting of {name}", setting, known)
    task: TaskType = kind(classes=tuple(classes), **given)
    return task
