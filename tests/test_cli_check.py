"""`querist check`: the conformance suite on a strategy of one's own, as a person at a terminal runs it."""

import json
import sys

import pytest
from typer.testing import CliRunner

from querist import registry
from querist.cli import app
from querist.errors import NotFound, UnknownName

OWN = '''
import numpy as np
from querist.registry import scorer, selector

@scorer
def second_likeliest(*, proba):
    """Ask where the second likeliest class is likeliest.

    >>> second_likeliest(proba=np.array([[0.6, 0.3, 0.1]]))
    array([0.3])
    """
    return np.sort(proba, axis=1)[:, -2]

@selector
def stuck(*, embed, n, rng):
    """Take the first row, again and again."""
    return np.zeros(n, int)
'''


@pytest.fixture(autouse=True)
def own_package(tmp_path, monkeypatch):
    package = tmp_path / "own_strategies"
    package.mkdir()
    (package / "__init__.py").write_text("from own_strategies.scores import second_likeliest, stuck\n")
    (package / "scores.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    known = {(entry.kind, entry.name): entry for entry in registry.entries()}
    monkeypatch.setattr(registry, "_entries", known)
    yield
    for name in ("own_strategies", "own_strategies.scores"):
        sys.modules.pop(name, None)


def run(*words):
    return CliRunner().invoke(app, ["check", *words])


@pytest.mark.parametrize(
    "name", ["own_strategies.scores.second_likeliest", "own_strategies.second_likeliest", "margin"]
)
def test_a_good_strategy_conforms(name):
    told = run(name)
    assert told.exit_code == 0
    assert told.output == f"{name}: conforms\n"


def test_a_bad_one_is_told_what_is_wrong():
    told = run("own_strategies.scores.stuck")
    assert told.exit_code == 1
    assert "gives distinct rows: " in told.output
    found = json.loads(run("own_strategies.scores.stuck", "--json").output)
    assert {"gives_distinct_rows", "documented"} <= {finding["check"] for finding in found["findings"]}


def test_what_is_not_there_is_named():
    assert isinstance(run("own_strategies.scores.secondlikeliest").exception, UnknownName)
    assert isinstance(run("no_such_package.strategy").exception, NotFound)
    assert isinstance(run("margn").exception, UnknownName)
