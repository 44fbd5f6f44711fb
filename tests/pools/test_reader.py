"""Ids, folded duplicates, conflicting labels, the summary: the same for every kind of source."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.errors import BadValue, Conflict, NotFound, NotReady, UnknownName
from querist.pools import read_pool
from querist.pools.reader import Draft, PoolReader, digest
from querist.types import Content, Item, Pool, Rejected, canonical_json


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def items(reader: Pool) -> list[Item]:
    return [item for item in reader.read() if isinstance(item, Item)]


def rejected(reader: Pool) -> list[Rejected]:
    return [row for row in reader.read() if isinstance(row, Rejected)]


def test_id_is_the_hash_of_the_canonical_content(tmp_path: Path) -> None:
    (item,) = items(read_pool(write(tmp_path / "a.jsonl", [{"body": "hello"}]), text="body"))
    content = Content("text", {"text": "hello"})
    assert item == Item(hashlib.sha256(canonical_json(content.to_json()).encode()).hexdigest()[:20], content)


@given(st.text())
def test_the_quick_hash_of_a_text_is_that_of_its_canonical_json(text: str) -> None:
    content = Content("text", {"text": text})
    assert digest(content) == hashlib.sha256(canonical_json(content.to_json()).encode()).digest()


def test_ids_come_from_the_column_that_names_them(tmp_path: Path) -> None:
    rows = [{"n": 7, "body": "a"}, {"n": 8.0, "body": "b"}, {"n": None, "body": "c"}]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="body", id="n")
    found = list(reader.read())
    assert [item.id for item in found if isinstance(item, Item)] == ["7", "8"]
    assert isinstance(found[2], Rejected)
    assert "which names the items, is empty" in found[2].reason


def test_copies_are_folded_and_counted(tmp_path: Path) -> None:
    rows = [{"t": text} for text in ("a", "b", "a", "c", "a")]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="t")
    assert [(item.content.value["text"], item.copies) for item in items(reader)] == [("a", 3), ("b", 1), ("c", 1)]
    assert (reader.summary.added, reader.summary.duplicates) == (3, 2)


def test_kept_duplicates_get_ids_of_their_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"t": "a"}, {"t": "a"}])
    found = items(read_pool(path, text="t", keep_duplicates=True))
    assert len({item.id for item in found}) == 2
    assert [item.copies for item in found] == [1, 1]


def test_the_label_of_a_later_copy_counts(tmp_path: Path) -> None:
    rows = [{"t": "a", "y": ""}, {"t": "a", "y": "spam"}, {"t": "b", "y": None}]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="t", label="y")
    assert [item.label for item in items(reader)] == ["spam", None]
    assert reader.summary.labels == {"spam": 1}


def test_conflicting_labels_are_reported_and_the_item_comes_unlabelled(tmp_path: Path) -> None:
    rows = [{"t": "a", "y": label} for label in ("spam", "ham", "", "spam")]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="t", label="y")
    (item,) = items(reader)
    assert item.label is None
    assert reader.summary.conflicts == {item.id: ("ham", "spam")}
    assert reader.summary.labels == {}


def test_one_id_for_two_contents_is_rejected_with_its_line(tmp_path: Path) -> None:
    rows = [{"i": "x", "t": "a"}, {"i": "x", "t": "a"}, {"i": "x", "t": "b"}]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="t", id="i")
    assert [item.id for item in items(reader)] == ["x"]
    (row,) = rejected(reader)
    assert (row.line, row.reason) == (3, "the id 'x' stands for another item further up")
    assert (reader.summary.duplicates, reader.summary.rejected) == (1, 1)


def test_group_and_cost(tmp_path: Path) -> None:
    rows = [
        {"t": "a", "g": 3, "c": "2.5"},
        {"t": "b", "g": None, "c": None},
        {"t": "c", "g": "x", "c": "-1"},
        {"t": "d", "g": "x", "c": "dear"},
    ]
    reader = read_pool(write(tmp_path / "a.jsonl", rows), text="t", group="g", cost="c")
    assert [(item.group, item.cost) for item in items(reader)] == [("3", 2.5), (None, None)]
    assert [row.line for row in rejected(reader)] == [3, 4]


def test_rows_are_all_columns_without_another_role(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"age": 3, "who": "x", "y": "a", "n": 1}, {"age": None, "who": None, "y": "a"}])
    reader = read_pool(path, label="y", id="n")
    (item,) = items(reader)
    assert item.content == Content("row", {"fields": {"age": 3, "who": "x"}})
    assert rejected(reader)[0].reason == "every column is empty"


@pytest.mark.parametrize("role", ["text", "label", "id", "group", "cost", "image"])
def test_a_wrong_column_is_named_with_the_nearest(tmp_path: Path, role: str) -> None:
    path = write(tmp_path / "a.jsonl", [{"body": "a", "sentiment": "b"}])
    with pytest.raises(UnknownName, match="unknown column 'boddy'; did you mean 'body'") as caught:
        read_pool(path, **{role: "boddy"})
    assert caught.value.choices == ("body", "sentiment")


def test_two_ways_to_be_the_item_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="text is already"):
        read_pool(write(tmp_path / "a.jsonl", [{"a": "x", "b": "y"}]), text="a", columns=["b"])


def test_no_column_left_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="no column is left"):
        read_pool(write(tmp_path / "a.jsonl", [{"y": "x"}]), label="y")


def test_files_that_are_not_there_or_of_no_known_kind(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nothing\.csv"):
        read_pool(tmp_path / "nothing.csv")
    (tmp_path / "a.docx").write_bytes(b"")
    with pytest.raises(BadValue, match=r"have: \.csv, \.tsv"):
        read_pool(tmp_path / "a.docx")


def test_the_summary_comes_at_the_end(tmp_path: Path) -> None:
    reader = read_pool(write(tmp_path / "a.jsonl", [{"t": "a"}]), text="t")
    with pytest.raises(NotReady):
        _ = reader.summary
    assert (len(list(reader.read())), reader.summary.added) == (1, 1)


def test_the_fingerprint_names_the_content_not_the_place(tmp_path: Path) -> None:
    def fingerprint(name: str, rows: list[dict[str, Any]]) -> str:
        reader = read_pool(write(tmp_path / name, rows), text="t", label="y")
        list(reader.read())
        return reader.summary.fingerprint

    rows = [{"t": "a", "y": "1"}, {"t": "b", "y": None}]
    first = fingerprint("a.jsonl", rows)
    assert first == fingerprint("b.jsonl", rows)
    assert first != fingerprint("c.jsonl", [{"t": "a", "y": "2"}, {"t": "b", "y": None}])
    assert first != fingerprint("d.jsonl", [*rows, {"t": "c", "y": None}])


class Flickering:
    """A source that gives other rows the second time."""

    name, media = "flickering", None

    def __init__(self) -> None:
        self.times = 0

    def drafts(self) -> Iterator[Draft | Rejected]:
        self.times += 1
        content = Content("text", {"text": f"as read the {self.times}. time"})
        yield Draft(1, content, digest(content))


def test_a_source_that_changes_between_the_passes_is_noticed() -> None:
    with pytest.raises(Conflict, match=r"changed while it was read \(line 1\)"):
        list(PoolReader(Flickering()).read())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from([None, "x", "y"])), max_size=20))
def test_folding_equals_counting_by_hand(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[str, str | None]]
) -> None:
    path = tmp_path_factory.mktemp("pool") / "a.jsonl"
    write(path, [{"t": "head", "y": None}, *({"t": text, "y": label} for text, label in pairs)])
    reader = read_pool(path, text="t", label="y")
    found = {item.content.value["text"]: item for item in items(reader)}
    counts = Counter(text for text, _ in pairs)
    assert {text: item.copies for text, item in found.items() if text != "head"} == counts
    for text in counts:
        told = {label for other, label in pairs if other == text and label}
        assert found[text].label == (next(iter(told)) if len(told) == 1 else None)
        assert (found[text].id in reader.summary.conflicts) == (len(told) > 1)
