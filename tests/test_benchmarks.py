"""The published bench: what it promises about its tiers, its kept cells and the sets that nobody tunes on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import keeping, speed, speed_loop
from benchmarks.efficiency import STRATEGIES, tiers
from benchmarks.sets import CORE, MORE, OPENED, UNTOUCHED

from querist.acquire import presets
from querist.registry import has

ROOT = Path(__file__).parent.parent


def test_the_core_has_its_strategies_sets_seeds_and_rounds() -> None:
    core = tiers()["core"]
    assert len(core.strategies) == 12
    assert all(has("policy", name) or presets.strategy(name) for name in STRATEGIES)
    assert len(core.sets) >= 12
    assert core.seeds == 20
    for each in core.sets:
        cells = core.cells(each)
        assert len(cells) == 240
        assert {(cell.budget - cell.seed_set) / cell.batch for cell in cells} == {15}


def test_the_untouched_sets_are_the_four_of_the_committed_page_and_in_no_other_tier() -> None:
    page = (ROOT / "benchmarks" / "untouched.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert [each.name for each in UNTOUCHED] == named
    assert len(named) == 4
    assert not set(named) & {each.name for each in (*CORE, *MORE, *OPENED)}


def test_every_tier_asks_for_random_and_breadth_repeats_nothing_of_the_core() -> None:
    found = tiers()
    assert all("random" in tier.strategies for tier in found.values())
    assert set(found["breadth"].strategies) & set(STRATEGIES) == {"random"}


def test_the_quick_tier_runs_goes_on_and_claims_nothing(tmp_path) -> None:
    kept = tmp_path / "quick.parquet"
    command = [sys.executable, "-m", "benchmarks.efficiency", "--quick", "--jobs", "1", "--kept", str(kept)]
    begun = subprocess.run([*command, "--seeds", "1"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "quick: 6 of 12 cells" in begun
    first = kept.read_bytes()
    whole = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "quick: 12 of 12 cells" in whole
    assert "auto against" in whole
    assert "so nothing is claimed: noise_blob, wine" in whole
    assert all(row["status"] == "finished" for row in keeping.read(kept).values())
    kept.with_name("before.parquet").write_bytes(first)
    assert keeping.join(kept, [kept.with_name("before.parquet")]) == 0
    assert keeping.join(kept.with_name("before.parquet"), [kept]) == 6


def point(labels: int) -> dict:
    figures = {name: 0.5 + labels / 1000 for name in keeping.LISTS if name != "bytes_query"}
    return {"labels": labels, "recall": [0.25, None], "failed_fits": 1, "bytes_query": None, **figures}


@pytest.mark.parametrize("points", [[], [point(20), point(40)]])
def test_a_cell_survives_the_parquet(tmp_path, points) -> None:
    result = {
        "strategy": "margin",
        "seed": 3,
        "status": "finished" if points else "failed",
        "error": None if points else "took longer than 1 s",
        "seconds": 2.5,
        "cell": {"strategy": "margin", "seed": 3},
        "points": points,
        "picks": [5, 1, 7],
        "reliability": [{"n": 4, "certain": 0.9, "right": 0.75}] if points else [],
    }
    path = tmp_path / "kept" / "cells.parquet"
    assert keeping.read(path) == {}
    made = {"version": "1", "commit": "abc", "machine": "m", "finished": 7}
    keeping.write(path, [keeping.row("digits", "key", result, made)])
    (kept,) = keeping.read(path).values()
    assert (kept["set"], kept["machine"], kept["finished"]) == ("digits", "m", 7)
    back = keeping.result(kept)
    for found, expected in zip(back.pop("points"), points, strict=True):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert found[name] == (pytest.approx(value) if isinstance(value, float) else value), name
    assert back == {name: value for name, value in result.items() if name != "points"}


def test_the_speed_table_is_made_of_what_was_kept_row_by_row(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(speed, "KEPT", tmp_path / "speed.json")
    last, first = "igs, 100 picks of n = 10,000, d = 64", "margin, top 100 of n = 1M, c = 10"
    speed.keep("work", [last, "1 s", "3", "1 MB", "none can"], "wall")
    speed.keep("work", [first, "2 s", "3", "1 MB", "none can"], "wall")
    speed.keep("work", [first, "4 s", "3", "1 MB", "none can"], "wall")
    speed.keep("loop", ["digits", "1 s", "5 ms", "99 %", ""], "cpu")
    rows = [line.split(" | ")[0].removeprefix("| ") for line in speed.tables().splitlines() if line.startswith("| ")]
    assert rows == ["work", first, last, "20 rounds of 50, margin", "digits °"]
    assert "2 s" not in speed.tables()


def test_all_loops_begin_with_the_same_labels_and_fit_as_often(monkeypatch) -> None:
    fits = []
    monkeypatch.setattr(speed_loop, "ROUNDS", 3)
    plain = speed_loop.LogisticRegression.fit
    counted = lambda self, x, y: fits.append(len(y)) or plain(self, x, y)  # noqa: E731
    monkeypatch.setattr(speed_loop.LogisticRegression, "fit", counted)
    x, y = speed_loop.pool("digits", 1)
    for loop in (speed_loop.ours, speed_loop.library, speed_loop.hand_written):
        timed = speed_loop.timed(loop, x, y, speed.CLOCKS["cpu"])
        assert 0 < timed.outside < timed.whole
    assert fits == [50, 100, 150] * 3
