"""Every route as every role: the table of `docs/server.md`, asked of a running server."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from querist.server.access import ROLES, Allowed, InProject, at_least
from querist.server.app import ROUTERS
from querist.server.contents import API
from querist.store.team import Team

NOWHERE = {"session": "0" * 16, "name": "no such token", "invitation": "0" * 16, "person": "nobody", "seq": "1"}
ENDS_THE_VISIT = {("DELETE", "/session")}


def routes():
    """Every (method, path, least role or None, whether it is inside a project)."""
    for route in (route for router in ROUTERS for route in router.routes):
        assert isinstance(route, APIRoute)
        guard = next((inner.call for inner in route.dependant.dependencies if isinstance(inner.call, Allowed)), None)
        for method in sorted(route.methods):
            yield method, route.path_format, guard and guard.least, isinstance(guard, InProject)


def address(path: str, project: str) -> str:
    """The path with a real project and things that are not there: nothing that is asked for changes anything."""
    filled = path.replace("{project}", project)
    return API + re.sub(r"\{(\w+)\}", lambda name: NOWHERE.get(name[1], "nothing"), filled)


@pytest.fixture(scope="module")
def visitors(house):
    """A browser for each role everywhere, for each role in the project alone, for a stranger and for nobody."""
    team, people = Team(house.site.people), house.site.people
    found = {}
    for role in ROLES:
        found[f"{role} everywhere"] = (house.person(f"{role} everywhere", role), role, role)
        if role != "member":
            client = house.person(f"{role} here", "member")
            team.set_member("owner", house.project, people.find(f"{role} here").id, role)
            found[f"{role} here"] = (client, "member", role)
    manager, tokens = people.find("manager everywhere"), house.site.tokens
    for scope, here in (("label", "annotator"), ("review", "reviewer"), ("manage", "manager")):
        client = house.client()
        client.headers["Authorization"] = f"Bearer {tokens.create(manager, scope, scope=scope)}"
        found[f"token to {scope}"] = (client, here, here)
        only = house.client()
        only.headers["Authorization"] = "Bearer " + tokens.create(
            manager, f"{scope} here", scope=scope, project=house.project
        )
        found[f"token to {scope} here"] = (only, "member", here)
    found["nobody"] = (house.client(), None, None)
    return found


@pytest.mark.parametrize(("method", "path", "least", "inside"), list(routes()), ids=str)
def test_each_role_gets_what_the_table_says(house, visitors, method, path, least, inside):
    if (method, path) in ENDS_THE_VISIT or path.endswith("/events"):
        pytest.skip("signs out, or never ends; both have tests of their own")
    for name, (client, everywhere, here) in visitors.items():
        role = here if inside else everywhere
        answer = client.request(method, address(path, house.project), **({} if method == "GET" else {"json": {}}))
        who = f"{name}: {method} {path} gave {answer.status_code} {answer.text[:200]}"
        if least is None:
            assert answer.status_code != 403, who
        elif role is None:
            assert answer.status_code == 401, who
        elif inside and role == "member":
            assert answer.status_code == 404, who
        elif not at_least(role, least):
            assert answer.status_code == 403, who
            assert "this takes" in answer.json()["error"], who
        else:
            assert "this takes" not in answer.text, who
            assert answer.status_code != 401, who
            assert answer.status_code < 500, who


def test_a_project_that_is_not_ones_own_is_not_there(house, visitors):
    client = visitors["member everywhere"][0]
    assert client.get(f"{API}/projects").json()["projects"] == []
    there, nowhere = (client.get(f"{API}/projects/{project}") for project in (house.project, str(uuid4())))
    assert (there.status_code, nowhere.status_code) == (404, 404)
    same = [answer.json()["error"].replace(answer.request.url.path.split("/")[-1], "") for answer in (there, nowhere)]
    assert same[0] == same[1]


def test_a_token_that_reads_changes_nothing(house):
    boss, client = house.site.people.find("admin"), house.client()
    client.headers["Authorization"] = f"Bearer {house.site.tokens.create(boss, 'reads', scope='read')}"
    assert client.get(f"{API}/people").status_code == 200
    assert client.post(f"{API}/projects/{house.project}/next", json={"n": 1}).status_code == 403


def test_the_scope_never_adds_to_the_person(house):
    house.site.people.create_person("small", role="annotator")
    token = house.site.tokens.create(house.site.people.find("small"), "big", scope="manage")
    client = house.client()
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get(f"{API}/people").status_code == 403


def test_tokens_make_no_tokens_and_end_no_sessions(house):
    token = house.site.tokens.create(house.site.people.find("admin"), "mother", scope="manage")
    client = house.client()
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.post(f"{API}/me/tokens", json={"name": "child", "scope": "manage"}).status_code == 403
    assert client.delete(f"{API}/me/sessions").status_code == 403


def test_a_token_for_one_project_opens_no_other(house):
    boss, client = house.site.people.find("admin"), house.client()
    token = house.site.tokens.create(boss, "elsewhere", scope="manage", project="x")
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get(f"{API}/projects/{house.project}").status_code == 404
    assert client.get(f"{API}/people").status_code == 403
