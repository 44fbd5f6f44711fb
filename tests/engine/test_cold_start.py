"""Before the model knows anything: what covers the pool, and when and why it hands over."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB
from typer.testing import CliRunner

from querist.cli import app
from querist.engine import create
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
from querist.engine.commands import next_items
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.errors import BadValue, UnknownName
from querist.events import BatchSelected
from querist.models import learner

CLASSES = ["a", "b"]
QUICK = {
    "loop": {"batch": 10, "retrain_every": {"least": 10, "share": 0.0}, "seed_set": {"least": 20, "per_class": 5}},
    "lanes": {"evaluation": 0.0, "control": 0.0, "control_after": 0.0, "reserve": 0},
    "stop": {"any": []},
}


def batches(made: Project) -> list[BatchSelected]:
    return [e.event for e in made.store.events(kinds=["batch_selected"]) if isinstance(e.event, BatchSelected)]


def regimes(*, signal: float, labels: int) -> list[BatchSelected]:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 500)
    rows = rng.normal(size=(500, 4)) + signal * target[:, None]
    made = begin(rows, CLASSES, strategy="margin", learner=learner(GaussianNB()), seed=1, **QUICK)
    rehearse(made, truth_of(target, CLASSES), labels=labels, chunk=10)
    return batches(made)


def test_the_model_takes_over_when_its_skill_is_above_the_majority_and_the_ledger_holds_the_evidence() -> None:
    found = regimes(signal=2.0, labels=60)
    assert found[0].evidence["in_force"] == "coverage"
    learning = [batch for batch in found if batch.evidence["in_force"] == "learning"]
    assert learning
    assert learning[0].evidence["skill"]["low"] > 0
    assert learning[0].evidence["labelled"] >= 20


def test_a_model_without_skill_waits_until_the_seed_set_is_there_three_times_over() -> None:
    found = regimes(signal=0.0, labels=90)
    doubted = [batch for batch in found if "which may be nothing" in batch.evidence["reason"]]
    assert doubted
    assert all(batch.strategy["name"] != "margin" for batch in doubted)
    assert found[-1].strategy["name"] == "margin"
    assert found[-1].evidence["labelled"] >= 60


@pytest.mark.parametrize("by", ["max_herding", "typiclust", "kmeans", "k_center", "random"])
def test_the_seed_set_covers_as_asked(by: str) -> None:
    rng = np.random.default_rng(0)
    loop = {**QUICK["loop"], "seed_set": {"least": 20, "per_class": 5, "by": by}}
    made = begin(rng.normal(size=(200, 4)), CLASSES, strategy="auto", seed=1, **{**QUICK, "loop": loop})
    run_until_waiting(made)
    assert batches(made)[0].strategy["name"] == by


def test_strata_get_equal_shares_of_the_seed_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = ["x,y,source"]
    lines += [f"{rng.normal():.4f},{rng.normal():.4f},{'rare' if row % 10 == 0 else 'often'}" for row in range(300)]
    (tmp_path / "d.csv").write_text("\n".join(lines))
    loop = {"batch": 20, "mode": "batch", "seed_set": {"least": 20, "per_class": 5, "stratify": "source"}}
    settings = {**QUICK, "loop": loop}
    create.init(tmp_path / "p", data=str(tmp_path / "d.csv"), classes=CLASSES, settings=settings)
    made = Project.open(tmp_path / "p")
    run_until_waiting(made)
    contents = made.store.contents(batches(made)[0].items)
    seen = Counter(content.value["fields"]["source"] for content in contents if content is not None)
    assert seen == {"rare": 10, "often": 10}


def test_misuse_names_thing_and_choices(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="by"):
        begin(np.ones((5, 2)), CLASSES, loop={"seed_set": {"by": "herding"}})
    (tmp_path / "d.csv").write_text("x,source\n1,a\n2,b\n")
    settings = {**QUICK, "loop": {"seed_set": {"stratify": "sorce"}}}
    create.init(tmp_path / "p", data=str(tmp_path / "d.csv"), classes=CLASSES, settings=settings)
    with pytest.raises(UnknownName, match="source"):
        run_until_waiting(Project.open(tmp_path / "p"))


def reviews(path: Path) -> Path:
    """300 texts, every twentieth about fraud; the scores of a zero-shot model that saw that, but for a few."""
    lines = ["body,language,s_fine,s_fraud"]
    for row in range(300):
        fraud = row % 20 == 0
        said = not fraud if row % 100 == 0 else fraud
        word = "stolen" if fraud else "parcel"
        scores = ",".join(("0.2", "0.8") if said else ("0.9", "0.1"))
        lines.append(f"{word} number {row},{'de' if row % 3 else 'en'},{scores if row % 50 != 7 else ','}")
    path.write_text("\n".join(lines))
    return path


def seeds(made: Project) -> Counter[str]:
    run_until_waiting(made)
    contents = made.store.contents(batches(made)[0].items)
    return Counter("fraud" if "stolen" in content.value["text"] else "fine" for content in contents if content)


def test_scores_given_beforehand_bring_rare_classes_into_the_seed_set(tmp_path: Path) -> None:
    data = str(reviews(tmp_path / "d.csv"))
    prior = {"fine": "s_fine", "fraud": "s_fraud"}
    seed_set = {"least": 20, "per_class": 5, "by": "random"}
    found = {}
    for name, more in (("with", {"prior": prior}), ("without", {})):
        settings = {**QUICK, "loop": {"batch": 20, "mode": "batch", "seed_set": {**seed_set, **more}}}
        about = ["s_fine", "s_fraud", "language"]
        create.init(tmp_path / name, data=data, text="body", about=about, classes=["fine", "fraud"], settings=settings)
        found[name] = seeds(Project.open(tmp_path / name))
    # Three strata: what it holds for fraud, for fine, and the six on which it says nothing.
    assert found["with"]["fraud"] >= 6
    assert found["without"]["fraud"] <= 3


def test_what_stands_beside_a_text_is_for_rules_alone(tmp_path: Path) -> None:
    data = reviews(tmp_path / "d.csv")
    data.write_text(data.read_text() + "\nparcel number 1,fr,0.5,0.5\n")
    settings = {**QUICK, "strategy": {"name": "random"}, "rules": {"where": [{"column": "language", "is": ["en"]}]}}
    about = ["language"]
    made = create.init(
        tmp_path / "p", data=str(data), text="body", about=about, classes=["fine", "fraud"], settings=settings
    )
    assert (made.added, made.duplicates) == (300, 1)
    project = Project.open(tmp_path / "p")
    run_until_waiting(project)
    batch = batches(project)[0]
    contents = [content.value for content in project.store.contents(batch.items) if content]
    assert {value["about"]["language"] for value in contents} == {"en"}
    assert batch.evidence["rules"] == {"where language is en": 200}
    tasks = next_items(project, "p_ann", 3, [])["tasks"]
    assert [list(task["content"]["value"]) for task in tasks] == [["text"]] * 3


@pytest.mark.parametrize(
    ("seed_set", "error", "said"),
    [
        ({"prior": {"fine": "s_fine"}}, BadValue, "two classes"),
        ({"prior": {"fine": "s_fine", "frod": "s_fraud"}}, UnknownName, "did you mean 'fraud'"),
        ({"prior": {"fine": "s_fine", "fraud": "s"}}, UnknownName, "s_fraud"),
        ({"prior": {"fine": "s_fine", "fraud": "language"}}, BadValue, "without a number"),
        ({"prior": {"fine": "s_fine", "fraud": "s_fraud"}, "stratify": "language"}, BadValue, "name one"),
    ],
)
def test_a_prior_that_cannot_be_is_refused(tmp_path: Path, seed_set, error, said) -> None:
    data = str(reviews(tmp_path / "d.csv"))
    settings = {**QUICK, "loop": {"seed_set": seed_set}}
    about = ["s_fine", "s_fraud", "language"]

    def begin_and_choose() -> None:
        create.init(tmp_path / "p", data=data, text="body", about=about, classes=["fine", "fraud"], settings=settings)
        run_until_waiting(Project.open(tmp_path / "p"))

    with pytest.raises(error, match=said):
        begin_and_choose()


def test_a_prior_is_named_at_the_command_line(tmp_path: Path) -> None:
    data = str(reviews(tmp_path / "d.csv"))
    given = ["init", str(tmp_path / "p"), "--data", data, "--text", "body", "--labels", "fine,fraud"]
    bad = CliRunner().invoke(app, [*given, "--prior", "fine"])
    assert isinstance(bad.exception, BadValue)
    assert "CLASS=COLUMN" in str(bad.exception)
    done = CliRunner().invoke(app, [*given, "--prior", "fine=s_fine", "--prior", "fraud=s_fraud"])
    assert done.exit_code == 0, done.output
    made = Project.open(tmp_path / "p")
    assert made.spec.pool.about == ("s_fine", "s_fraud")
    assert made.spec.loop.seed_set.prior == {"fine": "s_fine", "fraud": "s_fraud"}
    made.store.close()
