"""Before the model knows anything: what covers the pool, and when and why it hands over."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.naive_bayes import GaussianNB

from querist.engine import create
from querist.engine.bench.rehearsal import begin, rehearse, truth_of
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
