"""The data sets of the efficiency bench: what each is, how it is read, how it is simulated.

Files come from the folder that QUERIST_DATA names, embeddings from the one that QUERIST_EMBEDDINGS names (see
`benchmarks/embed.py`); the digits ship with scikit-learn, and one set is made. Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import Labelled, load
from querist.errors import NotFound

MOST = 6000
"""Of a larger set a fixed random part, so that a cell takes seconds and not minutes."""


@dataclass(frozen=True)
class Set:
    """A data set: how it is read, and how it is simulated; 15 rounds after the first labels."""

    name: str
    read: Callable[[], Labelled]
    about: str
    batch: int = 20
    seed_set: int = 20
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def budget(self) -> int:
        """First labels and fifteen batches."""
        return self.seed_set + 15 * self.batch


def folder(variable: str = "QUERIST_DATA", default: str = "") -> Path:
    """Return the folder that a variable names, or say which variable it is."""
    named = os.environ.get(variable, default)
    if not named or not Path(named).is_dir():
        raise NotFound(f"set {variable} to the folder with the data sets", field=variable, value=named)
    return Path(named)


def text(name: str, *, label: str = "label") -> Callable[[], Labelled]:
    """Texts by TF-IDF (its truncated SVD), fitted on the pool of each split."""
    return lambda: load(folder() / "text" / f"{name}.parquet", target=label, text="text", name=name).take(MOST)


def table(
    name: str, *, kind: str = "tabular", target: str = "target", without: tuple[str, ...] = ()
) -> Callable[[], Labelled]:
    """A table, its columns scaled and encoded on the pool of each split."""

    def read() -> Labelled:
        import pyarrow.parquet as pq

        path = folder() / kind / f"{name}.parquet"
        columns = [column for column in pq.read_schema(path).names if column not in (target, "split", *without)]
        return load(path, target=target, columns=columns, name=name).take(MOST)

    return read


def pixels(name: str) -> Callable[[], Labelled]:
    """Grey values as they are, from 0 to 1."""

    def read() -> Labelled:
        with np.load(folder() / "image" / f"{name}.npz") as kept:
            images, labels = kept["images"], kept["labels"].ravel()
        return load(images.reshape(len(images), -1).astype(np.float32) / 255, labels, name=name).take(MOST // 2)

    return read


def colours(name: str) -> Callable[[], Labelled]:
    """A folder of colour photographs, by pixels."""
    return lambda: load(folder() / "image" / name, target="label", image="image", name=name)


def embedded(name: str) -> Callable[[], Labelled]:
    """What a frozen encoder says of texts or images; see `benchmarks/embed.py`."""

    def read() -> Labelled:
        with np.load(folder("QUERIST_EMBEDDINGS", "bench-embeddings") / f"{name}.npz") as kept:
            return load(kept["x"], kept["labels"], name=name)

    return read


def convabuse() -> Labelled:
    """What people said to chatbots; abusive where the mean judgement of several people is below 0."""
    import pyarrow.parquet as pq

    read = lambda name: pq.read_table(folder() / "crowd" / f"{name}.parquet").to_pylist()  # noqa: E731
    judged: dict[int, list[int]] = {}
    for row in read("convabuse_labels"):
        judged.setdefault(row["item"], []).append(row["label"])
    items = [row for row in read("convabuse_items") if row["item"] in judged]
    labels = ["abusive" if np.mean(judged[row["item"]]) < 0 else "not" for row in items]
    return load([str(row["user"]) for row in items], labels, name="convabuse")


def digits() -> Labelled:
    return load("sample:digits:labelled", name="digits")


def noise_blob() -> Labelled:
    """Two easy clusters and a blob of pure label noise between them, which uncertainty cannot leave alone."""
    rng = np.random.default_rng(0)
    centres, widths, sizes = [(-4, 0), (4, 0), (0, 3)], [1.0, 1.0, 0.6], [900, 900, 700]
    x = np.vstack([rng.normal(c, w, (n, 2)) for c, w, n in zip(centres, widths, sizes, strict=True)])
    y = np.concatenate([np.zeros(900, int), np.ones(900, int), rng.integers(0, 2, 700)])
    return load(x, y, name="noise_blob")


def wine() -> Labelled:
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    return load((x - x.mean(axis=0)) / x.std(axis=0), y, name="wine")


def breast_cancer() -> Labelled:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer()
    rows = [dict(zip(found.feature_names.tolist(), row, strict=True)) for row in found.data.tolist()]
    return load(rows, found.target, name="breast_cancer")


CORE = (
    Set("noise_blob", noise_blob, "made: two clusters and a blob of label noise (adversarial)", batch=10, seed_set=10),
    Set("mammography", table("mammography"), "table, 2 classes, one of 2 %"),
    Set("sms_spam", text("sms_spam"), "short texts by TF-IDF, 2 classes, one of 13 %"),
    Set("messidor", table("messidor_dr"), "table, 2 classes, too hard for a linear model (adversarial)"),
    Set("adult", table("adult"), "mixed table with gaps, 2 classes, one of 24 %"),
    Set("sms_spam_minilm", embedded("sms_spam"), "short texts by MiniLM, 2 classes, one of 13 %"),
    Set("satimage", table("satimage"), "table, 6 classes"),
    Set("pendigits", table("pendigits"), "table, 10 classes"),
    Set("digits", digits, "images by pixels, 10 classes"),
    Set("digits_dup5", digits, "images, five near-copies of each (adversarial)", conditions=Conditions(copies=5)),
    Set("trec6_minilm", embedded("trec6"), "questions by MiniLM, 6 classes, one of 2 %"),
    Set("pneumonia_effnet", embedded("pneumoniamnist"), "X-ray images by EfficientNet, 2 classes"),
)
"""The cheapest first, so that a run that is cut off has finished as many sets as it could."""

MORE = (
    Set("wine", wine, "table, 3 classes; small, for a trial of the bench", batch=5, seed_set=10),
    Set("pneumonia", pixels("pneumoniamnist"), "X-ray images by pixels, 2 classes"),
    Set("trec6", text("trec6"), "questions by TF-IDF, 6 classes"),
    Set("banking77_minilm", embedded("banking77"), "intents by MiniLM, 77 classes", batch=50, seed_set=100),
)

OPENED = (
    Set("breast_cancer", breast_cancer, "table, 2 classes", batch=10, seed_set=10),
    Set("nsl_kdd", table("nsl_kdd", kind="stream", without=("t", "attack", "category", "difficulty")), "mixed table"),
    Set("sign_digits", colours("sign_digits"), "colour photographs by pixels, 10 classes"),
    Set("clinc150_domains", text("clinc150", label="domain"), "intents by TF-IDF, 11 domains"),
)
"""Untouched until 2026-11-23; see benchmarks/untouched.md."""

UNTOUCHED = (
    Set("elec2", table("elec2", kind="stream", without=("t",)), "table, 2 classes that drift"),
    Set("convabuse", convabuse, "short texts by TF-IDF, 2 classes, one of 16 %"),
    Set("mnist", pixels("mnist_t10k"), "images by pixels, 10 classes"),
    Set("letter", table("letter"), "table, 26 classes", batch=40, seed_set=40),
)
"""Named before the policy was changed, opened once: see benchmarks/untouched.md."""

SETS = {each.name: each for each in (*CORE, *MORE, *OPENED, *UNTOUCHED)}
