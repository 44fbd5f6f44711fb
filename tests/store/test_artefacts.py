"""Artefacts on disk and in memory; the first are never half there."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix, random_array

from querist.errors import BadValue, Damaged, NotFound
from querist.store import artefacts as module
from querist.store.artefacts import FileArtefacts
from querist.store.memory_artefacts import MemoryArtefacts
from querist.store.protocol import Artefacts


@pytest.fixture(params=["memory", "files"])
def artefacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artefacts:
    return MemoryArtefacts() if request.param == "memory" else FileArtefacts(tmp_path / "artefacts")


@pytest.fixture
def files(tmp_path: Path) -> FileArtefacts:
    return FileArtefacts(tmp_path / "artefacts")


def test_the_name_is_the_hash_of_the_content(artefacts: Artefacts) -> None:
    name = artefacts.put(b"content", ".bin")
    assert name == hashlib.sha256(b"content").hexdigest()
    assert artefacts.put(b"content", "bin") == name
    assert artefacts.has(name)
    assert artefacts.get(name) == b"content"
    with pytest.raises(NotFound, match="no artefact"):
        artefacts.get("0" * 64)


def test_json_has_one_form(artefacts: Artefacts) -> None:
    name = artefacts.put_json({"b": [1.0, None], "a": "é"})
    assert artefacts.put_json({"a": "é", "b": [1.0, None]}) == name
    assert artefacts.get_json(name) == {"a": "é", "b": [1.0, None]}


def test_tables_come_back_as_lists(artefacts: Artefacts) -> None:
    columns: dict[str, Any] = {
        "item": ["a", "b"],
        "row": np.array([3, 4]),
        "score": [np.float64(0.5), None],
        "answers": [[1, 2], []],
        "group": [None, None],
        "weight": np.array([1.0, np.inf]) if isinstance(artefacts, FileArtefacts) else [1.0, 2.0],
    }
    table = artefacts.get_table(artefacts.put_table(columns))
    assert table["item"] == ["a", "b"]
    assert table["row"] == [3, 4]
    assert table["score"] == [0.5, None]
    assert table["answers"] == [[1, 2], []]
    assert table["group"] == [None, None]
    assert all(type(value) is int for value in table["row"])
    assert artefacts.get_table(artefacts.put_table({"item": []})) == {"item": []}
    assert artefacts.get_table(artefacts.put_table(columns), ["item"]) == {"item": table["item"]}
    with pytest.raises(BadValue, match="equally long"):
        artefacts.put_table({"a": [1], "b": []})


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "bool"])
def test_dense_matrices_come_back_as_they_were(artefacts: Artefacts, dtype: str) -> None:
    matrix = (np.arange(60).reshape(20, 3) % 7).astype(dtype)
    for given in (matrix, np.asfortranarray(matrix), matrix[::2], matrix[:0], matrix[:, 0]):
        back = artefacts.get_matrix(artefacts.put_matrix(given))
        assert back.dtype == given.dtype
        np.testing.assert_array_equal(back, given)


def test_sparse_matrices_stay_sparse(artefacts: Artefacts) -> None:
    matrix = csr_matrix(random_array((30, 50), density=0.1, rng=np.random.default_rng(0)))
    back = artefacts.get_matrix(artefacts.put_matrix(matrix))
    assert isinstance(back, csr_matrix)
    assert (back != matrix).nnz == 0


def test_files_are_kept_under_their_names(artefacts: Artefacts) -> None:
    files = {"model.skops": b"\x00\x01", "card.json": b"{}", "LICENCE": b""}
    assert artefacts.get_files(artefacts.put_files(files)) == files


def test_large_matrices_lie_in_shards(files: FileArtefacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 8)
    matrix = np.arange(60.0).reshape(20, 3)
    name = files.put_matrix(matrix)
    assert len(files.get_json(name)["shards"]["dense"]) == 3
    np.testing.assert_array_equal(files.get_matrix(name), matrix)
    sparse = csr_matrix(matrix)
    assert (files.get_matrix(files.put_matrix(sparse)) != sparse).nnz == 0


def test_one_shard_is_mapped_not_read(files: FileArtefacts) -> None:
    back = files.get_matrix(files.put_matrix(np.ones((10, 2))))
    assert isinstance(back, np.memmap)
    assert not back.flags.writeable


def test_objects_are_never_pickled(files: FileArtefacts) -> None:
    with pytest.raises(BadValue, match="never Python objects"):
        files.put_matrix(np.array([{"a": 1}], dtype=object))
    assert [path for path in files.folder.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("name", ["../../etc/passwd", "*", "ab" * 31 + "*?", "A" * 64, ""])
def test_a_name_is_never_a_path(files: FileArtefacts, name: str) -> None:
    files.put(b"x", "bin")
    assert not files.has(name)
    with pytest.raises(NotFound):
        files.get(name)


def test_a_writer_that_dies_leaves_no_half_artefact(files: FileArtefacts) -> None:
    with pytest.raises(TypeError, match="encoded"):
        files.put("half", "bin")  # type: ignore[arg-type]
    assert list(files.names()) == []
    assert [path for path in files.folder.rglob("*") if path.is_file()] == []


def test_putting_again_makes_young(files: FileArtefacts) -> None:
    name = files.put(b"x", "bin")
    os.utime(files.path(name), (1, 1))
    files.put(b"x", "bin")
    assert files.path(name).stat().st_mtime > 1_000_000


def test_content_is_checked_against_its_name(files: FileArtefacts) -> None:
    name = files.put(b"x", "bin")
    files.check(name)
    files.path(name).write_bytes(b"y")
    with pytest.raises(Damaged, match="does not have the content"):
        files.check(name)
