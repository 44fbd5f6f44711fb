"""One BLAS thread for small work: waking a second one costs more than it does, and under load far more."""

from __future__ import annotations

import contextlib
import functools
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


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """Return a context that pins the numeric libraries to one thread."""
    limit: contextlib.AbstractContextManager[Any] = _controller().limit(limits=1)
    return limit
