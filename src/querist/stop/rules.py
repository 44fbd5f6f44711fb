"""When to stop asking: rules over a project's history, each with its evidence; they advise, people decide.

Every rule is a pure function `rule(history, *, settings) -> Verdict`, registered under its name. A raw plateau of the
measured accuracy is not among them: it stopped too early in 16 to 100 % of simulated projects.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from querist.errors import BadValue, UnknownName
from querist.registry import register
from querist.stop.history import History, last_doubling
from querist.stop.verdicts import Verdict
from querist.types import Json

START: Final = 160
"""Training labels before which no rule about learning fires."""
ONE_CLASS: Final = "The model predicts one class only: that is not settled."


@register("stop_rule")
def budget(
    history: History, *, labels: int | None = None, money: float | None = None, hours: float | None = None
) -> Verdict:
    """Stop when a budget of labels, money or hours is used up; whichever of those given ends first.

    >>> budget(History((), labels=760), labels=1000).sentence
    '240 labels are left of 1000.'
    """
    limits = {"labels": labels, "money": money, "hours": hours}
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if not given:
        raise BadValue("budget", "none", "give labels, money or hours", choices=limits)
    spent = {name: getattr(history, name) for name in given}
    left = {name: max(limit - spent[name], 0) for name, limit in given.items()}
    unit = {"labels": "labels", "money": history.currency, "hours": "hours"}
    used_up = [name for name in given if spent[name] >= given[name]]
    if used_up:
        sentence = f"The budget is used up: {' and '.join(f'{_amount(given[u])} {unit[u]}' for u in used_up)}."
    else:
        listed = [f"{_amount(left[name])} {unit[name]} are left of {_amount(given[name])}" for name in given]
        sentence = f"{', '.join(listed)}."
    return Verdict("budget", bool(used_up), {"limit": given, "spent": spent, "left": left}, sentence)


@register("stop_rule")
def target(history: History, *, metric: str = "accuracy", at_least: float = 0.9) -> Verdict:
    """Stop when a metric has reached a target, by the lower end of an interval that holds at every look.

    A one-look interval checked every round would promise falsely in up to 18 % of projects.

    Args:
        history: its `promises` must hold the metric, unless nothing has been measured yet.
        metric: a name in `promises`.
        at_least: the target, in the unit of the metric.

    Howard, Ramdas, McAuliffe & Sekhon, Annals of Statistics 2021.
    """
    if metric not in history.promises:
        if history.promises:
            raise UnknownName("metric", metric, history.promises)
        evidence = {"metric": metric, "at_least": at_least, "n": 0}
        return Verdict("target", False, evidence, f"{_percent(at_least)} {metric} is the target; none is measured yet.")
    bounds = history.promises[metric]
    fired = bounds.low >= at_least
    evidence = {
        "metric": metric,
        "at_least": at_least,
        "value": bounds.value,
        "low": bounds.low,
        "high": bounds.high,
        "n": bounds.n,
    }
    # The bound is rounded down, so that it never seems to touch a target that it has not reached.
    promise = f"{metric.replace('_', ' ')} is at least {_percent(_down(bounds.low))}"
    sentence = f"The target of {_percent(at_least)} is {'reached' if fired else 'not certain yet'}: {promise}"
    return Verdict("target", fired, evidence, f"{sentence}, and this holds however often you look.")


@register("stop_rule")
def stabilised(history: History, *, kappa: float = 0.99, window: int = 3, start: int = START) -> Verdict:
    """Stop when successive models predict the same on the unlabelled reserve; needs no labels.

    Args:
        history: rounds with predictions.
        kappa: least mean agreement (Cohen's kappa) of neighbouring models.
        window: how many agreements are averaged.
        start: training labels before which it does not fire.

    Bloodgood & Vijay-Shanker, CoNLL 2009.

    >>> from querist.stop.history import Round
    >>> same = np.tile([0, 1], 1000)
    >>> stabilised(History(tuple(Round(160 + 20 * i, same, np.array([True])) for i in range(4)))).fired
    True
    """
    agreements, labelled = history.agreements(window), history.labelled
    mean = float(np.mean(agreements)) if agreements else None
    changed = max(history.changes(window), default=None)
    evidence = {"kappa": mean, "least": kappa, "changed": changed, "labelled": labelled}
    fired = False
    if len(agreements) < window or labelled < start or mean is None or changed is None:
        sentence = _too_early(labelled, start, f"{window + 1} models")
    elif history.one_class:
        sentence = ONE_CLASS
    elif mean >= kappa:
        fired = True
        under = math.floor(100 * changed + 1e-9) + 1
        sentence = (
            f"Predictions have settled: {_number(window)} rounds changed under {under} % of them. "
            "More labels of this kind will hardly change the model."
        )
    else:
        sentence = f"Predictions still change: up to {_percent(changed, 1)} of them in a round."
    return Verdict("stabilised", fired, evidence, sentence)


@register("stop_rule")
def gain(
    history: History,
    *,
    points: float = 1.0,
    level: float = 0.99,
    window: int = 3,
    twice: bool = True,
    start: int = START,
) -> Verdict:
    """Stop when the last doubling of labels gained less than a point, in two successive rounds.

    The bound is the smaller of two: a one-sided one on the item-wise gain, and the share of reserve predictions that
    changed, which needs no labels and cannot be wrong (accuracy cannot move by more than the predictions did).

    Args:
        history: rounds with correctness and predictions.
        points: the gain that is not worth a doubling, in points of accuracy.
        level: of the bound; 99 %, since the rule looks every round.
        window: models averaged at either end.
        twice: ask for two successive rounds.
        start: training labels before which it does not fire.
    """
    labelled, limit = history.labelled, points / 100
    now = last_doubling(history, level=level, window=window)
    evidence: Json = {"points": points, "level": level, "labelled": labelled}
    if now is None or labelled < start:
        return Verdict("gain", False, evidence, _too_early(labelled, start, "models at half as many labels"))
    if history.one_class:
        return Verdict("gain", False, {**evidence, **now.to_json()}, ONE_CLASS)
    earlier = history.before_last()
    before = last_doubling(earlier, level=level, window=window) if earlier.labelled >= start else None
    small, small_before = now.upper < limit, before is not None and before.upper < limit
    fired = small and (small_before or not twice)
    evidence = {**evidence, **now.to_json(), "upper_before": before.upper if before is not None else None}
    if fired:
        sentence = (
            f"The last doubling of labels gained less than {_points(limit)} ({_percent(level)} bound). "
            "If gains keep shrinking, the next doubling gains less."
        )
    elif small:
        sentence = f"The last doubling of labels gained less than {_points(limit)}; a second such round is awaited."
    elif now.gain is not None and now.low > 0:
        measured = f"{_tenths(now.gain)} points (between {_tenths(now.low)} and {_tenths(now.high)})"
        sentence = f"Still learning: the last doubling gained {measured}."
    else:
        sentence = (
            f"Not decided: from {now.half} to {labelled} labels the gain is at most {_points(now.upper)} "
            f"({_percent(level)} bound), and may be none."
        )
    return Verdict("gain", fired, evidence, sentence)


@register("stop_rule")
def settled(
    history: History,
    *,
    kappa: float = 0.99,
    points: float = 1.0,
    level: float = 0.99,
    window: int = 3,
    start: int = START,
) -> Verdict:
    """Stop when predictions have stabilised, or the last doubling of labels gained too little: the default.

    Simulated on four sets it lost more than 1 point against labelling on to 1,000 in 0 to 1 % of projects. Settings
    are those of `stabilised` and `gain`.
    """
    parts = (
        stabilised(history, kappa=kappa, window=window, start=start),
        gain(history, points=points, level=level, window=window, start=start),
    )
    fired = [part for part in parts if part.fired]
    evidence = {"by": [part.rule for part in fired], **{part.rule: part.evidence for part in parts}}
    told = fired[0] if fired else parts[1]
    return Verdict("settled", bool(fired), evidence, told.sentence)


@register("stop_rule")
def classification_change(history: History, *, share: float = 0.0, rounds: int = 2, start: int = START) -> Verdict:
    """Stop when (almost) no reserve prediction changes in successive rounds; stricter than `stabilised`.

    Args:
        history: rounds with predictions.
        share: of the reserve that may change in a round.
        rounds: how many in a row.
        start: training labels before which it does not fire.

    Zhu, Wang & Hovy, COLING 2008.
    """
    changed, labelled = history.changes(rounds), history.labelled
    evidence = {"changed": changed, "share": share, "labelled": labelled}
    if len(changed) < rounds or labelled < start:
        return Verdict("classification_change", False, evidence, _too_early(labelled, start, f"{rounds + 1} models"))
    if history.one_class:
        return Verdict("classification_change", False, evidence, ONE_CLASS)
    sentence = f"At most {_percent(max(changed), 1)} of the predictions changed in each of {_number(rounds)} rounds."
    return Verdict("classification_change", max(changed) <= share, evidence, sentence)


@register("stop_rule")
def f1_change(history: History, *, below: float = 0.05, window: int = 3, start: int = START) -> Verdict:
    """Stop when macro-F1 can hardly have changed between successive models; sees a rare class that kappa overlooks.

    Args:
        history: rounds with predictions.
        below: change of macro-F1, forecast from the predictions on the reserve alone.
        window: how many times in a row.
        start: training labels before which it does not fire.

    Altschuler & Bloodgood, ICSC 2019 (their F1 of one class, here the mean over classes).
    """
    changes, labelled = history.f1_changes(window), history.labelled
    evidence = {"changes": changes, "below": below, "labelled": labelled}
    if len(changes) < window or labelled < start:
        return Verdict("f1_change", False, evidence, _too_early(labelled, start, f"{window + 1} models"))
    if history.one_class:
        return Verdict("f1_change", False, evidence, ONE_CLASS)
    sentence = f"Macro-F1 changed by {_points(max(changes))} at most in each of {_number(window)} rounds, by forecast."
    return Verdict("f1_change", max(changes) < below, evidence, sentence)


@register("stop_rule")
def overall_uncertainty(history: History, *, below: float = 0.1, start: int = START) -> Verdict:
    """Stop when the model is sure of (almost) everything in the reserve; only as good as its calibration.

    Args:
        history: rounds with `entropy`.
        below: mean entropy, as a share of the largest possible.
        start: training labels before which it does not fire.

    Zhu, Wang, Hovy & Ma, ACM Transactions on Speech and Language Processing 2010.
    """
    entropy = history.rounds[-1].entropy if history.rounds else None
    labelled = history.labelled
    evidence = {"entropy": entropy, "below": below, "labelled": labelled}
    if entropy is None or labelled < start:
        return Verdict(
            "overall_uncertainty", False, evidence, _too_early(labelled, start, "a model with probabilities")
        )
    sentence = (
        f"What the model leaves open is {_percent(entropy, 1)} of the most it could, against {_percent(below, 1)}."
    )
    return Verdict("overall_uncertainty", entropy < below, evidence, sentence)


@register("stop_rule")
def price(history: History, *, value_per_point: float = 0.0, level: float = 0.99, start: int = START) -> Verdict:
    """Stop when a point of accuracy costs more than it is worth to you, if gains keep shrinking.

    The most that the last doubling gained is taken as the most that the next one gains, and divided by what the next
    doubling costs.

    Args:
        history: its `price` is what a label costs.
        value_per_point: what one point of accuracy is worth, in the project's currency.
        level: of the bound on the gain.
        start: training labels before which it does not fire.
    """
    if value_per_point <= 0 or history.price <= 0:
        missing = "value_per_point" if value_per_point <= 0 else "cost.per_label"
        raise BadValue(missing, 0, "the rule 'price' compares the two; both must be above 0")
    now, labelled = last_doubling(history, level=level), history.labelled
    evidence = {"value_per_point": value_per_point, "price": history.price, "labelled": labelled}
    if now is None or labelled < start:
        return Verdict("price", False, evidence, _too_early(labelled, start, "models at half as many labels"))
    worth, cost = 100 * max(now.upper, 0.0) * value_per_point, labelled * history.price
    evidence = {**evidence, **now.to_json(), "worth": worth, "cost": cost}
    sentence = f"The next doubling costs {cost:,.0f} and is worth at most {worth:,.0f}, if gains keep shrinking."
    return Verdict("price", worth < cost, evidence, sentence)


@register("stop_rule")
def error_stability(history: History, *, ratio: float = 0.03, start: int = START) -> Verdict:
    """Stop when new labels hardly move the posterior: a bound on the change of error, relative to the first.

    For models with a posterior (`Round.posterior_shift`): Gaussian processes, Bayesian linear models, Laplace heads.

    Args:
        history: rounds with `posterior_shift`.
        ratio: of the bound to its first value.
        start: training labels before which it does not fire.

    Ishibashi & Hino, AISTATS 2021.
    """
    shifts = [r.posterior_shift for r in history.rounds if r.posterior_shift is not None]
    labelled = history.labelled
    if len(shifts) < 2 or labelled < start:
        evidence = {"ratio": None, "least": ratio, "labelled": labelled}
        return Verdict("error_stability", False, evidence, _too_early(labelled, start, "two models with a posterior"))
    first, last = _change_of_error(shifts[0]), _change_of_error(shifts[-1])
    found = last / first if first > 0 else 0.0
    evidence = {"ratio": found, "least": ratio, "labelled": labelled}
    sentence = f"New labels move the model {_percent(found, 1)} as far as the first did, against {_percent(ratio, 1)}."
    return Verdict("error_stability", found <= ratio, evidence, sentence)


def _change_of_error(divergence: float) -> float:
    """Return the bound exp(W₀((KL − 1) / e) + 1) − 1 on the change of expected error that a KL divergence allows."""
    from scipy.special import lambertw

    return math.exp(float(lambertw((divergence - 1) / math.e).real) + 1) - 1


def _too_early(labelled: int, start: int, needs: str) -> str:
    if labelled < start:
        return f"Too early to say: {labelled} of {start} training labels."
    return f"Too early to say: needs {needs}."


def _down(share: float) -> float:
    return math.floor(share * 100 + 1e-9) / 100


def _percent(share: float, digits: int = 0) -> str:
    return f"{100 * share:.{digits}f} %"


def _tenths(share: float) -> str:
    return f"{100 * share:.1f}"


def _points(share: float) -> str:
    value = f"{100 * share:.1f}".removesuffix(".0")
    return f"{value} point" if value == "1" else f"{value} points"


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four", 5: "five"}.get(n, str(n))


def _amount(value: float) -> str:
    return f"{value:,.0f}".replace(",", "") if float(value).is_integer() else f"{value:,.2f}"
