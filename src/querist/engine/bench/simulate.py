"""Label with known answers: which strategy would have paid on these data, and how sure is that?"""

from __future__ import annotations

import importlib
import json
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from querist import registry
from querist.acquire import presets
from querist.engine.bench.cells import Cell, split
from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import Labelled, load
from querist.engine.bench.measured import MEASURED
from querist.engine.bench.running import run_cells, write_text
from querist.engine.bench.slices import weak_spots
from querist.engine.bench.summary import Question, summarise
from querist.engine.versions import machine, versions
from querist.errors import BadValue, UnknownName
from querist.types import Array, Json, Strategy

Page = Callable[[Json], str]
"""Turns a summary into the HTML of `index.html`."""


@dataclass(frozen=True, slots=True)
class SimulationResult:
    """What a simulation found. `summary` is what `summary.json` holds, `cells` every figure of every seed.

    `folder` is where it was written, if it was.
    """

    summary: Json
    cells: tuple[Json, ...]
    folder: Path | None = None

    def __str__(self) -> str:
        return self.text()

    @property
    def failed_wholly(self) -> bool:
        """Whether a strategy has nothing but failures."""
        finished = {found["strategy"] for found in self.summary["strategies"]}
        return any(failure["strategy"] not in finished for failure in self.summary["failures"])

    @property
    def comparisons(self) -> list[Json]:
        """Each strategy against the baseline: strategy, baseline, metric, difference, low, high."""
        found: list[Json] = self.summary["comparisons"]
        return found

    def text(self) -> str:
        """Return the comparison as a few lines for a terminal."""
        metric, baseline = self.summary["metric"], self.summary["baseline"]
        lines = [f"{metric}: mean over the curve, and at {self.summary['settings']['budget']} labels"]
        for found in sorted(self.summary["strategies"], key=lambda s: -s["area"][metric]["mean"]):
            area, final = (found[key][metric]["mean"] for key in ("area", "final"))
            lines.append(f"  {found['strategy']:<24}{area:8.1%}{final:8.1%}  {_compared(found, baseline)}".rstrip())
        failed = self.summary["cells"]["failed"]
        lines += [f"{failed} of {self.summary['cells']['planned']} runs failed: {self._errors()}"] * (failed > 0)
        lines += [f"report: {self.folder / 'index.html'}"] if self.folder is not None else []
        return "\n".join(lines)

    def _errors(self) -> str:
        return "; ".join(sorted({failure["error"] for failure in self.summary["failures"]}))

    def table(self) -> Any:
        """Return a pyarrow table: one row for each strategy, seed and number of labels; one for a failed cell."""
        import pyarrow as pa

        rows: list[Json] = []
        for cell in self.cells:
            about = {name: cell[name] for name in ("strategy", "seed", "status", "error")}
            rows.extend({**about, **point} for point in cell["points"] or [{}])
        names = dict.fromkeys(name for row in rows for name in row)
        return pa.table({name: [row.get(name) for row in rows] for name in names})

    def write(self, out: str | Path, *, page: Page | None = None) -> Path:
        """Write summary, table, page and pictures into a folder, and return the folder.

        `summary.json`, `results.parquet` with every seed, `index.html`, and the curves as `curves.svg` for a paper.
        """
        import pyarrow.parquet as pq

        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "summary.json", json.dumps(self.summary, indent=2, ensure_ascii=False, allow_nan=False))
        pq.write_table(self.table(), folder / "results.parquet", compression="zstd")
        write_text(folder / "index.html", (page or _own_page())(self.summary))
        for name, picture in _pictures(self.summary).items():
            write_text(folder / f"{name}.svg", picture)
        return folder


def _compared(found: Json, baseline: str | None) -> str:
    against = found.get("against")
    if against is None:
        return "the baseline" if found["strategy"] == baseline else ""
    area, saving = against["area"], found["labels_saved"]
    if area["low"] is None:
        return f"{100 * area['difference']:+.1f} points, no interval from one seed"
    text = f"{100 * area['difference']:+.1f} points ({100 * area['low']:+.1f} to {100 * area['high']:+.1f})"
    if saving.get("low") is None:
        return text
    return f"{text}, {saving['saved']:.0f} labels saved ({saving['low']:.0f} to {saving['high']:.0f})"


# By name, so that the engine stands below the report: whoever calls `write` has asked for both.


def _own_page() -> Page:
    found: Page = importlib.import_module("querist.report.simulation").page
    return found


def _pictures(summary: Json) -> dict[str, str]:
    found: dict[str, str] = importlib.import_module("querist.report.pictures").of_simulation(summary)
    return found


