"""Bring a database of an older version forward, one migration after another, with a copy kept beside it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine

from querist.store.schema import VERSION


def bring_forward(engine: Engine, version: str) -> Path | None:
    """Upgrade in one transaction; return the backup copy of the old file, if it was a file."""
    raise NotImplementedError(f"there is nothing before {VERSION}, but the database says {version}")
