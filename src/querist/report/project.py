"""The report of a live project: what its page says, as one file that opens from disk and prints."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from querist.report import charts
from querist.report.figures import money, number, percent
from querist.report.page import render
from querist.types import Json

if TYPE_CHECKING:
    from querist.engine.project import Project

SERIES = ("random", "active")
"""Grey and dashed is random, in every chart."""


def write_project_report(project: Project, out: str | Path) -> Path:
    """Write the report of a project as it stands, and return the file."""
    file = Path(out)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page(views(project), made_at=int(time.time())), encoding="utf-8")
    return file


def views(project: Project) -> Json:
    """Return the plain dicts that a report is made of, in the shapes that the service answers with."""
    from querist.engine.views import evidence, overview, tables

    found: list[Json] = []
    batch = tables.rounds(project)
    while True:
        found += batch["rounds"]
        if batch["next"] is None:
            break
        batch = tables.rounds(project, before=int(batch["next"]))
    return {
        "status": overview.status(project),
        "curves": evidence.curves(project),
        "classes": tables.classes(project),
        "calibration": tables.calibration(project),
        "timing": tables.timing(project),
        "rounds": found,
    }


def page(views: Json, *, made_at: int) -> str:
    """Return the HTML of a project's views.

    Args:
        views: status, curves, classes, calibration, timing and rounds, as `views` returns them.
        made_at: seconds since 1970, UTC.
    """
    status, curves, calibration = views["status"], views["curves"], views["calibration"]
    when = time.gmtime(made_at)
    return render(
        "project.html",
        name=status["name"],
        made_on=f"{when.tm_mday} {time.strftime('%B %Y', when)}",
        verdict=status["verdict"],
        advice=status["advice"],
        figures=_figures(status, curves),
        curves=curves,
        drawn=_curves(curves),
        points=_points(curves),
        rules=[{**rule, **_RULES[rule["verdict"]]} for rule in status["rules"]],
        classes={**views["classes"], "rows": [_class(row) for row in views["classes"]["classes"]]},
        calibration=calibration,
        reliability=_reliability(calibration),
        timing=views["timing"],
        rounds=[_round(row) for row in views["rounds"]],
        notices=status["notices"],
        defaults=status["defaults"],
        strategy=status["strategy"],
    )


_RULES: Json = {
    "stop": {"tone": "good", "says": "stop"},
    "go_on": {"tone": "faint", "says": "go on"},
    "look": {"tone": "warn", "says": "look"},
    "early": {"tone": "faint", "says": "too early"},
}


def _figures(status: Json, curves: Json) -> list[Json]:
    """The four figures under the verdict: labels, savings, cost, hours."""
    counts, spent, saved = status["now"]["counts"], status["spent"], curves["saved"]
    of = f" of {number(counts['budget'])}" if counts["budget"] else ""
    proof = f"and {number(counts['evaluation'])} for evaluation"
    cells = [{"name": "Labels", "value": number(counts["labelled"]), "of": of, "below": proof}]
    if saved["state"] in ("saved", "lost") and saved["gross"] is not None:
        gross = saved["gross"]
        interval = f"between {number(gross['low'])} and {number(gross['high'])}, {saved['net_sentence'].lower()}"
        cells.append(
            {"name": "Saved against random", "value": number(gross["value"]), "of": " labels", "below": interval}
        )
    else:
        early = "too early to say" if saved["state"] == "missing" else "not measurable yet"
        cells.append({"name": "Saved against random", "value": "–", "of": "", "below": early})
    if spent["money"] is not None:
        whole = f" of {money(spent['of'], spent['currency'])}" if spent["of"] is not None else ""
        answers = f"{number(counts['answers'])} answers at {money(spent['per_label'], spent['currency'])}"
        cells.append(
            {"name": "Cost so far", "value": money(spent["money"], spent["currency"]), "of": whole, "below": answers}
        )
    if spent["hours"] is not None:
        cells.append({"name": "Time", "value": number(spent["hours"], 1), "of": " hours", "below": "of active time"})
    return cells


def _curves(curves: Json) -> Any:
    series = [_series(curves[arm], style) for style, arm in enumerate(SERIES) if len(curves[arm]["points"])]
    if not series:
        return None
    ends = ", ".join(f"{s.name} {percent(s.mean[-1], 0)} at {number(s.labels[-1])} labels" for s in series)
    bracket = _bracket(curves["saved"])
    wide, narrow = (
        charts.learning_curves(
            series, frame=frame, title=curves["axis"], finding=ends, unit="Labels used for training", bracket=bracket
        )
        for frame in (charts.WIDE, charts.NARROW)
    )
    rows = [
        {"name": s.name, "labels": number(at), "value": percent(mean), "interval": _range(low, high)}
        for s in series
        for at, mean, low, high in zip(s.labels, s.mean, s.low, s.high, strict=True)
    ]
    return {"wide": wide, "narrow": narrow, "rows": rows}


def _series(curve: Json, style: int) -> charts.Series:
    labels, mean, low, high = ([point[key] for point in curve["points"]] for key in ("labels", "value", "low", "high"))
    return charts.Series(curve["name"], labels, mean, low, high, style)


def _bracket(saved: Json) -> charts.Bracket | None:
    if saved["state"] != "saved" or saved["gross"] is None:
        return None
    words = f"{number(saved['gross']['value'])} labels saved"
    detail = f"for the same {percent(saved['accuracy'], 0)}"
    return charts.Bracket(saved["active_labels"], saved["random_labels"], saved["accuracy"], words, detail)


def _points(curves: Json) -> list[Json]:
    """What the curves say, in sentences, each with the sign that its state has."""
    compared = {"better": "good", "worse": "bad", "undecided": "even", "no_gain": "look", "missing": "even"}
    saved = {"saved": "good", "lost": "bad", "unclear": "even", "missing": "even"}
    states: Sequence[tuple[str, Json]] = (("comparison", compared), ("saved", saved))
    return [
        {"kind": kinds[curves[part]["state"]], "claim": curves[part]["sentence"], "evidence": curves[part]["detail"]}
        for part, kinds in states
    ]


def _class(row: Json) -> Json:
    recall, share = row["recall"], row["pool"]
    return {
        "name": row["name"],
        "labels": number(row["labels"]),
        "share": percent(row["share"], 0),
        "pool": f"{percent(share['value'], 0)} ({_range(share['low'], share['high'])})" if share else "–",
        "recall": percent(recall["value"], 0) if recall else "–",
        "interval": _range(recall["low"], recall["high"]) if recall else row["sentence"],
        "bar": _bar(recall) if recall else None,
    }


def _bar(estimate: Json) -> Json:
    places = {key: round(100 * estimate[name], 2) for key, name in (("a", "low"), ("m", "value"), ("b", "high"))}
    return {**places, "zero": False}


def _range(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{number(100 * low)} to {number(100 * high)}"


def _reliability(calibration: Json) -> Any:
    if not calibration["bins"]:
        return None
    bins = [
        charts.Bin(b["correct"]["n"], b["certainty"], *(b["correct"][key] for key in ("value", "low", "high")))
        for b in calibration["bins"]
    ]
    return charts.reliability(bins, finding=calibration["sentence"])


def _round(row: Json) -> Json:
    accuracy = row["accuracy"]
    return {
        "round": number(row["round"]),
        "labels": number(row["labels"]),
        "strategy": row["strategy"],
        "accuracy": percent(accuracy["value"], 0) if accuracy else "–",
        "interval": _range(accuracy["low"], accuracy["high"]) if accuracy else "",
        "bar": _bar(accuracy) if accuracy else None,
        "error": percent(row["calibration_error"]),
        "took": row["train_seconds"],
        "model": row["model"] or "–",
        "dataset": (row["dataset"] or "–")[:8],
        "notices": row["notices"],
    }
