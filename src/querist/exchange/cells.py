"""Cells of CSV files that spreadsheets open: no cell may be run as a formula."""

from __future__ import annotations

import re
from typing import Final

# What Excel, LibreOffice and Google Sheets take for the beginning of a formula; a number is none.
_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n|%]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def neutralised(cell: str | None) -> str | None:
    """Return the cell with an apostrophe before it where a spreadsheet would run it; `original` takes it off again.

    >>> neutralised("=HYPERLINK(1)"), neutralised("-3.5"), neutralised("spam")
    ("'=HYPERLINK(1)", '-3.5', 'spam')
    """
    if cell is None or not _FORMULA.match(cell) or _NUMBER.fullmatch(cell):
        return cell
    return "'" + cell


def original(cell: str) -> str:
    """Return the cell that `neutralised` was given.

    >>> original("'=1+1"), original("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell
