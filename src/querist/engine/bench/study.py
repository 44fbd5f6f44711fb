"""Run a bench that is written in a file: every setting, all kept, one report."""

from __future__ import annotations

import functools
import importlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from querist.engine.bench.across import view
from querist.engine.bench.labelled import Labelled
from querist.engine.bench.plan import Plan, Setting, read_plan
from querist.engine.bench.running import run_cells, write_text
from querist.engine.bench.simulate import SimulationResult, check, setting_summary
from querist.engine.bench.summary import Question
from querist.engine.versions import machine, versions
from querist.errors import BadValue
from querist.types import Json

Reader = Callable[[], Labelled]


@dataclass(frozen=True, slots=True)
class Study:
    """What a bench found. `summary` is what `summary.json` holds, `cells` every figure of every seed, by setting."""

    summary: Json
    cells: tuple[tuple[Json, ...], ...]
    folder: Path | None = None

    @property
    def failed_wholly(self) -> bool:
        """Whether there is nothing but failures."""
        return all(cell["status"] == "failed" for cells in self.cells for cell in cells)

    def text(self) -> str:
        """Return the comparison as a few lines for a terminal."""
        lines = [
            f"{self.summary['name']}: {self.summary['metric']}, mean over the curve, against {self.summary['baseline']}"
        ]
        for setting in self.summary["settings"]:
            lines += ["", setting["title"], *SimulationResult(setting, ()).text().splitlines()[1:]]
        for found in self.summary["views"]:
            if found["strategies"]:
                lines += ["", f"over {len(found['sets'])} data sets{_said(found['words'])}", *_view_lines(found)]
        return "\n".join([*lines, *([f"report: {self.folder / 'index.html'}"] if self.folder else [])])

    def table(self) -> Any:
        """Return a pyarrow table of every point of every cell, with the columns of its setting before it."""
        import pyarrow as pa

        parts = []
        for setting, cells in zip(self.summary["settings"], self.cells, strict=True):
            found = SimulationResult({}, cells).table()
            for place, name in enumerate(FACTORS):
                values = pa.array([setting["factors"][name]] * found.num_rows)
                found = found.add_column(place, name, values)
            parts.append(found)
        return pa.concat_tables(parts, promote_options="permissive")

    def write(self, out: Path) -> Path:
        """Write `summary.json`, `results.parquet`, `index.html` and its charts as SVG, and return the folder."""
        import pyarrow.parquet as pq

        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "summary.json", json.dumps(self.summary, indent=2, ensure_ascii=False, allow_nan=False))
        pq.write_table(self.table(), out / "results.parquet", compression="zstd")
        write_text(out / "index.html", self._page())
        for name, picture in importlib.import_module("querist.report.pictures").of_study(self.summary).items():
            write_text(out / f"{name}.svg", picture)
        return out

    def _page(self) -> str:
        kind, told = "study", self.summary
        if len(told["settings"]) == 1:
            # Nothing to compare across: the page of a simulation has its curves, classes and calibration.
            (alone,) = told["settings"]
            kind, told = "simulation", {**alone, "settings": {**alone["settings"], "command": told["command"]}}
        # By name, so that the engine stands below the report: whoever calls `write` has asked for both.
        page: str = importlib.import_module(f"querist.report.{kind}").page(told)
        return page


FACTORS = ("data", "model", "batch", "seed_set", "conditions")


