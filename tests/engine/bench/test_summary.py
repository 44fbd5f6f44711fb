"""From cells to figures: areas, pairs, savings, and what failed."""

import json

import numpy as np
import pytest
from scipy import stats

from querist.engine.bench.measured import MEASURED
from querist.engine.bench.summary import Question, mean_interval, summarise

LABELS = [20, 40, 60, 80]


def cell(strategy: str, seed: int, accuracy: list[float], **changes) -> dict:
    points = [
        {
            "labels": labels,
            **dict.fromkeys(MEASURED["proba"].figures, value),
            "recall": [value, value / 2],
            "failed_fits": 0,
            "seconds_model": 0.2,
            "seconds_query": 0.0 if labels == LABELS[0] else 0.1,
        }
        for labels, value in zip(LABELS, accuracy, strict=True)
    ]
    made = {"strategy": strategy, "seed": seed, "status": "finished", "error": None, "points": points}
    return {**made, "reliability": [{"n": 10, "certain": 0.8, "right": value} for value in accuracy[-1:]], **changes}


def bench(gain: list[float]) -> list[dict]:
    base = np.array([0.5, 0.6, 0.7, 0.8])
    cells = []
    for seed in range(6):
        noise = 0.01 * seed
        cells.append(cell("random", seed, (base + noise).tolist()))
        cells.append(cell("margin", seed, (base + noise + np.array(gain) + 0.001 * (seed % 3)).tolist()))
    return cells


def summary_of(cells: list[dict], **question) -> dict:
    found = summarise(cells, classes=["a", "b"], held_out=np.array([30, 10]), question=Question(**question))
    json.dumps(found, allow_nan=False)  # what is written is JSON
    return found


def test_comparison_is_the_paired_t_interval_of_areas() -> None:
    found = summary_of(bench([0.0, 0.06, 0.03, 0.0]))
    (first, *_) = found["comparisons"]
    differences = [(0.06 + 0.03) / 3 + 0.001 * (seed % 3) for seed in range(6)]
    expected = stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert (first["strategy"], first["baseline"]) == ("margin", "random")
    assert first["metric"] == "accuracy_area_under_curve"
    assert first["difference"] == pytest.approx(np.mean(differences))
    assert (first["low"], first["high"]) == pytest.approx((expected.low, expected.high))
    assert first["n"] == 6


def test_the_metric_that_was_asked_for_comes_first() -> None:
    metrics = [c["metric"] for c in summary_of(bench([0.1] * 4), metric="macro_f1")["comparisons"]]
    rest = ("accuracy", "balanced_accuracy", "roc_auc", "average_precision")
    assert metrics == ["macro_f1_area_under_curve", *(f"{figure}_area_under_curve" for figure in rest)]


def test_a_seed_that_failed_is_left_out_of_the_pair_and_listed() -> None:
    cells = bench([0.05] * 4)
    broken = next(c for c in cells if c["strategy"] == "margin" and c["seed"] == 2)
    broken.update(status="failed", error="ModelFailure: singular", points=[], reliability=[])
    found = summary_of(cells)
    assert found["comparisons"][0]["n"] == 5
    assert found["failures"] == [{"strategy": "margin", "seed": 2, "error": "ModelFailure: singular"}]
    by_name = {s["strategy"]: s for s in found["strategies"]}
    assert (by_name["margin"]["seeds"], by_name["margin"]["failed"]) == (5, 1)
    assert by_name["random"]["seeds"] == 6


def test_labels_saved_at_the_baselines_last_value() -> None:
    # Margin is one batch ahead everywhere: it reaches random's last accuracy at 60 instead of 80 labels.
    by_name = {s["strategy"]: s for s in summary_of(bench([0.1] * 4), price=2.0)["strategies"]}
    saving = by_name["margin"]["labels_saved"]
    assert saving["needed_by_baseline"] == 80
    assert saving["saved"] == pytest.approx(20, abs=0.5)
    assert saving["low"] <= saving["saved"] <= saving["high"]
    assert by_name["margin"]["cost_saved"]["saved"] == pytest.approx(2 * saving["saved"])
    assert by_name["random"]["labels_saved"]["saved"] == 0


def test_a_target_that_the_baseline_never_reaches_has_no_saving() -> None:
    by_name = {s["strategy"]: s for s in summary_of(bench([0.1] * 4), target=0.9)["strategies"]}
    saving = by_name["margin"]["labels_saved"]
    assert saving["needed_by_baseline"] is None
    assert saving["needed"] == pytest.approx(75, abs=1)
    assert "saved" not in saving


def test_one_seed_gives_differences_without_intervals() -> None:
    found = summary_of([c for c in bench([0.1] * 4) if c["seed"] == 0])
    first = found["comparisons"][0]
    assert first["difference"] == pytest.approx(0.1)
    assert (first["low"], first["high"], first["n"]) == (None, None, 1)


def test_few_seeds_give_a_saving_without_an_interval() -> None:
    found = summary_of([c for c in bench([0.1] * 4) if c["seed"] < 3])
    saving = next(s for s in found["strategies"] if s["strategy"] == "margin")["labels_saved"]
    assert saving["saved"] is not None
    assert (saving["low"], saving["high"]) == (None, None)


def test_without_a_baseline_nothing_is_compared() -> None:
    found = summary_of([c for c in bench([0.1] * 4) if c["strategy"] == "margin"])
    assert (found["baseline"], found["comparisons"]) == (None, [])


def test_when_everything_failed_there_is_still_a_summary() -> None:
    failed = [{**c, "status": "failed", "error": "x", "points": [], "reliability": []} for c in bench([0.0] * 4)]
    found = summary_of(failed)
    assert (found["strategies"], len(found["failures"])) == ([], 12)


def test_curves_stop_where_the_shortest_cell_does() -> None:
    cells = bench([0.1] * 4)
    cells[0]["points"] = cells[0]["points"][:3]
    assert summary_of(cells)["curves"]["margin"]["labels"] == [20, 40, 60]


def test_thirds_are_where_the_gain_is() -> None:
    margin = next(s for s in summary_of(bench([0.0, 0.0, 0.0, 0.2]))["strategies"] if s["strategy"] == "margin")
    first, middle, last = (third["difference"] for third in margin["against"]["thirds"])
    assert abs(first) < 0.002
    assert abs(middle) < 0.002
    assert last > 0.09


def test_reliability_pools_seeds_by_their_counts() -> None:
    cells = [cell("random", seed, [0.5, 0.5, 0.5, value]) for seed, value in enumerate([0.6, 0.8])]
    cells[1]["reliability"][0]["n"] = 30
    (point,) = summary_of(cells)["strategies"][0]["reliability"]
    assert (point["n"], point["right"]) == (40, pytest.approx((10 * 0.6 + 30 * 0.8) / 40))


def test_mean_interval_is_students() -> None:
    values = np.array([0.61, 0.64, 0.6, 0.7])
    expected = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    found = mean_interval(values)
    assert (found["low"], found["high"]) == pytest.approx(expected)
