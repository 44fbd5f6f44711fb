"""A model that leaves the project and works alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits, load_wine

from querist import models
from querist.errors import BadValue, Damaged, NewerVersion, NotFound
from querist.exchange.model_folder import CARD, MANIFEST, card, export_model
from querist.models.calibrated import Calibrated
from querist.models.features import FittedFeatures, fit_features
from querist.types import Content, Model

TEXTS = [
    f"{tone} {thing} number {number}" for number in range(10) for tone in ("good", "bad") for thing in ("film", "book")
]
TARGET = np.array([0, 0, 1, 1] * 10)
ABOUT: dict[str, Any] = {
    "name": "reviews",
    "dataset": "v3",
    "labels": 1234,
    "counts": {"positive": 617, "negative": 617},
    "learner": "logistic_regression",
    "calibration": {"method": "temperature", "parameters": {"temperature": 2.0}},
    "metrics": {"accuracy": {"value": 0.93, "low": 0.9, "high": 0.95, "n": 200}},
}


def trained(method: str = "svd") -> tuple[Model, FittedFeatures]:
    pool = [Content("text", {"text": text}) for text in TEXTS]
    fitted = fit_features(lambda: pool, kind="text", method=method)
    model = models.learner("logistic_regression").fit(fitted.transform(pool), TARGET, classes=2)
    return Calibrated(model, 2.0), fitted


def exported(folder: Path, method: str = "svd") -> Path:
    model, fitted = trained(method)
    saved = {"model": model.save(), "features": fitted.save()}
    return export_model(folder, **saved, classes=["positive", "negative"], about=ABOUT)


@pytest.mark.parametrize("method", ["svd", "tfidf"])
def test_it_loads_in_three_lines_and_says_the_same(tmp_path: Path, method: str) -> None:
    model = models.load_folder(exported(tmp_path / "m", method))
    assert model.predict(["a good film", "a bad book"]) == ["positive", "negative"]
    proba = model.predict_proba(TEXTS)
    own, fitted = trained(method)
    features = fitted.transform([Content("text", {"text": text}) for text in TEXTS])
    assert np.array_equal(proba, own.signals({"proba"}, features, rng=np.random.default_rng(0))["proba"])
    assert (model.classes, model.kind, model.about) == (("positive", "negative"), "text", ABOUT)


def test_rows_images_and_arrays(tmp_path: Path) -> None:
    data = load_wine()
    rows = [dict(zip(data.feature_names, values, strict=True)) for values in data.data.tolist()]
    digits = load_digits()
    pixels = list((digits.images * 15).astype(np.uint8))
    cases: list[tuple[str, Any, Any]] = [
        ("row", rows, data.target),
        ("image", pixels, digits.target),
        ("array", data.data, data.target),
    ]
    for kind, items, target in cases:
        wrapped = {
            "row": lambda item: Content("row", {"fields": item}),
            "image": lambda item: Content("image", {"pixels": item.tolist(), "width": 8, "height": 8}),
        }
        pool = items if kind == "array" else [wrapped[kind](item) for item in items]
        settings = {"standardise": True} if kind == "array" else {}
        fitted = fit_features(lambda pool=pool: pool, kind=kind, settings=settings)  # type: ignore[misc]
        model = models.learner("logistic_regression").fit(fitted.transform(pool), target, classes=10)
        names = [str(number) for number in range(10)]
        about = {"name": kind}
        export_model(tmp_path / kind, model=model.save(), features=fitted.save(), classes=names, about=about)
        loaded = models.load_folder(tmp_path / kind)
        assert loaded.kind == kind
        assert np.mean(np.array(loaded.predict(items)) == target.astype(str)) > 0.95


def test_images_by_path(tmp_path: Path) -> None:
    pool = []
    for number in range(6):
        Image.new("L", (8, 8), 40 * number).save(tmp_path / f"{number}.png")
        pool.append(Content("image", {"path": f"{number}.png"}))
    fitted = fit_features(lambda: pool, kind="image", media=tmp_path)
    features = fitted.transform(pool, media=tmp_path)
    model = models.learner("logistic_regression").fit(features, np.array([0, 0, 0, 1, 1, 1]), classes=2)
    folder = export_model(
        tmp_path / "m", model=model.save(), features=fitted.save(), classes=["dark", "light"], about={}
    )
    loaded = models.load_folder(folder)
    assert loaded.predict([f"{number}.png" for number in range(6)], media=tmp_path) == ["dark"] * 3 + ["light"] * 3


def test_the_card_tells_what_a_reader_needs(tmp_path: Path) -> None:
    text = (exported(tmp_path / "m") / CARD).read_text()
    for part in (
        "# reviews",
        "positive, negative",
        "load_folder",
        "1,234",
        "temperature 2",
        "| accuracy | 0.930 | 0.900 to 0.950 | 200 |",
    ):
        assert part in text
    assert "Nobody measured it" in card(["a"], {})
    assert "&lt;script>" in card(["a"], {"counts": {"<script>": 3}})


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "precious").write_text("x")
    with pytest.raises(BadValue, match="is there already"):
        exported(tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").iterdir()] == ["precious"]


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is not a model folder"):
        models.load_folder(tmp_path)
    folder = exported(tmp_path / "m")
    manifest = json.loads((folder / MANIFEST).read_text())
    changed = folder / "model" / "model.json"
    before = changed.read_bytes()
    changed.write_bytes(before.replace(b"2.0", b"9.0"))
    with pytest.raises(Damaged, match=r"'model/model\.json' .* was changed"):
        models.load_folder(folder)
    changed.unlink()
    with pytest.raises(Damaged, match="cannot be read"):
        models.load_folder(folder)
    changed.write_bytes(before)
    (folder / MANIFEST).write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(NewerVersion):
        models.load_folder(folder)
    outside = manifest | {"files": {"../secret": "0" * 64}}
    (folder / MANIFEST).write_text(json.dumps(outside))
    with pytest.raises(Damaged, match="outside of its folder"):
        models.load_folder(folder)
    (folder / MANIFEST).write_text("{")
    with pytest.raises(Damaged, match="is broken"):
        models.load_folder(folder)


@pytest.mark.parametrize("items", ["one text", [3], [{"text": "a"}]])
def test_items_of_another_kind_are_refused(tmp_path: Path, items: Any) -> None:
    model = models.load_folder(exported(tmp_path / "m"))
    with pytest.raises(BadValue, match="item"):
        model.predict(items)
