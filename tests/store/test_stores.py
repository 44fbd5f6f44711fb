"""What every store does; each test runs on `MemoryStore` and on `SqlStore`."""

from __future__ import annotations

import numpy as np
import pytest

from querist.errors import BadValue, Busy, Conflict, Denied, NotFound, Overtaken
from querist.events import (
    GENESIS,
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    DatasetFrozen,
    Fallback,
    FeaturesBuilt,
    ItemWithdrawn,
    ModelTrained,
    PoolImported,
    TimerFired,
    chain_hash,
)
from querist.store.protocol import ItemRow, NewEvent, Store
from querist.types import Content

from .conftest import Clock, answer, import_pool, item_rows, select

ABC = ["a", "b", "c"]


@pytest.fixture(autouse=True)
def pool(store: Store) -> None:
    import_pool(store, ABC)


# The ledger.


def test_each_line_is_chained_to_the_one_before(store: Store) -> None:
    for due in range(5):
        store.append(f"timer/{due}", TimerFired("nightly", due))
    prev = GENESIS
    for place, line in enumerate(store.events(), start=1):
        body = line.event.to_json()
        digest = chain_hash(
            prev, seq=place, kind=line.event.kind, version=1, key=line.key, at=line.at, actor=line.actor, body=body
        )
        assert (line.seq, line.prev, line.hash) == (place, prev, digest)
        prev = digest
    assert store.head() == (6, prev)


def test_events_are_read_from_to_and_by_kind(store: Store) -> None:
    for due in range(5):
        store.append(f"timer/{due}", TimerFired("nightly", due))
    answer(store, "a")
    assert [line.seq for line in store.events(2, through=4)] == [3, 4]
    assert [line.seq for line in store.events(kinds=["answer_submitted", "pool_imported"])] == [1, 7]
    assert [line.seq for line in store.events(1, kinds=["pool_imported"])] == []
    found = store.find("timer/3")
    assert found is not None
    assert found.event == TimerFired("nightly", 3)
    assert store.find("timer/9") is None


def test_a_step_that_is_repeated_changes_nothing_and_gives_the_first_result(store: Store) -> None:
    first, new = store.append("r0/train/what", Fallback(0, "model", "a", "b", "slow"))
    again, repeated = store.append("r0/train/what", Fallback(0, "model", "a", "b", "slower"))
    assert (new, repeated) == (True, False)
    assert (again.seq, again.hash, again.event) == (first.seq, first.hash, first.event)
    assert store.head()[0] == first.seq


def test_a_double_click_is_one_answer_also_when_the_lease_is_gone(store: Store) -> None:
    said = {"item": "a", "task": "single_label", "outcome": "answered", "value": "yes"}
    first, _ = store.append("uuid", AnswerSubmitted(**said, lane="query", round=3, active_ms=12), actor="p_ann")
    again, new = store.append("uuid", AnswerSubmitted(**said), actor="p_ann")
    assert (again.seq, new) == (first.seq, False)
    assert len(store.answers()) == 1


@pytest.mark.parametrize(
    ("event", "actor"),
    [
        (AnswerSubmitted("a", "single_label", "answered", "no"), "p_ann"),
        (AnswerSubmitted("b", "single_label", "answered", "yes"), "p_ann"),
        (AnswerSubmitted("a", "single_label", "answered", "yes"), "p_bob"),
        (AnswerSubmitted("a", "single_label", "answered", "yes", reason="blurred"), "p_ann"),
        (AnswerWithdrawn(2, "undo"), "p_ann"),
    ],
)
def test_a_key_means_one_thing(store: Store, event: AnswerSubmitted, actor: str) -> None:
    store.append("uuid", AnswerSubmitted("a", "single_label", "answered", "yes"), actor="p_ann")
    with pytest.raises(Conflict, match="uuid"):
        store.append("uuid", event, actor=actor)
    assert store.head()[0] == 2


def test_many_events_are_appended_in_order_and_known_keys_passed_over(store: Store) -> None:
    new = [
        NewEvent(
            f"import/{n % 4}", AnswerSubmitted(ABC[n % 3], "single_label", "answered", n, source="import"), "import"
        )
        for n in range(6)
    ]
    assert store.append_many(new) == 4
    assert store.append_many(iter(new)) == 0
    assert [(answer.item, answer.value) for answer in store.answers()] == [("a", 0), ("b", 1), ("c", 2), ("a", 3)]


