"""Embeddings on disk: encoded once, whoever asks; what a crash leaves behind does no harm."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from querist.errors import BadValue, StorageFull
from querist.models.encoders.kept import KEY, Kept, cache_folder, key_of
from querist.types import Array, Content

RNG = np.random.default_rng(0)


def keys(count: int, first: int = 0) -> list[bytes]:
    return [key_of(Content("text", {"text": str(number)}), None) for number in range(first, first + count)]


def rows(count: int) -> Array:
    return RNG.normal(size=(count, 4)).astype(np.float32)


def test_what_was_added_comes_back_in_any_order(tmp_path: Path) -> None:
    kept, given = Kept(tmp_path / "new", 4), rows(6)
    assert kept.missing(keys(6)) == [0, 1, 2, 3, 4, 5]
    kept.add(keys(6), given)
    again = Kept(tmp_path / "new", 4)
    assert again.missing(keys(8)) == [6, 7]
    assert np.array_equal(again.get([keys(6)[place] for place in (5, 0, 5)]), given[[5, 0, 5]])
    assert again.get([]).shape == (0, 4)


def test_a_key_that_comes_twice_is_missing_once_and_added_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path, 4)
    assert kept.missing([*keys(2), *keys(3)]) == [0, 1, 4]
    kept.add(keys(2), rows(2))
    first = kept.get(keys(2))
    kept.add(keys(2), rows(2))
    assert len(kept) == 2
    assert np.array_equal(kept.get(keys(2)), first)


@pytest.mark.parametrize("torn", ["rows", "keys", "both"])
def test_a_write_that_was_cut_off_is_written_over(tmp_path: Path, torn: str) -> None:
    given = rows(3)
    Kept(tmp_path, 4).add(keys(3), given)
    if torn in ("rows", "both"):
        with (tmp_path / "rows.float32").open("ab") as file:
            file.write(b"x" * 37)
    if torn in ("keys", "both"):
        with (tmp_path / "keys.float32").open("ab") as file:
            file.write(b"y" * (KEY - 5))
    kept, more = Kept(tmp_path, 4), rows(2)
    assert len(kept) == 3
    kept.add(keys(2, first=3), more)
    assert np.array_equal(Kept(tmp_path, 4).get(keys(5)), np.concatenate([given, more]))


def test_half_precision_takes_half_the_disk_and_a_file_of_its_own(tmp_path: Path) -> None:
    given = rows(8)
    Kept(tmp_path, 4).add(keys(8), given)
    half = Kept(tmp_path, 4, "float16")
    assert half.missing(keys(8)) == list(range(8))
    half.add(keys(8), given)
    assert half.get(keys(8)).dtype == np.float16
    assert np.allclose(half.get(keys(8)), given, atol=2e-3)
    assert (tmp_path / "rows.float16").stat().st_size * 2 == (tmp_path / "rows.float32").stat().st_size


def _add(folder: Path, first: int) -> None:
    for number in range(first, first + 40):
        Kept(folder, 4).add(keys(1, first=number), np.full((1, 4), number, dtype=np.float32))


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    # They overlap: items 20 to 39 are added by both.
    writers = [context.Process(target=_add, args=(tmp_path, first)) for first in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    kept = Kept(tmp_path, 4)
    assert len(kept) == 60
    assert np.array_equal(kept.get(keys(60))[:, 0], np.arange(60))


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFull, match="file"):
        Kept(tmp_path / "file", 4).add(keys(1), rows(1))


def test_an_image_is_its_bytes_wherever_it_lies(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"same")
    one, other = (Content("image", {"path": name}) for name in ("a.png", "b.png"))
    assert key_of(one, tmp_path) == key_of(other, tmp_path)
    pixels = [Content("image", {"pixels": np.full(shape, 7), "width": 1, "height": 1}) for shape in ((2, 3), (3, 2))]
    assert key_of(pixels[0], None) != key_of(pixels[1], None)
    with pytest.raises(BadValue, match="media"):
        key_of(one, None)


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUERIST_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "querist"
    monkeypatch.setenv("QUERIST_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    assert cache_folder("/else") == Path("/else")
