"""All that differs between SQLite and PostgreSQL: connecting, locking, ignoring what is there, refusing changes."""

from __future__ import annotations

import errno
import functools
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Dialect, Engine, Insert, Select, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import StaticPool

from querist.errors import BadValue, Busy, Damaged, MissingExtra, QueristError, StorageFull, Unreachable
from querist.store.log import TOO_LONG

BUSY_MILLISECONDS: Final = 5_000
AT_ONCE: Final = 5_000
"""Values in one IN (…): below the limits of both databases."""
COPIED: Final = 100
"""Rows from which on PostgreSQL gets them by COPY, many times as fast as by INSERT."""
FROM_ENVIRONMENT: Final = "env:"
"""A URL `env:NAME` stands for the one in the environment variable NAME, so that no file holds a password."""

_T = TypeVar("_T")

_SQLITE_TRIGGERS: Final = (
    """CREATE TRIGGER ledger_is_never_updated BEFORE UPDATE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: a correction is a new event'); END""",
    """CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is deleted'); END""",
    # INSERT OR REPLACE removes the old line without asking the trigger above.
    """CREATE TRIGGER ledger_is_never_replaced BEFORE INSERT ON ledger
       WHEN EXISTS (SELECT 1 FROM ledger WHERE project = NEW.project AND (seq = NEW.seq OR key = NEW.key))
       BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: nothing is replaced'); END""",
)
_POSTGRES_TRIGGERS: Final = (
    """CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'the ledger is append-only: a correction is a new event'; END $$""",
    """CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
       FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()""",
)


def ledger_triggers(dialect: str) -> tuple[str, ...]:
    """Return the statements that make a database refuse UPDATE and DELETE on the ledger.

    They belong to version 0001 of the tables: whoever changes them writes a migration.
    """
    return _SQLITE_TRIGGERS if dialect == "sqlite" else _POSTGRES_TRIGGERS


def parse(url: str) -> URL:
    """Return the parts of a URL; `env:NAME` is looked up in the environment.

    Raises:
        NotFound: there is no such environment variable.
        BadValue: it is no URL, or of a database that we do not know.

    >>> parse("postgresql://ann@db.example.org/labels").host
    'db.example.org'
    """
    given = url
    if url.startswith(FROM_ENVIRONMENT):
        name = url.removeprefix(FROM_ENVIRONMENT)
        if not os.environ.get(name):
            raise BadValue("store.url", url, f"the environment variable {name} is not set; it holds the URL")
        given = os.environ[name]
    try:
        parsed = make_url(given)
        backend = parsed.get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        # What stands in an environment variable may be a password: it is never shown.
        raise BadValue("store.url", url, "must begin with sqlite:// or postgresql://", choices=["sqlite", "postgresql"])
    return parsed


def is_postgres(url: str) -> bool:
    """Say whether a URL is one of PostgreSQL."""
    return parse(url).get_backend_name() == "postgresql"


def has_password(url: str) -> bool:
    """Say whether a URL itself holds a password, one that stays out of files."""
    return not url.startswith(FROM_ENVIRONMENT) and (parse(url).password is not None or "password" in parse(url).query)


def shown(url: str) -> str:
    """Return a URL as it may be shown: without its password.

    >>> shown("postgresql://ann:secret@db.example.org/labels")
    'postgresql://ann:***@db.example.org/labels'
    """
    return url if url.startswith(FROM_ENVIRONMENT) else parse(url).render_as_string(hide_password=True)


