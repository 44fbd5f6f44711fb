"""Acquisition functions: arrays in, scores or rows out. Every registered one can be imported from here by its name."""

from __future__ import annotations

from typing import Any

from querist import registry

_KINDS: tuple[registry.Kind, ...] = ("scorer", "selector", "combinator", "filter", "policy")


def __getattr__(name: str) -> Any:
    # Private names are asked for by the import system itself, while modules are still being loaded.
    if not name.startswith("_"):
        for kind in _KINDS:
            if registry.has(kind, name):
                return registry.find(kind, name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; have: {', '.join(__dir__())}")


def __dir__() -> list[str]:
    return sorted({entry.name for kind in _KINDS for entry in registry.entries(kind)})
