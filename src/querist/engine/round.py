"""What next? A pure function of the ledger: `fold.fold` remembers, `next_step` decides. No clock, no I/O, no chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from querist.engine.due import (
    BuildFeatures,
    CheckHealth,
    DrawDuel,
    Evaluate,
    Freeze,
    Select,
    SettleDuel,
    Sound,
    Step,
    Stop,
    Train,
    Wait,
)
from querist.engine.layered import Layered
from querist.types import ItemId, Json, Lane, Outcome, Phase, ShortHash, Source

MEASURING: Final[frozenset[str]] = frozenset({"evaluation", "gold", "duel"})
"""Lanes whose answers measure and never train."""

OVERRULED_UNTIL: Final = 1.5
"""A rule that a person overruled may stop again when the labels have grown by this factor."""


WATCH: Final[Mapping[str, Any]] = {"drift": True, "every_days": 7.0, "labels": 20}
"""The defaults of the section `watch`."""

FIRST_LOOK: Final = 40
"""Random labels from which it is watched whether something changes."""

LOOK_AGAIN: Final = 1.5
"""Factor by which random labels have grown at the next look."""

EXHAUSTED: Final = "every item of the pool has been asked"
"""Why the engine waits when the pool has nothing left."""

MOST_RANDOM: Final = 0.9
"""Of what people label, so much may measure or be drawn at random; the rest is the strategy's."""


@dataclass(frozen=True, slots=True)
class Live:
    """An answer in force, without its value."""

    seq: int
    person: str
    outcome: Outcome
    lane: Lane | None
    source: Source


@dataclass(frozen=True, slots=True)
class Batch:
    """The items that the current round asked for; `short` is how many more were wanted than the pool had."""

    items: frozenset[ItemId] = frozenset()
    parts: int = 0
    short: int = 0
    opinions: int = 1


@dataclass(frozen=True, slots=True)
class State:
    """All that deciding the next step needs. Made by `fold` from nothing but events."""

    seq: int = 0
    spec: Mapping[str, Any] | None = None
    spec_seq: int = 0
    phase: Phase = "seed"
    round: int = 0
    batch: Batch = Batch()
    # the pool
    pool_size: int = 0
    pool: ShortHash = ""
    reserve: float = 0.0
    withdrawn: frozenset[ItemId] = frozenset()
    validation: int = 0
    # what people said
    live: Layered[ItemId, tuple[Live, ...]] = field(default_factory=Layered)
    item_of: Layered[int, ItemId] = field(default_factory=Layered)
    decided: Mapping[ItemId, int] = field(default_factory=dict)
    wanted: Mapping[ItemId, int] = field(default_factory=dict)
    again: frozenset[ItemId] = frozenset()
    gold: frozenset[ItemId] = frozenset()
    training: int = 0
    paid: int = 0
    lanes: Mapping[str, int] = field(default_factory=dict)
    answers: Mapping[str, int] = field(default_factory=dict)
    fresh: tuple[int, ...] = ()
    # classes
    classes: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reopened: frozenset[ItemId] = frozenset()
    # what the engine made
    features: ShortHash | None = None
    features_rows: int = 0
    dataset: ShortHash | None = None
    dataset_labelled: int = 0
    model: ShortHash | None = None
    model_round: int | None = None
    model_features: ShortHash | None = None
    tried_features: ShortHash | None = None
    stop_rule: str | None = None
    stop_evidence: Json = field(default_factory=dict)
    stopped: str | None = None
    overruled: Mapping[str, int] = field(default_factory=dict)
    retrain: bool = False
    refit: bool = False
    # better than random?
    strategy_seq: int = 0
    alarms_due: Mapping[str, Json] = field(default_factory=dict)
    alarms: Mapping[str, Json] = field(default_factory=dict)
    settle_asked: int | None = None
    # has something changed?
    looks: int = 0
    tested: int = 0
    looked_random: int = 0
    looked_rows: int = 0
    check_asked: bool = False
    checking: bool = False
    duel: frozenset[ItemId] = frozenset()
    duel_seq: int | None = None

    def setting(self, section: str, key: str) -> Any:
        """Return a setting of the spec in force."""
        assert self.spec is not None
        return self.spec[section][key]

    @property
    def choosing_model(self) -> ShortHash | None:
        """The model that may choose: the last good one, while the features it was fitted on are in force."""
        return self.model if self.model_features == self.features else None

    @property
    def refitted(self) -> bool:
        """Whether the features changed under a model, and no training on the new ones was tried yet."""
        return self.choosing_model is None and self.model is not None and self.tried_features != self.features

    @property
    def busy(self) -> bool:
        """Whether a round has begun that is finished before anything else."""
        return self.phase in ("freeze", "train", "evaluate")

    @property
    def random_answers(self) -> int:
        """Answers of the two random lanes."""
        return self.lanes.get("evaluation", 0) + self.lanes.get("control", 0)

    @property
    def resting(self) -> bool:
        """Whether nobody is asked: the project has stopped, and no check is out."""
        return self.stopped is not None and not self.checking

    @property
    def checks_with_labels(self) -> bool:
        """Whether a check first asks people for labels: in a project that has stopped, if the settings say so."""
        return self.stopped is not None and watch_setting(self, "labels") > 0

    @property
    def outstanding(self) -> int:
        """Items of the current batch that nobody has settled yet."""
        return sum(not self.settled(item) for item in self.batch.items)

    @property
    def untouched(self) -> int:
        """Items of the current batch that nobody has answered yet."""
        return sum(item not in self.live and not self.settled(item) for item in self.batch.items)

    def settled(self, item: ItemId) -> bool:
        """Whether enough people have had a say on the item, or it has left the pool."""
        if item in self.withdrawn or item in self.decided:
            return True
        return item not in self.again and len(self.live.get(item, ())) >= self.wanted.get(item, self.batch.opinions)


