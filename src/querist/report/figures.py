"""How figures are written: signs, units and intervals in the words of the house."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from querist.types import Json

NO_BREAK: Final = "\u00a0"
MINUS: Final = "\u2212"
SYMBOLS: Final = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}


def percent(value: float | None, digits: int = 1) -> str:
    r"""Return a share as a percentage that does not part from its unit.

    >>> percent(0.7634)
    '76.3\xa0%'
    >>> percent(None)
    '–'
    """
    return "–" if value is None else f"{100 * value:.{digits}f}{NO_BREAK}%".replace("-", MINUS)


def points(value: float | None, digits: int = 1, *, signed: bool = True) -> str:
    """Return a difference between shares in points, with its sign.

    >>> points(0.0114), points(-0.0032), points(0.00001)
    ('+1.1', '−0.3', '0.0')
    """
    if value is None:
        return "–"
    return number(100 * value, digits, signed=signed)


def number(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """Return a figure with thousands set apart; nothing is both rounded to zero and negative.

    >>> number(12345), number(-0.04, 1), number(3.21, 1, signed=True)
    ('12,345', '0.0', '+3.2')
    """
    if value is None:
        return "–"
    rounded = round(value, digits) + 0.0
    plus = "+" if signed and rounded > 0 else ""
    return f"{plus}{rounded:,.{digits}f}".replace("-", MINUS)


def money(value: float | None, currency: str) -> str:
    r"""Return an amount, to the cent only where it is small.

    >>> money(124.8, "USD"), money(3.5, "EUR"), money(-1200, "CHF")
    ('$125', '€3.50', '−CHF\xa01,200')
    """
    if value is None:
        return "–"
    symbol = SYMBOLS.get(currency, currency + NO_BREAK)
    sign = MINUS if round(value, 2) < 0 else ""
    return f"{sign}{symbol}{abs(value):,.{0 if abs(value) >= 20 else 2}f}"


def between(low: Any, high: Any) -> str:
    """Return an interval in words, from figures that are written already.

    >>> between("0.5", "2.9")
    'between 0.5 and 2.9'
    """
    return f"between {low} and {high}"


def seconds(value: float | None) -> str:
    r"""Return a duration in the unit that fits.

    >>> seconds(0.0123), seconds(4.21), seconds(252), seconds(7500)
    ('12\xa0ms', '4.2\xa0s', '4\xa0min 12\xa0s', '2\xa0h 5\xa0min')
    """
    if value is None:
        return "–"
    if value < 1:
        return f"{1000 * value:.{1 if value < 0.002 else 0}f}{NO_BREAK}ms"
    if value < 60:
        return f"{value:.1f}{NO_BREAK}s"
    whole = round(value)
    large, small = (whole // 60, whole % 60) if whole < 3600 else (whole // 3600, whole % 3600 // 60)
    units = ("min", "s") if whole < 3600 else ("h", "min")
    return f"{large}{NO_BREAK}{units[0]}" + (f" {small}{NO_BREAK}{units[1]}" if small else "")


def megabytes(value: float | None) -> str:
    r"""Return an amount of memory in millions of bytes.

    >>> megabytes(12_400_000), megabytes(4_000), megabytes(None)
    ('12\xa0MB', '0\xa0MB', '–')
    """
    return "–" if value is None else f"{number(value / 1e6)}{NO_BREAK}MB"


def about(value: float) -> str:
    """Return a count rounded as a headline may: two figures, halves of ten below fifty.

    >>> about(104), about(37), about(1234), about(4)
    ('100', '35', '1,200', '4')
    """
    size = abs(value)
    if size < 10:
        return number(value)
    step = 5 if size < 50 else 10 ** max(1, len(str(int(size))) - 2)
    return number(round(value / step) * step)


def capital(name: str) -> str:
    """Return a name as it begins a sentence; one that is code stays as it is.

    >>> capital("margin"), capital("k_center")
    ('Margin', 'k_center')
    """
    return name if "_" in name else name[:1].upper() + name[1:]


def to(record: Json, written: Callable[[float], str]) -> str:
    """Return the interval of a record in words; nothing where it has none."""
    if record.get("low") is None or record.get("high") is None:
        return ""
    return f"{written(record['low'])} to {written(record['high'])}"
