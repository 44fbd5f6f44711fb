"""The charts of a simulation or a bench as files of their own, for papers, in SVG."""

from __future__ import annotations

from querist.report import simulation
from querist.report.ranks import critical_differences
from querist.report.standalone import standalone
from querist.types import Json


def of_simulation(summary: Json) -> dict[str, str]:
    """Return name → SVG of a simulation's learning curves; nothing where no strategy finished."""
    drawn = simulation.drawn(summary)
    styles = {name: style for style, name in enumerate(drawn, 0 if summary["baseline"] else 1)}
    found = simulation.curves(summary, drawn, styles)["curves_wide"]
    return {} if found is None else {"curves": standalone(found)}


def of_study(summary: Json) -> dict[str, str]:
    """Return name → SVG of a bench: the curves of each setting, and the critical differences of each view."""
    found: dict[str, str] = {}
    for number, setting in enumerate(summary["settings"], start=1):
        found |= {f"curves-{number}": svg for svg in of_simulation(setting).values()}
    for number, view in enumerate(summary["views"], start=1):
        if view["ranks"]:
            names = [s["strategy"] for s in view["strategies"]]
            found[f"ranks-{number}"] = standalone(critical_differences(names, view["ranks"]))
    return found
