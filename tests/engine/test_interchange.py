"""Labels through the files of other tools, from one project into another of the same items: the same answers."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
from PIL import Image

from querist.engine import commands, create, exporting, interchange, offline
from querist.engine.labels import resolve
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.errors import BadValue, NotFound

TEXTS = ["Ann 😀 met Bo in Rome.", "Nobody came.", "تناول المريض الأسبرين صباحا."]
VALUES = {
    "boxes": [
        [{"label": "b", "x": 1.0, "y": 2.25, "width": 3.01, "height": 4.0}],
        [],
        [{"label": "a", "x": 0.0, "y": 0.0, "width": 30.0, "height": 17.0}],
    ],
    "polygons": [
        [{"label": "a", "points": [[5.0, 1.0], [9.5, 8.0], [1.33, 8.0]]}],
        [],
        [{"label": "b", "points": [[0.0, 0.0], [30.0, 0.0], [30.0, 17.0]]}],
    ],
    "spans": [
        [{"start": 0, "end": 3, "label": "a"}, {"start": 10, "end": 12, "label": "b"}],
        [],
        [{"start": 6, "end": 12, "label": "a"}],
    ],
}
CASES = [(format, task) for format, tasks in interchange.FORMATS.items() for task in tasks]


def project(folder: Path, task: str) -> Project:
    source = folder.parent / "source"
    if not source.exists():
        source.mkdir()
        for k in range(3):
            Image.new("RGB", (30, 17), (k, 0, 0)).save(source / f"{k}.png")
        rows = [{"text": text, "file": f"{k}.png"} for k, text in enumerate(TEXTS)]
        (source / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    column = {"text": "text"} if task == "spans" else {"image": "file"}
    create.init(folder, data=str(source / "rows.jsonl"), classes=["a", "b"], task=task, **column)
    return Project.open(folder)


def in_order(opened: Project) -> list[str]:
    """The items in the order of their rows in the file."""
    items = opened.pool().items
    place = {text: place for place, text in enumerate([*TEXTS, "0.png", "1.png", "2.png"])}
    contents = (content.value for content in opened.store.contents(items))
    order = [place[value["text"] if "text" in value else value["path"]] for value in contents]
    return [item for _, item in sorted(zip(order, items, strict=True))]


def labels(opened: Project) -> dict:
    state = opened.state()
    return {item: merged.value for item, merged in resolve(opened, state, through=state.seq).items()}


@pytest.mark.parametrize(("format", "task"), CASES)
def test_label_merge_export_import_is_the_same_answer(tmp_path, format, task) -> None:
    one, other = (project(tmp_path / name, task) for name in ("one", "other"))
    for item, value in zip(in_order(one), VALUES[task], strict=True):
        for person in ("p_1", "p_2"):
            commands.submit(one, person, FileAnswer(uuid.uuid4(), item, value))
    out = tmp_path / "out"
    assert interchange.export_to(one, out, format) == 3
    told = interchange.tell_from(other, out, format, person="p_3")
    assert told == {"told": 3, "known": 0, "problems": []}
    assert labels(other) == labels(one)
    assert len(labels(other)) == 3
    assert interchange.tell_from(other, out, format, person="p_3")["known"] == 3
    again = tmp_path / "again"
    interchange.export_to(other, again, format)
    if format != "yolo":
        assert sorted(again.read_text().split()) == sorted(out.read_text().split())


def test_items_are_found_by_path_and_text_in_files_of_others(tmp_path) -> None:
    pictures = project(tmp_path / "pictures", "boxes")
    document = {
        "images": [{"id": 3, "file_name": "1.png"}, {"id": 4, "file_name": "not there.png"}],
        "categories": [{"id": 9, "name": "a"}, {"id": 10, "name": "other"}],
        "annotations": [{"id": 1, "image_id": 3, "category_id": 9, "bbox": [1, 2, 3, 4]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    told = interchange.tell_from(pictures, tmp_path / "coco.json", "coco", person="p_1")
    assert told["told"] == 1
    assert told["problems"][0]["line"] == "not there.png"
    document["annotations"][0]["category_id"] = 10
    (tmp_path / "coco.json").write_text(json.dumps(document))
    told = interchange.tell_from(pictures, tmp_path / "coco.json", "coco", person="p_1")
    assert "other" in told["problems"][0]["reason"]
    letters = project(tmp_path / "letters", "spans")
    (tmp_path / "a.conll").write_text("Nobody B-a\ncame O\n. O\n\nWho O\n", encoding="utf-8")
    told = interchange.tell_from(letters, tmp_path / "a.conll", "conll", person="p_1")
    assert (told["told"], told["problems"][0]["line"]) == (1, "text 2")
    assert list(labels(letters).values()) == [[{"start": 0, "end": 6, "label": "a"}]]


def test_a_format_that_cannot_say_it_is_refused(tmp_path) -> None:
    letters = project(tmp_path / "letters", "spans")
    with pytest.raises(BadValue, match="cannot say spans; have: csv, jsonl, parquet, conll"):
        interchange.export_to(letters, tmp_path / "out", "coco")
    with pytest.raises(BadValue, match="--out"):
        interchange.export_to(letters, None, "conll")
    with pytest.raises(NotFound, match="no file"):
        interchange.tell_from(letters, tmp_path / "nothing", "conll", person="p_1")


def test_an_export_is_what_the_ending_of_its_file_says(tmp_path: Path) -> None:
    made = project(tmp_path / "p", "spans")
    offline.tell_one(made, "ann", made.pool().items[0], [])
    exporting.export_labels(made, tmp_path / "labels.jsonl")
    assert json.loads((tmp_path / "labels.jsonl").read_text())["label"] == []
    exporting.export_labels(made, tmp_path / "labels.txt")
    assert (tmp_path / "labels.txt").read_text().startswith("item,label,")
    exporting.export_labels(made, tmp_path / "labels.csv", "jsonl")
    assert (tmp_path / "labels.csv").read_text().startswith("{")
