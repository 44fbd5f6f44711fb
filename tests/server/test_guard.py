from __future__ import annotations

import socket

import httpx
import pytest
from fastapi import FastAPI, Request

from querist.server import problems
from querist.server.guard import CONTENT_SECURITY_POLICY, Guard


@pytest.fixture(scope="module")
def client(run_app):
    app = FastAPI()
    problems.install(app)

    @app.post("/echo")
    async def echo(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @app.post("/upload")
    async def upload(request: Request) -> dict[str, int]:
        return {"bytes": sum([len(part) async for part in request.stream()])}

    @app.get("/page")
    def page() -> dict[str, str]:
        return {"a": "b"}

    app.add_middleware(
        Guard,
        hosts=["127.0.0.1", "label.example.org"],
        body_limit=1000,
        upload_limit=5000,
        is_upload=lambda path: path == "/upload",
    )
    return run_app(app)


def test_every_answer_carries_the_headers_refusals_included(client):
    for response in (client.get("/page"), client.get("/nowhere"), client.post("/echo", content=b"x" * 2000)):
        assert response.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere():
    directives = dict(part.split(" ", 1) for part in CONTENT_SECURITY_POLICY.split("; "))
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "label.example.org.evil", ""])
def test_a_name_that_only_resolves_here_is_refused(client, host):
    response = client.get("/page", headers={"host": host})
    assert response.status_code == 400
    assert response.json()["field"] == "host"
    assert "label.example.org" in response.json()["choices"]


def test_allowed_hosts_may_carry_any_port(client):
    assert client.get("/page", headers={"host": "label.example.org:8443"}).status_code == 200


def test_changing_requests_of_other_sites_are_refused(client):
    here = str(client.base_url)
    assert client.post("/echo", headers={"origin": here}).status_code == 200
    assert client.post("/echo", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": here.rsplit(":", 1)[0] + ":1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert client.post("/echo", headers=headers).status_code == 403, headers
    assert client.get("/page", headers={"sec-fetch-site": "cross-site"}).status_code == 200


def test_a_body_at_the_limit_passes_whole_and_one_above_is_refused(client):
    assert client.post("/echo", content=b"x" * 1000).json() == {"bytes": 1000}
    response = client.post("/echo", content=b"x" * 1001)
    assert response.status_code == 413
    assert "1,000 bytes" in response.json()["error"]


def test_a_body_that_hides_its_length_is_counted(client):
    assert client.post("/echo", content=(b"x" * 100 for _ in range(10))).json() == {"bytes": 1000}
    assert client.post("/echo", content=(b"x" * 100 for _ in range(11))).status_code == 413


def test_uploads_have_a_limit_of_their_own(client):
    assert client.post("/upload", content=(b"x" * 500 for _ in range(10))).json() == {"bytes": 5000}
    assert client.post("/upload", content=(b"x" * 500 for _ in range(11))).status_code == 413
    assert client.post("/upload", content=b"x" * 5001).status_code == 413


def test_a_client_that_hangs_up_in_mid_body_does_no_harm(client):
    host, port = client.base_url.host, client.base_url.port
    with socket.create_connection((host, port)) as connection:
        connection.sendall(b"POST /echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\nabc")
    assert client.get("/page").status_code == 200


def test_over_tls_browsers_are_told_to_stay_with_it():
    import asyncio

    sent = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    for scheme in ("http", "https"):
        scope = {"type": "http", "method": "GET", "scheme": scheme, "headers": [(b"host", b"a")], "path": "/"}
        asyncio.run(Guard(app)(scope, None, send))
    starts = [httpx.Headers(message["headers"]) for message in sent if message["type"] == "http.response.start"]
    assert "strict-transport-security" not in starts[0]
    assert "max-age=" in starts[1]["strict-transport-security"]
