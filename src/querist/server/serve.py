"""`querist serve`: one web process and one worker child, started, watched and stopped together."""

from __future__ import annotations

import contextlib
import gc
import ipaddress
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import uvicorn

from querist.errors import BadValue, Busy

if TYPE_CHECKING:
    from fastapi import FastAPI

    from querist.server.site import Site
    from querist.store.people import People

log = logging.getLogger(__name__)

PORT: Final = 8765
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
TURN: Final = 0.0005
"""Seconds that a thread may keep the interpreter while others wait: an answer lets go of it at each of its thirty
statements, and with Python's own 5 ms it would wait for as long each time to get it back."""
GRACE: Final = 10.0
"""Seconds that a worker gets to end its step; killing it later loses nothing."""


def is_loopback(host: str) -> bool:
    """Say whether only programs of this machine can reach a host.

    >>> is_loopback("127.0.0.1"), is_loopback("0.0.0.0")
    (True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on the host and port; port 0 takes a free one.

    Raises:
        Busy: another program has the port.
        BadValue: this machine has no such address, or may not use the port.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, OverflowError) as error:
        raise BadValue("host", host, f"not an address of this machine ({error})") from error
    listening = socket.socket(family, kind, protocol)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(address)
        listening.listen(1024)
    except PermissionError as error:
        listening.close()
        raise BadValue("port", port, "not allowed for this user; take one from 1024 up") from error
    except OSError as error:
        listening.close()
        if error.errno in {48, 98, 10048}:
            raise Busy(
                f"port {port} on {host} is in use by another program; --port 0 takes a free one",
                field="port",
                value=port,
            ) from error
        raise BadValue("host", host, f"not an address of this machine ({error.strerror})") from error
    return listening


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a program that ended by itself is started again: twice as long each time."""

    first: float = 0.5
    longest: float = 30.0
    steady_after: float = 60.0

    def after(self, failures: int) -> float:
        """Return the seconds to wait after so many failures in a row.

        >>> [Backoff().after(n) for n in (1, 2, 3, 10)]
        [0.5, 1.0, 2.0, 30.0]
        """
        return min(self.first * 2.0 ** min(failures - 1, 30), self.longest)


