"""Image files: contained in their folder, of a known kind, not too large."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff"})

ORIENTATION: Final = 0x0112
"""The tag of EXIF that says how a picture is turned; browsers turn it back."""
SIDEWAYS: Final = frozenset({5, 6, 7, 8})


class BadImage(Exception):
    """Why a file cannot be an item."""


def read(root: Path, relative: str) -> bytes:
    """Return the bytes of an image inside a folder, its header checked.

    Raises:
        BadImage: the path leads out of the folder, there is no such file, or it is no image.
    """
    path = contained(root, relative)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadImage(f"the image {relative!r} cannot be read: {error.strerror}") from error
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            Image.open(io.BytesIO(data)).close()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise BadImage(f"{relative!r} is not an image of a known kind") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise BadImage(f"the image {relative!r} has too many pixels") from error
    return data


def size(root: Path, relative: str) -> tuple[int, int] | None:
    """Return width and height of an image in a folder, by its header alone, as it is shown; None where it has none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(contained(root, relative)) as image:
            turned = image.getexif().get(ORIENTATION, 1) in SIDEWAYS
            return (image.height, image.width) if turned else (image.width, image.height)
    except (BadImage, UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return None


def contained(root: Path, relative: str) -> Path:
    """Return the real path of a file inside a folder; BadImage where it leads out, by `..` or by a link.

    >>> contained(Path("media"), "../secret")
    Traceback (most recent call last):
    querist.pools.images.BadImage: the path '../secret' leads out of the folder 'media'
    """
    home = root.resolve()
    path = (home / relative).resolve()
    if not path.is_relative_to(home) or path == home:
        raise BadImage(f"the path {relative!r} leads out of the folder {root.name!r}")
    return path
