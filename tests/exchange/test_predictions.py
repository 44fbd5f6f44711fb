"""The file of predictions."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from querist.errors import BadValue, UnknownName
from querist.exchange.predictions import predictions_file

PROBA = np.array([[0.25, 0.75], [0.5, 0.5], [0.9, 0.1]])


def write(path: Path, proba: np.ndarray = PROBA) -> None:
    with predictions_file(path, ["=ham", "spam"]) as block:
        block(["a", "b"], proba[:2])
        block(["@c"], proba[2:])


def test_csv(tmp_path: Path) -> None:
    write(tmp_path / "out.csv")
    rows = list(csv.reader((tmp_path / "out.csv").read_text().splitlines()))
    assert rows[0] == ["item", "label", "certainty", "proba_=ham", "proba_spam"]
    assert rows[1] == ["a", "spam", "0.75", "0.25", "0.75"]
    assert rows[3] == ["'@c", "'=ham", "0.9", "0.9", "0.1"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_jsonl(tmp_path: Path, dtype: type) -> None:
    write(tmp_path / "out.jsonl", PROBA.astype(dtype))
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[2] == {"item": "@c", "label": "=ham", "certainty": 0.9, "proba_=ham": 0.9, "proba_spam": 0.1}


def test_parquet(tmp_path: Path) -> None:
    write(tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["label"].to_pylist() == ["spam", "=ham", "=ham"]
    assert table["proba_spam"].to_pylist() == [0.75, 0.5, 0.1]


def test_what_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="must be of shape"), predictions_file(tmp_path / "out.csv", ["a"]) as block:
        block(["x"], PROBA)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UnknownName, match="have: csv, jsonl, parquet"), predictions_file(tmp_path / "out.xls", ["a"]):
        pass
