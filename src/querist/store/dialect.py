"""All that differs between SQLite and PostgreSQL: connecting, locking, ignoring what is there, refusing changes."""

from __future__ import annotations

import errno
import functools
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Dialect, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from querist.errors import BadValue, Busy, Damaged, MissingExtra, StorageFull

BUSY_MILLISECONDS: Final = 5_000
AT_ONCE: Final = 5_000
"""Values in one IN (…): below the limits of both databases."""

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


def connect(url: str, *, root: Path | None = None) -> Engine:
    """Return an engine whose transactions are what we mean by them; nothing is opened yet.

    A relative SQLite path is taken from `root`. SQLite gets a write-ahead log that is flushed at each commit, and
    write transactions that take their lock at once (`writing`).
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return _connect_postgres(url)
    if backend != "sqlite":
        raise BadValue("store.url", url, "must begin with sqlite:// or postgresql://", choices=["sqlite", "postgresql"])
    if parsed.database in (None, "", ":memory:"):
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        path = Path(str(parsed.database))
        path = path if root is None or path.is_absolute() else root / path
        # A handler per thread, each for a few ms: more than one write at a time never happens anyway.
        engine = create_engine(
            parsed.set(database=str(path)), pool_size=20, max_overflow=20, connect_args={"check_same_thread": False}
        )
    event.listen(engine, "connect", _set_up_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _connect_postgres(url: str) -> Engine:
    try:
        return create_engine(make_url(url).set(drivername="postgresql+psycopg"), pool_size=20, max_overflow=20)
    except ModuleNotFoundError as error:
        raise MissingExtra("a project in PostgreSQL", "postgres") from error


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own idea of when a transaction begins would let two readers deadlock as writers.
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is erased is overwritten, instead of staying readable in a free page.
        "secure_delete = ON",
        "cache_size = -8192",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class Gate:
    """Lets one thread at a time write: waiting in line is quicker than SQLite's polling for the lock."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = threading.Lock()
        self._alone = engine.dialect.name == "sqlite"
        self._writer = engine.execution_options(writes=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction that writes: all of it, or nothing."""
        with translated(self.engine):
            if not self._alone:
                with self._writer.begin() as connection:
                    yield connection
                return
            with self._turn, self._writer.begin() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look."""
        with translated(self.engine), self.engine.begin() as connection:
            yield connection


def empty_log(engine: Engine) -> None:
    """Bring SQLite's write-ahead log into the file, and cut it off: what was erased shall not linger in it."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.rollback()
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def copy_database(source: Path, target: Path) -> None:
    """Copy an SQLite file, as it is at one instant, while others write to it."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(target)) as new:
        # One read transaction for the whole copy: else each write by somebody else would start it anew.
        old.isolation_level = None
        old.execute("BEGIN")
        old.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        old.backup(new)


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows of plain values that all have the same columns in the same order.

    Straight through the driver: a hundred thousand rows of an import would spend most of their time in being bound.
    """
    if rows:
        statement = _plain_insert(connection.dialect, table, tuple(rows[0]))
        connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


@functools.cache
def _plain_insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> str:
    quote = dialect.identifier_preparer.quote
    mark = "?" if dialect.paramstyle == "qmark" else "%s"
    names = ", ".join(quote(column) for column in columns)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES ({', '.join([mark] * len(columns))})"  # noqa: S608


def insert_new(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that passes over rows that are there already."""
    return _insert_new(connection.dialect.name, table)


def upsert(connection: Connection, table: Table) -> Insert:
    """Return an INSERT that overwrites the row of the same primary key."""
    return _upsert(connection.dialect.name, table)


@functools.cache
def _insert_new(dialect: str, table: Table) -> Insert:
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@functools.cache
def _upsert(dialect: str, table: Table) -> Insert:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Say in one line what went wrong with the database."""
    try:
        yield
    except DatabaseError as error:
        reason = str(error.orig).lower()
        where = engine.url.render_as_string(hide_password=True)
        if "disk" in reason and "full" in reason:
            raise StorageFull(
                f"the disk of {where} is full; nothing that was acknowledged is lost", value=where
            ) from error
        if "readonly" in reason or "read-only" in reason or "unable to open" in reason or "disk i/o error" in reason:
            raise StorageFull(
                f"{where} cannot be written ({reason}); nothing acknowledged is lost", value=where
            ) from error
        if "locked" in reason or "busy" in reason:
            raise Busy(f"{where} is being written by another process; try again", value=where) from error
        if "malformed" in reason or "not a database" in reason:
            raise Damaged(f"{where} is damaged: {reason}", value=where) from error
        raise


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
