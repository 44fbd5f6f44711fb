"""Feature pipelines: contents in, arrays out. Fitted once on a pool, without labels, and saved as arrays and JSON.

What a learner fits on (`input`) and what distances are measured in (`embed`) may differ: TF-IDF is sparse and wide, its
embedding a truncated SVD. Where they are one array, a linear model on it can offer its head to gradient strategies.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Protocol

import numpy as np
from scipy.sparse import issparse, vstack

from querist.errors import BadValue, Damaged, UnknownName
from querist.models import files
from querist.models.encoders import ENCODERS
from querist.models.features.columns import is_all_text
from querist.models.features.growing import joined
from querist.models.threads import one_thread_if_small
from querist.types import Array, Features, Json

METHODS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "tfidf": ("querist.models.features.text:TfidfPipeline", ("text", "pair")),
    "svd": ("querist.models.features.text:SvdPipeline", ("text", "pair")),
    "columns": ("querist.models.features.columns:ColumnsPipeline", ("row",)),
    "words": ("querist.models.features.text:SvdPipeline", ("row",)),
    "pixels": ("querist.models.features.pixels:PixelsPipeline", ("image",)),
    "sound": ("querist.models.features.sound:SoundPipeline", ("audio",)),
    "difference": ("querist.models.features.difference:DifferencePipeline", ("pair",)),
    "array": ("querist.models.features.arrays:ArrayPipeline", ("array",)),
    "tokens": ("querist.models.features.tokens:TokensPipeline", ("text", "pair")),
    **{name: ("querist.models.features.encoded:PIPELINES", kinds) for name, (_, _, kinds) in ENCODERS.items()},
}
"""Method → where it is, and the kinds of item that it reads. Pretrained encoders are methods, each under its name."""

AUTO: Final[Mapping[str, str]] = {
    "text": "svd",
    "pair": "difference",
    "row": "columns",
    "image": "pixels",
    "audio": "sound",
    "array": "array",
}
"""The method that `auto` stands for, by kind of item."""

FIT_ROWS: Final = 50_000
"""Rows that a pipeline is fitted on; a larger pool is sampled."""

_BATCH: Final = 4096


class Pipeline(Protocol):
    """One method: fitted on a sample, it turns batches of contents into features of one width."""

    defaults: ClassVar[Mapping[str, Any]]

    @property
    def dim(self) -> int:
        """Columns of `embed`."""

    @property
    def report(self) -> Json:
        """What was found in the data: for the page and the model's card."""

    @classmethod
    def fit(cls, sample: Sequence[Any], settings: Mapping[str, Any], *, seed: int, media: Path | None) -> Pipeline:
        """Return the pipeline fitted on the sample."""

    def transform(self, batch: Sequence[Any], *, media: Path | None) -> Features:
        """Return the features of a batch."""

    def save(self) -> dict[str, bytes]:
        """Return the files that `restore` needs."""

    @classmethod
    def restore(cls, saved: Mapping[str, bytes], settings: Mapping[str, Any]) -> Pipeline:
        """Return the pipeline whose `save` gave the files."""


@dataclass(frozen=True, slots=True)
class FittedFeatures:
    """A fitted pipeline with its name: what `features_built` records and `transform` uses from then on."""

    method: str
    settings: Mapping[str, Any]
    fitted_on: int
    pipeline: Pipeline

    @property
    def dim(self) -> int:
        """Columns of `embed`."""
        return self.pipeline.dim

    @property
    def report(self) -> Json:
        """What the pipeline found in the data, as JSON: kinds of columns, size of images, words."""
        return self.pipeline.report

    def transform(self, contents: Iterable[Any], *, media: Path | None = None) -> Features:
        """Return the features of contents, row by row in their order; works in batches, large ones lie on disk.

        Args:
            contents: `Content`s of the kind it was fitted on (None, an erased one, becomes a row that says nothing);
                for `array` blocks of rows, (b, p) dense or sparse.
            media: the folder that paths of images are relative to.
        """
        parts = (self.pipeline.transform(batch, media=media) for batch in _batches(contents, self.method))
        return joined(parts) or self.pipeline.transform([], media=media)

    def save(self) -> dict[str, bytes]:
        """Return the files that `load_features` needs: JSON and .npy."""
        manifest = {"method": self.method, "settings": dict(self.settings), "fitted_on": self.fitted_on}
        return {"features.json": files.to_json(manifest), **self.pipeline.save()}


