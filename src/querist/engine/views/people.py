"""Names for pseudonyms."""

from __future__ import annotations

from typing import Final

from querist.engine.project import Project

OURS: Final = {
    "engine": "Querist",
    "import": "Import",
    "oracle": "Known labels",
    "cli": "Command line",
    "file": "Settings",
}


def who(project: Project, actor: str) -> str:
    """Return the name that people read for an actor of the ledger."""
    if actor in OURS:
        return OURS[actor]
    names: dict[str, str] = project.cache.setdefault("names", {})
    if actor not in names:
        names[actor] = project.person_name(actor) or actor
    return names[actor]
