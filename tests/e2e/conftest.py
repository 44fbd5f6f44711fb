"""Projects as `querist init` makes them, servers as `querist serve` starts them, and a real browser."""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from querist.engine import create
from querist.server.contents import API

CODE = """
import sys
from pathlib import Path
from querist.errors import QueristError
from querist.server.serve import serve
try:
    serve(Path(sys.argv[1]), host=sys.argv[2], port=int(sys.argv[3]), browser=False)
except QueristError as error:
    print("refused:", error, flush=True)
    sys.exit(error.exit_code)
"""


class Served:
    """A running `serve` and what it has said."""

    def __init__(self, folder: Path, *, host: str = "127.0.0.1", port: int = 0) -> None:
        command = [sys.executable, "-c", CODE, str(folder), host, str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""
        self._clients = contextlib.ExitStack()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def read_until(self, pattern: str, seconds: float = 120.0) -> re.Match[str]:
        end = time.monotonic() + seconds
        while (found := re.search(pattern, self.said)) is None:
            assert time.monotonic() < end, self.said
            assert self._listener.is_alive(), self.said
            time.sleep(0.02)
        return found

    def sign_in(self) -> httpx.Client:
        link = self.read_until(r"(http://\S+)/sign-in\?token=(\S+)\n")
        client = self._clients.enter_context(httpx.Client(base_url=link[1], timeout=60))
        me = client.post(f"{API}/session", json={"token": link[2]}).json()
        client.headers["X-CSRF-Token"] = me["csrf"]
        return client

    def worker(self) -> int:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        tasks = Path(f"/proc/{self.process.pid}/task").iterdir()
        return next(int(pid) for task in tasks for pid in (task / children.name).read_text().split())

    def wait(self) -> int:
        """Wait until it has ended by itself."""
        code = self.process.wait(timeout=120)
        self._listener.join(timeout=10)
        return code

    def end(self, sig: int = signal.SIGTERM) -> int:
        """Send a signal, and return how it ended."""
        self.process.send_signal(sig)
        return self.wait()

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        self._clients.close()
        if self.process.poll() is None:
            self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(scope="session")
def untouched(tmp_path_factory) -> Path:
    """What `querist init digits --sample digits` makes."""
    folder = tmp_path_factory.mktemp("untouched") / "digits"
    create.init(folder, sample="digits", name="digits", settings=create.settings(sample="digits"))
    return folder


@pytest.fixture
def new_project(untouched, tmp_path) -> Callable[[], Path]:
    """Make projects that nobody has opened yet."""
    number = itertools.count()
    return lambda: shutil.copytree(untouched, tmp_path / f"digits-{next(number)}")


@pytest.fixture
def serve(new_project) -> Iterator[Callable[..., Served]]:
    """Start servers, on a new project unless told otherwise; all are ended with the test."""
    started = []

    def start(folder: Path | None = None, **options) -> Served:
        started.append(Served(folder or new_project(), **options))
        return started[-1]

    yield start
    for served in started:
        served.close()


@pytest.fixture(scope="session")
def chromium() -> Iterator:
    """A real Chromium, or a plain word about what is missing."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here: `apt-get install chromium` brings one")
    playwright = pytest.importorskip("playwright.sync_api")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=path, args=[*quiet, "--disable-component-update", "--disable-sync"]
        )
        yield browser
        browser.close()
