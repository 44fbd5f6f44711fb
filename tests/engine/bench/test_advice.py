"""Will it pay? Reasons on both sides, and a verdict that follows from them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from querist.cli import app
from querist.engine.bench.advice import Facts, Plan, advice_text, weigh
from querist.engine.bench.advising import look, near_copies
from querist.errors import BadValue, NotFound, UnknownName

POOL = Facts(items=20_000, unlabelled=20_000)
SAVED = {"value": 0.5, "low": 0.4, "high": 0.6, "labels": 200, "of": 500}
GOOD = {"skill": 0.3, "low": 0.2, "high": 0.4, "majority": 0.5, "n": 300}


def facts(**more) -> Facts:
    return Facts(**{"items": 20_000, "unlabelled": 20_000, **more})


def said(found, side: str) -> str:
    return " ".join(reason["sentence"] for reason in found[side])


def test_a_measured_saving_that_outweighs_its_proof_is_likely_to_pay() -> None:
    found = weigh(facts(saved=SAVED, skill=GOOD), Plan(labels=1_000, price=0.5, currency="EUR", seconds=60))
    assert found["verdict"] == "likely"
    assert found["estimate"]["labels"] == {"low": 200, "high": 400}
    assert found["estimate"]["money"] == {"low": 100.0, "high": 200.0}
    assert found["estimate"]["hours"]["high"] == pytest.approx(400 / 60 - 4)
    assert "between 100 and 200 EUR saved" in found["sentence"]


def test_without_labels_it_stays_open_and_says_what_would_close_it() -> None:
    found = weigh(POOL, Plan(labels=5_000))
    assert found["verdict"] == "open"
    assert any("150" in sentence for sentence in found["unknown"])
    assert found["estimate"]["money"] is None
    assert "for: nothing that is known" in advice_text(found, "x.csv")


@pytest.mark.parametrize(
    ("known", "plan", "reason"),
    [
        ({"unlabelled": 300}, Plan(labels=300), "tiny"),
        ({"saved": SAVED}, Plan(labels=1_000, seconds=2), "cheap"),
        ({"saved": SAVED}, Plan(labels=1_000, seconds=60, rounds=1), "1 times only"),
        ({"saved": {**SAVED, "low": -0.3, "high": 0.1}}, Plan(labels=1_000), "all that it could save"),
    ],
)
def test_tiny_pools_cheap_labels_slow_answers_and_small_savings_speak_against(known, plan, reason) -> None:
    found = weigh(facts(**known), plan)
    assert found["verdict"] == "unlikely"
    assert reason in said(found, "against")


def test_where_everything_is_labelled_nothing_is_weighed() -> None:
    found = weigh(facts(unlabelled=0, saved=SAVED), Plan(price=2, seconds=10))
    assert found["verdict"] == "unlikely"
    assert found["sentence"].startswith("All 20,000 items have labels already")
    assert [reason["sentence"] for reason in found["against"]] == ["No item without a label is left."]


def test_weak_models_speak_against_and_rare_classes_and_copies_for() -> None:
    weak = facts(skill={**GOOD, "low": -0.05}, calibration={"ece_after": 0.2}, classes={"fine": 290, "fraud": 10})
    found = weigh(weak, Plan(labels=1_000))
    assert "weak" in said(found, "against")
    assert "misjudges" in said(found, "against")
    assert "fraud is rare (3.3%)" in said(found, "for")
    copies = weigh(facts(duplicates=5_000, near_copies=0.3), Plan(labels=1_000))
    assert "20%" in said(copies, "for")
    assert "nearly copies" in said(copies, "for")


@pytest.mark.parametrize("bad", [{"labels": 0}, {"price": -1.0}, {"seconds": float("nan")}, {"rounds": 0}])
def test_a_plan_that_cannot_be_is_refused(bad) -> None:
    with pytest.raises(BadValue):
        Plan(**bad)


def test_near_copies_against_all_pairs() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(700, 6))
    rows[600:] = rows[:100] * 1.5 + 0.001
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    slow = np.mean([i > 0 and bool((unit[:i] @ unit[i] >= 0.98).any()) for i in range(700)])
    assert near_copies(rows) == pytest.approx(slow)


def test_a_file_is_looked_at_and_its_columns_guessed(tmp_path) -> None:
    rng = np.random.default_rng(1)
    lines = ["x,y,label"]
    for k in range(200):
        side = k % 2
        label = ("a", "b")[side] if k < 60 else ""
        lines.append(f"{rng.normal() + 3 * side:.3f},{rng.normal():.3f},{label}")
    lines.append(lines[1])
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(lines))
    found = look(path)
    assert (found.items, found.unlabelled, found.duplicates, found.seeds) == (200, 140, 1, 60)
    assert found.skill["low"] > 0.2
    assert found.saved is None
    ran = CliRunner().invoke(app, ["advise", str(path), "--labels", "50", "--cost-per-label", "2", "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["verdict"] == "open"
    assert told["facts"]["classes"] == {"a": 30, "b": 30}


def test_files_that_cannot_be_read_are_refused(tmp_path) -> None:
    with pytest.raises(NotFound):
        look(tmp_path / "nothing.csv")
    path = tmp_path / "empty.csv"
    path.write_text("text\n")
    with pytest.raises(BadValue):
        look(path)
    path.write_text("text\nhello\n")
    with pytest.raises(UnknownName):
        look(path, text="body")


@pytest.mark.long
def test_labels_that_are_there_are_rehearsed() -> None:
    found = look("sample:digits:labelled")
    assert found.saved is not None
    assert found.saved["low"] > 0
