"""What a simulation found, in sentences: a headline, what it rests on, and what follows, flaws included.

A sentence never says more than its interval: "better" and "worse" need an interval on one side of 0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import Markup, escape

from querist.report.figures import about, between, capital, money, number, percent, points
from querist.types import Json

Kind = Literal["good", "even", "bad", "look"]
Verdict = Literal["better", "worse", "undecided"]

METRICS: Final = {
    "accuracy": "correct",
    "balanced_accuracy": "correct, classes counted equally",
    "macro_f1": "macro-F1",
    "roc_auc": "area under the ROC curve",
    "average_precision": "average precision",
    "micro_f1": "micro-F1",
    "jaccard": "Jaccard index",
    "r2": "variance explained (R²)",
}


WORTH_SAYING: Final = 0.005
"""A class that loses less recall than this has not paid for anything."""
ENOUGH_SEEDS: Final = 20
"""From fewer seeds no claim is published."""
RARE: Final = 0.4
"""A class is rare when it is smaller than this share of an even split."""


@dataclass(frozen=True, slots=True)
class Point:
    """One sentence that follows: what to do or to know, and the figures it rests on."""

    kind: Kind
    claim: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Findings:
    """The first screen of a report. `lead` is markup: its figures are strong."""

    headline: str
    lead: Markup
    points: tuple[Point, ...]


def verdict(record: Json) -> Verdict:
    """Return what may be said of a difference with an interval.

    >>> verdict({"difference": 0.1, "low": 0.02, "high": 0.18}), verdict({"difference": 0.1, "low": None, "high": None})
    ('better', 'undecided')
    """
    if record["low"] is not None and record["low"] > 0:
        return "better"
    if record["high"] is not None and record["high"] < 0:
        return "worse"
    return "undecided"


def findings(summary: Json) -> Findings:
    """Return the headline, the lead and at most four points of a simulation's summary."""
    baseline = summary["baseline"]
    compared = compared_in(summary)
    if not compared:
        return _without_comparison(summary)
    best = best_of(compared)
    area = best["against"]["area"]
    name, said = best["strategy"], verdict(area)
    if said == "better":
        headline = _headline_better(best, baseline)
    elif said == "worse":
        headline = f"{capital(baseline)} labelling was better than {_any_of(compared)}"
    else:
        headline = f"Not decided: {name} or {baseline} labelling"
    return Findings(headline, _lead(best, summary, said), tuple(_points(best, compared, summary)))


def compared_in(summary: Json) -> list[Json]:
    """Return the strategies that share a finished seed with the baseline."""
    return [s for s in summary["strategies"] if s.get("against") and s["against"]["area"]["difference"] is not None]


def best_of(compared: Sequence[Json]) -> Json:
    """Return the strategy that is furthest ahead of the baseline over the whole curve."""
    return max(compared, key=lambda s: s["against"]["area"]["difference"])


def _headline_better(best: Json, baseline: str) -> str:
    saving = best["labels_saved"]
    if saving.get("low") is not None and saving["low"] > 0:
        return f"Asking by {best['strategy']} saved about {about(saving['saved'])} of {_count(saving)} labels"
    difference = points(best["against"]["area"]["difference"], signed=False)
    return f"Asking by {best['strategy']} is {difference} points better than {baseline} labelling"


def _count(saving: Json) -> str:
    return number(saving["needed_by_baseline"])


def _any_of(compared: Sequence[Json]) -> str:
    names: list[str] = [s["strategy"] for s in compared]
    return names[0] if len(names) == 1 else "every strategy"


def _without_comparison(summary: Json) -> Findings:
    failed = summary["cells"]["failed"]
    if not summary["strategies"]:
        text = f"None of the {failed} runs finished; why is listed below."
        return Findings("Nothing was measured", escape(text), ())
    text = "There is nothing to compare with: the baseline did not finish, or is the only strategy."
    return Findings("Measured, not compared", escape(text), ())


