from __future__ import annotations

from uuid import uuid4

import numpy as np
import pytest

from querist.server.contents import API


@pytest.fixture
def house(house):
    return house.fresh()


@pytest.fixture
def client(house):
    return house.signed_in()


def take(client, house, n=5):
    return client.post(f"{API}/projects/{house.project}/next", json={"n": n}).json()["tasks"]


def like(client, house, item, n=6):
    return client.post(f"{API}/projects/{house.project}/items/{item}/alike", json={"n": n})


def test_the_nearest_free_items_come_first_and_are_the_persons(client, house):
    project = house.open()
    reserve, u_eval = project.state().reserve, np.asarray(project.pool().u_eval)
    seed = next(t["item"] for t in take(client, house, 20) if u_eval[project.store.rows([t["item"]])[0]] >= reserve)
    found = [task["item"] for task in like(client, house, seed).json()["tasks"]]
    held = {lease.item for lease in project.store.leases()}
    assert len(set(found) - {seed}) == 6
    assert set(found) <= held
    embed, rows = project.features().embed, {item: row for row, item in enumerate(project.pool().items)}
    unit = embed / np.maximum(np.linalg.norm(embed, axis=1, keepdims=True), 1e-9)
    near = unit @ unit[rows[seed]]
    worst = min(near[rows[item]] for item in found)
    free = [r for r, item in enumerate(project.pool().items) if item not in held and u_eval[r] >= reserve]
    assert worst >= max(near[free]) - 1e-6
    assert all(u_eval[rows[item]] >= reserve for item in found)
    assert not set(found) & {task["item"] for task in like(client, house, seed).json()["tasks"]}


def test_an_item_that_measures_is_answered_by_itself(client, house):
    project = house.open()
    u_eval = np.asarray(project.pool().u_eval)
    measuring = project.pool().items[int(np.argmin(u_eval))]
    refused = like(client, house, measuring)
    assert (refused.status_code, refused.json()["field"]) == (409, "item")
    assert like(client, house, "nobody").status_code == 404
    assert like(client, house, measuring, n=0).status_code == 422


def test_answers_at_a_stroke_say_so_in_the_ledger(client, house):
    seed = take(client, house, 1)[0]["item"]
    for bulk in (True, False):
        form = {"key": str(uuid4()), "item": seed, "value": "3", "bulk": bulk}
        assert client.post(f"{API}/projects/{house.project}/answers", json=form).status_code == 201
    events = [recorded.event for recorded in house.open().store.events(kinds=["answer_submitted"])]
    assert [event.bulk for event in events] == [True, False]
    lines = client.get(f"{API}/projects/{house.project}/items/{seed}/history").json()["entries"]
    assert sum("in a group" in line["sentence"] for line in lines) == 1
