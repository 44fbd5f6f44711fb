"""Boxes and outlines on images as other tools keep them: COCO (one JSON file) and YOLO (a text file for each image)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from querist.errors import BadValue, NotFound
from querist.exchange.files import folder_whole
from querist.types import Json

CLASSES: Final = "classes.txt"
LABELS: Final = "labels"
DECIMALS: Final = 10
"""Of a share of the image's side in a YOLO file: enough for hundredths of a pixel."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """An image and what is drawn on it: boxes or outlines, as the tasks of these names have them.

    `item` is its id where the file told it, `file` its path below the media folder.
    """

    file: str
    width: float
    height: float
    shapes: Sequence[Mapping[str, Any]]
    item: str | None = None


# --- COCO


def to_coco(drawings: Iterable[Drawing], classes: Sequence[str]) -> Json:
    """Return the document: images, categories, annotations; an image without annotations has nothing to mark.

    >>> drawn = Drawing("a.png", 20, 10, [{"label": "cell", "x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0}])
    >>> to_coco([drawn], ["cell"])["annotations"][0]["bbox"]
    [1.0, 2.0, 3.0, 4.0]
    """
    number = {name: place for place, name in enumerate(classes, start=1)}
    images: list[Json] = []
    annotations: list[Json] = []
    for image, drawn in enumerate(drawings, start=1):
        about = {"id": image, "file_name": drawn.file, "width": drawn.width, "height": drawn.height}
        images.append({**about, "item": drawn.item})
        annotations += [
            {
                "id": len(annotations) + place,
                "image_id": image,
                "category_id": number[shape["label"]],
                "iscrowd": 0,
                **_extent(shape),
            }
            for place, shape in enumerate(drawn.shapes, start=1)
        ]
    categories = [{"id": place, "name": name} for name, place in number.items()]
    return {"images": images, "categories": categories, "annotations": annotations}


def _extent(shape: Mapping[str, Any]) -> Json:
    if "points" not in shape:
        box = [shape[name] for name in ("x", "y", "width", "height")]
        return {"bbox": box, "area": box[2] * box[3], "segmentation": []}
    points = shape["points"]
    xs, ys = ([point[axis] for point in points] for axis in (0, 1))
    turned = zip(points, [*points[1:], points[0]], strict=True)
    area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in turned)) / 2
    bbox = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
    return {"bbox": bbox, "area": area, "segmentation": [[number for point in points for number in point]]}


def from_coco(document: Any, *, outlines: bool) -> list[Drawing]:
    """Return what a COCO document holds, each listed image once; of an outline in several parts each is an outline.

    Args:
        document: the parsed JSON.
        outlines: whether outlines (`segmentation`) are wanted, not boxes (`bbox`).

    Raises:
        BadValue: no COCO document, an annotation of an image or a category that is not listed, a mask in run lengths.
    """
    parts = document if isinstance(document, Mapping) else {}
    missing = next((name for name in ("images", "annotations", "categories") if name not in parts), None)
    if missing is not None:
        raise BadValue("answers", missing, "is missing: a COCO file has images, annotations and categories")
    names = {entry["id"]: str(entry["name"]) for entry in parts["categories"]}
    shapes: dict[Any, list[Json]] = {image["id"]: [] for image in parts["images"]}
    for entry in parts["annotations"]:
        if entry.get("image_id") not in shapes or entry.get("category_id") not in names:
            raise BadValue("answers", entry.get("id"), "is an annotation of an image or a category that is not listed")
        label = names[entry["category_id"]]
        shapes[entry["image_id"]] += _outlines(entry, label) if outlines else [_box(entry, label)]
    return [
        Drawing(
            str(image["file_name"]),
            float(image.get("width") or 0),
            float(image.get("height") or 0),
            shapes[image["id"]],
            image.get("item"),
        )
        for image in parts["images"]
    ]


def _box(entry: Mapping[str, Any], label: str) -> Json:
    box = entry.get("bbox")
    if not isinstance(box, list) or len(box) != 4:
        raise BadValue("answers", entry.get("id"), "is an annotation without a bbox of four numbers")
    return {"label": label, **dict(zip(("x", "y", "width", "height"), box, strict=True))}


def _outlines(entry: Mapping[str, Any], label: str) -> list[Json]:
    parts = entry.get("segmentation")
    if not isinstance(parts, list) or not parts:
        raise BadValue(
            "answers", entry.get("id"), "is an annotation without an outline (a mask in run lengths is none)"
        )
    return [{"label": label, "points": [list(pair) for pair in zip(p[::2], p[1::2], strict=True)]} for p in parts]


# --- YOLO


def write_yolo(drawings: Iterable[Drawing], classes: Sequence[str], folder: Path) -> int:
    """Write `classes.txt` and below `labels/` a file for each image; return how many. An empty file: nothing to mark.

    A box is "class middle-x middle-y width height", an outline "class x1 y1 x2 y2 …", in shares of the image's sides.

    Raises:
        BadValue: the folder is there and not empty; two images that differ in their ending only.
    """
    number = {name: place for place, name in enumerate(classes)}
    written: dict[PurePosixPath, str] = {}
    with folder_whole(folder) as place:
        (place / CLASSES).write_text("".join(f"{name}\n" for name in classes), encoding="utf-8")
        for drawn in drawings:
            name = PurePosixPath(drawn.file).with_suffix(".txt")
            if name in written:
                raise BadValue("file", drawn.file, f"and {written[name]} would share one file of labels: use COCO")
            written[name] = drawn.file
            target = place / LABELS / name
            target.parent.mkdir(parents=True, exist_ok=True)
            lines = (f"{number[shape['label']]} {_shares(shape, drawn)}\n" for shape in drawn.shapes)
            target.write_text("".join(lines), encoding="utf-8")
    return len(written)


def _shares(shape: Mapping[str, Any], drawn: Drawing) -> str:
    if "points" in shape:
        pairs = shape["points"]
    else:
        middle = (shape["x"] + shape["width"] / 2, shape["y"] + shape["height"] / 2)
        pairs = [middle, (shape["width"], shape["height"])]
    sides = (drawn.width, drawn.height)
    return " ".join(f"{value / side:.{DECIMALS}f}" for pair in pairs for value, side in zip(pair, sides, strict=True))


def yolo_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file of labels with the path of its image below the media folder, without its ending.

    Raises:
        NotFound: the folder has no `classes.txt` or no `labels`.
    """
    for needed in (folder / CLASSES, folder / LABELS):
        if not needed.exists():
            raise NotFound(f"there is no {str(needed)!r}: YOLO labels lie in labels/ beside classes.txt")
    for path in sorted((folder / LABELS).rglob("*.txt")):
        yield path.relative_to(folder / LABELS).with_suffix("").as_posix(), path


def yolo_classes(folder: Path) -> list[str]:
    """Return the names of the classes, in the order of their numbers."""
    return [line.strip() for line in (folder / CLASSES).read_text(encoding="utf-8").splitlines() if line.strip()]


def read_yolo(text: str, classes: Sequence[str], *, width: float, height: float) -> list[Json]:
    """Return the boxes (four numbers a line) or outlines (six and more) of a file, in pixels.

    Raises:
        BadValue: a line that is neither, or of a class that is not listed.

    >>> read_yolo("0 0.5 0.5 0.2 0.4", ["cell"], width=20, height=10)
    [{'label': 'cell', 'x': 8.0, 'y': 3.0, 'width': 4.0, 'height': 4.0}]
    """
    found: list[Json] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        first, *rest = line.split()
        try:
            number, shares = int(first), [float(word) for word in rest]
        except ValueError:
            raise BadValue("answers", line, "is no line of numbers") from None
        if not 0 <= number < len(classes):
            raise BadValue("answers", line, f"names class {number}, and {CLASSES} has {len(classes)}")
        if len(shares) != 4 and (len(shares) < 6 or len(shares) % 2):
            raise BadValue("answers", line, "has neither the four numbers of a box nor the points of an outline")
        sides = (width, height) * (len(shares) // 2)
        pixels = [round(share * side, 6) for share, side in zip(shares, sides, strict=True)]
        found.append({"label": classes[number], **_of_pixels(pixels)})
    return found


def _of_pixels(pixels: list[float]) -> Json:
    if len(pixels) > 4:
        return {"points": [list(pair) for pair in zip(pixels[::2], pixels[1::2], strict=True)]}
    x, y, width, height = pixels
    return {"x": round(x - width / 2, 6), "y": round(y - height / 2, 6), "width": width, "height": height}


def read_json(path: Path) -> Any:
    """Return the JSON of a file.

    Raises:
        BadValue: it is none.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadValue("answers", str(path), f"is no JSON: {error}") from error
