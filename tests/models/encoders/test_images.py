"""Encoders of images by name: timm's and torchvision's own code, with random weights in place of the hub's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from querist.errors import BadValue
from querist.models.encoders import open_encoder
from querist.types import Content

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")
timm = pytest.importorskip("timm", reason="timm is not installed; `make test-torch` installs it")
vision = pytest.importorskip("torchvision", reason="torchvision is not installed; `make test-torch` installs it")


@pytest.fixture(autouse=True)
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights are looked for in an empty folder, and nowhere else."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def images(count: int = 5) -> list[Content]:
    rng = np.random.default_rng(0)
    pixels = [rng.integers(0, 256, (40, 32), dtype=np.uint8) for _ in range(count)]
    return [Content("image", {"pixels": each.tolist(), "width": 32, "height": 40}) for each in pixels]


def saved_by_timm(folder: Path) -> str:
    """Write a model as the hub keeps it: weights, and what images it wants."""
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model("resnet10t", num_classes=3)
    save_file(network.state_dict(), folder / "model.safetensors")
    wants = {"input_size": [3, 64, 64], "mean": [0.4] * 3, "std": [0.2] * 3, "num_classes": 3, "classifier": "fc"}
    (folder / "config.json").write_text(json.dumps({"architecture": "resnet10t", "pretrained_cfg": wants}))
    return f"local-dir:{folder}"


class TestTimm:
    """A model by timm."""

    def test_it_embeds_as_timm_does(self, tmp_path: Path) -> None:
        encoder: Any = open_encoder("timm", {"model": saved_by_timm(tmp_path)})
        assert (encoder.size, encoder.dim, encoder.mean) == (64, 512, (0.4, 0.4, 0.4))
        rows = encoder.encode(images())
        assert rows.shape == (5, 512)
        torch.manual_seed(0)
        own = timm.create_model("resnet10t", num_classes=3).eval()
        given = torch.from_numpy(_as_wanted(images()[0], 64, 0.4, 0.2))
        with torch.inference_mode():
            expected = own.forward_head(own.forward_features(given), pre_logits=True).numpy()
        assert np.allclose(rows[:1], expected, atol=1e-4)

    def test_another_size_is_another_encoder(self, tmp_path: Path) -> None:
        name = saved_by_timm(tmp_path)
        prints = {open_encoder("timm", {"model": name, "size": size}).fingerprint for size in (0, 96)}
        assert len(prints) == 2

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            ("", "is no model of timm's"),
            ("resnet10", "is no model of timm's"),
            ("resnet10t.nonsense", "cannot be opened by timm: Invalid pretrained tag"),
            ("resnet10t", "cannot be opened by timm"),
            ("hf-hub:querist/nowhere", "cannot be opened by timm"),
            ("local-dir:nowhere", "cannot be opened by timm"),
        ],
    )
    def test_what_cannot_be_opened_is_said(self, name: str, said: str) -> None:
        with pytest.raises(BadValue, match=said):
            open_encoder("timm", {"model": name})


class TestTorchvision:
    """A classifier by torchvision."""

    def test_it_embeds_what_comes_into_the_last_layer(self, no_hub: Path) -> None:
        weights = vision.models.get_model_weights("shufflenet_v2_x0_5").DEFAULT
        torch.manual_seed(0)
        own = vision.models.get_model("shufflenet_v2_x0_5").eval()
        torch.save(own.state_dict(), no_hub / Path(weights.url).name)
        encoder: Any = open_encoder("torchvision", {"model": "shufflenet_v2_x0_5"})
        assert (encoder.size, encoder.dim, encoder.mean) == (224, 1024, (0.485, 0.456, 0.406))
        small = open_encoder("torchvision", {"model": "shufflenet_v2_x0_5", "size": 64})
        rows = small.encode(images())
        with torch.inference_mode():
            into: list[Any] = []
            own.fc.register_forward_pre_hook(lambda _, args: into.append(args[0]))
            own(torch.from_numpy(_as_wanted(images()[0], 64, np.array(encoder.mean), np.array(encoder.std))))
        assert np.allclose(rows[:1], into[0].numpy(), atol=1e-4)

    def test_a_network_without_a_linear_layer_is_refused(self, no_hub: Path) -> None:
        weights = vision.models.get_model_weights("squeezenet1_1").DEFAULT
        torch.save(vision.models.get_model("squeezenet1_1").state_dict(), no_hub / Path(weights.url).name)
        with pytest.raises(BadValue, match="does not end in a linear layer"):
            open_encoder("torchvision", {"model": "squeezenet1_1"})

    def test_what_cannot_be_opened_is_said(self, no_hub: Path) -> None:
        with pytest.raises(BadValue, match="is no classifier of torchvision's"):
            open_encoder("torchvision", {"model": "fasterrcnn_resnet50_fpn"})
        weights = vision.models.get_model_weights("resnet18").DEFAULT
        (no_hub / Path(weights.url).name).write_bytes(b"nonsense")
        with pytest.raises(BadValue, match="cannot be opened by torchvision"):
            open_encoder("torchvision", {"model": "resnet18"})


def _as_wanted(content: Content, size: int, mean: Any, std: Any) -> Any:
    """The slow and obvious way: the middle square, scaled, standardised."""
    from PIL import Image

    grey = np.asarray(content.value["pixels"], dtype=np.uint8)
    middle = Image.fromarray(grey).convert("RGB").resize((size, size), Image.Resampling.BICUBIC, box=(0, 4, 32, 36))
    values = (np.asarray(middle, dtype=np.float32) / 255 - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None], dtype=np.float32)
