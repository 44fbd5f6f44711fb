"""The report of a bench over several data sets: `index.html` from the figures of its `summary.json`, nothing else."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Any, Final

from markupsafe import Markup, escape

from querist.report import simulation
from querist.report.figures import between, capital, number, percent, points
from querist.report.findings import ENOUGH_SEEDS, METRICS, Findings, Point, best_of, compared_in, verdict
from querist.report.page import render
from querist.report.ranks import critical_differences
from querist.types import Json

THIRDS: Final = ("first", "middle", "last")


def page(summary: Json) -> str:
    """Return the HTML of a bench's summary, as `run_study(...).summary` or `summary.json` holds it."""
    settings = summary["settings"]
    return render(
        "study.html",
        name=summary["name"],
        findings=findings(summary),
        made_on=simulation.day(summary["made_at"]),
        runs=sum(setting["cells"]["planned"] for setting in settings),
        spent=sum(setting["cells"]["seconds"] for setting in settings),
        metric=capital(METRICS.get(str(summary["metric"]), str(summary["metric"]))),
        baseline=summary["baseline"],
        priced=summary["plan"]["price"] is not None,
        views=[_view(view, settings) for view in summary["views"] if view["strategies"]],
        settings=[_setting(setting) for setting in settings],
        failures=[{"setting": s["title"], **failure} for s in settings for failure in s["failures"]],
        facts=_facts(summary),
        versions=sorted(summary["versions"].items()),
        command=summary["command"],
    )


def findings(summary: Json) -> Findings:
    """Return the first screen: the strategy to use, what it saves, how sure that is, where it does worse."""
    view = next((v for v in summary["views"] if v["strategies"]), None)
    if view is None:
        text = (
            "A comparison over data sets needs two of them, and strategies that finished on both; see each set below."
        )
        return Findings(f"{summary['name']}: set by set", escape(text), ())
    rivals = [s for s in view["strategies"] if s["against"]]
    best = max(rivals, key=lambda s: s["against"]["whole"]["difference"])
    name, whole = best["strategy"], best["against"]["whole"]
    baseline = summary["baseline"]
    saved = _saved_shares(name, summary["settings"], view)
    said = verdict(whole)
    if said == "better" and not view["enough_seeds"]:
        headline = f"Asking by {name} looks better than {baseline} labelling, from few seeds"
    elif said == "better" and saved and median(saved) > 0.02:
        headline = f"Asking by {name} saved about {number(100 * median(saved))} of 100 labels"
    elif said == "better":
        headline = f"Asking by {name} beat {baseline} labelling, by {points(whole['difference'], signed=False)} points"
    elif said == "worse":
        headline = f"{capital(baseline)} labelling was better than every strategy"
    else:
        headline = f"Not decided: {name} or {baseline} labelling"
    return Findings(headline, _lead(best, view, summary, saved), tuple(_points(best, view, summary)))


def _saved_shares(name: str, settings: Sequence[Json], view: Json) -> list[float]:
    """Share of the baseline's labels that a strategy did without, for each data set of a view."""
    found = []
    for setting in _of_view(view, settings):
        saving = next((s.get("labels_saved") for s in setting["strategies"] if s["strategy"] == name), None) or {}
        if saving.get("saved") is not None and saving.get("needed_by_baseline"):
            found.append(saving["saved"] / saving["needed_by_baseline"])
    return found


def _of_view(view: Json, settings: Sequence[Json]) -> list[Json]:
    names = {s["set"] for s in view["sets"]}
    return [s for s in settings if s["factors"]["data"] in names and s["view"] == view["words"]]


def _lead(best: Json, view: Json, summary: Json, saved: list[float]) -> Markup:
    whole, sets, baseline = best["against"]["whole"], len(view["sets"]), summary["baseline"]
    interval = between(points(whole["low"]), points(whole["high"]))
    if whole["difference"] < 0:
        behind = points(-whole["difference"], signed=False)
        text = f"Over {sets} data sets even the best strategy was {behind} points behind {baseline} labelling"
        sentence = escape(f"{text} ({interval}, 95 %).")
    else:
        text = f"Over {sets} data sets a model whose labels were chosen by {best['strategy']} was "
        sentence = escape(text) + Markup("<strong>{}</strong>").format(_ahead(whole, summary["metric"]))
        sentence += escape(
            f" than one with {baseline} labels ({interval}, 95 %), averaged over all stages of labelling."
        )
    if not saved:
        return sentence
    target = f"{capital(baseline)} labelling's result at the end of its budget took {best['strategy']} "
    spread = f"savings ran from {percent(min(saved), 0)} to {percent(max(saved), 0)}"
    return sentence + escape(f" {target}{percent(1 - median(saved), 0)} of the labels in the middle case; {spread}.")


def _ahead(whole: Json, metric: str) -> str:
    size = points(whole["difference"], signed=False)
    return f"right in {size} more of 100 cases" if metric == "accuracy" else f"{size} points better"


