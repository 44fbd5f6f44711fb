"""Stretches of a text and what holds between them: this dose is of that drug."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from querist.errors import BadValue
from querist.tasks import spans, structured, votes
from querist.tasks.classes import declared, from_json_text, the_class
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {
        "relations": {"type": "array", "items": {"type": "string"}, "description": "What may hold between two spans."},
        "overlap": {"type": "boolean", "description": "Whether spans may overlap or lie in one another."},
    },
    "required": ["relations"],
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["drug", "dose"],
    "settings": {"relations": ["dose of"]},
    "item": {"kind": "text", "value": {"text": "Aspirin 300 mg was given."}},
    "value": {
        "spans": [{"start": 0, "end": 7, "label": "drug"}, {"start": 8, "end": 14, "label": "dose"}],
        "relations": [{"from": 1, "to": 0, "label": "dose of"}],
    },
}


@dataclass(frozen=True, slots=True)
class Relations:
    """Spans and directed relations between them. Its learner is still to come: items are chosen by coverage.

    A value is `{"spans": …, "relations": [{"from", "to", "label"}]}`; `from` and `to` are places in the list of spans.

    Args:
        classes: of the spans.
        relations: names of what may hold between two spans; at least one.
        overlap: whether spans may overlap.
    """

    classes: tuple[str, ...]
    relations: tuple[str, ...] = ()
    overlap: bool = False

    name: ClassVar[str] = "relations"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Mark the parts, then say what holds between them"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"text"})
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "max"
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        declared(self.classes)
        if not self.relations:
            raise BadValue("relations", self.relations, "name at least one relation")
        declared(self.relations)

    @property
    def _spans(self) -> spans.Spans:
        return spans.Spans(self.classes, self.overlap)

    def check(self, value: Any, content: Content | None = None) -> dict[str, Any]:
        """Return spans and relations, both in order.

        Raises:
            BadValue: a span or a relation that cannot be: no such place, from a span to itself, or twice.

        >>> task = Relations(("a",), ("of",))
        >>> task.check({"spans": [], "relations": [{"from": 0, "to": 1, "label": "of"}]})
        Traceback (most recent call last):
        querist.errors.BadValue: label = {'from': 0, 'to': 1, 'label': 'of'}: there is no span 0; there are 0
        """
        if not isinstance(value, Mapping) or not {"spans", "relations"} >= set(value):
            raise BadValue("label", value, 'must be {"spans": […], "relations": […]}')
        given = value.get("spans", [])
        found = self._spans.check(given, content)
        place = {mark: number for number, mark in enumerate(spans.marks(found))}
        moved = [place[mark] for mark in spans.marks(self._spans.check([entry])[0] for entry in given)]
        arrows = sorted(self._arrow(entry, moved) for entry in value.get("relations", []))
        if len(set(arrows)) < len(arrows):
            raise BadValue("label", value["relations"], "holds the same relation twice")
        return {"spans": found, "relations": [_relation(arrow) for arrow in arrows]}

    def _arrow(self, entry: Any, moved: Sequence[int]) -> tuple[int, int, str]:
        if not isinstance(entry, Mapping) or set(entry) != {"from", "to", "label"}:
            raise BadValue("label", entry, 'must be {"from", "to", "label"}')
        for end in (entry["from"], entry["to"]):
            if not isinstance(end, int) or isinstance(end, bool) or not 0 <= end < len(moved):
                raise BadValue("label", dict(entry), f"there is no span {end}; there are {len(moved)}")
        if entry["from"] == entry["to"]:
            raise BadValue("label", dict(entry), "goes from a span to itself")
        label = the_class(entry["label"], self.relations, field="relation")
        return moved[entry["from"]], moved[entry["to"]], label

    def read(self, cell: Any) -> dict[str, Any]:
        """Return the value of a cell of JSON."""
        return self.check(from_json_text(cell))

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        value = from_json_text(cell)
        return spans.Spans.classes_in(value.get("spans", [])) if isinstance(value, Mapping) else []

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that are marked."""
        return self._spans.tally(value["spans"])

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value under the class names now in force."""
        return value if not isinstance(value, dict) else {**value, "spans": spans.renamed_labels(value["spans"], names)}

    def describe(self, value: Any) -> str:
        """Return how much is marked, in words."""
        if not value["spans"]:
            return "nothing to mark"
        return f"{spans.counted(value['spans'], 'mark')}, {len(value['relations'])} related"

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the spans and relations that more than half of the people gave, each judged for itself."""
        return votes.by_element(answers, opinions=opinions, elements=parts, build=_built)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the values as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the values of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return the figures of the spans, and `relation_f1` over relations with both spans right."""
        only = {
            name: structured.encode(_arrows(value) for value in values)
            for name, values in (("target", target), ("prediction", prediction))
        }
        by_relation = spans.figures(only["target"], only["prediction"], list)
        own = spans.figures(target, prediction, lambda value: spans.marks(value["spans"]))
        accuracy = structured.mean_over(target, prediction, lambda a, b: float(a == b))
        return {**own, "relation_f1": by_relation["f1"], "accuracy": accuracy}

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − F1 over spans and relations together."""
        one, other = set(parts(a)), set(parts(b))
        return 1 - structured.f1_of_counts(len(one & other), len(one), len(other))


def parts(value: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return spans as (start, end, class) and relations as (span, span, name): what votes are counted by."""
    return [*spans.marks(value["spans"]), *_arrows(value)]


def _arrows(value: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    found = spans.marks(value["spans"])
    return [(found[entry["from"]], found[entry["to"]], entry["label"]) for entry in value["relations"]]


def _built(found: list[Any]) -> dict[str, Any]:
    kept = spans.in_order(part for part in found if not isinstance(part[0], tuple))
    place = {mark: number for number, mark in enumerate(spans.marks(kept))}
    arrows = [part for part in found if isinstance(part[0], tuple) and part[0] in place and part[1] in place]
    return {
        "spans": kept,
        "relations": [_relation(arrow) for arrow in sorted((place[a], place[b], name) for a, b, name in arrows)],
    }


def _relation(arrow: tuple[int, int, str]) -> dict[str, Any]:
    return {"from": arrow[0], "to": arrow[1], "label": arrow[2]}
