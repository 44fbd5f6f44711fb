"""The report of a live project: from the very beginning, and when there is something to say."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from querist.engine import commands, create
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.pools import read_pool
from querist.report.project import page, views, write_project_report
from tests.report.reader import Reader

ANSWERS = 240


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("digits") / "project"
    create.init(
        home,
        sample="digits",
        settings={
            "loop": {"mode": "batch", "batch": 60, "seed_set": {"least": 60, "per_class": 5}},
            "lanes": {"control": 0.3, "evaluation": 0.45},
            "cost": {"per_label": 0.2, "currency": "EUR"},
            "model": {"name": "naive_bayes"},
        },
    )
    return home


@pytest.fixture
def project(folder: Path) -> Iterator[Project]:
    opened = Project.open(folder)
    yield opened
    opened.store.close()


def answer(project: Project, upto: int) -> None:
    truth = {item.id: item.label for item in read_pool("sample:digits:labelled").read()}
    given = 0
    while given < upto:
        run_until_waiting(project)
        for entry in project.store.queue():
            form = FileAnswer(uuid.uuid4(), entry.item, truth[entry.item])
            commands.submit(project, "p_oracle", form, source="oracle")
            given += 1
    run_until_waiting(project)


def test_a_project_that_has_just_begun_says_what_is_missing(project) -> None:
    html = page(views(project), made_at=1_790_000_000)
    text = " ".join(" ".join(Reader(html).text).split())
    assert "early" in text.lower()
    assert '<svg class="chart"' not in html
    assert "report of 21 September 2026" in text


def test_a_project_that_has_learnt_shows_both_curves(project, tmp_path) -> None:
    answer(project, ANSWERS)
    file = write_project_report(project, tmp_path / "deep" / "report.html")
    html = file.read_text()
    read = Reader(html)
    text = " ".join(" ".join(read.text).split())
    assert read.open == []
    assert "script" not in read.tags
    wide = html[html.index('<svg class="chart"') : html.index("</svg>", html.index('<svg class="chart"'))]
    assert 'class="line s0"' in wide
    assert 'class="line s1"' in wide
    for wanted in ("Is it better than random labelling?", "Why stop, and why not", "Rounds", "€"):
        assert wanted in text
    curves = views(project)["curves"]
    assert curves["comparison"]["sentence"] in text
    assert curves["saved"]["sentence"] in text
