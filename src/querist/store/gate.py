"""The transactions of a database: who writes, who reads, and when what was written is on the disk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from querist.store.dialect import translated
from querist.store.log import Log


class Gate:
    """The transactions of a database.

    SQLite: one thread at a time writes; waiting in line is quicker than SQLite's polling for its lock. It waits for the
    disk afterwards, when it is the next one's turn. PostgreSQL: who writes to a project locks its head first; who reads
    sees one instant, however many statements that takes.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = threading.Lock()
        self._look = threading.local()
        self.shared = engine.dialect.name == "postgresql"
        on_disk = not self.shared and engine.url.database not in (None, "", ":memory:")
        self._log = Log(engine, self._turn) if on_disk else None
        self._writer = engine.execution_options(writes=True)
        one_instant = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._reader = engine.execution_options(**one_instant) if self.shared else engine
        self._idle: dict[Engine, list[Connection]] = {self._writer: [], self._reader: []}

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """One transaction that writes: all of it, or nothing.

        One that need not be durable does not wait for the disk: a crash may take its latest writes back, never halves
        of one, and never what a durable one wrote.
        """
        with translated(self.engine):
            if self.shared:
                with self._writer.begin() as connection:
                    if not durable:
                        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
                    yield connection
                return
            with self._turn:
                with self._begun(self._writer) as connection:
                    yield connection
                if self._log is not None:
                    self._log.grow()
        if durable:
            self.flush()

    def flush(self) -> None:
        """Return when all that can be read is on the disk: a write can be read before it is.

        In PostgreSQL it cannot, but for what need not be durable.
        """
        if self._log is not None:
            self._log.flush()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One consistent look; inside another one of the same thread, that same look."""
        outer: Connection | None = getattr(self._look, "connection", None)
        if outer is not None:
            yield outer
            return
        begun = self._reader.begin() if self.shared else self._begun(self._reader)
        with translated(self.engine), begun as connection:
            self._look.connection = connection
            try:
                yield connection
            finally:
                self._look.connection = None

    @contextmanager
    def _begun(self, engine: Engine) -> Iterator[Connection]:
        """A transaction on a connection that is kept: to take one from SQLAlchemy's pool costs as much as a look."""
        idle = self._idle[engine]
        try:
            connection = idle.pop()
        except IndexError:
            connection = engine.connect()
        try:
            with connection.begin():
                yield connection
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    def close(self) -> None:
        """Let go of all connections."""
        if self._log is not None:
            self._log.close()
        for idle in self._idle.values():
            while idle:
                idle.pop().close()
        self.engine.dispose()
