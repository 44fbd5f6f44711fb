"""Tables of docs/benchmarks.md between their marks, and the commit that figures come from."""

from __future__ import annotations

import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def commit() -> str:
    """Return the short name of the commit that is checked out."""
    asked = ["git", "-C", str(PAGE.parent), "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def header(names: list[str]) -> list[str]:
    """Return the first two lines of a table."""
    return ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]


def write(mark: str, text: str) -> None:
    """Put a text between `<!-- mark -->` and `<!-- end of mark -->` of the page."""
    page = PAGE.read_text(encoding="utf-8")
    first, last = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    before, _, rest = page.partition(first)
    _, _, after = rest.partition(last)
    PAGE.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}", encoding="utf-8")