def next_step(state: State) -> Step | Wait:
    """Return the one step that is due, or what is waited for.

    >>> next_step(State())
    Wait(reason='the project has not been created', missing=0)
    """
    if state.spec is None:
        return Wait("the project has not been created")
    if state.pool_size == 0:
        return Wait("the pool is empty")
    if state.phase in ("seed", "collect", "select", "stopped", "maintain") and (
        state.features_rows < state.pool_size or state.refit
    ):
        return BuildFeatures()
    if not state.busy and (step := _about_random(state) or _about_change(state)) is not None:
        return step
    match state.phase:
        case "freeze" | "train":
            return Train(state.round)
        case "evaluate":
            return Evaluate(state.round)
        case "decide" | "select" | "stopped" | "maintain" if state.refitted:
            return Freeze(state.round + 1)
        case _ if state.stopped is not None:
            return _maintain(state)
        case "decide" | "select":
            return _stop_or_go_on(state)
        case "seed":
            return Freeze(0) if missing_labels(state) == 0 else Select(0, 0)
        case _:
            return _collect(state)


def next_beside(state: State) -> Select | None:
    """Return what may be done beside a step that takes long: more items, where people would run out of them meanwhile.

    In batch mode people wait for the round; in continuous mode nobody waits for a model.

    >>> next_beside(State()) is None
    True
    """
    people_go_on = (state.phase == "collect" or state.busy) and state.stopped is None
    if not people_go_on or state.setting("loop", "mode") == "batch" or state.features_rows < state.pool_size:
        return None
    if state.refit or not _queue_is_low(state, state.outstanding):
        return None
    return Select(state.round, state.batch.parts)


def _about_random(state: State) -> Step | None:
    """What is due of the comparison with random labelling."""
    if state.alarms_due:
        name = min(state.alarms_due)
        return Sound(state.round, name, state.alarms_due[name])
    if state.settle_asked is not None:
        return DrawDuel(state.round, state.settle_asked)
    if state.duel_seq is not None and all(state.settled(item) for item in state.duel):
        return SettleDuel(state.duel_seq)
    return None


def _about_change(state: State) -> Step | None:
    """A look at whether something has changed: when random labels grew by half, when items joined, when asked."""
    if state.choosing_model is None or not watch_setting(state, "drift"):
        return None
    asked = state.check_asked and not state.checks_with_labels
    joined = 0 < state.looked_rows < state.pool_size
    grown = not state.checking and state.random_answers >= max(FIRST_LOOK, LOOK_AGAIN * state.looked_random)
    return CheckHealth(state.looks + 1) if asked or joined or grown else None


def _maintain(state: State) -> Step | Wait:
    """After a stop: a training where one is asked for, and checks with a few fresh labels; nothing else."""
    if state.retrain and state.fresh:
        return Freeze(state.round + 1)
    if state.checking:
        missing = state.outstanding
        return Wait("labels of a check", missing) if missing else CheckHealth(state.looks + 1)
    if state.check_asked and state.checks_with_labels and state.choosing_model is not None:
        return Select(state.round + 1, 0)
    return Wait(f"stopped: {state.stopped}")


