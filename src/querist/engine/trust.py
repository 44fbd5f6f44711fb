"""Why should anybody believe it? Verify the ledger, replay its decisions, explain an item, erase one, back up."""

from __future__ import annotations

import importlib
import itertools
import sys
import uuid
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Final

from querist import registry
from querist.engine import reasons, selection, snapshot, steering
from querist.engine.create import place
from querist.engine.fold import fold
from querist.engine.project import Project, open_store
from querist.engine.round import State
from querist.engine.spec import ProjectSpec, StoreSection
from querist.engine.spec_file import read_spec, write_spec
from querist.engine.views.items import history
from querist.errors import NotFound, UnknownName
from querist.events import BatchSelected, DatasetFrozen, ItemWithdrawn, Recorded
from querist.store.protocol import Store
from querist.types import Json

PIECE: Final = 499
"""Events between two looks at the ledger, when `verify` folds it a second time."""

# --- verify


def verify(folder: Path) -> Json:
    """Recompute the chain, the artefacts' hashes and the views; and the engine's state in two ways.

    Returns:
        {"ok", "seq", "lines"}: `lines` tell what was looked at, and each thing that does not hold.
    """
    from querist.store.verify import verify as verify_store

    with closing(open_store(folder, read_spec(folder))) as store:
        report = verify_store(store)
        lines = [str(problem) for problem in report.problems]
        if not lines and fold(State(), store.events()) != _fold_in_pieces(store):
            lines.append("the ledger replays to another state when it is read piece by piece")
        lines += _check_snapshot(folder, store)
    ok = not lines
    if ok:
        lines = [
            f"{report.events:,} events, the chain holds (head {report.hash[:12]}), "
            "artefacts and views are as the ledger says"
        ]
    return {"ok": ok, "seq": report.events, "lines": lines}


def _fold_in_pieces(store: Store) -> State:
    """Fold as a server does that looks at the ledger now and then; each look copies the state's maps."""
    state, after = State(), 0
    while piece := list(itertools.islice(store.events(after), PIECE)):
        state = fold(state, piece)
        after = piece[-1].seq
    return state


def _check_snapshot(folder: Path, store: Store) -> list[str]:
    """Compare what opens a large project quickly, where it would be believed, with the ledger."""
    known = snapshot.kept(folder, store)
    if known is None:
        return []
    again = snapshot.Remembered()
    again.follow(list(store.events(through=known.state.seq)))
    return [] if again == known else [f"{snapshot.NAME} is not what the ledger comes to; remove it"]


# --- replay


def replay(project: Project, number: int | None = None) -> Json:
    """Recompute past batches from the ledger and the artefacts.

    Args:
        project: the project.
        number: the round; None for all.

    Returns:
        {"ok", "rounds": [{"round", "part", "same", "sentence"}]}.

    Raises:
        NotFound: no such round.
    """
    rounds = []
    for recorded in project.store.events(kinds=["batch_selected"]):
        assert isinstance(recorded.event, BatchSelected)
        if number is None or recorded.event.round == number:
            rounds.append(_replay_one(project, recorded, recorded.event))
    if number is not None and not rounds:
        have = sorted({e.event.round for e in project.store.events(kinds=["batch_selected"])})  # type: ignore[attr-defined]
        raise NotFound(f"no batch of round {number}; have: {', '.join(map(str, have))}", field="round", value=number)
    return {"ok": all(line["same"] for line in rounds), "rounds": rounds}


def _replay_one(project: Project, recorded: Recorded, event: BatchSelected) -> Json:
    then = _as_of(project, event)
    pending = [] if event.pending is None else project.store.artefacts.get_json(event.pending)
    chosen = selection.choose(then, then.state(), n=event.asked, number=event.round, part=event.part, pending=pending)
    again = [pick.item for pick in chosen.picks]
    same = again == event.items
    line = {"round": event.round, "part": event.part, "seq": recorded.seq, "same": same}
    name = f"round {event.round}" + (f", part {event.part}" if event.part else "")
    if same:
        return {**line, "sentence": f"{name}: the same {len(again)} items"}
    return {**line, "sentence": f"{name}: differs, {_difference(project, event, again)}"}


def _as_of(project: Project, event: BatchSelected) -> Project:
    """The project as it was when a batch was chosen: same artefacts, an older end of the ledger."""
    from querist.engine.past import PastStore

    past = PastStore(project.store, event.through_seq)
    spec = ProjectSpec.from_json(_spec_at(project, event.through_seq))
    then = Project(spec, past, folder=project.folder, learner=project._learner, arrays=project.arrays)
    then.cache.update({key: value for key, value in project.cache.items() if key == "strategy"})
    return then


def _spec_at(project: Project, seq: int) -> Json:
    spec: Json = {}
    for recorded in project.store.events(kinds=["project_created", "spec_changed"], through=seq):
        spec = recorded.event.spec  # type: ignore[attr-defined]
    return spec


def _difference(project: Project, event: BatchSelected, again: list[str]) -> str:
    place = next(
        (i for i, (a, b) in enumerate(zip(event.items, again, strict=False)) if a != b),
        min(len(again), len(event.items)),
    )
    created = next(iter(project.store.events(through=1))).event
    from querist.engine.versions import versions

    then: dict[str, str] = getattr(created, "versions", {})
    changed = [f"{name} {old} → {versions().get(name)}" for name, old in then.items() if versions().get(name) != old]
    first = f"first at rank {place + 1}"
    return (
        f"{first}; versions changed: {', '.join(changed)}" if changed else f"{first}; no recorded version has changed"
    )


# --- explain


