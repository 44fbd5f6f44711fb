"""Just enough SVG: elements as safe markup, scales from figures to pixels, round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def element(tag: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """Return one element; text is escaped, `class_` is `class`, `text_anchor` is `text-anchor`, None is left out.

    >>> print(element("text", "a < b", x=1.5, class_="end", text_anchor="middle"))
    <text x="1.5" class="end" text-anchor="middle">a &lt; b</text>
    """
    given = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None)
    written = "".join(f' {name}="{escape(_short(value))}"' for name, value in given)
    inside = Markup("").join(children)
    return Markup(f"<{tag}{written}>{inside}</{tag}>" if children else f"<{tag}{written}/>")  # noqa: S704 - escaped above


def _short(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0") if value % 1 else f"{value:.0f}"


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight map from figures to pixels.

    >>> Scale(0, 10, 100, 0)(2.5)
    75.0
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, *, about: int = 6) -> list[float]:
    """Return round figures that enclose a range: 1, 2 or 5 times a power of ten apart.

    >>> ticks(0.31, 0.74)
    [0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    >>> ticks(0, 600, about=3)
    [0.0, 200.0, 400.0, 600.0]
    """
    span = max(high - low, 1e-9)
    power = 10.0 ** math.floor(math.log10(span / about))
    step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= about)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]


def path(xs: Iterable[float], ys: Iterable[float]) -> str:
    """Return the `d` of a line through points.

    >>> path([0, 1.26], [5, 6])
    'M0 5L1.3 6'
    """
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in zip(xs, ys, strict=True))


def spread(wanted: Sequence[float], *, gap: float, low: float, high: float) -> list[float]:
    """Return places in [low, high] near the wanted ones and at least `gap` apart, in the same order of height.

    >>> spread([10, 12, 50], gap=16, low=0, high=60)
    [3.0, 19.0, 50.0]
    """
    blocks: list[_Block] = []
    for number in sorted(range(len(wanted)), key=lambda i: wanted[i]):
        block = _Block([number], wanted[number], gap, low, high)
        # A block that an edge pushes back may run into the one before it: places are compared, not wishes.
        while blocks and blocks[-1].bottom > block.top - gap + 1e-9:
            above = blocks.pop()
            members = above.members + block.members
            mean = (above.mean * len(above.members) + block.mean * len(block.members)) / len(members)
            block = _Block(members, mean, gap, low, high)
        blocks.append(block)
    found = [0.0] * len(wanted)
    for block in blocks:
        for place, number in enumerate(block.members):
            found[number] = block.top + place * gap
    return found


@dataclass(frozen=True, slots=True)
class _Block:
    """Names that touch, `gap` apart, as near to the mean of their wishes as the edges let them."""

    members: list[int]
    mean: float
    gap: float
    low: float
    high: float

    @property
    def top(self) -> float:
        length = (len(self.members) - 1) * self.gap
        return max(min(self.mean - length / 2, self.high - length), self.low)

    @property
    def bottom(self) -> float:
        return self.top + (len(self.members) - 1) * self.gap
