"""Policies: pure functions from a summary of the project's state to a strategy, with the evidence for the choice."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from querist import registry
from querist.acquire.presets import strategy
from querist.acquire.select import required_signals
from querist.registry import register
from querist.types import Json, Strategy

LABELS_PER_CLASS: Final = 5
"""Coverage until there are so many labels for each class on average ..."""
PATIENCE: Final = 20
"""... and every declared class has been seen, or so many labels for each class could not find it."""
TINY_BATCH: Final = 5
"""Up to this batch size, diversity within a batch buys nothing."""
NARROW: Final = 10
"""Rows of fewer dimensions are compared by distance, not by direction."""
WEAK: Final = 0.55
"""Above this share of the errors of even guessing a model doubts nearly everything, and its doubts teach little."""
HARD: Final = 0.35
"""Up to this share of the errors of even guessing a model knows its way, and its doubts mark what it does not know."""
DOUBTS: Final = ("weighted_kmeans", "uncertainty_herding")
"""What `auto` asks by once it learns: the doubts of a model that errs little, or all that one is unsure of."""
COVERAGE: Final = frozenset({"max_herding", "typiclust", "kmeans", "k_center", "facility_location", "gsx", "random"})
"""Strategies that need no model."""
ARMS: Final = ("margin", "weighted_kmeans", "max_herding", "random")
"""What the bandits choose among if nothing else is said."""
REWARDED: Final = frozenset({"bandit_exp3", "bandit_thompson"})
"""Policies that learn from the rewards of past rounds."""
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
    """Out-of-fold accuracy above the majority class, with its interval; never from the evaluation lane.

    `error` is the share of rows that the model gets wrong out of fold, where it predicts one of several classes.
    """

    value: float
    low: float
    high: float
    error: float | None = None


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

    Coverage (`max_herding`) goes on until a model offers probabilities, each declared class has been seen, there are 5
    labels for each class on average, and out of fold the model makes at most 55 % of the errors of even guessing. A
    model that is wrong more often is too noisy or too simple for its doubts to be followed: on such data uncertainty
    loses against random labels, coverage does not. Then `weighted_kmeans` where it makes at most 35 %, else
    `uncertainty_herding`, which covers all that the model is unsure of; in either case to the end. While the errors are
    unknown, since a class has too few labels, two classes take the former and several the latter. `margin` where
    batches are tiny or there is no space to measure in. Once it has learned, a change back to coverage must be wanted
    two rounds running, and no change is taken back within three.

    Numbers are asked for by coverage of the features first and then by `lcmd`, several labels at once by their mean
    entropy with diversity.

    Args:
        situation: what is known of the project.

    Returns:
        The strategy of the next batch, with its evidence.

    The switch: Doucet, Estermann, Aczel & Wattenhofer, "Bridging Diversity and Uncertainty in Active Learning with
    Self-Supervised Pre-Training", 2024. What errors leave of the gain: Kääriäinen, ALT 2006.

    >>> auto(Situation(pool_size=1000, labelled=0, batch=20, classes_declared=2)).evidence["reason"]
    'coverage: there are no labels yet'
    """
    return _switch("auto", situation, _coverage(situation), _learning(situation))


@register("policy")
def typiclust_then_margin(situation: Situation) -> Decision:
    """Ask the most typical rows until there are 5 labels for each class, then the smallest margins.

    Like `auto`, with the two strategies of the paper; for embeddings of a good pre-trained model.

    Args:
        situation: what is known of the project.

    Returns:
        The strategy of the next batch, with its evidence.

    Doucet, Estermann, Aczel & Wattenhofer, 2024.

    >>> typiclust_then_margin(
    ...     Situation(pool_size=9, labelled=0, batch=2, classes_declared=2, signals=frozenset({"embed"}))
    ... ).strategy.name
    'typiclust'
    """
    first = strategy("typiclust") if "embed" in situation.signals else strategy("random")
    then = strategy("margin") if "proba" in situation.signals else first
    return _switch("typiclust_then_margin", situation, first, then)


