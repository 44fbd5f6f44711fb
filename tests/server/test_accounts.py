"""A team over HTTP: invite, join, change, sign out, revoke; disagree, decide, see the agreement."""

from __future__ import annotations

from uuid import uuid4

import pytest
from tests.server.conftest import House

from querist.engine import steering
from querist.engine.steps import select
from querist.server.contents import API

PASSWORD = "correct horse battery"


@pytest.fixture
def owner(house: House):
    return house.signed_in()


def invite(house: House, client, role: str) -> str:
    answer = client.post(f"{API}/projects/{house.project}/members/invitations", json={"role": role})
    assert answer.status_code == 201, answer.text
    return answer.json()["path"].partition("token=")[2]


def join(house: House, token: str, name: str):
    client = house.client()
    answer = client.post(f"{API}/people/join", json={"token": token, "name": name, "password": PASSWORD})
    assert answer.status_code == 201, answer.text
    client.headers["X-CSRF-Token"] = answer.json()["csrf"]
    return client


def test_an_invited_person_enters_this_project_in_that_role(house, owner):
    token = invite(house, owner, "reviewer")
    told = house.client().post(f"{API}/people/invitation", json={"token": token}).json()
    assert told == {"role": "reviewer", "project": "digits", "invited_by": "admin"}
    rita = join(house, token, "rita")
    assert rita.get(f"{API}/me").json()["role"] == "member"
    assert rita.get(f"{API}/projects/{house.project}").json()["may"] == ["label", "review"]
    members = owner.get(f"{API}/projects/{house.project}/members").json()
    assert {person["name"]: person["role"] for person in members["people"]}["rita"] == "reviewer"
    assert (
        house.client().post(f"{API}/people/join", json={"token": token, "name": "x", "password": PASSWORD}).status_code
        == 401
    )


def test_an_invitation_is_shown_once_and_can_be_taken_back(house, owner):
    token = invite(house, owner, "annotator")
    [shown] = owner.get(f"{API}/projects/{house.project}/members").json()["invitations"]
    assert token not in str(shown)
    left = owner.delete(f"{API}/projects/{house.project}/members/invitations/{shown['id']}").json()
    assert left["invitations"] == []
    assert house.client().post(f"{API}/people/invitation", json={"token": token}).status_code == 401


def test_nobody_invites_above_themselves(house, owner):
    manager = join(house, invite(house, owner, "manager"), "mona")
    path = f"{API}/projects/{house.project}/members/invitations"
    assert manager.post(path, json={"role": "owner"}).status_code == 403
    assert manager.post(f"{API}/people/invitations", json={"role": "annotator"}).status_code == 403
    assert owner.post(path, json={"role": "member"}).status_code == 422


def test_access_that_is_taken_ends_at_once(house, owner):
    ann = join(house, invite(house, owner, "annotator"), "ann the first")
    me = ann.get(f"{API}/me").json()["id"]
    project = f"{API}/projects/{house.project}"
    assert ann.get(project).status_code == 200
    assert owner.put(f"{project}/members/{me}", json={"role": "member"}).status_code == 200
    assert ann.get(project).status_code == 404
    assert owner.patch(f"{API}/people/{me}", json={"active": False}).status_code == 200
    assert ann.get(f"{API}/me").status_code == 401


def test_a_manager_cannot_become_an_owner_by_a_sign_in_link(house, owner):
    manager = house.person("max", "manager")
    admin = owner.get(f"{API}/me").json()["id"]
    assert manager.post(f"{API}/people/{admin}/link", json={}).status_code == 403
    assert manager.delete(f"{API}/people/{admin}/sessions").status_code == 403
    assert manager.patch(f"{API}/people/{admin}", json={"role": "annotator"}).status_code == 403
    assert owner.patch(f"{API}/people/{admin}", json={"role": "annotator"}).status_code == 409


def test_a_manager_gets_no_link_for_the_owner_of_a_single_project(house, owner):
    house.site.people.create_person("petra", role="member")
    petra = house.site.people.find("petra").id
    assert owner.put(f"{API}/projects/{house.project}/members/{petra}", json={"role": "owner"}).status_code == 200
    manager = house.person("milo", "manager")
    refused = manager.post(f"{API}/people/{petra}/link", json={})
    assert refused.status_code == 403
    assert "petra is owner, which is above your own role, manager" in refused.json()["error"]
    assert owner.post(f"{API}/people/{petra}/link", json={}).status_code == 201


