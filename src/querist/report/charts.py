"""The charts of a report, as SVG strings: learning curves with bands, reliability diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from markupsafe import Markup

from querist.report.figures import capital, number
from querist.report.svg import Scale, element, path, spread, ticks

STYLES: Final = 6
"""Series have six looks; the first is random's, and no more curves than looks are drawn."""
LETTER: Final = 7.2
"""Mean width of a letter of 13 px, semibold."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: `mean` with the band from `low` to `high` (None where there is none); `style` is 0 for random."""

    name: str
    labels: Sequence[float]
    mean: Sequence[float]
    low: Sequence[float | None]
    high: Sequence[float | None]
    style: int


@dataclass(frozen=True, slots=True)
class Bracket:
    """The saving: from `start` to `end` labels at the height `at`, and its words in two lines."""

    start: float
    end: float
    at: float
    words: str
    detail: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Size and margins of a chart in pixels, and about how many ticks it has room for."""

    width: int
    height: int
    left: int
    right: int
    top: int = 30
    bottom: int = 44
    ticks: int = 6


WIDE: Final = Frame(790, 336, 44, 120)
NARROW: Final = Frame(358, 290, 34, 8, ticks=3)


def learning_curves(
    series: Sequence[Series],
    *,
    frame: Frame = WIDE,
    title: str,
    finding: str,
    unit: str = "Labels",
    bracket: Bracket | None = None,
) -> Markup:
    """Return learning curves in per cent; each is named where it ends, or on itself where the frame is narrow.

    Args:
        series: at most `STYLES`, values from 0 to 1.
        frame: wide or narrow.
        title: what the height means, written above the axis.
        finding: the sentence for those who do not see the chart.
        unit: what the x axis counts.
        bracket: the labels saved.
    """
    values = [100 * v for s in series for v in (*s.mean, *s.low, *s.high) if v is not None]
    # At least one point high: where everybody is always right, there is no range to draw.
    y_ticks = [t for t in ticks(min(*values, max(values) - 1), max(values)) if t <= 100]
    x_ticks = ticks(0, max(s.labels[-1] for s in series), about=frame.ticks)
    last = max(s.labels[-1] for s in series)
    x_ticks = [t for t in x_ticks if t <= last]
    x = Scale(0, last, frame.left, frame.width - frame.right)
    y = Scale(y_ticks[0], max(y_ticks[-1], *values), frame.height - frame.bottom, frame.top)
    parts = [element("text", title, x=0, y=12), *_axes(x, y, x_ticks, y_ticks, unit)]
    parts += [_band(s, x, y) for s in series]
    # Later lines lie on top; random's is the ground that the others stand out from.
    parts += [_line(s, x, y) for s in sorted(series, key=lambda s: (s.style != 0, -s.style))]
    parts += [_values(s, x, y, unit) for s in series]
    parts += _bracket(bracket, x, y) if bracket else []
    parts += _names_at_the_end(series, x, y, frame) if frame.right > 80 else _names_on_the_lines(series, x, y)
    return _chart(frame, finding, parts)


def _chart(frame: Frame, finding: str, parts: Sequence[Markup]) -> Markup:
    inside = [element("title", finding), *parts]
    box = f"0 0 {frame.width} {frame.height}"
    return element("svg", *inside, class_="chart", viewBox=box, role="img", aria_label=finding)


def _axes(x: Scale, y: Scale, x_ticks: Sequence[float], y_ticks: Sequence[float], unit: str) -> list[Markup]:
    parts = []
    for t in y_ticks:
        parts.append(element("line", class_="grid", x1=x.start, x2=x.end, y1=y(t), y2=y(t)))
        parts.append(element("text", _tick(t, y_ticks), x=x.start - 8, y=y(t) + 4, text_anchor="end"))
    floor = y.start
    parts.append(element("line", class_="ax", x1=x.start, x2=x.end, y1=floor, y2=floor))
    for t in x_ticks:
        anchor = "start" if t == x_ticks[0] else "end" if x(t) > x.end - 12 else "middle"
        parts.append(element("line", class_="ax", x1=x(t), x2=x(t), y1=floor, y2=floor + 4))
        parts.append(element("text", _tick(t, x_ticks), x=x(t), y=floor + 18, text_anchor=anchor))
    parts.append(element("text", unit, x=x.end, y=floor + 38, text_anchor="end"))
    return parts


def _tick(value: float, all_ticks: Sequence[float]) -> str:
    whole = all(abs(t - round(t)) < 1e-9 for t in all_ticks)
    return number(value, 0 if whole else 1)


def _band(series: Series, x: Scale, y: Scale) -> Markup:
    edges = [
        (at, low, high)
        for at, low, high in zip(series.labels, series.low, series.high, strict=True)
        if low is not None and high is not None
    ]
    if not edges:
        return Markup("")
    ceiling, floor = y.high, y.low
    up = [(x(at), y(min(100 * high, ceiling))) for at, _, high in edges]
    down = [(x(at), y(max(100 * low, floor))) for at, low, _ in reversed(edges)]
    xs, ys = zip(*up, *down, strict=True)
    return element("path", class_=f"band f{series.style}", d=path(xs, ys) + "Z")


def _line(series: Series, x: Scale, y: Scale) -> Markup:
    d = path([x(at) for at in series.labels], [y(100 * value) for value in series.mean])
    return element("path", class_=f"line s{series.style}", d=d)


def _values(series: Series, x: Scale, y: Scale, unit: str) -> Markup:
    """Each point tells its figures where the pointer rests on it."""
    found = []
    for at, mean, low, high in zip(series.labels, series.mean, series.low, series.high, strict=True):
        band = f" ({number(100 * low, 1)} to {number(100 * high, 1)})" if low is not None and high is not None else ""
        words = f"{capital(series.name)}, {number(at)} {unit.lower()}: {number(100 * mean, 1)} %{band}"
        mark = element("circle", cx=x(at), cy=y(100 * mean), r=7)
        found.append(element("g", element("title", words), mark, class_=f"hit f{series.style}"))
    return Markup("").join(found)


def _bracket(bracket: Bracket, x: Scale, y: Scale) -> list[Markup]:
    left, right = sorted((x(bracket.start), x(bracket.end)))
    height = y(100 * bracket.at)
    line = f"M{left:.1f} {height - 5:.1f}v10M{right:.1f} {height - 5:.1f}v10M{left:.1f} {height:.1f}H{right:.1f}"
    # The words hang below the bracket, where the curves are not, and keep clear of both edges.
    half = LETTER * max(len(bracket.words), len(bracket.detail)) / 2
    middle = min(max((left + right) / 2, x.start + half), max(x.end - half, x.start + half))
    below = min(height + 40, y.start - 22)
    stem = element("path", d=f"M{middle:.1f} {height + 8:.1f}V{below - 14:.1f}", stroke="var(--ink-3)", fill="none")
    return [
        element("path", class_="bracket", d=line),
        stem if left <= middle <= right else Markup(""),
        element("text", bracket.words, class_="fi halo strong", y=below, x=middle, text_anchor="middle"),
        element("text", bracket.detail, class_="halo", y=below + 16, x=middle, text_anchor="middle"),
    ]


def _names_at_the_end(series: Sequence[Series], x: Scale, y: Scale, frame: Frame) -> list[Markup]:
    """Each name where its line ends: at the right margin, or in the chart where measuring ended earlier."""
    last = max(s.labels[-1] for s in series)
    whole = [s for s in series if s.labels[-1] == last]
    places = spread([y(100 * s.mean[-1]) + 4 for s in whole], gap=17, low=frame.top, high=y.start)
    parts = [
        element("text", _with_value(s), class_=f"end f{s.style}", x=x.end + 10, y=place)
        for s, place in zip(whole, places, strict=True)
    ]
    for s in (s for s in series if s.labels[-1] < last):
        at = s.labels[-1]
        above = any(np.interp(at, other.labels, other.mean) > s.mean[-1] for other in whole)
        place = y(100 * s.mean[-1]) + (24 if above else -14)
        parts.append(element("circle", class_=f"f{s.style}", cx=x(at), cy=y(100 * s.mean[-1]), r=3.5))
        parts.append(element("text", _with_value(s), class_=f"end f{s.style} halo", x=x(at) + 6, y=place))
    return parts


def _with_value(series: Series) -> str:
    return f"{capital(series.name)} {number(100 * series.mean[-1])} %"


def _names_on_the_lines(series: Sequence[Series], x: Scale, y: Scale) -> list[Markup]:
    """Each name above or below its own line, at the place that is farthest from the other lines and names."""
    taken: list[tuple[float, float]] = []
    lines = [[(x(at), y(100 * v)) for at, v in zip(s.labels, s.mean, strict=True)] for s in series]
    parts = []
    for s, own in zip(series, lines, strict=True):
        half = LETTER * len(capital(s.name)) / 2
        best = (-1.0, own[-1])
        for px, py in own:
            if not x.start + half <= px <= x.end - half:
                continue
            for place in ((px, py - 14), (px, py + 22)):
                if not y.end <= place[1] <= y.start - 6:
                    continue
                rival = [p for line in lines for p in line if abs(p[0] - px) < half + 6]
                room = min(
                    [abs(p[1] - (place[1] - 4)) for p in rival]
                    + [abs(t[1] - place[1]) + max(0.0, abs(t[0] - px) - half) for t in taken]
                )
                best = max(best, (room, place))
        taken.append(best[1])
        at = best[1]
        parts.append(
            element("text", capital(s.name), class_=f"end f{s.style} halo", x=at[0], y=at[1], text_anchor="middle")
        )
    return parts


@dataclass(frozen=True, slots=True)
class Bin:
    """A bin of predictions: `n` of them, sure of `certain` on average, `right` that often."""

    n: int
    certain: float
    right: float
    low: float
    high: float


def reliability(bins: Sequence[Bin], *, finding: str, style: int = 1, size: int = 200) -> Markup:
    """Return a reliability diagram: on the diagonal, what the model is 80 % sure of is right in 80 of 100."""
    frame = Frame(size + 40, size + 60, 34, 6, top=16, bottom=44)
    x = Scale(0, 100, frame.left, frame.width - frame.right)
    y = Scale(0, 100, frame.height - frame.bottom, frame.top)
    parts = []
    for t in (0, 50, 100):
        parts.append(element("line", class_="grid", x1=x.start, x2=x.end, y1=y(t), y2=y(t)))
        parts.append(element("text", str(t), x=x.start - 8, y=y(t) + 4, text_anchor="end"))
        anchor = {0: "start", 50: "middle", 100: "end"}[t]
        parts.append(element("text", str(t), x=x(t), y=y.start + 18, text_anchor=anchor))
    parts.append(element("line", class_="ax", x1=x.start, x2=x.end, y1=y.start, y2=y.start))
    parts.append(element("path", class_="diagonal", d=path([x(0), x(100)], [y(0), y(100)])))
    parts.append(element("text", "right, %", x=x.start + 6, y=y.end + 12, class_="halo"))
    parts.append(element("text", "the model says, %", x=x.end, y=y.start + 36, text_anchor="end"))
    for b in bins:
        at = x(100 * b.certain)
        ends = {"x1": at, "x2": at, "y1": y(100 * b.low), "y2": y(100 * b.high)}
        parts.append(element("line", class_=f"whisker s{style}", **ends))
        parts.append(element("circle", class_=f"f{style}", cx=at, cy=y(100 * b.right), r=4))
    return _chart(frame, finding, parts)
