"""What a column of values holds, and how to read a cell of it: numbers, truth values, dates, categories, texts.

Shared by the pools, which suggest columns to a user, and by the features, which turn columns into numbers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final, Literal

ColumnKind = Literal["number", "boolean", "date", "category", "text", "identifier", "list", "empty"]

MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "nil", "#n/a"})
"""Cells that stand for no value, in small letters."""

_TRUE: Final = frozenset({"true", "yes", "t", "y"})
_FALSE: Final = frozenset({"false", "no", "f", "n"})
_DATE_FORMS: Final = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M")
_MOST: Final = 0.95  # share of readable cells from which on the others are taken for missing
_ENOUGH: Final = 2_000


def is_missing(value: Any) -> bool:
    """Say whether a cell holds nothing.

    >>> [is_missing(value) for value in (None, " ", "N/A", float("nan"), 0, "0")]
    [True, True, True, True, False, False]
    """
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_number(value: Any) -> float | None:
    """Return the cell as a finite number, or None.

    >>> as_number(" 1.5e3 "), as_number("1,5"), as_number("inf")
    (1500.0, None, None)
    """
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    # Python reads "1_000" as a number; in a table it is a name.
    return number if math.isfinite(number) and not (isinstance(value, str) and "_" in value) else None


def as_boolean(value: Any) -> bool | None:
    """Return the cell as a truth value, or None; 0 and 1 are numbers.

    >>> as_boolean("Yes"), as_boolean(False), as_boolean("1")
    (True, False, None)
    """
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    return True if word in _TRUE else False if word in _FALSE else None


def as_date(value: Any, form: str = "") -> datetime | None:
    """Return the cell as a date in UTC, or None; `form` "" reads ISO 8601.

    >>> as_date("2024-02-29").day, as_date("31/12/2023", "%d/%m/%Y").month, as_date("soon")
    (29, 12, None)
    """
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.strptime(value.strip(), form) if form else datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def date_form(values: Iterable[Any]) -> str | None:
    """Return the form that reads most of the cells ("" is ISO 8601), or None when none does.

    >>> date_form(["13/02/2024", "01/03/2024"])
    '%d/%m/%Y'
    """
    present = _present(values)
    for form in ("", *_DATE_FORMS):
        if _mostly(present, lambda value, form=form: as_date(value, form)):  # type: ignore[misc]
            return form
    return None


def kind_of(values: Iterable[Any]) -> ColumnKind:
    """Return what a column holds, judged by a sample of its cells.

    A column is numeric (or dates, or truth values) when 95 % of the cells that are not empty can be read so. Words are
    an `identifier` when nearly all differ, `text` when they are long, and a `category` otherwise.

    >>> kind_of(["1", "2.5", "", "4"]), kind_of(["red", "blue", "red"]), kind_of(["2024-01-01", "2024-01-02"])
    ('number', 'category', 'date')
    """
    present = _present(values)
    if not present:
        return "empty"
    if any(isinstance(value, list | tuple | dict) for value in present):
        return "list"
    for kind, read in (("boolean", as_boolean), ("number", as_number)):
        if _mostly(present, read):
            return kind  # type: ignore[return-value]
    if date_form(present) is not None:
        return "date"
    words = [str(value) for value in present]
    length = sum(map(len, words)) / len(words)
    blanks = sum(word.count(" ") for word in words) / len(words)
    distinct = len(set(words)) / len(words)
    if blanks >= 3 or length > 60:
        return "text" if distinct > 0.2 else "category"
    return "identifier" if distinct > 0.9 and len(words) >= 20 else "category"


def _present(values: Iterable[Any]) -> list[Any]:
    """Return the first cells that hold something: enough to judge a column by."""
    return list(itertools.islice((value for value in values if not is_missing(value)), _ENOUGH))


def _mostly(present: list[Any], read: Callable[[Any], Any]) -> bool:
    few = present[:20]  # most columns show at once what they are not
    if sum(read(value) is not None for value in few) < _MOST * len(few) - 1:
        return False
    return bool(present) and sum(read(value) is not None for value in present) >= _MOST * len(present)
