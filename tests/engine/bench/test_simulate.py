"""The bench through its public door, on the real engine."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB

from querist.engine.bench.cells import Cell, run_cell, split
from querist.engine.bench.labelled import load
from querist.engine.bench.simulate import SimulationResult, demo
from querist.engine.bench.simulate import simulate as simulate_anything
from querist.errors import BadValue, Damaged, UnknownName

IRIS = load_iris(return_X_y=True)
SMALL = {
    "strategies": ["margin"],
    "model": "naive_bayes",
    "batch": 10,
    "budget": 40,
    "seed_set": 10,
    "calibrate": False,
}


class Stubborn(GaussianNB):
    """Fails on every training set that holds one certain row."""

    def fit(self, x, y, sample_weight=None):
        if (x == IRIS[0][0]).all(axis=1).any():
            raise RuntimeError("that row again")
        return super().fit(x, y, sample_weight)


def simulate(*data, **settings) -> SimulationResult:
    """A simulation in which nothing failed."""
    result = simulate_anything(*data, **settings)
    assert result.summary["failures"] == []
    return result


def without_times(cells) -> list[dict]:
    kept = []
    for cell in cells:
        points = [
            {k: v for k, v in point.items() if not k.startswith(("seconds", "bytes"))} for point in cell["points"]
        ]
        kept.append({**cell, "points": points, "seconds": None})
    return kept


def test_strategies_of_a_seed_share_hold_out_and_first_labels() -> None:
    result = simulate(*IRIS, **SMALL, seeds=3, jobs=1)
    for seed in range(3):
        picks = {cell["strategy"]: cell["picks"] for cell in result.cells if cell["seed"] == seed}
        assert set(picks) == {"margin", "random"}
        assert picks["margin"][:10] == picks["random"][:10]
        assert picks["margin"] != picks["random"]
        first = [cell["points"][0]["accuracy"] for cell in result.cells if cell["seed"] == seed]
        assert first[0] == first[1]


def test_the_budget_counts_the_first_labels_and_nothing_is_asked_twice() -> None:
    result = simulate(*IRIS, **{**SMALL, "budget": 35}, seeds=2, jobs=1)
    for cell in result.cells:
        held = split(IRIS[1], seed=cell["seed"], hold_out=0.3, seed_set=10).hold_out
        assert [point["labels"] for point in cell["points"]] == [10, 20, 30, 35]
        assert len(set(cell["picks"])) == 35
        assert set(cell["picks"]).isdisjoint(held.tolist())
        counts = np.bincount(IRIS[1][cell["picks"]]).tolist()
        assert cell["points"][-1]["labels_per_class"] == counts
        assert sum(cell["points"][-1]["labels_per_class"]) == 35


def test_equal_seeds_give_equal_results_whatever_jobs() -> None:
    settings = {**SMALL, "model": "logistic_regression", "seed_set": 20, "calibrate": True}
    one, two = (simulate(*IRIS, **settings, seeds=1, jobs=jobs) for jobs in (1, 2))
    assert without_times(one.cells) == without_times(two.cells)
    assert one.comparisons == two.comparisons


def test_random_is_another_draw_for_every_seed() -> None:
    result = simulate(*IRIS, **SMALL, seeds=[3, 8], jobs=1)
    a, b = (cell["picks"] for cell in result.cells if cell["strategy"] == "random")
    assert a != b


def test_held_out_rows_cannot_change_what_is_asked() -> None:
    words = ["good fine great", "bad poor awful", "cheap price cost"]
    rng = np.random.default_rng(0)
    y = [int(k) for k in rng.integers(0, 3, 150)]
    texts = [" ".join(rng.choice([*words[k].split(), "the", "a", "of"], 6)) for k in y]
    data = load(texts, y)
    cell = Cell("margin", 0, "logistic_regression", 10, 40, 15, calibrate=False)
    held = split(data.target, seed=0, hold_out=0.3, seed_set=15).hold_out
    changed = [f"unseen{row} {text}" if row in set(held) else text for row, text in enumerate(texts)]
    a, b = run_cell(data, cell), run_cell(load(changed, y), cell)
    assert a["picks"] == b["picks"]
    assert a["points"][-1]["accuracy"] > 0.8


def test_kept_cells_are_not_run_again(tmp_path) -> None:
    first = simulate(*IRIS, **SMALL, seeds=2, jobs=1, out=tmp_path)
    files = sorted((tmp_path / "cells").iterdir())
    assert len(files) == 4
    before = {path: path.stat().st_mtime_ns for path in files}
    files[0].unlink()
    again = simulate(*IRIS, **SMALL, seeds=2, jobs=1, out=tmp_path)
    changed = [path for path in files if path.stat().st_mtime_ns != before[path]]
    assert changed == [files[0]]
    assert without_times(again.cells) == without_times(first.cells)
    more = simulate(*IRIS, **SMALL, seeds=3, jobs=1, out=tmp_path)
    assert len(more.cells) == 6


def test_other_settings_or_data_do_not_reuse_cells(tmp_path) -> None:
    simulate(*IRIS, **SMALL, seeds=1, jobs=1, out=tmp_path)
    simulate(*IRIS, **{**SMALL, "batch": 15}, seeds=1, jobs=1, out=tmp_path)
    simulate(IRIS[0] + 1.0, IRIS[1], **SMALL, seeds=1, jobs=1, out=tmp_path)
    assert len(list((tmp_path / "cells").iterdir())) == 6


def test_a_broken_cell_file_is_named(tmp_path) -> None:
    simulate(*IRIS, **SMALL, seeds=1, jobs=1, out=tmp_path)
    broken = next((tmp_path / "cells").iterdir())
    broken.write_text("{")
    with pytest.raises(Damaged, match=broken.name):
        simulate(*IRIS, **SMALL, seeds=1, jobs=1, out=tmp_path)


@pytest.mark.crash
def test_a_run_that_was_killed_goes_on_where_it_stopped(tmp_path) -> None:
    script = f"""
        from sklearn.datasets import load_iris
        from querist.engine.bench.simulate import simulate
        simulate(*load_iris(return_X_y=True), **{SMALL!r}, seeds=12, jobs=2, out={str(tmp_path)!r})
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    running = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], env=env)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("cells/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("cells/*.json")}
    assert 1 <= len(kept) < 24
    resumed = simulate(*IRIS, **SMALL, seeds=12, jobs=1, out=tmp_path)
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert len(resumed.cells) == 24


def test_a_failing_cell_stays_in_the_tables(tmp_path) -> None:
    x, y = IRIS[0].copy(), IRIS[1]
    x[:4] = np.nan  # in one split these rows measure and cannot be predicted; in another they are asked about
    result = simulate_anything(x, y, **{**SMALL, "model": "logistic_regression"}, seeds=2, jobs=1, out=tmp_path)
    failed = [cell for cell in result.cells if cell["status"] == "failed"]
    assert failed
    assert all(cell["error"] and cell["points"] == [] for cell in failed)
    assert any("NaN" in cell["error"] for cell in failed)
    rows = pq.read_table(tmp_path / "results.parquet").to_pylist()
    assert {(row["strategy"], row["seed"]) for row in rows} == {(c["strategy"], c["seed"]) for c in result.cells}
    assert len(result.summary["failures"]) == len(failed)
    assert "NaN" in (tmp_path / "index.html").read_text()


def test_trainings_that_failed_are_counted() -> None:
    result = simulate(*IRIS, **{**SMALL, "model": Stubborn(), "budget": 90}, seeds=2, jobs=1)
    counts = {s["strategy"]: s["failed_fits"] for s in result.summary["strategies"]}
    held_that_row = {"margin": 0, "random": 0}
    for cell in result.cells:
        sizes = [point["labels"] for point in cell["points"]]
        held_that_row[cell["strategy"]] += sum(0 in cell["picks"][:size] for size in sizes)
    assert counts == held_that_row
    assert sum(counts.values()) > 0


class Hopeless(GaussianNB):
    """Fails on every training set."""

    def fit(self, x, y, sample_weight=None):
        raise RuntimeError("never")


def test_a_run_without_any_model_is_a_failure_and_no_result() -> None:
    result = simulate_anything(*IRIS, **{**SMALL, "model": Hopeless()}, seeds=1, jobs=1)
    assert result.failed_wholly
    assert all("no training succeeded" in cell["error"] and "never" in cell["error"] for cell in result.cells)


def test_a_strategy_that_fails_wholly_is_told_though_the_baseline_ran() -> None:
    result = simulate_anything(*IRIS, **{**SMALL, "strategies": ["mmc"]}, seeds=1, jobs=1)
    assert [found["strategy"] for found in result.summary["strategies"]] == ["random"]
    assert result.failed_wholly
    assert "'mmc' needs the signal 'label_proba'" in result.text()


def test_a_table_that_begins_with_a_failure_has_all_columns() -> None:
    point = {"labels": 10, "accuracy": 0.5}
    cells = [
        {"strategy": "margin", "seed": 0, "status": "failed", "error": "x", "points": []},
        {"strategy": "margin", "seed": 1, "status": "finished", "error": None, "points": [point]},
    ]
    assert SimulationResult({}, tuple(cells)).table().column("accuracy").to_pylist() == [None, 0.5]


def test_a_cell_that_takes_too_long_is_given_up() -> None:
    result = simulate_anything(*IRIS, **SMALL, seeds=1, jobs=1, timeout=0.001)
    assert [failure["error"] for failure in result.summary["failures"]] == ["took longer than 0.001 s"] * 2
    assert result.summary["strategies"] == []


def test_what_is_written(tmp_path) -> None:
    result = simulate(
        *IRIS, **SMALL, seeds=2, jobs=1, out=tmp_path, page=lambda summary: summary["data"]["name"], name="iris"
    )
    assert json.loads((tmp_path / "summary.json").read_text()) == json.loads(json.dumps(result.summary))
    assert (tmp_path / "index.html").read_text() == "iris"
    table = pq.read_table(tmp_path / "results.parquet")
    assert table.num_rows == 2 * 2 * 4
    wanted = {"strategy", "seed", "labels", "accuracy", "macro_f1", "ece", "recall", "seconds_model", "seconds_query"}
    assert wanted <= set(table.column_names)
    for record in result.comparisons:
        assert {"strategy", "baseline", "metric", "difference", "low", "high"} <= set(record)
    assert "hold-out" in result.summary["settings"]["counted"]
    assert not list(tmp_path.glob("**/.*"))


def test_before_two_classes_are_known_the_shares_of_the_labels_are_the_prediction() -> None:
    x = np.vstack([np.zeros((190, 2)), np.ones((10, 2))]) + np.random.default_rng(0).normal(0, 0.1, (200, 2))
    y = [0] * 190 + [1] * 10
    result = simulate(x, y, **{**SMALL, "budget": 30, "seed_set": 2, "batch": 7}, seeds=4, jobs=1)
    points = [point for cell in result.cells for point in cell["points"]]
    assert all(point["has_model"] == (min(point["labels_per_class"]) > 0) for point in points)
    without = [point for point in points if not point["has_model"]]
    assert len(without) >= 4
    assert all(point["accuracy"] == 0.95 for point in without if point["labels_per_class"][0])


def test_names_that_do_not_exist_are_refused_before_anything_runs() -> None:
    with pytest.raises(UnknownName, match="margin"):
        simulate_anything(*IRIS, **{**SMALL, "strategies": ["margn"]})
    with pytest.raises(UnknownName, match="accuracy"):
        simulate_anything(*IRIS, **SMALL, metric="acuracy")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"budget": 120}, "budget"),
        ({"batch": 0}, "batch"),
        ({"seed_set": 40}, "seed_set"),
        ({"hold_out": 1.5}, "hold_out"),
        ({"seeds": 0}, "seeds"),
        ({"price": -1.0}, "price"),
        ({"target_accuracy": 90}, "target_accuracy"),
        ({"jobs": 0}, "jobs"),
    ],
)
def test_settings_that_cannot_work_name_themselves(changed, field) -> None:
    with pytest.raises(BadValue) as caught:
        simulate_anything(*IRIS, **{**SMALL, "seeds": 1, **changed})
    assert caught.value.field == field