def simulate(
    data: Any,
    y: Sequence[Any] | Array | None = None,
    *,
    target: str | None = None,
    text: str | None = None,
    columns: Sequence[str] = (),
    image: str | None = None,
    cost: Any = None,
    features: str = "auto",
    name: str | None = None,
    strategies: Sequence[str | Strategy] = ("margin",),
    model: Any = None,
    batch: int = 20,
    budget: int = 400,
    seeds: int | Sequence[int] = 5,
    seed_set: int | None = None,
    hold_out: float = 0.3,
    calibrate: bool = True,
    conditions: Conditions | None = None,
    advisers: int = 5,
    baseline: str = "random",
    metric: str | None = None,
    target_accuracy: float | None = None,
    price: float | None = None,
    seconds_per_label: float | None = None,
    currency: str = "USD",
    jobs: int | None = None,
    timeout: float | None = None,
    out: str | Path | None = None,
    progress: bool = False,
    page: Page | None = None,
    task: str = "single_label",
    settings: Mapping[str, Any] | None = None,
    pair: Sequence[str] = (),
) -> SimulationResult:
    """Run strategies × seeds on data whose labels are known, paired, and compare them with random labelling.

    Use it before a project, on similar data, to see which strategy pays; and after one, to see what it saved.

    For each seed all strategies get the same stratified hold-out, the same first labels and the same model seed. The
    features are fitted on the pool part alone. The model is trained from scratch after every batch and measured on the
    hold-out, whose labels are *not* counted in the budget; the first labels are.

    Args:
        data: a file or folder that a pool can read; "digits", which ship with scikit-learn; an array (n, p), dense or
            sparse; a list of texts or of table rows.
        y: (n,) labels, where `data` is an array or a list.
        target: the column of the labels, where `data` is a file.
        text: the column of the text. Without `text`, `columns` or `image` all other columns are used.
        columns: the columns of a table to learn from.
        image: the column of the image paths.
        cost: what labelling each row costs: a column, or (n,) figures where `data` is an array or a list.
        features: how rows become arrays; `auto` chooses by the kind of data.
        name: of the data, in the report.
        strategies: names or `Strategy` values; the baseline is added where it is missing.
        model: a name, or a scikit-learn estimator; None takes the one that projects of this kind of label begin with.
        batch: labels between two trainings.
        budget: labels in all, first labels included.
        seeds: how many (0, 1, …), or which.
        seed_set: first labels, drawn at random; None takes max(20, 5 per class), at most a quarter of the budget.
        hold_out: share of the rows that only measures.
        calibrate: scale the probabilities by a temperature fitted out of fold, as projects do; `auto` learns there how
            often the model errs.
        conditions: wrong answers, rare classes, copies; see `querist.engine.bench.conditions.Conditions`.
        advisers: bootstrapped copies of the model that give their opinion to strategies that need several.
        baseline: what every other strategy is compared with.
        metric: the figure of the headline. One class of several: accuracy (the default), balanced_accuracy, macro_f1,
            roc_auc or average_precision; label sets: macro_f1 (the default), micro_f1, jaccard, or accuracy, the share
            of sets that are right as a whole; numbers: r2 (the default), or accuracy, the share within the tolerance.
        target_accuracy: the value of the metric to reach; None takes the baseline's at the end of the budget.
        price: what a label costs in `currency`, or one unit of `cost`.
        seconds_per_label: people's time for a label.
        currency: three letters.
        jobs: processes; None takes all processors. Results do not depend on it.
        timeout: seconds after which a cell is given up and stays in the tables as failed.
        out: a folder for `summary.json`, `results.parquet`, `index.html` and every finished cell: an interrupted run
            that is started again goes on where it stopped.
        progress: show a bar with the time that remains.
        page: what makes `index.html` of the summary; None takes `querist.report.simulation.page`.
        task: the kind of label: single_label, multi_label, numeric or pairwise; the others' learner is to come.
        settings: of the kind of label; the range of numbers is that of the labels, if nobody says it.
        pair: the two columns that are compared, where the task is pairwise.

    Raises:
        BadValue: a setting that cannot work, such as a budget larger than the pool.
        UnknownName: a column, strategy or metric that does not exist.

    >>> from sklearn.datasets import load_iris
    >>> x, y = load_iris(return_X_y=True)
    >>> result = simulate(x, y, strategies=["margin"], budget=30, batch=10, seed_set=10, seeds=2, jobs=1)
    >>> [(c["strategy"], c["baseline"], c["metric"], c["n"]) for c in result.comparisons][:1]
    [('margin', 'random', 'accuracy_area_under_curve', 2)]
    """
    roles = {"target": target, "text": text, "image": image, "cost": cost if isinstance(cost, str) else None}
    labelled = load(
        data,
        y,
        target=target,
        text=text,
        columns=columns,
        image=image,
        cost=cost,
        task=task,
        settings=settings,
        pair=pair,
        features=features,
        name=name,
    )
    wanted = _with_baseline(strategies, baseline)
    model = labelled.task.model if model is None else model
    metric = metric or MEASURED[labelled.kind.signal].rising[0]
    question = Question(metric, baseline, target_accuracy, price, currency, seconds_per_label)
    first = _seed_set(seed_set, budget, len(labelled.classes))
    check(labelled, question, batch=batch, budget=budget, first=first, hold_out=hold_out)
    switched = conditions or Conditions()
    if labelled.kind.signal != "proba" and set(switched.to_json()) - {"copies"}:
        raise BadValue("conditions", switched.words(), f"are of classes; in {task} there are only copies")
    cell = Cell(wanted[0], 0, model, batch, budget, first, hold_out, calibrate, switched, advisers)
    listed = [*range(seeds)] if isinstance(seeds, int) else list(seeds)
    if not listed:
        raise BadValue("seeds", seeds, "at least one seed is needed")
    cells = [replace(cell, strategy=strategy, seed=seed) for seed in listed for strategy in wanted]
    began = time.perf_counter()
    kept = None if out is None else Path(out) / "cells"
    results = run_cells(labelled, cells, kept=kept, jobs=jobs, timeout=timeout, progress=progress)
    summary = setting_summary(labelled, cell, results, question, listed, wanted)
    summary["seconds"] = time.perf_counter() - began
    said = {"task": task if task != "single_label" else None, "pair": ",".join(pair), "set": dict(settings or {})}
    summary["settings"]["command"] = command(summary, {**roles, "columns": list(columns), **said})
    result = SimulationResult(summary, tuple(results), None if out is None else Path(out))
    if out is not None:
        result.write(out, page=page)
    return result


