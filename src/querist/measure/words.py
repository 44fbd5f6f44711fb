"""The sentences that screens, the command line and the report share, made from the figures and from nothing else.

Too little data reads "too early to say"; an undecided result is never rounded into a verdict. Each sentence names the
metric, the number of evaluation items, the size at which a comparison holds, and what kind of interval it is.
"""

from __future__ import annotations

import math
from typing import Final

from querist.errors import BadValue
from querist.measure.alarm import Watch, no_useful_gain
from querist.measure.duel import DUEL_SIZE
from querist.measure.evidence import Difference
from querist.measure.guarantee import RecallGuarantee
from querist.measure.intervals import Estimate
from querist.measure.saving import LabelsSaved

ENOUGH_FOR_ACCURACY: Final = 50
"""Evaluation labels below which no accuracy is put into words."""
ENOUGH_FOR_COMPARISON: Final = 100
"""Evaluation labels below which nothing is said about random labelling."""
ENOUGH_FOR_A_POINT: Final = 10
"""Evaluation labels below which no curve is drawn."""
EXAMPLES_TO_SHOW_A_CLASS: Final = 10
"""Examples of a class that make its recall worth looking at."""


def many(count: int, one: str, more: str | None = None) -> str:
    """Return a count with what is counted; `more` is the plural where it takes more than an s.

    >>> many(1, "label"), many(2000, "label"), many(0, "item was", "items were")
    ('1 label', '2,000 labels', '0 items were')
    """
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def accuracy(estimate: Estimate | None, *, evaluated: int, threshold: float | None = None) -> str:
    """Return what is known about accuracy, or how many evaluation labels are missing.

    Args:
        estimate: one-look, or None while there is none.
        evaluated: evaluation labels so far.
        threshold: a target; bounds are rounded outward where they would seem to touch it.

    >>> accuracy(Estimate(0.912, 0.870, 0.942, 200, "wilson"), evaluated=200)
    '91 % correct, between 87 % and 94 % (95 %, one look), from 200 random items that no model was trained on.'
    >>> accuracy(None, evaluated=32)
    'Accuracy: too early to say. 32 of 50 evaluation labels.'
    """
    if estimate is None or evaluated < ENOUGH_FOR_ACCURACY:
        return f"Accuracy: too early to say. {evaluated} of {ENOUGH_FOR_ACCURACY} evaluation labels."
    low, high = _range(estimate, threshold)
    return (
        f"{_percent(estimate.value, estimate.n)} correct, between {low} and {high} (95 %, one look), "
        f"from {_items(estimate.n)} that no model was trained on."
    )


def verdict(estimate: Estimate | None, *, evaluated: int) -> str:
    """Return the headline of a project: "91 % correct, between 87 % and 94 %", or that it is too early.

    >>> verdict(Estimate(0.912, 0.870, 0.942, 200, "wilson"), evaluated=200)
    '91 % correct, between 87 % and 94 %'
    >>> verdict(None, evaluated=3)
    'Too early to say: 47 more evaluation labels'
    """
    if estimate is None or evaluated < ENOUGH_FOR_ACCURACY:
        missing = max(ENOUGH_FOR_ACCURACY - evaluated, 1)
        return f"Too early to say: {many(missing, 'more evaluation label')}"
    low, high = _range(estimate, None)
    return f"{_percent(estimate.value, estimate.n)} correct, between {low} and {high}"


def promise(estimate: Estimate, *, metric: str = "accuracy") -> str:
    """Return a promise, which only a planned or an anytime interval may make.

    Raises:
        BadValue: the interval is a one-look one.

    >>> promise(Estimate(0.9, 0.8702, 0.957, 200, "anytime"))
    'At least 87 % accuracy. This holds however often you look.'
    """
    if not estimate.method.startswith(("anytime", "planned", "unplanned")):
        raise BadValue("estimate", estimate.method, "a one-look interval promises nothing")
    low, _ = _range(estimate, None, outward=True)
    often = "however often you look" if estimate.method == "anytime" else "at all planned looks"
    return f"At least {low} {metric.replace('_', ' ')}. This holds {often}."


