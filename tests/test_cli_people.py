"""`querist people` and `querist gold`, as a person at a terminal runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from querist.cli import app
from querist.engine import create
from querist.engine.asking_again import Known, known_answers
from querist.engine.project import Project
from querist.errors import BadValue, Conflict, NotFound, UnknownName
from querist.server.site import Site
from querist.store.team import Team
from querist.store.tokens import Tokens


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cli") / "digits"
    create.init(made, sample="digits", settings=create.settings(sample="digits"))
    return made


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_people_are_invited_listed_changed_signed_out_and_ended(folder: Path) -> None:
    token = run("people", "invite", folder, "--role", "owner").split("token=")[1].split()[0]
    listed = json.loads(run("people", "list", folder, "--json"))
    assert [one["role"] for one in listed["invitations"]] == ["owner"]
    team = Team(Site.open(folder).people)
    olga = team.join(token, name="olga", password="correct horse battery")
    ann = team.people.create_person("ann", role="annotator")
    team.people.create_session(ann.id)
    assert "ann is reviewer" in run("people", "role", folder, "ann", "reviewer")
    assert "0 sessions" in run("people", "sign-out", folder, "ann"), "a change of role signed out already"
    assert team.people.consume_link_token(run("people", "link", folder, "ann").strip().split("token=")[1]).id == ann.id
    secret = run("people", "token", folder, "ann", "nightly", "--scope", "review").strip()
    assert Tokens(team.people).access(secret).scope == "review"
    run("people", "end", folder, "ann")
    assert not team.people.find("ann").active
    with pytest.raises(Conflict, match="only owner"):
        run("people", "end", folder, olga.name)
    with pytest.raises(NotFound, match="nobody"):
        run("people", "role", folder, "nobody", "reviewer")


def test_gold_items_come_from_a_file(folder: Path, tmp_path: Path) -> None:
    project = Project.open(folder)
    names = [str(name) for name in project.pool().items[:20]]
    file = tmp_path / "gold.csv"
    file.write_text("item,label\n" + "".join(f"{name},3\n" for name in names))
    told = run("gold", folder, file)
    assert told.startswith(f"{len(project.state().gold)} gold items")
    assert 10 < len(project.state().gold) < 20
    file.write_text("name,label\nx,3\n")
    with pytest.raises(UnknownName, match="item"):
        run("gold", folder, file)
    file.write_text(f"item,label\n{names[0]},3\n{names[1]},twelve\n")
    with pytest.raises(BadValue, match=r"line 3: .*twelve.*is not a declared class"):
        run("gold", folder, file)
    (tmp_path / "bad.csv").write_text("item,label\nnowhere,3\n")
    with pytest.raises(NotFound):
        run("gold", folder, tmp_path / "bad.csv")
    with pytest.raises(NotFound, match="there is no file"):
        run("gold", folder, tmp_path / "missing.csv")


def test_gold_items_have_reasons_and_come_from_json_lines_too(folder: Path, tmp_path: Path) -> None:
    project = Project.open(folder)
    name = next(name for row, name in enumerate(project.pool().items) if project.pool().u_eval[row] > 0.9)
    file = tmp_path / "gold.jsonl"
    file.write_text(json.dumps({"item": name, "label": "4", "reason": "an open top"}) + "\n")
    assert json.loads(run("gold", folder, file, "--json")) == {"gold": 1, "left_out": []}
    assert known_answers(Project.open(folder))[name] == Known("4", "an open top")
