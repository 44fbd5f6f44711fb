"""A bench in a file: what it runs, what it keeps, what it says over several data sets."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris, load_wine
from typer.testing import CliRunner

from querist.cli import app
from querist.engine.bench.across import verdict, view
from querist.engine.bench.labelled import load
from querist.engine.bench.plan import Plan, read_plan
from querist.engine.bench.study import run_study
from querist.engine.bench.summary import Question
from querist.errors import BadValue, Damaged, NotFound, UnknownName

FILE = """
name = "Flowers and wine"
strategies = ["margin"]
models = ["naive_bayes"]
seeds = 3
batches = [5]
seed_sets = [10]
rounds = 3
calibrate = false
price = 2.0

[conditions]
label_noise = [0.0, 0.3]

[[data]]
name = "iris"
source = "iris.csv"
target = "kind"

[[data]]
name = "wine"
source = "wine.csv"
target = "kind"
"""


@pytest.fixture
def folder(tmp_path):
    for name, bunch in (("iris", load_iris()), ("wine", load_wine())):
        head = ",".join([*(f"f{i}" for i in range(bunch.data.shape[1])), "kind"])
        rows = [
            ",".join([*map(str, row), f"class {k}"]) for row, k in zip(bunch.data.tolist(), bunch.target, strict=True)
        ]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]))
    (tmp_path / "bench.toml").write_text(FILE)
    return tmp_path


def test_a_bench_from_file_to_report(folder) -> None:
    out = folder / "out"
    done = CliRunner().invoke(app, ["simulate", str(folder / "bench.toml"), "--out", str(out), "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "over 2 data sets" in done.output
    summary = json.loads((out / "summary.json").read_text())
    assert [s["title"] for s in summary["settings"]] == [
        "iris, as they are",
        "iris, 30 % wrong labels",
        "wine, as they are",
        "wine, 30 % wrong labels",
    ]
    assert [(v["words"], len(v["sets"])) for v in summary["views"]] == [("as they are", 2), ("30 % wrong labels", 2)]
    table = pq.read_table(out / "results.parquet")
    assert table.num_rows == 4 * 2 * 3 * 4  # settings, strategies, seeds, points
    assert set(table["conditions"].to_pylist()) == {"", "30 % wrong labels"}
    html = (out / "index.html").read_text()
    for wanted in (
        "Set by set",
        "Every pair" if "Every pair" in html else "Strategies over 2 data sets",
        "Repeat this",
    ):
        assert wanted in html
    kept = {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    assert len(kept) == 24
    again = run_study(folder / "bench.toml", out=out, jobs=1)  # everything was kept: nothing runs
    assert {path.name: path.stat().st_mtime_ns for path in (out / "cells").iterdir()} == kept
    assert again.summary["views"] == summary["views"]


def test_a_bench_of_one_setting_has_the_page_of_a_simulation(folder) -> None:
    plan = {"data": [{"name": "iris", "source": "iris.csv", "target": "kind"}], "seeds": 1, "rounds": 1}
    made = Plan.from_json({**plan, "models": ["naive_bayes"], "calibrate": False})
    study = run_study(made, out=folder / "out", data={"iris": lambda: made.data[0].read(folder)}, jobs=1)
    html = (study.folder / "index.html").read_text()
    for wanted in (
        "What each label bought",
        "Which classes does it find?",
        "Can its certainty be trusted?",
        "Repeat this",
    ):
        assert wanted in html


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (("rounds = 3", "runds = 3"), UnknownName, "rounds"),
        (("seeds = 3", "seeds = []"), BadValue, "seeds"),
        (("batches = [5]", "batches = [0]"), BadValue, "batches"),
        (('name = "wine"', 'name = "iris"'), BadValue, "named twice"),
        (('target = "kind"', 'target = "sort"'), UnknownName, "sort"),
        (("iris.csv", "rose.csv"), NotFound, "rose.csv"),
        (("iris.csv", "$NO_SUCH_VARIABLE/iris.csv"), NotFound, "NO_SUCH_VARIABLE"),
        (('"margin"', '"margn"'), UnknownName, "margin"),
        (("rounds = 3", "rounds = 300"), BadValue, "iris"),
        (("[0.0, 0.3]", "[1.3]"), BadValue, "label_noise"),
        (("[conditions]", "[conditions"), Damaged, "TOML"),
        (("price = 2.0", 'metric = "acuracy"'), BadValue, "metric"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_before_anything_runs(folder, change, error, says) -> None:
    path = folder / "bench.toml"
    path.write_text(FILE.replace(*change, 1))
    with pytest.raises(error, match=says):
        run_study(path, out=folder / "out", jobs=1)
    assert not (folder / "out").exists()


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(NotFound):
        read_plan(tmp_path / "bench.toml")


def test_models_with_settings_are_settings_of_their_own() -> None:
    plan = Plan.from_json(
        {
            "models": ["naive_bayes", {"name": "random_forest", "settings": {"n_estimators": 5}}],
            "batches": [5, 10],
            "data": [{"name": "digits", "source": "digits"}],
        }
    )
    settings = plan.settings()
    assert len(settings) == 4
    assert len({setting.model_name for setting in settings}) == 2
    keys = {plan.cells(setting)[0].key("data") for setting in settings}
    assert len(keys) == 4


def test_every_run_failed_is_exit_code_one(folder) -> None:
    plan = FILE.replace("seeds = 3", "seeds = 1\ntimeout = 0.01")
    (folder / "bench.toml").write_text(plan)
    done = CliRunner().invoke(app, ["simulate", str(folder / "bench.toml"), "--jobs", "1"])
    assert done.exit_code == 1
    assert "took longer than 0.01 s" in done.output


def made(strategy: str, seed: int, values: list[float]) -> dict:
    points = [
        {
            "labels": 10 * (i + 1),
            "recall": [v, v],
            "failed_fits": 0,
            "seconds_model": 0.1,
            "seconds_query": 0.1,
            **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "roc_auc", "average_precision"), v),
            **dict.fromkeys(("macro_precision", "log_loss", "brier", "ece"), v),
        }
        for i, v in enumerate(values)
    ]
    return {"strategy": strategy, "seed": seed, "status": "finished", "error": None, "points": points}


def bench(gains: dict[str, list[float]], seeds: int = 20) -> dict[str, list[dict]]:
    """Sets on which each strategy gains so much on random, with a little noise of its own for each seed."""
    rng = np.random.default_rng(0)
    count = len(next(iter(gains.values())))
    found: dict[str, list[dict]] = {}
    for i in range(count):
        cells = []
        for seed in range(seeds):
            base = np.array([0.5, 0.6, 0.65, 0.7]) + rng.normal(0, 0.02)
            cells.append(made("random", seed, base.tolist()))
            cells += [made(n, seed, (base + g[i] + rng.normal(0, 0.001)).tolist()) for n, g in gains.items()]
        found[f"set {i}"] = cells
    return found


def test_a_view_counts_data_sets_and_never_pools_seeds() -> None:
    found = view(bench({"a": [0.02, 0.04, -0.03], "b": [0.0, 0.0, 0.0]}), Question())
    a = next(s for s in found["strategies"] if s["strategy"] == "a")
    assert a["against"]["whole"]["difference"] == pytest.approx(0.01, abs=0.001)
    assert a["against"]["tally"] == {"wins": 2, "ties": 0, "losses": 1}
    # Three data sets say little, however many seeds each has.
    assert a["against"]["whole"]["low"] < 0 < a["against"]["whole"]["high"]
    assert a["against"]["practical"]["better"] < 0.95
    assert [s["seeds"] for s in found["sets"]] == [20, 20, 20]
    names = [s["strategy"] for s in found["strategies"]]
    i, j = names.index("a"), names.index("random")
    assert (found["beats"][i][j], found["beats"][j][i]) == (2, 1)


def test_a_strategy_that_failed_somewhere_is_left_out_by_name() -> None:
    sets = bench({"a": [0.02, 0.04], "b": [0.0, 0.0]})
    sets["set 1"] = [c for c in sets["set 1"] if c["strategy"] != "b"]
    found = view(sets, Question())
    assert found["left_out"] == ["b"]
    assert [s["strategy"] for s in found["strategies"]] == ["random", "a"]


@pytest.mark.parametrize(
    ("gains", "holds"),
    [
        ({"auto": [0.05, 0.05, 0.05], "a": [0.05, 0.0, 0.05], "b": [0.0, 0.05, 0.0]}, True),
        ({"auto": [0.05, 0.05, -0.01], "a": [0.03, 0.03, 0.03]}, False),  # worse than random on one set
        ({"auto": [0.02, 0.02, 0.02], "a": [0.05, 0.05, 0.05]}, False),  # behind the best single strategy
    ],
)
def test_the_verdict_on_a_policy(gains, holds) -> None:
    judged = verdict(bench(gains), "auto", Question())
    assert judged["holds"] is holds
    assert [r["period"] for r in judged["thirds"]] == ["first", "middle", "last"]


def test_a_verdict_names_who_is_above_a_policy_besides_the_best_and_by_how_much() -> None:
    judged = verdict(bench({"auto": [0.05] * 3, "a": [0.053] * 3, "b": [0.052] * 3}), "auto", Question())
    assert [r["best"] for r in judged["thirds"]] == ["a"] * 3
    assert [r["above"] for r in judged["thirds"]] == [{"b": pytest.approx(0.002, abs=0.0005)}] * 3
    assert judged["holds"] is False


def test_costs_are_read_kept_and_counted() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.raises(BadValue, match="cost"):
        load(x, y, cost=[1.0])
    data = load([{"a": row[0], "b": row[1]} for row in x.tolist()], y, cost=np.arange(150.0))
    assert data.take(10).cost.tolist() == sorted(data.take(10).cost.tolist())
    from querist.engine.bench.cells import Cell, run_cell

    found = run_cell(data, Cell("margin", 0, "naive_bayes", batch=5, budget=20, seed_set=10, calibrate=False))
    assert found["points"][-1]["cost"] == pytest.approx(data.cost[found["picks"]].sum())