def test_the_event_that_is_returned_is_the_one_that_will_be_read(store: Store) -> None:
    written, _ = store.append(
        "uuid", AnswerSubmitted("a", "spans", "answered", [1, "ü", None, {"b": 0.1}]), actor="p_ann"
    )
    assert [line.event for line in store.events(written.seq - 1)] == [written.event]
    assert store.answers()[0].value == [1, "ü", None, {"b": 0.1}]


def test_an_answer_whose_writer_did_not_know_of_another_is_refused(store: Store) -> None:
    """Two tabs of one person: the second is to correct the first, not to stand beside it."""
    read = store.head()[0]
    said = AnswerSubmitted("a", "single_label", "answered", "yes")
    first, _ = store.append("k1", said, actor="p_ann", read=read)
    with pytest.raises(Overtaken, match="'a' meanwhile"):
        store.append("k2", said, actor="p_ann", read=read)
    assert store.append("k1", said, actor="p_ann", read=read)[1] is False
    assert store.append("k3", said, actor="p_bob", read=read)[1]
    assert store.append("k2", said, actor="p_ann", read=first.seq)[1]


# Answers.


def test_a_correction_replaces_and_an_undo_removes(store: Store) -> None:
    first = answer(store, "a", "cat")
    second = answer(store, "a", "dog", replaces=first)
    other = answer(store, "a", "cow", person="p_bob")
    undo = store.append("undo", AnswerWithdrawn(second, "undo"), actor="p_ann")[0].seq
    assert [a.seq for a in store.answers()] == [other]
    for through, expected in [(first, [first]), (second, [second]), (other, [second, other]), (undo, [other]), (1, [])]:
        assert [a.seq for a in store.answers(through=through)] == expected
    # Undoing twice, or undoing what was replaced, is no error and changes nothing.
    store.append("undo again", AnswerWithdrawn(second, "undo"), actor="p_ann")
    store.append("undo the first", AnswerWithdrawn(first, "undo"), actor="p_ann")
    assert [a.seq for a in store.answers()] == [other]


def test_answers_of_some_items(store: Store) -> None:
    for item in ["c", "a", "b", "c"]:
        answer(store, item, item, person=f"p_{store.head()[0]}")
    assert [a.item for a in store.answers(items=["c", "b"])] == ["c", "b", "c"]
    assert [a.item for a in store.answers(items=["c", "c"], through=3)] == ["c"]
    assert store.answers(items=["nothing"]) == []


def test_an_answer_that_does_not_exist_cannot_be_changed(store: Store) -> None:
    seq = answer(store, "a")
    with pytest.raises(NotFound, match="99"):
        answer(store, "a", replaces=99)
    with pytest.raises(NotFound, match="no answer has the number 1"):
        store.append("undo", AnswerWithdrawn(1, "undo"), actor="p_ann")
    with pytest.raises(Conflict, match="about item 'a'"):
        answer(store, "b", replaces=seq)
    with pytest.raises(Conflict, match="about item 'a'"):
        store.append("decide", AnswerAdjudicated("b", "yes", "", [seq]), actor="p_eve")
    assert store.head()[0] == seq


def test_the_last_decision_stands(store: Store) -> None:
    seqs = [answer(store, "a", "cat"), answer(store, "a", "dog", person="p_bob")]
    first = store.append("d1", AnswerAdjudicated("a", "cat", "clear", seqs), actor="p_eve")[0].seq
    second = store.append("d2", AnswerAdjudicated("a", "dog", "sorry", seqs), actor="p_eve")[0].seq
    assert {item: (d.seq, d.value, d.person) for item, d in store.decisions().items()} == {
        "a": (second, "dog", "p_eve")
    }
    assert store.decisions(through=first)["a"].value == "cat"
    assert store.decisions(through=first - 1) == {}
    assert [a.value for a in store.answers()] == ["cat", "dog"]


