from __future__ import annotations

from typing import Annotated, Literal

import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from querist import errors
from querist.server import problems


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid")
    n: Annotated[int, Field(ge=1)] = 1
    outcome: Literal["answered", "skipped"] = "answered"
    password: Annotated[str, Field(max_length=5)] = ""


def every_error(cls=errors.QueristError):
    yield cls
    for inner in cls.__subclasses__():
        yield from every_error(inner)


@pytest.fixture(scope="module")
def client(run_app):
    app = FastAPI()
    problems.install(app)

    @app.post("/form")
    def form(form: Form, q: Annotated[int, Query(le=5)] = 0) -> int:
        return form.n

    @app.get("/raise/{name}")
    def raise_(name: str) -> None:
        if name == "bug":
            raise ZeroDivisionError("secret detail")
        if name == "unknown":
            raise errors.UnknownName("class", "hma", ["ham", "spam"])
        if name == "long":
            raise errors.BadValue("text", "x" * 10_000, "too long")
        if name == "password":
            raise errors.BadValue("new", "hunter2hunter2", "too common")
        cls = getattr(errors, name, None) or getattr(problems, name)
        raise cls("it is so")

    return run_app(app)


def test_every_error_class_has_a_status(client):
    plain = [
        cls for cls in every_error() if cls.__init__ is errors.QueristError.__init__ and "querist" in cls.__module__
    ]
    plain = [cls for cls in plain if cls.__module__ in {"querist.errors", "querist.server.problems"}]
    assert len(plain) > 10
    for cls in plain:
        response = client.get(f"/raise/{cls.__name__}")
        assert response.json() == {"error": "it is so", "field": None, "value": None, "choices": []}
        assert response.status_code == problems.status_of(cls("it is so"))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("NotSignedIn", 401),
        ("Denied", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("NotReady", 409),
        ("TooLarge", 413),
        ("TooMany", 429),
        ("Busy", 503),
        ("StorageFull", 507),
    ],
)
def test_the_statuses_that_clients_act_upon(client, name, status):
    response = client.get(f"/raise/{name}")
    assert response.status_code == status
    assert ("retry-after" in response.headers) == (status in {429, 503})


def test_an_unknown_name_comes_with_its_choices(client):
    response = client.get("/raise/unknown")
    assert response.status_code == 422
    assert response.json() == {
        "error": "unknown class 'hma'; did you mean 'ham'? have: ham, spam",
        "field": "class",
        "value": "hma",
        "choices": ["ham", "spam"],
    }


def test_a_bug_answers_500_and_tells_nothing_of_its_inside(client):
    response = client.get("/raise/bug")
    assert response.status_code == 500
    assert set(response.json()) == {"error", "field", "value", "choices"}
    assert "secret" not in response.text


def test_long_values_are_cut_and_secrets_are_never_repeated(client):
    assert len(client.get("/raise/long").json()["value"]) <= 201
    assert client.get("/raise/password").json()["value"] is None


@pytest.mark.parametrize(
    ("json", "field", "value"),
    [
        ({"n": 0}, "n", "0"),
        ({"n": "many"}, "n", "many"),
        ({"surplus": 1}, "surplus", "1"),
        ({"n": {"a": 1}}, "n", None),
    ],
)
def test_a_wrong_form_names_the_field_and_its_value(client, json, field, value):
    response = client.post("/form", json=json)
    assert response.status_code == 422
    assert response.json()["field"] == field
    assert response.json()["value"] == value
    assert field in response.json()["error"]


def test_a_wrong_choice_names_the_choices(client):
    assert client.post("/form", json={"outcome": "maybe"}).json()["choices"] == ["answered", "skipped"]


def test_a_wrong_query_is_named_too(client):
    response = client.post("/form?q=9", json={})
    assert (response.status_code, response.json()["field"], response.json()["value"]) == (422, "q", "9")


def test_a_wrong_password_field_does_not_come_back(client):
    response = client.post("/form", json={"password": "hunter2hunter2"})
    assert response.status_code == 422
    assert "hunter2" not in response.text


def test_what_is_no_json_is_400_and_what_is_not_there_is_404_or_405(client):
    broken = client.post("/form", content=b"{", headers={"content-type": "application/json"})
    assert broken.status_code == 400
    assert client.get("/nowhere").status_code == 404
    assert client.get("/nowhere").json()["error"] == "no such address: /nowhere"
    assert client.get("/form").status_code == 405
