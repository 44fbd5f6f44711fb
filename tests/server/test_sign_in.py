from __future__ import annotations

import re

import httpx
import pytest

from querist.server.contents import API


def test_the_first_password_signs_in_and_the_session_is_a_cookie_that_scripts_cannot_read(house):
    client = house.client()
    answer = client.post(f"{API}/session", json={"name": "admin", "password": house.password})
    assert answer.status_code == 200
    me = answer.json()
    assert (me["name"], me["role"], me["must_change_password"]) == ("admin", "owner", True)
    assert me["id"].startswith("p_")
    cookie = answer.headers["set-cookie"]
    assert re.match(r"querist-\d+=[\w-]{32,}; ", cookie)
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert house.password not in answer.text
    assert client.get(f"{API}/me").json() == me


def test_who_has_not_signed_in_gets_nothing_but_the_pages(house):
    client = house.client()
    for path in ("/me", "/projects", f"/projects/{house.project}/status", f"/projects/{house.project}/items"):
        answer = client.get(API + path)
        assert answer.status_code == 401, path
        assert answer.json()["error"] == "sign in first"
    assert client.post(f"{API}/projects/{house.project}/next", json={}).status_code == 401
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("form", [{"name": "admin", "password": "wrong"}, {"name": "nobody", "password": "wrong"}])
def test_a_wrong_name_and_a_wrong_password_look_alike(house, form):
    answer = house.client().post(f"{API}/session", json=form)
    assert answer.status_code == 401
    assert answer.json()["value"] is None
    assert "wrong" not in answer.text.replace("is wrong", "")
    assert "set-cookie" not in answer.headers


def test_an_empty_form_says_what_to_give(house):
    answer = house.client().post(f"{API}/session", json={})
    assert (answer.status_code, answer.json()["field"]) == (422, "name")


def test_a_link_signs_in_once(house):
    token = house.link()
    first = house.client().post(f"{API}/session", json={"token": token})
    assert (first.status_code, first.json()["name"]) == (200, "admin")
    assert house.client().post(f"{API}/session", json={"token": token}).status_code == 401
    assert house.client().post(f"{API}/session", json={"token": "made-up"}).status_code == 401


def test_opening_the_link_alone_does_not_use_it_up(house):
    token = house.link()
    house.client().get(f"/sign-in?token={token}")
    assert house.client().post(f"{API}/session", json={"token": token}).status_code == 200


def test_guessing_is_slowed_down(house):
    guesser = house.client()
    statuses = [
        guesser.post(f"{API}/session", json={"name": "victim", "password": f"guess {n}"}).status_code for n in range(12)
    ]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    last = guesser.post(f"{API}/session", json={"name": "victim", "password": "guess"})
    assert int(last.headers["retry-after"]) > 0


def test_changing_requests_need_the_token_of_their_own_session(house):
    client = house.signed_in()
    token = client.headers.pop("X-CSRF-Token")
    path = f"{API}/projects/{house.project}/next"
    assert client.post(path, json={}).status_code == 403
    assert client.post(path, json={}, headers={"X-CSRF-Token": "0" * len(token)}).status_code == 403
    other = house.signed_in().headers["X-CSRF-Token"]
    assert other != token
    assert client.post(path, json={}, headers={"X-CSRF-Token": other}).status_code == 403
    assert client.post(path, json={}, headers={"X-CSRF-Token": token}).status_code == 200


def test_signing_out_ends_the_session_on_the_server_too(house):
    client = house.signed_in()
    stolen = dict(client.cookies)
    answer = client.request("DELETE", f"{API}/session")
    assert answer.status_code == 200
    assert not client.cookies
    assert house.client(cookies=stolen).get(f"{API}/me").status_code == 401


def test_a_new_password_ends_the_other_sessions_and_lifts_the_duty_to_change_it(house):
    house = house.fresh()
    mine, theirs = house.by_password(), house.signed_in()
    answer = mine.put(f"{API}/me/password", json={"old": house.password, "new": "correct horse battery"})
    assert answer.status_code == 200
    assert answer.json()["must_change_password"] is False
    assert mine.get(f"{API}/me").status_code == 200
    assert theirs.get(f"{API}/me").status_code == 401
    form = {"name": "admin", "password": house.password}
    assert house.client().post(f"{API}/session", json=form).status_code == 401
    form["password"] = "correct horse battery"
    assert house.client().post(f"{API}/session", json=form).status_code == 200


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("wrong", "correct horse battery", 401),
        ("", "correct horse battery", 401),
        (None, "short", 422),
        (None, None, 422),
    ],
)
def test_a_password_is_changed_only_by_who_knows_it_and_only_to_another_long_one(house, old, new, status):
    client = house.by_password()
    form = {"old": house.password if old is None else old, "new": house.password if new is None else new}
    answer = client.put(f"{API}/me/password", json=form)
    assert answer.status_code == status
    assert house.password not in answer.text


def test_who_came_by_link_may_set_a_password_without_the_old_one(house):
    house = house.fresh()
    client = house.client()
    me = client.post(f"{API}/session", json={"token": house.link()}).json()
    client.headers["X-CSRF-Token"] = me["csrf"]
    answer = client.put(f"{API}/me/password", json={"old": "", "new": "correct horse battery"})
    assert answer.status_code == 200
    assert client.get(f"{API}/me").json()["must_change_password"] is False


def test_behind_tls_the_cookie_is_bound_to_it(house):
    with house.behind_tls() as client:
        answer = client.post(f"{API}/session", json={"name": "admin", "password": house.password})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-querist=")
        assert "Secure" in cookie
        assert "strict-transport-security" in answer.headers


def test_a_made_up_session_is_no_session(house):
    port = httpx.URL(house.address).port
    for value in ("x", "", "a" * 43, "'; DROP TABLE session; --"):
        assert house.client(cookies={f"querist-{port}": value}).get(f"{API}/me").status_code == 401