def test_states_and_history_tell_what_became_of_an_item(store: Store) -> None:
    import_pool(store, ["d", "e"], fingerprint="second")
    answer(store, "a")
    answer(store, "b", outcome="skipped")
    seq = answer(store, "c", outcome="unanswerable")
    store.append("gone", ItemWithdrawn("d", "broken"), actor="p_eve")
    names = ["a", "b", "c", "d", "e"]
    assert store.states(names) == ["labelled", "skipped", "unanswerable", "withdrawn", "unlabelled"]
    answer(store, "b", "yes", person="p_bob")
    store.append("undo", AnswerWithdrawn(seq, "undo"), actor="p_ann")
    assert store.states(names) == ["labelled", "labelled", "unlabelled", "withdrawn", "unlabelled"]
    assert [type(line.event) for line in store.history("c")] == [AnswerSubmitted, AnswerWithdrawn]
    assert [type(line.event) for line in store.history("d")] == [ItemWithdrawn]
    assert store.history("e") == []


def test_items_are_found_by_state_a_page_at_a_time(store: Store) -> None:
    import_pool(store, [f"more{n}" for n in range(7)], fingerprint="second")
    for item in ["b", "more0", "more5"]:
        answer(store, item)
    assert store.find_items(state="labelled") == [(1, "b"), (3, "more0"), (8, "more5")]
    assert store.find_items(state="labelled", after=1, limit=1) == [(3, "more0")]
    assert store.find_items(state="unlabelled", after=3, limit=2) == [(4, "more1"), (5, "more2")]
    assert store.find_items(after=7) == [(8, "more5"), (9, "more6")]
    assert store.find_items(state="skipped") == []


# The pool.


def test_the_pool_is_read_in_columns(store: Store) -> None:
    store.append("gone", ItemWithdrawn("b", "broken"), actor="p_eve")
    pool = store.pool()
    assert list(pool.items) == ABC
    assert len(pool) == 3
    np.testing.assert_allclose(pool.u_eval, [0.0, 0.01, 0.02])
    np.testing.assert_allclose(pool.u_control, [1.0, 0.99, 0.98])
    assert pool.withdrawn.tolist() == [False, True, False]
    assert pool.group is None
    assert pool.cost is None


def test_the_reserve_is_what_comes_first_in_its_own_order(store: Store) -> None:
    store.add_items([ItemRow(name, row, u, 0.5, None) for name, row, u in (("d", 3, 0.005), ("e", 4, 0.0))])
    assert store.reserve(0.02) == [(0, "a"), (1, "b")], "what no import announced is not there yet"
    store.append("import/2", PoolImported("made", "2", "0" * 64, added=1, duplicates=0, size=4))
    assert store.reserve(0.02) == [(0, "a"), (3, "d"), (1, "b")]
    store.append("key", ItemWithdrawn("a", "blurred"), actor="p_1")
    assert store.reserve(0.02)[0] == (0, "a")
    assert store.reserve(0.0) == []


def test_groups_and_costs_may_be_missing_here_and_there(store: Store) -> None:
    store.add_items([ItemRow("d", 3, 0.1, 0.2, None, group="g", cost=2.5), ItemRow("e", 4, 0.1, 0.2, None)])
    store.append("import/2", PoolImported("made", "2", "0" * 64, added=2, duplicates=0, size=5))
    pool = store.pool()
    assert pool.group == [None, None, None, "g", None]
    assert pool.cost is not None
    np.testing.assert_array_equal(pool.cost, [np.nan, np.nan, np.nan, 2.5, np.nan])


def test_items_join_when_the_import_is_recorded(store: Store) -> None:
    store.add_items(item_rows(["d", "e"], start=3))
    assert len(store.pool()) == 3
    assert store.status_counts()["items"] == 3
    # That import died; the next one takes its place.
    store.add_items(item_rows(["e", "f", "g"], start=3))
    import_pool(store, ["e", "f"], fingerprint="second")
    assert list(store.pool().items) == ["a", "b", "c", "e", "f"]
    assert store.rows(["e", "f"]).tolist() == [3, 4]
    assert [c.value["text"] for c in store.contents(["f", "e"]) if c] == ["f", "e"]
    with pytest.raises(NotFound, match="'d'"):
        store.rows(["a", "d"])


