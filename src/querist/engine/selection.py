"""Which items come next: lanes first, then the strategy for the slots that are its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from querist.acquire.select import Batch, required_signals
from querist.acquire.select import choose as choose_rows
from querist.engine.arrays import signals_for
from querist.engine.asking_again import Again, gold_items, second_opinions
from querist.engine.deciding import decide
from querist.engine.lanes import lane_slots, next_in_order
from querist.engine.project import Project
from querist.engine.round import MEASURING, State, batch_size, budget, control_share, seed_size, watch_setting
from querist.engine.rules import applied, bound, excluded, strata
from querist.events import Fallback
from querist.models.threads import one_thread
from querist.types import Array, ItemId, Json, Lane, Pick, Strategy

QUEUE_DEPTH: Final = 2
"""Batches that a continuous queue holds, so that nobody waits while a model trains."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A batch with its reasons."""

    picks: list[Pick]
    strategy: Strategy
    evidence: Json
    fallbacks: list[Fallback] = field(default_factory=list)


def batch_wanted(state: State, part: int) -> int:
    """Return how many items to put into the queue now."""
    size = batch_size(state)
    if state.stopped is not None:
        return int(watch_setting(state, "labels"))
    if state.setting("loop", "mode") == "batch":
        wanted = seed_size(state) if state.choosing_model is None and state.training < seed_size(state) else size
    else:
        wanted = QUEUE_DEPTH * size if part == 0 else size
    labels = budget(state)
    if labels is not None and labels > state.paid:
        wanted = min(wanted, labels - state.paid)
    return max(1, wanted)


def choose(project: Project, state: State, *, n: int, number: int, part: int, pending: Sequence[ItemId]) -> Chosen:
    """Choose up to n items of the pool, in order.

    Args:
        project: the project.
        state: the fold at the moment of choosing; replay gives an earlier one.
        n: items wanted.
        number: the round.
        part: how often this round has chosen before.
        pending: items that are out with people.
    """
    candidates = Candidates.of(project, state, pending)
    lanes = _lanes_of(state, n, candidates)
    rows_by_lane = _random_lanes(project, candidates, lanes)
    again = _asked_again(project, state, candidates, lanes, pending)
    slots = sum(lane == "query" for lane in lanes)
    # Slots that another lane could not fill go to the strategy.
    slots += sum(lanes.count(lane) - rows.size for lane, rows in rows_by_lane.items())
    slots += sum(lane in AGAIN for lane in lanes) - len(again.picks)
    if state.stopped is not None:
        slots = 0
    decision, fallbacks = decide(project, state, batch=max(1, slots))
    strategy, unmet = bound(project, state, decision.strategy)
    fallbacks = [*fallbacks, *(_unmet(number, rule, reason) for rule, reason in unmet)]
    taken = np.concatenate(list(rows_by_lane.values())) if rows_by_lane else np.empty(0, np.intp)
    batch = _by_strategy(project, state, candidates, strategy, slots, taken, number, part)
    if batch.short and batch.removed:
        fallbacks.append(_short(number, slots, batch))
    lane: Lane = "seed" if decision.evidence.get("in_force") == "coverage" else "query"
    picks = _in_order(project, lanes, rows_by_lane, again.picks, batch, lane)
    listed = int(excluded(project, state.pool_size).sum())
    removed = {**({"exclude": listed} if listed else {}), **batch.removed}
    # `everywhere`: whether weighted estimates may speak for the whole pool; the probabilities stand beside the picks.
    rules = {"rules": removed} if removed else {}
    evidence = {**decision.evidence, **again.evidence, "everywhere": batch.everywhere, **rules}
    return Chosen(picks, strategy, evidence, fallbacks)


def _unmet(number: int, rule: str, reason: str) -> Fallback:
    return Fallback(round=number, what="rule", wanted=f"the rule {rule}", used="no such rule", reason=reason)


def _short(number: int, slots: int, batch: Batch) -> Fallback:
    closed = ", ".join(f"{name} keeps out {count:,}" for name, count in batch.removed.items())
    items = f"{slots - batch.short} items"
    return Fallback(round=number, what="rule", wanted=f"{slots} items of the strategy", used=items, reason=closed)


AGAIN: Final[dict[Lane, Lane]] = {"relabel": "relabel", "recheck": "relabel", "gold": "gold"}
"""Lanes of items that are asked once more, and whose slot they take."""


