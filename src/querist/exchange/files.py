"""Files and folders that appear only when they are whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from querist.errors import BadValue, StorageFull


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[BinaryIO]:
    """Open a file beside the target, which takes its name at the end; after an error nothing is left.

    Raises:
        BadValue: the folder that it shall lie in is not there.
        StorageFull: the disk is full, or may not be written.
    """
    if not target.parent.is_dir():
        raise BadValue("path", str(target), "the folder that it shall lie in does not exist")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise StorageFull(f"{str(target)!r} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except OSError as error:
        raise StorageFull(f"{str(target)!r} cannot be written: {error.strerror}") from error
    finally:
        Path(name).unlink(missing_ok=True)


@contextlib.contextmanager
def folder_whole(target: Path) -> Iterator[Path]:
    """Give a folder beside the target, which takes its name at the end; after an error nothing is left.

    Raises:
        BadValue: the target is there already and is not empty.
        StorageFull: the disk is full, or may not be written.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadValue("path", str(target), "is there already; name a new folder")
    made: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        yield made
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.replace(target)
    except OSError as error:
        raise StorageFull(f"{str(target)!r} cannot be written: {error.strerror}") from error
    finally:
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)