def _lead(best: Json, summary: Json, said: Verdict) -> Markup:
    meaning = summary.get("meanings", {}).get(best["strategy"], "")
    what = re.split(r"[:;.]", meaning)[0]  # the rest of the line says when to use it
    parts = [escape(f"{capital(best['strategy'])}: {what[:1].lower()}{what[1:]}. ")] if what else []
    area = best["against"]["area"]
    if said == "better":
        parts.append(_saving_sentence(best, summary))
    else:
        parts.append(escape(f"{_apart(area, summary)}, from {area['n']} seeds."))
        if said == "undecided":
            parts.append(escape(" More seeds narrow the interval; they cost time, not labels."))
    return Markup("").join(parts)


def _apart(area: Json, summary: Json) -> str:
    """A difference and its interval, in cases out of a hundred where they are counted."""
    baseline = summary["baseline"]
    if summary["metric"] != "accuracy":
        interval = _between_points(area) if area["low"] is not None else "one seed gives no interval"
        return (
            f"Averaged over the budget it differs from {baseline} by {points(area['difference'])} points ({interval})"
        )
    interval = _in_cases(area["low"], area["high"]) if area["low"] is not None else "one seed gives no interval"
    size, way = _cases(area["difference"])
    right = f"its model was right in {size} {way} of 100 cases than with {baseline} labels"
    return f"Averaged over the budget, {right} ({interval})"


def _in_cases(low: float, high: float) -> str:
    """The interval of a difference in words: between 1 fewer and 2 more.

    >>> _in_cases(-0.01, 0.02), _in_cases(0.01, 0.02), _in_cases(-0.02, -0.01)
    ('between 1.0 fewer and 2.0 more', 'between 1.0 and 2.0 more', 'between 1.0 and 2.0 fewer')
    """
    (less, first), (more, second) = _cases(low), _cases(high)
    if first != second:
        return f"between {less} {first} and {more} {second}"
    return f"between {less} and {more} {second}" if low >= 0 else f"between {more} and {less} {second}"


def _cases(difference: float) -> tuple[str, str]:
    return points(abs(difference), signed=False), "fewer" if difference < 0 else "more"


def _saving_sentence(best: Json, summary: Json) -> Markup:
    saving, baseline = best["labels_saved"], summary["baseline"]
    area = best["against"]["area"]
    ahead = f"{_apart(area, summary)}."
    if saving.get("saved") is None:
        target = percent(saving["target"], 0)
        return escape(f"{ahead} {capital(baseline)} labelling never reached {target} within the budget.")
    if saving.get("low") is None or saving["needed"] is None:
        return escape(f"{ahead} Too few seeds to say how many labels that saves.")
    if saving["low"] <= 0:
        text = f"Labels saved: not measurable yet ({_lost_or_saved(saving['low'])} and {number(saving['high'])} saved)."
        return escape(f"{ahead} {text.replace('(', '(between ')}")
    task = f"as good as {_count(saving)} {baseline} labels make it ({percent(saving['target'])} {_unit(summary)})"
    text = escape(f"To get the model {task}, it needed {number(saving['needed'])}: ")
    strong = f"{number(saving['saved'])} fewer, {between(number(saving['low']), number(saving['high']))}"
    sentence = text + Markup("<strong>{}</strong>.").format(strong)
    cost = best.get("cost_saved")
    if cost:
        amounts = [money(cost[key], cost["currency"]) for key in ("saved", "low", "high")]
        price = money(cost["price"], cost["currency"])
        money_words = f"{amounts[0]}, {between(amounts[1], amounts[2])}"
        sentence += Markup(" At {} a label that is <strong>{}</strong>.").format(price, money_words)
    return sentence


def _lost_or_saved(low: float) -> str:
    return f"{number(-low)} lost" if low < 0 else "none"


def _unit(summary: Json) -> str:
    metric: str = summary["metric"]
    return METRICS.get(metric, metric)


def _between_points(record: Json) -> str:
    return between(points(record["low"], signed=False), points(record["high"], signed=False))


