"""Name → function. The signature is the whole declaration: signals by their names, settings by their defaults."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeVar, cast, overload

from querist import signals
from querist.errors import QueristError, UnknownName

Kind = Literal[
    "scorer", "selector", "combinator", "filter", "policy", "reducer", "synthesiser", "budget_manager", "stop_rule"
]
Function = TypeVar("Function", bound=Callable[..., Any])

_FREE_ARGUMENTS: Final[frozenset[Kind]] = frozenset(
    {"combinator", "filter", "policy", "reducer", "synthesiser", "budget_manager", "stop_rule"}
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered function and what its signature says.

    `needs` must be given; `can_use` are signals that default to None; `settings` have JSON defaults.
    """

    kind: Kind
    name: str
    function: Callable[..., Any]
    needs: tuple[str, ...] = ()
    can_use: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    reserved: frozenset[str] = frozenset()
    signed: bool = False
    whole_pool: bool = False
    sampling: bool = False

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    def to_json(self) -> dict[str, Any]:
        """Return the flat description that `querist strategies --json` prints."""
        return {
            "kind": self.kind,
            "name": self.name,
            "signals": list(self.needs),
            "optional_signals": list(self.can_use),
            "settings": dict(self.settings),
            "uses_scores": "scores" in self.reserved,
            "signed": self.signed,
            "whole_pool": self.whole_pool,
            "sampling": self.sampling,
            "summary": self.summary,
        }


class BadDeclaration(QueristError):
    """A registered function whose signature breaks the convention; raised at import."""


_entries: dict[tuple[Kind, str], Entry] = {}


@overload
def scorer(function: Function, /) -> Function: ...
@overload
def scorer(*, signed: bool = False, whole_pool: bool = False) -> Callable[[Function], Function]: ...
def scorer(
    function: Function | None = None, /, *, signed: bool = False, whole_pool: bool = False
) -> Function | Callable[[Function], Function]:
    """Register a function from signals of n rows to n scores; higher means ask sooner, 0 means nothing to gain.

    Args:
        function: the function, when the decorator stands alone.
        signed: scores may be negative; wrappers that need a sign (power, product, per cost) then refuse it.
        whole_pool: the function must see all rows at once (a density, a rank) and is never sharded.

    Raises:
        BadDeclaration: an argument that is neither a signal, nor reserved, nor a setting with a JSON default.
    """
    return cast(Function, _register("scorer", function, signed=signed, whole_pool=whole_pool))


@overload
def selector(function: Function, /) -> Function: ...
@overload
def selector(*, sampling: bool = False) -> Callable[[Function], Function]: ...
def selector(
    function: Function | None = None, /, *, sampling: bool = False
) -> Function | Callable[[Function], Function]:
    """Register a function that returns n distinct rows in order of choice.

    Args:
        function: the function, when the decorator stands alone.
        sampling: it draws from the scores of the whole pool and can state the probability of each pick.
    """
    return cast(Function, _register("selector", function, sampling=sampling))


def register(kind: Kind) -> Callable[[Function], Function]:
    """Register a function of another kind (combinator, filter, policy, reducer, synthesiser, budget manager, rule)."""

    def decorate(function: Function) -> Function:
        registered: Function = _register(kind, function)
        return registered

    return decorate


def _register(kind: Kind, function: Any, **flags: bool) -> Any:
    if function is None:
        return lambda given: _register(kind, given, **flags)
    entry = _read(kind, function, flags)
    known = _entries.get((kind, entry.name))
    if known is not None and known.function.__module__ != function.__module__:
        raise BadDeclaration(
            f"{kind} {entry.name!r} is registered twice: in {known.function.__module__} and {function.__module__}"
        )
    _entries[kind, entry.name] = entry
    return function


def _read(kind: Kind, function: Callable[..., Any], flags: Mapping[str, bool]) -> Entry:
    name = function.__name__
    needs: list[str] = []
    can_use: list[str] = []
    reserved: set[str] = set()
    settings: dict[str, Any] = {}
    for argument in inspect.signature(function).parameters.values():
        if argument.kind is not argument.KEYWORD_ONLY and kind not in _FREE_ARGUMENTS:
            raise BadDeclaration(f"{kind} {name!r}: argument {argument.name!r} must be keyword-only (put `*` first)")
        has_default = argument.default is not argument.empty
        if signals.find(argument.name) is not None:
            if has_default and argument.default is not None:
                raise BadDeclaration(f"{kind} {name!r}: signal {argument.name!r} may only default to None")
            (can_use if has_default else needs).append(argument.name)
        elif argument.name in signals.RESERVED:
            reserved.add(argument.name)
        elif has_default:
            if not _is_json(argument.default):
                raise BadDeclaration(f"{kind} {name!r}: setting {argument.name!r} needs a default that JSON can hold")
            settings[argument.name] = argument.default
        elif kind not in _FREE_ARGUMENTS:
            raise BadDeclaration(
                f"{kind} {name!r}: argument {argument.name!r} is neither a signal nor a setting with a default; "
                f"signals: {', '.join(signals.names())}"
            )
    return Entry(kind, name, function, tuple(needs), tuple(can_use), settings, frozenset(reserved), **flags)


def _is_json(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def find(kind: Kind, name: str) -> Entry:
    """Return the entry of that kind and name; loads the built-in modules and entry points at the first call.

    Raises:
        UnknownName: nothing of that kind has the name; names the nearest and all choices.
    """
    _load()
    if (kind, name) not in _entries:
        raise UnknownName(kind, name, [known for known_kind, known in _entries if known_kind == kind])
    return _entries[kind, name]


def has(kind: Kind, name: str) -> bool:
    """Say whether there is an entry of that kind and name."""
    _load()
    return (kind, name) in _entries


def entries(kind: Kind | None = None) -> list[Entry]:
    """Return all entries (of one kind), sorted by kind and name."""
    _load()
    chosen = [entry for entry in _entries.values() if kind is None or entry.kind == kind]
    return sorted(chosen, key=lambda entry: (entry.kind, entry.name))


def _load() -> None:
    # By name, so that the registry stands below everything that registers itself.
    importlib.import_module("querist.plugins").load()
