"""The report of a simulation: `index.html` from the figures of `summary.json`, and from nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from querist.report import charts, slices
from querist.report.figures import megabytes, money, number, percent, points, seconds, to
from querist.report.findings import METRICS, best_of, compared_in, findings, in_words, verdict
from querist.report.page import render
from querist.types import Json

CLASSES_SHOWN: Final = 20
MANY: Final = 60
"""No more seeds than this are listed in the page; all are in `results.parquet`."""
_QUALITY: Final = (
    ("ece", "Calibration error", percent),
    ("log_loss", "Log loss", lambda value: number(value, 3)),
    ("brier", "Brier score", lambda value: number(value, 3)),
    ("balanced_accuracy", "Balanced accuracy", percent),
    ("macro_f1", "Macro-F1", percent),
    ("micro_f1", "Micro-F1", percent),
    ("jaccard", "Jaccard index", percent),
    ("hamming", "Labels wrong", percent),
    ("rmse", "RMSE", lambda value: number(value, 3)),
    ("mae", "Mean absolute error", lambda value: number(value, 3)),
)
_LIMITS: Final = (0.001, 0.002, 0.004, 0.006, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6)


def page(summary: Json) -> str:
    """Return the HTML of a simulation's summary, as `querist.simulate(...).summary` or `summary.json` holds it.

    The first screen says in words what was found, how sure that is and where it does worse; below it are the tables,
    the settings and the command that repeats it.
    """
    shown = drawn(summary)
    styles = {name: style for style, name in enumerate(shown, 0 if summary["baseline"] else 1)}
    final = summary["strategies"][0]["final"]["labels"] if summary["strategies"] else None
    middle = summary["strategies"][0]["middle"]["labels"] if summary["strategies"] else None
    return render(
        "simulation.html",
        findings=findings(summary),
        data=summary["data"],
        seeds=len(summary["settings"]["seeds"]),
        cells=summary["cells"],
        made_on=day(summary["made_at"]),
        baseline=summary["baseline"] or "nothing",
        metric_title=_title(summary),
        middle_labels=number(middle),
        final_labels=number(final),
        priced=summary["settings"]["price"] is not None,
        target_words=_target_words(summary),
        failures=summary["failures"],
        **curves(summary, shown, styles),
        **table(summary, styles),
        classes=_classes(summary),
        weak=slices.weak(summary),
        **_calibration(summary, styles),
        **_seeds(summary),
        facts=facts(summary),
        versions=sorted(summary["versions"].items()),
        command=summary["settings"].get("command", ""),
    )


def day(made_at: int) -> str:
    """Return a day as people write it."""
    when = time.gmtime(made_at)
    return f"{when.tm_mday} {time.strftime('%B %Y', when)}"


def drawn(summary: Json) -> list[str]:
    """The baseline, then the strategies from the best area down, as many as there are looks."""
    area = {s["strategy"]: s["area"][summary["metric"]]["mean"] for s in summary["strategies"]}
    ranked = sorted(area, key=lambda name: (name != summary["baseline"], -area[name]))
    return ranked[: charts.STYLES if summary["baseline"] else charts.STYLES - 1]


def _title(summary: Json) -> str:
    held_out = number(summary["data"]["hold_out"])
    metric: str = summary["metric"]
    words = METRICS.get(metric, metric)
    return f"{words[:1].upper()}{words[1:]}, on {held_out} held-out items, %"


def curves(summary: Json, drawn: Sequence[str], styles: dict[str, int]) -> Json:
    """Return the learning curves, wide and narrow, and their table."""
    if not drawn:
        return {"curves_wide": None, "curves_narrow": None, "curve_rows": [], "curve_names": [], "not_drawn": []}
    series = [_series(summary, name, styles[name]) for name in drawn]
    ends = ", ".join(f"{s.name} {percent(s.mean[-1], 0)}" for s in series)
    finding = f"Learning curves; with {number(series[0].labels[-1])} labels: {ends}"
    bracket = _bracket(summary)
    wide, narrow = (
        charts.learning_curves(series, frame=frame, title=_title(summary), finding=finding, bracket=bracket)
        for frame in (charts.WIDE, charts.NARROW)
    )
    rows = [
        {"labels": at, "cells": [_with_interval(s.mean[i], s.low[i], s.high[i]) for s in series]}
        for i, at in enumerate(series[0].labels)
    ]
    return {
        "curves_wide": wide,
        "curves_narrow": narrow,
        "curve_rows": rows,
        "curve_names": [s.name for s in series],
        "curve_styles": styles,
        "not_drawn": [name for name in summary["curves"] if name not in drawn],
    }


def _series(summary: Json, name: str, style: int) -> charts.Series:
    curve = summary["curves"][name]
    band = curve[summary["metric"]]
    return charts.Series(name, curve["labels"], band["mean"], band["low"], band["high"], style)


def _with_interval(mean: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return percent(mean)
    return f"{percent(mean)} ({number(100 * low, 1)} to {number(100 * high, 1)})"


def _bracket(summary: Json) -> charts.Bracket | None:
    """The saving of the best strategy, where it is shown and measured."""
    compared = compared_in(summary)
    if not compared:
        return None
    saving = best_of(compared)["labels_saved"]
    if saving.get("low") is None or saving["low"] <= 0 or saving["needed"] is None:
        return None
    words = f"{number(saving['saved'])} labels fewer"
    detail = f"for the same {percent(saving['target'], 0)}"
    return charts.Bracket(saving["needed"], saving["needed_by_baseline"], saving["target"], words, detail)


def _target_words(summary: Json) -> str:
    reached = [s["labels_saved"] for s in summary["strategies"] if s.get("labels_saved", {}).get("target") is not None]
    if not reached:
        return ""
    target = percent(reached[0]["target"])
    if summary["settings"]["target_accuracy"] is not None:
        return f"to reach {target}, the target that was set, on curves made monotone."
    return f"to reach {target}, where {summary['baseline']} ends, on curves made monotone; nothing is extrapolated."


class Scale:
    """Places on a symmetric scale of points around 0, in per cent of its width."""

    def __init__(self, records: Sequence[Json]) -> None:
        found = [abs(v) for r in records for v in (r["difference"], r["low"], r["high"]) if v is not None]
        widest = max(found, default=0.01)
        self.limit = next((step for step in _LIMITS if step >= widest), 1.0)
        self.low, self.high = points(-self.limit, self._digits()), points(self.limit, self._digits())

    def _digits(self) -> int:
        return 0 if self.limit >= 0.01 else 1

    def bar(self, record: Json) -> Json | None:
        """Return where an interval and its middle lie; nothing where there is no difference."""
        if record["difference"] is None:
            return None
        places = [record[key] if record[key] is not None else record["difference"] for key in ("low", "high")]
        a, m, b = (round(50 + 50 * v / self.limit, 2) for v in (places[0], record["difference"], places[1]))
        return {"a": a, "m": m, "b": b, "zero": True}


def table(summary: Json, styles: dict[str, int]) -> Json:
    """Return the rows of the comparison, best first, and the scale of their bars."""
    metric = summary["metric"]
    scale = Scale([s["against"]["area"] for s in compared_in(summary)])
    ranked = sorted(summary["strategies"], key=lambda s: -(s["area"][metric]["mean"] or 0))
    return {"rows": [_row(s, summary, scale, styles) for s in ranked], "scale": scale}


def _row(record: Json, summary: Json, scale: Scale, styles: dict[str, int]) -> Json:
    metric = summary["metric"]
    against, saving = record.get("against"), record.get("labels_saved") or {}
    area = against["area"] if against else None
    cost = record.get("cost_saved") or {}
    currency = summary["settings"]["currency"]
    return {
        "name": record["strategy"],
        "style": styles.get(record["strategy"]),
        "middle": percent(record["middle"][metric]["mean"]),
        "final": percent(record["final"][metric]["mean"]),
        "area": percent(record["area"][metric]["mean"]),
        "difference": points(area["difference"]) if area else "",
        "interval": to(area, lambda v: points(v, signed=False)) if area else "",
        "bar": scale.bar(area) if area else None,
        "needed": _needed(saving),
        "saved": number(saving.get("saved")) if against else "",
        "saved_interval": to(saving, number) if against else "",
        "money": money(cost.get("saved"), currency) if against else "",
        "money_interval": to(cost, lambda v: money(v, currency)) if against else "",
        "words": in_words(against) if against or record["strategy"] == summary["baseline"] else "",
        "failed": record["failed"],
    }


def _needed(saving: Json) -> str:
    if saving.get("needed") is not None:
        return number(saving["needed"])
    return "not reached" if saving.get("target") is not None else "–"


def _classes(summary: Json) -> Json:
    """Recall of each class; of many classes those that changed most."""
    strategies = summary["strategies"]
    compared = compared_in(summary)
    best = best_of(compared) if compared else None
    order = list(range(len(strategies[0]["recall"]))) if strategies else []
    changes = [best["against"]["recall"][k] for k in order] if best else []
    if len(order) > CLASSES_SHOWN and best:
        order.sort(key=lambda k: -abs(changes[k]["difference"] or 0))
        order = sorted(order[:CLASSES_SHOWN])
    shown = [s for s in strategies if s is best or s["strategy"] == summary["baseline"]] if best else strategies[:4]
    scale = Scale([changes[k] for k in order]) if best else None
    return {
        "best": best["strategy"] if best else None,
        "names": [s["strategy"] for s in shown],
        "sentence": _class_sentence(best, summary) if best else "",
        "scale": scale,
        "left_out": len(strategies[0]["recall"]) - len(order) if strategies else 0,
        "rows": [
            {
                "name": strategies[0]["recall"][k]["class"],
                "held_out": number(strategies[0]["recall"][k]["held_out"]),
                "recalls": [percent(s["recall"][k]["mean"]) for s in shown],
                "difference": points(changes[k]["difference"]) if best else "",
                "interval": to(changes[k], lambda v: points(v, signed=False)) if best else "",
                "bar": scale.bar(changes[k]) if scale else None,
            }
            for k in order
        ],
    }


def _class_sentence(best: Json, summary: Json) -> str:
    said = [verdict(change) for change in best["against"]["recall"]]
    more, fewer, total = said.count("better"), said.count("worse"), len(said)
    name, baseline = best["strategy"], summary["baseline"]
    return (
        f"Of {total} classes {name} finds {more} better than {baseline} and {fewer} worse; "
        f"{total - more - fewer} are not decided."
    )


def _calibration(summary: Json, styles: dict[str, int]) -> Json:
    compared = compared_in(summary)
    best = best_of(compared) if compared else (summary["strategies"][0] if summary["strategies"] else None)
    shown = [s for s in summary["strategies"] if s is best or s["strategy"] == summary["baseline"]]
    shown.sort(key=lambda s: s["strategy"] == summary["baseline"])
    error = best["final"]["ece"]["mean"] if best else None
    return {
        "calibration_sentence": f"What it says is {points(error, signed=False)} points off on average." if best else "",
        "reliability": [_reliability(s, styles) for s in shown],
        "quality_names": [title for _, title, _ in _shown_figures(summary)],
        "quality": [_quality(s, _shown_figures(summary)) for s in summary["strategies"]],
    }


def _reliability(record: Json, styles: dict[str, int]) -> Json:
    error = points(record["final"]["ece"]["mean"], signed=False)
    bins = [
        charts.Bin(
            b["n"], b["certain"], b["right"], *(b[k] if b[k] is not None else b["right"] for k in ("low", "high"))
        )
        for b in record["reliability"]
    ]
    words = f"{error} points off on average"
    finding = f"Reliability of {record['strategy']}: {words}"
    chart: Markup = charts.reliability(bins, finding=finding, style=styles.get(record["strategy"], 1))
    return {"name": record["strategy"], "words": words, "chart": chart}


def _shown_figures(summary: Json) -> list[tuple[str, str, Callable[[float | None], str]]]:
    """The figures of the last models that this kind of label has: name, title, how it is written."""
    there: Json = summary["strategies"][0]["final"] if summary["strategies"] else {}
    return [shown for shown in _QUALITY if shown[0] in there and shown[0] != summary["metric"]]


def _quality(record: Json, shown: Sequence[tuple[str, str, Callable[[float | None], str]]]) -> Json:
    return {
        "name": record["strategy"],
        "cells": [
            *(written(record["final"][name]["mean"]) for name, _, written in shown),
            seconds(record["seconds"]["model"]),
            seconds(record["seconds"]["query"]),
            megabytes(record["bytes_query"]),
        ],
    }


def _seeds(summary: Json) -> Json:
    strategies = summary["strategies"]
    listed = summary["settings"]["seeds"][:MANY]
    return {
        "seed_names": [s["strategy"] for s in strategies],
        "seed_rows": [
            {"seed": seed, "cells": [percent(s["area_by_seed"].get(str(seed)), 2) for s in strategies]}
            for seed in (listed if strategies else [])
        ],
    }


def _scaled(calibrate: bool) -> str:
    return "scaled by a temperature fitted out of fold" if calibrate else "as the model gives"


def facts(summary: Json) -> list[tuple[str, str]]:
    """Return what was set, as pairs of a word and its value."""
    data, settings = summary["data"], summary["settings"]
    sizes = ", ".join(f"{name}: {number(count)}" for name, count in list(data["classes"].items())[:CLASSES_SHOWN])
    more = len(data["classes"]) - CLASSES_SHOWN
    first = f"{number(settings['seed_set'])} drawn at random, the same for every strategy of a seed"
    return [
        ("Data", f"{data['name']}, {number(data['rows'])} rows, fingerprint {data['fingerprint']}"),
        *([("Classes", sizes + (f" and {more} more" if more > 0 else ""))] if sizes else []),
        *([("Kind of label", data["task"].replace("_", " "))] if data.get("task") else []),
        *([("Correct means", data["means"])] if data.get("means") else []),
        ("Pool and hold-out", f"{number(data['pool'])} to ask about, {number(data['hold_out'])} held out, stratified"),
        ("Model", f"{settings['model']}, trained from scratch after every batch"),
        ("Features", f"{settings['features']}, fitted on the pool alone"),
        *([] if data.get("task") == "numeric" else [("Probabilities", _scaled(settings["calibrate"]))]),
        ("First labels", first),
        ("Batch", f"{number(settings['batch'])} labels"),
        ("Validation labels", "not used: temperatures are fitted out of fold on the training labels"),
        ("Budget", f"{number(settings['budget'])} labels; {settings['counted']}"),
        ("Seeds", ", ".join(str(seed) for seed in settings["seeds"])),
        ("Strategies", ", ".join(s if isinstance(s, str) else s["name"] for s in settings["strategies"])),
        ("Intervals", "95 %, over seeds; differences paired by seed (t); savings by resampling seeds"),
        *[(name.replace("_", " ").capitalize(), str(data[name])) for name in ("source", "left_out") if data.get(name)],
    ]
