"""Summaries to make pages of: the real fold over made cells."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from querist.engine.bench.measured import MEASURED
from querist.engine.bench.summary import Question, summarise

LABELS = [20, 40, 60, 80, 100]
BASE = np.array([0.5, 0.6, 0.68, 0.74, 0.78])


def made_cell(strategy: str, seed: int, accuracy: np.ndarray, classes: int, recall: np.ndarray | None) -> dict:
    points = []
    for labels, value in zip(LABELS, accuracy.tolist(), strict=True):
        found = np.full(classes, value) if recall is None else value + recall
        figures = {
            name: value if name in ("accuracy", "balanced_accuracy", "macro_f1") else 1 - value
            for name in MEASURED["proba"].figures
        }
        times = {"seconds_model": 0.2, "seconds_query": 0.01, "has_model": True, "failed_fits": 0}
        points.append({"labels": labels, **figures, "recall": found.tolist(), **times})
    bins = [{"n": 20 * k, "certain": k / 10 + 0.05, "right": k / 10} for k in range(10)]
    made = {"strategy": strategy, "seed": seed, "status": "finished", "error": None, "seconds": 1.0, "picks": []}
    return {**made, "points": points, "reliability": bins}


@pytest.fixture
def summary_with() -> Callable[..., Any]:
    """Return a summary in which each strategy gains so much on random at each of five sizes."""

    def build(
        gains: dict[str, list[float]],
        *,
        seeds: int = 8,
        classes: tuple[str, ...] = ("ham", "spam"),
        recall: dict[str, list[float]] | None = None,
        failed: tuple[tuple[str, int], ...] = (),
        noise: float = 0.004,
        **question: Any,
    ) -> dict:
        cells = []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            for name, gain in {"random": [0.0] * 5, **gains}.items():
                scores = np.clip(BASE + gain + rng.normal(0, noise, 5), 0, 1)
                change = None if recall is None else np.array(recall.get(name, [0.0] * len(classes)))
                cell = made_cell(name, seed, scores, len(classes), change)
                if (name, seed) in failed:
                    cell.update(status="failed", error="ModelFailure: <b>singular</b>", points=[], reliability=[])
                cells.append(cell)
        asked = Question(**question)
        found = summarise(cells, classes=classes, held_out=np.full(len(classes), 50), question=asked)
        settings = {
            "strategies": ["random", *gains],
            "seeds": [*range(seeds)],
            "model": "logistic_regression",
            "features": "array",
            "calibrate": True,
            "seed_set": 20,
            "batch": 20,
            "budget": 100,
            "counted": "the hold-out is not counted",
            "metric": asked.metric,
            "target_accuracy": asked.target,
            "price": asked.price,
            "currency": asked.currency,
            "command": "querist simulate x",
        }
        sizes = dict.fromkeys(classes, 100)
        data = {
            "name": "made <data>",
            "rows": 200,
            "pool": 140,
            "hold_out": 60,
            "classes": sizes,
            "fingerprint": "f" * 16,
        }
        counts = {"planned": len(cells), "failed": len(failed), "models": 80, "seconds": 75.0}
        meanings = {"margin": "Ask where the two likeliest classes are closest."}
        more = {"data": data, "settings": settings, "cells": counts, "versions": {"numpy": "2"}, "meanings": meanings}
        return {**found, **more, "made_at": 1_790_000_000, "seconds": 40.0}

    return build