def test_known_items_are_passed_over(store: Store) -> None:
    store.add_items([ItemRow("b", 1, 0.9, 0.9, Content("text", {"text": "other"})), *item_rows(["d"], start=3)])
    assert store.contents(["b"])[0] == Content("text", {"text": "b"})
    assert store.rows(["d"]).tolist() == [3]


def test_rows_leave_no_gap_and_are_not_taken_twice(store: Store) -> None:
    with pytest.raises(BadValue, match="the next row is 3"):
        store.add_items(item_rows(["d"], start=5))
    with pytest.raises(Conflict, match="row 1 belongs to item 'b'"):
        store.add_items(item_rows(["d"], start=1))
    with pytest.raises(Conflict, match="add_items comes first"):
        store.append("import/2", PoolImported("made", "2", "0" * 64, added=2, duplicates=0, size=5))


def test_contents_are_streamed_in_row_order(store: Store) -> None:
    many = [f"more{n}" for n in range(2_500)]
    import_pool(store, many, fingerprint="many")
    store.erase("more7")
    shown = [None if content is None else content.value["text"] for content in store.iter_contents(2, 2_400)]
    expected: list[str | None] = [*ABC, *many][2:2_400]
    expected[expected.index("more7")] = None
    assert shown == expected
    assert len(list(store.iter_contents(2_500, 9_999))) == 3
    assert store.contents(["more8", "more7", "a"]) == [
        Content("text", {"text": "more8"}),
        None,
        Content("text", {"text": "a"}),
    ]


def test_erasing_says_what_was_made_of_the_item(store: Store) -> None:
    store.add_items([ItemRow("d", 3, 0.1, 0.2, Content("image", {"path": "scans/d.png"}))])
    store.append("import/2", PoolImported("made", "2", "0" * 64, added=1, duplicates=0, size=4))
    names = [f"{number}" * 16 for number in range(6)]
    zero = "0" * 64
    for features, rows in ((names[0], 3), (names[1], 4)):
        store.append(f"f/{features}", FeaturesBuilt(features, zero, [zero], "pixels", {}, 2, rows, rows))
    for place, (dataset, items) in enumerate([(names[2], ["a", "d"]), (names[3], ["a"])]):
        table = store.artefacts.put_table({"item": items})
        store.append(f"r{place}/freeze", DatasetFrozen(place, dataset, 1, table, {}, len(items), None))
    for place, (dataset, features) in enumerate([(names[2], names[0]), (names[3], names[0]), (names[3], names[1])]):
        model = ModelTrained(
            place,
            f"m{place}",
            dataset,
            features,
            {},
            "scratch",
            None,
            zero,
            labelled=1,
            calibration={},
            oof_skill={},
            seconds=0.0,
        )
        store.append(f"r{place}/train", model)
    erased = store.erase("d")
    assert erased.media == "scans/d.png"
    assert erased.features == (names[1],)
    assert erased.datasets == (names[2],)
    assert erased.models == ("m0", "m2")
    assert store.erase("d").media is None
    with pytest.raises(NotFound):
        store.erase("nothing")


# The queue.


def waiting(store: Store) -> list[str]:
    return [entry.item for entry in store.queue()]


def test_a_new_batch_replaces_what_nobody_has(store: Store) -> None:
    select(store, ["a", "b", "c"])
    leased = store.lease("p_ann", 1)
    assert [lease.item for lease in leased] == ["a"]
    select(store, ["c", "b"], round=1, pending=["a"])
    assert [(e.item, e.round, e.rank) for e in store.queue()] == [("a", 0, 0), ("c", 1, 0), ("b", 1, 1)]
    # A second part of a round joins the first.
    import_pool(store, ["d"], fingerprint="second")
    select(store, ["d"], round=1, part=1)
    assert waiting(store) == ["a", "c", "b", "d"]
    # Without anything pending, a batch clears the table, and the lease goes on.
    select(store, ["b"], round=2)
    assert waiting(store) == ["b"]
    assert store.lease("p_ann", 1, held=[leased[0].id])[0].item == "a"


