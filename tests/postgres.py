"""A real PostgreSQL for tests: the server that this machine has, in a folder that is thrown away."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Final

import pytest

NOBODY: Final = ("postgres", "nobody")
"""Users who may own a server where we are root, which PostgreSQL refuses to be run by."""


def programs() -> Path | None:
    """Where initdb and postgres are: the newest that Debian installed, or what is on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def why_not() -> str:
    """Why there is no PostgreSQL here; empty where there is one."""
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed: pip install 'querist[postgres]'"
    if programs() is None:
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    return ""


class Server:
    """A running server, reached by a socket in its folder. Each `database()` is a new one, for one test."""

    def __init__(self) -> None:
        where = programs()
        assert where is not None
        self.folder = Path(tempfile.mkdtemp(prefix="querist-pg-"))
        self._as: dict[str, str] = {}
        self._has_tables = False
        if os.geteuid() == 0:
            owner = next(name for name in NOBODY if _is_user(name))
            shutil.chown(self.folder, owner)
            self._as = {"user": owner}
        self._program = where / "postgres"
        self.data = self.folder / "data"
        self._run(where / "initdb", "-D", self.data, "-U", "querist", "-A", "trust", "--no-sync", "-E", "UTF8")
        self.start()

    def _run(self, *command: object) -> None:
        subprocess.run(list(map(str, command)), check=True, capture_output=True, cwd=self.folder, **self._as)  # type: ignore[call-overload]

    def start(self) -> None:
        """Start it, and wait until it answers. What it wrote is only safe from its own death, not from a power cut."""
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": "200",
            "shared_buffers": "32MB",
        }
        command = [str(self._program), "-D", str(self.data)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._as)  # type: ignore[call-overload]
        self._wait()

    def _wait(self) -> None:
        import psycopg

        patience = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self._target("postgres")).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > patience:
                    raise RuntimeError((self.folder / "log").read_text(errors="replace")) from None
                time.sleep(0.02)

    def _target(self, name: str) -> str:
        return f"host={self.folder} user=querist dbname={name}"

    def kill(self) -> None:
        """Kill it and all that it has started, as a power cut of its machine's processes would."""
        pids = [self.process.pid, *_children(self.process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def execute(self, statement: str) -> None:
        """Run a statement that is no part of a transaction."""
        import psycopg

        with psycopg.connect(self._target("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def url(self, name: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://querist@/{name}?host={self.folder}"

    def database(self) -> str:
        """Make a database with our tables in it, as a copy of one that has them, and return its URL."""
        from querist.store.database import Database

        if not self._has_tables:
            self.execute("CREATE DATABASE with_tables")
            Database(self.url("with_tables"), create=True).close()
            self._has_tables = True
        return self.empty_database("with_tables")

    def empty_database(self, template: str = "template0") -> str:
        """Make a database without our tables and return its URL."""
        name = f"q{uuid.uuid4().hex[:12]}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Remove a database again."""
        name = url.partition("@/")[2].partition("?")[0]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """Stop it, and remove its folder."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=60)
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_user(name: str) -> bool:
    import pwd

    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


_SERVER: list[Server] = []


def server() -> Server:
    """Return the server of this test process, started when the first test wants it; skips where there is none."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    if not _SERVER:
        _SERVER.append(Server())
    return _SERVER[0]


def stop_server() -> None:
    """Stop the server, if one was started."""
    while _SERVER:
        _SERVER.pop().close()
