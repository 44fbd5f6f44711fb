"""What a finished bench says: pure folds from the results of cells to the figures of `summary.json`.

Every interval is over seeds. What compares strategies is paired by seed, since cells of one seed share hold-out, first
labels and model seed; a seed that one of the two did not finish is left out of their comparison.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from querist.engine.bench.measured import MEASURED, Measured
from querist.measure import comparison, curves
from querist.types import Array, Json

LEVEL: Final = 0.95
LEAST_SEEDS_FOR_SAVINGS: Final = 5
"""Below this a bootstrap over seeds is an ornament, and the saving has no interval."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the summary is to answer: which figure, against whom, up to which target, at which price.

    `price` is of one label, or of one unit of cost where the data say what each label costs; `seconds_per_label` is
    people's time.
    """

    metric: str = "accuracy"
    baseline: str = "random"
    target: float | None = None
    price: float | None = None
    currency: str = "USD"
    seconds_per_label: float | None = None


def summarise(
    cells: Sequence[Json],
    *,
    classes: Sequence[str],
    held_out: Sequence[int] | Array,
    question: Question,
    measured: Measured = MEASURED["proba"],
) -> Json:
    """Return strategies, comparisons, curves and failures of a bench.

    Args:
        cells: what became of each cell: strategy, seed, status, error, points, reliability.
        classes: their names, in the order of the recalls; none of numbers.
        held_out: (c,) rows of each class in the hold-out.
        question: what is asked.
        measured: the figures of each point.
    """
    found = tables(cells, measured)
    baseline = found.get(question.baseline)
    strategies = []
    for name, table in found.items():
        record = _strategy(table, classes, np.asarray(held_out), question.metric)
        record["failed"] = sum(cell["strategy"] == name and cell["status"] == "failed" for cell in cells)
        if baseline is not None:
            record |= _savings(table, baseline, question)
            record["against"] = None if table is baseline else _against(table, baseline, classes, question.metric)
        strategies.append(record)
    _correct(strategies)
    return {
        "metric": question.metric,
        "baseline": question.baseline if baseline is not None else None,
        "strategies": strategies,
        "rising": list(measured.rising),
        "comparisons": [] if baseline is None else _comparisons(found, baseline, question.metric),
        "curves": {name: _curve(table) for name, table in found.items()},
        "failures": [
            {"strategy": cell["strategy"], "seed": cell["seed"], "error": cell["error"]}
            for cell in cells
            if cell["status"] == "failed"
        ],
    }


def tables(cells: Sequence[Json], measured: Measured = MEASURED["proba"]) -> dict[str, Table]:
    """Return the finished cells of each strategy as arrays, on the label counts that all of them have."""
    names = dict.fromkeys(cell["strategy"] for cell in cells)
    finished = {name: {c["seed"]: c for c in cells if c["strategy"] == name and c["points"]} for name in names}
    grid = _common_grid([cell for seeds in finished.values() for cell in seeds.values()])
    return {name: Table.of(name, seeds, grid, measured) for name, seeds in finished.items() if seeds}


@dataclass(frozen=True, slots=True)
class Table:
    """The finished cells of one strategy as arrays: figures (seeds, points), recall (seeds, points, classes)."""

    name: str
    seeds: tuple[int, ...]
    labels: Array
    values: Mapping[str, Array]
    recall: Array
    cells: tuple[Json, ...]
    measured: Measured

    @classmethod
    def of(cls, name: str, cells: Mapping[int, Json], grid: Array, measured: Measured) -> Table:
        """Return the table of a strategy's cells, seed → cell."""
        kept = [[p for p in cells[seed]["points"] if p["labels"] in set(grid.tolist())] for seed in sorted(cells)]
        return cls(
            name,
            tuple(sorted(cells)),
            grid,
            {
                figure: np.array([[p.get(figure) for p in points] for points in kept], dtype=float)
                for figure in measured.figures
            },
            np.array([[p["recall"] for p in points] for points in kept], dtype=float),
            tuple(cells[seed] for seed in sorted(cells)),
            measured,
        )

    def rows(self, seeds: Sequence[int]) -> list[int]:
        """Return the places of some seeds."""
        return [self.seeds.index(seed) for seed in seeds]


def _common_grid(cells: Sequence[Json]) -> Array:
    """Label counts at which every finished cell was measured."""
    counts = [{point["labels"] for point in cell["points"]} for cell in cells]
    return np.array(sorted(set.intersection(*counts)) if counts else [], dtype=float)


