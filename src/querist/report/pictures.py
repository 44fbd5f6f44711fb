"""The charts of a simulation or a bench as files of their own, for papers: SVG, and PNG where matplotlib is."""

from __future__ import annotations

from io import BytesIO

from querist.errors import MissingExtra
from querist.report import simulation
from querist.report.figures import capital
from querist.report.findings import METRICS
from querist.report.ranks import critical_differences
from querist.report.standalone import DASHES, SERIES, standalone
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


def png_of_simulation(summary: Json) -> bytes:
    """Return a simulation's learning curves as a PNG of 300 dots an inch, one column of a paper wide.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtra("a PNG", "papers") from None
    metric: str = summary["metric"]
    figure = Figure(figsize=(3.5, 2.6), dpi=300, layout="constrained")
    axes = figure.subplots()
    for style, name in enumerate(simulation.drawn(summary), 0 if summary["baseline"] else 1):
        curve, band = summary["curves"][name], summary["curves"][name][metric]
        dashes = [float(part) for part in DASHES[style].split()]
        mean, low, high = (
            [100 * v if v is not None else float("nan") for v in band[k]] for k in ("mean", "low", "high")
        )
        (line,) = axes.plot(curve["labels"], mean, color=SERIES[style], linewidth=1.2, label=name)
        line.set_dashes(dashes)
        axes.fill_between(curve["labels"], low, high, color=SERIES[style], alpha=0.14, linewidth=0)
    axes.set_xlabel("Labels", fontsize=7)
    axes.set_ylabel(f"{capital(str(METRICS.get(metric, metric)))}, %", fontsize=7)
    axes.tick_params(labelsize=6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=6, frameon=False)
    written = BytesIO()
    figure.savefig(written, format="png")
    return written.getvalue()
