"""SQLite's write-ahead log: flushed once for all who wait for it, and brought into the file while people go on."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from querist.errors import StorageFull

logger = logging.getLogger(__name__)

OFTEN: Final = 250
"""Transactions after which the log is brought into the file."""
LONG: Final = 4_096
"""Pages of 4 KiB from which on it is brought in whole, so that it begins anew, while nobody of this process writes."""
TOO_LONG: Final = 16_384
"""Pages from which on SQLite brings it in by itself, inside of somebody's transaction."""

_flush: Final = getattr(os, "fdatasync", os.fsync)


class Log:
    """The write-ahead log of a database file.

    A transaction is whole as soon as it is in the log, and kept when the log has been flushed. SQLite would flush it in
    each commit, while everybody else waits for the lock; here whoever must be sure waits outside of it. One flush at a
    time is under way, and the next one is for all who came meanwhile.

    Args:
        engine: connects to the file.
        turn: held by the one thread of this process that writes.
    """

    def __init__(self, engine: Engine, turn: threading.Lock) -> None:
        self._engine = engine
        self._turn = turn
        self._file = Path(f"{engine.url.database}-wal")
        self._changed = threading.Condition()
        self._begun = 0
        self._ended = 0
        self._failure: OSError | None = None
        self._transactions = 0
        self._carrier: threading.Thread | None = None

    def flush(self) -> None:
        """Return when all that has been committed so far is on the disk.

        Raises:
            StorageFull: the disk refused it, now or earlier: it may say later that all is well, and would be wrong.
        """
        with self._changed:
            # The one under way may have begun before the transaction was in the log.
            enough = self._begun + 1
            self._changed.wait_for(lambda: self._ended >= enough or self._begun == self._ended)
            leads = self._ended < enough
            self._begun += leads
        if leads:
            self._flush()
        if self._failure is not None:
            raise StorageFull(
                f"the disk refuses {self._file} ({self._failure.strerror}); what was acknowledged is kept; "
                "start again when it is well",
                value=self._file,
            ) from self._failure

    def _flush(self) -> None:
        failure = None
        try:
            file = os.open(self._file, os.O_RDWR)
            try:
                _flush(file)
            finally:
                os.close(file)
        except FileNotFoundError:
            # Whoever closes a database last brings the log into the file, flushes that, and removes the log.
            pass
        except OSError as error:
            failure = error
        finally:
            with self._changed:
                self._failure = self._failure or failure
                self._ended = self._begun
                self._changed.notify_all()

    def grow(self) -> None:
        """Note that a transaction was added; now and then that sets a thread going that brings the log in."""
        self._transactions += 1
        if self._transactions >= OFTEN and (self._carrier is None or not self._carrier.is_alive()):
            self._transactions = 0
            self._carrier = threading.Thread(target=self._bring_in, name="write-ahead log", daemon=True)
            self._carrier.start()

    def _bring_in(self) -> None:
        connection = self._engine.raw_connection()
        try:
            if _checkpoint(connection) > LONG:
                with self._turn:
                    _checkpoint(connection)
        except sqlite3.Error as error:
            logger.warning("%s cannot be brought into the database just now: %s", self._file, error)
        finally:
            connection.close()

    def close(self) -> None:
        """Wait for the thread that brings the log in, if one does."""
        if self._carrier is not None:
            self._carrier.join()


def _checkpoint(connection: Any) -> int:
    """Bring in what no reader still needs where it is, and return how many pages the log had."""
    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)
