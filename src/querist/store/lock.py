"""One server, one import for each project: locks that the kernel lets go of when their process dies, however."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from querist.errors import Busy
from querist.store.dialect import translated_files

LOCK_FILE: Final = "querist.lock"
"""What a server holds."""

IMPORT_LOCK: Final = "import.lock"
"""What an import holds: two at once would give the same rows to different items."""


@contextmanager
def lock(folder: Path, name: str = LOCK_FILE, holder: str = "server") -> Iterator[Path]:
    """Hold a project's folder for this process; short commands beside it need no lock.

    Args:
        folder: the project's folder.
        name: the file that is locked.
        holder: what holds it, for the error's text.

    A process that is forked meanwhile shares the lock until it starts another program.

    Raises:
        Busy: another process holds it; names its pid.
        StorageFull: the folder may not be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder)) as path:
    ...     path.name
    'querist.lock'
    """
    path = folder / name
    with translated_files(path):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            process = os.read(handle, 32).decode(errors="replace").strip() or "unknown"
            raise Busy(
                f"{folder} is in use by another {holder} (process {process}); stop that one first",
                field="project",
                value=folder,
            ) from None
        # The file stays when we are done: removing it would let two processes lock two files of one name.
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield path
    finally:
        os.close(handle)
