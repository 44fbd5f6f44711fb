"""Which items come next: lanes first, then the strategy for the slots that are its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from threadpoolctl import threadpool_limits

from querist import registry
from querist.acquire.policies import Decision, PastRound, Situation, Skill, auto
from querist.acquire.presets import strategy as strategy_of
from querist.acquire.select import Batch, required_signals
from querist.acquire.select import choose as choose_rows
from querist.engine.asking_again import Again, gold_items, second_opinions
from querist.engine.lanes import lane_slots, next_in_order
from querist.engine.project import Project
from querist.engine.round import MEASURING, State, batch_size, budget, control_share, seed_size
from querist.engine.rules import applied, bound, excluded, strata
from querist.errors import BadValue, MissingSignal
from querist.events import BatchSelected, DatasetFrozen, Fallback
from querist.signals import ROLES
from querist.types import Array, Features, ItemId, Json, Lane, Pick, Strategy

PATIENT: Final = 3
"""Seed sets after which a named strategy takes over, whatever the model's skill."""

TARGETS: Final = 2000
"""Rows that stand for "where predictions will be needed", drawn with the project's seed."""

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


# --- the strategy


def decide(project: Project, state: State, *, batch: int) -> tuple[Decision, list[Fallback]]:
    """Return the strategy that is in force, with the evidence for it.

    A named strategy is preceded by coverage until the seed set is full and there is a model; `auto` and other policies
    decide for themselves.
    """
    section = project.spec.strategy
    situation = situation_of(project, state, batch=batch)
    if registry.has("policy", section.name):
        decision: Decision = registry.find("policy", section.name).function(situation, **section.settings)
        decision = _seeded(project, decision)
        return decision, _blind(project, state, situation, decision)
    wanted = _named(project)
    needs, _ = required_signals(wanted)
    of_model = [name for name in needs if name not in ALWAYS or (name == "labelled_target" and not state.training)]
    if state.choosing_model is None and of_model:
        covering = _seeded(project, _coverage(situation, "there is no model yet"))
        return covering, _blind(project, state, situation, covering)
    if of_model and (doubt := _not_yet(state, situation)):
        covering = _seeded(project, _coverage(situation, doubt))
        return covering, _blind(project, state, situation, covering)
    return Decision(wanted, _handed_over(situation, wanted)), []


def _seeded(project: Project, decision: Decision) -> Decision:
    """Cover the pool in the way that the settings ask for; where distances cannot be measured, by lot."""
    by = project.spec.loop.seed_set.by
    if by == "auto" or decision.evidence.get("in_force") != "coverage" or decision.strategy.name == "random":
        return decision
    return Decision(strategy_of(by), decision.evidence)


def _not_yet(state: State, situation: Situation) -> str:
    """Return why the model does not choose yet, or an empty text.

    It chooses from a full seed set on, when the lower end of its out-of-fold skill above the majority class is above 0;
    at the latest when the seed set is there three times over, since of a rare class accuracy says too little.
    """
    size = seed_size(state)
    if state.training < size:
        return f"{state.training} of {size} labels of the seed set"
    skill = situation.skill
    if skill is None or skill.low > 0 or state.training >= PATIENT * size:
        return ""
    return (
        f"out of fold the model is {100 * skill.value:.0f} points above the largest class "
        f"(between {100 * skill.low:.0f} and {100 * skill.high:.0f}), which may be nothing"
    )


def _handed_over(situation: Situation, wanted: Strategy) -> Json:
    """What goes into the ledger with a batch of the strategy that was asked for: also what the model had shown."""
    evidence: Json = {"in_force": "learning", "reason": f"the project asks for {wanted.name}"}
    skill = situation.skill
    if skill is not None:
        evidence["skill"] = {"value": skill.value, "low": skill.low, "high": skill.high}
    return {**evidence, "labelled": situation.labelled, "classes_seen": situation.classes_seen}


ALWAYS: Final = frozenset(
    {"embed", "target_embed", "labelled_embed", "pending_embed", "labelled_target", "target_mean"}
)
"""Signals that need no model: they come from the features and the answers."""


def _named(project: Project) -> Strategy:
    section = project.spec.strategy
    given = project.cache.get("strategy")
    if isinstance(given, Strategy):
        return given
    base = strategy_of(section.name, section.settings)
    changes: Json = {}
    if section.shortlist:
        changes["shortlist"] = section.shortlist
    if section.random_share:
        changes["random_share"] = section.random_share
    if section.filters:
        changes["filters"] = section.filters
    return Strategy.from_json({**base.to_json(), **changes}) if changes else base


