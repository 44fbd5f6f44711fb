"""Stretches of a text, each of a class: names, diseases, doses."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeAlias

from querist.errors import BadValue, UnknownName
from querist.tasks import structured, votes
from querist.tasks.classes import declared, from_json_text, the_class
from querist.types import Answer, Array, Content, Disputed, ItemKind, Resolved, Unsure

Mark: TypeAlias = tuple[int, int, str]
"""Start, end, class of a span; what votes are counted by."""

_SETTINGS_SCHEMA: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"overlap": {"type": "boolean", "description": "Whether spans may overlap or lie in one another."}},
    "additionalProperties": False,
}

_EXAMPLE: Final[Mapping[str, Any]] = {
    "classes": ["drug", "dose"],
    "item": {"kind": "text", "value": {"text": "Aspirin 300 mg was given."}},
    "value": [{"start": 0, "end": 7, "label": "drug"}, {"start": 8, "end": 14, "label": "dose"}],
}


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of a text with a class each. Its learner is still to come: items are chosen by coverage of the texts.

    A value is a list of `{"start", "end", "label"}` in the order of the text; an empty list says that there is nothing
    to mark. Offsets count Unicode code points from 0, `end` is the first code point that is no longer part, as in
    Python's `text[start:end]`.

    Args:
        classes: at least one name.
        overlap: whether spans may overlap; the same stretch never has the same class twice.

    >>> Spans(("drug",)).check([{"start": 0, "end": 7, "label": "drug"}], Content("text", {"text": "Aspirin 300 mg"}))
    [{'start': 0, 'end': 7, 'label': 'drug'}]
    """

    classes: tuple[str, ...]
    overlap: bool = False

    name: ClassVar[str] = "spans"
    settings_schema: ClassVar[Mapping[str, Any]] = _SETTINGS_SCHEMA
    example: ClassVar[Mapping[str, Any]] = _EXAMPLE
    model: ClassVar[str] = "none"
    features: ClassVar[str] = "auto"
    question: ClassVar[str] = "Mark every one of these"
    items: ClassVar[frozenset[ItemKind]] = frozenset({"text"})
    has_classes: ClassVar[bool] = True
    reduce: ClassVar[str | None] = "max"
    target: ClassVar[None] = None

    def __post_init__(self) -> None:
        declared(self.classes)

    def check(self, value: Any, content: Content | None = None) -> list[dict[str, Any]]:
        """Return the spans in the order of the text.

        Raises:
            BadValue: a span without start, end or class; one outside of the text, or empty; two that overlap where
                that is not allowed.

        >>> Spans(("a",)).check([{"start": 3, "end": 3, "label": "a"}])
        Traceback (most recent call last):
        querist.errors.BadValue: label = {'start': 3, 'end': 3, 'label': 'a'}: ends at 3, which is not after its start 3
        """
        if not isinstance(value, list | tuple):
            raise BadValue("label", value, 'must be a list of {"start", "end", "label"}')
        text = None if content is None else text_of(content)
        found = sorted({_mark(entry, self.classes, text) for entry in value}, key=_in_order)
        if len(found) < len(value):
            raise BadValue("label", value, "marks the same stretch with the same class twice")
        if not self.overlap:
            for before, after in itertools.pairwise(found):
                if after[0] < before[1]:
                    raise BadValue(
                        "label", _span(after), f"overlaps {_span(before)}, which this project does not allow"
                    )
        return [_span(mark) for mark in found]

    def read(self, cell: Any) -> list[dict[str, Any]]:
        """Return the spans of a cell: JSON, with objects or with `[start, end, label]`."""
        return self.check([_entry(entry) for entry in _listed(cell)])

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""
        return [str(_entry(entry).get("label")) for entry in _listed(cell)]

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that are marked."""
        return tuple(dict.fromkeys(entry["label"] for entry in value))

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the spans under the class names now in force."""
        return renamed_labels(value, names)

    def describe(self, value: Any) -> str:
        """Return how much is marked, in words."""
        return counted(value, "mark")

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return the spans that more than half of the people marked, letter for letter.

        >>> def answer(seq, *marks):
        ...     return Answer(seq, "i", f"p_{seq}", "answered", [_span((s, e, "a")) for s, e in marks])
        >>> Spans(("a",)).merge([answer(1, (0, 2), (5, 6)), answer(2, (0, 2)), answer(3, (0, 2))], opinions=3).value
        [{'start': 0, 'end': 2, 'label': 'a'}]
        """
        return votes.by_element(answers, opinions=opinions, elements=marks, build=in_order)

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the lists of spans as (l,) objects."""
        return structured.encode(self.check(value) for value in values)

    def decode(self, target: Array) -> list[Any]:
        """Return the lists of (l,) objects."""
        return list(target)

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return `f1`, `precision`, `recall` over all spans (start, end and class right), and `accuracy` of items."""
        return figures(target, prediction, marks)

    def disagreement(self, a: Any, b: Any) -> float:
        """Return 1 − F1 of one list of spans against the other."""
        one, other = set(marks(a)), set(marks(b))
        return 1 - structured.f1_of_counts(len(one & other), len(one), len(other))


def text_of(content: Content) -> str:
    """Return the text that offsets count in.

    Raises:
        BadValue: the item has none.
    """
    if content.kind != "text":
        raise BadValue("item", content.kind, "has no text to mark: name the column with --text")
    return str(content.value["text"])


def marks(value: Iterable[Mapping[str, Any]]) -> list[Mark]:
    """Return each span as (start, end, class)."""
    return [(entry["start"], entry["end"], entry["label"]) for entry in value]


def in_order(found: Iterable[Mark]) -> list[dict[str, Any]]:
    """Return spans in the order of the text, the longer first where two begin together."""
    return [_span(mark) for mark in sorted(found, key=_in_order)]


def figures(target: Array, prediction: Array, parts: Any) -> dict[str, float]:
    """Return precision, recall and F1 over the parts of all items, and the share of items that are wholly right."""
    accuracy = structured.mean_over(target, prediction, lambda a, b: float(set(parts(a)) == set(parts(b))))
    both = sum(len(set(parts(a)) & set(parts(b))) for a, b in zip(target, prediction, strict=True))
    wanted, given = (sum(len(set(parts(value))) for value in values) for values in (target, prediction))
    return {
        "f1": structured.f1_of_counts(both, wanted, given),
        "precision": both / given if given else 1.0,
        "recall": both / wanted if wanted else 1.0,
        "accuracy": accuracy,
    }


def renamed_labels(value: Any, names: Mapping[str, str]) -> Any:
    """Return a list of labelled parts under the class names now in force."""
    if not names or not isinstance(value, list):
        return value
    return [{**entry, "label": names.get(entry["label"], entry["label"])} for entry in value]


def counted(value: Sequence[Any], word: str) -> str:
    """Return a number of things in words.

    >>> counted([], "box"), counted([1], "mark"), counted([1, 2], "box")
    ('nothing to mark', '1 mark', '2 boxes')
    """
    plural = f"{word}es" if word.endswith("x") else f"{word}s"
    return f"{len(value)} {word if len(value) == 1 else plural}" if value else "nothing to mark"


def _span(mark: Mark) -> dict[str, Any]:
    return {"start": mark[0], "end": mark[1], "label": mark[2]}


def _in_order(mark: Mark) -> tuple[int, int, str]:
    return (mark[0], -mark[1], mark[2])


def _listed(cell: Any) -> list[Any]:
    value = from_json_text(cell)
    if not isinstance(value, list | tuple):
        raise BadValue("label", str(value)[:80], "must be a JSON list")
    return list(value)


def _entry(entry: Any) -> dict[str, Any]:
    if isinstance(entry, list | tuple) and len(entry) == 3:
        return {"start": entry[0], "end": entry[1], "label": entry[2]}
    return dict(entry) if isinstance(entry, Mapping) else {"label": entry}


def _mark(entry: Any, classes: Sequence[str], text: str | None) -> Mark:
    if not isinstance(entry, Mapping):
        raise BadValue("label", entry, 'must be {"start", "end", "label"}')
    for name in entry:
        if name not in ("start", "end", "label"):
            raise UnknownName("part of a span", name, ("start", "end", "label"))
    start, end = (_whole(entry, name) for name in ("start", "end"))
    label = the_class(entry.get("label"), classes)
    if start < 0 or end <= start:
        raise BadValue(
            "label",
            dict(entry),
            f"ends at {end}, which is not after its start {start}" if start >= 0 else "starts before the text",
        )
    if text is not None and end > len(text):
        raise BadValue("label", dict(entry), f"ends at {end}, and the text has {len(text)} characters")
    if text is not None and not text[start:end].strip():
        raise BadValue("label", dict(entry), "marks nothing but blanks")
    return start, end, label


def _whole(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or int(value) != value:
        raise BadValue("label", dict(entry), f"needs a whole number as {name}")
    return int(value)
