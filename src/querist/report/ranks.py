"""The critical-difference diagram: mean ranks on a line, bars over those that cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from querist.report.figures import number
from querist.report.svg import Scale, element
from querist.types import Json

WIDTH: Final = 760
SIDE: Final = 190
"""Room for names on either side."""
LINE: Final = 20


def critical_differences(names: Sequence[str], ranks: Json) -> Markup:
    """Return the diagram; the better half of the names stands on the left, best first.

    Args:
        names: of the strategies.
        ranks: `mean`, `critical` and `cliques`, as `measure.across.Ranks.to_json` gives them.

    Demšar, JMLR 2006, figure 1.
    """
    order = sorted(range(len(names)), key=lambda i: ranks["mean"][i])
    half = math.ceil(len(order) / 2)
    x = Scale(1, len(names), SIDE, WIDTH - SIDE)
    floor = 56
    bars = floor + 12
    below = bars + 9 * len(ranks["cliques"]) + 14
    height = below + LINE * half + 4
    parts = [element("title", "Mean ranks with critical differences"), *_axis(x, len(names), floor)]
    parts += _distance(x, ranks["critical"], len(names))
    for place, clique in enumerate(ranks["cliques"]):
        ends = [ranks["mean"][i] for i in clique]
        y = bars + 9 * place
        parts.append(element("line", class_="clique", x1=x(min(ends)) - 3, x2=x(max(ends)) + 3, y1=y, y2=y))
    for place, i in enumerate(order):
        left = place < half
        row = place if left else len(order) - 1 - place
        y = below + LINE * row
        end = SIDE - 12 if left else WIDTH - SIDE + 12
        at = x(ranks["mean"][i])
        parts.append(element("path", class_="stem", d=f"M{at:.1f} {floor}V{y:.1f}H{end}"))
        words = f"{names[i]} {number(ranks['mean'][i], 1)}"
        anchor, edge = ("end", end - 6) if left else ("start", end + 6)
        parts.append(element("text", words, class_="fi", x=edge, y=y + 4, text_anchor=anchor))
    said = ", ".join(f"{names[i]} {number(ranks['mean'][i], 1)}" for i in order)
    box = f"0 0 {WIDTH} {height}"
    return element("svg", *parts, class_="chart ranks", viewBox=box, role="img", aria_label=f"Mean ranks: {said}")


def _axis(x: Scale, count: int, floor: float) -> list[Markup]:
    parts = [element("line", class_="ax", x1=x.start, x2=x.end, y1=floor, y2=floor)]
    for rank in range(1, count + 1):
        parts.append(element("line", class_="ax", x1=x(rank), x2=x(rank), y1=floor - 5, y2=floor))
        parts.append(element("text", str(rank), x=x(rank), y=floor - 10, text_anchor="middle"))
    return parts


def _distance(x: Scale, critical: float, count: int) -> list[Markup]:
    shown = min(critical, count - 1)
    end = x(1 + shown)
    line = f"M{x.start:.1f} 10v8M{end:.1f} 10v8M{x.start:.1f} 14H{end:.1f}"
    words = f"critical difference {number(critical, 2)}"
    return [
        element("path", class_="bracket", d=line),
        element("text", words, x=end + 8, y=18, text_anchor="start"),
    ]