def recall(name: str, estimate: Estimate | None, *, evaluated: int, prevalence: float | None = None) -> str:
    """Return how much of a class is found, or that it is unknown and what would show it; never 0 or 1 from nothing.

    Args:
        name: of the class.
        estimate: of its recall, None while no example is among the evaluation items.
        evaluated: evaluation labels so far.
        prevalence: the share of the class in the pool, as the model or the labels have it.

    >>> recall("fraud", None, evaluated=200, prevalence=0.011)
    'No example of fraud among the 200 evaluation items: its recall is unknown. About 900 more random
    labels would show 10.'
    >>> recall("fraud", Estimate(0.78, 0.61, 0.89, 32, "wilson"), evaluated=200)
    '78 % of fraud is found, between 61 % and 89 % (95 %, one look), from 32 random items of that class.'
    """
    if estimate is None:
        told = f"No example of {name} among the {evaluated} evaluation items: its recall is unknown."
        if not prevalence:
            return told
        more = _about(EXAMPLES_TO_SHOW_A_CLASS / prevalence)
        return f"{told} About {more} more random labels would show {EXAMPLES_TO_SHOW_A_CLASS}."
    low, high = _range(estimate, None)
    return (
        f"{_percent(estimate.value, estimate.n)} of {name} is found, between {low} and {high} (95 %, one look), "
        f"from {_items(estimate.n)} of that class."
    )


def guarantee(found: RecallGuarantee, *, prevalence: float | None = None) -> str:
    """Return whether enough of the relevant items have been found, or what it would take to say so.

    Args:
        found: where the review stands.
        prevalence: the share of relevant items in the collection, for the number of labels that are missing.

    >>> from querist.measure.guarantee import recall_guarantee
    >>> guarantee(recall_guarantee(30, 28))
    'At least 80 % of the relevant items found, 95 % certain: 28 of 30 hidden ones have come up.'
    >>> guarantee(recall_guarantee(2, 1, recall=0.9), prevalence=0.01)
    'A guarantee of 90 % recall needs 29 relevant items in the random sample; it holds 2. At about 1 % prevalence that
    is about 2,700 more random labels, whatever the size of the collection.'
    """
    share = f"{100 * found.recall:.0f} %"
    if found.needed is None:
        told = (
            f"A guarantee of {share} recall needs {found.least_known} relevant items in the random sample; "
            f"it holds {found.known}."
        )
        if not prevalence:
            return told
        missing = _about((found.least_known - found.known) / prevalence, digits=2)
        return (
            f"{told} At about {100 * prevalence:.2g} % prevalence that is about {missing} more random labels, "
            "whatever the size of the collection."
        )
    come_up = f"{found.passed} of {found.known} hidden ones have come up"
    if found.reached:
        return f"At least {share} of the relevant items found, {100 * found.level:.0f} % certain: {come_up}."
    return f"Not certain yet that {share} of the relevant items are found: {come_up}, {found.needed} are needed."


