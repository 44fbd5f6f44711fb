"""Spans to CoNLL and back: the same spans, in any script."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue
from querist.exchange import conll
from querist.tasks import task_type

CLASSES = ("person", "place of work")
SPANS = task_type("spans", classes=CLASSES)
text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=40) | st.sampled_from(
    [
        "Ann 😀 met Bo.",
        "تناول المريض الأسبرين ١٠٠ ملغ.",
        "cafe\u0301-au-lait\u2028spots",
        "# id = x\ttab",
        "-DOCSTART- a",
    ]
)


@st.composite
def marked(draw):
    """A text, and spans in it that do not overlap."""
    words = draw(text)
    cuts = sorted(draw(st.lists(st.integers(0, len(words)), max_size=6, unique=True)))
    spans = [{"start": a, "end": b, "label": draw(st.sampled_from(CLASSES))} for a, b in itertools.pairwise(cuts)]
    spans = [s for s in spans if draw(st.booleans())]
    return words, [s for s in spans if (m := words[s["start"] : s["end"]]) and m == m.strip()]


@given(st.lists(marked(), min_size=1, max_size=3))
@settings(max_examples=150, deadline=None)
def test_spans_survive(texts) -> None:
    lines = "".join(conll.write((f"i{k}", words, spans) for k, (words, spans) in enumerate(texts)))
    found = list(conll.read(lines.split("\n")))
    assert [tagged.item for tagged in found] == [f"i{k}" for k in range(len(texts))]
    for tagged, (words, spans) in zip(found, texts, strict=True):
        assert SPANS.check(conll.spans_of(tagged, words)) == SPANS.check(spans)
        assert tagged.letters == "".join(words.split())


def test_files_of_others_are_read() -> None:
    lines = [
        "-DOCSTART- -X- O O",
        "",
        "EU NNP I-NP I-ORG",
        "rejects VBZ I-VP O",
        "Bo NNP I-NP S-PER",
        "Lee NNP I-NP B-PER",
        "",
    ]
    (tagged,) = conll.read(lines)
    assert (tagged.item, tagged.letters) == (None, "EUrejectsBoLee")
    assert conll.spans_of(tagged, "EU rejects Bo  Lee") == [
        {"start": 0, "end": 2, "label": "ORG"},
        {"start": 11, "end": 13, "label": "PER"},
        {"start": 15, "end": 18, "label": "PER"},
    ]


def test_what_the_format_cannot_say_is_refused() -> None:
    both = [{"start": 0, "end": 3, "label": "person"}, {"start": 2, "end": 5, "label": "person"}]
    with pytest.raises(BadValue, match=r"'i7'.*overlap"):
        list(conll.write([("i7", "Ann Lee", both)]))
    with pytest.raises(BadValue, match="blank"):
        list(conll.write([("i7", "Ann Lee", [{"start": 0, "end": 4, "label": "person"}])]))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(BadValue, match="line 1 has no tag"):
        list(conll.read(["alone"]))
    with pytest.raises(BadValue, match="does not come next"):
        conll.spans_of(conll.Tagged((("Bo", "O"),)), "Ann Bo")
    with pytest.raises(BadValue, match="is no tag"):
        conll.spans_of(conll.Tagged((("Ann", "X-person"),)), "Ann")
