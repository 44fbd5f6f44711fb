"""The parts of a running project, each in a process that is forked from a warmed server and may be killed.

A part may be told to die by itself, of SIGKILL, right before or right after a certain call: so every boundary between
two steps can be hit, not only likely ones.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

from querist.engine import run as running
from querist.engine import steps
from querist.engine.project import Project
from querist.store.artefacts import FileArtefacts
from querist.store.sql import SqlStore

WRITES = "writes"
ACKNOWLEDGED = "acknowledged"
PATIENCE = 3.0


@dataclass(frozen=True)
class Death:
    """Die at the n-th boundary of a step or call: an odd number is before the call, the even one behind it after it."""

    where: str
    number: int


class Boundaries:
    """Counts calls while a step runs, and dies at the one that was asked for; notes how many calls each step makes."""

    def __init__(self, death: Death | None, notes: Path | None = None) -> None:
        self.death = death
        self.notes = notes
        self.where = ""
        self.count: Counter[str] = Counter()

    def cross(self) -> None:
        self.count[self.where] += 1
        if self.death == Death(self.where, self.count[self.where]):
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def inside(self, where: str) -> Iterator[None]:
        self.where = where
        self.count[where] = 0
        yield
        if self.notes is not None:
            with self.notes.open("a") as file:
                file.write(f"{where} {self.count[where]}\n")
        self.where = ""

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def counted(*args: Any, **more: Any) -> Any:
            self.cross()
            result = call(*args, **more)
            self.cross()
            return result

        return counted


# --- the worker


def work(folder: Path, ready: Path, death: Death | None, bug: str) -> None:
    """Do what `querist worker` does."""
    boundaries = Boundaries(death, folder / WRITES)
    real = running.run

    def run(project: Project, step: Any) -> None:
        with boundaries.inside(type(step).__name__):
            real(project, step)

    running.run = run
    _count_files(boundaries)
    SqlStore.append = boundaries.around(SqlStore.append)  # type: ignore[method-assign]
    if bug == "event before artefact":
        _write_late()
    if bug == "no claims":
        SqlStore.claim = lambda *_: True  # type: ignore[method-assign, assignment]
    project = Project.open(folder)
    ready.touch()
    running.work_forever(project, threading.Event())


def _count_files(boundaries: Boundaries) -> None:
    real = FileArtefacts._new_file

    @contextmanager
    def new_file(self: FileArtefacts, extension: str) -> Iterator[Any]:
        boundaries.cross()
        with real(self, extension) as file:
            yield file
        boundaries.cross()

    FileArtefacts._new_file = new_file  # type: ignore[method-assign, assignment]


def _write_late() -> None:
    """The planted bug: a data set's rows are written after the event that names them."""
    import hashlib

    real_freeze, real_put, real_append = steps.freeze, FileArtefacts.put, SqlStore.append
    late: list[bytes] | None = None

    def freeze(*args: Any) -> None:
        nonlocal late
        late = []
        real_freeze(*args)
        late = None

    def put(self: FileArtefacts, data: bytes, extension: str) -> str:
        if late is None:
            return real_put(self, data, extension)
        late.append(data)
        return hashlib.sha256(data).hexdigest()

    def append(self: SqlStore, *args: Any, **more: Any) -> Any:
        nonlocal late
        result = real_append(self, *args, **more)
        missing, late = late or [], None
        for data in missing:
            real_put(self.artefacts, data, "parquet")
        return result

    steps.freeze = freeze
    FileArtefacts.put, SqlStore.append = put, append  # type: ignore[method-assign, assignment]


# --- the server


def serve(folder: Path, ready: Path, listening: socket.socket, death: Death | None, bug: str) -> None:
    """Do what `querist serve` does, without its worker."""
    import uvicorn

    from querist.server.app import create_app
    from querist.server.site import Site

    if bug == "event without unique key":
        real = SqlStore.append

        def append(self: SqlStore, _key: str, event: Any, **options: Any) -> Any:
            return real(self, str(uuid.uuid4()), event, **options)

        SqlStore.append = append  # type: ignore[method-assign]
    for name in ("append", "lease"):
        boundaries = Boundaries(death)
        boundaries.where = name
        setattr(SqlStore, name, boundaries.around(getattr(SqlStore, name)))
    config = uvicorn.Config(create_app(Site.open(folder)), log_level="error", access_log=False)
    ready.touch()
    uvicorn.Server(config).run(sockets=[listening])


# --- the people


def annotate(
    folder: Path,
    ready: Path,
    address: tuple[str, int],
    project: str,
    tokens: Mapping[str, str],
    truth: Mapping[str, str],
    seed: int,
    death: Death | None,
) -> None:
    """Label with the truth, a thread for each person, as the web page does: what is not acknowledged is sent again."""
    out = os.open(folder / ACKNOWLEDGED, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    boundaries = Boundaries(death)
    boundaries.where = "answer"

    def label(person: str, token: str) -> None:
        chance = random.Random(f"{seed} {person}")
        ask = Caller(address, token)
        while True:
            _, reply = ask(f"/api/v1/projects/{project}/next", {"n": chance.randint(1, 3), "held": []})
            for task in reply["tasks"]:
                item, key = task["item"], str(uuid.uuid4())
                # The time is this answer's own: by it the same answer is known again under another key.
                form = {"key": key, "item": item, "value": truth[item], "active_ms": chance.randrange(86_400_000)}
                boundaries.cross()
                status, told = ask(f"/api/v1/projects/{project}/answers", {**form, "lease": task["lease"]})
                boundaries.cross()
                line = key if status in (200, 201) else f"refused:{status}:{json.dumps(told).replace(' ', '_')}"
                os.write(out, f"{line}\n".encode())
            if not reply["tasks"]:
                time.sleep(0.05)

    threads = [threading.Thread(target=label, args=pair, daemon=True) for pair in tokens.items()]
    for thread in threads:
        thread.start()
    ready.touch()
    for thread in threads:
        thread.join()


class Caller:
    """Posts JSON until it is answered: a server that died is tried again."""

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self.address = address
        self.headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self.connection: http.client.HTTPConnection | None = None

    def __call__(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        while True:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection(*self.address, timeout=PATIENCE)
                self.connection.request("POST", path, json.dumps(body), self.headers)
                reply = self.connection.getresponse()
                told = json.loads(reply.read())
                if reply.status not in (429, 503):
                    return reply.status, told
            except (OSError, http.client.HTTPException, ValueError):
                if self.connection is not None:
                    self.connection.close()
                self.connection = None
            time.sleep(0.02)