def comparison(
    difference: Difference | None, *, evaluated: int, duel_width: float | None = None, metric: str = "accuracy"
) -> str:
    """Return the answer to "is it better than random?", or how many evaluation labels are missing.

    Args:
        difference: at the last planned look, None while there is none.
        evaluated: evaluation labels so far.
        duel_width: the largest half-width that a duel would leave (`Duel.widest`).
        metric: what was compared, in words; accuracy needs no mention.

    >>> seen = Difference(222, 220, 0.041, 0.005, 0.077, 200, 31, 0.018, "better")
    >>> comparison(seen, evaluated=200)
    'Better than random: 4.1 points more (between 0.5 and 7.7) at 222 labels, measured on 200 evaluation items.'
    >>> unclear = Difference(222, 220, 0.019, -0.031, 0.069, 200, 31, 0.026, "undecided")
    >>> comparison(unclear, evaluated=200, duel_width=0.03)
    'Not decided: between 3.1 points less and 6.9 points more than random at 222 labels. A difference below 5 points
    cannot be seen with 200 evaluation labels. 40 labels where the two models disagree would narrow this to 3 points
    either way, or less.'
    """
    if evaluated < ENOUGH_FOR_COMPARISON:
        missing = f"{evaluated} of {ENOUGH_FOR_COMPARISON} evaluation labels"
        return f"Better than random: too early to say. {missing}."
    if difference is None:
        return "Better than random: too early to say. The random labels are not enough for a comparison yet."
    if metric == "RMSE":
        return _by_error(difference)
    low, high = difference.low, difference.high
    if difference.finding == "better":
        size = f"{_tenths(difference.value)} points more{_in(metric)} ({_between(low, high)})"
        return f"Better than random: {size} {_measured(difference)}."
    if difference.finding == "worse":
        size = f"{_tenths(-difference.value)} points less{_in(metric)} ({_between(-high, -low)})"
        return f"Worse than random: {size} {_measured(difference)}."
    told = (
        f"Not decided: between {_signed_points(low)} and {_signed_points(high)}{_in(metric)} than random at "
        f"{difference.labels} labels. A difference below {_short(difference.smallest_visible)} cannot be seen with "
        f"{difference.n} evaluation labels."
    )
    if duel_width is None:
        return told
    return (
        f"{told} {DUEL_SIZE} labels where the two models disagree would narrow this to {_short(duel_width)} "
        "either way, or less."
    )


def _by_error(difference: Difference) -> str:
    """The same for an error in its own unit, which is better where it is lower.

    >>> seen = Difference(222, 220, 0.41, 0.05, 0.77, 200, 200, 0.18, "better")
    >>> _by_error(seen)
    'Better than random: an RMSE lower by 0.41 (between 0.05 and 0.77) at 222 labels, measured on 200 evaluation items.'
    """
    value, low, high = difference.value, difference.low, difference.high
    if difference.finding == "better":
        size = f"lower by {value:.3g} (between {low:.3g} and {high:.3g})"
        return f"Better than random: an RMSE {size} {_measured(difference)}."
    if difference.finding == "worse":
        size = f"higher by {-value:.3g} (between {-high:.3g} and {-low:.3g})"
        return f"Worse than random: an RMSE {size} {_measured(difference)}."
    ends = [f"{abs(end):.3g} {'higher' if end < 0 else 'lower'}" for end in (low, high)]
    return (
        f"Not decided: an RMSE between {ends[0]} and {ends[1]} than random at {difference.labels} labels, measured on "
        f"{difference.n} evaluation items."
    )


def settled(value: float, low: float, high: float, *, n: int, labels: int) -> str:
    """Return what the labels of a duel settled; call the interval "about 90 %", it covers 91 to 95 %.

    >>> settled(0.041, 0.031, 0.051, n=40, labels=222)
    'Settled: better than random by 4.1 points (between 3.1 and 5.1, about 90 %) at 222 labels, from 40 items on which
    the two models disagree.'
    >>> settled(0.002, -0.01, 0.014, n=38, labels=222)
    'Not settled: between 1.0 points less and 1.4 points more than random (about 90 %) at 222 labels, from 38 items on
    which the two models disagree.'
    """
    where = f"at {labels} labels, from {many(n, 'item')} on which the two models disagree."
    if low > 0:
        return f"Settled: better than random by {_tenths(value)} points ({_between(low, high)}, about 90 %) {where}"
    if high < 0:
        return f"Settled: worse than random by {_tenths(-value)} points ({_between(-high, -low)}, about 90 %) {where}"
    return f"Not settled: between {_signed_points(low)} and {_signed_points(high)} than random (about 90 %) {where}"


def _in(metric: str) -> str:
    return "" if metric == "accuracy" else f" in {metric}"


def _between(low: float, high: float) -> str:
    return f"between {_tenths(low)} and {_tenths(high)}"