def connect(url: str, *, root: Path | None = None) -> Engine:
    """Return an engine whose transactions are what we mean by them; nothing is opened yet.

    A relative SQLite path is taken from `root`. SQLite gets a write-ahead log, which `gate.Gate` flushes, and write
    transactions that take their lock at once (`writing`).
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "postgresql":
        return _connect_postgres(parsed)
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        path = Path(str(parsed.database))
        path = path if root is None or path.is_absolute() else root / path
        # A handler per thread, each for a few ms: more than one write at a time never happens anyway.
        engine = create_engine(
            parsed.set(database=str(path)),
            pool_size=20,
            max_overflow=20,
            # Each transaction ends with its block; a rollback of nothing at each return would cost more than a read.
            pool_reset_on_return=None,
            connect_args={"check_same_thread": False},
        )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_postgres(url: URL) -> Engine:
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=20,
            max_overflow=20,
            # A database that was restarted costs one look, not one failed request for each connection.
            pool_pre_ping=True,
            connect_args={"connect_timeout": 10, "application_name": "querist"},
        )
    except ModuleNotFoundError as error:
        raise MissingExtra("a project in PostgreSQL", "postgres") from error
    event.listen(engine, "connect", _set_up_postgres)
    return engine


def _set_up_postgres(connection: Any, _record: Any) -> None:
    with connection.cursor() as cursor:
        # A machine that vanishes in the middle of a transaction must not hold the others up for hours.
        for name, value in {
            "idle_in_transaction_session_timeout": "60s",
            "lock_timeout": f"{2 * BUSY_MILLISECONDS}ms",
            "tcp_keepalives_idle": "30",
            "tcp_keepalives_interval": "10",
            "tcp_keepalives_count": "3",
        }.items():
            cursor.execute(f"SET {name} = '{value}'")
    connection.commit()


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own idea of when a transaction begins would let two readers deadlock as writers.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    for pragma in (
        # A log is flushed after the commit, by `Gate`; where the disk allows none, SQLite flushes in the commit.
        f"synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}",
        f"wal_autocheckpoint = {TOO_LONG}",
        "foreign_keys = ON",
        # What is erased is overwritten, instead of staying readable in a free page.
        "secure_delete = ON",
        "cache_size = -8192",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.connection.cursor().execute("BEGIN IMMEDIATE" if writes else "BEGIN")


def alone(connection: Connection) -> None:
    """Keep others off until the transaction ends who would make or change the tables at the same time."""
    if connection.dialect.name == "postgresql":
        # SQLite's writers are alone anyway. The number is ours, and means nothing.
        connection.execute(text("SELECT pg_advisory_xact_lock(7103217)"))


def take_your_time(connection: Connection) -> None:
    """Let a transaction wait longer than a minute for what its process does meanwhile."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))


def forget(engine: Engine, table: str) -> None:
    """Make the database give up what was deleted from a table, as far as it can.

    SQLite overwrites what it deletes; here its write-ahead log is brought into the file and cut off. PostgreSQL keeps
    deleted rows until they are vacuumed; its own log and its backups are beyond us.

    Raises:
        Busy: somebody reads what was deleted, and does not stop.
    """
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.rollback()
            patience = time.monotonic() + BUSY_MILLISECONDS / 1000
            # SQLite waits for readers, but not for somebody else who brings the log in.
            while connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > patience:
                    raise Busy("it is deleted, but somebody still reads it in the database's log; erase it again")
                time.sleep(0.01)
    else:
        with translated(engine), engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"VACUUM {engine.dialect.identifier_preparer.quote(table)}"))


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite file, as it is at one instant, while others write to it."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(target)) as new:
        # One read transaction for the whole copy: else each write by somebody else would start it anew.
        old.isolation_level = None
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        old.backup(new)


def pages_of(connection: Connection, query: Select[Any], size: int) -> Iterator[Sequence[Any]]:
    """Yield the rows of a query in lists of at most `size`, as the driver gives them, never all at once.

    A million rows as Python tuples would be a few hundred megabytes; wrapping each in a row of SQLAlchemy's takes five
    times as long as reading it.
    """
    if connection.dialect.name == "sqlite":
        cursor = connection.execute(query).cursor
        while page := cursor.fetchmany(size):
            yield page
        return
    driver: Any = connection.connection
    plain = query.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    with driver.cursor(name="pages") as cursor:
        cursor.execute(str(plain))
        while page := cursor.fetchmany(size):
            yield page


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of plain values that all have the same columns in the same order.

    Straight through the driver: a hundred thousand rows of an import would spend most of their time in being bound.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql" and len(rows) >= COPIED:
        driver: Any = connection.connection
        with driver.cursor() as cursor, cursor.copy(_copy_into(connection.dialect, table, columns)) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
    else:
        statement = _plain_insert(connection.dialect, table, columns)
        connection.connection.cursor().executemany(statement, [tuple(row.values()) for row in rows])


