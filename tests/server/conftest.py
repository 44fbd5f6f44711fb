"""A real server on a free port for each test that asks: real sockets, real threads, a plain HTTP client."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from querist.server.serve import listen


@contextlib.contextmanager
def running(app: Any) -> Iterator[str]:
    """Run an application and yield its address."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=2, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


@pytest.fixture(scope="module")
def run_app() -> Iterator[Callable[[Any], httpx.Client]]:
    """Start applications that live until the module is done, and return a client for each."""
    with contextlib.ExitStack() as stack:

        def start(app: Any) -> httpx.Client:
            address = stack.enter_context(running(app))
            return stack.enter_context(httpx.Client(base_url=address, timeout=20))

        yield start
