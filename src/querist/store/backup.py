"""A copy of a project that is whole, made while people work."""

from __future__ import annotations

import shutil
from pathlib import Path

from sqlalchemy import make_url

from querist.errors import BadValue, NotFound
from querist.store.dialect import copy_database, translated_files
from querist.store.sql import DEFAULT_URL


def backup(folder: Path, out: Path, *, url: str = DEFAULT_URL) -> Path:
    """Copy settings, ledger and artefacts of a project to a new folder, which opens like any other.

    Media and the files that the pool was read from are not copied: they are yours, and were never moved.

    Args:
        folder: the project's folder.
        out: where the copy goes; it must not be there yet.
        url: the project's database; a PostgreSQL database is copied by its own tools.

    Returns:
        The folder of the copy.

    Raises:
        BadValue: `out` is there already, or the database is no file.
        NotFound: there is no project in the folder.
        StorageFull: there is no room for the copy.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        raise BadValue("store.url", url, "is not a file: use pg_dump for the database, and copy the artefacts after it")
    database = folder / parsed.database
    if not database.exists():
        raise NotFound(f"there is no project at {database}", field="project", value=folder)
    if out.exists():
        raise BadValue("out", str(out), "is there already")
    partial = out.with_name(f".{out.name}.partial")
    with translated_files(out):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        copy_database(database, partial / database.name)
        # After the database: whatever an event in the copy names was there before the event was.
        if (folder / "artefacts").exists():
            shutil.copytree(folder / "artefacts", partial / "artefacts", ignore=shutil.ignore_patterns("*.partial"))
        for settings in folder.glob("*.toml"):
            shutil.copy2(settings, partial / settings.name)
        partial.rename(out)
    return out
