"""Data sets by version: listed, compared, checked out. `v1` was frozen first; its id is the hash of its content."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from querist.engine.freezing import dataset_rows
from querist.engine.project import Project
from querist.engine.views.people import who
from querist.errors import BadValue, UnknownName
from querist.events import AnswerSubmitted, AnswerWithdrawn, DatasetFrozen, ItemWithdrawn, PoolImported
from querist.exchange.files import written_whole
from querist.types import Content, ItemId, Json, canonical_json

LABELLED: Final = "labelled.jsonl"
UNLABELLED: Final = "unlabelled.jsonl"
MANIFEST: Final = "dataset.json"
BLOCK: Final = 5_000
"""Items whose content is in memory at a time."""


@dataclass(frozen=True, slots=True)
class Version:
    """A frozen data set: `number` counts from 1, `dataset` is the hash of items, targets and weights."""

    number: int
    at: int
    event: DatasetFrozen

    @property
    def name(self) -> str:
        """Its short name."""
        return f"v{self.number}"

    def to_json(self) -> Json:
        """Return what a list of versions shows."""
        return {
            "version": self.name,
            "dataset": self.event.dataset,
            "round": self.event.round,
            "at": self.at,
            "through_seq": self.event.through_seq,
            "labelled": self.event.labelled,
            "counts": self.event.counts,
            "parent": self.event.parent,
        }


def versions(project: Project) -> list[Version]:
    """Return every frozen data set, the oldest first."""
    found: list[Version] = []
    for recorded in project.store.events(kinds=["dataset_frozen"]):
        assert isinstance(recorded.event, DatasetFrozen)
        found.append(Version(len(found) + 1, recorded.at, recorded.event))
    return found


def find(project: Project, name: str) -> Version:
    """Return a version by its short name or the beginning of its id; the first of those with the same content.

    Raises:
        UnknownName: there is none; names those there are.
    """
    known = versions(project)
    for version in known:
        if name == version.name or (len(name) >= 4 and version.event.dataset.startswith(name)):
            return version
    raise UnknownName("version", name, [version.name for version in known])


def listed(project: Project) -> Json:
    """Return all versions, with a line for each."""
    known = versions(project)
    models: dict[str, list[str]] = {}
    for number, event in enumerate(project.trained(), start=1):
        models.setdefault(event.dataset, []).append(f"m{number}")
    rows = [{**version.to_json(), "models": models.get(version.event.dataset, [])} for version in known]
    lines = [
        f"{row['version']:<5}{row['dataset']}  round {row['round']:<4}{row['labelled']:>8,} labelled: "
        + ", ".join(f"{name} {count:,}" for name, count in sorted(row["counts"].items()))
        + (f"; trained {', '.join(row['models'])}" if row["models"] else "")
        for row in rows
    ]
    return {"versions": rows, "lines": lines or ["no data set has been frozen yet"]}


# --- compare


def diff(project: Project, before: str, after: str) -> Json:
    """Say what became of the labels between two versions: added, corrected, withdrawn, by whom, in which round.

    A class that was renamed is no correction: both versions are read under the names now in force.

    Returns:
        {"before", "after", "added", "corrected", "withdrawn", "lines"}; each entry has item, before, after, by,
        version (which took it in first) and round.

    Raises:
        UnknownName: no such version.
    """
    old, new = find(project, before), find(project, after)
    told = _Told(project, versions(project))
    rows = {name: dataset_rows(project, version.event) for name, version in (("old", old), ("new", new))}
    was, now = (dict(zip(rows[name]["item"], rows[name]["target"], strict=True)) for name in ("old", "new"))
    behind = dict(zip(rows["new"]["item"], rows["new"]["answers"], strict=True))
    added = [told.entry(item, None, now[item], behind[item]) for item in now if item not in was]
    corrected = [
        told.entry(item, was[item], now[item], behind[item]) for item in now if item in was and was[item] != now[item]
    ]
    withdrawn = [told.gone(item, was[item], old, new) for item in was if item not in now]
    lines = [
        f"{old.name} → {new.name}: {len(added):,} added, {len(corrected):,} corrected, {len(withdrawn):,} withdrawn; "
        f"{old.event.labelled:,} → {new.event.labelled:,} labelled"
    ]
    lines += [f"+ {e['item']}: {_label(e['after'])}, {_by(e)}" for e in added]
    lines += [f"~ {e['item']}: {_label(e['before'])} → {_label(e['after'])}, {_by(e)}" for e in corrected]
    lines += [f"- {e['item']}: {_label(e['before'])}, {_by(e)}: {e['reason']}" for e in withdrawn]
    ends = {"before": old.to_json(), "after": new.to_json()}
    return {**ends, "added": added, "corrected": corrected, "withdrawn": withdrawn, "lines": lines}


class _Told:
    """Who is behind a label, and which version took it in first."""

    def __init__(self, project: Project, known: Sequence[Version]) -> None:
        self.project = project
        self.known = known

    def entry(self, item: ItemId, before: Any, after: Any, answers: Sequence[int]) -> Json:
        people = [who(self.project, self._event(seq).actor) for seq in answers]
        return self._entry(item, before, after, list(dict.fromkeys(people)), max(answers))

    def gone(self, item: ItemId, before: Any, old: Version, new: Version) -> Json:
        between = [
            recorded
            for recorded in self.project.store.history(item)
            if old.event.through_seq < recorded.seq <= new.event.through_seq
        ]
        if not between:
            # An answer of another kind of rule: a class that was removed, say.
            return {**self._entry(item, before, None, [], new.event.through_seq), "reason": "no longer a label"}
        last = between[-1]
        match last.event:
            case ItemWithdrawn(reason=reason):
                told = f"the item was withdrawn ({reason})"
            case AnswerWithdrawn(reason=reason):
                told = f"the answer was taken back ({reason})"
            case AnswerSubmitted(outcome=outcome) if outcome != "answered":
                told = f"the item is {outcome}"
            case _:
                told = "the answers no longer agree"
        by = [who(self.project, last.actor)]
        return {**self._entry(item, before, None, by, last.seq), "reason": told}

    def _entry(self, item: ItemId, before: Any, after: Any, by: list[str], seq: int) -> Json:
        first = next((version for version in self.known if version.event.through_seq >= seq), self.known[-1])
        told = {"item": item, "before": before, "after": after, "by": by}
        return {**told, "seq": seq, "version": first.name, "round": first.event.round}

    def _event(self, seq: int) -> Any:
        return next(iter(self.project.store.events(seq - 1, through=seq)))


def _label(value: Any) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _by(entry: Json) -> str:
    by = ", ".join(entry["by"]) or "nobody"
    return f"by {by} (line {entry['seq']:,}), round {entry['round']}"


# --- check out


def check_out(project: Project, name: str, folder: Path) -> Json:
    """Write a version for training elsewhere: labelled and unlabelled items, each with its content, kept apart.

    The reserve that measures is in neither file: whoever trains on it can no longer be measured by it.

    Returns:
        What `dataset.json` says: version, id, counts, files.

    Raises:
        UnknownName: no such version.
        BadValue: the folder is there already.
    """
    version = find(project, name)
    if folder.exists():
        raise BadValue("out", str(folder), "is there already")
    rows = dataset_rows(project, version.event)
    labels = {
        row: (target, weight) for row, target, weight in zip(rows["row"], rows["target"], rows["weight"], strict=True)
    }
    folder.mkdir(parents=True)
    state, pool = project.state(), project.pool()
    size = _size_at(project, version)
    # What anybody has answered, in the lane that measures too, is not unlabelled.
    known = {answer.item for answer in project.store.answers(through=version.event.through_seq)}
    unlabelled = (np.asarray(pool.u_eval)[:size] >= state.reserve) & ~np.asarray(pool.withdrawn)[:size]
    unlabelled[[row for row, item in enumerate(pool.items[:size]) if item in known]] = False
    unlabelled[[row for row in labels if row < size]] = False
    with written_whole(folder / LABELLED) as file:
        for row, content in _contents(project, sorted(labels)):
            target, weight = labels[row]
            file.write(_line({"item": pool.items[row], "label": target, "weight": weight}, content))
    with written_whole(folder / UNLABELLED) as file:
        for row, content in _contents(project, np.flatnonzero(unlabelled).tolist()):
            file.write(_line({"item": pool.items[row]}, content))
    told = {
        "project": project.spec.project.name,
        **version.to_json(),
        "classes": list(state.classes),
        "files": {LABELLED: len(labels), UNLABELLED: int(unlabelled.sum())},
    }
    (folder / MANIFEST).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return told


def _size_at(project: Project, version: Version) -> int:
    size = 0
    for recorded in project.store.events(kinds=["pool_imported"], through=version.event.through_seq):
        if isinstance(recorded.event, PoolImported) and recorded.event.role == "pool":
            size = recorded.event.size
    return size


def _contents(project: Project, rows: Sequence[int]) -> Iterator[tuple[int, Content | None]]:
    items = project.pool().items
    for start in range(0, len(rows), BLOCK):
        some = rows[start : start + BLOCK]
        yield from zip(some, project.store.contents([items[row] for row in some]), strict=True)


def _line(ours: Json, content: Content | None) -> bytes:
    """One line: what we know of an item, then what it shows; a field of theirs makes room for ours."""
    shown = {} if content is None else content.value.get("fields", content.value)
    return (
        canonical_json({**{(f"{name}_" if name in ours else name): shown[name] for name in shown}, **ours}) + "\n"
    ).encode()