class Worker:
    """The worker child: started again, with a growing pause, whenever it dies, until it is stopped.

    The child ends by itself when this process is gone, because its standard input is then closed.

    Args:
        command: what to run.
        say: told in one line when the worker died and when it comes back.
        backoff: the pauses.
    """

    def __init__(
        self, command: Sequence[str], *, say: Callable[[str], None] = log.warning, backoff: Backoff | None = None
    ) -> None:
        self._command = list(command)
        self._say = say
        self._backoff = backoff or Backoff()
        self._stopping = threading.Event()
        self._started = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="worker-watch", daemon=True)

    @property
    def pid(self) -> int | None:
        """The process id of the child, or None between two lives."""
        child = self._child
        return child.pid if child is not None and child.poll() is None else None

    def start(self) -> None:
        """Start the child and watch it."""
        self._thread.start()
        self._started.wait(timeout=GRACE)

    def stop(self) -> None:
        """End the child: ask, wait a little, then kill; returns when it is gone."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(timeout=GRACE)
            except subprocess.TimeoutExpired:
                child.kill()
        self._thread.join(timeout=GRACE)

    def _watch(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._child = child = self._spawn()
            self._started.set()
            code = child.wait()
            if child.stdin is not None:
                child.stdin.close()
            if self._stopping.is_set():
                return
            failures = 1 if time.monotonic() - began > self._backoff.steady_after else failures + 1
            pause = self._backoff.after(failures)
            self._say(f"the worker ended ({_how(code)}); answers go on being kept; it starts again in {pause:g} s")
            self._stopping.wait(pause)

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in the terminal reaches the parent alone, which then ends the child in order.
        return subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603


def _how(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def has_browser() -> bool:
    """Say whether there is a desktop to open a browser on; a text browser in the terminal does not count."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def open_browser(address: str) -> None:
    """Open the address in the person's browser, where there is one."""
    if has_browser():
        webbrowser.open(address)


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    allow_hosts: Sequence[str] = (),
    proxy: str = "",
    browser: bool = True,
    say: Callable[[str], None] | None = None,
) -> None:
    """Serve the project in a folder, or all projects in the folders inside it, until a signal ends it.

    Args:
        folder: the project's folder, or one that holds projects.
        host: address to listen on; one that other machines can reach is refused while a first password is in force.
        port: port to listen on; 0 takes a free one.
        allow_hosts: host names that requests may name besides this machine's own (`label.example.org`).
        proxy: address of the TLS proxy in front, whose `X-Forwarded-*` headers are believed.
        browser: open a browser, where there is one.
        say: told each line for the person at the terminal; None writes to standard output.

    Raises:
        Busy: the port is in use, or another server has the project.
        BadValue: the address cannot be used, or may not be used yet.
    """
    from querist.server.app import create_app
    from querist.server.site import Site

    say = say or _tell
    sys.setswitchinterval(TURN)
    with contextlib.ExitStack() as stack:
        site = Site.open(folder)
        stack.callback(site.close)
        for lock in site.locks():
            stack.enter_context(lock)
        # What the projects hold stays; looking through it all for garbage would stop everybody for a tenth of a second.
        gc.freeze()
        _refuse_public(host, site.people)
        listening = stack.enter_context(listen(host, port))
        address = _address(host, listening.getsockname()[1])

        def ready() -> None:
            # Not before everything else has gone well: the password is shown this once.
            first = site.people.create_first_admin()
            link = f"{address}/sign-in?token={site.people.create_link_token(site.admin().id)}"
            password = first[1] if first else None
            for line in _greeting(address, link, password, advice=None if is_loopback(host) else _tls_advice(port)):
                say(line)
            if browser:
                open_browser(link)

        worker = Worker(worker_command(folder), say=say)
        stack.callback(worker.stop)
        worker.start()
        app = create_app(site, hosts=_hosts(host, allow_hosts))
        _Server(app, site, ready=ready, proxy=proxy).run(sockets=[listening])


class _Server(uvicorn.Server):
    """uvicorn, which says when it is ready and ends the live streams before it waits for requests to end."""

    def __init__(self, app: FastAPI, site: Site, *, ready: Callable[[], None], proxy: str) -> None:
        config = uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxy),
            forwarded_allow_ips=proxy or None,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._site = site
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn calls it
        # Not handed on to uvicorn, which would raise the signal again and end us before the worker is stopped.
        self._site.stop()
        self.force_exit = self.should_exit
        self.should_exit = True


def _refuse_public(host: str, people: People) -> None:
    known = people.people()
    if not is_loopback(host) and (not known or any(person.must_change_password for person in known)):
        raise BadValue(
            "host",
            host,
            "other machines could reach the server while the first password is still in force; "
            "serve on 127.0.0.1, sign in and change it first",
        )


def _hosts(host: str, allowed: Sequence[str]) -> set[str]:
    """Return the names that requests may use; a public address without names takes all."""
    if not is_loopback(host) and not allowed:
        return set()
    return {*LOOPBACK, host, *allowed}


def _address(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def _tls_advice(port: int) -> str:
    return (
        "Passwords and answers travel unencrypted. Put TLS in front: serve on 127.0.0.1 with --proxy 127.0.0.1 "
        f"--allow-host label.example.org, and run `caddy reverse-proxy --from label.example.org --to 127.0.0.1:{port}`."
    )


def _greeting(address: str, link: str, password: str | None, *, advice: str | None) -> list[str]:
    lines = [f"Querist serves at {address}"]
    if password is not None:
        lines.append(f"First account: admin, password {password} (shown this once; change it under Settings)")
    lines.append(f"Sign in with one click, once, within the hour: {link}")
    if advice is not None:
        lines.append(advice)
    lines.append("Ctrl-C ends it; every answer is kept.")
    return lines


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def worker_command(folder: Path) -> list[str]:
    """Return the command of the worker child of a folder."""
    return [sys.executable, "-m", "querist.server.worker", str(folder)]
