"""Files of a project's media folder, served where they lie: contained in the folder, and only as what they are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import FileResponse, Response

from querist.errors import NotFound

_SNIFFED: Final = 16
_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF87a", 0, "image/gif"),
    (b"GIF89a", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypavif", 4, "image/avif"),
    (b"BM", 0, "image/bmp"),
    (b"OggS", 0, "audio/ogg"),
    (b"fLaC", 0, "audio/flac"),
    (b"ID3", 0, "audio/mpeg"),
    (b"WAVE", 8, "audio/wav"),
)
"""What a file may be shown as, by its first bytes: pictures and sound that cannot hold script. SVG and HTML are not."""

SANDBOX: Final = "default-src 'none'; sandbox; frame-ancestors 'none'"


def media_type(head: bytes) -> str | None:
    """Return the type that the first bytes of a file prove, or None when it is not one of the safe ones.

    >>> media_type(b"GIF89a..."), media_type(b"<svg xmlns=")
    ('image/gif', None)
    """
    return next((name for magic, at, name in _MAGIC if head[at : at + len(magic)] == magic), None)


def contained(root: Path, relative: str) -> Path:
    """Return the file that a relative path names inside a folder, links followed.

    Raises:
        NotFound: it is not there, not a plain file, or outside the folder (the answer does not say which).
    """
    missing = NotFound(f"no file {relative!r} in the media folder", field="path", value=relative)
    if "\x00" in relative:
        raise missing
    inside = root.resolve()
    path = (inside / relative).resolve()
    if not path.is_relative_to(inside) or not path.is_file():
        raise missing
    return path


def serve(root: Path, relative: str) -> Response:
    """Return the file as a response, as what its bytes prove it to be.

    Raises:
        NotFound: there is none in the folder, or it is neither picture nor sound. Nothing else is sent, not even as a
            download: a project's own files may lie in the same folder.
    """
    path = contained(root, relative)
    try:
        with path.open("rb") as file:
            kind = media_type(file.read(_SNIFFED))
    except OSError as error:
        raise NotFound(f"file {relative!r} cannot be read: {error.strerror}", field="path", value=relative) from error
    if kind is None:
        raise NotFound(f"file {relative!r} is no picture or sound that can be shown", field="path", value=relative)
    headers = {"Content-Security-Policy": SANDBOX, "Cache-Control": "private, max-age=3600"}
    return FileResponse(path, media_type=kind, headers=headers)
