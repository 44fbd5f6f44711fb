"""Tables and pictures of the efficiency bench, from the kept cells: the marked block of `docs/benchmarks.md`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import keeping
from benchmarks.sets import SETS

from querist.engine.bench.across import LEAST_SEEDS, verdict, view
from querist.engine.bench.summary import Question, summarise
from querist.report.charts import Series, learning_curves
from querist.report.ranks import critical_differences
from querist.report.standalone import standalone

if TYPE_CHECKING:
    from benchmarks.efficiency import Tier

DOCS = Path(__file__).parent.parent / "docs"
BEGIN, END = "<!-- efficiency: begin -->", "<!-- efficiency: end -->"
DRAWN = ("random", "margin", "badge", "bait", "weighted_kmeans", "auto")
Cells = Mapping[str, Sequence[dict[str, Any]]]


def write_page(found: Mapping[str, Sequence[tuple[Tier, Cells]]], path: Path) -> None:
    """Write the block and its pictures: name → the tier, model by model, with its cells.

    What has fewer than 20 seeds is shown as unfinished and claims nothing.
    """
    rows = list(keeping.read(path).values())
    lines = [BEGIN, "", *_origin(rows), ""]
    for name, parts in found.items():
        for tier, cells in parts:
            model = tier.models[0] if len(parts) > 1 else ""
            lines += [f"### {name.capitalize()}{f': {model}' if model else ''}", ""]
            lines += _part(f"{name}-{model}" if model else name, tier, cells)
    page = DOCS / "benchmarks.md"
    text = page.read_text(encoding="utf-8") if page.exists() else f"{BEGIN}\n{END}\n"
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + "\n".join([*lines, END]) + rest.partition(END)[2], encoding="utf-8")
    print(f"written: {page}")


def _part(name: str, tier: Tier, cells: Cells) -> list[str]:
    """What a tier with one model has found, from the sets and strategies of which no cell is missing."""
    wanted = {each.name: len(tier.cells(each)) for each in tier.sets}
    whole = {each: _finished(c, tier.seeds) for each, c in cells.items()}
    whole = {each: c for each, c in whole.items() if len({cell["strategy"] for cell in c} | {"random"}) > 1}
    finished = {each: len(c) for each, c in whole.items()} == wanted
    shown = _tier(name, whole, tier.seeds, finished=finished) if whole else []
    return [*_missing(wanted, cells), "", *shown]


def _finished(cells: Sequence[dict[str, Any]], each: int) -> list[dict[str, Any]]:
    """The cells of the strategies of which none is missing; nothing where random is not among them."""
    counts = Counter(cell["strategy"] for cell in cells)
    return [cell for cell in cells if counts[cell["strategy"]] == each] if counts["random"] == each else []


def _origin(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    machines = sorted({row["machine"] for row in rows})
    commits = sorted({row["commit"] for row in rows})
    finished = max((row["finished"] for row in rows), default=0)
    seconds = sum(row["seconds"] for row in rows)
    return [
        f"{len(rows):,} finished cells, {seconds / 3600:.1f} hours of one process each, the last one on "
        f"{time.strftime('%Y-%m-%d', time.gmtime(finished))}. Machine: {'; '.join(machines)}. "
        f"Commits: {', '.join(commits)}."
    ]


def _missing(wanted: Mapping[str, int], cells: Cells) -> list[str]:
    gaps = {name: count - len(cells.get(name, ())) for name, count in wanted.items()}
    gaps = {name: gap for name, gap in gaps.items() if gap}
    there = sum(map(len, cells.values()))
    if not gaps:
        return [f"All {there:,} cells are finished."]
    said = ", ".join(f"{name} ({gap})" for name, gap in gaps.items())
    return [f"**Not finished**: {there:,} of {sum(wanted.values()):,} cells. Missing: {said}."]


def _tier(name: str, cells: Cells, seeds: int, *, finished: bool) -> list[str]:
    lines = [
        "Difference to random in area under the accuracy curve, points [95 % over seeds]; labels saved in brackets; "
        "– where cells are missing.",
        "",
    ]
    summaries = {each: _summary(each, c) for each, c in cells.items()}
    strategies = list(dict.fromkeys(s["strategy"] for found in summaries.values() for s in found["strategies"]))
    strategies.remove("random")
    lines += ["| strategy | " + " | ".join(cells) + " |", "|---|" + "---|" * len(cells)]
    for strategy in strategies:
        lines.append(f"| {strategy} | " + " | ".join(_entry(found, strategy) for found in summaries.values()) + " |")
    about = "; ".join(f"`{each}`: {SETS[each].about}" for each in cells)
    lines += ["", f"Sets: {about}.", ""]
    lines += _pictures(name, summaries) if seeds >= LEAST_SEEDS else []
    if seeds < LEAST_SEEDS:
        lines += [f"{seeds} seeds: a survey, from which nothing is claimed.", ""]
    if len(cells) > 1:
        lines += _over_sets(name, cells, finished=finished)
    return lines


def _summary(name: str, cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import numpy as np

    classes = len(next(c["points"][0]["recall"] for c in cells if c["points"]))
    names = [str(k) for k in range(classes)]
    return summarise(cells, classes=names, held_out=np.zeros(classes, int), question=Question())


def _entry(found: Mapping[str, Any], strategy: str) -> str:
    record = next((s for s in found["strategies"] if s["strategy"] == strategy), None)
    if record is None or not record.get("against") or record["against"]["area"]["low"] is None:
        return "–"
    area, saving = record["against"]["area"], record["labels_saved"]
    saved = "" if saving.get("saved") is None else f" ({saving['saved'] / saving['needed_by_baseline']:.0%})"
    return f"{100 * area['difference']:+.1f} [{100 * area['low']:+.1f}, {100 * area['high']:+.1f}]{saved}"


def _pictures(tier: str, summaries: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for each, found in summaries.items():
        drawn = [name for name in DRAWN if name in found["curves"]]
        if len(drawn) < 3:
            continue  # the same curves stand under another tier
        series = []
        for style, name in enumerate(drawn):
            curve, band = found["curves"][name], found["curves"][name]["accuracy"]
            series.append(Series(name, curve["labels"], band["mean"], band["low"], band["high"], style))
        title, finding = f"{each}: correct on held-out items, %", f"Learning curves on {each}"
        chart = learning_curves(series, title=title, finding=finding)
        lines.append(f"![Learning curves on {each}]({_picture(f'{tier}-{each}', standalone(chart))})")
    return [*lines, ""] if lines else []


def _picture(name: str, svg: str) -> str:
    path = DOCS / "pictures" / f"efficiency-{name}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")
    return f"pictures/{path.name}"


def _over_sets(name: str, cells: Cells, *, finished: bool) -> list[str]:
    compared = view(cells, Question())
    lines = [
        f"Over these {len(compared['sets'])} sets (each counts once):",
        "",
        "| strategy | whole curve | first third | middle | last | better / level / worse "
        "| chance better, alike, worse | rank |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for s in sorted(compared["strategies"], key=lambda s: -s["area"]):
        if s["against"] is None:
            lines.append(f"| random | baseline | | | | | | {_rank(s)} |")
            continue
        a = s["against"]
        periods = " | ".join(points(a[p]) for p in ("whole", "first", "middle", "last"))
        tally = "{wins} / {ties} / {losses}".format(**a["tally"])
        chance = "{better:.0%}, {alike:.0%}, {worse:.0%}".format(**a["practical"])
        lines.append(f"| {s['strategy']} | {periods} | {tally} | {chance} | {_rank(s)} |")
    lines.append("")
    if compared["ranks"]:
        chart = critical_differences([s["strategy"] for s in compared["strategies"]], compared["ranks"])
        lines += [f"![Critical differences]({_picture(f'{name}-ranks', standalone(chart))})", ""]
    if not finished or not compared["enough_seeds"]:
        return [*lines, "Whether `auto` earned its name is judged when the whole tier is there.", ""]
    return [*lines, *_verdict(cells)]


def _rank(record: Mapping[str, Any]) -> str:
    return "" if record["rank"] is None else f"{record['rank']:.1f}"


def points(record: Mapping[str, float]) -> str:
    """A difference in points, with its interval."""
    return f"{100 * record['difference']:+.1f} [{100 * record['low']:+.1f}, {100 * record['high']:+.1f}]"


def ahead(above: Mapping[str, float]) -> str:
    """The strategies above `auto`, with hundredths of a point: they may be as good as level."""
    return ", ".join(f"`{name}` by {100 * gap:.2f}" for name, gap in above.items()) or "none"


def _verdict(cells: Cells) -> list[str]:
    judged = verdict(cells, "auto", Question())
    lines = [
        f"* `auto` against `{third['best']}`, the best single strategy of the {third['period']} third: "
        f"{points(third)}; above it besides: {ahead(third['above'])}"
        for third in judged["thirds"]
    ]
    worse = ", ".join(judged["worse_than_baseline"]) or "none"
    return [*lines, f"* `auto` is worse than random, after Holm, on: {worse}", ""]
