"""The arrays that a strategy names: from the features, the answers, the columns and the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.acquire.presets import served_by
from querist.acquire.select import required_signals
from querist.engine.labels import training_rows
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.rules import filters_predicted
from querist.errors import BadValue, MissingSignal
from querist.signals import ROLES
from querist.types import Array, Features, Model, Strategy

TARGETS: Final = 2000
"""Rows that stand for "where predictions will be needed", drawn with the project's seed."""


def signals_for(
    project: Project, state: State, strategy: Strategy, *, pending: Array, labelled: Array, eligible: Array
) -> dict[str, Array]:
    """Return the arrays that a strategy names: for the whole pool, and for each role that it asks for.

    Args:
        project: the project.
        state: its fold.
        strategy: what is to be done.
        pending: (q,) rows that are out.
        labelled: (n,) bool, rows that train.
        eligible: (n,) bool, rows that may be asked.

    Raises:
        MissingSignal: neither features, answers nor model give one of them.
        BadValue: refitting for each row that may be asked would be too many fits.
    """
    needs, can_use = required_signals(strategy)
    if project.spec.rules.batch_cost:
        needs = tuple(dict.fromkeys([*needs, "cost"]))
    if project.spec.rules.balance == "soft" or filters_predicted(project):
        can_use = tuple(dict.fromkeys([*can_use, "proba"]))
    features = project.features()
    model = project.model() if state.choosing_model is not None else None
    wanted = [*needs, *can_use]
    rows_of = {"pending": pending, "labelled": np.flatnonzero(labelled)}
    if "labelled_target" in wanted:
        rows_of["labelled"] = rows_of["labelled"][_has_target(project, state, rows_of["labelled"])]
    if any(name.startswith("target_") for name in wanted):
        rows_of["target"] = target_rows(project, state)
    found: dict[str, Array] = {}
    for role, names in _by_role(wanted).items():
        rows = rows_of.get(role)
        part = features if rows is None else features.rows(rows)
        asked = [name for name in names if model is not None and name in model.offers]
        # The same draws for every role: each call begins the stream anew.
        given = (
            model.signals(asked, part, rng=np.random.default_rng(project.seed)) if model is not None and asked else {}
        )
        prefix = f"{role}_" if role else ""
        for name in names:
            value = given.get(name, _without_model(project, state, role, name, part, rows))
            if value is not None:
                found[prefix + name] = value
    if "expected_risk" in needs and model is not None and "proba" in model.offers:
        found["expected_risk"] = _refitted_risk(project, state, model, np.flatnonzero(labelled), eligible)
    if any(name.endswith("embed") for name in found):
        _check_finite(project, strategy)
    for name in needs:
        if name not in found:
            raise _missing(strategy, name, model)
    return found


def _missing(strategy: Strategy, signal: str, model: Model | None) -> MissingSignal:
    """Say what helps: another model for classes, another strategy where the kind of label decides what models offer."""
    from querist.models import offered_by

    name = model.name if model is not None else "none"
    if model is None or "proba" in model.offers:
        return MissingSignal(strategy.name, signal, name, offered_by=offered_by(signal))
    alone = set(served_by(()))
    return MissingSignal(strategy.name, signal, name, instead=set(served_by(model.offers)) - alone)


def _refitted_risk(project: Project, state: State, model: Model, labelled: Array, eligible: Array) -> Array:
    """Return (n,) what would be risked with the label of each row, by refitting; NaN for rows that may not be asked."""
    from querist.models.refit import expected_risk

    features, candidates = project.features(), np.flatnonzero(eligible)
    known = labelled[_has_target(project, state, labelled)]
    target = _labelled_target(project, state, known)
    assert target is not None
    part = features.rows(candidates)
    risk = np.full(state.pool_size, np.nan)
    risk[candidates] = expected_risk(
        project.learner,
        part,
        proba=model.signals(["proba"], part, rng=np.random.default_rng(project.seed))["proba"],
        labelled=features.rows(known),
        labelled_target=target,
        over=features.rows(np.setdiff1d(target_rows(project, state), known)),
        seed=int(project.rng(0, "train").integers(2**31)),
    )
    return risk


