"""Every route says which role it takes, the documents say the same, and the server holds to it."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi.routing import APIRoute

from querist.server import openapi
from querist.server.access import ROLES, Allowed, InProject, at_least
from querist.server.app import ROUTERS, service
from querist.server.contents import API

ROOT = Path(__file__).parents[2]
OPEN = {("POST", "/session"), ("POST", "/people/invitation"), ("POST", "/people/join")} | {
    ("GET", f"/oidc{step}") for step in ("", "/start", "/callback")
}


def routes():
    """Every (method, path, least role, guard) under /api/v1; None where nobody has to sign in."""
    for route in (route for router in ROUTERS for route in router.routes):
        assert isinstance(route, APIRoute)
        guards = [inner.call for inner in route.dependant.dependencies if isinstance(inner.call, Allowed)]
        assert len(guards) <= 1
        for method in route.methods:
            yield method, route.path_format, guards[0].least if guards else None, guards[0] if guards else None


def test_there_are_no_other_routes():
    described = service().openapi()["paths"]
    found = {(method.upper(), path) for path, methods in described.items() for method in methods}
    assert found == {(method, API + path) for method, path, _, _ in routes()} | {("GET", "/health")}


def test_every_route_but_signing_in_and_health_takes_a_role():
    assert {(method, path) for method, path, least, _ in routes() if least is None} == OPEN


def test_every_route_of_a_project_looks_the_project_up_for_the_person():
    inside = [(path, guard) for _, path, _, guard in routes() if path.startswith("/projects/{project}")]
    assert len(inside) > 20
    assert all(isinstance(guard, InProject) for _, guard in inside)


def test_changing_a_project_takes_more_than_labelling_in_it():
    labelling = re.compile(r"/projects/\{project\}/(next|leases/.*|answers.*|items/.*/\w+|questions/.*)$")
    for method, path, least, _ in routes():
        if method not in {"GET"} and path.startswith("/projects") and not labelling.match(path):
            assert at_least(least, "manager"), (method, path)


def test_the_table_of_the_documents_is_the_table_of_the_code():
    text = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `([A-Z]+) (\S+)` \| (\w+) \|", text, re.MULTILINE))
    served = {(method, path, least or "none") for method, path, least, _ in routes()} | {("GET", "/health", "none")}
    assert documented == served


def test_roles_grow():
    assert ROLES == ("member", "annotator", "reviewer", "manager", "owner")
    assert [at_least("reviewer", role) for role in ROLES] == [True, True, True, False, False]
    assert not at_least("stranger", "annotator")


def test_the_description_that_the_web_app_is_built_from_is_current():
    kept = (ROOT / "ui" / "openapi.json").read_text(encoding="utf-8")
    assert kept == openapi.text(), "run `python -m querist.server.openapi ui/openapi.json`"


def test_the_description_names_the_refusals_and_the_live_events():
    description = service().openapi()
    submit = description["paths"][f"{API}/projects/{{project}}/answers"]["post"]["responses"]
    assert {"200", "201", "401", "403", "404", "409", "413", "422", "429"} <= set(submit)
    assert "LiveEvent" in description["components"]["schemas"]