def test_rows_and_labels_must_match() -> None:
    with pytest.raises(BadValue, match="149 labels"):
        load(IRIS[0], IRIS[1][:149])
    with pytest.raises(BadValue, match="two classes"):
        load(IRIS[0], [1] * 150)


def test_classes_stand_in_the_order_of_their_numbers() -> None:
    assert load(np.zeros((3, 1)), [10, 2, 1]).classes == ("1", "2", "10")
    assert load(np.zeros((3, 1)), ["b", "a", "b"]).classes == ("a", "b")


def test_the_command_repeats_the_simulation() -> None:
    result = simulate(*IRIS, **SMALL, seeds=2, jobs=1)
    called = result.summary["settings"]["command"]
    assert called.startswith("querist.simulate(x, y, strategies=['margin', 'random'], seeds=2")


def test_the_bar_is_on_standard_error(capfd) -> None:
    simulate(*IRIS, **SMALL, seeds=1, jobs=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "2/2" in err


@pytest.mark.long
def test_the_demo_shows_that_margin_beats_random_on_digits(tmp_path) -> None:
    (first, *_) = demo(tmp_path).comparisons
    assert (first["strategy"], first["n"]) == ("margin", 5)
    assert first["low"] > 0


def test_the_text_names_strategies_failures_and_the_report(tmp_path) -> None:
    text = str(simulate(*IRIS, **SMALL, seeds=2, jobs=1, out=tmp_path))
    assert "margin" in text
    assert "points (" in text
    assert f"report: {tmp_path}/index.html" in text
    failed = simulate_anything(*IRIS, **SMALL, seeds=1, jobs=1, timeout=0.001)
    assert "2 of 2 runs failed: took longer than 0.001 s" in failed.text()


def test_the_digits_can_be_named() -> None:
    data = load("digits")
    assert (len(data), data.classes, data.name) == (1797, tuple("0123456789"), "handwritten digits")


def test_rows_of_a_file_without_a_label_are_left_out_and_counted(tmp_path) -> None:
    lines = [
        "text,label",
        *(f"good {k},yes" for k in range(9)),
        *(f"bad {k},no" for k in range(9)),
        "odd,",
        "good 0,yes",
    ]
    file = tmp_path / "reviews.csv"
    file.write_text("\n".join(lines) + "\n")
    data = load(file, target="label", text="text")
    assert (len(data), data.classes) == (18, ("no", "yes"))
    assert "1 without a label" in data.about["left_out"]
    assert "1 exact duplicates" in data.about["left_out"]


def test_a_column_that_does_not_exist_is_named(tmp_path) -> None:
    file = tmp_path / "reviews.csv"
    file.write_text("text,label\na,yes\nb,no\n")
    with pytest.raises(UnknownName, match="label"):
        load(file, target="labell", text="text")
    with pytest.raises(BadValue, match="target"):
        load(file, text="text")


def test_the_command_for_a_file_is_for_the_shell(tmp_path) -> None:
    file = tmp_path / "my reviews.csv"
    rows = [f"{word} {k},{label}" for k in range(30) for word, label in (("good", "yes"), ("bad", "no"))]
    file.write_text("text,label\n" + "\n".join(rows) + "\n")
    result = simulate(file, target="label", text="text", **SMALL, seeds=1, jobs=1)
    command = result.summary["settings"]["command"]
    assert command.startswith(
        f"querist simulate '{file}' --target label --text text --strategy margin --strategy random"
    )
    assert "--batch 10 --budget 40 --seed-set 10" in command
