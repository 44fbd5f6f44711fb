"""How good is the model, by the labels that its strategy drew? Shown where every item had a chance, else refused."""

import numpy as np
import pytest

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.engine.views.overview import status, status_text
from querist.engine.weighted import by_chosen_labels, weighted_share
from querist.events import AnswerSubmitted
from querist.store.protocol import NewEvent


def grown(folder, strategy: str, labels: int) -> Project:
    rng = np.random.default_rng(0)
    rows = ["x,y,truth"]
    for k in range(400):
        side = k % 2
        rows.append(f"{rng.normal() + 1.5 * side:.4f},{rng.normal():.4f},{'ab'[side]}")
    (folder.parent / "rows.csv").write_text("\n".join(rows))
    create.init(
        folder,
        data=str(folder.parent / "rows.csv"),
        columns=["x", "y"],
        classes=["a", "b"],
        settings=create.settings(strategy=strategy, budget=1000),
    )
    project = Project.open(folder)
    while project.state().paid < labels:
        run_until_waiting(project)
        due = project.store.queue()[:20]
        project.store.append_many(
            NewEvent(
                f"k{entry.item}",
                AnswerSubmitted(
                    entry.item, "single_label", "answered", _truth(project, entry), lane=entry.lane, round=entry.round
                ),
                "p_1",
            )
            for entry in due
        )
    return project


def _truth(project: Project, entry) -> str:
    fields = project.store.contents([entry.item])[0].value["fields"]
    return "b" if float(fields["x"]) + np.sin(37 * float(fields["y"])) > 0.75 else "a"


def test_a_strategy_that_draws_is_weighted(tmp_path) -> None:
    project = grown(tmp_path / "p", "power_margin", 260)
    found = by_chosen_labels(project, project.state())
    assert found["state"] == "shown", found["sentence"]
    assert found["estimate"]["low"] <= found["estimate"]["value"] <= found["estimate"]["high"]
    assert found["estimate"]["n"] >= 20
    assert 100 <= found["of"] <= 320
    assert found["sentence"] in status_text(status(project))


def test_a_strategy_that_ranks_is_refused_with_the_reason(tmp_path) -> None:
    project = grown(tmp_path / "p", "margin", 120)
    found = by_chosen_labels(project, project.state())
    assert found["state"] == "refused"
    assert "margin gives items that are not at the top no chance" in found["sentence"]
    assert found["sentence"] in status_text(status(project))


def test_a_project_without_a_model_says_so(tmp_path) -> None:
    project = grown(tmp_path / "p", "power_margin", 0)
    assert "no model has chosen" in by_chosen_labels(project, project.state())["sentence"]


@pytest.mark.long
@pytest.mark.parametrize("share_right", [0.7, 0.9, 0.97])
def test_the_interval_covers_what_the_model_is_right_on(share_right: float) -> None:
    """Draws in proportion to doubt, where doubt tells of errors; 600 pools of 1,500 items, 60 draws each."""
    rng = np.random.default_rng(1)
    covered, values, truths = [], [], []
    for _ in range(600):
        doubt = rng.beta(1, 3, size=1500) + 0.02
        error = rng.random(1500) < (1 - share_right) * doubt / doubt.mean()
        noise = np.log(doubt) + rng.gumbel(size=1500)
        order = np.argsort(-noise)[:60]
        left = doubt.sum() - np.r_[0, np.cumsum(doubt[order])[:-1]]
        found = weighted_share(~error[order], doubt[order] / left, 1500)
        covered.append(found.low <= (~error).mean() <= found.high)
        values.append(found.value)
        truths.append((~error).mean())
    assert np.mean(covered) > 0.93
    assert abs(np.mean(values) - np.mean(truths)) < 0.01
