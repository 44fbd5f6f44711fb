"""Sound files: contained in their folder, of a known kind."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from querist.pools.images import BadImage, contained

SUFFIXES: Final = frozenset({".wav", ".mp3", ".ogg", ".oga", ".flac"})

_STARTS: Final = (b"RIFF", b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"OggS", b"fLaC")
_LARGEST: Final = 256 * 1024 * 1024


def read(root: Path, relative: str) -> bytes:
    """Return the bytes of a sound inside a folder, its beginning checked: WAV, MP3, Ogg or FLAC.

    Raises:
        BadImage: the path leads out of the folder, there is no such file, it is too large, or no sound.
    """
    path = contained(root, relative)
    try:
        if path.stat().st_size > _LARGEST:
            raise BadImage(f"the sound {relative!r} is larger than {_LARGEST >> 20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise BadImage(f"the sound {relative!r} cannot be read: {error.strerror}") from error
    if not data.startswith(_STARTS):
        raise BadImage(f"{relative!r} is not a sound of a known kind: WAV, MP3, Ogg, FLAC")
    return data
