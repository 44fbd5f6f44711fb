"""A short list put in order, the best first."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue
from querist.tasks import structured, votes
from querist.tasks.classes import as_text, from_json_text, none_wanted
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

LONGEST: Final = 20
"""Entries of a list that people can put in order."""

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}
_EXAMPLE: Final[Mapping[str, Any]] = {
    "item": {"kind": "row", "value": {"fields": {"A": "Tap Cards.", "B": "Call us.", "C": "Wait a week."}}},
    "value": ["A", "B", "C"],
}


@dataclass(frozen=True, slots=True)
class Ranking:
    """The entries of an item (the columns of a table row, or the two of a pair) in order, the best first.

    A value is the list of all entries' names. Its learner is still to come; until then items are chosen by coverage.

    >>> Ranking().check(["B", "A"])
    ['B', 'A']
    """

    classes: tuple[str, ...] = ()

    name: ClassVar[str] = "ranking"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "words"
    question: ClassVar[str] = "Put them in order, the best first"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"row"})
    has_classes: ClassVar[bool] = False
    reduce: ClassVar[str | None] = None
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        none_wanted(self.classes, self.name)

    def check(self, value: Any, content: Content | None = None) -> list[str]:
        """Return the names in order.

        Raises:
            BadValue: not a list of distinct names, or not exactly the entries of the item.

        >>> Ranking().check(["A"], Content("row", {"fields": {"A": 1, "B": 2}}))
        Traceback (most recent call last):
        querist.errors.BadValue: label = ['A']: must name each entry once: A, B
        """
        if not isinstance(value, list | tuple) or not value:
            raise BadValue("label", value, "must be a list of the entries' names, the best first")
        named = [as_text(entry) for entry in value]
        if len(set(named)) < len(named):
            raise BadValue("label", named, "names an entry twice")
        if len(named) > LONGEST:
            raise BadValue("label", f"{len(named)} entries", f"at most {LONGEST} can be put in order")
        if content is not None and set(named) != set(entries(content)):
            raise BadValue("label", named, f"must name each entry once: {', '.join(entries(content))}")
        return named

    def read(self, cell: Any) -> list[str]:
        """Return the order of a cell: a list, JSON, or names with > between them."""
        value = from_json_text(cell)
        return self.check([part.strip() for part in value.split(">")] if isinstance(value, str) else value)

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return nothing: entries belong to the item."""
        return []

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the winner, which the value is counted under."""
        return (value[0],)

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value: it names no class."""
        return value

    def describe(self, value: Any) -> str:
        """Return the order in words."""
        return " > ".join(value)

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the order in which each entry beats every later one in more than half of the answers.

        There is none where two entries are level, or where the majorities go in a circle (Condorcet, 1785).

        >>> def answer(seq, value):
        ...     return Answer(seq, "item", f"p_{seq}", "answered", value)
        >>> three = [answer(1, ["A", "B", "C"]), answer(2, ["B", "A", "C"]), answer(3, ["A", "C", "B"])]
        >>> Ranking().merge(three, opinions=3).value
        ['A', 'B', 'C']
        """
        counted = votes.votes(answers, opinions=opinions)
        if isinstance(counted, Unsure):
            return counted
        orders = [answer.value for answer in counted]
        wins = dict.fromkeys(orders[0], 0)
        for a, b in itertools.combinations(orders[0], 2):
            for_a = sum(order.index(a) < order.index(b) for order in orders)
            if 2 * for_a == len(orders):
                return votes.undecided(f"{a} and {b} are level", counted, opinions=opinions)
            wins[a if 2 * for_a > len(orders) else b] += 1
        if len(set(wins.values())) < len(wins):
            return votes.undecided("the majorities go in a circle", counted, opinions=opinions)
        return votes.resolved(sorted(wins, key=lambda name: -wins[name]), counted)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the orders as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the orders of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `accuracy` (whole orders right) and `tau`, the mean of Kendall's tau."""
        apart = structured.mean_over(target, prediction, self.disagreement)
        same = structured.mean_over(target, prediction, lambda a, b: float(a == b))
        return {"accuracy": same, "tau": 1 - 2 * apart}

    def disagreement(self, a: Any, b: Any) -> float:
        """Return the share of pairs that stand in another order (Kendall, Biometrika 1938)."""
        pairs = [(x, y) for x, y in itertools.combinations(a, 2) if x in b and y in b]
        return sum(b.index(x) > b.index(y) for x, y in pairs) / len(pairs) if pairs else 0.0


def entries(content: Content) -> list[str]:
    """Return the names of what an item asks to put in order; columns without a value are no entries."""
    if content.kind == "pair":
        return ["first", "second"]
    fields = content.value.get("fields", {})
    return [name for name, value in fields.items() if value not in (None, "")]
