"""A database with our tables in it: made, found, or brought forward from an older version."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from querist.errors import Damaged, NewerVersion, NotFound
from querist.store import schema
from querist.store.dialect import alone, connect, ledger_triggers
from querist.store.gate import Gate

_STAMP: Final = "alembic_version"


class Database(Gate):
    """An open database of the present version; `writing` and `reading` are its transactions.

    Args:
        url: `sqlite:///querist.db` (relative to `root`), `sqlite://` (in memory), `postgresql://…`, or `env:NAME` for
            the URL that the environment variable NAME holds.
        root: the project's folder.
        create: make the file and the tables where there are none.

    Raises:
        NotFound: there is no such database, and it is not to be made.
        NewerVersion: a newer Querist wrote it.
        StorageFull: it may not be written.
        Unreachable: the server does not answer, or lets us not in.
    """

    def __init__(self, url: str, *, root: Path | None = None, create: bool = False) -> None:
        engine = connect(url, root=root)
        super().__init__(engine)
        file = engine.url.database
        where = engine.url.render_as_string(hide_password=True)
        on_disk = engine.dialect.name == "sqlite" and file is not None
        if on_disk and not create and not Path(str(file)).exists():
            raise NotFound(f"there is no project at {file}", field="store.url", value=file)
        if on_disk and create:
            Path(str(file)).parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare(where, create=create)
        except BaseException:
            engine.dispose()
            raise

    def _prepare(self, where: str, *, create: bool) -> None:
        with self.reading() as connection:
            version = stamped(connection)
        if version is None:
            if not create:
                raise NotFound(f"{where} is a database, but holds no project", field="store.url", value=where)
            with self.writing() as connection:
                alone(connection)
                if stamped(connection) is None:
                    make_tables(connection)
        elif not version.isdecimal():
            raise Damaged(f"{where} has the unknown version {version!r}", value=version)
        elif int(version) > int(schema.VERSION):
            raise NewerVersion(
                f"{where} has version {version}; this Querist reads up to {schema.VERSION}: install a newer one",
                field="version",
                value=version,
            )
        elif version != schema.VERSION:
            from querist.store.migrate import bring_forward

            bring_forward(self.engine, version)


def stamped(connection: Connection) -> str | None:
    """Return the version that the database says it has; None when our tables are not there."""
    if not inspect(connection).has_table(_STAMP):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {_STAMP}")).scalar_one_or_none()  # noqa: S608
    return version


def make_tables(connection: Connection) -> None:
    """Make the tables of the present version at once, as the migrations would step by step."""
    schema.METADATA.create_all(connection)
    for statement in ledger_triggers(connection.dialect.name):
        connection.exec_driver_sql(statement)
    connection.execute(text(f"CREATE TABLE {_STAMP} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {_STAMP} VALUES (:v)"), {"v": schema.VERSION})  # noqa: S608
