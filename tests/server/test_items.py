from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import pytest

from querist.server.contents import API


@pytest.fixture(scope="module")
def labelled(house):
    """A project with three answers, and the client that gave them."""
    house = house.fresh()
    client = house.signed_in()
    tasks = client.post(f"{API}/projects/{house.project}/next", json={"n": 3}).json()["tasks"]
    for task, value in zip(tasks, ["1", "2", "2"], strict=True):
        form = {"key": str(uuid4()), "item": task["item"], "value": value, "lease": task["lease"]}
        assert client.post(f"{API}/projects/{house.project}/answers", json=form).status_code == 201
    return house, client, [task["item"] for task in tasks]


def find(labelled, **query):
    house, client, _ = labelled
    answer = client.get(f"{API}/projects/{house.project}/items", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_answered_items_are_found_the_newest_first(labelled):
    found = find(labelled, state="labelled")["items"]
    assert [row["item"] for row in found] == labelled[2][::-1]
    assert [row["value"] for row in found] == ["2", "2", "1"]


def test_items_are_found_by_class_and_by_person(labelled):
    house = labelled[0]
    assert [row["item"] for row in find(labelled, **{"class": "1"})["items"]] == labelled[2][:1]
    assert len(find(labelled, person="me")["items"]) == 3
    berta = house.person("Berta")
    assert berta.get(f"{API}/projects/{house.project}/items").json()["items"] == []


def test_an_item_is_found_by_its_id(labelled):
    wanted = labelled[2][0]
    assert wanted in [row["item"] for row in find(labelled, q=wanted)["items"]]


def test_pages_follow_one_another_without_gap_or_repeat(labelled):
    seen, cursor = [], ""
    for _ in range(100):
        page = find(labelled, state="unlabelled", limit=50, cursor=cursor)
        seen += [row["item"] for row in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) > 50
    assert not set(seen) & set(labelled[2])


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"person": "p_1"}, "person"),
        ({"limit": 1000}, "limit"),
        ({"cursor": "zzz"}, "cursor"),
    ],
)
def test_a_wrong_filter_is_named(labelled, query, field):
    house, client, _ = labelled
    answer = client.get(f"{API}/projects/{house.project}/items", params=query)
    assert answer.status_code in {400, 422}
    assert answer.json()["field"] == field


def test_an_item_shows_its_answers_and_why_it_was_chosen(labelled):
    house, client, items = labelled
    base = f"{API}/projects/{house.project}/items/{items[0]}"
    item = client.get(base).json()
    assert (item["item"], item["state"], item["value"]) == (items[0], "labelled", "1")
    assert [(answer["value"], answer["mine"], answer["live"]) for answer in item["answers"]] == [("1", True, True)]
    why = client.get(f"{base}/why").json()
    assert why["item"] == items[0]
    assert why["hidden"] == (why["lane"] is None)
    history = client.get(f"{base}/history").json()["entries"]
    assert [entry["seq"] for entry in history] == sorted(entry["seq"] for entry in history)
    assert "answer_submitted" in [entry["kind"] for entry in history]


def test_ids_may_hold_any_character(house):
    client = house.signed_in()
    for name in ("cats/1 a.png", "50 %", "ü?#&=+", "a/why", "..."):
        item = house.plant_text("text", item=name)
        base = f"{API}/projects/{house.project}/items/{quote(item, safe='')}"
        assert client.get(base).json()["item"] == name
        assert client.get(f"{base}/why").json()["item"] == name


def test_a_picture_is_served_where_it_lies_and_its_path_is_never_told(house, png):
    item = house.plant_image("deep/down/cat.png", png)
    client = house.signed_in()
    told = client.get(f"{API}/projects/{house.project}/items/{item}")
    assert "deep" not in told.text
    picture = client.get(told.json()["content"]["value"]["url"])
    assert (picture.status_code, picture.headers["content-type"], picture.content) == (200, "image/png", png)


def test_what_is_not_there_is_404(labelled):
    house, client, items = labelled
    for path in ("nothing", "nothing/why", "nothing/history", "nothing/content", f"{items[0]}/content"):
        answer = client.get(f"{API}/projects/{house.project}/items/{path}")
        assert answer.status_code == 404, path


def test_long_texts_are_cut_in_lists_and_whole_in_the_item(house):
    client = house.signed_in()
    item = house.plant_text("word " * 500, item="long one")
    row = client.get(f"{API}/projects/{house.project}/items", params={"q": "long one"}).json()["items"][0]
    assert len(row["content"]["value"]["text"]) <= 301
    whole = client.get(f"{API}/projects/{house.project}/items/{quote(item)}").json()
    assert whole["content"]["value"]["text"] == "word " * 500
