"""MC dropout: a draw is one network, asked about every row; the quick way is the slow one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")

from torch import nn

from querist.models.torch import dropout, learner
from querist.models.torch.model import TorchModel
from querist.types import Array, Features

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 12)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
FEATURES = Features(X, X)


def model(**settings: Any) -> TorchModel:
    return learner("mlp", {"steps": 40, "hidden": [16], "draws": 5, **settings}).fit(FEATURES, Y, classes=3)


def draws(fitted: TorchModel, rows: Any = slice(None)) -> Array:
    features = Features.of(X[rows])
    return fitted.signals({"proba_samples"}, features, rng=np.random.default_rng(1))["proba_samples"]


def test_a_draw_is_the_network_with_some_units_cut_out() -> None:
    fitted = model(dropout=0.4)
    network: Any = fitted.networks[0]
    scale, first, layer, last = network[1], network[2], network[4], network[5]
    seeds = np.random.default_rng(1).integers(2**31, size=5)
    for drawn, seed in zip(draws(fitted), seeds, strict=True):
        cut = dropout.mask(layer, (16,), int(seed)).numpy()
        assert set(np.round(np.unique(cut), 4)) <= {0.0, np.round(1 / 0.6, 4).astype(np.float32)}
        for row in range(10):
            inner = np.maximum(first.weight.numpy() @ scale(torch.from_numpy(X[row])).numpy() + first.bias.numpy(), 0)
            logits = last.weight.numpy() @ (inner * cut) + last.bias.numpy()
            proba = np.exp(logits - logits.max())
            assert np.allclose(drawn[row], proba / proba.sum(), atol=1e-5)


@pytest.mark.parametrize("hidden", [[16], [16, 8]])
def test_the_pool_may_be_asked_in_any_pieces(hidden: list[int]) -> None:
    fitted = model(hidden=hidden)
    whole = draws(fitted)
    pieces = np.concatenate([draws(fitted, slice(start, start + 13)) for start in range(0, 80, 13)], axis=1)
    assert np.allclose(whole, pieces, atol=1e-6)


def test_two_layers_take_the_long_way_and_one_the_short() -> None:
    rows = torch.from_numpy(X[:2])
    for hidden, quick in (([16], True), ([16, 8], False)):
        network: Any = model(hidden=hidden).networks[0]
        with torch.inference_mode():
            assert dropout.only_before(network, network[-1], rows) is quick


def test_the_short_way_is_the_long_way() -> None:
    fitted = model()
    network: Any = fitted.networks[0]
    quick = draws(fitted)
    seeds = np.random.default_rng(1).integers(2**31, size=5)
    for drawn, seed in zip(quick, seeds, strict=True):
        with torch.inference_mode(), dropout.fixed(network, int(seed)):
            assert np.allclose(torch.softmax(network(torch.from_numpy(X)), dim=1).numpy(), drawn, atol=1e-5)


def test_hooks_are_taken_off_again() -> None:
    fitted = model(hidden=[16, 8])
    before = fitted.signals({"proba"}, FEATURES, rng=np.random.default_rng(0))["proba"]
    draws(fitted)
    after = fitted.signals({"proba"}, FEATURES, rng=np.random.default_rng(0))["proba"]
    assert np.array_equal(before, after)


def test_channels_fall_together_and_tokens_alike() -> None:
    channels = dropout.mask(nn.Dropout2d(0.5), (6, 4, 4), 0)
    assert channels.shape == (6, 1, 1)
    assert dropout.mask(nn.Dropout(0.5), (7, 12), 0).shape == (1, 12)
    assert dropout.mask(nn.Dropout(0.5), (12,), 0).shape == (12,)


def test_the_share_that_stays() -> None:
    many = torch.stack([dropout.mask(nn.Dropout(0.3), (1000,), seed) for seed in range(20)])
    assert abs((many > 0).float().mean().item() - 0.7) < 0.01
    assert abs(many.mean().item() - 1) < 0.02


def test_no_dropout_no_layers() -> None:
    assert dropout.layers(nn.Sequential(nn.Dropout(0.0), nn.Linear(2, 2))) == []
