from __future__ import annotations

import csv
import json
import threading
from io import StringIO
from uuid import uuid4

import pytest

from querist.server.contents import API
from querist.server.schemas.figures import Calibration, Classes, Curves, Rounds, Slices, Timing
from querist.server.schemas.projects import Guidelines, Project
from querist.server.schemas.status import LiveEvent, Status

PAGES = {
    "status": Status,
    "curves": Curves,
    "rounds": Rounds,
    "classes": Classes,
    "calibration": Calibration,
    "slices": Slices,
    "timing": Timing,
    "guidelines": Guidelines,
    "": Project,
}


@pytest.fixture
def house(house):
    """A project of its own for each test."""
    return house.fresh()


@pytest.fixture
def client(house):
    return house.signed_in()


def at(house, path=""):
    return f"{API}/projects/{house.project}" + (f"/{path}" if path else "")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_reads_before_the_first_answer_and_after_some(client, house, path):
    assert client.get(at(house, path)).status_code == 200
    house.label(client, 3)
    answer = client.get(at(house, path))
    assert answer.status_code == 200
    PAGES[path].model_validate(answer.json())


def test_the_first_hour_in_figures(client, house):
    """Labels until models are trained: the counts add up, and curves come with their intervals."""
    house.work()
    house.label(client, 30)
    house.work()
    house.label(client, 30)
    house.work()
    status = client.get(at(house, "status")).json()
    assert status["now"]["counts"]["answers"] == 60
    assert status["now"]["model"]["number"] >= 1
    assert sum(share["answers"] for share in status["lanes"]) == 60
    curves = client.get(at(house, "curves")).json()
    assert curves["evaluation"] >= 10
    assert curves["active"]["points"]
    for curve in ("active", "random"):
        for point in curves[curve]["points"]:
            assert point["low"] <= point["value"] <= point["high"]
    assert curves["comparison"]["state"] == "missing"
    assert curves["comparison"]["missing"] > 0
    rounds = client.get(at(house, "rounds")).json()["rounds"]
    assert [row["round"] for row in rounds] == sorted((row["round"] for row in rounds), reverse=True)
    assert client.get(at(house, "timing")).json()["n"] == 60


def test_people_are_shown_by_name_and_kept_by_pseudonym(client, house):
    anna = house.person("Anna")
    house.label(anna, 1)
    assert client.get(at(house, "status")).json()["feed"][0]["sentence"].startswith("Anna ")
    assert next(house.open().store.events(kinds=["answer_submitted"])).actor == anna.get(f"{API}/me").json()["id"]


def test_the_projects_are_listed(client, house):
    rows = client.get(f"{API}/projects").json()["projects"]
    assert [row["id"] for row in rows] == [house.project]


def test_settings_change_and_stay(client, house):
    change = {"key": str(uuid4()), "name": "Numbers", "question": "Which digit?", "budget": 300, "target": 0.9}
    changed = client.patch(at(house), json={**change, "cost_per_label": 0.5, "currency": "EUR"})
    assert changed.status_code == 200, changed.text
    assert house.open().spec.project.name == "Numbers"
    project = client.get(at(house)).json()
    assert (project["name"], project["question"], project["budget"], project["target"]) == (
        "Numbers",
        "Which digit?",
        300,
        0.9,
    )
    assert (project["cost"]["per_label"], project["cost"]["currency"]) == (0.5, "EUR")
    gone = client.patch(at(house), json={"key": str(uuid4()), "target": 0}).json()
    assert (gone["target"], gone["budget"]) == (None, 300)


def test_a_wrong_setting_is_named_with_the_choices(client, house):
    answer = client.patch(at(house), json={"key": str(uuid4()), "strategy": "margn"})
    assert answer.status_code == 422
    assert "margin" in answer.json()["choices"]
    assert client.patch(at(house), json={"key": str(uuid4()), "currency": "euro"}).json()["field"] == "currency"


def test_a_class_is_renamed_everywhere(client, house):
    house.label(client, 3)
    form = {"key": str(uuid4()), "operation": "rename", "before": ["1"], "after": ["one"]}
    assert "one" in client.post(at(house, "classes"), json=form).json()["classes"]
    assert client.post(at(house, "classes"), json=form).status_code == 200
    unknown = client.post(at(house, "classes"), json={**form, "key": str(uuid4())})
    assert (unknown.status_code, unknown.json()["field"]) == (422, "before")


