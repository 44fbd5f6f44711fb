"""Which artefacts an event names, and which of them name others."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from querist.events import KINDS, Event
from querist.store.artefacts import NAME, FileArtefacts
from querist.types import Sha256


@functools.cache
def reference_fields(kind: str) -> tuple[str, ...]:
    """Return the fields of an event that hold names of artefacts: those of type Sha256.

    >>> reference_fields("features_built")
    ('pipeline', 'arrays')
    """
    return tuple(field.name for field in dataclasses.fields(KINDS[kind]) if "Sha256" in str(field.type))


def named(event: Event) -> Iterator[tuple[str, Sha256]]:
    """Yield (field, artefact) for each artefact that an event names."""
    for field in reference_fields(event.kind):
        value = getattr(event, field)
        for name in value if isinstance(value, list) else [value]:
            if name is not None:
                yield field, name


def children(artefacts: FileArtefacts, name: Sha256) -> tuple[set[Sha256], set[Sha256]]:
    """Return what an artefact needs (the files of its manifest), and what else it mentions that is kept here."""
    path: Path = artefacts.path(name)
    if path.suffix != ".json":
        return set(), set()
    value = json.loads(path.read_bytes())
    needed: set[Sha256] = set()
    if isinstance(value, dict):
        for key in ("files", "shards"):
            needed.update(_names(value.get(key)))
    return needed, {other for other in _names(value) if other not in needed and artefacts.has(other)}


def _names(value: Any) -> Iterator[Sha256]:
    if isinstance(value, str):
        if NAME.fullmatch(value):
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)
