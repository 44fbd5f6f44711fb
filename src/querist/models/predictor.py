"""From what a user has (texts, table rows, images, arrays) to labels and probabilities, without the project."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.sparse import issparse

from querist import models
from querist.errors import BadValue, Damaged, NewerVersion, NotFound
from querist.models import features as feature_pipelines
from querist.models import files
from querist.models.features import FittedFeatures
from querist.types import Array, Content, Json, Model

MANIFEST: Final = "querist-model.json"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Predictor:
    """A model with its features and classes: contents in, labels and calibrated probabilities out.

    `about` is what the model's manifest says of it: data set, labels, figures.
    """

    model: Model
    features: FittedFeatures
    classes: tuple[str, ...]
    about: Json = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The kind of item it reads: `text`, `row`, `image` or `array`."""
        return feature_pipelines.METHODS[self.features.method][1][0]

    def predict_proba(self, items: Any, *, media: str | Path | None = None) -> Array:
        """Return (n, classes) probabilities, columns in the order of `classes`.

        Args:
            items: texts, or mappings of columns, or paths and pixel arrays of images, or a matrix (n, p) where the
                model was fitted on one; or `Content`s of the model's kind.
            media: the folder that paths of images are relative to; default the current one.

        Raises:
            BadValue: an item is not of the model's kind.
        """
        rows = items if self.kind == "array" else [self._content(item) for item in _listed(items)]
        transformed = self.features.transform(rows, media=Path(media or "."))
        return self.model.signals({"proba"}, transformed, rng=np.random.default_rng(0))["proba"]

    def predict(self, items: Any, *, media: str | Path | None = None) -> list[str]:
        """Return the likeliest class of each item; arguments as in `predict_proba`."""
        return [self.classes[number] for number in self.predict_proba(items, media=media).argmax(axis=1)]

    def _content(self, item: Any) -> Content:
        kind = self.kind
        if isinstance(item, Content) and item.kind in feature_pipelines.METHODS[self.features.method][1]:
            return item
        if kind == "text" and isinstance(item, str):
            return Content("text", {"text": item})
        if kind == "row" and isinstance(item, Mapping):
            return Content("row", {"fields": dict(item)})
        if kind == "image" and isinstance(item, str | Path):
            return Content("image", {"path": str(item)})
        if kind == "image" and isinstance(item, np.ndarray) and item.ndim in (2, 3):
            return Content("image", {"pixels": item, "width": item.shape[1], "height": item.shape[0]})
        shown = item.kind if isinstance(item, Content) else type(item).__name__
        raise BadValue("item", shown, f"this model reads {kind} items")


def load_folder(path: str | Path, *, trusted: Collection[str] = ()) -> Predictor:
    """Return the predictor of a model folder; see `querist.models.load_folder`."""
    folder = Path(path)
    if not (folder / MANIFEST).is_file():
        raise NotFound(f"{str(folder)!r} is not a model folder: it has no {MANIFEST}", field="path", value=str(folder))
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        version, listed, classes = manifest["format"], manifest["files"], tuple(manifest["classes"])
    except (ValueError, KeyError, TypeError) as error:
        raise Damaged(f"{MANIFEST} in {str(folder)!r} is broken ({error!r})") from error
    if version > FORMAT:
        raise NewerVersion(f"{str(folder)!r} has format {version}; this Querist reads up to {FORMAT}")
    read = {name: _read(folder, name, expected) for name, expected in listed.items()}
    model = models.load_model(files.inside("model", read), trusted=trusted)
    fitted = feature_pipelines.load_features(files.inside("features", read))
    return Predictor(model, fitted, classes, manifest.get("about", {}))


def _read(folder: Path, name: str, expected: str) -> bytes:
    inside = (folder / name).resolve()
    if not inside.is_relative_to(folder.resolve()):
        raise Damaged(f"{MANIFEST} names a file outside of its folder: {name!r}")
    try:
        data = inside.read_bytes()
    except OSError as error:
        raise Damaged(f"file {name!r} of the model folder {str(folder)!r} cannot be read: {error.strerror}") from error
    if hashlib.sha256(data).hexdigest() != expected:
        raise Damaged(
            f"file {name!r} of the model folder {str(folder)!r} was changed: its hash is not the recorded one"
        )
    return data


def _listed(items: Any) -> Iterable[Any]:
    if isinstance(items, str | Mapping | Content) or issparse(items):
        raise BadValue("items", type(items).__name__, "must be a list of items, even for one")
    listed: Iterable[Any] = items
    return listed
