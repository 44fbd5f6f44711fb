"""A copy of a project that is whole, made while people work."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from querist.errors import BadValue
from querist.store.copying import copy_project
from querist.store.database import Database
from querist.store.dialect import copy_database, translated_files
from querist.store.sql import DEFAULT_URL, SqlStore

BESIDE: Final = ("artefacts", "evaluation")
"""Folders that belong to a project."""


def backup(store: SqlStore, folder: Path, out: Path, *, finish: Callable[[Path], None]) -> Path:
    """Copy ledger, people and artefacts of a project to a new folder, which opens like any other.

    The copy is one instant of the database, an SQLite file wherever the project is remembered: a backup needs no
    server to be read. Media and the files that the pool was read from are not copied: they are yours, and were never
    moved.

    Args:
        store: the project.
        folder: its folder.
        out: where the copy goes; it must not be there yet.
        finish: called with the folder of the copy before it gets its name, to write the settings into it.

    Raises:
        BadValue: `out` is there already.
        StorageFull: there is no room for the copy.
    """
    if out.exists():
        raise BadValue("out", str(out), "is there already")
    partial = out.with_name(f".{out.name}.partial")
    with translated_files(out):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _copy_database(store, partial)
        # After the database: whatever an event in the copy names was there before the event was.
        for name in BESIDE:
            if (folder / name).exists():
                shutil.copytree(folder / name, partial / name, ignore=shutil.ignore_patterns("*.partial"))
        finish(partial)
        partial.rename(out)
    return out


def _copy_database(store: SqlStore, folder: Path) -> None:
    url = store.database.engine.url
    if store.database.engine.dialect.name == "sqlite" and url.database:
        copy_database(Path(url.database), folder / "querist.db")
        return
    copy = Database(DEFAULT_URL, root=folder, create=True)
    with store.database.reading() as old, copy.writing() as new:
        copy_project(old, store.number, new)
    copy.close()
