"""Acquisition functions: arrays in, scores or rows out. Every registered one can be imported from here by its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from querist import registry

_KINDS: tuple[registry.Kind, ...] = ("scorer", "selector", "combinator", "filter", "policy")
_MODULES = frozenset(module.name for module in pkgutil.iter_modules(__path__))


def __getattr__(name: str) -> Any:
    # Modules first: to look a name up in the registry loads all of them, which may be what is going on just now.
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if not name.startswith("_"):
        for kind in _KINDS:
            if registry.has(kind, name):
                return registry.find(kind, name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; have: {', '.join(__dir__())}")


def __dir__() -> list[str]:
    return sorted({entry.name for kind in _KINDS for entry in registry.entries(kind)})