def test_picks_that_are_settled_meanwhile_are_passed_over(store: Store) -> None:
    answer(store, "a")
    store.append("gone", ItemWithdrawn("b", "broken"), actor="p_eve")
    select(store, ABC)
    assert waiting(store) == ["c"]
    select(store, ABC, round=1, opinions=2)
    assert [(e.item, e.opinions_left) for e in store.queue()] == [("a", 1), ("c", 2)]
    select(store, ["a"], round=2, lane="relabel")
    assert [(e.item, e.opinions_left) for e in store.queue()] == [("a", 1)]
    answer(store, "a", person="p_bob")
    assert waiting(store) == []


def test_an_answer_leaves_the_queue_and_an_undo_returns(store: Store) -> None:
    select(store, ABC)
    seq = answer(store, "b")
    assert waiting(store) == ["a", "c"]
    store.append("undo", AnswerWithdrawn(seq, "undo"), actor="p_ann")
    assert waiting(store) == ["a", "b", "c"]
    store.append("decide", AnswerAdjudicated("b", "yes", "", []), actor="p_eve")
    assert waiting(store) == ["a", "c"]
    store.append("gone", ItemWithdrawn("a", "broken"), actor="p_eve")
    assert waiting(store) == ["c"]


def test_why_an_item_was_asked_is_remembered(store: Store) -> None:
    first, second = select(store, ["a", "b"]), select(store, ["c", "b"], round=1, lane="control")
    assert [(p.seq, p.round, p.lane, p.rank, p.score) for p in store.picked("b")] == [
        (first, 0, "query", 1, 0.5),
        (second, 1, "control", 1, 0.5),
    ]
    assert store.picked("nothing") == []


# Leases.


def test_no_two_people_get_the_same_item(store: Store) -> None:
    select(store, ABC)
    ann, bob = store.lease("p_ann", 2), store.lease("p_bob", 2)
    assert [[lease.item for lease in leases] for leases in (ann, bob)] == [["a", "b"], ["c"]]
    assert store.lease("p_cho", 2) == []
    assert {lease.id for lease in store.leases()} == {lease.id for lease in (*ann, *bob)}


def test_with_two_opinions_two_people_get_it_and_no_third(store: Store) -> None:
    select(store, ["a"], opinions=2)
    assert [len(store.lease(person, 1)) for person in ("p_ann", "p_bob", "p_cho")] == [1, 1, 0]
    answer(store, "a")
    assert store.lease("p_cho", 1) == []
    assert store.lease("p_ann", 1) == [], "nobody is asked twice"


def test_n_counts_what_is_held(store: Store, clock: Clock) -> None:
    import_pool(store, ["d", "e"], fingerprint="second")
    select(store, [*ABC, "d", "e"])
    first = store.lease("p_ann", 3)
    answer(store, "a")
    clock.sleep(60)
    held = [first[2].id, first[1].id]
    again = store.lease("p_ann", 3, held=held)
    assert [lease.item for lease in again] == ["c", "b", "d"]
    assert [lease.id for lease in again[:2]] == held
    assert {lease.expires_at for lease in again} == {clock.now + 600_000_000}
    assert len(store.lease("p_ann", 1, held=[lease.id for lease in again])) == 1


def test_a_reloaded_page_gets_its_items_again(store: Store) -> None:
    select(store, ABC)
    first = store.lease("p_ann", 2)
    assert [lease.id for lease in store.lease("p_ann", 2)] == [lease.id for lease in first]


def test_an_expired_lease_goes_to_the_next_and_never_discards_an_answer(store: Store, clock: Clock) -> None:
    select(store, ["a", "b"], opinions=1)
    (lease,) = store.lease("p_ann", 1, seconds=60)
    clock.sleep(60)
    assert store.leases() == []
    assert [other.item for other in store.lease("p_bob", 1)] == ["a"]
    with pytest.raises(NotFound, match="your answer still counts"):
        store.renew(lease.id, "p_ann")
    assert [other.item for other in store.lease("p_ann", 1, held=[lease.id])] == ["b"]
    answer(store, "a", person="p_ann")
    answer(store, "a", person="p_bob")
    assert [a.person for a in store.answers()] == ["p_ann", "p_bob"]