def saving(found: LabelsSaved | None, *, evaluated: int) -> str:
    """Return the labels saved against random, gross, in the measured range only.

    >>> found = LabelsSaved(0.934, 222, 105, True, 48, 171, 63, 600, 200)
    >>> saving(found, evaluated=200)
    'Random labelling needed 222 labels for 93 %; this project needed about 105: about 117 saved (between 48 and 171, at
    least 63). Measured up to 222 labels; you now have 600, and the comparison cannot reach that far. 200 evaluation
    labels are not counted in this figure.'
    >>> saving(LabelsSaved(0.934, 222, 207, True, -160, 190, -130, 600, 200), evaluated=200)
    'Labels saved: not measurable yet (between 160 lost and 190 saved), measured up to 222 labels.'
    """
    if found is None or evaluated < ENOUGH_FOR_COMPARISON:
        return f"Labels saved: too early to say. {evaluated} of {ENOUGH_FOR_COMPARISON} evaluation labels."
    size = found.random_labels
    # The score of an RMSE is negative, so that higher is better there too.
    percent = _percent(found.accuracy, found.evaluation_labels) if found.accuracy >= 0 else ""
    accurate = percent or f"an RMSE of {-found.accuracy:.3g}"
    if not found.measurable:
        return (
            f"Labels saved: not measurable yet (between {_saved(found.low)} and {_saved(found.high)}), "
            f"measured up to {size} labels."
        )
    if not found.reached:
        lost = math.floor(-found.high)  # the bound, so that "at least" holds
        return (
            f"Random labelling needed {size} labels for {accurate}; this project did not get there with "
            f"{found.labels}: at least {lost} labels lost."
        )
    needed = (
        f"Random labelling needed {size} labels for {accurate}; this project needed about {found.active_labels:.0f}"
    )
    if found.saved > 0:
        least = f", at least {found.at_least:.0f}" if found.at_least > 0 else ""
        size_of_it = f"about {found.saved:.0f} saved (between {found.low:.0f} and {found.high:.0f}{least})"
    else:
        size_of_it = f"about {-found.saved:.0f} lost (between {-found.high:.0f} and {-found.low:.0f})"
    reach = f"Measured up to {size} labels"
    if found.labels > size:
        reach += f"; you now have {found.labels}, and the comparison cannot reach that far"
    return (
        f"{needed}: {size_of_it}. {reach}. {found.evaluation_labels} evaluation labels are not counted in this figure."
    )


def net_saving(found: LabelsSaved) -> str:
    """Return the labels saved once the evaluation labels that prove it are counted.

    >>> net_saving(LabelsSaved(0.934, 222, 105, True, 48, 171, 63, 600, 200))
    'Net of the evaluation labels: 83 lost so far.'
    """
    return f"Net of the evaluation labels: {_saved(found.net)} so far."


def extrapolated(least: float | None) -> str:
    """Return the one thing that may be said beyond the measured range; empty where nothing can.

    >>> extrapolated(212.4)
    'Extrapolated: at least 212 labels saved at the present size, if random labelling keeps slowing down.'
    """
    if least is None or least < 1:
        return ""
    count = math.floor(least)
    return (
        f"Extrapolated: at least {many(count, 'label')} saved at the present size, "
        "if random labelling keeps slowing down."
    )


def red(watch: Watch, *, switched_to: str | None = None) -> str:
    """Return the sentence of the red alarm; empty while it has not fired.

    Args:
        watch: the state of the evidence.
        switched_to: what the engine asks by from now on.

    >>> seen = Watch(active_right=7, random_right=24, log_evidence=3.9, log_evidence_better=-4.0, peak=3.9, fired_at=31)
    >>> red(seen, switched_to="random")
    'Worse than random on this project: of 31 random items on which the two models differed, random was right 24 times.
    Switched to random. (Chance of a false alarm, ever: below 5 %.)'
    """
    if not watch.red:
        return ""
    met = watch.active_right + watch.random_right
    switched = f" Switched to {switched_to}." if switched_to else ""
    return (
        f"Worse than random on this project: of {met} random items on which the two models differed, random was "
        f"right {watch.random_right} times.{switched} (Chance of a false alarm, ever: below 5 %.)"
    )


