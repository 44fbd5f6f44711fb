"""Embeddings on disk, by encoder and by what was encoded: each item is encoded once, in whatever pool it comes.

Only ever appended to: first rows, then the keys that make them count. So a run that is cut off goes on where it was,
and any number of processes may read while one writes.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from querist.errors import BadValue, StorageFull
from querist.types import Array, Content, canonical_json

KEY: Final = 16
"""Bytes of a key: BLAKE2b of the content. Two of a billion items share one with a probability below 1e-20."""


def cache_folder(given: str = "") -> Path:
    """Return where embeddings are kept: as given, else `$QUERIST_CACHE`, else `querist` in the user's cache."""
    if given or os.environ.get("QUERIST_CACHE"):
        return Path(given or os.environ["QUERIST_CACHE"]).expanduser()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "querist"


def key_of(content: Content, media: Path | None) -> bytes:
    """Return the key of a content: of an image the bytes of its file, wherever it lies and whatever it is called.

    Raises:
        BadValue: `media`, the folder that the image's path is relative to, is not given.
    """
    if content.kind == "image" and "path" in content.value:
        if media is None:
            raise BadValue("media", None, f"the folder that {content.value['path']!r} is relative to must be given")
        said = (media / str(content.value["path"])).read_bytes()
    elif content.kind == "image":
        pixels = np.asarray(content.value["pixels"], dtype=np.uint8)
        said = f"{pixels.shape}".encode() + pixels.tobytes()
    else:
        said = canonical_json(content.value).encode()
    return hashlib.blake2b(said, digest_size=KEY, person=content.kind.encode()).digest()


@dataclass
class Kept:
    """The embeddings that one encoder has given so far.

    Args:
        folder: made when the first embedding is added.
        dim: of an embedding.
        dtype: `float32`, or `float16` for half the disk.
    """

    folder: Path
    dim: int
    dtype: str = "float32"
    _place: dict[bytes, int] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        self._look()
        return len(self._place)

    def missing(self, keys: Sequence[bytes]) -> list[int]:
        """Return the places of the keys that have no embedding yet, each key once."""
        self._look()
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        return sorted(place for key, place in first.items() if key not in self._place)

    def get(self, keys: Sequence[bytes]) -> Array:
        """Return (n, dim): the embeddings of the keys, all of which must be there."""
        if not keys:
            return np.zeros((0, self.dim), dtype=self.dtype)
        self._look()
        rows = np.fromiter((self._place[key] for key in keys), dtype=np.intp, count=len(keys))
        kept = np.memmap(self._rows, dtype=self.dtype, mode="r", shape=(int(rows.max()) + 1, self.dim))
        found: Array = np.array(kept[rows])
        return found

    def add(self, keys: Sequence[bytes], embed: Array) -> None:
        """Keep embeddings (n, dim), durably; keys that another process has kept meanwhile are passed over.

        Raises:
            StorageFull: the disk is full, or may not be written.
        """
        try:
            with self._locked():
                self._look()
                new = self.missing(keys)
                self._append(self._rows, np.ascontiguousarray(embed[new], dtype=self.dtype).tobytes(), self._row_size)
                self._append(self._keys, b"".join(keys[place] for place in new), KEY)
                self._look()
        except OSError as error:
            raise StorageFull(f"embeddings cannot be kept in {str(self.folder)!r}: {error.strerror}") from error

    @property
    def _rows(self) -> Path:
        return self.folder / f"rows.{self.dtype}"

    @property
    def _keys(self) -> Path:
        return self.folder / f"keys.{self.dtype}"

    @property
    def _row_size(self) -> int:
        return self.dim * np.dtype(self.dtype).itemsize

    def _look(self) -> None:
        """Read the keys that were added since the last look; a half-written one does not count."""
        try:
            with self._keys.open("rb") as file:
                file.seek(len(self._place) * KEY)
                new = file.read()
        except FileNotFoundError:
            return
        count = len(self._place)
        for number in range(len(new) // KEY):
            self._place[new[number * KEY : (number + 1) * KEY]] = count + number

    def _append(self, path: Path, data: bytes, size: int) -> None:
        with path.open("ab") as file:
            # What a crash left behind the last whole entry that counts is written over.
            file.truncate(len(self._place) * size)
            file.seek(0, os.SEEK_END)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
