from __future__ import annotations

import pytest
from fastapi import FastAPI

from querist.server import pages, problems


@pytest.fixture(scope="module")
def client(run_app, tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("pages")
    (tmp_path / "built" / "assets").mkdir(parents=True)
    (tmp_path / "built" / "index.html").write_text("<!doctype html><title>Querist</title>")
    (tmp_path / "built" / "assets" / "app-1a2b.js").write_text("let a = 1")
    (tmp_path / "built" / "favicon.svg").write_text("<svg/>")
    (tmp_path / "secret.js").write_text("secret")
    app = FastAPI(openapi_url=None)
    problems.install(app)
    pages.install(app, tmp_path / "built")
    return run_app(app)


@pytest.mark.parametrize(
    "path",
    ["/", "/sign-in?token=abc", "/p/123/label", "/p/123", "/p/x/items", "/p/x/items/cat.png", "/p/x/items/a%2Fb.js"],
)
def test_every_address_of_the_app_is_the_one_page(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/html")
    assert response.headers["cache-control"] == "no-cache"


def test_hashed_assets_are_kept_for_ever_and_others_are_checked(client):
    script = client.get("/assets/app-1a2b.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert client.get("/favicon.svg").headers["cache-control"] == "no-cache"


def test_a_missing_asset_is_404_and_never_the_page(client):
    assert client.get("/assets/app-old.js").status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/x", "/health", "/openapi.json"])
def test_addresses_of_the_service_never_give_the_page(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["error"].startswith("no such address")


@pytest.mark.parametrize(
    "path", ["/../secret.js", "/assets/../../secret.js", "/%2e%2e/secret.js", "/assets/..%2f..%2fsecret.js"]
)
def test_nothing_outside_the_built_app_is_served(client, path):
    from httpx import URL

    response = client.send(client.build_request("GET", URL(str(client.base_url)).copy_with(raw_path=path.encode())))
    assert response.status_code == 404
    assert "secret" not in response.text.replace("secret.js", "")


def test_without_a_built_app_it_says_what_to_do(run_app, tmp_path):
    app = FastAPI()
    problems.install(app)
    pages.install(app, tmp_path / "none")
    response = run_app(app).get("/")
    assert response.status_code == 503
    assert "make run" in response.text
