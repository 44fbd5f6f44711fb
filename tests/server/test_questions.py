from __future__ import annotations

from uuid import uuid4

import pytest

from querist.server.contents import API


@pytest.fixture
def house(house):
    return house.fresh()


def first_item(client, house):
    return client.post(f"{API}/projects/{house.project}/next", json={"n": 1}).json()["tasks"][0]["item"]


def ask(client, house, item, text="Is this a one or a seven?", key=None):
    form = {"key": str(key or uuid4()), "text": text}
    return client.post(f"{API}/projects/{house.project}/items/{item}/questions", json=form)


def reply(client, house, seq, text="A seven: it has a bar.", key=None, **more):
    form = {"key": str(key or uuid4()), "text": text, **more}
    return client.post(f"{API}/projects/{house.project}/questions/{seq}/answer", json=form)


def read(client, house, item=""):
    return client.get(f"{API}/projects/{house.project}/questions", params={"item": item}).json()["questions"]


def test_a_question_is_asked_once_answered_once_and_becomes_an_example(house):
    chief, ann = house.signed_in(), house.person("Ann", role="annotator")
    item = first_item(ann, house)
    key = uuid4()
    seq = ask(ann, house, item, key=key).json()["seq"]
    assert ask(ann, house, item, key=key).json()["seq"] == seq
    (open_one,) = read(chief, house)
    assert (open_one["item"], open_one["person"], open_one["answer"], open_one["guideline"]) == (item, "Ann", None, 0)

    done = uuid4()
    said = reply(chief, house, seq, key=done, example={"name": "1", "good": False, "instead": "7"})
    assert said.status_code == 201, said.text
    assert reply(chief, house, seq, key=done).json()["seq"] == said.json()["seq"]
    (answered,) = read(ann, house, item)
    assert (answered["answer"]["text"], answered["answer"]["guideline"]) == ("A seven: it has a bar.", 1)
    guide = chief.get(f"{API}/projects/{house.project}/guidelines").json()
    assert guide["version"] == 1
    assert guide["classes"]["1"]["examples"] == [{"text": "", "item": item, "good": False, "instead": "7"}]
    assert reply(chief, house, seq).status_code == 409


def test_an_open_question_of_somebody_else_says_nothing_before_it_is_answered(house):
    chief, ann, berta = (
        house.signed_in(),
        house.person("Ann", role="annotator"),
        house.person("Berta", role="annotator"),
    )
    item = first_item(ann, house)
    seq = ask(ann, house, item).json()["seq"]
    assert len(read(ann, house)) == 1
    assert read(berta, house) == []
    assert read(berta, house, item) == []
    reply(chief, house, seq)
    (seen,) = read(berta, house, item)
    assert (seen["person"], seen["mine"]) == ("", False)
    assert read(berta, house) == []


def test_what_cannot_be_is_refused(house):
    chief, ann = house.signed_in(), house.person("Ann", role="annotator")
    item = first_item(ann, house)
    assert ask(ann, house, "nobody").status_code == 404
    assert ask(ann, house, item, text="   ").status_code == 422
    assert ask(ann, house, item, text="x" * 2001).status_code == 422
    seq = ask(ann, house, item).json()["seq"]
    assert reply(ann, house, seq).status_code == 403
    assert reply(chief, house, 10**6).status_code == 404
    for example in ({"name": "12"}, {"name": "1", "good": False}, {"name": "1", "good": False, "instead": "1"}):
        refused = reply(chief, house, seq, example=example)
        assert refused.status_code == 422, refused.text
    assert read(chief, house)[0]["answer"] is None
    assert chief.get(f"{API}/projects/{house.project}/guidelines").json()["version"] == 0