def _points(best: Json, compared: Sequence[Json], summary: Json) -> list[Point]:
    found = _when(best, summary["baseline"])
    found += _others(best, compared, summary["baseline"])[: 3 - min(len(found), 2)]
    found += _classes(best, summary["baseline"])
    found += _rare(best, summary)
    few = [f"{s['strategy']} ({s['seeds']})" for s in compared if s["seeds"] < ENOUGH_SEEDS]
    if few:
        evidence = f"{', '.join(few)}; {ENOUGH_SEEDS} are the least to publish one on."
        found.append(Point("look", "There are too few seeds for a claim.", evidence))
    failed = summary["cells"]["failed"]
    if failed:
        total = summary["cells"]["planned"]
        found.append(Point("look", f"{failed} of {total} runs failed.", "They are left out here and listed below."))
    failed_fits = sum(s["failed_fits"] for s in summary["strategies"])
    if failed_fits:
        used = "The model before each was measured in its place."
        found.append(Point("look", f"{number(failed_fits)} trainings failed.", used))
    return found


def _when(best: Json, baseline: str) -> list[Point]:
    """From when on it pays, and what was before."""
    name, thirds = best["strategy"], best["against"]["thirds"]
    said = [verdict(third) for third in thirds]
    if all(v == "better" for v in said):
        gains = [points(third["difference"], signed=False) for third in thirds]
        ahead = f"It is ahead in each third of the curve: by {gains[0]}, {gains[1]} and {gains[2]} points."
        return [Point("good", f"Use {name} from the first batch on.", ahead)]
    if said[2] == "better":
        start = 2 if said[1] != "better" else 1
        from_labels = about(thirds[start]["from"])
        ahead = f"Over the last third it is {_ahead(thirds[2])}."
        before = _before(name, baseline, thirds[0], said[0])
        return [Point("good", f"Use {name} from about {from_labels} labels on.", ahead), before]
    if said[0] == "better":
        ahead = f"In the first {number(thirds[0]['to'])} labels it is {_ahead(thirds[0])}."
        last = f"Over the last third the difference is {_difference(thirds[2])}."
        later = Point("bad" if said[2] == "worse" else "even", _later(said[2], baseline), last)
        return [Point("good", f"Use {name} at the start.", ahead), later]
    if said[1] == "better" or verdict(best["against"]["area"]) == "better":
        where = thirds[1] if said[1] == "better" else best["against"]["area"]
        place = "In the middle third" if said[1] == "better" else "Over the whole curve"
        return [Point("good", f"Use {name}, but expect little.", f"{place} it is {_ahead(where)}.")]
    gain = f"At the end of the budget the difference is {_difference(best['against']['final'])}."
    if verdict(best["against"]["area"]) == "worse":
        return [Point("bad", f"Label at random on data like these; {name} is worse.", gain)]
    return [Point("even", f"{capital(name)} was not shown to beat {baseline} here.", gain)]


def _before(name: str, baseline: str, first: Json, said: Verdict) -> Point:
    evidence = f"In the first {number(first['to'])} labels the difference is {_difference(first)}."
    if said == "worse":
        return Point("bad", f"Before that, {name} is worse than {baseline}.", evidence)
    return Point("even", f"Before that, it is not shown to be better than {baseline}.", evidence)


def _later(said: Verdict, baseline: str) -> str:
    return f"Later it falls behind {baseline}." if said == "worse" else f"Later it is level with {baseline}."


def _ahead(record: Json) -> str:
    return f"{points(record['difference'], signed=False)} points ahead ({_between_points(record)})"


def _difference(record: Json) -> str:
    if record["low"] is None:
        return f"{points(record['difference'])} points"
    return f"{points(record['difference'])} points ({_between_points(record)})"


