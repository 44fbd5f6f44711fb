from __future__ import annotations

import json
import threading
from uuid import uuid4

import pytest

from querist.server.contents import API


@pytest.fixture
def house(house):
    """A project of its own for each test."""
    return house.fresh()


@pytest.fixture
def client(house):
    return house.signed_in()


def take(client, house, n=5, held=()):
    answer = client.post(f"{API}/projects/{house.project}/next", json={"n": n, "held": list(held)})
    assert answer.status_code == 200, answer.text
    return answer.json()


def answer(client, house, item, value="1", key=None, **more):
    form = {"key": str(key or uuid4()), "item": item, "value": value, **more}
    return client.post(f"{API}/projects/{house.project}/answers", json=form)


def undo(client, house, seq, key=None):
    return client.delete(f"{API}/projects/{house.project}/answers/{seq}", params={"key": str(key or uuid4())})


def events(house, kind="answer_submitted"):
    return list(house.open().store.events(kinds=[kind]))


def test_items_come_with_content_lease_and_reason(client, house):
    reply = take(client, house, 3)
    assert len(reply["tasks"]) == 3
    assert reply["waiting"] is None
    task = reply["tasks"][0]
    assert set(task) == {"lease", "expires_at", "item", "content", "why", "prefill"}
    assert task["content"]["kind"] == "image"
    assert len({task["item"] for task in reply["tasks"]}) == 3


def test_what_is_held_is_not_sent_again(client, house):
    first = take(client, house, 3)["tasks"]
    again = take(client, house, 5, held=[task["lease"] for task in first])["tasks"]
    assert len(again) == 2
    assert not {task["item"] for task in again} & {task["item"] for task in first}


def test_two_people_never_hold_the_same_item(client, house):
    other = house.person("Berta")
    mine = {task["item"] for task in take(client, house, 10)["tasks"]}
    theirs = {task["item"] for task in take(other, house, 10)["tasks"]}
    assert len(mine) == len(theirs) == 10
    assert not mine & theirs


def test_an_answer_is_kept_with_its_receipt(client, house):
    task = take(client, house, 1)["tasks"][0]
    key = uuid4()
    receipt = answer(client, house, task["item"], "3", key, lease=task["lease"], active_ms=1500, confidence="unsure")
    assert receipt.status_code == 201
    told = receipt.json()
    assert (told["key"], told["item"], told["late"], told["answered_today"]) == (str(key), task["item"], False, 1)
    kept = events(house)[-1]
    assert (kept.seq, kept.key) == (told["seq"], str(key))
    assert (kept.event.value, kept.event.active_ms, kept.event.confidence) == ("3", 1500, "unsure")
    assert kept.actor.startswith("p_")


