"""The file `querist.toml`: read with checks, and written back with no more than what differs from the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from querist.engine.spec import FILE_NAME, ProjectSpec
from querist.errors import BadValue, Damaged, NotFound, UnknownName
from querist.stop.verdicts import leaves


def read_spec(folder: Path) -> ProjectSpec:
    """Return the spec of a project's folder.

    Raises:
        NotFound: there is no `querist.toml`.
        Damaged: it is not TOML; names the line.
        BadValue: a setting that cannot be.
    """
    path = folder / FILE_NAME
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"{folder} holds no project: there is no {FILE_NAME}; make one with `querist init`", value=str(folder)
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path}: not readable as TOML: {error}") from None
    spec = ProjectSpec.from_json(value)
    _check_groups(spec)
    _check_price(spec)
    return spec


def check_names(spec: ProjectSpec, known: Mapping[str, Any] | None) -> None:
    """Refuse a strategy, a model or features that there are not, where they are not what the ledger knows already.

    Raises:
        UnknownName: no such strategy, model or features; the strategy has no such setting.
        BadValue: a setting of the strategy has a value of the wrong type.
    """
    from querist.models.features import checked_method

    new = {name for name, section in spec.to_json().items() if section != (known or {}).get(name)}
    if "strategy" in new:
        check_strategy(spec.strategy.name, spec.strategy.settings)
    if "model" in new:
        check_model(spec.model.name)
    if "features" in new:
        checked_method(spec.features.method)


def check_strategy(name: str, settings: Mapping[str, Any]) -> None:
    """Refuse a strategy that there is not, or settings that it does not take; a policy looks at its own when it runs.

    Raises:
        UnknownName: no such strategy; it has no such setting.
        BadValue: a setting has a value of the wrong type.

    >>> check_strategy("margn", {})
    Traceback (most recent call last):
    querist.errors.UnknownName: unknown strategy 'margn'; did you mean 'margin'? have: ...
    """
    from querist import registry
    from querist.acquire.presets import strategy

    policies = [entry.name for entry in registry.entries("policy")]
    if name in policies:
        return
    try:
        strategy(name, settings)
    except UnknownName as error:
        if error.value != name:
            raise
        raise UnknownName("strategy", name, [*policies, *error.choices]) from None


def check_model(name: str) -> None:
    """Refuse a model that there is not; an empty name stands for the default of the kind of label.

    Raises:
        UnknownName: no such model.
    """
    from querist import models

    if name not in ("", *models.names()):
        raise UnknownName("model", name, models.names())


def _check_groups(spec: ProjectSpec) -> None:
    """Refuse rules about groups where no item has one; only of a file, since ledgers of before may have such rules."""
    for rule in ("by_group", "once_per_group"):
        if getattr(spec.assignment, rule) and spec.pool.data and not spec.pool.group:
            raise BadValue(
                f"assignment.{rule}", True, "the items have no groups: `querist init --group COLUMN` names a column"
            )


def _check_price(spec: ProjectSpec) -> None:
    """Refuse a budget of money where no price is known: it would never be used up."""
    if spec.cost.per_label or spec.pool.cost:
        return
    for rule in leaves({"any": spec.stop.rules}):
        if rule.get("money") is not None:
            raise BadValue("stop.money", rule["money"], "needs a price: cost.per_label, or a column as pool.cost")


def write_spec(folder: Path, spec: ProjectSpec) -> None:
    """Write what differs from the defaults, one section a table."""
    lines: list[str] = []
    for name, section in spec:
        default = {} if name == "project" else type(section)().model_dump(mode="json")
        given = section.model_dump(mode="json")
        differs = {key: value for key, value in given.items() if name == "project" or value != default[key]}
        if differs:
            lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in differs.items()), ""]
    path = folder / FILE_NAME
    partial = path.with_suffix(".toml.partial")
    partial.write_text("\n".join(lines), encoding="utf-8")
    partial.replace(path)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _toml_string(value)
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_toml_key(str(key))} = {_toml(entry)}" for key, entry in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(entry) for entry in value)}]"
    return repr(value)


def _toml_string(value: str) -> str:
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    plain = (escapes.get(c, c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}") for c in value)
    return f'"{"".join(plain)}"'


def _toml_key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _toml_string(key)
