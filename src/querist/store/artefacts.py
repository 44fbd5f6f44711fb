"""Files named by the SHA-256 of their content. Written, flushed and renamed before any event names them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from querist.errors import BadValue, Damaged, NotFound
from querist.store.dialect import translated_files
from querist.store.memory_artefacts import as_columns
from querist.types import Array, Sha256, canonical_json

SHARD_ROWS: Final = 1_000_000
NAME: Final = re.compile(r"[0-9a-f]{64}")
_CHUNK: Final = 1 << 22


class FileArtefacts:
    """A folder `ab/<sha256>.<extension>`; the same content is one file, however often it is put.

    Args:
        folder: made when the first file is put.

    Raises:
        StorageFull: on putting, when the disk is full or may not be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes, extension: str) -> Sha256:
        """Keep bytes, durably."""
        with self._new_file(extension) as file:
            file.write(data)
        return file.name_of_content

    def get(self, name: Sha256) -> bytes:
        """Return the bytes of a name."""
        return self.path(name).read_bytes()

    def path(self, name: Sha256) -> Path:
        """Return where the content lies; NotFound when it does not."""
        found = self._find(name)
        if found is None:
            raise NotFound(f"no artefact {name!r} in {self.folder}", field="artefact", value=name)
        return found

    def has(self, name: Sha256) -> bool:
        """Return whether the content is kept."""
        return self._find(name) is not None

    def _find(self, name: Sha256) -> Path | None:
        # Names come from the ledger, but also from manifests in files: nothing else may become a path.
        if not NAME.fullmatch(name):
            return None
        return next((self.folder / name[:2]).glob(f"{name}.*"), None)

    def put_json(self, value: Any) -> Sha256:
        """Keep a JSON value in its canonical form."""
        return self.put(canonical_json(value).encode(), "json")

    def get_json(self, name: Sha256) -> Any:
        """Return a JSON value."""
        return json.loads(self.get(name))

    def put_table(self, columns: Mapping[str, Sequence[Any] | Array]) -> Sha256:
        """Keep equally long columns as Parquet."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(as_columns(columns))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        return self.put(sink.getvalue().to_pybytes(), "parquet")

    def get_table(self, name: Sha256, columns: Sequence[str] | None = None) -> dict[str, list[Any]]:
        """Return the columns as lists, or some of them."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = None if columns is None else list(columns)
        # In this thread: Arrow's own may still be ending when a short command leaves, and would abort it (arrow#34314).
        with pq.ParquetFile(pa.BufferReader(self.get(name))) as file:
            table: dict[str, list[Any]] = file.read(columns=wanted, use_threads=False).to_pydict()
        return table

    def put_matrix(self, matrix: Any) -> Sha256:
        """Keep a dense array or CSR matrix as .npy shards of at most a million rows, and return its manifest's name."""
        if isinstance(matrix, np.ndarray):
            parts = {"dense": matrix}
        else:
            matrix = matrix.tocsr()
            parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
        manifest = {
            "shape": list(matrix.shape),
            "shards": {name: [self._put_array(part) for part in _shards(array)] for name, array in parts.items()},
        }
        return self.put_json(manifest)

    def _put_array(self, array: Array) -> Sha256:
        if array.dtype.hasobject:
            raise BadValue("matrix", array.dtype.name, "only plain numbers are kept, never Python objects")
        with self._new_file("npy") as file:
            descr = np.lib.format.dtype_to_descr(array.dtype)
            np.lib.format.write_array_header_2_0(file, {"descr": descr, "fortran_order": False, "shape": array.shape})
            step = max(1, _CHUNK // max(1, array.itemsize * int(np.prod(array.shape[1:], dtype=np.int64))))
            for start in range(0, len(array), step):
                file.write(np.ascontiguousarray(array[start : start + step]).tobytes())
        return file.name_of_content

    def get_matrix(self, name: Sha256) -> Any:
        """Return the matrix, memory-mapped where it is one shard; it must not be changed."""
        manifest = self.get_json(name)
        parts = {part: self._get_array(shards) for part, shards in manifest["shards"].items()}
        if "dense" in parts:
            return parts["dense"]
        from scipy.sparse import csr_matrix

        return csr_matrix(
            (parts["data"], parts["indices"], parts["indptr"]), shape=tuple(manifest["shape"]), copy=False
        )

    def _get_array(self, shards: Sequence[Sha256]) -> Array:
        arrays = [np.load(self.path(shard), mmap_mode="r", allow_pickle=False) for shard in shards]
        return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)

    def put_files(self, files: Mapping[str, bytes]) -> Sha256:
        """Keep several named files and return the name of their manifest."""
        kept = {name: self.put(data, Path(name).suffix or "bin") for name, data in files.items()}
        return self.put_json({"files": kept})

    def get_files(self, name: Sha256) -> dict[str, bytes]:
        """Return the files of a manifest."""
        return {file: self.get(kept) for file, kept in self.get_json(name)["files"].items()}

    def names(self) -> Iterator[tuple[Sha256, Path]]:
        """Yield every artefact of the folder with its path, in order of name."""
        for path in sorted(self.folder.glob("??/*")):
            if NAME.fullmatch(path.name.partition(".")[0]):
                yield path.name.partition(".")[0], path

    def check(self, name: Sha256) -> None:
        """Raise NotFound when the content is missing, Damaged when it is not what the name says."""
        path = self.path(name)
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        if digest.hexdigest() != name:
            raise Damaged(f"artefact {path} does not have the content that its name says", field="artefact", value=name)

    @contextmanager
    def _new_file(self, extension: str) -> Iterator[_Hashing]:
        with translated_files(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            temporary = self.folder / f"{uuid.uuid4().hex}.partial"
            try:
                with temporary.open("xb") as raw:
                    file = _Hashing(raw)
                    yield file
                    raw.flush()
                    os.fsync(raw.fileno())
                self._rename(temporary, file.name_of_content, extension.lstrip("."))
            finally:
                temporary.unlink(missing_ok=True)

    def _rename(self, temporary: Path, name: Sha256, extension: str) -> None:
        known = self._find(name)
        if known is not None:
            # As young as new: the sweeper leaves what was put within the hour, it may be about to be named.
            os.utime(known)
            return
        folder = self.folder / name[:2]
        if not folder.exists():
            folder.mkdir(exist_ok=True)
            _flush_folder(self.folder)
        temporary.rename(folder / f"{name}.{extension}")
        _flush_folder(folder)


class _Hashing:
    """A file that knows the hash of what was written."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._raw.write(data)

    @property
    def name_of_content(self) -> Sha256:
        return self._digest.hexdigest()


def _shards(array: Array) -> list[Array]:
    return [array[start : start + SHARD_ROWS] for start in range(0, max(1, len(array)), SHARD_ROWS)]


def _flush_folder(folder: Path) -> None:
    # The name of a file is only safe when its folder is.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