def test_the_same_answer_sent_twice_is_one(client, house):
    task = take(client, house, 1)["tasks"][0]
    key = uuid4()
    first = answer(client, house, task["item"], "3", key)
    second = answer(client, house, task["item"], "3", key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["seq"] == second.json()["seq"]
    assert len(events(house)) == 1


def test_a_known_key_with_other_content_is_a_conflict(client, house):
    task = take(client, house, 1)["tasks"][0]
    key = uuid4()
    answer(client, house, task["item"], "3", key)
    conflict = answer(client, house, task["item"], "4", key)
    assert (conflict.status_code, conflict.json()["field"]) == (409, "key")
    other = house.person("Berta")
    assert answer(other, house, task["item"], "3", key).status_code == 409
    assert len(events(house)) == 1


def test_ten_senders_of_one_key_make_one_answer(client, house):
    task = take(client, house, 1)["tasks"][0]
    key = uuid4()
    clients = [house.signed_in() for _ in range(10)]
    statuses = []

    def send(sender):
        statuses.append(answer(sender, house, task["item"], "3", key).status_code)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 9 + [201]
    assert len(events(house)) == 1


def test_a_label_that_is_none_names_the_choices(client, house):
    task = take(client, house, 1)["tasks"][0]
    refused = answer(client, house, task["item"], "eleven")
    assert refused.status_code == 422
    assert refused.json()["value"] == "eleven"
    assert set(refused.json()["choices"]) == {str(n) for n in range(10)}
    assert events(house) == []


def test_an_item_that_is_not_there_is_404(client, house):
    assert answer(client, house, "no such item").status_code == 404


@pytest.mark.parametrize(
    "broken",
    [
        {"key": "not a uuid"},
        {"item": ""},
        {"item": "x" * 501},
        {"outcome": "maybe"},
        {"confidence": "very"},
        {"active_ms": -1},
        {"replaces": 0},
        {"surplus": 1},
    ],
)
def test_a_broken_form_is_refused_by_its_field(client, house, broken):
    form = {"key": str(uuid4()), "item": "x", "value": "1", **broken}
    refused = client.post(f"{API}/projects/{house.project}/answers", json=form)
    assert refused.status_code == 422
    assert refused.json()["field"] == next(iter(broken))


def test_half_a_character_is_refused_in_words_wherever_it_stands(client, house):
    task = take(client, house, 1)["tasks"][0]
    for more in ({"value": "\ud800"}, {"value": ["\ud800"]}, {"value": {"a": "x\udfff"}}, {"reason": "\ud800"}):
        form = json.dumps({"key": str(uuid4()), "item": task["item"], "value": "1", **more})
        headers = {"Content-Type": "application/json"}
        refused = client.post(f"{API}/projects/{house.project}/answers", content=form, headers=headers)
        assert refused.status_code == 422, refused.text
        assert set(refused.json()) == {"error", "field", "value", "choices"}
    assert events(house) == []


def test_skips_and_unanswerable_items_are_kept_without_a_value(client, house):
    first, second = take(client, house, 2)["tasks"]
    assert answer(client, house, first["item"], None, outcome="skipped", reason="cannot decide").status_code == 201
    assert answer(client, house, second["item"], None, outcome="unanswerable").status_code == 201
    assert [kept.event.outcome for kept in events(house)] == ["skipped", "unanswerable"]
    assert events(house)[0].event.reason == "cannot decide"
    assert answer(client, house, first["item"], "1", outcome="skipped").status_code == 422


def test_an_answer_after_its_lease_counts_and_says_that_it_is_late(client, house):
    task = take(client, house, 1)["tasks"][0]
    client.request("DELETE", f"{API}/projects/{house.project}/leases/{task['lease']}")
    late = answer(client, house, task["item"], "3", lease=task["lease"])
    assert (late.status_code, late.json()["late"]) == (201, True)


def test_undo_withdraws_and_gives_the_item_back(client, house):
    task = take(client, house, 1)["tasks"][0]
    seq = answer(client, house, task["item"], "3").json()["seq"]
    undone = undo(client, house, seq)
    assert undone.status_code == 200
    assert undone.json()["answer"] == seq
    assert undone.json()["task"]["item"] == task["item"]
    again = answer(client, house, task["item"], "4")
    assert (again.status_code, again.json()["answered_today"]) == (201, 1)
    assert [kept.event.value for kept in events(house)] == ["3", "4"]


def test_undo_twice_with_one_key_is_one(client, house):
    task = take(client, house, 1)["tasks"][0]
    seq = answer(client, house, task["item"], "3").json()["seq"]
    key = uuid4()
    assert undo(client, house, seq, key).json()["seq"] == undo(client, house, seq, key).json()["seq"]
    assert len(events(house, "answer_withdrawn")) == 1
    assert undo(client, house, seq).status_code == 404


def test_undo_goes_back_to_any_depth(client, house):
    tasks = take(client, house, 10)["tasks"]
    seqs = [answer(client, house, task["item"], "3").json()["seq"] for task in tasks]
    assert all(undo(client, house, seq).status_code == 200 for seq in reversed(seqs))
    assert house.open().state().live == {}


def test_nobody_undoes_or_corrects_what_another_answered(client, house):
    task = take(client, house, 1)["tasks"][0]
    seq = answer(client, house, task["item"], "3").json()["seq"]
    other = house.person("Berta")
    assert undo(other, house, seq).status_code == 403
    assert answer(other, house, task["item"], "4", replaces=seq).status_code == 403
    reviewer = house.person("Rosa", "reviewer")
    assert answer(reviewer, house, task["item"], "4", replaces=seq).status_code == 201


def test_a_correction_takes_the_place_of_the_answer(client, house):
    task = take(client, house, 1)["tasks"][0]
    seq = answer(client, house, task["item"], "3").json()["seq"]
    corrected = answer(client, house, task["item"], "5", replaces=seq)
    assert corrected.status_code == 201
    live = house.open().store.answers(items=[task["item"]])
    assert [(kept.seq, kept.value) for kept in live] == [(corrected.json()["seq"], "5")]
    assert answer(client, house, task["item"], "6", replaces=seq).status_code == 409


def test_a_heartbeat_keeps_an_item_and_a_release_gives_it_back(client, house):
    task = take(client, house, 1)["tasks"][0]
    lease = f"{API}/projects/{house.project}/leases/{task['lease']}"
    beat = client.post(f"{lease}/heartbeat").json()
    assert beat["expires_at"] >= task["expires_at"]
    assert client.request("DELETE", lease).json() == {"lease": task["lease"], "expires_at": None}
    assert client.request("DELETE", lease).status_code == 200
    assert client.post(f"{lease}/heartbeat").json()["expires_at"] is None
    other = house.person("Berta")
    assert task["item"] in {given["item"] for given in take(other, house, 10)["tasks"]}


def test_another_persons_lease_is_not_touched(client, house):
    task = take(client, house, 1)["tasks"][0]
    lease = f"{API}/projects/{house.project}/leases/{task['lease']}"
    other = house.person("Berta")
    assert other.post(f"{lease}/heartbeat").status_code in {403, 404}
    assert other.request("DELETE", lease).status_code in {403, 404}
    assert client.post(f"{lease}/heartbeat").json()["expires_at"] is not None


def test_ten_people_at_once_get_a_hundred_different_items(house):
    people = [house.person(f"Person {n}") for n in range(10)]
    taken = []

    def label(client):
        for _ in range(10):
            for task in take(client, house, 1)["tasks"]:
                taken.append(task["item"])
                assert answer(client, house, task["item"], "1", lease=task["lease"]).status_code == 201

    threads = [threading.Thread(target=label, args=(client,)) for client in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == len(events(house))
    assert len(taken) >= 10
