"""Whatever is done, in whatever order: both stores hold the same, and a rebuild of the database changes nothing."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from querist.errors import QueristError
from querist.events import AnswerAdjudicated, AnswerSubmitted, AnswerWithdrawn, ItemWithdrawn
from querist.store.database import Database
from querist.store.memory import MemoryStore
from querist.store.protocol import Store
from querist.store.replay import rebuild
from querist.store.sql import SqlStore
from querist.store.verify import verify

from .conftest import Clock, import_pool, select

NAMES = ["a", "b", "c", "d", "e"]
PEOPLE = ["p_ann", "p_bob", "p_cho"]

item = st.sampled_from(NAMES)
person = st.sampled_from(PEOPLE)
seq = st.integers(1, 25)
key = st.integers(0, 40)

operation = st.one_of(
    st.tuples(
        st.just("answer"), key, item, person, st.sampled_from(["answered", "skipped", "unanswerable"]), st.none() | seq
    ),
    st.tuples(st.just("withdraw"), key, person, seq),
    st.tuples(st.just("decide"), key, item, st.lists(seq, max_size=2)),
    st.tuples(st.just("remove"), key, item),
    st.tuples(
        st.just("select"),
        st.integers(0, 4),
        st.integers(0, 1),
        st.lists(item, unique=True),
        st.none() | st.lists(item, unique=True),
        st.integers(1, 2),
        st.sampled_from(["query", "control", "relabel"]),
    ),
    st.tuples(st.just("lease"), person, st.integers(0, 4), st.booleans()),
    st.tuples(st.just("release"), person),
    st.tuples(st.just("sleep"), st.sampled_from([1, 400, 700])),
    st.tuples(st.just("import"), st.integers(0, 3)),
)


def do(store: Store, held: dict[str, list[str]], what: tuple[Any, ...]) -> object:
    """Do it, and return what a caller sees of it."""
    match what:
        case ("answer", key, item, person, outcome, replaces):
            event = AnswerSubmitted(item, "single_label", outcome, outcome[:1], replaces=replaces)
            recorded, new = store.append(f"k{key}", event, actor=person)
            return recorded.seq, recorded.at, new
        case ("withdraw", key, person, seq):
            return store.append(f"k{key}", AnswerWithdrawn(seq, "undo"), actor=person)[1]
        case ("decide", key, item, seqs):
            return store.append(f"k{key}", AnswerAdjudicated(item, "yes", "", seqs), actor="p_eve")[1]
        case ("remove", key, item):
            return store.append(f"k{key}", ItemWithdrawn(item, "bad"), actor="p_eve")[1]
        case ("select", round, part, names, pending, opinions, lane):
            return select(store, names, round=round, part=part, pending=pending, opinions=opinions, lane=lane)
        case ("lease", person, n, remember):
            leases = store.lease(person, n, held=held.get(person, []))
            held[person] = [lease.id for lease in leases] if remember else []
            return [(lease.item, lease.expires_at, lease.lane, lease.round, lease.rank) for lease in leases]
        case ("release", person):
            for lease in held.pop(person, []):
                store.release(lease, person)
        case ("import", more):
            import_pool(store, [f"more{more}"], fingerprint=f"more{more}")
    return None


def seen(store: Store) -> dict[str, Any]:
    """Everything that the protocol shows."""
    head, digest = store.head()
    names = list(store.pool().items)
    return {
        "head": (head, digest),
        "events": [(e.seq, e.key, e.at, e.actor, e.event.to_json(), e.prev, e.hash) for e in store.events()],
        "items": names,
        "withdrawn": store.pool().withdrawn.tolist(),
        "answers": [store.answers(through=through) for through in [None, *range(0, head + 1, 4)]],
        "some": store.answers(items=["c", "a"]),
        "decisions": [store.decisions(through=through) for through in [None, *range(0, head + 1, 4)]],
        "states": store.states(names),
        "skipped": store.find_items(state="skipped"),
        "unlabelled": store.find_items(state="unlabelled", after=1, limit=2),
        "queue": store.queue(),
        "picked": [store.picked(name) for name in names],
        "history": [[e.seq for e in store.history(name)] for name in names],
        "leases": sorted((lease.item, lease.person, lease.expires_at) for lease in store.leases()),
        "counts": store.status_counts(),
    }


def attempt(store: Store, held: dict[str, list[str]], what: tuple[Any, ...]) -> object:
    try:
        return do(store, held, what)
    except QueristError as error:
        return type(error), error.message


QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(operations=st.lists(operation, max_size=25))
def test_both_stores_and_a_rebuild_agree(
    database: Database, shared_folder: Path, operations: list[tuple[Any, ...]]
) -> None:
    agree(database, shared_folder, operations)


@pytest.mark.long
@THOROUGH
@given(operations=st.lists(operation, min_size=10, max_size=60))
def test_both_stores_and_a_rebuild_agree_for_long(
    database: Database, shared_folder: Path, operations: list[tuple[Any, ...]]
) -> None:
    agree(database, shared_folder, operations)


def agree(database: Database, root: Path, operations: list[tuple[Any, ...]]) -> None:
    clock = Clock()
    memory = MemoryStore(clock=clock)
    sql = SqlStore.create(database, name=uuid.uuid4().hex, root=root, clock=clock)
    for store in (memory, sql):
        import_pool(store, NAMES)
    held: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
    for what in operations:
        if what[0] == "sleep":
            clock.sleep(what[1])
        assert attempt(memory, held[0], what) == attempt(sql, held[1], what), what
    # The names of artefacts differ (Parquet here, objects there), and with them bodies and hashes.
    ours, theirs = seen(memory), seen(sql)
    blind(ours)
    blind(theirs)
    assert ours == theirs
    assert verify(sql).ok
    before = seen(sql)
    rebuild(sql)
    assert seen(sql) == before


def blind(view: dict[str, Any]) -> None:
    del view["head"]
    view["events"] = [
        (*event[:4], {k: v for k, v in event[4].items() if k not in ("picks", "items")}) for event in view["events"]
    ]
