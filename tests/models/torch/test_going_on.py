"""Training further, by a schedule, without forgetting; and learning from unlabelled images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed; `make test-torch` installs it")

from sklearn.datasets import load_digits

from querist import models
from querist.engine import create, offline
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.errors import BadValue
from querist.models.torch.rows import replayed
from querist.pools import read_pool
from querist.types import Array, Features, Item

X, Y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
ALL = Features(X, X)


def fit(rows: Array, *, settings: dict[str, Any], **more: Any) -> Any:
    learner: Any = models.learner("mlp", {"steps": 150, **settings})
    return learner.fit(ALL.rows(rows), Y[rows], classes=10, **more)


def right(model: Any, rows: Array) -> float:
    proba = model.signals({"proba"}, ALL.rows(rows), rng=np.random.default_rng(0))["proba"]
    return float((proba.argmax(axis=1) == Y[rows]).mean())


def test_each_batch_is_half_new_and_half_old() -> None:
    stream = replayed(np.array([90, 91, 92]), np.arange(50), 10, torch.Generator().manual_seed(0))
    for _ in range(20):
        batch = next(stream)
        assert 2 <= (batch >= 90).sum() <= 3
        assert (batch < 50).sum() == 5
    only = replayed(np.array([], dtype=int), np.arange(6), 3, torch.Generator().manual_seed(0))
    assert set(next(only).tolist()) <= set(range(6))


def test_what_was_learnt_is_not_forgotten() -> None:
    first = np.flatnonzero(Y[:600] < 5)[:150]
    second = np.flatnonzero(Y[:600] >= 5)[:60]
    old = fit(first, settings={})
    both = np.concatenate([first, second])
    new = np.arange(len(both)) >= len(first)
    went_on = fit(both, settings={"tune_steps": 60}, start=old, new=new)
    test = np.arange(1000, 1400)
    early, late = test[Y[test] < 5], test[Y[test] >= 5]
    assert right(went_on, early) > right(old, early) - 0.1
    assert right(went_on, late) > 0.6


def test_consistency_is_for_images() -> None:
    free = np.arange(600, 700)
    rows = np.arange(60)
    settings = {"consistency": 1.0, "steps": 20}
    with pytest.raises(BadValue, match="is for images"):
        fit(rows, settings=settings, unlabelled=ALL.rows(free))
    learner: Any = models.learner("small_resnet", {**settings, "validation": 0.0, "certain": 0.5})
    assert learner.beside == {"start", "unlabelled"}
    plain: Any = models.learner("small_resnet", {"steps": 20, "validation": 0.0})
    assert plain.beside == {"start"}
    with_it, without = (
        each.fit(ALL.rows(rows), Y[rows], classes=10, **more)
        for each, more in ((learner, {"unlabelled": ALL.rows(free)}), (plain, {}))
    )
    assert with_it.save()["weights.safetensors"] != without.save()["weights.safetensors"]


@pytest.mark.parametrize("model", ["mlp", "logistic_regression"])
def test_the_schedule_of_a_project(tmp_path: Path, model: str) -> None:
    settings = create.settings(strategy="margin", model=model, batch=30, mode="batch")
    if model == "mlp":
        settings["model"]["settings"] = {"steps": 40, "tune_steps": 10}
    settings["model"]["schedule"] = {"how": "fine_tune", "full_every": 3}
    settings["lanes"] = {"reserve": 0, "evaluation": 0.0, "control": 0.0, "control_after": 0.0}
    folder = tmp_path / "digits"
    create.init(folder, sample="digits", settings=settings, seed=0)
    project = Project.open(folder)
    truth = {item.id: item.label for item in read_pool("sample:digits:labelled").read() if isinstance(item, Item)}
    for _ in range(5):
        asked = offline.ask(project, 30, person="cli")
        form = tmp_path / "form.csv"
        form.write_text("item,label\n" + "".join(f"{one['item']},{truth[one['item']]}\n" for one in asked))
        offline.tell(project, form, person="cli")
    run_until_waiting(project)
    hows = [event.how for event in project.trained()]
    if model == "mlp":
        assert hows[:4] == ["scratch", "fine_tune", "fine_tune", "scratch"]
        first, second, *_ = project.trained()
        assert second.parent == first.model
        assert second.oof_skill == first.oof_skill, "the labels were seen: what it knew of itself stays"
        assert second.calibration in ({}, {**first.calibration, "rows": "of the model before"})
    else:
        assert set(hows) == {"scratch"}
        said = [recorded.event for recorded in project.store.events(kinds=["fallback"])]
        assert any(event.what == "schedule" for event in said)  # type: ignore[attr-defined]