def watch_setting(state: State, key: str) -> Any:
    """Return a setting of `watch`; its default for a ledger that is older than the watch."""
    given = {} if state.spec is None else state.spec.get("watch", {})
    return given.get(key, WATCH[key])


def about_health(alarm: str) -> bool:
    """Whether an alarm says that something has changed; such an alarm outlives the strategy.

    >>> about_health("health:labels"), about_health("worse_than_random")
    (True, False)
    """
    return alarm.startswith("health:")


def control_share(state: State) -> float:
    """Return the share of labels that the control lane gets: as set, or as an alarm has raised it."""
    until = int(state.setting("lanes", "control_until"))
    given = float(state.setting("lanes", "control" if state.training < until else "control_after"))
    if given <= 0:
        return 0.0
    raised = max((float(evidence.get("control", 0.0)) for evidence in state.alarms.values()), default=0.0)
    others = sum(float(state.setting("lanes", lane)) for lane in ("evaluation", "relabel", "gold"))
    return max(given, min(raised, MOST_RANDOM - others))


def _stop_or_go_on(state: State) -> Step | Wait:
    if state.stop_rule is not None and not is_overruled(state, state.stop_rule):
        return Stop(state.round, state.stop_rule, state.stop_evidence)
    return Select(state.round + 1, 0)


def is_overruled(state: State, rule: str) -> bool:
    """Whether a person overruled the rule, and the labels have not grown by half since."""
    return rule in state.overruled and state.paid < OVERRULED_UNTIL * state.overruled[rule]


def _collect(state: State) -> Step | Wait:
    missing = missing_labels(state)
    outstanding = state.outstanding
    exhausted = outstanding == 0 and state.batch.short > 0
    if state.setting("loop", "mode") == "batch":
        due = outstanding == 0 and bool(state.fresh)
    else:
        due = missing == 0 or (bool(state.fresh) and (exhausted or budget_left(state) <= 0))
    if due or state.refitted or (state.retrain and state.fresh):
        return Freeze(state.round)
    if budget_left(state) <= 0:
        return Stop(state.round, "budget", {"labels": state.paid})
    if exhausted:
        return Wait(EXHAUSTED)
    if _queue_is_low(state, outstanding):
        # In batch mode a batch without any answer to learn from is followed by another.
        return Select(state.round, state.batch.parts)
    return Wait("labels", missing)


def _queue_is_low(state: State, outstanding: int) -> bool:
    # What is out with people may use the budget up: no more is chosen beside it.
    if state.batch.short > 0 or outstanding >= budget_left(state):
        return False
    if state.setting("loop", "mode") == "batch":
        return outstanding == 0
    # A batch before the end: people hold some of it, and choosing takes its time. Items that wait for other people's
    # opinions are not counted: who has answered them gets new ones.
    return state.untouched < batch_size(state)


def missing_labels(state: State) -> int:
    """Return how many more training labels start a training."""
    every = state.setting("loop", "retrain_every")
    wanted = max(int(every["least"]), int(every["share"] * state.dataset_labelled))
    return max(0, wanted - len(state.fresh))


def batch_size(state: State) -> int:
    """Return the size of a batch: as set, else 50, or 2 % of the budget if that is more, at most 500."""
    given = int(state.setting("loop", "batch"))
    return given or max(50, min(500, (budget(state) or 0) // 50))


def seed_size(state: State) -> int:
    """Return how many training labels are chosen by coverage before the strategy takes over."""
    seed_set = state.setting("loop", "seed_set")
    return max(int(seed_set["least"]), int(seed_set["per_class"]) * len(state.classes))


def opinions(state: State) -> int:
    """Return how many people are asked about each item of the batches to come."""
    return 1 if state.spec is None else int(state.spec.get("labels", {}).get("opinions", 1))


def budget(state: State) -> int | None:
    """Return the number of labels that the budget rules allow, if there are any; money is labels at one price."""
    rules = [rule for rule in state.setting("stop", "any") if rule.get("rule") == "budget"]
    allowed = [int(rule["labels"]) for rule in rules if "labels" in rule]
    price = float(state.setting("cost", "per_label"))
    if price and not state.setting("pool", "cost"):
        allowed += [int(rule["money"] // price) for rule in rules if "money" in rule]
    return min(allowed, default=None)


def budget_left(state: State) -> float:
    """Return how many labels the budget still allows; infinity without one, or where a person overruled it."""
    labels = budget(state)
    if labels is None or is_overruled(state, "budget"):
        return float("inf")
    return labels - state.paid