def _points(best: Json, view: Json, summary: Json) -> list[Point]:
    against, sets = best["against"], len(view["sets"])
    tally, practical = against["tally"], against["practical"]
    found = [
        Point(
            "good" if tally["wins"] > tally["losses"] else "even",
            f"It was shown to be better on {tally['wins']} of {sets} data sets and worse on {tally['losses']}.",
            f"On a next data set it would be better with a chance of {percent(practical['better'], 0)}, "
            f"as good as equal with {percent(practical['alike'], 0)}, worse with {percent(practical['worse'], 0)}.",
        )
    ]
    least = min(against["sets"], key=lambda e: e["difference"])
    kind = "bad" if least["p_value_holm"] <= 0.05 and least["difference"] < 0 else "look"
    evidence = f"There the difference is {points(least['difference'])} points ({_interval(least)})."
    found.append(Point(kind, f"It does worst on {least['set']}.", evidence))  # type: ignore[arg-type]
    harmful = [
        s
        for s in view["strategies"]
        if s["against"] and s["against"]["tally"]["losses"] > s["against"]["tally"]["wins"]
    ]
    for s in sorted(harmful, key=lambda s: s["against"]["whole"]["difference"])[:2]:
        losses = f"It was worse than {summary['baseline']} on {s['against']['tally']['losses']} of {sets} data sets."
        found.append(Point("bad", f"Keep away from {s['strategy']}.", losses))
    if not view["enough_seeds"]:
        fewest = min(s["seeds"] for s in view["sets"])
        few = f"The fewest are {fewest}; {ENOUGH_SEEDS} are the least to publish a claim on."
        found.append(Point("look", "There are too few seeds for a claim.", few))
    return found


def _interval(record: Json) -> str:
    return between(points(record["low"]), points(record["high"]))


def _view(view: Json, settings: Sequence[Json]) -> Json:
    wholes = [s["against"]["whole"] for s in view["strategies"] if s["against"]]
    scale = simulation.Scale(wholes)
    ranks = view["ranks"]
    names = [s["strategy"] for s in view["strategies"]]
    ranked = sorted(view["strategies"], key=lambda s: -s["area"])
    return {
        "words": view["words"],
        "sets": len(view["sets"]),
        "scale": scale,
        "rows": [_row(s, scale, _saved_shares(s["strategy"], settings, view)) for s in ranked],
        "left_out": view["left_out"],
        "ranked": ranks is not None,
        "ranks_chart": critical_differences(names, ranks) if ranks else None,
        "friedman": f"{ranks['p_value']:.2g}" if ranks else "",
        "critical": number(ranks["critical"], 2) if ranks else "",
        "beats": [
            {
                "name": name,
                "cells": [
                    "" if i == j else f"{view['beats'][i][j]} ({number(view['penalties'][i][j], 1)})"
                    for j in range(len(names))
                ],
            }
            for i, name in enumerate(names)
        ],
    }


def _row(record: Json, scale: simulation.Scale, saved: list[float]) -> Json:
    against = record["against"]
    row = {
        "name": record["strategy"],
        "mean": percent(record["area"]),
        "rank": number(record["rank"], 1) if record["rank"] is not None else "",
    }
    if against is None:
        return {**row, "bar": None, "thirds": ["", "", ""], "tally": "", "practical": "", "saved": ""}
    whole, tally, practical = against["whole"], against["tally"], against["practical"]
    return {
        **row,
        "difference": points(whole["difference"]),
        "interval": f"{points(whole['low'], signed=False)} to {points(whole['high'], signed=False)}",
        "bar": scale.bar(whole),
        "thirds": [points(against[third]["difference"]) for third in THIRDS],
        "tally": f"{tally['wins']} / {tally['ties']} / {tally['losses']}",
        "practical": ", ".join(percent(practical[key], 0) for key in ("better", "alike", "worse")),
        "saved": percent(median(saved), 0) if saved else "–",
    }


def _setting(summary: Json) -> Json:
    drawn = simulation.drawn(summary)
    styles = {name: style for style, name in enumerate(drawn, 0 if summary["baseline"] else 1)}
    compared = compared_in(summary)
    return {
        "title": summary["title"],
        "sentence": _sentence(best_of(compared)) if compared else "nothing to compare",
        "facts": simulation.facts(summary),
        **simulation.curves(summary, drawn, styles),
        **simulation.table(summary, styles),
    }


def _sentence(best: Json) -> str:
    area = best["against"]["area"]
    if area["low"] is None:
        return f"{best['strategy']} {points(area['difference'])} points, one seed"
    return f"{best['strategy']} {points(area['difference'])} points ({_interval(area)})"


def _facts(summary: Json) -> list[tuple[str, Any]]:
    plan = summary["plan"]
    seeds = plan["seeds"] if isinstance(plan["seeds"], int) else len(plan["seeds"])
    return [
        ("Data sets", ", ".join(each["name"] for each in plan["data"])),
        ("Strategies", ", ".join(s if isinstance(s, str) else s["name"] for s in plan["strategies"])),
        ("Models", ", ".join(m if isinstance(m, str) else m["name"] for m in plan["models"])),
        ("Seeds", f"{seeds}, each with its own split, first labels and model seed, the same for every strategy"),
        ("Batches, first labels", f"{', '.join(map(str, plan['batches']))}; {', '.join(map(str, plan['seed_sets']))}"),
        ("Validation labels", "not used: temperatures are fitted out of fold on the training labels"),
        ("As good as equal", f"differences of less than {points(plan['rope'], signed=False)} points"),
        ("Failures", "stay in the tables; a seed that a strategy did not finish is left out of its comparisons"),
        ("Made", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(summary["made_at"]))),
    ]