def test_an_expired_lease_is_revived_while_nobody_else_has_the_item(store: Store, clock: Clock) -> None:
    select(store, ABC)
    (lease,) = store.lease("p_ann", 1, seconds=60)
    clock.sleep(90)
    assert store.renew(lease.id, "p_ann", seconds=60).expires_at == clock.now + 60_000_000
    clock.sleep(90)
    assert store.lease("p_ann", 1, held=[lease.id])[0].id == lease.id


def test_leases_are_given_back(store: Store) -> None:
    select(store, ABC)
    (lease,) = store.lease("p_ann", 1)
    with pytest.raises(Denied):
        store.release(lease.id, "p_bob")
    with pytest.raises(Denied):
        store.renew(lease.id, "p_bob")
    store.release(lease.id, "p_ann")
    store.release(lease.id, "p_ann")
    assert [other.item for other in store.lease("p_bob", 1)] == ["a"]
    with pytest.raises(NotFound):
        store.renew(lease.id, "p_ann")


def test_an_answer_or_a_withdrawal_ends_the_lease(store: Store) -> None:
    select(store, ABC, opinions=2)
    store.lease("p_ann", 2)
    store.lease("p_bob", 2)
    answer(store, "a", person="p_ann")
    assert sorted((lease.item, lease.person) for lease in store.leases()) == [
        ("a", "p_bob"),
        ("b", "p_ann"),
        ("b", "p_bob"),
    ]
    store.append("gone", ItemWithdrawn("b", "broken"), actor="p_eve")
    assert [(lease.item, lease.person) for lease in store.leases()] == [("a", "p_bob")]


def test_an_item_is_leased_out_of_turn_unless_somebody_has_it(store: Store, clock: Clock) -> None:
    seq = answer(store, "b")
    store.append("undo", AnswerWithdrawn(seq, "undo"), actor="p_ann")
    mine = store.lease_item("p_ann", "b", lane="query", round_=3)
    assert mine is not None
    assert (mine.item, mine.lane, mine.round) == ("b", "query", 3)
    again = store.lease_item("p_ann", "b", lane="query", round_=3, seconds=900)
    assert again is not None
    assert (again.id, again.expires_at) == (mine.id, clock.now + 900_000_000)
    assert store.lease_item("p_bob", "b", lane="query", round_=3) is None
    assert store.leases() == [again]
    clock.sleep(900)
    taken = store.lease_item("p_bob", "b", lane="query", round_=3)
    assert taken is not None
    assert store.leases() == [taken]


# Steps and pages.


def test_a_step_is_claimed_by_one_worker_until_its_heart_stops(store: Store, clock: Clock) -> None:
    assert store.claim("r1/train", "w1")
    assert store.claim("r1/train", "w1")
    assert not store.claim("r1/train", "w2")
    clock.sleep(29)
    store.heartbeat("r1/train", "w1")
    clock.sleep(29)
    assert not store.claim("r1/train", "w2")
    clock.sleep(1)
    assert store.claim("r1/train", "w2")
    with pytest.raises(Busy, match="r1/train"):
        store.heartbeat("r1/train", "w1")
    store.unclaim("r1/train", "w1")
    assert not store.claim("r1/train", "w1")
    store.unclaim("r1/train", "w2")
    assert store.claim("r1/train", "w1")
    assert [(job.step, job.owner, job.heartbeat_at) for job in store.jobs()] == [("r1/train", "w1", clock.now)]


def test_a_claim_does_not_outlive_a_clock_that_goes_back(store: Store, clock: Clock) -> None:
    assert store.claim("r1/train", "w1")
    clock.sleep(-3_600)
    assert store.claim("r1/train", "w2"), "else nobody could have it for an hour"


def test_counts_for_pages(store: Store) -> None:
    select(store, ABC)
    answer(store, "a", lane="query")
    answer(store, "b", lane="control", outcome="skipped")
    answer(store, "a", person="p_bob")
    store.lease("p_bob", 1)
    assert store.status_counts() == {
        "items": 3,
        "labelled": 1,
        "answers": 3,
        "queue": 1,
        "leases": 1,
        "states": {"labelled": 1, "skipped": 1, "unlabelled": 1},
        "lanes": {"control": 1, "none": 1, "query": 1},
        "people": {"p_ann": 2, "p_bob": 1},
    }