def target_rows(project: Project, state: State) -> Array:
    """Return the rows that stand for where predictions will be needed, in order."""
    rng = np.random.default_rng(np.random.SeedSequence(project.seed, spawn_key=(2**31,)))
    size = state.pool_size
    return np.sort(rng.choice(size, min(TARGETS, size), replace=False))


def first_unfinite(project: Project) -> int | None:
    """Return the first row of the pool whose embedding holds NaN or infinity; looked for once."""
    embed = project.features().embed
    known = project.cache.get("unfinite")
    if known is None or known[0] is not embed:
        found = None
        for start in range(0, embed.shape[0], 65_536):
            block: Any = embed[start : start + 65_536]
            sparse = hasattr(block, "tocsr")
            if not np.isfinite(block.data if sparse else block).all():
                rows = np.isfinite(block.toarray() if sparse else block).all(axis=1)
                found = start + int(rows.argmin())
                break
        known = (embed, found)
        project.cache["unfinite"] = known
    row: int | None = known[1]
    return row


def _check_finite(project: Project, strategy: Strategy) -> None:
    row = first_unfinite(project)
    if row is not None:
        item = project.pool().items[row]
        reason = f"strategy {strategy.name!r} measures distances, and item {item!r} holds NaN or infinity"
        raise BadValue("features", item, reason)


def _by_role(wanted: Sequence[str]) -> dict[str, list[str]]:
    """Signals by the rows they describe: "" the pool, or a role."""
    result: dict[str, list[str]] = {}
    for name in wanted:
        role, _, base = name.partition("_")
        role, base = (role, base) if role in ROLES else ("", name)
        result.setdefault(role, []).append(base)
    return result


def _without_model(
    project: Project, state: State, role: str, name: str, part: Features, rows: Array | None
) -> Array | None:
    """The signals that features, answers and columns give."""
    match role, name:
        case "labelled", "target":
            assert rows is not None
            return _labelled_target(project, state, rows)
        case "target", "mean":
            return _mean_direction(project.features().embed)
        case _, "embed":
            return part.embed
        case _, ("cost" | "group"):
            # Of the pool as it was: when a batch is chosen again, more items may have joined since.
            return _column(project, name, np.arange(state.pool_size) if rows is None else rows)
        case _:
            return None


def _labelled_values(project: Project, state: State) -> dict[int, Any]:
    """The label of each training row whose answers agree."""
    resolved = training_rows(project, state, through=state.seq)
    rows = project.store.rows(list(resolved)).tolist()
    return {int(row): entry.value for row, entry in zip(rows, resolved.values(), strict=True)}


def _has_target(project: Project, state: State, rows: Array) -> Array:
    """Which rows have a target: their answers agree, and say something that a model can learn."""
    if not project.learns:
        return np.zeros(len(rows), dtype=bool)
    values = _labelled_values(project, state)
    there = np.array([int(row) in values for row in rows], dtype=bool)
    if there.any():
        target = project.task.encode([values[int(row)] for row in rows[there]])
        there[there] = project.target.known(target)
    return there


def _labelled_target(project: Project, state: State, rows: Array) -> Array | None:
    if not project.learns:
        return None
    if not rows.size:
        return project.target.unknown(0) if state.training else np.empty(0, dtype=np.int64)
    values = _labelled_values(project, state)
    return project.task.encode([values[int(row)] for row in rows])


def _mean_direction(embed: Array) -> Array:
    total = np.zeros(embed.shape[1])
    for start in range(0, embed.shape[0], 65_536):
        block = np.asarray(embed[start : start + 65_536], dtype=np.float64)
        norms = np.linalg.norm(block, axis=1, keepdims=True)
        total += (block / np.where(norms > 0, norms, 1)).sum(axis=0)
    mean: Array = total / max(1, embed.shape[0])
    return mean


def _column(project: Project, name: str, rows: Array) -> Array | None:
    pool = project.pool()
    if name == "cost":
        values = pool.cost
    else:
        values = None if pool.group is None else np.unique([str(group) for group in pool.group], return_inverse=True)[1]
    if values is None:
        return None
    found: Array = np.asarray(values)[rows]
    return found
