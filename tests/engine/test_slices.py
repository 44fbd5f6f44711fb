"""Where the model is weak, on the project page: found, counted, and asked for by the filter that stands beside it."""

from pathlib import Path

import numpy as np
import pytest

from querist.engine import create, views
from querist.engine.bench.rehearsal import rehearse
from querist.engine.project import Project
from querist.engine.rules import cluster_of
from querist.engine.run import run_until_waiting
from querist.events import BatchSelected

RNG = np.random.default_rng(4)
N = 500
X = RNG.normal(size=(N, 2))
GERMAN = np.arange(N) % 4 == 0
TARGET = np.where(GERMAN, RNG.integers(0, 2, N), X[:, 0] > 0)
"""Of the German rows nothing can be learnt."""


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Project:
    folder: Path = tmp_path_factory.mktemp("slices")
    rows = [f"{a:.5f},{b:.5f},{'de' if german else 'en'}" for (a, b), german in zip(X, GERMAN, strict=True)]
    (folder / "data.csv").write_text("\n".join(["a,b,language", *rows]))
    settings = {
        "strategy": {"name": "margin"},
        "features": {"method": "columns"},
        "loop": {"batch": 20, "mode": "batch", "retrain_every": {"least": 5, "share": 0.0}},
        "lanes": {"reserve": 200, "evaluation": 0.6, "evaluation_size": 150},
        "stop": {"any": []},
        "model": {"calibrate": "off"},
    }
    create.init(
        folder / "p",
        data=str(folder / "data.csv"),
        columns=["a", "b", "language"],
        classes=["no", "yes"],
        settings=settings,
    )
    project = Project.open(folder / "p")
    names = list(project.pool().items)
    row_of = {f"{a:.5f}": row for row, (a, _) in enumerate(X)}
    contents = project.store.contents(names)
    truth = {
        name: "yes" if TARGET[row_of[f"{float(content.value['fields']['a']):.5f}"]] else "no"
        for name, content in zip(names, contents, strict=True)
        if content is not None
    }
    rehearse(project, truth.__getitem__, labels=240, chunk=20)
    return project


def test_the_slice_that_cannot_be_learnt_is_found_with_its_count_and_interval(made: Project) -> None:
    found = views.slices(made)
    assert found["n"] >= 100
    worst = next(each for each in found["slices"] if each["column"] == "language")
    assert worst["value"] == "de"
    assert worst["below"]
    assert worst["right"]["n"] > 20
    assert worst["right"]["low"] <= worst["right"]["value"] <= worst["right"]["high"] < 0.8
    assert worst["where"] == {"column": "language", "is": ["de"]}
    assert "de" in found["sentence"].lower()


def test_the_confusion_matrix_counts_every_measured_item(made: Project) -> None:
    found = views.slices(made)
    counts = np.array(found["confusion"]["counts"])
    assert counts.sum() == found["n"]
    assert counts.shape == (2, 2)
    right = np.trace(counts) / counts.sum()
    assert right == pytest.approx(views.status(made)["accuracy"]["value"], abs=1e-9)


@pytest.mark.parametrize(
    "where",
    [
        {"column": "language", "is": ["de"]},
        {"column": "cluster", "is": ["2"]},
        {"column": "predicted_class", "is": ["yes"]},
    ],
    ids=lambda where: where["column"],
)
def test_its_filter_asks_for_more_of_it(made: Project, where) -> None:
    made.spec = made.spec.changed(rules={"where": [where]})
    made.state()
    from querist.engine.selection import choose

    state = made.state()
    chosen = choose(made, state, n=12, number=state.round, part=9, pending=[])
    items = [pick.item for pick in chosen.picks if pick.lane == "query"]
    assert items
    rows = made.store.rows(items)
    match where["column"]:
        case "language":
            assert {content.value["fields"]["language"] for content in made.store.contents(items) if content} == {"de"}
        case "cluster":
            assert set(cluster_of(made, state.pool_size)[0][rows].tolist()) == {2}
        case "predicted_class":
            proba = made.model().signals(["proba"], made.features().rows(rows), rng=np.random.default_rng(0))["proba"]
            assert set(proba.argmax(axis=1).tolist()) == {state.classes.index("yes")}


def test_before_the_first_model_it_is_too_early_and_a_filter_on_predictions_says_so(made: Project, tmp_path) -> None:
    source = tmp_path / "data.csv"
    source.write_text("\n".join(["a,b", *(f"{a:.5f},{b:.5f}" for a, b in X)]))
    settings = {"rules": {"where": [{"column": "predicted_class", "is": ["yes"]}]}}
    create.init(tmp_path / "p", data=str(source), columns=["a", "b"], classes=["no", "yes"], settings=settings)
    fresh = Project.open(tmp_path / "p")
    run_until_waiting(fresh)
    assert views.slices(fresh)["sentence"] == "Too early to say where it is weak."
    assert any(isinstance(e.event, BatchSelected) for e in fresh.store.events(kinds=["batch_selected"]))
    said = [e.event.reason for e in fresh.store.events(kinds=["fallback"])]  # type: ignore[attr-defined]
    assert "there is no model yet" in said
