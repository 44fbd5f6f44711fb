"""Querist decides which examples are worth a person's time."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from querist.engine.bench.simulate import simulate
    from querist.engine.learner import ActiveLearner
    from querist.types import Strategy

__all__ = ["ActiveLearner", "Strategy", "__version__", "simulate"]

__version__ = "0.1.0"

_HOMES = {
    "ActiveLearner": "querist.engine.learner",
    "Strategy": "querist.types",
    "simulate": "querist.engine.bench.simulate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'querist' has no attribute {name!r}; have: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
