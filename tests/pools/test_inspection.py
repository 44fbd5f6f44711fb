"""The guess that `querist init` starts from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from querist.errors import BadValue, NotFound
from querist.pools import inspect, read_pool
from querist.types import Item

LONG = "a sentence of quite a few words, number"


def table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_texts_with_labels_and_ids(tmp_path: Path) -> None:
    rows = [f"d{number},{LONG} {number},{'pos' if number % 2 else ''}" for number in range(30)]
    path = table(tmp_path / "a.csv", "doc_id,body,sentiment", *[row.replace("words, ", "words ") for row in rows])
    found = inspect(path)
    suggestion = found.suggestion
    assert (found.item, suggestion.text, suggestion.label, suggestion.id) == ("text", "body", "sentiment", "doc_id")
    assert suggestion.classes == ("pos",)
    assert len(suggestion.reasons) == 3
    assert [column.kind for column in found.columns] == ["identifier", "text", "category"]
    assert found.columns[2].missing == 15


def test_a_table_of_numbers(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [f"{rng.normal():.3f},{rng.choice(['x', 'y'])},2024-01-{day:02d},{day % 3}" for day in range(1, 29)]
    found = inspect(table(tmp_path / "a.csv", "size,shape,day,target", *rows))
    assert (found.item, found.suggestion.columns) == ("row", ("size", "shape", "day"))
    assert (found.suggestion.label, found.suggestion.classes) == ("target", ("0", "1", "2"))
    assert [column.kind for column in found.columns] == ["number", "category", "date", "number"]


def test_a_column_named_like_a_label_but_numeric_with_many_values_is_none(tmp_path: Path) -> None:
    rows = [f"{number},{number * 1.37}" for number in range(40)]
    assert inspect(table(tmp_path / "a.csv", "x,target", *rows)).suggestion.label is None


def test_the_suggestion_can_be_read(tmp_path: Path) -> None:
    path = table(
        tmp_path / "a.csv", "id,question,label", *[f"{n},{LONG.replace(',', '')} {n},{n % 2}" for n in range(9)]
    )
    suggestion = inspect(path).suggestion
    reader = read_pool(path, text=suggestion.text, label=suggestion.label, id=suggestion.id)
    assert sum(isinstance(row, Item) for row in reader.read()) == 9


def test_images_in_sub_folders_and_in_a_table(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        (tmp_path / name).parent.mkdir()
        Image.new("L", (2, 2)).save(tmp_path / name)
    found = inspect(tmp_path)
    assert (found.item, found.suggestion.label, found.suggestion.classes) == ("image", "folder", ("a", "b"))
    listed = inspect(table(tmp_path / "list.csv", "file,label", "a/1.png,x", "b/2.png,y"))
    assert (listed.item, listed.suggestion.image, listed.suggestion.label) == ("image", "file", "label")


def test_arrays_in_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2, 3, 3), dtype=np.uint8), labels=np.array([0, 1]))
    found = inspect(tmp_path / "a.npz")
    assert (found.item, found.suggestion.image, found.suggestion.label) == ("image", "images", "labels")
    (tmp_path / "b.npz").write_bytes(b"no archive")
    with pytest.raises(BadValue, match="cannot be read as"):
        inspect(tmp_path / "b.npz")


def test_nothing_to_inspect(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        inspect(tmp_path / "nothing.csv")
    with pytest.raises(BadValue, match="holds no image"):
        inspect(tmp_path)
    with pytest.raises(BadValue, match="holds no row"):
        inspect(table(tmp_path / "a.csv", "a,b"))
