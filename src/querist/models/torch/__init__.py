"""PyTorch networks as learners: two by name, and any `torch.nn.Module` of your own.

Nothing else in Querist imports torch. `docs/decisions/deep-learning.md` says why the training loop is our own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from querist.errors import MissingExtra

try:
    import torch as _  # noqa: F401
except ImportError:
    raise MissingExtra("a neural network", "torch") from None

from querist.models.torch.learner import TorchLearner
from querist.models.torch.learner import make as _make
from querist.models.torch.model import TorchModel
from querist.models.torch.model import load as _load

__all__ = ["TorchLearner", "TorchModel", "learner", "load"]


def learner(model: object, settings: Mapping[str, Any]) -> TorchLearner:
    """Return the learner of a network; see `querist.models.learner`."""
    return _make(model, settings)


def load(saved: Mapping[str, bytes], *, trusted: Collection[str] = ()) -> TorchModel:
    """Return the model that `TorchModel.save` gave the files of; see `querist.models.load_model`."""
    return _load(saved, trusted=trusted)
