"""Spans of texts as CoNLL files keep them: a line for each token with its tag, a blank line after each text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from querist.errors import BadValue
from querist.types import Json

_TOKEN: Final = re.compile(r"\w+|[^\w\s]")
_ITEM: Final = "# id = "
_OUTSIDE: Final = "O"


@dataclass(frozen=True, slots=True)
class Tagged:
    """A text as tokens with their tags; `item` is its id, where the file told it."""

    tokens: tuple[tuple[str, str], ...]
    item: str | None = None

    @property
    def letters(self) -> str:
        """All of the text but its blanks."""
        return "".join(token for token, _ in self.tokens)


def write(texts: Iterable[tuple[str, str, Sequence[Mapping[str, Any]]]]) -> Iterator[str]:
    """Yield the lines of a file of (item, text, spans): `token<TAB>tag`, tags B-class, I-class and O (IOB2).

    Tokens are words and signs, cut where a span begins or ends, so that each span is whole tokens.

    Raises:
        BadValue: spans of one text overlap, or one begins or ends with a blank: the format has no words for that.

    >>> lines = write([("a", "Ann met Bo.", [{"start": 0, "end": 3, "label": "person"}])])
    >>> "|".join(line.rstrip() for line in lines).replace(chr(9), " ")
    '# id = a|Ann B-person|met O|Bo O|. O|'
    """
    for item, text, spans in texts:
        yield f"{_ITEM}{item}\n"
        place = 0
        for span in sorted(spans, key=lambda span: int(span["start"])):
            marked = text[span["start"] : span["end"]]
            if span["start"] < place:
                raise BadValue("label", item, "has spans that overlap, which CoNLL cannot say: export JSON Lines")
            if marked != marked.strip():
                raise BadValue("label", item, "has a span with a blank at its end, which CoNLL cannot say")
            yield from _lines(text[place : span["start"]], "")
            yield from _lines(marked, str(span["label"]))
            place = span["end"]
        yield from _lines(text[place:], "")
        yield "\n"


def _lines(part: str, label: str) -> Iterator[str]:
    for place, token in enumerate(_TOKEN.findall(part)):
        tag = f"{'I' if place else 'B'}-{label}" if label else _OUTSIDE
        yield f"{token}\t{tag}\n"


def read(lines: Iterable[str]) -> Iterator[Tagged]:
    """Yield the texts of a file: the first column is the token, the last its tag; IOB1, IOB2 and IOBES are read.

    Raises:
        BadValue: a line without a tag.
    """
    tokens: list[tuple[str, str]] = []
    item: str | None = None
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip("\r\n")
        if line.startswith(_ITEM) and "\t" not in line:
            item = line.removeprefix(_ITEM)
        elif line.strip() and not line.startswith("-DOCSTART-"):
            columns = line.split("\t") if "\t" in line else line.split()
            if len(columns) < 2:
                raise BadValue("answers", line, f"in line {number} has no tag")
            tokens.append((columns[0], columns[-1].strip()))
        elif tokens or item is not None:
            yield Tagged(tuple(tokens), item)
            tokens, item = [], None
    if tokens or item is not None:
        yield Tagged(tuple(tokens), item)


def spans_of(tagged: Tagged, text: str) -> list[Json]:
    """Return the spans of a text, in code points.

    Raises:
        BadValue: the tokens are not those of the text, or a tag is none.

    >>> spans_of(Tagged((("Ann", "B-person"), ("Lee", "I-person"), ("left", "O"))), "Ann Lee left")
    [{'start': 0, 'end': 7, 'label': 'person'}]
    """
    found: list[Json] = []
    place, before = 0, ""
    for token, tag in tagged.tokens:
        start = text.find(token, place)
        if start < 0 or text[place:start].strip():
            raise BadValue("answers", token, f"does not come next in the text: {text[place : place + 40]!r}")
        place = start + len(token)
        kind, _, label = tag.partition("-")
        if kind == _OUTSIDE and not label:
            before = ""
            continue
        if kind not in "BIES" or not kind or not label:
            raise BadValue(
                "answers", tag, "is no tag: they are O, B-class and I-class (E- and S- where a file has them)"
            )
        if kind in "IE" and before == label:
            found[-1]["end"] = place
        else:
            found.append({"start": start, "end": place, "label": label})
        before = "" if kind in "ES" else label
    return found
