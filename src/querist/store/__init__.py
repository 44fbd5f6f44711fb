"""Anything remembered: the ledger, the queue, artefacts, people. `MemoryStore` in this process, `SqlStore` on disk.

Names are resolved when they are first used: a simulation never loads a database library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from querist.store.memory import MemoryStore
    from querist.store.people import People
    from querist.store.sql import SqlStore

__all__ = ["MemoryStore", "People", "SqlStore"]

_HOMES = {
    "MemoryStore": "querist.store.memory",
    "People": "querist.store.people",
    "SqlStore": "querist.store.sql",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'querist.store' has no attribute {name!r}; have: {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
