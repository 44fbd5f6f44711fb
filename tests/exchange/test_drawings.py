"""Boxes and outlines to COCO and YOLO and back: the same shapes, whatever they are."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue, NotFound
from querist.exchange.drawings import (
    Drawing,
    from_coco,
    read_yolo,
    to_coco,
    write_yolo,
    yolo_classes,
    yolo_files,
)
from querist.tasks import task_type

CLASSES = ["cell", "white cell", "日本"]
WIDTH, HEIGHT = 640.0, 479.0
BOXES, POLYGONS = (task_type(name, classes=CLASSES) for name in ("boxes", "polygons"))

label = st.sampled_from(CLASSES)
hundredths = st.integers(0, 20_000).map(lambda n: n / 100)
box = st.builds(
    lambda label, x, y, w, h: {"label": label, "x": x, "y": y, "width": w + 0.01, "height": h + 0.01},
    label, hundredths, hundredths, hundredths, hundredths,
)  # fmt: skip
corners = st.lists(st.tuples(hundredths, hundredths), min_size=3, max_size=7).map(lambda ps: [list(p) for p in ps])
outline = st.builds(lambda label, points: {"label": label, "points": points}, label, corners)


def kept(task, value) -> list | None:
    """The value as the task keeps it; None where it is no answer."""
    try:
        return task.check(value)
    except BadValue:
        return None


def through_yolo(task, drawn: Drawing) -> list:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "out"
        assert write_yolo([drawn], CLASSES, folder) == 1
        ((name, path),) = yolo_files(folder)
        assert name == "set/a picture"
        found = read_yolo(path.read_text(), yolo_classes(folder), width=drawn.width, height=drawn.height)
    return task.check(found)


@given(st.lists(box, max_size=5))
@settings(max_examples=60, deadline=None)
def test_boxes_survive(value) -> None:
    value = kept(BOXES, value)
    if value is not None:
        drawn = Drawing("set/a picture.png", WIDTH, HEIGHT, value, "i1")
        (back,) = from_coco(json.loads(json.dumps(to_coco([drawn], CLASSES))), outlines=False)
        assert BOXES.check(list(back.shapes)) == value
        assert (back.file, back.item, back.width) == (drawn.file, "i1", WIDTH)
        assert through_yolo(BOXES, drawn) == value


@given(st.lists(outline, max_size=4))
@settings(max_examples=60, deadline=None)
def test_outlines_survive(value) -> None:
    value = kept(POLYGONS, value)
    if value is not None:
        drawn = Drawing("set/a picture.png", WIDTH, HEIGHT, value)
        (back,) = from_coco(json.loads(json.dumps(to_coco([drawn], CLASSES))), outlines=True)
        assert POLYGONS.check(list(back.shapes)) == value
        assert through_yolo(POLYGONS, drawn) == value


def test_coco_says_area_and_frame_of_an_outline() -> None:
    square = {"label": "cell", "points": [[1.0, 1.0], [5.0, 1.0], [5.0, 3.0], [1.0, 3.0]]}
    (entry,) = to_coco([Drawing("a.png", 10, 10, [square])], CLASSES)["annotations"]
    assert (entry["area"], entry["bbox"]) == (8.0, [1.0, 1.0, 4.0, 2.0])


def test_an_image_with_nothing_on_it_is_an_answer() -> None:
    empty = Drawing("set/a picture.png", WIDTH, HEIGHT, [])
    assert [list(d.shapes) for d in from_coco(to_coco([empty], CLASSES), outlines=False)] == [[]]
    assert through_yolo(BOXES, empty) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "images"),
        ({"images": [], "annotations": []}, "categories"),
        ({"images": [], "categories": [], "annotations": [{"id": 7, "image_id": 1, "category_id": 1}]}, "not listed"),
        (
            {
                "images": [{"id": 1, "file_name": "a"}],
                "categories": [{"id": 1, "name": "c"}],
                "annotations": [{"id": 7, "image_id": 1, "category_id": 1, "segmentation": {"counts": "x"}}],
            },
            "without an outline",
        ),
    ],
)
def test_what_is_no_coco_file_is_refused(document, words) -> None:
    with pytest.raises(BadValue, match=words):
        from_coco(document, outlines=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [("a b", "no line of numbers"), ("9 0 0 1 1", "names class 9"), ("0 0.1 0.2 0.3", "neither"), ("0", "neither")],
)
def test_what_is_no_yolo_line_is_refused(line, words) -> None:
    with pytest.raises(BadValue, match=words):
        read_yolo(line, CLASSES, width=10, height=10)


def test_two_images_of_one_name_cannot_share_a_file_of_labels(tmp_path) -> None:
    pictures = [Drawing(name, 10, 10, []) for name in ("a.png", "a.jpg")]
    with pytest.raises(BadValue, match="use COCO"):
        write_yolo(pictures, CLASSES, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(NotFound, match=r"classes\.txt"):
        list(yolo_files(tmp_path))
