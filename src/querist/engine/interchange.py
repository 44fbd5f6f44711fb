"""Labels from and for other tools: COCO and YOLO (boxes, outlines), CoNLL (spans)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from querist.engine.commands import sized
from querist.engine.labels import resolve
from querist.engine.offline import tell_one
from querist.engine.project import Project
from querist.errors import BadValue, NotFound, QueristError
from querist.exchange import conll, drawings
from querist.exchange.files import written_whole
from querist.types import ItemId, Json

FORMATS: Final = {"coco": ("boxes", "polygons"), "yolo": ("boxes", "polygons"), "conll": ("spans",)}
"""Kinds of label that each format can say."""


def formats(project: Project) -> list[str]:
    """Return the formats of other tools that can say the project's kind of label."""
    return [name for name, tasks in FORMATS.items() if project.spec.project.task in tasks]


def export_to(project: Project, out: Path | None, format: str) -> int:
    """Write what the answers to each item amount to; return how many items.

    Args:
        project: whose labels.
        out: the file; of YOLO a new folder.
        format: of `FORMATS`.

    Raises:
        BadValue: the format cannot say this kind of label, or one of the labels; no `out`.
    """
    _check(project, format)
    if out is None:
        raise BadValue("out", "", f"name the {'folder' if format == 'yolo' else 'file'} to write with --out")
    state = project.state()
    labels = {item: merged.value for item, merged in resolve(project, state, through=state.seq).items()}
    if format == "yolo":
        return drawings.write_yolo(_drawn(project, labels), project.task.classes, out)
    with written_whole(out) as file:
        if format == "coco":
            document = drawings.to_coco(_drawn(project, labels), project.task.classes)
            file.write(json.dumps(document, ensure_ascii=False, indent=1).encode())
        else:
            file.writelines(line.encode() for line in conll.write(_texts(project, labels)))
    return len(labels)


def tell_from(project: Project, source: Path, format: str, *, person: str) -> Json:
    """Record the answers of a file (of YOLO a folder); items that cannot be taken are named, the others are kept.

    Items are found by their id where the file tells it, else by their path or their text.

    Raises:
        NotFound: no such file.
        BadValue: the format cannot say this kind of label, or the file is not of the format.
    """
    _check(project, format)
    if not source.exists():
        raise NotFound(f"there is no file {str(source)!r}", field="answers", value=str(source))
    told, known, problems = 0, 0, []
    for name, item, value in _ANSWERS[format](project, source):
        try:
            if isinstance(value, QueristError):
                raise value
            if item is None:
                raise NotFound(f"no item of the project is {name}", field="item", value=name)
            is_new = tell_one(project, person, item, project.task.check(value, sized(project, item)))
        except QueristError as error:
            problems.append({"line": name, "reason": str(error)})
            continue
        told += is_new
        known += not is_new
    return {"told": told, "known": known, "problems": problems}


Found = tuple[str, ItemId | None, Any]
"""What the file calls an item, its id if there is one, and its value or why there is none."""


def _check(project: Project, format: str) -> None:
    task = project.spec.project.task
    if format not in FORMATS or task not in FORMATS[format]:
        fitting = [name for name, tasks in FORMATS.items() if task in tasks]
        choices = ["csv", "jsonl", "parquet", *fitting]
        raise BadValue("format", format, f"cannot say {task}; have: {', '.join(choices)}", choices=choices)


def _drawn(project: Project, labels: dict[ItemId, Any]) -> Iterator[drawings.Drawing]:
    for item, shapes in labels.items():
        content = sized(project, item)
        value = {} if content is None else content.value
        if not value.get("path") or not value.get("width"):
            raise BadValue("item", item, "has no image file, which this format names: export JSON Lines")
        yield drawings.Drawing(str(value["path"]), value["width"], value["height"], shapes, item)


def _texts(project: Project, labels: dict[ItemId, Any]) -> Iterator[tuple[ItemId, str, Any]]:
    for (item, spans), content in zip(labels.items(), project.store.contents(list(labels)), strict=True):
        if content is not None:
            yield item, str(content.value["text"]), spans


def _from_coco(project: Project, source: Path) -> Iterator[Found]:
    outlines = project.spec.project.task == "polygons"
    by_path, known = _by(project, "path"), set(project.pool().items)
    for drawn in drawings.from_coco(drawings.read_json(source), outlines=outlines):
        item = drawn.item if drawn.item in known else by_path.get(drawn.file)
        yield drawn.file, item, list(drawn.shapes)


def _from_yolo(project: Project, source: Path) -> Iterator[Found]:
    by_path = {str(PurePosixPath(path).with_suffix("")): item for path, item in _by(project, "path").items()}
    outlines, classes = project.spec.project.task == "polygons", drawings.yolo_classes(source)
    for name, path in drawings.yolo_files(source):
        item = by_path.get(name)
        content = None if item is None else sized(project, item)
        if content is None or not content.value.get("width"):
            yield name, None, None
            continue
        size = {side: float(content.value[side]) for side in ("width", "height")}
        try:
            shapes = drawings.read_yolo(path.read_text(encoding="utf-8"), classes, **size)
        except BadValue as error:
            yield name, item, error
            continue
        yield name, item, shapes if outlines else [_boxed(shape) for shape in shapes]


def _boxed(shape: Json) -> Json:
    """The box around an outline."""
    if "points" not in shape:
        return shape
    xs, ys = ([point[axis] for point in shape["points"]] for axis in (0, 1))
    return {
        "label": shape["label"],
        "x": min(xs),
        "y": min(ys),
        "width": max(xs) - min(xs),
        "height": max(ys) - min(ys),
    }


def _from_conll(project: Project, source: Path) -> Iterator[Found]:
    known, by_letters = set(project.pool().items), _by(project, "text", squeeze=True)
    with source.open(encoding="utf-8", newline="\n") as file:
        for number, tagged in enumerate(conll.read(file), start=1):
            item = tagged.item if tagged.item in known else by_letters.get(tagged.letters)
            name = tagged.item or f"text {number}"
            content = None if item is None else project.store.contents([item])[0]
            try:
                spans: Any = [] if content is None else conll.spans_of(tagged, str(content.value["text"]))
            except BadValue as error:
                spans = error
            yield name, item, spans


def _by(project: Project, part: str, *, squeeze: bool = False) -> dict[str, ItemId]:
    """Items by their path, or by the letters of their text."""
    pool = project.pool()
    contents = zip(pool.items, project.store.iter_contents(0, len(pool)), strict=True)
    named = ((item, str(content.value.get(part, ""))) for item, content in contents if content is not None)
    return {"".join(text.split()) if squeeze else text: item for item, text in named}


_ANSWERS: Final = {"coco": _from_coco, "yolo": _from_yolo, "conll": _from_conll}
