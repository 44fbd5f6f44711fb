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
from querist.pools import TABLES
from querist.server import archives

KEPT_SECONDS: Final = 3600
ARCHIVE: Final = ".zip"
FORMATS: Final = (*TABLES, ".npz", ARCHIVE)
_NAME: Final = re.compile(r"[0-9a-f]{32}(\.[a-z]+)?")


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
        return self._unpacked(name) if suffix == ARCHIVE else name

    def _unpacked(self, name: str) -> str:
        """Put a folder with what an archive held in its place."""
        archive, whole = self._folder / name, self._folder / PurePosixPath(name).stem
        try:
            archives.unpack(archive, whole)
            archives.data_in(whole)
        except BaseException:
            shutil.rmtree(whole, ignore_errors=True)
            raise
        finally:
            archive.unlink()
        return whole.name

    def path(self, name: str) -> Path:
        """Return what is to be read of an upload: the file, or of an archive its table or its folder.

        Raises:
            NotFound: no such file, or it was kept for too long.
        """
        path = self._whole(name)
        return archives.data_in(path) if path.is_dir() else path

    def is_archive(self, name: str) -> bool:
        """Say whether an upload was an archive."""
        return self._whole(name).is_dir()

    def copy(self, name: str, folder: Path) -> Path:
        """Copy an upload into a project's folder, and return what is to be read of the copy.

        Raises:
            NotFound: no such file, or it was kept for too long.
        """
        whole = self._whole(name)
        target = folder / f"data{whole.suffix}"
        if whole.is_dir():
            shutil.copytree(whole, target)
            return archives.data_in(target)
        return shutil.copyfile(whole, target)

    def drop(self, name: str) -> None:
        """Remove what has done its service."""
        _remove(self._whole(name))

    def _whole(self, name: str) -> Path:
        path = self._folder / name
        if not _NAME.fullmatch(name) or not path.exists():
            raise NotFound("the uploaded file is not here any more; choose it again", field="upload", value=name)
        return path

    def close(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sweep(self) -> None:
        for path in self._folder.iterdir():
            if time.time() - path.stat().st_mtime > self._kept_seconds:
                _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
