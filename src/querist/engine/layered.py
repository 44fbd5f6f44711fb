"""A large map of which many versions live: each shares with the last one all but its latest changes."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, MutableMapping, ValuesView
from typing import Any, Final, TypeVar, get_args

_K = TypeVar("_K")
_V = TypeVar("_V")
_GONE: Final = object()

MOST_CHANGES: Final = 1_024
"""Changes of a version; the one after them begins a new layer, so that a change costs a few microseconds on average."""


class Layered(MutableMapping[_K, _V]):
    """A map whose copies cost what was changed lately, not what is in it.

    The state of a project has an entry for each answer and is made anew with each answer: copies of plain dictionaries
    took ten milliseconds at a hundred thousand answers.

    >>> one = Layered({"a": 1, "b": 2})
    >>> other = one.copy()
    >>> other["c"] = 3
    >>> del other["a"]
    >>> dict(one), dict(other)
    ({'a': 1, 'b': 2}, {'b': 2, 'c': 3})
    """

    __slots__ = ("_base", "_changes", "_size")

    def __init__(self, base: dict[_K, _V] | None = None) -> None:
        self._base: dict[_K, _V] = {} if base is None else base
        self._changes: dict[_K, Any] = {}
        self._size = len(self._base)

    def copy(self) -> Layered[_K, _V]:
        """Return a map that can be changed without changing this one; this one must not be changed any more."""
        if len(self._changes) > MOST_CHANGES:
            return Layered(self.flat())
        made: Layered[_K, _V] = Layered(self._base)
        made._changes, made._size = self._changes.copy(), self._size
        return made

    def flat(self) -> dict[_K, _V]:
        """Return everything as one dictionary, which is not to be changed."""
        if not self._changes:
            return self._base
        merged = self._base | self._changes
        if len(merged) == self._size:
            return merged
        return {key: value for key, value in merged.items() if value is not _GONE}

    def __getitem__(self, key: _K) -> _V:
        if key not in self._changes:
            return self._base[key]
        found: _V = self._changes[key]
        if found is _GONE:
            raise KeyError(key)
        return found

    def __setitem__(self, key: _K, value: _V) -> None:
        self._size += key not in self
        self._changes[key] = value

    def __delitem__(self, key: _K) -> None:
        if key not in self:
            raise KeyError(key)
        self._size -= 1
        self._changes[key] = _GONE

    def __contains__(self, key: object) -> bool:
        if key in self._changes:
            return self._changes[key] is not _GONE
        return key in self._base

    def __iter__(self) -> Iterator[_K]:
        return iter(self.flat())

    def __len__(self) -> int:
        return self._size

    def items(self) -> ItemsView[_K, _V]:
        """Return pairs of key and value."""
        return self.flat().items()

    def keys(self) -> KeysView[_K]:
        """Return the keys."""
        return self.flat().keys()

    def values(self) -> ValuesView[_V]:
        """Return the values."""
        return self.flat().values()

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """As JSON it is the dictionary that it stands for."""
        from pydantic_core import core_schema

        plain = handler.generate_schema(dict[get_args(source)])  # type: ignore[misc]
        told = core_schema.plain_serializer_function_ser_schema(cls.flat, return_schema=plain)
        return core_schema.no_info_after_validator_function(cls, plain, serialization=told)

    def __repr__(self) -> str:
        return f"Layered({self.flat()!r})"
