"""From drafts to items: ids, exact duplicates folded, conflicting labels found, a summary at the end."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from json.encoder import encode_basestring
from pathlib import Path
from typing import Any, Protocol

from querist.errors import Conflict, NotReady
from querist.types import Content, Item, ItemId, Rejected, ShortHash, canonical_json


@dataclass(frozen=True, slots=True)
class Draft:
    """A source row that could be read. `digest` is the SHA-256 of its canonical content."""

    line: int
    content: Content
    digest: bytes
    id: ItemId | None = None
    label: Any = None
    group: str | None = None
    cost: float | None = None


class Source(Protocol):
    """What a reader reads: the same drafts in the same order each time."""

    @property
    def name(self) -> str:
        """Where it reads from."""

    @property
    def media(self) -> Path | None:
        """The folder that paths in contents are relative to."""

    def drafts(self) -> Iterable[Draft | Rejected]:
        """Yield the rows."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What reading a pool found; `conflicts` are items whose copies carry different labels (they come unlabelled).

    `labels` counts items by label as text; `fingerprint` names the content: the same items with the same labels in the
    same order have the same one, wherever they lie.
    """

    source: str
    added: int
    duplicates: int
    rejected: int
    labels: Mapping[str, int]
    conflicts: Mapping[ItemId, tuple[str, ...]]
    fingerprint: ShortHash


@dataclass(slots=True)
class _Folded:
    """What the first pass remembers of each distinct item, in order of first occurrence."""

    places: dict[bytes, int] = field(default_factory=dict)
    copies: array[int] = field(default_factory=lambda: array("L"))
    labels: list[Any] = field(default_factory=list)
    ids: dict[ItemId, int] = field(default_factory=dict)
    conflicts: dict[int, set[str]] = field(default_factory=dict)
    duplicates: int = 0
    rejected: int = 0


class PoolReader:
    """A pool that is read in streams: once to find what is equal, then once for each `read()` to hand out items.

    It holds one row and a table of hashes in memory (a few hundred bytes an item), never the contents.
    """

    def __init__(self, source: Source, *, keep_duplicates: bool = False, number_ids: bool = False) -> None:
        self._source = source
        self._keep_duplicates = keep_duplicates
        self._number_ids = number_ids
        self._folded: _Folded | None = None
        self._summary: Summary | None = None

    @property
    def source(self) -> str:
        """Where it reads from, for messages and the ledger."""
        return self._source.name

    @property
    def media(self) -> Path | None:
        """The folder that paths of images are relative to; None where there are none."""
        return self._source.media

    @property
    def summary(self) -> Summary:
        """What was found; there is one once `read()` has come to its end."""
        if self._summary is None:
            raise NotReady(f"the pool {self.source!r} has not been read to its end yet")
        return self._summary

    def read(self) -> Iterator[Item | Rejected]:
        """Yield items and rejected rows in the order of the source; a copy comes where its first one stands.

        Raises:
            Conflict: the source changed since the first pass.
        """
        folded = self._folded = self._folded or self._fold()
        given = bytearray(len(folded.copies))
        ids: dict[int, ItemId] = {}
        for draft in self._source.drafts():
            if isinstance(draft, Rejected):
                yield draft
                continue
            place = folded.places.get(self._key(draft))
            if refused := self._id_taken(draft, place, folded):
                yield refused
            elif place is None:
                raise Conflict(f"{self.source!r} changed while it was read (line {draft.line}); read it again")
            elif not given[place]:
                given[place] = 1
                item = self._item(draft, place, folded)
                if place in folded.conflicts:
                    ids[place] = item.id
                yield item
        self._summary = self._summary or self._summarise(folded, ids)

    def _fold(self) -> _Folded:
        folded = _Folded()
        for draft in self._source.drafts():
            if isinstance(draft, Rejected):
                folded.rejected += 1
                continue
            key = self._key(draft)
            place = folded.places.get(key, len(folded.copies))
            if self._id_taken(draft, place, folded):
                folded.rejected += 1
            elif key in folded.places:
                folded.copies[place] += 1
                folded.duplicates += 1
                self._compare_labels(draft, place, folded)
            else:
                folded.places[key] = place
                folded.copies.append(1)
                folded.labels.append(draft.label)
            if draft.id is not None:
                folded.ids.setdefault(draft.id, place)
        return folded

    def _key(self, draft: Draft) -> bytes:
        # Sixteen bytes of SHA-256: among a million items two alike by chance are 10⁻²⁷ likely.
        return draft.digest[:16] if not self._keep_duplicates else draft.digest[:16] + draft.line.to_bytes(6)

    @staticmethod
    def _id_taken(draft: Draft, place: int | None, folded: _Folded) -> Rejected | None:
        if draft.id is None or folded.ids.get(draft.id, place) == place:
            return None
        shown = canonical_json(draft.content.value)
        return Rejected(draft.line, f"the id {draft.id!r} stands for another item further up", shown)

    @staticmethod
    def _compare_labels(draft: Draft, place: int, folded: _Folded) -> None:
        known = folded.labels[place]
        if draft.label is None or draft.label == known:
            return
        if known is None and place not in folded.conflicts:
            folded.labels[place] = draft.label
            return
        told = folded.conflicts.setdefault(place, {label_text(known)})
        told.add(label_text(draft.label))
        folded.labels[place] = None

    def _item(self, draft: Draft, place: int, folded: _Folded) -> Item:
        name = draft.id
        if name is None and self._number_ids:
            name = str(draft.line)
        if name is None:
            name = draft.digest.hex()[:20] + (f"-{draft.line}" if self._keep_duplicates else "")
        label = folded.labels[place]
        return Item(name, draft.content, label, draft.group, draft.cost, folded.copies[place])

    def _summarise(self, folded: _Folded, ids: Mapping[int, ItemId]) -> Summary:
        mark = hashlib.sha256()
        for (key, place), copies in zip(folded.places.items(), folded.copies, strict=True):
            label = folded.labels[place]
            mark.update(key + json.dumps([label, copies], ensure_ascii=True).encode())
        labels = Counter(label_text(label) for label in folded.labels if label is not None)
        conflicts = {ids[place]: tuple(sorted(told)) for place, told in folded.conflicts.items()}
        return Summary(
            self.source,
            len(folded.copies),
            folded.duplicates,
            folded.rejected,
            dict(sorted(labels.items())),
            conflicts,
            mark.hexdigest()[:16],
        )


def digest(content: Content) -> bytes:
    """Return the SHA-256 of the canonical content; UnicodeEncodeError where it holds half a character.

    What stands beside the content is no part of it.
    """
    if content.kind == "text" and content.value.keys() == {"text"}:
        # The same bytes in a third of the time: a million texts are hashed for each import.
        text = encode_basestring(content.value["text"])
        return hashlib.sha256(f'{{"kind":"text","value":{{"text":{text}}}}}'.encode()).digest()
    return hashlib.sha256(canonical_json(content.to_json()).encode()).digest()


def label_text(label: Any) -> str:
    """Return the label as it is counted and shown: whole numbers without a point.

    >>> label_text(3.0), label_text("spam"), label_text(["a", "b"])
    ('3', 'spam', '["a","b"]')
    """
    if isinstance(label, str):
        return label
    return str(int(label)) if isinstance(label, float) and label.is_integer() else canonical_json(label)
