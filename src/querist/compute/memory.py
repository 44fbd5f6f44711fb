"""How much memory a piece of work took at its height, where the system can say so (Linux)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")


@contextlib.contextmanager
def peak() -> Iterator[list[int]]:
    """Measure the bytes by which this process grew at its height; the list stays empty where that is unknown.

    >>> with peak() as grown:
    ...     held = bytearray(50_000_000)
    >>> not grown or grown[0] > 40_000_000
    True
    """
    grown: list[int] = []
    before = _read("VmRSS") if _reset() else None
    yield grown
    if before is not None:
        after = _read("VmHWM")
        if after is not None:
            grown.append(max(after - before, 0))


def _reset() -> bool:
    try:
        _CLEAR.write_text("5", encoding="ascii")  # sets the high-water mark back to what is in use now
    except OSError:
        return False
    return True


def _read(name: str) -> int | None:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
