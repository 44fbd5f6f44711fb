"""One BLAS thread for small work: waking a second one costs more than it does, and under load far more."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any, Final

_SMALL: Final = 5_000_000
"""Numbers in a matrix below which one thread is faster than several."""


@functools.cache
def _controller() -> Any:
    # A library that is loaded later is not seen: scikit-learn brings the OpenMP that its boosting runs on.
    import sklearn  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread_if_small(size: int) -> contextlib.AbstractContextManager[Any]:
    """Return a context that pins the numeric libraries to one thread while `size` numbers are worked on."""
    return one_thread() if size < _SMALL else contextlib.nullcontext()


class _Pins:
    """Who is pinned now. The first one found the true limits: the last one sets them back, not what it found itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._first: Any = None

    def enter(self) -> Any:
        with self._lock:
            limit = _controller().limit(limits=1)
            if self._inside == 0:
                self._first = limit
            self._inside += 1
            return limit.__enter__()

    def leave(self, limit: Any) -> None:
        with self._lock:
            self._inside -= 1
            limit.__exit__(None, None, None)
            if self._inside == 0:
                with self._first:
                    pass


_pins: Final = _Pins()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Pin the numeric libraries to one thread inside; several threads may be inside at once."""
    limit = _pins.enter()
    try:
        yield
    finally:
        _pins.leave(limit)
