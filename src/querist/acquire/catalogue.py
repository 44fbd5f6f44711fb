"""The tables of `docs/strategies.md`, written from the registry: what is registered is documented."""

from __future__ import annotations

import inspect
import re
from typing import Final

from querist import registry
from querist.acquire.presets import PRESETS, describe
from querist.types import Json

BEGIN: Final = "<!-- generated: {kind} -->"
END: Final = "<!-- end -->"
TABLES: Final = ("preset", "scorer", "selector", "combinator", "filter", "policy")


def fill(page: str) -> str:
    """Return the page with every table between its marks written anew.

    >>> "margin" in fill("<!-- generated: scorer -->old<!-- end -->")
    True
    """
    listed = [row for row in describe() if _is_ours(row)]
    for kind in TABLES:
        rows = [entry for entry in listed if entry["kind"] == kind]
        marked = re.compile(re.escape(BEGIN.format(kind=kind)) + ".*?" + re.escape(END), re.DOTALL)
        written = "\n".join([BEGIN.format(kind=kind), "", *_table(kind, rows), "", END])
        page = marked.sub(lambda _, text=written: text, page)  # type: ignore[misc]
    return page


def _is_ours(row: Json) -> bool:
    """Say whether a row describes something of Querist's own, and not a plugin's."""
    if row["kind"] == "preset":
        return True
    return registry.find(row["kind"], row["name"]).function.__module__.startswith("querist.")


def _table(kind: str, rows: list[Json]) -> list[str]:
    if kind == "preset":
        lines = [
            f"| `{row['name']}` | {_made_of(row['name'])} | {_signals(row)} | {row['summary']} |"
            for row in sorted(rows, key=lambda row: row["name"])
        ]
        return ["| name | made of | signals | |", "|---|---|---|---|", *lines]
    lines = [
        f"| `{row['name']}` | {row['summary']} | {_signals(row)} | {_settings(row)} | {_source(row)} |" for row in rows
    ]
    return ["| name | | signals (optional) | settings | source |", "|---|---|---|---|---|", *lines]


def _made_of(name: str) -> str:
    made = PRESETS[name]
    parts = made.scorer_settings.get("parts", ())
    scorer = f"`{made.scorer}`" + (f" of {', '.join(f'`{part}`' for part in parts)}" if parts else "")
    return f"{scorer} → `{made.selector}`" if made.scorer else f"`{made.selector}`"


def _signals(row: Json) -> str:
    needed = ", ".join(f"`{name}`" for name in row["signals"])
    optional = ", ".join(f"`{name}`" for name in row["optional_signals"])
    scores = "scores" if row["uses_scores"] and row["kind"] == "selector" else ""
    return ", ".join(part for part in (scores, needed) if part) + (f" ({optional})" if optional else "")


def _settings(row: Json) -> str:
    return ", ".join(f"`{name}={value!r}`" for name, value in row["settings"].items()).replace("|", "\\|")


def _source(row: Json) -> str:
    """Return the paragraph of the docstring that names a paper: it has a year, and stands outside of the sections."""
    text = inspect.getdoc(registry.find(row["kind"], row["name"]).function) or ""
    body = re.sub(r"(?ms)^(Args|Returns|Raises):\n.*?(?=^\S|\Z)", "", text).split(">>>")[0]
    named = [part for part in body.split("\n\n") if re.search(r"\b(1[789]|20)\d\d\b", part)]
    return " ".join(named[-1].split()).partition(". ")[0].rstrip(".") if named else ""