@register("policy")
def bandit_exp3(
    situation: Situation,
    *,
    arms: Sequence[str] = ARMS,
    explore: float = 0.2,
    seed: int = 0,
) -> Decision:
    """Let rewards choose among strategies, with a guarantee against the best of them; slow to learn in few rounds.

    Exp4 with the strategies as experts, each of whom always advises itself. The engine's reward is how much the labels
    of a batch changed the model's predictions for the pool, in proportion to how many labels there were.

    Args:
        situation: what is known of the project; rewards of past rounds are in [0, 1].
        arms: the strategies to choose among; those whose signals are not offered are left out.
        explore: share of the choice that is uniform.
        seed: of the draw, together with the number of the round.

    Returns:
        The strategy of the next batch; the evidence has the probability of each arm.

    Auer, Cesa-Bianchi, Freund & Schapire, SIAM Journal on Computing 2002; on strategies: Hsu & Lin, "Active Learning
    by Learning", AAAI 2015.

    >>> rounds = (PastRound("margin", reward=0.9), PastRound("random", reward=0.0)) * 20
    >>> ready = Situation(9, 50, 2, 2, signals=frozenset({"proba", "embed"}), rounds=rounds)
    >>> odds = bandit_exp3(ready, arms=("margin", "random")).evidence["probabilities"]
    >>> odds["margin"] > 0.8
    True
    """
    offered = _offered(arms, situation)
    if not offered:
        return _switch("bandit_exp3", situation, _coverage(situation), _coverage(situation))
    gains = dict.fromkeys(offered, 0.0)
    for past in situation.rounds:
        if past.strategy in gains and past.reward is not None:
            odds = _exp3_odds(gains, explore)
            gains[past.strategy] += min(max(past.reward, 0.0), 1.0) / odds[past.strategy]
    odds = _exp3_odds(gains, explore)
    rng = np.random.default_rng([seed, len(situation.rounds)])
    name = str(rng.choice(offered, p=list(odds.values())))
    reason = f"{name}: drawn with probability {odds[name]:.2f}, by the rewards of {len(situation.rounds)} rounds"
    evidence = {"policy": "bandit_exp3", "wanted": name, "in_force": name, "reason": reason, "probabilities": odds}
    return Decision(strategy(name), {**evidence, **_numbers(situation)})


@register("policy")
def bandit_thompson(situation: Situation, *, arms: Sequence[str] = ARMS, seed: int = 0) -> Decision:
    """Let rewards choose among strategies, each as often as it is likely to be the best; for rewards that are steady.

    Rewards are those of `bandit_exp3`.

    Args:
        situation: what is known of the project; rewards of past rounds are in [0, 1].
        arms: the strategies to choose among; those whose signals are not offered are left out.
        seed: of the draw, together with the number of the round.

    Returns:
        The strategy of the next batch; the evidence has the mean reward believed of each arm.

    Thompson, Biometrika 1933; on strategies: Zhang, Katz-Samuels, Nowak, "TAILOR", NeurIPS 2023.

    >>> rounds = (PastRound("margin", reward=1.0), PastRound("random", reward=0.0)) * 20
    >>> ready = Situation(9, 50, 2, 2, signals=frozenset({"proba", "embed"}), rounds=rounds)
    >>> bandit_thompson(ready, arms=("margin", "random")).strategy.name
    'margin'
    """
    offered = _offered(arms, situation)
    if not offered:
        return _switch("bandit_thompson", situation, _coverage(situation), _coverage(situation))
    wins, losses = dict.fromkeys(offered, 1.0), dict.fromkeys(offered, 1.0)
    for past in situation.rounds:
        if past.strategy in wins and past.reward is not None:
            reward = min(max(past.reward, 0.0), 1.0)
            wins[past.strategy] += reward
            losses[past.strategy] += 1 - reward
    rng = np.random.default_rng([seed, len(situation.rounds)])
    drawn = {name: float(rng.beta(wins[name], losses[name])) for name in offered}
    name = max(offered, key=lambda arm: drawn[arm])
    means = {arm: wins[arm] / (wins[arm] + losses[arm]) for arm in offered}
    reason = f"{name}: the highest of one draw for each arm from what its rewards leave open"
    evidence = {"policy": "bandit_thompson", "wanted": name, "in_force": name, "reason": reason, "means": means}
    return Decision(strategy(name), {**evidence, **_numbers(situation)})


def _exp3_odds(gains: Mapping[str, float], explore: float) -> dict[str, float]:
    rate = explore / len(gains)
    highest = max(gains.values())
    weights = {arm: math.exp(rate * (gain - highest)) for arm, gain in gains.items()}
    total = sum(weights.values())
    return {arm: (1 - explore) * weight / total + explore / len(gains) for arm, weight in weights.items()}


def _offered(arms: Sequence[str], situation: Situation) -> list[str]:
    """Return the arms whose model signals are all offered; features and answers are there at any time."""
    roles = ("labelled_", "pending_", "target_")
    return [
        arm
        for arm in arms
        if all(name in situation.signals or name.startswith(roles) for name in required_signals(strategy(arm)).needs)
    ]


def _switch(policy: str, situation: Situation, cover: Strategy, learn: Strategy) -> Decision:
    """Return the decision between coverage and learning, as the rounds before allow it."""
    doubt = _why_cover(situation)
    wanted = "coverage" if doubt else "learning"
    in_force, held = _settled(wanted, situation, forced=not _predicts(situation))
    chosen = cover if in_force == "coverage" else learn
    if held:
        text = f"{in_force} goes on: {held}"
    elif in_force == "coverage":
        text = f"coverage: {doubt}"
    else:
        text = f"{chosen.name}: the model beats the simplest guess, and has enough labels of every kind"
    evidence = {"policy": policy, "wanted": wanted, "in_force": in_force, "reason": text}
    return Decision(chosen, {**evidence, **_numbers(situation)})