def test_guidelines_have_versions(client, house):
    form = {"key": str(uuid4()), "text": "Look twice.", "classes": {"1": {"definition": "A stroke"}}}
    assert client.put(at(house, "guidelines"), json=form).json()["version"] == 1
    assert client.put(at(house, "guidelines"), json=form).json()["version"] == 1
    told = client.get(at(house, "guidelines")).json()
    assert (told["text"], told["classes"]["1"]["definition"]) == ("Look twice.", "A stroke")
    unknown = client.put(at(house, "guidelines"), json={**form, "key": str(uuid4()), "classes": {"eleven": {}}})
    assert unknown.status_code == 422
    assert "1" in unknown.json()["choices"]


def test_stopping_and_going_on_are_events(client, house):
    stop = {"key": str(uuid4()), "reason": "good enough"}
    assert client.post(at(house, "commands/stop"), json=stop).json()["sentence"]
    assert client.get(at(house, "status")).json()["stopped"] is not None
    first = client.post(at(house, "commands/stop"), json=stop).json()["seq"]
    assert first == client.post(at(house, "commands/stop"), json=stop).json()["seq"]
    assert client.post(at(house, "commands/resume"), json={"key": str(uuid4())}).status_code == 200
    assert client.get(at(house, "status")).json()["stopped"] is None
    assert client.post(at(house, "commands/explode"), json={"key": str(uuid4())}).status_code == 422


def test_all_labels_can_be_exported_at_any_moment(client, house):
    house.label(client, 4)
    answer = client.get(at(house, "export"))
    assert answer.headers["content-type"].startswith("text/csv")
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert len(rows) == 4
    assert {"item", "label", "lane", "round"} <= set(rows[0])
    lines = client.get(at(house, "export"), params={"format": "jsonl"}).text.splitlines()
    assert len([json.loads(line) for line in lines]) == 4
    assert client.get(at(house, "export"), params={"format": "pickle"}).status_code == 422
    refused = client.get(at(house, "export"), params={"format": "coco"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "format"
    assert client.get(at(house)).json()["formats"] == ["csv", "jsonl", "parquet"]


def test_the_stream_tells_of_an_answer(client, house):
    heard = []

    def listen():
        with client.stream("GET", at(house, "events"), timeout=20) as stream:
            for line in stream.iter_lines():
                if line.startswith("data: "):
                    heard.append(json.loads(line.removeprefix("data: ")))
                    LiveEvent.model_validate(heard[-1])
                    if "status" in heard[-1]["changed"]:
                        return

    listener = threading.Thread(target=listen)
    listener.start()
    labeller = house.signed_in()
    house.label(labeller, 1)
    listener.join(timeout=20)
    assert heard[-1]["now"]["seq"] > 0
    assert "status" in heard[-1]["changed"]


def test_a_stream_goes_on_from_the_last_event(client, house):
    house.label(client, 2)
    with client.stream("GET", at(house, "events"), headers={"Last-Event-ID": "1"}) as stream:
        data = next(line for line in stream.iter_lines() if line.startswith("data: "))
    assert "status" in json.loads(data.removeprefix("data: "))["changed"]
    assert client.get(at(house, "events"), headers={"Last-Event-ID": "x"}).status_code == 422


@pytest.mark.parametrize("field", ["cost_per_label", "seconds_per_label", "target", "budget"])
@pytest.mark.parametrize("number", ["1e999", "NaN", "-1e999"])
def test_a_number_that_is_none_is_refused(client, house, field, number):
    body = f'{{"key": "{uuid4()}", "{field}": {number}}}'
    answer = client.patch(at(house), content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["field"] == field


def test_a_filter_is_set_and_taken_away_and_a_senseless_one_is_refused(client, house):
    wanted = {"column": "cluster", "is": ["1"]}
    changed = client.patch(at(house), json={"key": str(uuid4()), "where": [wanted]})
    assert changed.status_code == 200
    assert client.get(at(house, "slices")).json()["where"] == [
        {"at_least": None, "at_most": None, "is": None, "not": None} | wanted
    ]
    assert client.patch(at(house), json={"key": str(uuid4()), "where": []}).status_code == 200
    assert client.get(at(house, "slices")).json()["where"] == []
    for senseless in (
        {"column": "colour", "is": ["red"]},
        {"column": "cluster"},
        {"column": "cluster", "over": 3},
        {"is": ["1"]},
    ):
        refused = client.patch(at(house), json={"key": str(uuid4()), "where": [senseless]})
        assert refused.status_code in (400, 422)