def _blind(project: Project, state: State, situation: Situation, decision: Decision) -> list[Fallback]:
    """Say that coverage had to be random, where distances cannot be measured."""
    if decision.strategy.name != "random" or "embed" in situation.signals:
        return []
    item = project.pool().items[first_unfinite(project) or 0]
    reason = f"item {item} holds NaN or infinity, so that no distance can be measured"
    number = state.round if state.phase in ("seed", "collect") else state.round + 1
    return [Fallback(round=number, what="coverage", wanted="coverage", used="random items", reason=reason)]


def _coverage(situation: Situation, reason: str) -> Decision:
    decision = auto(dataclasses.replace(situation, signals=situation.signals - {"proba"}))
    return Decision(decision.strategy, {**decision.evidence, "policy": "seed set", "reason": reason})


def situation_of(project: Project, state: State, *, batch: int) -> Situation:
    """Return what a policy may know: nothing of it comes from the evaluation lane."""
    model = project.model() if state.choosing_model is not None else None
    counts = _class_counts(project, state)
    trained = next((event for event in reversed(project.trained()) if event.model == state.choosing_model), None)
    skill = trained.oof_skill if trained is not None else {}
    offers = model.offers if model is not None else frozenset()
    unfinite = first_unfinite(project) is not None
    return Situation(
        task=project.spec.project.task,
        pool_size=state.pool_size,
        labelled=state.training,
        labelled_per_class=counts,
        classes_declared=len(state.classes),
        batch=batch,
        signals=(frozenset({"embed"}) | offers) - (frozenset({"embed"}) if unfinite else frozenset()),
        dim=int(project.features().embed.shape[1]),
        head="head_weight" in offers,
        skill=Skill(skill["skill"], skill["low"], skill["high"]) if skill else None,
        rounds=_past_rounds(project, state),
    )


def _class_counts(project: Project, state: State) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(state.classes, 0)
    frozen = project.last("dataset_frozen", through=state.seq)
    if frozen is not None and isinstance(frozen.event, DatasetFrozen):
        for name, count in frozen.event.counts.items():
            now = state.renamed.get(name, name)
            counts[now] = counts.get(now, 0) + count
    return counts


def _past_rounds(project: Project, state: State) -> tuple[PastRound, ...]:
    rounds = []
    for recorded in project.store.events(kinds=["batch_selected"], through=state.seq):
        assert isinstance(recorded.event, BatchSelected)
        if recorded.event.part == 0:
            wanted = recorded.event.evidence.get("wanted")
            rounds.append(PastRound(str(recorded.event.strategy["name"]), wanted))
    return tuple(rounds)


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
    with threadpool_limits(limits=1, user_api="blas"):
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


def signals_for(
    project: Project, state: State, strategy: Strategy, *, pending: Array, labelled: Array
) -> dict[str, Array]:
    """Return the arrays that a strategy names: for the whole pool, and for each role that it asks for.

    Raises:
        MissingSignal: neither features, answers nor model give one of them.
    """
    needs, can_use = required_signals(strategy)
    if project.spec.rules.batch_cost:
        needs = tuple(dict.fromkeys([*needs, "cost"]))
    if project.spec.rules.balance == "soft":
        can_use = tuple(dict.fromkeys([*can_use, "proba"]))
    features = project.features()
    model = project.model() if state.choosing_model is not None else None
    wanted = [*needs, *can_use]
    rows_of = {"pending": pending, "labelled": np.flatnonzero(labelled)}
    if "labelled_target" in wanted:
        rows_of["labelled"] = rows_of["labelled"][_has_target(project, state, rows_of["labelled"])]
    if any(name.startswith("target_") for name in wanted):
        rng = np.random.default_rng(np.random.SeedSequence(project.seed, spawn_key=(2**31,)))
        size = state.pool_size
        rows_of["target"] = np.sort(rng.choice(size, min(TARGETS, size), replace=False))
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
    if any(name.endswith("embed") for name in found):
        _check_finite(project, strategy)
    for name in needs:
        if name not in found:
            from querist.models import offered_by

            learner = model.name if model is not None else "none"
            raise MissingSignal(strategy.name, name, learner, offered_by(name))
    return found


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
            return _column(project, name, rows)
        case _:
            return None


def _labelled_values(project: Project, state: State) -> dict[int, Any]:
    """The label of each training row whose answers agree."""
    from querist.engine.steps import training_rows

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


def _column(project: Project, name: str, rows: Array | None) -> Array | None:
    pool = project.pool()
    if name == "cost":
        values = pool.cost
    else:
        values = None if pool.group is None else np.unique([str(group) for group in pool.group], return_inverse=True)[1]
    if values is None:
        return None
    return np.asarray(values) if rows is None else np.asarray(values)[rows]