def _place(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> str:
    quote = dialect.identifier_preparer.quote
    return f"{quote(table.name)} ({', '.join(map(quote, columns))})"


@functools.cache
def _copy_into(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> str:
    return f"COPY {_place(dialect, table, columns)} FROM STDIN"


@functools.cache
def _plain_insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> str:
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    return f"INSERT INTO {_place(dialect, table, columns)} VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that passes over rows that are there already."""
    return _insert_new(connection.dialect.name, table)


def insert_if_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless it is there already (by any unique key); return whether it was inserted."""
    # Asked what it inserted: the count of rows is not known with every driver.
    statement = insert_new(connection, table).values(row).returning(*table.primary_key)
    return connection.execute(statement).first() is not None


@functools.cache
def _insert_new(dialect: str, table: Table) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@functools.cache
def upsert(dialect: str, table: Table) -> Insert:
    """Return an INSERT that overwrites the row of the same primary key."""
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Say in one line what went wrong with the database, whether SQLAlchemy or the driver says so."""
    try:
        yield
    except (DatabaseError, engine.dialect.loaded_dbapi.Error) as error:
        where = engine.url.render_as_string(hide_password=True)
        said = _said_by_sqlite if engine.dialect.name == "sqlite" else _said_by_postgres
        readable = said(getattr(error, "orig", error), where)
        if readable is None:
            raise
        raise readable from error


def _said_by_sqlite(error: BaseException | None, where: str) -> QueristError | None:
    reason = str(error).lower()
    if "disk" in reason and "full" in reason:
        return StorageFull(f"the disk of {where} is full; nothing that was acknowledged is lost", value=where)
    if "readonly" in reason or "read-only" in reason or "unable to open" in reason or "disk i/o error" in reason:
        return StorageFull(f"{where} cannot be written ({reason}); nothing acknowledged is lost", value=where)
    if "locked" in reason or "busy" in reason:
        return Busy(f"{where} is being written by another process; try again", value=where)
    if "malformed" in reason or "not a database" in reason:
        return Damaged(f"{where} is damaged: {reason}", value=where)
    return None


def _said_by_postgres(error: BaseException | None, where: str) -> QueristError | None:
    reason = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None) or ""
    if state.startswith("53") and state != "53300":
        return StorageFull(
            f"the disk of {where} is full ({reason}); nothing that was acknowledged is lost", value=where
        )
    if state in ("42501", "25006"):
        return StorageFull(f"{where} cannot be written ({reason}); nothing acknowledged is lost", value=where)
    if state in ("55P03", "40P01", "40001"):
        return Busy(f"{where} is being written by another process; try again", value=where)
    if "NUL (0x00)" in reason:
        return BadValue("text", "…\\0…", "PostgreSQL keeps no text with a NUL character in it")
    # Without a state nobody answered; 08, 57P and 25P03: the server hung up; 28, 3D and 53300: it lets nobody in.
    if state[:2] in ("", "08", "28", "3D") or state[:3] == "57P" or state in ("25P03", "53300"):
        return Unreachable(f"the database {where} cannot be reached: {reason}", value=where)
    return None


@contextmanager
def translated_files(path: Path) -> Iterator[None]:
    """Say in one line why a file cannot be written."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(
                f"the disk of {path} is full; nothing that was acknowledged is lost", value=path
            ) from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StorageFull(f"{path} cannot be written: {error.strerror}", value=path) from error
        raise


def batches(values: Iterable[_T], size: int = AT_ONCE) -> Iterator[list[_T]]:
    """Yield the values in lists of at most `size`.

    >>> list(batches([1, 2, 3], 2))
    [[1, 2], [3]]
    """
    source = iter(values)
    while some := list(islice(source, size)):
        yield some
