"""Whatever is sent to whatever route, the server answers in its own form and never fails at it."""

from __future__ import annotations

import json
from urllib.parse import quote
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.server.app import ROUTERS
from querist.server.contents import API

ROUTES = sorted(
    (method, API + route.path_format)
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, APIRoute) and not route.path.endswith(("/events", "/session", "/password"))
    for method in route.methods
)
TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(["../x", "\x00", "' OR 1", "%", "1", "-1", "9" * 30, "a" * 5000])
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "key",
    "item",
    "value",
    "outcome",
    "n",
    "held",
    "name",
    "before",
    "after",
    "operation",
    "text",
    "classes",
    "target",
]
BODIES = st.one_of(
    VALUES,
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5),
    st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=5).map(lambda body: {**body, "key": str(uuid4())}),
)
QUERIES = st.dictionaries(
    st.sampled_from(["q", "state", "class", "cursor", "limit", "key", "format"]), TEXTS, max_size=3
)


@pytest.fixture(scope="module")
def here(house):
    house = house.fresh()
    return house, house.signed_in()


def try_route(here, method, path, data):
    house, client = here
    names = {"project": house.project, "command": "retrain"}
    for name in ("item", "lease", "seq", "command", "project"):
        if "{" + name + "}" in path:
            value = data.draw(TEXTS.filter(bool)) if name not in names or data.draw(st.booleans()) else names[name]
            path = path.replace("{" + name + "}", quote(value, safe=""))
    body = None if method == "GET" else json.dumps(data.draw(BODIES))
    headers = {"content-type": "application/json"}
    answer = client.request(method, path, params=data.draw(QUERIES), content=body, headers=headers)
    assert answer.status_code < 500, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error", "field", "value", "choices"}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_no_route_fails(here, method, path, data):
    try_route(here, method, path, data)


@pytest.mark.long
@pytest.mark.parametrize(("method", "path"), ROUTES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_no_route_fails_however_often_it_is_tried(here, method, path, data):
    try_route(here, method, path, data)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"n": 1e999}', b'{"n": NaN}', b"null"])
def test_no_body_fails(here, body):
    house, client = here
    answer = client.post(
        f"{API}/projects/{house.project}/next", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 413, 422}
    assert answer.json()["error"]
