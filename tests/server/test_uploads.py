from __future__ import annotations

from io import BytesIO

import pytest

from querist.errors import BadValue, NotFound
from querist.server.uploads import Uploads


@pytest.fixture
def uploads():
    uploads = Uploads()
    yield uploads
    uploads.close()


def test_an_upload_is_found_by_the_name_it_was_given(uploads):
    name = uploads.keep("../../My Reviews.CSV", BytesIO(b"text\nhello\n"))
    assert uploads.path(name).read_bytes() == b"text\nhello\n"
    assert "Reviews" not in name
    assert uploads.path(name).suffix == ".csv"


@pytest.mark.parametrize("filename", ["x.exe", "x", "x.csv.html", ".csv"])
def test_other_formats_are_refused_with_the_choices(uploads, filename):
    with pytest.raises(BadValue, match=r"\.csv, \.tsv, \.jsonl, \.ndjson, \.parquet, \.npz, \.zip"):
        uploads.keep(filename, BytesIO(b""))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x.csv", "/etc/passwd", "a" * 32 + ".csv", "%2e%2e/x.csv", "x\0.csv"]
)
def test_a_name_that_was_not_given_finds_nothing(uploads, name):
    with pytest.raises(NotFound):
        uploads.path(name)


def test_old_uploads_go(uploads):
    short = Uploads(kept_seconds=-1)
    name = short.keep("a.csv", BytesIO(b"x"))
    short.keep("b.csv", BytesIO(b"x"))
    with pytest.raises(NotFound):
        short.path(name)
    short.close()
