"""A chart as a file of its own, for papers and pages elsewhere: colours and lines written into it, no style sheet."""

from __future__ import annotations

import re
from typing import Final

from markupsafe import Markup

SERIES: Final = ("#66686c", "#1a57b8", "#b35300", "#00473a", "#7d1263", "#4a3800")
"""As on the page, by day."""
DASHES: Final = ("5 4", "", "9 3", "2 3", "12 3 2 3", "6 2 2 2")
"""Series can be told apart without colour."""
INK: Final = "#17181a"


def standalone(chart: Markup) -> str:
    """Return a chart of the report as an SVG file: what a paper's tools expect, on a white ground.

    >>> from querist.report.svg import element
    >>> standalone(element("svg", element("text", "a"), class_="chart", viewBox="0 0 10 20"))[:72]
    '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="20" class="ch'
    """
    text = str(chart)
    found = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    width, height = found.groups() if found else ("790", "336")
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
    ground = f'<style>{_style()}</style><rect width="{width}" height="{height}" fill="#ffffff"/>'
    text = text.replace("<svg", opening, 1).replace("var(--ink-3)", "#66686c")
    return re.sub(r"(<svg[^>]*>)", lambda match: match[1] + ground, text, count=1) + "\n"


def _style() -> str:
    rules = [
        f"text{{font:13px Inter,Helvetica,Arial,sans-serif;fill:{INK}}}",
        ".grid{stroke:#e3e3de}.ax{stroke:#878883}.hit{display:none}.halo{paint-order:stroke;stroke:#fff;stroke-width:4}",
        ".line{fill:none;stroke-width:2.2}.band{stroke:none;fill-opacity:.14}.end{font-weight:600}",
        f".bracket,.stem{{fill:none;stroke:{INK}}}.clique{{stroke:{INK};stroke-width:4;stroke-linecap:round}}",
    ]
    for i, (colour, dash) in enumerate(zip(SERIES, DASHES, strict=True)):
        rules.append(f".s{i}{{stroke:{colour};stroke-dasharray:{dash or 'none'}}}.f{i}{{fill:{colour}}}")
    return "".join(rules)
