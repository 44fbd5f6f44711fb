"""A whole project in memory, with its lanes, answered by known labels: how the engine's own claims are tested.

Unlike `simulate`, which compares strategies, nothing is known here that a real project would not know: there is a
reserve, a control lane, alarms, stopping rules, and people who are asked in the order of the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.engine.spec import ProjectSpec
from querist.errors import BadValue
from querist.events import AnswerSubmitted, PoolImported, ProjectCreated
from querist.store.protocol import ItemRow, NewEvent
from querist.types import Array, Features, ItemId, Json, Learner, Strategy

Answer = Callable[[ItemId], str | None]
"""From an item to its label; None skips it."""


def begin(
    rows: Any,
    classes: Sequence[str],
    *,
    strategy: str | Strategy = "auto",
    learner: Learner | None = None,
    seed: int = 0,
    **sections: Mapping[str, Any],
) -> Project:
    """Return a project over an array (n, d), with the lanes of the settings; items are named by their row.

    Args:
        rows: the pool.
        classes: all of them.
        strategy: a name, or a value.
        learner: in place of the one that the settings name.
        seed: of the project.
        sections: of `querist.toml`, each a mapping.
    """
    from querist.store import MemoryStore

    named = strategy if isinstance(strategy, str) else strategy.name
    spec = ProjectSpec.from_json(
        {
            **sections,
            "project": {"name": "rehearsal", "classes": list(classes), "seed": seed},
            "strategy": {"name": named, **sections.get("strategy", {})},
        }
    )
    items = [str(row) for row in range(len(rows))]
    order = np.argsort(keyed_numbers(seed, "row", items), kind="stable")
    names = [items[place] for place in order]
    u_eval, u_control = (keyed_numbers(seed, lane, names) for lane in ("evaluation", "control"))
    store = MemoryStore()
    pool = np.asarray(rows)[order]
    project = Project(spec, store, learner=learner, arrays=Features(pool, pool))
    if isinstance(strategy, Strategy):
        project.cache["strategy"] = strategy
    store.items.add_all(names, u_eval=u_eval, u_control=u_control)
    versions: dict[str, str] = {}
    created = ProjectCreated(spec=spec.to_json(), spec_hash=spec.hash, seed=seed, versions=versions)
    project.record("created", created)
    share = 0.0 if not spec.lanes.reserve else min(0.2, spec.lanes.reserve / len(names))
    imported = PoolImported(
        source="rehearsal",
        fingerprint="",
        items=store.artefacts.put_table({"item": names, "row": list(range(len(names)))}),
        added=len(names),
        duplicates=0,
        size=len(names),
        reserve=share,
    )
    project.record("import/pool", imported)
    return project


def join(project: Project, rows: Array) -> None:
    """Let more rows join the pool of a project of `begin`; their items are named on from the last one.

    Args:
        project: the project.
        rows: (m, d).
    """
    seed, start = project.seed, project.state().pool_size
    names = [str(start + row) for row in range(len(rows))]
    u_eval, u_control = (keyed_numbers(seed, lane, names) for lane in ("evaluation", "control"))
    project.store.add_items(
        ItemRow(name, start + row, float(u_eval[row]), float(u_control[row]), None) for row, name in enumerate(names)
    )
    assert project.arrays is not None
    pool = np.concatenate([project.arrays.embed, rows])
    project.arrays = Features(pool, pool)
    table: dict[str, list[Any]] = {"item": names, "row": list(range(start, start + len(names)))}
    imported = PoolImported(
        source="rehearsal",
        fingerprint=str(start),
        items=project.store.artefacts.put_table(table),
        added=len(names),
        duplicates=0,
        size=start + len(names),
    )
    project.record(f"import/{start}", imported)


def rehearse(
    project: Project,
    answer: Answer,
    *,
    labels: int,
    chunk: int = 20,
    after: Callable[[Project], None] = lambda _: None,
) -> Json:
    """Answer what the queue asks until so many labels are given, the project stops, or nothing is left.

    Args:
        project: of `begin`.
        answer: the known labels.
        labels: in all lanes together.
        chunk: answers between two looks of the worker.
        after: called each time the worker has done what was due.

    Returns:
        How it ended: {"labels", "stopped", "waiting"}.
    """
    if chunk < 1:
        raise BadValue("chunk", chunk, "must be at least 1")
    while True:
        wait = run_until_waiting(project)
        after(project)
        state = project.state()
        due = project.store.queue()[: min(chunk, labels - state.paid)]
        if state.stopped is not None or not due:
            return {"labels": state.paid, "stopped": state.stopped, "waiting": wait.reason}
        project.store.append_many(
            NewEvent(f"answer/{state.seq}/{entry.item}", _event(project, entry, answer), "oracle") for entry in due
        )


def _event(project: Project, entry: Any, answer: Answer) -> AnswerSubmitted:
    value = answer(entry.item)
    return AnswerSubmitted(
        item=entry.item,
        task=project.spec.project.task,
        outcome="skipped" if value is None else "answered",
        value=value,
        lane=entry.lane,
        round=entry.round,
        source="oracle",
    )


def truth_of(target: Array, classes: Sequence[str]) -> Answer:
    """Return the answers of somebody who is always right about items that are named by their row.

    >>> truth_of(np.array([1, 0]), ["a", "b"])("0")
    'b'
    """
    return lambda item: classes[int(target[int(item)])]