def fit_features(
    contents: Callable[[], Iterable[Any]],
    *,
    kind: str,
    method: str = "auto",
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    media: Path | None = None,
) -> FittedFeatures:
    """Fit a feature pipeline on the contents of a pool, without labels.

    Args:
        contents: gives the contents anew at each call, in the order of the pool; for `array` blocks (b, p) of rows.
        kind: of the items: `text`, `row`, `image`, or `array` for rows that are numbers already.
        method: a name out of `METHODS`, or `auto`, which for tables of nothing but free text is `words`; `name:model`
            is short for the setting `model` of an encoder.
        settings: of the method; `fit_rows` (50,000) is common to all: a larger pool is represented by a seeded
            uniform sample of that many rows.
        seed: of the sample and of the method's own randomness.
        media: the folder that paths of images are relative to.

    Raises:
        UnknownName: there is no such method, or it has no such setting.
        BadValue: the method does not read this kind of item, or finds nothing to learn from.

    >>> from querist.types import Content
    >>> pool = [Content("text", {"text": text}) for text in ("good film", "bad film", "good book", "bad book")]
    >>> fitted = fit_features(lambda: pool, kind="text", method="tfidf", settings={"dim": 2})
    >>> fitted.transform(pool).embed.shape, fitted.fitted_on
    ((4, 2), 4)
    """
    asked, _, model = method.partition(":")
    method = _method(kind, asked)
    settings = {**(settings or {}), **({"model": model} if model else {})}
    sample = _sample(contents(), int(settings.get("fit_rows", FIT_ROWS)), seed, blocks=kind == "array")
    if asked == "auto" and kind == "row" and is_all_text(sample):
        method = "words"
    chosen_class = _pipeline(method)
    defaults = {"fit_rows": FIT_ROWS, **chosen_class.defaults}
    for name in settings:
        if name not in defaults:
            raise UnknownName(f"setting of features {method!r}", name, defaults)
    chosen = {**defaults, **settings}
    size = sample.shape[0] if hasattr(sample, "shape") else len(sample)
    if size == 0:
        raise BadValue("pool", 0, "has no items to fit features on")
    with one_thread_if_small(0):  # the sums, and with them the features, must not depend on the number of cores
        pipeline = chosen_class.fit(sample, chosen, seed=seed, media=media)
    return FittedFeatures(method, chosen, size, pipeline)


def checked_method(method: str) -> str:
    """Return the name of a method as a project keeps it: a file or folder that it names, by its whole path.

    Raises:
        UnknownName: there is no such method.

    >>> checked_method("timm:resnet50")
    'timm:resnet50'
    """
    name, _, model = method.partition(":")
    if name != "auto" and name not in METHODS:
        raise UnknownName("features", name, ["auto", *METHODS])
    prefix = "local-dir:" if model.startswith("local-dir:") else ""
    path = Path(model.removeprefix(prefix))
    is_folder = path.is_dir() and bool(prefix or name == "sentence_transformers")
    return f"{name}:{prefix}{path.resolve()}" if model and (path.is_file() or is_folder) else method


def load_features(saved: Mapping[str, bytes]) -> FittedFeatures:
    """Return the fitted features whose `save` gave the files.

    Raises:
        Damaged: a file is missing, broken, or of a method that this Querist does not know.
    """
    manifest = files.from_json(saved, "features.json")
    if manifest.get("method") not in METHODS:
        raise Damaged(
            f"features of unknown method {manifest.get('method')!r}; this Querist reads: {', '.join(METHODS)}"
        )
    pipeline = _pipeline(manifest["method"]).restore(saved, manifest["settings"])
    return FittedFeatures(manifest["method"], manifest["settings"], manifest["fitted_on"], pipeline)


def _method(kind: str, method: str) -> str:
    if kind not in AUTO:
        raise UnknownName("kind of item with features", kind, AUTO)
    method = AUTO[kind] if method == "auto" else method
    if method not in METHODS:
        raise UnknownName("features", method, ["auto", *METHODS])
    fitting = [name for name, (_, kinds) in METHODS.items() if kind in kinds]
    if method not in fitting:
        raise BadValue("features", method, f"does not read {kind} items; have: {', '.join(fitting)}", choices=fitting)
    return method


def _pipeline(method: str) -> type[Pipeline]:
    module, _, name = METHODS[method][0].partition(":")
    found: Any = getattr(importlib.import_module(module), name)
    chosen: type[Pipeline] = found[method] if isinstance(found, Mapping) else found
    return chosen


def _batches(contents: Iterable[Any], method: str) -> Iterator[Any]:
    if method == "array":
        # A matrix is one block; else it is an iterable of blocks.
        yield from [contents] if issparse(contents) or isinstance(contents, np.ndarray) else contents
        return
    batch: list[Any] = []
    for content in contents:
        batch.append(content)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _sample(contents: Iterable[Any], most: int, seed: int, *, blocks: bool) -> Any:
    """Return all contents, or a uniform sample of `most` of them in the order they came in (one pass)."""
    rng = np.random.default_rng(seed)
    if blocks:
        joined = _stacked(list(_batches(contents, "array")))
        return joined if joined.shape[0] <= most else joined[_chosen(joined.shape[0], most, rng)]
    kept: list[tuple[int, Any]] = []
    for place, content in enumerate(contents):
        if len(kept) < most:
            kept.append((place, content))
        elif (slot := int(rng.integers(place + 1))) < most:
            kept[slot] = (place, content)
    return [content for _, content in sorted(kept, key=lambda pair: pair[0])]


def _stacked(parts: list[Any]) -> Any:
    if len(parts) < 2:
        return parts[0] if parts else np.zeros((0, 0))
    return vstack(parts, format="csr") if issparse(parts[0]) else np.concatenate(parts)


def _chosen(n: int, most: int, rng: np.random.Generator) -> Array:
    rows: Array = np.sort(rng.choice(n, most, replace=False))
    return rows