def explain(project: Project, item: str) -> Json:
    """Tell an item's whole story.

    Raises:
        NotFound: no such item.
    """
    told = history(project, item)
    why = reasons.record(project, item)
    datasets, models = _contained_in(project, item)
    lines = [f"{item}: {why['sentence']}"]
    if not why["hidden"] and why["round"] is not None:
        chance = "determined" if why["probability"] is None else f"probability {why['probability']:.4g}"
        chance = "by lot" if why["lane"] == "control" else chance
        chosen = "" if why["strategy"] is None else f"strategy {why['strategy']}, "
        score = "no score" if why["score"] is None else f"score {why['score']:.4g}"
        lines.append(
            f"  lane {why['lane']}, {chosen}round {why['round']}, "
            f"rank {why['rank']} of {why['of']}, {score}, {chance}, model {why['model'] or 'none'}"
        )
    lines += [f"  {entry['seq']:>6}  {entry['who']} {entry['sentence']}" for entry in told["entries"]]
    lines.append(f"  in data sets: {', '.join(datasets) or 'none'}")
    lines.append(f"  in models: {', '.join(models) or 'none'}")
    return {
        "item": item,
        "why": why,
        "history": told["entries"],
        "datasets": datasets,
        "models": models,
        "lines": lines,
    }


def _contained_in(project: Project, item: str) -> tuple[list[str], list[str]]:
    datasets = []
    for recorded in project.store.events(kinds=["dataset_frozen"]):
        assert isinstance(recorded.event, DatasetFrozen)
        if item in project.store.artefacts.get_table(recorded.event.rows, ["item"])["item"]:
            datasets.append(recorded.event.dataset)
    models = [event.model for event in project.trained() if event.dataset in datasets]
    return datasets, models


# --- erase


def erase(project: Project, item: str, *, reason: str) -> str:
    """Withdraw an item and remove its content for good; the ledger still verifies.

    Features that were made of it are made anew without it. Older features and models stay, for replay, and with them
    numbers that were computed from the content.

    Raises:
        NotFound: no such item.
    """
    project.store.rows([item])
    if item not in project.state().withdrawn:
        event = ItemWithdrawn(item=item, reason=reason, erased=True)
        project.record(str(uuid.uuid4()), event, actor="cli")
    left = project.store.erase(item)
    told = [f"{item}: content removed; the ledger keeps its id and its answers, and verifies"]
    if left.media is not None:
        told.append(f"the file {left.media} is yours, and yours to remove")
    if left.features or left.models:
        steering.refit_features(project, "cli", str(uuid.uuid4()))
        told.append(
            f"{len(left.features)} features and {len(left.models)} models were made while it was there: new ones are "
            "made without it; the old ones keep numbers that were computed from it, for replay"
        )
    return "\n".join(told)


# --- back up


def backup(folder: Path, out: Path) -> str:
    """Copy a project, also while people work. The copy is remembered in its own folder, wherever the project is.

    Raises:
        BadValue: the target is there already.
    """
    from querist.store.backup import backup as copy

    spec = read_spec(folder)
    at_home = spec.changed(store=StoreSection().model_dump())
    with closing(open_store(folder, spec)) as store:
        copy(store, folder, out, finish=lambda made: write_spec(made, at_home))
    return f"{folder} copied to {out}"


# --- move


def move(folder: Path, url: str) -> Json:
    """Move a project to another database; people should not be labelling meanwhile.

    Returns:
        {"lines"}: what was verified on both ends, and what somebody should know.

    Raises:
        BadValue: the project is there already; a password that would be written into `querist.toml`.
        Busy: a server has the project.
        Damaged: one of the ends does not verify.
    """
    from querist.store import SqlStore
    from querist.store.move import move as carry

    spec = read_spec(folder)
    section = place(url)
    named = spec.store.project or None
    with closing(SqlStore.open(spec.store.url, root=folder, project=named, moved=True)) as store:
        moved = carry(folder, store, url)
    if section.get("project"):
        section["project"] = moved.project
    write_spec(folder, spec.changed(store={**StoreSection().model_dump(), **section}))
    lines = [
        f"before: {moved.before.events:,} events, the chain holds (head {moved.before.hash[:12]})",
        f"after:  {moved.after.events:,} events, the chain holds (head {moved.after.hash[:12]}); "
        "artefacts and views are as the ledger says",
        f"{folder} is remembered in {url} from now on; the old place is kept, closed",
        *moved.told,
    ]
    return {"lines": lines}


def collect(folder: Path) -> str:
    """Remove artefacts that no event names."""
    from querist.store.gc import gc

    with closing(open_store(folder, read_spec(folder))) as store:
        swept = gc(store)
    return f"{swept.removed} files removed, {swept.bytes:,} bytes"


# --- strategies of one's own


def check_strategy(name: str) -> list[Json]:
    """Run the conformance suite on a function that registers itself, and return what is wrong: check and message.

    Args:
        name: `my_package.my_module.my_strategy`, from the working directory or installed; or a registered name.

    Raises:
        NotFound: the module cannot be imported.
        UnknownName: it registers nothing of that name.
    """
    from querist.acquire.conformance import check

    module, _, function = name.rpartition(".")
    entries = registry.entries()
    if module:
        imported = _imported(module, name)
        entries = [
            entry
            for entry in registry.entries()
            if entry.function.__module__ == module or getattr(imported, entry.name, None) is entry.function
        ]
    found = [entry for entry in entries if entry.name == function]
    if not found:
        place = f"strategy in {module}" if module else "strategy"
        raise UnknownName(place, function, [entry.name for entry in entries])
    return [{"check": finding.check, "message": finding.message} for entry in found for finding in check(entry)]


def _imported(module: str, name: str) -> ModuleType:
    # An installed command does not look into the working directory by itself.
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise NotFound(f"module {module!r} cannot be imported: {error}", field="name", value=name) from error