def test_a_token_that_manages_makes_no_owners(house, owner):
    made = owner.post(f"{API}/me/tokens", json={"name": "managing", "scope": "manage"}).json()
    program = house.client()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    house.site.people.create_person("otto", role="annotator")
    otto = house.site.people.find("otto").id
    assert program.patch(f"{API}/people/{otto}", json={"role": "owner"}).status_code == 403
    assert program.patch(f"{API}/people/{otto}", json={"role": "reviewer"}).status_code == 200


def test_somebody_is_signed_out_everywhere_by_who_may(house, owner):
    lost = house.person("lars")
    lars = house.site.people.find("lars").id
    rows = {row["id"]: row for row in owner.get(f"{API}/people").json()["people"]}
    assert rows[lars]["signed_in"] == 1
    assert house.person("lena").delete(f"{API}/people/{lars}/sessions").status_code == 403
    assert owner.delete(f"{API}/people/{lars}/sessions").json() == {"ended": 1}
    assert lost.get(f"{API}/me").status_code == 401


def test_sessions_and_tokens_are_listed_and_ended(house):
    house.site.people.create_person("sam", role="annotator")
    first, second = house.signed_in("sam"), house.signed_in("sam")
    shown = first.get(f"{API}/me/sessions").json()["sessions"]
    assert [one["current"] for one in shown].count(True) == 1
    assert first.delete(f"{API}/me/sessions").json() == {"ended": 1}
    assert second.get(f"{API}/me").status_code == 401
    made = first.post(f"{API}/me/tokens", json={"name": "script", "scope": "label", "project": house.project}).json()
    program = house.client()
    program.headers["Authorization"] = f"Bearer {made['token']}"
    assert program.post(f"{API}/projects/{house.project}/next", json={"n": 1}).status_code == 200
    assert made["token"] not in first.get(f"{API}/me/tokens").text
    assert first.delete(f"{API}/me/tokens/script").json() == {"tokens": []}
    assert program.get(f"{API}/me").status_code == 401
    assert first.post(f"{API}/me/tokens", json={"name": "t", "scope": "label", "project": "x"}).status_code == 404


def test_invitations_cannot_be_guessed_without_end(house):
    client = house.fresh().client()
    codes = [client.post(f"{API}/people/invitation", json={"token": f"guess {n}"}).status_code for n in range(25)]
    assert set(codes) == {401, 429}
    assert codes[-1] == 429


def test_a_team_labels_with_overlap_disagrees_and_settles_it(house):
    house = house.fresh()
    project, base = house.open(), f"{API}/projects/{house.project}"
    steering.change_settings(project, "file", {"labels": {"opinions": 2}})
    select(project, project.state(), 1, 0)
    owner = house.signed_in()
    rita, ann, bob = (
        join(house, invite(house, owner, role), name)
        for role, name in (("reviewer", "rita"), ("annotator", "ann"), ("annotator", "bob"))
    )
    asked = {}
    for person, shift in ((ann, 0), (bob, 1)):
        tasks = person.post(f"{base}/next", json={"n": 12}).json()["tasks"]
        for number, task in enumerate(tasks):
            value = str((int(house.truth(task)) + (shift if number < 2 else 0)) % 10)
            form = {"key": str(uuid4()), "item": task["item"], "value": value, "lease": task["lease"], "active_ms": 900}
            assert person.post(f"{base}/answers", json=form).status_code == 201
            asked.setdefault(task["item"], []).append(value)
    assert all(len(values) == 2 for values in asked.values()), "the second person finishes what the first began"
    blind = bob.get(f"{base}/items/{next(iter(asked))}").json()
    assert len(blind["answers"]) == 1
    page = rita.get(f"{base}/review").json()
    assert page["total"] == 2
    assert {opinion["letter"] for opinion in page["items"][0]["opinions"]} == {"A", "B"}
    assert "ann" not in rita.get(f"{base}/review").text.replace("annotator", "")
    item = page["items"][0]["item"]
    form = {"key": str(uuid4()), "value": "7", "reason": "guideline", "note": "a seven with a bar"}
    assert ann.post(f"{base}/items/{item}/decision", json=form).status_code == 403
    assert rita.post(f"{base}/items/{item}/decision", json=form).status_code == 201
    assert (
        rita.post(f"{base}/items/{item}/decision", json={**form, "key": str(uuid4()), "reason": "mood"}).status_code
        == 422
    )
    team = rita.get(f"{base}/team").json()
    assert (team["shared"], team["contested"], len(team["people"]), len(team["pairs"])) == (12, 1, 2, 1)
    assert team["same"]["low"] < 10 / 12 < team["same"]["high"]
    assert team["alpha"]["low"] <= team["alpha"]["value"] <= team["alpha"]["high"]
    own = ann.get(f"{base}/team").json()
    assert [row["name"] for row in own["people"]] == ["ann"]
    assert own["pairs"] == []