def run_study(
    plan: Plan | Path | str,
    *,
    out: str | Path | None = None,
    data: Mapping[str, Reader] | None = None,
    jobs: int | None = None,
    progress: bool = False,
) -> Study:
    """Run every setting of a bench and compare strategies within each, and over data sets.

    Args:
        plan: the plan, or the path of its TOML file.
        out: a folder for the report, the tables and every finished cell; a bench that was cut off goes on from there.
        data: readers that take the place of the plan's sources, by name.
        jobs: processes; None takes all processors. Results do not depend on it.
        progress: show a bar with the time that remains, setting by setting.

    Raises:
        BadValue, UnknownName, NotFound, Damaged: what is wrong with the file, before anything runs.
    """
    folder = Path(plan).parent if isinstance(plan, Path | str) else Path()
    made = read_plan(Path(plan)) if isinstance(plan, Path | str) else plan
    readers: dict[str, Reader] = {each.name: functools.partial(each.read, folder) for each in made.data}
    readers.update(data or {})
    sets = {each.name: readers[each.name]() for each in made.data}
    settings = made.settings()
    question = question_of(made)
    for setting in settings:
        _check(made, setting, sets[setting.data], question)
    began = time.perf_counter()
    results, summaries = [], []
    for setting in settings:
        labelled = sets[setting.data]
        cells = made.cells(setting)
        kept = None if out is None else Path(out) / "cells"
        found = run_cells(labelled, cells, kept=kept, jobs=jobs, timeout=made.timeout, progress=progress)
        results.append(tuple(found))
        summary = setting_summary(labelled, cells[0], found, question, made.listed_seeds, made.all_strategies)
        named = {"title": title(setting, settings), "factors": factors(setting), "view": view_words(setting, settings)}
        summaries.append({**named, **summary})
    command = (
        f"querist simulate {plan} --out {out}"
        if isinstance(plan, Path | str)
        else "querist.engine.bench.study.run_study(plan)"
    )
    study = Study(
        {
            "name": made.name,
            "metric": made.metric,
            "baseline": made.baseline,
            "settings": summaries,
            "views": views(settings, results, made),
            "plan": made.to_json(),
            "command": command,
            "versions": {**versions(), "machine": machine()},
            "seconds": time.perf_counter() - began,
            "made_at": int(time.time()),
        },
        tuple(results),
        None if out is None else Path(out),
    )
    if out is not None:
        study.write(Path(out))
    return study


def question_of(plan: Plan) -> Question:
    """Return what a plan asks of each setting."""
    return Question(plan.metric, plan.baseline, plan.target_score, plan.price, plan.currency, plan.seconds_per_label)


def _check(plan: Plan, setting: Setting, data: Labelled, question: Question) -> None:
    """Whatever cannot run is said before the first cell, with the setting's name."""
    cell = plan.cells(setting)[0]
    try:
        check(data, question, batch=cell.batch, budget=cell.budget, first=cell.seed_set, hold_out=cell.hold_out)
        setting.conditions.answers(data.target[:1], data.classes, seed=0)
    except BadValue as error:
        raise BadValue("data", setting.data, str(error)) from error


def factors(setting: Setting) -> Json:
    """Return what tells a setting from the others."""
    return {
        "data": setting.data,
        "model": setting.model_name,
        "batch": setting.batch,
        "seed_set": setting.seed_set,
        "conditions": setting.conditions.words(),
    }


def title(setting: Setting, settings: list[Setting]) -> str:
    """Return a setting's name: the data set, and whatever else differs between the settings of the bench."""
    own = factors(setting)
    words = {
        "model": own["model"].replace("_", " "),
        "batch": f"batches of {own['batch']}",
        "seed_set": f"{own['seed_set']} first labels",
        "conditions": own["conditions"] or "as they are",
    }
    varied = [words[name] for name in words if len({json.dumps(factors(s)[name]) for s in settings}) > 1]
    return ", ".join([own["data"], *varied])


def views(settings: list[Setting], results: list[tuple[Json, ...]], plan: Plan) -> list[Json]:
    """Return a comparison over data sets for each combination of the other factors."""
    grouped: dict[str, dict[str, tuple[Json, ...]]] = {}
    for setting, cells in zip(settings, results, strict=True):
        grouped.setdefault(view_words(setting, settings), {})[setting.data] = cells
    question = question_of(plan)
    return [{"words": words, **view(sets, question, rope=plan.rope)} for words, sets in grouped.items()]


def view_words(setting: Setting, settings: list[Setting]) -> str:
    """Return what tells a setting's view from the others: nothing, where only data sets differ."""
    return title(setting, settings).removeprefix(setting.data).removeprefix(", ")


def _said(words: str) -> str:
    return f" ({words})" if words else ""


def _view_lines(found: Json) -> list[str]:
    lines = []
    for s in sorted(found["strategies"], key=lambda s: -s["area"]):
        if s["against"] is None:
            lines.append(f"  {s['strategy']:<24}{s['area']:8.1%}  the baseline")
            continue
        whole, tally = s["against"]["whole"], s["against"]["tally"]
        lines.append(
            f"  {s['strategy']:<24}{s['area']:8.1%}  {100 * whole['difference']:+.1f} points "
            f"({100 * whole['low']:+.1f} to {100 * whole['high']:+.1f}), better on {tally['wins']}, "
            f"worse on {tally['losses']} of {len(found['sets'])}"
        )
    return lines