def amber(difference: Difference, *, useful: float = 0.02) -> str:
    """Return the sentence of the amber alarm; empty while a useful gain is still possible.

    >>> amber(Difference(222, 220, 0.002, -0.02, 0.024, 500, 31, 0.011, "undecided"))
    'No gain of 2 points or more over random is visible at 222 labels (best case 1.6 more). Labelling goes on; nothing
    is lost compared with random.'
    """
    if not no_useful_gain(difference, useful=useful):
        return ""
    best = difference.best_case
    seen = f"best case {_tenths(abs(best))} {'less' if best < 0 else 'more'}"
    told = f"No gain of {_short(useful)} or more over random is visible at {difference.labels} labels ({seen})."
    # "Nothing is lost" may be said only while nothing shows that something is.
    return (
        f"{told} Labelling goes on." if best < 0 else f"{told} Labelling goes on; nothing is lost compared with random."
    )


def calibration(before: float, after: float | None, *, evaluated: int) -> str:
    """Return whether the model's certainty can be trusted, by its calibration error without and with the temperature.

    >>> calibration(0.09, 0.021, evaluated=200)
    'What it says is 2 points off on average (9 before calibration), from 200 evaluation items.'
    """
    if evaluated < ENOUGH_FOR_ACCURACY:
        return f"Calibration: too early to say. {evaluated} of {ENOUGH_FOR_ACCURACY} evaluation labels."
    shown = before if after is None else after
    was = "" if after is None else f" ({round(100 * before)} before calibration)"
    return f"What it says is {_short(shown, digits=0)} off on average{was}, from {evaluated} evaluation items."


def money(value: float, low: float, high: float, *, currency: str = "USD") -> str:
    """Return an amount with its interval, rounded like the interval: "about $410, between $220 and $620".

    >>> money(412.8, 218.1, 617.0)
    'about $410, between $220 and $620'
    """
    width = max(high - low, 1e-9)
    unit = 10 ** max(math.floor(math.log10(width)) - 1, -2)
    symbol = {"USD": "$", "EUR": "€", "GBP": "£"}.get(currency, f"{currency} ")

    def amount(x: float) -> str:
        rounded = round(x / unit) * unit
        digits = 0 if unit >= 1 else 2
        return f"{'−' if rounded < 0 else ''}{symbol}{abs(rounded):,.{digits}f}"

    return f"about {amount(value)}, between {amount(low)} and {amount(high)}"


def _range(estimate: Estimate, threshold: float | None, *, outward: bool = False) -> tuple[str, str]:
    """Return both ends, rounded to the nearest unit, or outward where one would seem to touch the threshold."""
    digits = _digits(estimate.n)
    unit = 10.0 ** -(digits + 2)
    low, high = (round(end / unit) * unit for end in (estimate.low, estimate.high))
    if outward or (threshold is not None and estimate.low < threshold <= low + 1e-9):
        low = math.floor(estimate.low / unit + 1e-9) * unit
    if outward or (threshold is not None and high - 1e-9 <= threshold < estimate.high):
        high = math.ceil(estimate.high / unit - 1e-9) * unit
    return f"{100 * low:.{digits}f} %", f"{100 * high:.{digits}f} %"


def _digits(n: int) -> int:
    return 0 if n < 1000 else 1


def _percent(share: float, n: int) -> str:
    return f"{100 * share:.{_digits(n)}f} %"


def _items(n: int) -> str:
    return many(n, "random item")


def _measured(difference: Difference) -> str:
    return f"at {difference.labels} labels, measured on {difference.n} evaluation items"


def _signed_points(share: float) -> str:
    return f"{_tenths(abs(share))} points {'less' if share < 0 else 'more'}"


def _tenths(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−")


def _short(share: float, digits: int = 1) -> str:
    value = f"{100 * share:.{digits}f}".removesuffix(".0")
    return f"{value} {'point' if value == '1' else 'points'}"


def _saved(count: float) -> str:
    return f"{abs(count):.0f} {'lost' if count < 0 else 'saved'}"


def _about(count: float, digits: int = 1) -> str:
    """Return a count rounded to its first digits; to two where the first is a 1."""
    size = math.floor(math.log10(max(count, 1)))
    if count / 10**size < 2:
        digits = max(digits, 2)
    unit = 10 ** max(size - digits + 1, 0)
    return f"{round(count / unit) * unit:,.0f}"
