"""An application on a free port of this machine, for as long as a test needs it."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import uvicorn

from querist.server.serve import listen


@contextlib.contextmanager
def running(app: Any, **settings: Any) -> Iterator[str]:
    """Run an application and yield its address."""
    listening = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_level="critical", timeout_graceful_shutdown=2, timeout_keep_alive=120, lifespan="on", **settings
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=60)
        listening.close()
