"""Tests for the six families of published vulnerabilities in labelling tools (`docs/security.md`)."""

from __future__ import annotations

import ast
import socket
import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

import querist
from querist.server.contents import API
from querist.store.people import People

SOURCE = Path(querist.__file__).parent


# --- (a) the server fetches an address that a user gave


def test_a_nothing_in_the_package_can_open_a_connection_to_an_address():
    clients = {
        "httpx",
        "requests",
        "aiohttp",
        "urllib3",
        "ftplib",
        "smtplib",
        "http.client",
        "urllib.request",
        "fsspec",
        "authlib.integrations.httpx_client",
    }
    found = []
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found += [f"{path.name}: {name}" for name in names if name in clients]
    # The issuer that the operator names in the environment, and no other address.
    assert set(found) == {"oidc.py: authlib.integrations.httpx_client", "oidc.py: httpx"}


def test_a_an_item_that_names_an_address_is_not_fetched(house):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.3)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/latest/meta-data.png"
        item = house.plant_image(address)
        assert house.signed_in().get(f"{API}/projects/{house.project}/items/{quote(item)}/content").status_code == 404
        with pytest.raises(TimeoutError):
            listening.accept()


# --- (b) user content runs as HTML or SVG

EVIL = "<img src=x onerror=alert(1)><script>alert(1)</script>"


def test_b_an_item_travels_as_json_that_no_browser_renders(house):
    item = house.plant_text(EVIL)
    answer = house.signed_in().get(f"{API}/projects/{house.project}/items/{item}")
    assert answer.json()["content"]["value"]["text"] == EVIL
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_b_an_error_repeats_markup_as_json_only(house):
    answer = house.signed_in().get(f"{API}/projects/{house.project}/items", params={"state": EVIL})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", ["x.svg", "x.html", "x.png"])
