"""Bring a database of an older version forward, script by script, and keep a copy of the old file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine

from querist.store.dialect import alone, copy_database, translated_files
from querist.store.gate import Gate

SCRIPTS: Final = Path(__file__).with_name("migrations")


def bring_forward(engine: Engine, version: str, *, scripts: Path = SCRIPTS) -> Path | None:
    """Run the migrations behind `version`, all in one transaction: a failing one leaves everything as it was.

    Args:
        engine: of the database.
        version: what the database says it has.
        scripts: the folder of the migrations; for tests.

    Returns:
        The copy of the old file, `querist.db.v0001.bak`; None where the database is no file.

    Raises:
        StorageFull: there is no room for the copy.
    """
    copy = _copy(engine, version)
    with Gate(engine).writing() as connection:
        alone(connection)
        upgrade(connection, scripts=scripts)
    return copy


def upgrade(connection: Connection, *, scripts: Path = SCRIPTS) -> None:
    """Run all migrations that the database has not had, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _copy(engine: Engine, version: str) -> Path | None:
    file = engine.url.database
    if engine.dialect.name != "sqlite" or file is None:
        return None
    copy = Path(f"{file}.v{version}.bak")
    with translated_files(copy):
        if not copy.exists():
            partial = copy.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            copy_database(Path(file), partial)
            partial.rename(copy)
    return copy
