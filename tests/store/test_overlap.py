"""Several opinions about an item, on every kind of store: places in the queue, leases, second looks."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.store.conftest import import_pool, select

from querist.events import AnswerSubmitted, OpinionsWanted
from querist.store.protocol import QueueEntry, Store
from querist.store.sql import SqlStore

NAMES = [f"i{number}" for number in range(12)]


def answer(
    store: Store, person: str, item: str, value: str = "a", *, lane: str = "query", replaces: int | None = None
) -> int:
    event = AnswerSubmitted(item, "single_label", "answered", value, lane=lane, round=0, replaces=replaces)  # type: ignore[arg-type]
    return store.append(f"{person}/{item}/{value}/{replaces}", event, actor=person)[0].seq


def left(store: Store) -> dict[str, int]:
    return {entry.item: entry.opinions_left for entry in store.queue()}


def test_what_is_begun_outlives_a_new_batch(store: Store) -> None:
    import_pool(store, NAMES)
    select(store, NAMES[:4], opinions=2)
    answer(store, "ann", "i0")
    select(store, NAMES[6:8], round=1, opinions=2)
    assert left(store) == {"i0": 1, "i6": 2, "i7": 2}
    assert [lease.item for lease in store.lease("ann", 3)] == ["i6", "i7"]
    assert [lease.item for lease in store.lease("bob", 1)] == ["i0"]


def test_a_further_opinion_brings_the_item_back(store: Store) -> None:
    import_pool(store, NAMES)
    select(store, NAMES[:2], opinions=2)
    for person, value in (("ann", "a"), ("bob", "b")):
        answer(store, person, "i0", value)
    select(store, NAMES[6:7], round=1, opinions=2)
    assert "i0" not in left(store)
    event = OpinionsWanted(item="i0", wanted=3, reason="they differ", lane="query", round=1)
    store.append("opinions/i0/3", event)
    store.append("opinions/i0/3", event)
    assert left(store)["i0"] == 1
    assert "i0" not in [lease.item for lease in store.lease("ann", 5)]
    assert "i0" in [lease.item for lease in store.lease("cyd", 5)]
    answer(store, "cyd", "i0", "a")
    assert "i0" not in left(store)


def test_a_second_look_goes_to_who_answered_and_is_over_with_their_answer(store: Store) -> None:
    import_pool(store, NAMES)
    select(store, NAMES[:1])
    first = answer(store, "ann", "i0")
    select(store, NAMES[:1], round=1, lane="recheck")
    assert [lease.item for lease in store.lease("ann", 1)] == ["i0"]
    answer(store, "ann", "i0", "b", lane="recheck", replaces=first)
    assert left(store) == {}
    assert [(found.person, found.value) for found in store.answers()] == [("ann", "b")]


def test_a_store_gives_items_in_the_order_that_is_wanted(store: Store) -> None:
    import_pool(store, NAMES)
    select(store, NAMES[:6])

    def backwards(entries: list[QueueEntry]) -> list[QueueEntry]:
        return [entry for entry in reversed(entries) if entry.item != "i4"]

    assert [lease.item for lease in store.lease("ann", 3, arrange=backwards)] == ["i5", "i3", "i2"]
    assert {lease.item for lease in store.lease("ann", 3, arrange=backwards)} == {"i5", "i3", "i2"}, "they are kept"
    assert [lease.item for lease in store.lease("bob", 9)] == ["i0", "i1", "i4"]


def test_at_once_each_item_gets_two_opinions_of_different_people_and_no_more(project: SqlStore) -> None:
    names = [f"i{number}" for number in range(40)]
    import_pool(project, names)
    select(project, names, opinions=2)

    def work(person: str) -> None:
        while leases := project.lease(person, 2):
            for lease in leases:
                answer(project, person, lease.item)

    people = [f"p_{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, people))
    given = Counter(found.item for found in project.answers())
    assert given == dict.fromkeys(names, 2)
    assert len({(found.item, found.person) for found in project.answers()}) == 80