def _predicts(situation: Situation) -> bool:
    return bool(situation.signals & {"proba", "label_proba", "mean", "parts_proba"})


def _why_cover(situation: Situation) -> str:
    """Return why the model cannot be relied upon yet, or an empty text."""
    if not situation.labelled:
        return "there are no labels yet"
    if not _predicts(situation):
        return "there is no model that predicts yet"
    kinds = max(1, situation.classes_declared)
    unseen = situation.classes_declared - situation.classes_seen
    if unseen > 0 and situation.labelled < PATIENCE * kinds:
        return f"{unseen} of {situation.classes_declared} classes have no label yet"
    if situation.labelled < LABELS_PER_CLASS * kinds:
        return f"{situation.labelled} labels are fewer than {LABELS_PER_CLASS} for each class"
    return _weakness(situation)


def _weakness(situation: Situation) -> str:
    """Return that the model errs too often, or an empty text.

    Asked only before the model first chooses: of labels that were asked because they are doubtful it always gets many
    wrong, and that says nothing about the pool.
    """
    error = None if situation.skill is None else situation.skill.error
    if error is None or any(regime_of(past) == "learning" for past in situation.rounds):
        return ""
    evenly = _evenly(situation)
    if error <= WEAK * evenly:
        return ""
    return f"out of fold the model is wrong in {error:.0%}, and even guessing in {evenly:.0%}: its doubts teach little"


def _settled(wanted: str, situation: Situation, *, forced: bool) -> tuple[str, str]:
    """Return the regime in force and, where it is not the wanted one, why it is held."""
    past = [regime_of(past) for past in situation.rounds]
    if forced or "learning" not in past or past[-1] == wanted:
        return wanted, ""
    since = next((i for i, regime in enumerate(reversed(past)) if regime != past[-1]), None)
    if since is not None and since < SETTLE:
        return past[-1], f"it was switched to {since} rounds ago"
    if situation.rounds[-1].wanted != wanted:
        return past[-1], f"{wanted} is wanted for the first time, and must be twice running"
    return wanted, ""


def regime_of(past: PastRound) -> str:
    """Return whether a past round covered or learned, by its strategy.

    >>> regime_of(PastRound("max_herding")), regime_of(PastRound("margin"))
    ('coverage', 'learning')
    """
    return "coverage" if past.strategy in COVERAGE else "learning"


def _coverage(situation: Situation) -> Strategy:
    if "embed" not in situation.signals:
        return strategy("random")
    return strategy("max_herding", _space(situation))


def _learning(situation: Situation) -> Strategy:
    spread = "embed" in situation.signals and situation.batch > TINY_BATCH
    if "proba" in situation.signals:
        return _by_doubt(situation) if spread else strategy("margin")
    if "label_proba" in situation.signals:
        by_labels = strategy("mean_label_entropy")
        return replace(strategy("weighted_kmeans"), scorer="mean_label_entropy") if spread else by_labels
    if "mean" in situation.signals and "embed" in situation.signals and registry.has("selector", "lcmd"):
        return strategy("lcmd")
    return _coverage(situation)


def _by_doubt(situation: Situation) -> Strategy:
    """Return how to follow the doubts of a model of classes; what was begun with goes on.

    Later errors out of fold are those on labels that were asked because they are doubtful: they say nothing new.
    """
    before = [past.strategy for past in situation.rounds if past.strategy in DOUBTS]
    error = None if situation.skill is None else situation.skill.error
    knows = situation.classes_declared <= 2 if error is None else error <= HARD * _evenly(situation)
    name = before[-1] if before else DOUBTS[0] if knows else DOUBTS[1]
    return strategy(name, _space(situation) if name == DOUBTS[1] else {})


def _evenly(situation: Situation) -> float:
    """The share of errors of guessing evenly among the classes seen."""
    return 1 - 1 / max(2, situation.classes_seen)


def _space(situation: Situation) -> Json:
    """How coverage measures: few dimensions are compared by distance, many by direction."""
    return {"unit": False} if 0 < situation.dim < NARROW else {}


def _numbers(situation: Situation) -> dict[str, Any]:
    skill = situation.skill
    return {
        "labelled": situation.labelled,
        "classes_declared": situation.classes_declared,
        "classes_seen": situation.classes_seen,
        "batch": situation.batch,
        "skill": None if skill is None else {"value": skill.value, "low": skill.low, "high": skill.high},
        "error": None if skill is None else skill.error,
    }
