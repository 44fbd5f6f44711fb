"""The rules of `querist.toml` as masks and constraints; each counts what it removed, and none is dropped silently."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from querist.acquire.constraints import Apart, Constraint, at_most, near
from querist.acquire.scoring import scorer_of
from querist.engine.columns import CLUSTER, PREDICTED, clusters, fields
from querist.engine.project import Project
from querist.engine.round import State
from querist.errors import BadValue, UnknownName
from querist.types import Array, Json, Strategy

OF_THE_POOL = ("group", "cost")
"""Columns that every pool has, where they were named."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What the rules leave: rows that may be asked, constraints on the batch, and what each rule removed."""

    eligible: Array
    rules: list[Constraint] = field(default_factory=list)
    preferences: list[Constraint] = field(default_factory=list)
    removed: dict[str, int] = field(default_factory=dict)
    budget: float | None = None


def excluded(project: Project, size: int) -> Array:
    """Return (n,) bool, the rows on the exclusion list; names that are not in the pool are passed over."""
    listed = set(project.spec.rules.exclude)
    found = np.zeros(size, dtype=bool)
    if listed:
        items = project.pool().items
        found[[row for row in range(size) if items[row] in listed]] = True
    return found


def bound(project: Project, state: State, strategy: Strategy) -> tuple[Strategy, list[tuple[str, str]]]:
    """Return the strategy with quotas, group limit and cost, and (rule, reason) for those that cannot be met now.

    Raises:
        BadValue: a group limit or a cost rule in a project without that column.
    """
    section, own = project.spec.rules, project.spec.strategy
    changes: Json = {}
    unmet: list[tuple[str, str]] = []
    if own.group_limit:
        if project.pool().group is None:
            raise BadValue("strategy.group_limit", own.group_limit, "needs the groups of the items: set pool.group")
        changes["group_limit"] = own.group_limit
    if own.quotas:
        if state.choosing_model is None:
            unmet.append(("quotas", "they count predicted classes, and there is no model yet"))
        else:
            changes["quotas"] = own.quotas
    if (section.per_cost or section.batch_cost) and project.pool().cost is None:
        name = "per_cost" if section.per_cost else "batch_cost"
        raise BadValue(f"rules.{name}", getattr(section, name), "needs what each item costs: set pool.cost")
    if state.choosing_model is None and filters_predicted(project):
        unmet.append((f"where {PREDICTED}", "there is no model yet"))
    if section.per_cost:
        if strategy.scorer is None or scorer_of(strategy.scorer).kind == "combinator":
            unmet.append(("per_cost", f"{strategy.name} has no score of its own to divide by the cost"))
        else:
            changes |= {"scorer": "per_cost", "scorer_settings": {"parts": [strategy.scorer]}}
    return (dataclasses.replace(strategy, **changes) if changes else strategy), unmet


def applied(
    project: Project, state: State, signals: Mapping[str, Any], *, eligible: Array, taken: Array, slots: int
) -> Applied:
    """Return what the rules leave of the pool for the strategy's part of a batch.

    Args:
        project: the project.
        state: its fold.
        signals: those of the strategy; `proba` where the model gives it.
        eligible: (n,) bool, what may be asked so far.
        taken: rows that are labelled or out, which count as near-duplicates' other halves.
        slots: places in the batch.

    Raises:
        UnknownName: a filter on a column that is not there.
    """
    section = project.spec.rules
    found = Applied(eligible.copy(), budget=section.batch_cost or None)
    proba = signals.get("proba")
    for rule in section.where:
        if rule["column"] != PREDICTED:
            passed = _passes(project, rule, len(eligible))
        elif proba is not None:
            said = [state.classes[k] for k in np.asarray(proba).argmax(axis=1)]
            passed = np.array([_passes_one(name, rule) for name in said], dtype=bool)
        else:
            continue  # before the first model; `bound` says so
        found.removed[_where_text(rule)] = int(np.count_nonzero(found.eligible & ~passed))
        found.eligible[~passed] = False
    if section.near_duplicates:
        _keep_apart(project, found, taken, section.near_duplicates)
    if section.balance == "soft" and proba is not None:
        share = math.ceil(2 * slots / max(2, len(state.classes)))
        found.preferences.append(at_most("balance", np.asarray(proba).argmax(axis=1), share))
    return found


def filters_predicted(project: Project) -> bool:
    """Return whether a filter looks at the class that the model predicts."""
    return any(rule["column"] == PREDICTED for rule in project.spec.rules.where)


def known_column(project: Project, column: str) -> None:
    """Raise UnknownName, with the choices, unless a filter can look at the column."""
    if column not in (PREDICTED, CLUSTER):
        next(_column(project, column, min(1, len(project.pool().items))), None)


