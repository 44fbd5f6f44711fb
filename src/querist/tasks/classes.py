"""The declared classes of a task, and the one way in which a name that is none of them is refused."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from querist.errors import BadValue


def declared(classes: Sequence[str], *, least: int = 1) -> dict[str, int]:
    """Return the number of each class.

    Raises:
        BadValue: too few classes, an empty name, or a name twice.

    >>> declared(("ham", "spam"))
    {'ham': 0, 'spam': 1}
    """
    if len(classes) < least:
        raise BadValue("classes", list(classes), "name at least one class" if least == 1 else f"name at least {least}")
    for name, count in Counter(classes).items():
        if not name.strip():
            raise BadValue("classes", name, "a class needs a name of at least one visible character")
        if count > 1:
            raise BadValue("classes", name, "is declared twice")
    return {name: number for number, name in enumerate(classes)}


def none_wanted(classes: Sequence[str], task: str) -> None:
    """Refuse classes where a task has none.

    Raises:
        BadValue: there are some.
    """
    if classes:
        raise BadValue("classes", list(classes), f"a {task} task has no classes")


def the_class(value: Any, classes: Sequence[str], *, field: str = "label") -> str:
    """Return the class that a value names; numbers name the class that is written like them.

    Raises:
        BadValue: the value is none of the classes; names the nearest and all choices.

    >>> the_class(1.0, ("0", "1"))
    '1'
    """
    text = as_text(value)
    if text in classes:
        return text
    near = difflib.get_close_matches(text, classes, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    listed = ", ".join(classes[:40]) + (", …" if len(classes) > 40 else "")
    raise BadValue(field, value, f"is not a declared class; {hint}have: {listed}", choices=classes)


def as_text(value: Any) -> str:
    """Return a cell as the name it stands for.

    Files with typed columns give 3 or 3.0 where the class is called "3", and True where it is called "true".
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return value if isinstance(value, str) else str(value)


def from_json_text(cell: Any, *, field: str = "label") -> Any:
    """Return what a cell of a file holds: JSON text is read, anything else stays as it is.

    Raises:
        BadValue: the text begins like JSON and is none.

    >>> from_json_text('["a", "b"]'), from_json_text("plain")
    (['a', 'b'], 'plain')
    """
    if not isinstance(cell, str) or cell.lstrip()[:1] not in ("[", "{", '"'):
        return cell
    try:
        return json.loads(cell)
    except ValueError as error:
        raise BadValue(field, cell[:80], f"begins like JSON and is none: {error}") from None
