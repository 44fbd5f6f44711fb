"""Files on their way to becoming a project: kept for an hour under a random name, never under the client's."""

from __future__ import annotations

import re
import secrets
import shutil
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import IO, Final

from querist.errors import BadValue, NotFound

KEPT_SECONDS: Final = 3600
FORMATS: Final = (".csv", ".tsv", ".jsonl", ".parquet")
_NAME: Final = re.compile(r"[0-9a-f]{32}\.[a-z]+")


class Uploads:
    """A folder of uploaded files that goes with the server.

    Args:
        kept_seconds: how long a file is kept.
    """

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="querist-uploads-"))
        self._kept_seconds = kept_seconds

    def keep(self, filename: str, file: IO[bytes]) -> str:
        """Keep a file and return the name that `path` finds it by; of the client's name only the format counts.

        Raises:
            BadValue: a format that cannot be read.
        """
        self._sweep()
        suffix = PurePosixPath(filename.lower()).suffix
        if suffix not in FORMATS:
            raise BadValue("file", filename, f"not a format that can be read: {', '.join(FORMATS)}", choices=FORMATS)
        name = secrets.token_hex(16) + suffix
        with (self._folder / name).open("xb") as kept:
            shutil.copyfileobj(file, kept, 1 << 20)
        return name

    def path(self, name: str) -> Path:
        """Return where an uploaded file lies.

        Raises:
            NotFound: no such file, or it was kept for too long.
        """
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise NotFound("the uploaded file is not here any more; choose it again", field="upload", value=name)
        return path

    def drop(self, name: str) -> None:
        """Remove a file that has done its service."""
        self.path(name).unlink()

    def close(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            if time.time() - path.stat().st_mtime > self._kept_seconds:
                path.unlink(missing_ok=True)