def _strategy(table: Table, classes: Sequence[str], held_out: Array, metric: str) -> Json:
    middle, rising = int(np.argmin(np.abs(table.labels - table.labels[-1] / 2))), table.measured.rising
    return {
        "strategy": table.name,
        "seeds": len(table.seeds),
        "area": {name: _interval(table, name, _areas(table.labels, table.values[name])) for name in rising},
        "area_by_seed": dict(
            zip(map(str, table.seeds), _areas(table.labels, table.values[metric]).tolist(), strict=True)
        ),
        "thirds": [_interval(table, metric, third) for third in thirds(table, metric).T],
        "middle": {"labels": table.labels[middle], **_at(table, middle)},
        "final": {"labels": table.labels[-1], **_at(table, -1)},
        "recall": [
            {"class": name, "held_out": int(held_out[k]), **mean_interval(table.recall[:, -1, k])}
            for k, name in enumerate(classes)
        ],
        "confusion": _confusion(table),
        "failed_fits": sum(cell["points"][-1]["failed_fits"] for cell in table.cells),
        "reliability": _pooled_bins([cell["reliability"] for cell in table.cells]),
        "seconds": {
            "model": _mean_of(table, "seconds_model"),
            "query": _mean_of(table, "seconds_query", skip_first=True),
        },
        "bytes_query": _largest(table, "bytes_query"),
    }


def thirds(table: Table, metric: str) -> Array:
    """Return (seeds, 3): the mean height of each third of the curve."""
    return np.array([curves.area_thirds(table.labels, row) for row in table.values[metric]])


def _confusion(table: Table) -> list[list[int]]:
    """Counts of the last models of all seeds together; rows are the true classes."""
    counts = [np.array(cell["confusion"]) for cell in table.cells if cell.get("confusion")]
    return np.sum(counts, axis=0).tolist() if counts else []


def _largest(table: Table, name: str) -> int | None:
    values = [point[name] for cell in table.cells for point in cell["points"][1:] if point.get(name) is not None]
    return max(values, default=None)


def _at(table: Table, point: int) -> Json:
    return {figure: _interval(table, figure, values[:, point]) for figure, values in table.values.items()}


def _interval(table: Table, figure: str, values: Array) -> Json:
    return mean_interval(
        values,
        floor=-np.inf if figure in table.measured.signed else 0.0,
        ceiling=np.inf if figure in table.measured.unbounded else 1.0,
    )


def _mean_of(table: Table, name: str, *, skip_first: bool = False) -> float | None:
    values = [point[name] for cell in table.cells for point in cell["points"][skip_first:]]
    return float(np.mean(values)) if values else None


def _areas(labels: Array, values: Array) -> Array:
    return np.array([curves.area(labels, row) for row in values])


def _curve(table: Table) -> Json:
    bands = {figure: [_interval(table, figure, column) for column in found.T] for figure, found in table.values.items()}
    return {
        "labels": table.labels.tolist(),
        **{
            figure: {key: [point[key] for point in band] for key in ("mean", "low", "high")}
            for figure, band in bands.items()
        },
    }


def _comparisons(tables: Mapping[str, Table], baseline: Table, metric: str) -> list[Json]:
    """One record for each strategy and rising figure; the figure that was asked for comes first."""
    return [
        {
            "strategy": table.name,
            "baseline": baseline.name,
            "metric": f"{figure}_area_under_curve",
            **_paired(table, baseline, *(_areas(t.labels, t.values[figure]) for t in (table, baseline))),
            "level": LEVEL,
            "method": "paired t interval over seeds",
        }
        for figure in sorted(baseline.measured.rising, key=lambda figure: figure != metric)
        for table in tables.values()
        if table is not baseline
    ]


def _against(table: Table, baseline: Table, classes: Sequence[str], metric: str) -> Json:
    both = (table, baseline)
    cuts = np.linspace(table.labels[0], table.labels[-1], 4)
    found = [thirds(t, metric) for t in both]
    return {
        "baseline": baseline.name,
        "area": _paired(*both, *(_areas(t.labels, t.values[metric]) for t in both)),
        "thirds": [
            {"from": cuts[i], "to": cuts[i + 1], **_paired(*both, *(third[:, i] for third in found))} for i in range(3)
        ],
        "final": _paired(*both, *(t.values[metric][:, -1] for t in both)),
        "recall": [
            {"class": name, **_paired(*both, *(t.recall[:, -1, k] for t in both))} for k, name in enumerate(classes)
        ],
    }


def _paired(table: Table, baseline: Table, ours: Array, theirs: Array) -> Json:
    """The mean difference over the seeds that both finished, with its t interval; no interval from one seed.

    `ours` and `theirs` hold one figure for each seed of their table; a figure that does not exist is NaN.
    """
    shared = sorted(set(table.seeds) & set(baseline.seeds))
    ours, theirs = ours[table.rows(shared)], theirs[baseline.rows(shared)]
    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[both], theirs[both]
    if len(ours) < 2:
        single = float((ours - theirs)[0]) if len(ours) else None
        return {"difference": single, "low": None, "high": None, "n": len(ours)}
    found = comparison.paired(ours, theirs, strategy=table.name, baseline=baseline.name, level=LEVEL)
    left_out = ("strategy", "baseline", "metric")
    return {
        **{key: value for key, value in found.to_json().items() if key not in left_out},
        "wilcoxon_p_value": comparison.wilcoxon(ours, theirs),
    }


