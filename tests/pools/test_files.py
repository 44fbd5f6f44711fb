"""JSON Lines, Parquet, folders of images, arrays: what each reads and what it keeps aside."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from querist.errors import BadValue, UnknownName
from querist.pools import memory, read_pool, samples
from querist.types import Item, Rejected


def split(reader: Any) -> tuple[list[Item], list[Rejected]]:
    rows = list(reader.read())
    return [row for row in rows if isinstance(row, Item)], [row for row in rows if isinstance(row, Rejected)]


def test_jsonl_keeps_bad_lines_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [b'{"t": "one"}', b"", b'{"t": ', b"[1]", b'{"t": NaN}', b'{"t": "caf\xe9"}', b'{"t": "a\\u0000"}']
    path.write_bytes(b"\n".join([*lines, b'{"t": "\\ud800"}', b'{"u": 1}', b'{"t": 5}\n']))
    items, bad = split(read_pool(path, text="t"))
    assert [item.content.value["text"] for item in items] == ["one", "5"]
    assert [row.line for row in bad] == [3, 4, 5, 6, 7, 8, 9]
    reasons = ["not valid JSON", "not a JSON object but a list", "NaN is no JSON number", "not UTF-8", "NUL", "half"]
    for row, reason in zip(bad, [*reasons, "column 't' is empty"], strict=True):
        assert reason in row.reason


def test_jsonl_without_an_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("[]\n")
    with pytest.raises(BadValue, match="no JSON object"):
        read_pool(tmp_path / "a.jsonl")


def test_parquet_values_become_json(tmp_path: Path) -> None:
    table = pa.table(
        {
            "when": [dt.datetime(2024, 2, 29, 12), None],
            "x": [1.5, float("nan")],
            "tags": [["a", "b"], []],
            "y": pa.array(["p", "q"]).dictionary_encode(),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    items, bad = split(read_pool(tmp_path / "a.parquet", label="y"))
    assert [item.content.value["fields"] for item in items] == [
        {"when": "2024-02-29T12:00:00", "x": 1.5, "tags": ["a", "b"]},
        {"when": None, "x": None, "tags": []},
    ]
    assert ([item.label for item in items], bad) == (["p", "q"], [])


def test_parquet_that_cannot_be_json(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [b"\xff", b"a"], "z": [float("inf"), 1.0]}), tmp_path / "a.parquet")
    _, bad = split(read_pool(tmp_path / "a.parquet", columns=["x"]))
    assert [(row.line, "type bytes" in row.reason) for row in bad] == [(1, True), (2, True)]
    items, bad = split(read_pool(tmp_path / "a.parquet", columns=["z"]))
    assert (len(items), bad[0].line, bad[0].reason) == (1, 1, "holds an infinite number")


def test_a_broken_parquet_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(BadValue, match=r"a\.parquet.*cannot be read as Parquet"):
        read_pool(tmp_path / "a.parquet")


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """Two classes, a copy, a broken file, a link that leads out."""
    root = tmp_path / "gallery"
    for name, colour in [("cats/a.png", 10), ("cats/b.png", 20), ("dogs/c.png", 30), ("dogs/copy.png", 10)]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), colour).save(root / name)
    (root / "dogs" / "broken.png").write_bytes(b"no image")
    (root / "notes.txt").write_text("not an image")
    secret = tmp_path / "secret.png"
    Image.new("L", (4, 4), 99).save(secret)
    (root / "cats" / "out.png").symlink_to(secret)
    return root


def test_a_folder_of_images(gallery: Path) -> None:
    reader = read_pool(gallery)
    items, bad = split(reader)
    assert [item.content.value["path"] for item in items] == ["cats/a.png", "cats/b.png", "dogs/c.png"]
    assert [item.copies for item in items] == [2, 1, 1]
    assert [row.raw for row in bad] == ["cats/out.png", "dogs/broken.png"]
    assert "leads out of the folder" in bad[0].reason
    assert (reader.media, items[0].label) == (gallery, None)


def test_images_keep_their_ids_when_the_folder_moves(gallery: Path) -> None:
    before = [item.id for item in split(read_pool(gallery))[0]]
    moved = gallery.rename(gallery.parent / "elsewhere")
    assert [item.id for item in split(read_pool(moved))[0]] == before


def test_labels_from_sub_folders(gallery: Path) -> None:
    reader = read_pool(gallery, label="folder")
    items, _ = split(reader)
    assert [item.label for item in items] == [None, "cats", "dogs"]  # the copy lies in both
    assert reader.summary.conflicts == {items[0].id: ("cats", "dogs")}


def test_labels_from_a_file(gallery: Path) -> None:
    (gallery / "labels.csv").write_text("image,kind\ncats/a.png,cat\ndogs/c.png,dog\ncats/b.png,\nnone.png,cat\n")
    reader = read_pool(gallery, label="kind")
    items, bad = split(reader)
    assert [item.label for item in items] == ["cat", None, "dog"]
    assert bad[0] == Rejected(5, "labels.csv names 'none.png', which is not in the folder", "none.png,cat")


def test_a_label_column_without_labels_file(gallery: Path) -> None:
    with pytest.raises(BadValue, match=r"needs the file labels\.csv"):
        read_pool(gallery, label="kind")


def test_images_named_in_a_table_stay_inside_its_folder(gallery: Path) -> None:
    (gallery / "list.csv").write_text(
        "file,y\ncats/a.png,1\n../secret.png,2\ncats/out.png,3\n/etc/passwd,4\nno.png,5\n"
    )
    reader = read_pool(gallery / "list.csv", image="file", label="y")
    items, bad = split(reader)
    assert [(item.content.value["path"], item.label) for item in items] == [("cats/a.png", "1")]
    assert [row.line for row in bad] == [3, 4, 5, 6]
    assert ["leads out" in row.reason for row in bad] == [True, True, True, False]
    assert reader.media == gallery


def test_npz_images(tmp_path: Path) -> None:
    grey = np.arange(32, dtype=np.uint8).reshape(2, 4, 4)
    np.savez(tmp_path / "a.npz", images=grey, labels=np.array([3, 4]))
    items, _ = split(read_pool(tmp_path / "a.npz", label="labels"))
    assert [item.label for item in items] == [3, 4]
    assert np.array_equal(items[1].content.value["pixels"], grey[1])
    assert (items[0].content.value["width"], items[0].content.value["height"]) == (4, 4)
    with pytest.raises(UnknownName, match="did you mean 'labels'"):
        read_pool(tmp_path / "a.npz", label="label")


def test_npz_is_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BadValue, match="cannot be read"):
        read_pool(tmp_path / "a.npz")


def test_rows_of_an_array_are_known_by_their_numbers() -> None:
    items, _ = split(memory.reader(np.array([[1.0, np.nan], [2.0, 3.0], [2.0, 3.0]]), labels=["a", None, "b"]))
    assert [item.id for item in items] == ["0", "1", "2"]
    assert items[0].content.value == {"fields": {"0": 1.0, "1": None}}
    assert [item.label for item in items] == ["a", None, "b"]


def test_mappings_in_memory_take_roles_like_files() -> None:
    items, _ = split(read_pool([{"t": "a", "y": 1}, {"t": "b", "y": None}], text="t", label="y"))
    assert [(item.content.value["text"], item.label) for item in items] == [("a", 1), ("b", None)]


@pytest.mark.parametrize("values", ["text", 3, {"a": 1}])
def test_what_is_no_pool_in_memory(values: object) -> None:
    with pytest.raises(BadValue, match="must be a list or an array"):
        memory.reader(values)


def test_labels_must_be_as_many_as_items() -> None:
    with pytest.raises(BadValue, match="labels = 1"):
        memory.reader(["a", "b"], labels=["x"])


def test_the_digits_come_without_labels_unless_asked() -> None:
    reader = read_pool("sample:digits")
    items, _ = split(reader)
    assert (len(items), reader.summary.labels) == (1797, {})
    assert max(max(row) for row in items[0].content.value["pixels"]) <= 255
    labelled = samples.digits(labelled=True)
    split(labelled)
    assert (sum(labelled.summary.labels.values()), list(labelled.summary.labels)) == (1797, list(samples.DIGITS))
