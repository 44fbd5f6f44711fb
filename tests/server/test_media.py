from __future__ import annotations

import os
from io import BytesIO

import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from querist.errors import NotFound
from querist.server import media, problems


def picture(form: str) -> bytes:
    file = BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, form)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "media"
    (root / "cats").mkdir(parents=True)
    (root / "cats" / "1.png").write_bytes(picture("PNG"))
    (tmp_path / "secret.png").write_bytes(picture("PNG"))
    return root


@pytest.fixture
def client(run_app, folder):
    app = FastAPI()
    problems.install(app)

    @app.get("/file")
    def file(path: str):
        return media.serve(folder, path)

    return run_app(app)


@pytest.mark.parametrize(
    ("form", "kind"), [("PNG", "png"), ("JPEG", "jpeg"), ("GIF", "gif"), ("WEBP", "webp"), ("BMP", "bmp")]
)
def test_a_picture_is_shown_as_what_its_bytes_are_whatever_its_name_says(client, folder, form, kind):
    (folder / "x.html").write_bytes(picture(form))
    response = client.get("/file", params={"path": "x.html"})
    assert response.headers["content-type"] == f"image/{kind}"
    assert response.content == picture(form)
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
        ("x.png", b"<html><script>alert(1)</script></html>"),
        ("x.html", b"<!doctype html><script>alert(1)</script>"),
        ("x.xml", b"<?xml version='1.0'?><x/>"),
        ("empty.png", b""),
        ("x.pdf", b"%PDF-1.7"),
        ("querist.db", b"SQLite format 3\0"),
    ],
)
def test_nothing_else_is_sent_not_even_as_a_download(client, folder, name, data):
    (folder / name).write_bytes(data)
    response = client.get("/file", params={"path": name})
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/json"
    assert "script" not in response.text


@pytest.mark.parametrize(
    "path",
    [
        "../secret.png",
        "cats/../../secret.png",
        "/etc/passwd",
        "cats",
        "",
        ".",
        "no.png",
        "cats/1.png\0",
        "~/x",
        "..\\secret.png",
    ],
)
def test_nothing_outside_the_folder_is_served(client, path):
    assert client.get("/file", params={"path": path}).status_code == 404


def test_links_that_lead_outside_are_not_followed(client, folder, tmp_path):
    os.symlink(tmp_path / "secret.png", folder / "link.png")
    os.symlink(tmp_path, folder / "up")
    assert client.get("/file", params={"path": "link.png"}).status_code == 404
    assert client.get("/file", params={"path": "up/secret.png"}).status_code == 404


def test_a_neighbour_whose_name_begins_alike_is_outside(tmp_path):
    (tmp_path / "media").mkdir()
    (tmp_path / "media-old").mkdir()
    (tmp_path / "media-old" / "1.png").write_bytes(b"x")
    with pytest.raises(NotFound):
        media.contained(tmp_path / "media", "../media-old/1.png")


def test_a_media_folder_that_is_a_link_itself_is_served(tmp_path, folder):
    os.symlink(folder, tmp_path / "linked")
    assert media.contained(tmp_path / "linked", "cats/1.png").read_bytes() == picture("PNG")


@given(st.lists(st.sampled_from(["..", ".", "cats", "1.png", "secret.png", "", "media", "/"]), max_size=6))
@settings(max_examples=50, deadline=None)
def test_whatever_the_path_what_comes_lies_inside(tmp_path_factory, parts):
    base = tmp_path_factory.mktemp("m", numbered=True)
    (base / "media" / "cats").mkdir(parents=True)
    (base / "media" / "cats" / "1.png").write_bytes(b"inside")
    (base / "secret.png").write_bytes(b"outside")
    try:
        found = media.contained(base / "media", "/".join(parts))
    except NotFound:
        return
    assert found.read_bytes() == b"inside"


def test_ranges_and_conditional_reads_work(client):
    whole = client.get("/file", params={"path": "cats/1.png"})
    part = client.get("/file", params={"path": "cats/1.png"}, headers={"range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, whole.content[:4])