def _correct(strategies: Sequence[Json]) -> None:
    """Add Holm's correction to the areas' p-values: as many claims are made as there are strategies."""
    compared = [s["against"]["area"] for s in strategies if s.get("against") and "p_value" in s["against"]["area"]]
    for name in ("p_value", "wilcoxon_p_value"):
        for record, corrected in zip(compared, comparison.holm([r[name] for r in compared]), strict=True):
            record[f"{name}_holm"] = corrected


def mean_interval(values: Array, *, floor: float = 0.0, ceiling: float = 1.0) -> Json:
    """Return mean and t interval, kept within [floor, ceiling]; no bounds from one value, nothing from none.

    >>> round(mean_interval(np.array([0.6, 0.7, 0.8]))["high"], 3), mean_interval(np.array([0.9, 0.99]))["high"]
    (0.948, 1.0)
    >>> mean_interval(np.array([0.5]))
    {'mean': 0.5, 'low': None, 'high': None}
    """
    from scipy.special import stdtrit

    values = values[np.isfinite(values)]
    if not len(values):
        return {"mean": None, "low": None, "high": None}
    mean = float(values.mean())
    if len(values) == 1:
        return {"mean": mean, "low": None, "high": None}
    half = float(stdtrit(len(values) - 1, (1 + LEVEL) / 2) * values.std(ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": max(mean - half, floor), "high": min(mean + half, ceiling)}


def _savings(table: Table, baseline: Table, question: Question) -> Json:
    """What reaching the same score took: labels, money, people's time, rounds and computing time."""
    saving = _saving(table, baseline, question, table.labels)
    found: Json = {"labels_saved": saving, "to_target": _to_target(table, saving.get("needed"))}
    own_costs = _own_costs(table)
    if own_costs is not None:
        found["units_saved"] = _saving(table, baseline, question, own_costs, _own_costs(baseline))
    if question.price is not None:
        found["cost_saved"] = _money(found.get("units_saved", saving), question.price, question.currency)
    if question.seconds_per_label is not None:
        found["seconds_saved"] = {key: _times(saving.get(key), question.seconds_per_label) for key in _SAVED}
    return found


_SAVED: Final = ("saved", "low", "high")


def _own_costs(table: Table) -> Array | None:
    """(points,) mean cost so far, where the data say what each label costs."""
    grid = set(table.labels.tolist())
    costs = np.array([[p.get("cost", p["labels"]) for p in c["points"] if p["labels"] in grid] for c in table.cells])
    return None if np.array_equal(costs[0], table.labels) else costs.mean(axis=0)


def _to_target(table: Table, labels: float | None) -> Json:
    """Rounds and seconds of computing (training and choosing, mean over seeds) until the score is reached."""
    if labels is None:
        return {"rounds": None, "seconds": None}
    rounds = int(np.searchsorted(table.labels, labels - 1e-9)) + 1
    spent = [sum(p["seconds_model"] + p["seconds_query"] for p in c["points"][:rounds]) for c in table.cells]
    return {"rounds": rounds, "seconds": float(np.mean(spent))}


def _saving(
    table: Table, baseline: Table, question: Question, spent: Array, spent_by_baseline: Array | None = None
) -> Json:
    """Labels (or cost) saved at equal score: the baseline's at the end of the budget, or the target that was set."""
    shared = sorted(set(table.seeds) & set(baseline.seeds))
    if not shared:
        return {"target": question.target, "seeds": 0}
    theirs_spent = spent if spent_by_baseline is None else spent_by_baseline
    ours = table.values[question.metric][table.rows(shared)]
    theirs = baseline.values[question.metric][baseline.rows(shared)]
    if question.target is not None and curves.labels_to(theirs_spent, theirs.mean(axis=0), question.target) is None:
        needed = curves.labels_to(spent, ours.mean(axis=0), question.target)
        return {"target": question.target, "needed": needed, "needed_by_baseline": None, "seeds": len(shared)}
    found = comparison.saving_over_seeds(
        spent, ours, theirs, at=question.target, random_labels=None if spent_by_baseline is None else theirs_spent
    )
    certain = len(shared) >= LEAST_SEEDS_FOR_SAVINGS
    return {
        "target": found.saving.score,
        "needed": found.saving.active_labels if found.saving.reached else None,
        "needed_by_baseline": found.saving.random_labels,
        "saved": found.saving.saved,
        "low": found.low if certain else None,
        "high": found.high if certain else None,
        "reached_share": found.reached,
        "seeds": len(shared),
    }


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _money(saving: Json, price: float, currency: str) -> Json:
    return {
        "price": price,
        "currency": currency,
        **{key: _times(saving.get(key), price) for key in _SAVED},
    }


def _pooled_bins(cells: Sequence[Sequence[Json]]) -> list[Json]:
    """Reliability over all seeds: the same tenth of certainty, weighted by counts; its interval is over seeds."""
    pooled = []
    for same in zip(*cells, strict=True):
        n = sum(b["n"] for b in same)
        if n:
            certain, right = (sum(b["n"] * b[key] for b in same) / n for key in ("certain", "right"))
            spread = mean_interval(np.array([b["right"] for b in same if b["n"]]))
            pooled.append({"n": n, "certain": certain, "right": right, "low": spread["low"], "high": spread["high"]})
    return pooled
