"""Models and features as named files: nesting one in another, arrays without pickle."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from querist.errors import Damaged
from querist.types import Array, canonical_json


def nest(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files under a folder's name.

    >>> nest("inner", {"model.json": b"{}"})
    {'inner/model.json': b'{}'}
    """
    return {f"{folder}/{name}": data for name, data in files.items()}


def inside(folder: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files that `nest` put under a folder's name.

    >>> inside("inner", {"model.json": b"1", "inner/model.json": b"2"})
    {'model.json': b'2'}
    """
    start = f"{folder}/"
    return {name.removeprefix(start): data for name, data in files.items() if name.startswith(start)}


def to_json(value: Any) -> bytes:
    """Return the canonical JSON of a manifest."""
    return canonical_json(value).encode()


def from_json(files: Mapping[str, bytes], name: str) -> Any:
    """Return the JSON in one of the files; Damaged when it is missing or broken."""
    try:
        return json.loads(files[name])
    except (KeyError, ValueError) as error:
        raise Damaged(f"file {name!r} is missing or is not JSON ({error!r})") from error


def to_npy(array: Array) -> bytes:
    """Return the array as the bytes of an .npy file.

    >>> from_npy({"a.npy": to_npy(np.arange(3))}, "a.npy")
    array([0, 1, 2])
    """
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def from_npy(files: Mapping[str, bytes], name: str) -> Array:
    """Return the array in one of the files; Damaged when it is missing or broken. Never unpickles."""
    try:
        array: Array = np.load(io.BytesIO(files[name]), allow_pickle=False)
    except (KeyError, ValueError, EOFError) as error:
        raise Damaged(f"file {name!r} is missing or is not an array ({error!r})") from error
    return array
