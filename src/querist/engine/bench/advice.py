"""Is active learning likely to pay? The verdict on what the data say and what labelling costs, with its reasons. Pure.

What makes an answer certain is measured by `advising.look`; this module only weighs it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from querist.errors import BadValue
from querist.measure import words
from querist.types import Json

ENOUGH_FOR_A_REHEARSAL: Final = 150
"""Labels from which active and random labelling are tried against each other on them."""
EVALUATION: Final = (0.25, 200)
"""Labels that measure: a share of all, and at most so many; the default of projects."""
FEW_ROUNDS: Final = 5
RARE: Final = 0.1
MISJUDGED: Final = 0.15
"""Calibration error from which a model's doubts say little."""
ELSEWHERE: Final = (0.0, 0.78)
"""The least and the most that `auto` saved on the three sets of docs/benchmarks.md that are finished."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What labelling would cost; None stands for what nobody has told.

    `labels` is how many would be labelled at random; `overhead_hours` is your own time that a random sample and a
    spreadsheet would not have taken; `rounds` is how often answers come back before the model must be there.
    """

    labels: int | None = None
    price: float | None = None
    currency: str = "USD"
    seconds: float | None = None
    overhead_hours: float = 4.0
    rounds: int | None = None

    def __post_init__(self) -> None:
        for name, least in (("labels", 1), ("price", 0), ("seconds", 0), ("overhead_hours", 0), ("rounds", 1)):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= least):
                raise BadValue(name, value, f"must be a number of {least} or more")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the data themselves say. `saved` is the share of labels that a rehearsal saved: value, low, high."""

    items: int
    unlabelled: int
    duplicates: int = 0
    rejected: int = 0
    near_copies: float | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    skill: Json = field(default_factory=dict)
    calibration: Json = field(default_factory=dict)
    saved: Json | None = None

    @property
    def seeds(self) -> int:
        """Labels that are there already."""
        return sum(self.classes.values())


def weigh(facts: Facts, plan: Plan) -> Json:
    """Return the verdict on facts and a plan, with its reasons.

    >>> saved = {"value": 0.5, "low": 0.4, "high": 0.6, "labels": 200, "of": 500}
    >>> facts = Facts(items=20_000, unlabelled=20_000, saved=saved)
    >>> found = weigh(facts, Plan(labels=1_000, price=0.5, seconds=30))
    >>> found["verdict"], found["estimate"]["labels"], found["estimate"]["money"]
    ('likely', {'low': 200, 'high': 400}, {'low': 100.0, 'high': 200.0})
    """
    labels = plan.labels or min(1_000, facts.unlabelled)
    estimate = _estimate(facts, plan, labels)
    sides = _sides(facts, plan, labels, estimate)
    verdict = _verdict(estimate, sides)
    return {
        "verdict": verdict,
        "sentence": _sentence(verdict, estimate) if facts.unlabelled else _all_labelled(facts),
        "facts": {**asdict(facts), "classes": dict(facts.classes), "seeds": facts.seeds},
        "plan": {**asdict(plan), "labels": labels, "labels_told": plan.labels is not None},
        "estimate": estimate,
        **sides,
    }


def _estimate(facts: Facts, plan: Plan, labels: int) -> Json:
    """Labels saved, less those that measure; in money and hours where their price is known."""
    low, high = (facts.saved["low"], facts.saved["high"]) if facts.saved else ELSEWHERE
    measuring = min(round(EVALUATION[0] * labels), EVALUATION[1])
    labels = min(labels, facts.unlabelled)
    ends = {"low": round(low * labels) - measuring, "high": round(high * labels) - measuring}
    found: Json = {"share": {"low": low, "high": high}, "measuring": measuring, "labels": ends}
    found |= {"measured": facts.saved is not None, "currency": plan.currency}
    found["money"] = None if plan.price is None else {end: n * plan.price for end, n in ends.items()}
    hours = None if plan.seconds is None else {end: n * plan.seconds / 3600 for end, n in ends.items()}
    found["hours"] = None if hours is None else {end: h - plan.overhead_hours for end, h in hours.items()}
    found["pays_from"] = math.ceil(EVALUATION[1] / high) if high > 0 else None
    return found


def _verdict(estimate: Json, sides: Json) -> str:
    if any(reason["decides"] for reason in sides["against"]):
        return "unlikely"
    # Money can outweigh hours that are lost, hours cannot outweigh labels that are not saved.
    hours = estimate["hours"] if not estimate["money"] else None
    worth = [ends for ends in (estimate["labels"], hours) if ends is not None]
    if any(ends["high"] <= 0 for ends in worth):
        return "unlikely"
    if estimate["measured"] and all(ends["low"] > 0 for ends in worth):
        return "likely"
    return "open"


def _sentence(verdict: str, estimate: Json) -> str:
    said = {
        "likely": "Active learning will probably pay here",
        "unlikely": "Active learning will probably not pay here",
        "open": "Whether active learning pays here is open",
    }[verdict]
    basis = "by a rehearsal on your labels" if estimate["measured"] else "by how it went on other data"
    parts = [f"{_between(estimate['labels'], 'labels')}, net of {estimate['measuring']} that measure, {basis}"]
    if estimate["money"] is not None:
        parts.append(_between(estimate["money"], estimate["currency"]))
    if estimate["hours"] is not None:
        parts.append(f"{_between(estimate['hours'], 'hours', digits=1)}, your own time counted")
    return f"{said}: {'; '.join(parts)}."


def _all_labelled(facts: Facts) -> str:
    return (
        f"All {facts.items:,} items have labels already: nothing is left to choose. `querist simulate` compares "
        "strategies on such data."
    )


def _between(ends: Mapping[str, float], unit: str, digits: int = 0) -> str:
    """A range of savings; what is below nothing is lost.

    >>> _between({"low": -200, "high": 400}, "labels"), _between({"low": 10, "high": 30.5}, "EUR")
    ('between 200 labels lost and 400 labels saved', 'between 10 and 30 EUR saved')
    """
    low, high = (f"{abs(ends[end]):,.{digits}f}" for end in ("low", "high"))
    if ends["low"] >= 0:
        return f"between {low} and {high} {unit} saved"
    if ends["high"] <= 0:
        return f"between {high} and {low} {unit} lost"
    return f"between {low} {unit} lost and {high} {unit} saved"


def _sides(facts: Facts, plan: Plan, labels: int, estimate: Json) -> Json:
    return {
        "for": [*_of_copies(facts), *_of_rarity(facts, labels), *_of_a_good_model(facts), *_of_savings(estimate)],
        "against": _against(facts, plan, labels, estimate),
        "unknown": _not_known(facts, plan),
    }


def _against(facts: Facts, plan: Plan, labels: int, estimate: Json) -> list[Json]:
    if not facts.unlabelled:
        return [_reason("No item without a label is left.", decides=True)]
    return [
        *_of_size(facts, labels),
        *_of_cheapness(plan, estimate, labels),
        *_of_a_weak_model(facts),
        *_of_slowness(plan),
        *_of_losses(estimate),
    ]


def _reason(sentence: str, *, decides: bool = False, **figures: Any) -> Json:
    return {"sentence": sentence, "decides": decides, **figures}


def _of_copies(facts: Facts) -> list[Json]:
    found = []
    rows = facts.items + facts.duplicates
    if facts.duplicates >= 0.02 * rows:
        share = facts.duplicates / rows
        found.append(
            _reason(
                f"{facts.duplicates:,} of {rows:,} rows are exact copies ({share:.0%}): each is asked once only. "
                "Removing them by hand would save the same.",
                share=share,
            )
        )
    if facts.near_copies is not None and facts.near_copies >= 0.1:
        found.append(
            _reason(
                f"{facts.near_copies:.0%} of the items are nearly copies of another: labelling at random pays for them "
                "twice, a strategy with diversity does not (margin alone does).",
                share=facts.near_copies,
            )
        )
    return found


def _of_rarity(facts: Facts, labels: int) -> list[Json]:
    if facts.seeds < words.ENOUGH_FOR_ACCURACY:
        return []
    name = min(facts.classes, key=lambda one: facts.classes[one])
    share = facts.classes[name] / facts.seeds
    if share >= RARE:
        return []
    return [
        _reason(
            f"The class {name} is rare ({share:.1%}): {labels:,} random labels would hold about {share * labels:,.0f} "
            f"of it, and strategies find rare classes sooner. Measure its recall; accuracy will hardly move.",
            share=share,
        )
    ]


def _of_a_good_model(facts: Facts) -> list[Json]:
    skill = facts.skill
    if "low" not in skill or skill["low"] <= 0:
        return []
    sentence = f"The model already knows something: {_above_the_largest(skill)}."
    error = facts.calibration.get("ece_after")
    if error is not None:
        sentence += f" What it says of itself is off by {100 * error:.0f} points on average, once calibrated."
    return [_reason(sentence, skill=skill["skill"], calibration_error=error)]


def _of_savings(estimate: Json) -> list[Json]:
    if not estimate["measured"] or estimate["share"]["high"] <= 0:
        return []
    share = estimate["share"]
    return [_reason(f"Rehearsed on your labels, it saved {share['low']:.0%} to {share['high']:.0%} of them.", **share)]


def _of_losses(estimate: Json) -> list[Json]:
    share, ends = estimate["share"], estimate["labels"]
    found = []
    if estimate["measured"] and share["low"] <= 0:
        saved = f"between {share['low']:.0%} and {share['high']:.0%}"
        found.append(_reason(f"The rehearsal saw no certain saving: {saved}.", **share))
    if ends["high"] <= 0:
        pays = estimate["pays_from"]
        rest = f" It begins to pay from about {pays:,} labels." if pays else ""
        found.append(
            _reason(f"Proving a saving takes {estimate['measuring']} labels, which is all that it could save.{rest}")
        )
    return found


def _of_size(facts: Facts, labels: int) -> list[Json]:
    if labels < 0.8 * facts.unlabelled:
        return []
    return [
        _reason(
            f"The pool is tiny: {labels:,} of {facts.unlabelled:,} items without a label would be labelled, which "
            "leaves nothing to choose.",
            decides=True,
        )
    ]


def _of_cheapness(plan: Plan, estimate: Json, labels: int) -> list[Json]:
    if plan.seconds is None or estimate["hours"]["high"] > 0:
        return []
    hours = labels * plan.seconds / 3600
    return [
        _reason(
            f"Labels are cheap: all {labels:,} take {hours:.1f} hours, and the most that could be saved is less than "
            f"the {plan.overhead_hours:g} hours that setting up costs you.",
            decides=plan.price in (None, 0),
            hours=hours,
        )
    ]


def _of_a_weak_model(facts: Facts) -> list[Json]:
    skill = facts.skill
    if "failed" in skill:
        return [_reason(f"The model could not be trained on the labels that are there: {skill['failed']}.")]
    found = []
    if "low" in skill and skill["low"] <= 0:
        sentence = (
            f"The model is weak: {_above_the_largest(skill)}, which may be nothing. The doubts of a weak model "
            "mislead: try other features or another model first."
        )
        found.append(_reason(sentence, skill=skill["skill"]))
    error = facts.calibration.get("ece_after")
    if error is not None and error > MISJUDGED:
        sentence = f"The model misjudges itself by {100 * error:.0f} points, even calibrated: its doubts say little."
        found.append(_reason(sentence, calibration_error=error))
    return found


def _above_the_largest(skill: Json) -> str:
    low, value, high = (f"{100 * skill[end]:.0f}" for end in ("low", "skill", "high"))
    return (
        f"out of fold it is {value} points better than naming the largest class (between {low} and {high}, from "
        f"{skill['n']} labels)"
    )


def _of_slowness(plan: Plan) -> list[Json]:
    if plan.rounds is None or plan.rounds >= FEW_ROUNDS:
        return []
    return [
        _reason(
            f"Answers come back {plan.rounds} times only: the model can choose anew that often, and most of what a "
            "strategy gains it gains by choosing anew.",
            decides=plan.rounds == 1,
        )
    ]


def _not_known(facts: Facts, plan: Plan) -> list[str]:
    found = []
    if facts.seeds < ENOUGH_FOR_A_REHEARSAL:
        found.append(
            f"How your model learns on your data: {facts.seeds} labels are there; with {ENOUGH_FOR_A_REHEARSAL} drawn "
            "at random it would be tried out. Until then the range is what three other data sets showed."
        )
    else:
        found.append(
            f"Whether it goes on like that beyond {facts.saved['labels'] if facts.saved else facts.seeds} labels, and "
            "whether your labels are a random sample: if they were picked, none of this holds."
        )
    if plan.labels is None:
        found.append("How many labels you would buy without active learning (--labels); 1,000 was taken.")
    if plan.seconds is None:
        found.append("How long an answer takes (--seconds-per-label): so no hours.")
    if plan.price is None:
        found.append("What an answer costs (--cost-per-label): so no money.")
    if plan.rounds is None:
        found.append("How often answers come back before you need the model (--rounds).")
    found.append("How often people err, which classes are still to come, and whether the data will change.")
    return found


def advice_text(found: Json, name: str) -> str:
    """Return the advice as a page for a terminal."""
    lines = [f"{name}: {found['sentence']}"]
    for title, side in (("for", "for"), ("against", "against")):
        lines += [f"{title:>8}: {reason['sentence']}" for reason in found[side]] or [
            f"{title:>8}: nothing that is known"
        ]
    lines += [f" unknown: {sentence}" for sentence in found["unknown"]]
    return "\n".join(lines)
