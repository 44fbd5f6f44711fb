"""Small images as pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.decomposition import PCA

from querist.errors import BadValue
from querist.models.features import FittedFeatures, fit_features
from querist.types import Array, Content

RNG = np.random.default_rng(0)


def grey(n: int, height: int, width: int) -> Array:
    return RNG.integers(0, 256, (n, height, width), dtype=np.uint8)


def content(pixels: Array) -> Content:
    return Content("image", {"pixels": pixels.tolist(), "width": pixels.shape[1], "height": pixels.shape[0]})


def fit(pool: list[Content], media: Path | None = None, **settings: Any) -> FittedFeatures:
    return fit_features(lambda: pool, kind="image", settings=settings, media=media)


def test_grey_pixels_from_zero_to_one() -> None:
    pixels = grey(5, 6, 4)
    features = fit([content(each) for each in pixels])
    assert np.allclose(features.transform([content(each) for each in pixels]).embed, pixels.reshape(5, -1) / 255)
    assert features.report == {"width": 4, "height": 6, "colour": False, "pca": 0}


def test_files_and_arrays_are_the_same(tmp_path: Path) -> None:
    pixels = grey(3, 5, 7)
    for number, each in enumerate(pixels):
        Image.fromarray(each).save(tmp_path / f"{number}.png")
    files = [Content("image", {"path": f"{number}.png"}) for number in range(3)]
    features = fit(files, media=tmp_path)
    from_files = features.transform(files, media=tmp_path).embed
    assert np.array_equal(from_files, features.transform([content(each) for each in pixels]).embed)


def test_large_images_are_made_small() -> None:
    pixels = np.repeat(np.repeat(grey(2, 16, 16), 4, axis=1), 4, axis=2)
    features = fit([content(each) for each in pixels], size=16)
    small = features.transform([content(each) for each in pixels]).embed.reshape(2, 16, 16)
    assert np.allclose(small, pixels[:, ::4, ::4] / 255, atol=1 / 255)


def test_images_of_many_sizes_get_one(tmp_path: Path) -> None:
    pool = [content(grey(1, size, size)[0]) for size in (8, 12, 40)]
    features = fit(pool)
    assert features.report["width"] == 12
    assert features.transform(pool).embed.shape == (3, 144)


@pytest.mark.parametrize(("colour", "columns"), [(True, 3 * 64), (False, 64)])
def test_colour_is_kept_where_there_is_some(tmp_path: Path, colour: bool, columns: int) -> None:
    for number in range(4):
        tone = RNG.integers(0, 200, (8, 8, 1), dtype=np.uint8)
        pixels = np.concatenate([tone, tone + (50 if colour else 0), tone], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    pool = [Content("image", {"path": f"{number}.png"}) for number in range(4)]
    features = fit(pool, media=tmp_path)
    assert features.transform(pool, media=tmp_path).embed.shape == (4, columns)


def test_the_reduction_is_that_of_principal_components() -> None:
    base = RNG.normal(size=(60, 3)) @ RNG.normal(size=(3, 64))
    pixels = np.clip(128 + 20 * base, 0, 255).reshape(60, 8, 8).astype(np.uint8)
    pool = [content(each) for each in pixels]
    given = fit(pool, pca=3).transform(pool).embed
    expected = PCA(3).fit_transform(pixels.reshape(60, -1) / 255)
    assert np.allclose(np.abs(given), np.abs(expected), atol=2e-2)


def test_wide_images_are_reduced_unless_told_not_to() -> None:
    pool = [content(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)) for _ in range(10)]
    assert fit(pool).dim == 10
    assert fit(pool, pca=0).dim == 3072


def test_what_cannot_be() -> None:
    with pytest.raises(BadValue, match="between 1 and 256"):
        fit([content(grey(1, 4, 4)[0])], size=0)
    with pytest.raises(BadValue, match=r"the folder that 'a\.png' is relative to"):
        fit([Content("image", {"path": "a.png"})])
