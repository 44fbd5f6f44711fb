"""Which strategy is in force, with the evidence for it: coverage first, then what the project asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from querist import registry
from querist.acquire.policies import Decision, PastRound, Situation, Skill, auto
from querist.acquire.presets import strategy as strategy_of
from querist.acquire.select import required_signals
from querist.engine.arrays import first_unfinite
from querist.engine.project import Project
from querist.engine.rewards import rewards
from querist.engine.round import State, seed_size
from querist.events import BatchSelected, DatasetFrozen, Fallback
from querist.types import Json, Strategy

PATIENT: Final = 3
"""Seed sets after which a named strategy takes over, whatever the model's skill."""


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
    number = state.round if state.phase in ("seed", "collect") or state.busy else state.round + 1
    return [Fallback(round=number, what="coverage", wanted="coverage", used="random items", reason=reason)]


def _coverage(situation: Situation, reason: str) -> Decision:
    decision = auto(dataclasses.replace(situation, signals=situation.signals - {"proba"}))
    return Decision(decision.strategy, {**decision.evidence, "policy": "seed set", "reason": reason})


def _skill(found: Mapping[str, float], offers: frozenset[str]) -> Skill:
    """The out-of-fold skill, with the share of errors where one class is predicted."""
    error = 1 - found["majority"] - found["skill"] if "proba" in offers else None
    return Skill(found["skill"], found["low"], found["high"], error)


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
        skill=_skill(skill, offers) if skill else None,
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
    rounds, earned = [], rewards(project, state)
    for recorded in project.store.events(kinds=["batch_selected"], through=state.seq):
        assert isinstance(recorded.event, BatchSelected)
        if recorded.event.part == 0:
            wanted = recorded.event.evidence.get("wanted")
            name = str(recorded.event.strategy["name"])
            rounds.append(PastRound(name, wanted, earned.get(recorded.event.round)))
    return tuple(rounds)