def _others(best: Json, compared: Sequence[Json], baseline: str) -> list[Point]:
    """The strategies to keep away from first, then those that help too."""
    found = []
    for s in sorted(compared, key=lambda s: s["against"]["area"]["difference"]):
        if s is best:
            continue
        area, first = s["against"]["area"], s["against"]["thirds"][0]
        name = s["strategy"]
        if verdict(area) == "worse":
            behind = f"It is {points(-area['difference'], signed=False)} points behind {baseline} ({_behind(area)})."
            found.append(Point("bad", f"Do not use {name} here.", behind))
        elif verdict(first) == "worse":
            behind = f"It starts {points(-first['difference'], signed=False)} points behind {baseline}"
            found.append(Point("bad", f"Do not begin with {name}.", f"{behind} ({_behind(first)})."))
    also = [s for s in compared if s is not best and verdict(s["against"]["area"]) == "better"]
    also.sort(key=lambda s: -s["against"]["area"]["difference"])
    return found + [
        Point("good", f"{capital(s['strategy'])} helps too.", f"It is {_ahead(s['against']['area'])}.") for s in also
    ]


def _behind(record: Json) -> str:
    return between(points(-record["high"], signed=False), points(-record["low"], signed=False))


def _classes(best: Json, baseline: str) -> list[Point]:
    """The class that pays for it, if one does."""
    changes = [c for c in best["against"]["recall"] if c["difference"] is not None]
    if not changes:
        return []
    name = best["strategy"]
    worse = [c for c in changes if verdict(c) == "worse" and c["difference"] <= -WORTH_SAYING]
    if worse:
        lost = min(worse, key=lambda c: c["difference"])
        more = f", and {len(worse) - 1} more" if len(worse) > 1 else ""
        claim = f"{capital(name)} does worse on class {lost['class']}{more}."
        return [Point("look", claim, f"It finds {_less(lost)} of that class than {baseline} ({_behind(lost)}).")]
    least = min(changes, key=lambda c: c["difference"])
    if verdict(least) == "worse":
        most = f"The most is {points(-least['difference'], signed=False)} points, on {least['class']}."
        return [Point("good", "No class pays much for it.", most)]
    if least["difference"] >= 0:
        gain = f"The least gain is {points(least['difference'], signed=False)} points, on {least['class']}."
        return [Point("good", "It finds at least as much of every class.", gain)]
    evidence = f"The least favourable is {least['class']}: {_difference(least)}."
    return [Point("even", "No class is shown to pay for it.", evidence)]


_KINDS: Final[dict[Verdict, Kind]] = {"better": "good", "worse": "bad", "undecided": "even"}


def _rare(best: Json, summary: Json) -> list[Point]:
    """Where one class is rare, accuracy hardly moves: say what the figure that sees every class did."""
    sizes = summary["data"]["classes"]
    if summary["metric"] != "accuracy" or not sizes:
        return []
    name = min(sizes, key=lambda k: sizes[k])
    share = sizes[name] / sum(sizes.values())
    if share >= RARE / len(sizes):
        return []
    wanted = ("macro_f1_area_under_curve", best["strategy"])
    record = next(c for c in summary["comparisons"] if (c["metric"], c["strategy"]) == wanted)
    kind = _KINDS[verdict(record)]
    claim = f"{capital(name)} is rare ({percent(share, 0)}), so accuracy hides it."
    return [Point(kind, claim, f"Macro-F1, which counts classes equally, changes by {_difference(record)}.")]


def _less(record: Json) -> str:
    return f"{points(-record['difference'], signed=False)} points less"


def in_words(against: Json | None) -> str:
    """Return the last column of the table: where on the curve a strategy is better or worse.

    >>> third = {"difference": 0.02, "low": 0.01, "high": 0.03}
    >>> in_words({"thirds": [third, third, third]})
    'better throughout'
    """
    if against is None:
        return "the yardstick"
    said = [verdict(third) for third in against["thirds"]]
    if len(set(said)) == 1:
        everywhere = {"better": "better throughout", "worse": "worse throughout", "undecided": "not shown to differ"}
        return everywhere[said[0]]
    words = {"better": "better", "worse": "worse", "undecided": "level"}
    if said[0] == said[1]:
        return f"{words[said[0]]} early, {words[said[2]]} late"
    if said[1] == said[2]:
        return f"{words[said[0]]} early, {words[said[2]]} from the middle on"
    return f"{words[said[0]]} early, {words[said[1]]} midway, {words[said[2]]} late"