def _with_baseline(strategies: Sequence[str | Strategy], baseline: str) -> list[str | Strategy]:
    """The strategies without repeats, and the baseline among them: nothing is shown without it."""
    named = {_strategy_name(s): s for s in strategies}
    named.setdefault(baseline, baseline)
    for strategy in named.values():
        if not (isinstance(strategy, str) and registry.has("policy", strategy)):
            presets.strategy(strategy)  # a name that does not exist is refused before anything runs
    return list(named.values())


def _strategy_name(strategy: str | Strategy) -> str:
    return strategy if isinstance(strategy, str) else strategy.name


def meaning(strategy: str) -> str:
    """Return the one line that says what a strategy asks for, from the docstring under its name; else nothing."""
    kinds: tuple[registry.Kind, ...] = ("scorer", "selector", "policy")
    for kind in kinds:
        if registry.has(kind, strategy):
            return registry.find(kind, strategy).summary
    return ""


def _seed_set(seed_set: int | None, budget: int, classes: int) -> int:
    if seed_set is None:
        return max(2, min(max(20, 5 * classes), budget // 4))
    return seed_set


def check(data: Labelled, question: Question, *, batch: int, budget: int, first: int, hold_out: float) -> None:
    """Refuse what cannot run before anything does.

    Raises:
        UnknownName: the metric.
        BadValue: whatever else.
    """
    rising = MEASURED[data.kind.signal].rising
    if question.metric not in rising:
        raise UnknownName("metric", question.metric, rising)
    if not 0 < hold_out < 1:
        raise BadValue("hold_out", hold_out, "must be between 0 and 1")
    if batch < 1:
        raise BadValue("batch", batch, "must be at least 1")
    pool = len(data) - round(len(data) * hold_out)
    if not 1 <= first < budget:
        raise BadValue("seed_set", first, f"must be at least 1 and less than the budget of {budget}")
    if budget > pool:
        raise BadValue("budget", budget, f"{data.name} has {pool} rows to ask about once {hold_out:.0%} are held out")
    if question.target is not None and not 0 < question.target < 1:
        raise BadValue("target_accuracy", question.target, "must be between 0 and 1")
    if question.price is not None and question.price <= 0:
        raise BadValue("price", question.price, "must be more than 0")


def setting_summary(
    data: Labelled, cell: Cell, results: Sequence[Json], question: Question, seeds: list[int], strategies: list[Any]
) -> Json:
    """Return what `summary.json` says of one setting: its figures, its data, its settings, its versions."""
    held = split(data.strata, seed=seeds[0], hold_out=cell.hold_out, seed_set=cell.seed_set).hold_out
    held_out = data.counts(data.target[held])
    model = cell.model if isinstance(cell.model, str) else getattr(cell.model, "name", type(cell.model).__name__)
    settings = {
        **cell.to_json(),
        "strategy": None,
        "strategies": [s if isinstance(s, str) else s.to_json() for s in strategies],
        "model": model,
        "features": data.features,
        "seeds": seeds,
        "metric": question.metric,
        "baseline": question.baseline,
        "target_accuracy": question.target,
        "price": question.price,
        "currency": question.currency,
        "counted": "the budget counts all training labels, the first ones included; the labels of the hold-out are not",
    }
    del settings["strategy"], settings["seed"]
    found = summarise(
        results, classes=data.classes, held_out=held_out, question=question, measured=MEASURED[data.kind.signal]
    )
    return {
        **found,
        "slices": weak_spots(data, results, cell, _best(found, question)),
        "data": {
            "name": data.name,
            "rows": len(data),
            "pool": len(data) - len(held),
            "hold_out": len(held),
            "task": data.task.name,
            "means": data.kind.means,
            "classes": dict(zip(data.classes, data.counts(data.target), strict=True)),
            "fingerprint": data.fingerprint,
            **data.about,
        },
        "settings": settings,
        "meanings": {s: meaning(s) for s in map(_strategy_name, strategies)},
        "versions": {**versions(), "machine": machine()},
        "cells": {
            "planned": len(results),
            "failed": sum(result["status"] == "failed" for result in results),
            "models": sum(point["has_model"] for result in results for point in result["points"]),
            "seconds": sum(result["seconds"] for result in results),
        },
        "made_at": int(time.time()),
    }


def _best(found: Json, question: Question) -> str:
    """The strategy of the largest area, whose models are looked at closely; the baseline where nothing finished."""
    areas: dict[str, float] = {s["strategy"]: s["area"][question.metric]["mean"] or 0.0 for s in found["strategies"]}
    return max(areas, key=lambda name: areas[name], default=question.baseline)


def command(summary: Json, columns: Json) -> str:
    """Return what to type to repeat a simulation: a shell command for a file, a call for arrays."""
    settings, source = summary["settings"], summary["data"].get("source")
    named = [s if isinstance(s, str) else s["name"] for s in settings["strategies"]]
    kept = ("model", "features", "batch", "budget", "seed_set", "hold_out", "metric", "target_accuracy", "price")
    said = {name: settings[name] for name in kept if settings[name] not in (None, _DEFAULTS.get(name))}
    seeds = settings["seeds"]
    count = len(seeds) if seeds == [*range(len(seeds))] else seeds
    roles = {name: value for name, value in columns.items() if value}
    switched = settings.get("conditions", {})
    said |= {name: value for name, value in switched.items() if name != "confusion"}
    if source is None or roles.keys() & {"columns", "image"} or "confusion" in switched:
        first = "x, y" if source is None else repr(source)
        said = {k: v for k, v in said.items() if k not in switched}
        if switched:
            said["conditions"] = Conditions(**switched)
        if "set" in roles:
            roles["settings"] = roles.pop("set")
        if "pair" in roles:
            roles["pair"] = roles["pair"].split(",")
        of_arrays = {name: value for name, value in roles.items() if name in ("task", "settings")}
        said = {**(of_arrays if source is None else roles), "strategies": named, "seeds": count, **said}
        return f"querist.simulate({first}, {', '.join(f'{name}={value!r}' for name, value in said.items())})"
    words = ["querist", "simulate", shlex.quote(source)]
    for name, value in roles.items():
        listed = [f"{setting}={given}" for setting, given in value.items()] if name == "set" else [value]
        for one in listed:
            words += [f"--{name}", shlex.quote(one)]
    for strategy in named:
        words += ["--strategy", shlex.quote(strategy)]
    for name, value in {"seeds": count, **said}.items():
        several = value if isinstance(value, list) else [value]
        words += [f"--{name.replace('_', '-')}", ",".join(shlex.quote(str(v)) for v in several)]
    return " ".join(words)


_DEFAULTS: Final = {"model": "logistic_regression", "features": "auto", "hold_out": 0.3, "metric": "accuracy"}


def demo(out: str | Path = "demo-report", *, progress: bool = False) -> SimulationResult:
    """Run the loop on the handwritten digits that ship with scikit-learn, the known labels answering.

    Takes about half a minute on two free processors and needs no download.
    """
    return simulate(
        "sample:digits:labelled",
        name="handwritten digits",
        strategies=["margin", "k_center"],
        batch=20,
        budget=300,
        seeds=5,
        seed_set=20,
        out=out,
        progress=progress,
    )
