"""Zip files of pictures or sounds: taken apart inside one folder, whatever their entries are called."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from querist.errors import BadValue
from querist.pools import TABLES, folder, images, sounds

MOST_FILES: Final = 200_000
MOST_BYTES: Final = 4 << 30
"""What an archive may hold when it is taken apart, counted as it is written: what it says of itself is not believed."""

SOUNDS: Final = "sounds.csv"
"""The table that is written for sounds that come without one."""
_WANTED: Final = frozenset(TABLES) | images.SUFFIXES | sounds.SUFFIXES
_BLOCK: Final = 1 << 20


def unpack(archive: Path, into: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Write the pictures, sounds and tables of an archive into a new folder; other files stay in it.

    Raises:
        BadValue: no zip file, encrypted, too large, or an entry that leads out of the folder.
    """
    into.mkdir()
    left = most_bytes
    try:
        with zipfile.ZipFile(archive) as found:
            entries = [entry for entry in found.infolist() if not entry.is_dir()]
            if len(entries) > MOST_FILES:
                raise BadValue("file", len(entries), f"holds more files than can be taken: {MOST_FILES:,}")
            for entry in entries:
                inside = _place(entry.filename)
                if inside is None:
                    continue
                target = into / inside
                target.parent.mkdir(parents=True, exist_ok=True)
                with found.open(entry) as packed, target.open("wb") as unpacked:
                    left = _copy(packed, unpacked, left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        # RuntimeError: encrypted; NotImplementedError: a way of packing that Python does not know.
        raise BadValue("file", archive.name, f"cannot be read as a zip file: {error}") from error


def _place(name: str) -> PurePosixPath | None:
    """Where an entry belongs; None for what is not wanted.

    >>> _place("cells/7.png"), _place("cells/readme.txt"), _place("__MACOSX/cells/._7.png")
    (PurePosixPath('cells/7.png'), None, None)
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        raise BadValue("file", name, "is a path that leads out of the archive")
    hidden = path.name.startswith(".") or "__MACOSX" in path.parts
    return None if hidden or path.suffix.lower() not in _WANTED else path


def _copy(packed: IO[bytes], unpacked: IO[bytes], left: int) -> int:
    while block := packed.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise BadValue("file", "", f"holds more than can be taken: {MOST_BYTES >> 30} GB unpacked")
        unpacked.write(block)
    return left


def data_in(root: Path) -> Path:
    """Return what of an unpacked archive is to be read: its table, or its folder of pictures.

    Sounds without a table get one, with their names in the column `file`.

    Raises:
        BadValue: nothing to read, or several tables.
    """
    home = _home(root)
    tables = sorted(path for path in home.iterdir() if path.suffix.lower() in TABLES)
    has_pictures = next(folder.paths(home), None) is not None
    if has_pictures and [path.name for path in tables] == [folder.LABELS]:
        return home
    if len(tables) > 1:
        names = [path.name for path in tables]
        raise BadValue("file", names, "several tables: leave the one whose rows are the items", choices=names)
    if tables:
        return tables[0]
    if has_pictures:
        return home
    heard = sorted(_sounds(home))
    if not heard:
        raise BadValue("file", "", "the archive holds no picture, no sound and no table")
    with (home / SOUNDS).open("x", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file"], *([name] for name in heard)])
    return home / SOUNDS


def _home(root: Path) -> Path:
    """The folder itself, or the one inside it that holds all."""
    while [*map(Path.is_dir, root.iterdir())] == [True]:
        root = next(root.iterdir())
    return root


def _sounds(home: Path) -> Iterator[str]:
    for path in home.rglob("*"):
        if path.suffix.lower() in sounds.SUFFIXES:
            yield path.relative_to(home).as_posix()