def cluster_of(project: Project, size: int) -> tuple[Array, Array]:
    """Return (n,) the cluster of each item of the pool, and the row in each one's middle; made once for a pool."""
    key = (CLUSTER, size)
    if key not in project.cache:
        project.cache[key] = clusters(project.features().embed[:size], seed=project.seed)
    found: tuple[Array, Array] = project.cache[key]
    return found


def strata(project: Project, taken: Array, size: int, slots: int) -> list[Constraint]:
    """Return the wish that the strata of the seed set get equal shares; none where no column is named.

    Strata are the values of a column, or the classes that scores given beforehand prefer.

    Args:
        project: the project.
        taken: rows that are labelled or out, which count.
        size: of the pool.
        slots: places in the batch.

    Raises:
        UnknownName: a column is not there.
        BadValue: a column of scores holds no number.
    """
    seeds = project.spec.loop.seed_set
    if not seeds.stratify and not seeds.prior:
        return []
    name = "prior" if seeds.prior else "stratify"
    key = (name, seeds.stratify, tuple(seeds.prior.items()), size)
    if key not in project.cache:
        values = _preferred(project, seeds.prior, size) if seeds.prior else _column(project, seeds.stratify, size)
        project.cache[key] = np.unique([str(value) for value in values], return_inverse=True)[1]
    codes: Array = project.cache[key]
    share = math.ceil((len(taken) + slots) / (1 + int(codes.max(initial=0))))
    return [at_most(name, codes, share, taken=codes[taken])]


def _preferred(project: Project, prior: Mapping[str, str], size: int) -> list[str]:
    """The class with the highest score of each item; an empty text where no score is there."""
    columns = [np.array([_number(value) for value in _column(project, name, size)]) for name in prior.values()]
    for name, scores in zip(prior.values(), columns, strict=True):
        if size and np.isnan(scores).all():
            raise BadValue("loop.seed_set.prior", name, "is a column without a number")
    scores = np.stack(columns, axis=1)
    best = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
    names = list(prior)
    return ["" if empty else names[k] for k, empty in zip(best.tolist(), np.isnan(scores).all(axis=1), strict=True)]


def _number(value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError):
        return math.nan


def _keep_apart(project: Project, found: Applied, taken: Array, most: float) -> None:
    embed = project.features().embed
    if hasattr(embed, "tocsr"):
        raise BadValue("rules.near_duplicates", most, "needs dense features; the project's are sparse")
    rows = np.flatnonzero(found.eligible)
    close = near(embed[rows], embed[taken], most)
    found.removed["near_duplicates of labelled items"] = int(close.sum())
    found.eligible[rows[close]] = False
    found.rules.append(Apart("near_duplicates", embed, most))


def _where_text(rule: Mapping[str, Any]) -> str:
    said = {"is": "is", "not": "is not", "at_least": "at least", "at_most": "at most"}
    parts = []
    for name, words in said.items():
        if name in rule:
            value = rule[name]
            parts.append(f"{words} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return f"where {rule['column']} {' and '.join(parts)}"


def _passes(project: Project, rule: Mapping[str, Any], size: int) -> Array:
    """(n,) bool, looked up once: content does not change. An erased item, and an empty cell, pass no filter."""
    key = ("where", _where_text(rule), size)
    if key not in project.cache:
        values = _column(project, str(rule["column"]), size)
        project.cache[key] = np.fromiter((_passes_one(value, rule) for value in values), dtype=bool, count=size)
    found: Array = project.cache[key]
    return found


def _column(project: Project, column: str, size: int) -> Iterator[Any]:
    pool = project.pool()
    own = {"group": pool.group, "cost": pool.cost}
    if column in OF_THE_POOL and own[column] is not None:
        yield from list(own[column])[:size]  # type: ignore[arg-type]
        return
    if column == CLUSTER:
        yield from cluster_of(project, size)[0].tolist()
        return
    known: set[str] = set()
    for content in project.store.iter_contents(0, size):
        there = fields(content)
        known.update(there)
        if content is not None and column not in there:
            have = sorted({*known, *(name for name in OF_THE_POOL if own[name] is not None), CLUSTER, PREDICTED})
            raise UnknownName("column", column, have)
        yield there.get(column)


def _passes_one(value: Any, rule: Mapping[str, Any]) -> bool:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    if "is" in rule and str(value) not in [str(other) for other in rule["is"]]:
        return False
    if "not" in rule and str(value) in [str(other) for other in rule["not"]]:
        return False
    if "at_least" not in rule and "at_most" not in rule:
        return True
    try:
        number = float(value)
    except ValueError:
        return False
    return float(rule.get("at_least", -math.inf)) <= number <= float(rule.get("at_most", math.inf))
