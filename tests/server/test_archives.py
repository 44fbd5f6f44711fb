from __future__ import annotations

import zipfile
from io import BytesIO

import pytest
from PIL import Image

from querist.errors import BadValue
from querist.server import archives


def png(shade: int) -> bytes:
    kept = BytesIO()
    Image.new("RGB", (8, 8), (shade, 20, 20)).save(kept, "PNG")
    return kept.getvalue()


def packed(tmp_path, files, name="a.zip"):
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, data in files.items():
            archive.writestr(inside, data)
    return path


def unpacked(tmp_path, files, **settings):
    archives.unpack(packed(tmp_path, files), tmp_path / "out", **settings)
    return tmp_path / "out"


def test_pictures_in_a_folder_of_their_own_are_found_and_the_rest_is_left(tmp_path):
    files = {"cells/a.png": png(1), "cells/b.PNG": png(2), "cells/run.sh": "#!", "__MACOSX/cells/._a.png": "x"}
    root = unpacked(tmp_path, files)
    assert archives.data_in(root) == root / "cells"
    assert sorted(path.name for path in root.rglob("*") if path.is_file()) == ["a.png", "b.PNG"]


def test_a_table_beside_the_files_is_what_is_read(tmp_path):
    root = unpacked(tmp_path, {"a.png": png(1), "cells.csv": "file\na.png\n"})
    assert archives.data_in(root) == root / "cells.csv"


def test_labels_csv_beside_pictures_leaves_the_folder_what_is_read(tmp_path):
    root = unpacked(tmp_path, {"a.png": png(1), "labels.csv": "file,label\na.png,red\n"})
    assert archives.data_in(root) == root


def test_sounds_without_a_table_get_one(tmp_path):
    root = unpacked(tmp_path, {"birds/b.wav": b"RIFF", "birds/old/a.mp3": b"ID3"})
    table = archives.data_in(root)
    assert table.read_text().split() == ["file", "b.wav", "old/a.mp3"]
    assert archives.data_in(root) == table


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "x/../../a.png", "..\\a.png", "C:/a.png"])
def test_entries_that_lead_out_are_refused(tmp_path, name):
    with pytest.raises(BadValue, match="leads out"):
        unpacked(tmp_path, {name: png(1)})
    assert not (tmp_path / "a.png").exists()


def test_more_than_the_limit_is_refused_while_it_is_written(tmp_path):
    with pytest.raises(BadValue, match="more than can be taken"):
        unpacked(tmp_path, {"a.csv": "0" * 10_000_000}, most_bytes=1_000_000)


@pytest.mark.parametrize(
    ("files", "message"),
    [({"readme.txt": "hi"}, "no picture"), ({"a.csv": "x\n1\n", "b.csv": "x\n1\n"}, "several tables")],
)
def test_what_cannot_be_read_says_why(tmp_path, files, message):
    with pytest.raises(BadValue, match=message):
        archives.data_in(unpacked(tmp_path, files))


def test_a_file_that_is_no_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(BadValue, match="cannot be read as a zip file"):
        archives.unpack(tmp_path / "a.zip", tmp_path / "out")