def test_b_media_with_script_are_not_sent_at_all(house, name):
    item = house.plant_image(name, b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    answer = house.signed_in().get(f"{API}/projects/{house.project}/items/{quote(item)}/content")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert "script" not in answer.text


# --- (c) weak or default secrets, open sign-up


def test_c_every_installation_has_a_password_and_tokens_of_its_own(house):
    passwords = [People.open("sqlite://").create_first_admin()[1] for _ in range(2)]
    assert passwords[0] != passwords[1]
    assert all(len(password) >= 16 for password in passwords)
    assert house.link() != house.link()
    assert len(house.link()) >= 32


def test_c_the_database_holds_hashes_only(house):
    house = house.fresh()
    link = house.link()
    client = house.signed_in()
    secrets = [house.password, link, *client.cookies.values()]
    kept = "\n".join(sqlite3.connect(house.folder / "querist.db").iterdump())
    files = b"".join(path.read_bytes() for path in house.folder.rglob("*") if path.is_file())
    for secret in secrets:
        assert secret not in kept
        assert secret.encode() not in files
    assert "$argon2id$" in kept


def test_c_nobody_can_sign_up(house):
    form = {"name": "mallory", "password": "correct horse battery", "role": "owner"}
    for path in ("/people", "/persons", "/users", "/signup", "/register", "/accounts"):
        assert house.client().post(API + path, json=form).status_code in {401, 404, 405}
        assert house.signed_in().post(API + path, json=form).status_code in {404, 405}
    assert house.client().post(f"{API}/session", json=form).status_code == 422


# --- (d) filters and sort orders that reach the database

INJECTIONS = [
    "' OR 1=1 --",
    "person.password",
    "person__password__startswith",
    "1; DROP TABLE ledger",
    "%",
    "_",
    "\x00",
    "\\",
]


@pytest.mark.parametrize("value", INJECTIONS)
@pytest.mark.parametrize("name", ["q", "state", "class", "person", "cursor", "limit", "order", "password"])
def test_d_no_filter_reaches_further_than_it_says(house, name, value):
    client = house.signed_in()
    answer = client.get(f"{API}/projects/{house.project}/items", params={name: value})
    assert answer.status_code in {200, 400, 422}
    assert "argon2" not in answer.text
    if name == "q" and value not in {"%", "_"}:
        assert answer.json()["items"] == []
    if name in {"state", "person", "cursor", "limit"}:
        assert answer.status_code in {400, 422}
    assert client.get(f"{API}/projects/{house.project}/items").json()["items"]


# --- (e) paths from archives, items and exports

ELSEWHERE = [
    "querist.db",
    "querist.toml",
    "../querist.db",
    "../../querist.toml",
    "/etc/passwd",
    "..",
    "a/../../querist.db",
    "..%2fquerist.db",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_e_an_item_that_points_elsewhere_finds_nothing(house, path):
    item = house.plant_image(path)
    answer = house.signed_in().get(f"{API}/projects/{house.project}/items/{quote(item, safe='')}/content")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["/querist.db", "/../querist.db", "/..%2fquerist.db", "/assets/../../../querist.toml", "//etc/passwd"]
)
def test_e_pages_lead_nowhere_else(house, path):
    request = house.client().build_request("GET", httpx.URL(house.address).copy_with(raw_path=path.encode()))
    answer = house.client().send(request)
    assert b"SQLite" not in answer.content
    assert b"[project]" not in answer.content
    assert b"root:" not in answer.content


# --- (f) permission for the object, not only for the role


def test_f_an_annotator_sees_nobody_elses_answers(house):
    house = house.fresh()
    admin, anna = house.signed_in(), house.person("Anna")
    task = admin.post(f"{API}/projects/{house.project}/next", json={"n": 1}).json()["tasks"][0]
    form = {"key": str(uuid4()), "item": task["item"], "value": "7"}
    assert admin.post(f"{API}/projects/{house.project}/answers", json=form).status_code == 201
    assert len(admin.get(f"{API}/projects/{house.project}/items/{task['item']}").json()["answers"]) == 1
    seen = anna.get(f"{API}/projects/{house.project}/items/{task['item']}").json()
    assert (seen["answers"], seen["value"]) == ([], None)
    listed = anna.get(f"{API}/projects/{house.project}/items", params={"state": "labelled"}).json()["items"]
    assert listed == []
    assert anna.get(f"{API}/projects/{house.project}/items/{task['item']}/history").status_code == 403
    assert anna.get(f"{API}/projects/{house.project}/export").status_code == 403
    assert anna.get(f"{API}/projects/{house.project}/status").json()["feed"] == []
    assert anna.get(f"{API}/projects/{house.project}").json()["settings"] == {}


def test_f_a_project_that_is_not_there_looks_like_one_that_is_not_yours(house):
    client = house.signed_in()
    for project in (str(uuid4()), "x", "..", "%2e%2e"):
        assert client.get(f"{API}/projects/{project}/status").status_code == 404


def test_f_an_annotator_steers_nothing(house):
    anna = house.person("Anna B")
    key = str(uuid4())
    asked = [
        ("PATCH", "", {"key": key, "name": "mine"}),
        ("POST", "/classes", {"key": key, "operation": "add", "after": ["x"]}),
        ("PUT", "/guidelines", {"key": key, "text": "x", "classes": {}}),
        ("POST", "/commands/stop", {"key": key}),
        ("POST", "/commands/retrain", {"key": key}),
    ]
    for method, path, form in asked:
        answer = anna.request(method, f"{API}/projects/{house.project}{path}", json=form)
        assert answer.status_code == 403, path
        assert answer.json()["choices"] == ["manager", "owner"]


def test_f_a_role_cannot_be_given_to_oneself(house):
    anna = house.person("Anna C")
    anna.put(f"{API}/me/password", json={"old": "", "new": "correct horse battery", "role": "owner"})
    assert anna.get(f"{API}/me").json()["role"] == "annotator"


# --- and what is above single requests


def test_many_wrong_requests_at_once_leave_the_server_well(house):
    def fire():
        with httpx.Client(base_url=house.address) as client:
            for _ in range(20):
                client.post(f"{API}/session", content=b"\xff" * 100, headers={"content-type": "application/json"})
                client.get(f"{API}/projects/{'x' * 3000}/items")

    threads = [threading.Thread(target=fire) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert house.client().get("/health").status_code == 200
