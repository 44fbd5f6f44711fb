"""Policies: pure functions from a summary of the project's state to a strategy, with the evidence for the choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from querist.acquire.presets import strategy
from querist.registry import register
from querist.types import Json, Strategy

LABELS_PER_CLASS: Final = 5
"""Coverage until there are so many labels for each class on average ..."""
PATIENCE: Final = 20
"""... and every declared class has been seen, or so many labels for each class could not find it."""
TINY_BATCH: Final = 5
"""Up to this batch size, diversity within a batch buys nothing."""
SETTLE: Final = 3
"""A switch is not taken back within so many rounds."""


@dataclass(frozen=True, slots=True)
class PastRound:
    """A round that was: the strategy in force, what its policy wanted (`evidence["wanted"]`), and its reward."""

    strategy: str
    wanted: str | None = None
    reward: float | None = None


@dataclass(frozen=True, slots=True)
class Skill:
    """Out-of-fold accuracy above the majority class, with its interval; never from the evaluation lane."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Situation:
    """What a policy may know. Built by the engine from the ledger; holds nothing from the evaluation lane.

    `signals` are what the model offers, empty before there is one (`embed` comes from the features and is there as soon
    as they are). `rounds` are the past rounds, oldest first.
    """

    pool_size: int
    labelled: int
    batch: int
    classes_declared: int
    labelled_per_class: Mapping[str, int] = field(default_factory=dict)
    task: str = "single_label"
    signals: frozenset[str] = frozenset()
    dim: int = 0
    head: bool = False
    duplicate_share: float = 0.0
    skill: Skill | None = None
    predicted_shares: Mapping[str, float] = field(default_factory=dict)
    rounds: tuple[PastRound, ...] = ()

    @property
    def classes_seen(self) -> int:
        """How many classes have a label."""
        return sum(count > 0 for count in self.labelled_per_class.values())


@dataclass(frozen=True, slots=True)
class Decision:
    """The strategy of the next batch; `evidence` (JSON) goes into the ledger with it."""

    strategy: Strategy
    evidence: Json


@register("policy")
def auto(situation: Situation) -> Decision:
    """Cover the pool while the model knows nothing, then ask by uncertainty and diversity; nothing to tune.

    Coverage goes on until a model offers probabilities that are better than the majority class (lower end of the
    out-of-fold interval above 0), each declared class has been seen, and there are 5 labels for each class on average.
    Then `weighted_kmeans`, or `margin` where batches are tiny or there is no space to measure in. A change must be
    wanted two rounds running, and is not taken back within three.

    Doucet et al., "Bridging diversity and uncertainty in active learning", 2024, for the switch.

    >>> auto(Situation(pool_size=1000, labelled=0, batch=20, classes_declared=2)).evidence["reason"]
    'coverage: there are no labels yet'
    """
    reason = _why_cover(situation)
    wanted, doubt = ("coverage", reason) if reason else ("learning", "")
    in_force, held = _settled(wanted, situation, forced="proba" not in situation.signals)
    chosen = _coverage(situation) if in_force == "coverage" else _learning(situation)
    if held:
        text = f"{in_force} goes on: {held}"
    elif in_force == "coverage":
        text = f"coverage: {doubt}"
    else:
        text = f"{chosen.name}: the model beats the majority class and every class is known"
    return Decision(
        chosen, {"policy": "auto", "wanted": wanted, "in_force": in_force, "reason": text, **_numbers(situation)}
    )


def _why_cover(situation: Situation) -> str:
    """Return why the model cannot be relied upon yet, or an empty text."""
    if not situation.labelled:
        return "there are no labels yet"
    if "proba" not in situation.signals:
        return "there is no model that gives probabilities yet"
    patient = situation.labelled < PATIENCE * situation.classes_declared
    unseen = situation.classes_declared - situation.classes_seen
    if unseen > 0 and patient:
        return f"{unseen} of {situation.classes_declared} classes have no label yet"
    if situation.labelled < LABELS_PER_CLASS * situation.classes_declared:
        return f"{situation.labelled} labels are fewer than {LABELS_PER_CLASS} for each class"
    if situation.skill is not None and situation.skill.low <= 0:
        return "out of fold, the model is not yet better than naming the majority class"
    return ""


def _settled(wanted: str, situation: Situation, *, forced: bool) -> tuple[str, str]:
    """Return the regime in force and, where it is not the wanted one, why it is held."""
    past = [regime_of(past) for past in situation.rounds]
    if not past or forced or past[-1] == wanted:
        return wanted, ""
    since = next((i for i, regime in enumerate(reversed(past)) if regime != past[-1]), None)
    if since is not None and since < SETTLE:
        return past[-1], f"it was switched to {since} rounds ago"
    if situation.rounds[-1].wanted != wanted:
        return past[-1], f"{wanted} is wanted for the first time, and must be twice running"
    return wanted, ""


def regime_of(past: PastRound) -> str:
    """Return whether a past round covered or learned, by its strategy.

    >>> regime_of(PastRound("kmeans")), regime_of(PastRound("margin"))
    ('coverage', 'learning')
    """
    return "coverage" if past.strategy in COVERAGE else "learning"


COVERAGE: Final = frozenset({"kmeans", "k_center", "random", "max_herding", "typiclust"})


def _coverage(situation: Situation) -> Strategy:
    return strategy("kmeans" if "embed" in situation.signals else "random")


def _learning(situation: Situation) -> Strategy:
    spread = "embed" in situation.signals and situation.batch > TINY_BATCH
    return strategy("weighted_kmeans" if spread else "margin")


def _numbers(situation: Situation) -> dict[str, Any]:
    skill = situation.skill
    return {
        "labelled": situation.labelled,
        "classes_declared": situation.classes_declared,
        "classes_seen": situation.classes_seen,
        "batch": situation.batch,
        "skill": None if skill is None else {"value": skill.value, "low": skill.low, "high": skill.high},
    }