def _asked_again(
    project: Project, state: State, candidates: Candidates, lanes: Sequence[Lane], pending: Sequence[ItemId]
) -> Again:
    gold = gold_items(project, state, lanes.count("gold"), pending=pending)
    new = np.flatnonzero(candidates.open & ~candidates.reserve)
    if state.choosing_model is None or not new.size or "relabel" not in lanes:
        return Again(gold, {})
    found = second_opinions(project, state, lanes.count("relabel"), pending=pending, new=new)
    return Again([*found.picks, *gold], found.evidence)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Masks over the pool: what may be asked, what is in the reserve, what is out, what trains."""

    open: Array
    reserve: Array
    pending: Array
    labelled: Array

    @classmethod
    def of(cls, project: Project, state: State, pending: Sequence[ItemId]) -> Candidates:
        """Return the masks for the pool as it is."""
        size = state.pool_size
        pool = project.pool()
        u_eval = np.asarray(pool.u_eval)[:size]
        reserve = (u_eval < state.reserve) if not state.validation else np.zeros(size, dtype=bool)
        answered, labelled, out = (np.zeros(size, dtype=bool) for _ in range(3))
        answered[_rows(project, list(state.live), size)] = True
        trained = [
            item
            for item, answers in state.live.items()
            if any(live.outcome == "answered" and live.lane not in MEASURING for live in answers)
        ]
        labelled[_rows(project, trained, size)] = True
        out[_rows(project, pending, size)] = True
        gone = answered | out | excluded(project, size)
        gone[_rows(project, list(state.withdrawn), size)] = True
        gone[_rows(project, list(state.gold), size)] = True
        return cls(open=~gone, reserve=reserve, pending=out & ~reserve, labelled=labelled & ~reserve)


def _rows(project: Project, items: Sequence[ItemId], size: int) -> Array:
    if not items:
        return np.empty(0, dtype=np.intp)
    rows = np.asarray(project.store.rows(items), dtype=np.intp)
    return rows[rows < size]


# --- lanes


def _lanes_of(state: State, n: int, candidates: Candidates) -> list[Lane]:
    if state.stopped is not None:
        # A check asks for random items and nothing else: of the reserve, where there is one.
        return ["evaluation" if (candidates.reserve & candidates.open).any() else "control"] * n
    shares: dict[Lane, float] = {}
    measured = state.lanes.get("evaluation", 0)
    if candidates.reserve.any() and measured < int(state.setting("lanes", "evaluation_size")):
        shares["evaluation"] = float(state.setting("lanes", "evaluation"))
    shares["control"] = control_share(state)
    for lane in ("relabel", "gold"):
        # Before there is a model nothing can be doubted.
        if (lane == "gold" and state.gold) or (lane == "relabel" and state.choosing_model is not None):
            shares[lane] = float(state.setting("lanes", lane))
    counts = dict(state.lanes)
    counts["relabel"] = counts.get("relabel", 0) + counts.pop("recheck", 0)
    counts["query"] = sum(counts.pop(lane, 0) for lane in ("seed", "query", "duel"))
    return lane_slots(n, shares=shares, counts=counts)


def _random_lanes(project: Project, candidates: Candidates, lanes: Sequence[Lane]) -> dict[Lane, Array]:
    """The next items of the two random lanes, in their fixed order."""
    pool = project.pool()
    size = candidates.open.size
    result: dict[Lane, Array] = {}
    sources: list[tuple[Lane, Array, Array]] = [
        ("evaluation", pool.u_eval, candidates.reserve & candidates.open),
        ("control", pool.u_control, ~candidates.reserve & candidates.open),
    ]
    for lane, order, among in sources:
        wanted = lanes.count(lane)
        if wanted:
            result[lane] = next_in_order(np.asarray(order)[:size], wanted, among=among)
    return result


def _in_order(
    project: Project,
    lanes: Sequence[Lane],
    rows_by_lane: Mapping[Lane, Array],
    again: Sequence[Pick],
    batch: Batch,
    lane: Lane,
) -> list[Pick]:
    """Lay the lanes' items into the slots; a slot whose lane has run dry takes the strategy's next."""
    items = project.pool().items
    waiting = {name: list(rows) for name, rows in rows_by_lane.items()}
    own = list(range(len(batch.rows)))
    once_more = list(again)
    picks: list[Pick] = []
    for slot in lanes:
        rank = len(picks) + 1
        mine = next((pick for pick in once_more if AGAIN[pick.lane] == slot), None)
        if mine is not None:
            once_more.remove(mine)
            picks.append(dataclasses.replace(mine, rank=rank))
        elif waiting.get(slot):
            picks.append(Pick(items[waiting[slot].pop(0)], slot, rank))
        elif own:
            place = own.pop(0)
            score, probability = _at(batch.scores, place), _at(batch.probabilities, place)
            picks.append(Pick(items[int(batch.rows[place])], lane, rank, score, probability))
        elif left := next((name for name, rows in waiting.items() if rows), None):
            picks.append(Pick(items[waiting[left].pop(0)], left, rank))
    return picks


def _at(values: Array | None, place: int) -> float | None:
    if values is None or np.isnan(values[place]):
        return None
    return float(values[place])


def _by_strategy(
    project: Project,
    state: State,
    candidates: Candidates,
    strategy: Strategy,
    slots: int,
    taken: Array,
    number: int,
    part: int,
) -> Batch:
    eligible = candidates.open & ~candidates.reserve
    eligible[taken] = False
    pending = candidates.pending.copy()
    # What the random lanes take in this batch is as good as out.
    pending[taken[~candidates.reserve[taken]]] = True
    signals = signals_for(project, state, strategy, pending=np.flatnonzero(pending), labelled=candidates.labelled)
    out = np.flatnonzero(candidates.labelled | pending)
    wanted = applied(project, state, signals, eligible=eligible, taken=out, slots=slots)
    if "proba" not in required_signals(strategy).needs:
        wanted.preferences.extend(strata(project, out, len(eligible), slots))
    eligible = wanted.eligible
    rng = project.rng(number, "select", part)
    if slots == 0 or not eligible.any():
        nothing = np.empty(0)
        removed = {name: count for name, count in wanted.removed.items() if count}
        return Batch(nothing.astype(np.intp), nothing, nothing, nothing.astype(bool), slots, removed)
    learner = project.learner.name if project.learns else "none"
    classes = state.classes
    size = state.pool_size
    # Small products on two threads wait for each other longer than they compute.
    with one_thread():
        batch = choose_rows(
            strategy,
            signals,
            n=slots,
            rng=rng,
            eligible=eligible,
            size=size,
            classes=classes,
            budget=wanted.budget,
            rules=wanted.rules,
            preferences=wanted.preferences,
            model=learner,
        )
    removed = {name: count for name, count in {**wanted.removed, **batch.removed}.items() if count}
    return dataclasses.replace(batch, removed=removed)
