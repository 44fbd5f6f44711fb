"""Verbs that compare strategies, and list and check them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from querist.cli.app import AsJson, app, names, say

Known = Annotated[
    str,
    typer.Argument(help="Data with known labels (Parquet, CSV, JSONL, .npz, a folder; or: digits), or a bench.toml."),
]
Target = Annotated[str | None, typer.Option(help="Column with the labels.")]
Text = Annotated[str | None, typer.Option(help="Column with the text; default: a table of all other columns.")]
Columns = Annotated[str | None, typer.Option(help="Columns of a table, comma-separated; default all.")]
Image = Annotated[str | None, typer.Option(help="Column with paths of images.")]
Cost = Annotated[str | None, typer.Option(help="Column with what each label costs.")]
Strategies = Annotated[list[str] | None, typer.Option("--strategy", help="May be given several times.")]
Model = Annotated[str | None, typer.Option(help="What learns; default: as a project of this kind of label begins.")]
Features = Annotated[str, typer.Option(help="How rows become arrays.")]
Batch = Annotated[int, typer.Option(min=1, help="Labels a round.")]
Budget = Annotated[int, typer.Option(min=1, help="Training labels in all, first labels included.")]
SeedSet = Annotated[int | None, typer.Option(min=1, help="Random labels to begin with; default max(20, 5 per class).")]
Seeds = Annotated[int, typer.Option(min=1, help="Repetitions, each with its own split.")]
HoldOut = Annotated[float, typer.Option(min=0, max=1, help="Share that only measures, and is not counted.")]
Metric = Annotated[
    str | None,
    typer.Option(
        help="One class: accuracy (default), balanced_accuracy, macro_f1, roc_auc, average_precision; label sets: "
        "macro_f1 (default), micro_f1, jaccard, accuracy; numbers: r2 (default), accuracy."
    ),
]
Task = Annotated[str, typer.Option(help="Kind of label: single_label, multi_label, numeric or pairwise.")]
Setting = Annotated[
    list[str] | None, typer.Option("--set", help="Setting of the kind of label, as name=value; several times.")
]
Pair = Annotated[str | None, typer.Option(help="The two columns that are compared, comma-separated.")]
Calibrate = Annotated[bool, typer.Option(help="Fit a temperature, as projects do.")]
LabelNoise = Annotated[float, typer.Option(help="Share of the training labels that are wrong.")]
Imbalance = Annotated[float, typer.Option(help="Commonest to rarest class in the pool, 1 to 1000; 1: as it is.")]
Copies = Annotated[int, typer.Option(help="How often each item of the pool occurs.")]
Price = Annotated[float | None, typer.Option(min=0, help="Price of one label, or of one unit of cost.")]
Currency = Annotated[str, typer.Option(help="Its currency.")]
TargetScore = Annotated[float | None, typer.Option(help="Value of the metric to count labels to.")]
Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; default: the cores.")]
Timeout = Annotated[float | None, typer.Option(help="Seconds after which a run is given up, and stays as failed.")]
Out = Annotated[Path | None, typer.Option(help="Folder for report, tables and finished runs.")]


@app.command()
def simulate(
    data: Known,
    target: Target = None,
    text: Text = None,
    columns: Columns = None,
    image: Image = None,
    cost: Cost = None,
    task: Task = "single_label",
    set_: Setting = None,
    pair: Pair = None,
    strategies: Strategies = None,
    model: Model = None,
    features: Features = "auto",
    batch: Batch = 20,
    budget: Budget = 400,
    seed_set: SeedSet = None,
    seeds: Seeds = 5,
    hold_out: HoldOut = 0.3,
    metric: Metric = None,
    calibrate: Calibrate = True,
    label_noise: LabelNoise = 0.0,
    imbalance: Imbalance = 1.0,
    copies: Copies = 1,
    price: Price = None,
    currency: Currency = "USD",
    target_accuracy: TargetScore = None,
    jobs: Jobs = None,
    timeout: Timeout = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Compare strategies on data whose labels are known, against random labelling."""
    given = {name: value for name, value in locals().items() if name not in ("data", "as_json")}
    found = _bench(data, out, jobs) if data.endswith(".toml") else _simulate(data, given)
    say(found.summary, as_json, found.text)
    if found.failed_wholly:
        raise typer.Exit(1)


@app.command()
def advise(
    data: Annotated[str, typer.Argument(help="CSV, JSONL, Parquet, .npz, or a folder of images.")],
    text: Text = None,
    columns: Columns = None,
    image: Image = None,
    label: Annotated[
        str | None, typer.Option(help="Column with labels that are there; empty cells are the rest.")
    ] = None,
    features: Features = "auto",
    model: Annotated[str, typer.Option(help="What learns.")] = "logistic_regression",
    labels: Annotated[int | None, typer.Option(help="How many you would label at random; default 1,000.")] = None,
    cost_per_label: Annotated[float | None, typer.Option(help="Price of one label.")] = None,
    currency: Currency = "USD",
    seconds_per_label: Annotated[float | None, typer.Option(help="How long a person takes for one.")] = None,
    overhead_hours: Annotated[float, typer.Option(help="Your own time to set it up.")] = 4.0,
    rounds: Annotated[int | None, typer.Option(help="How often answers come back before you need the model.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of all chance.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say, before anyone labels, whether active learning is likely to pay: numbers, and reasons on both sides."""
    from querist.engine.bench.advice import Plan, advice_text
    from querist.engine.bench.advising import advise as run

    plan = Plan(labels, cost_per_label, currency, seconds_per_label, overhead_hours, rounds)
    found = run(
        data,
        plan=plan,
        text=text,
        columns=names(columns),
        image=image,
        label=label,
        features=features,
        model=model,
        seed=seed,
    )
    say(found, as_json, lambda: advice_text(found, Path(data).name))


def _bench(data: str, out: Path | None, jobs: int | None) -> Any:
    from querist.engine.bench.study import run_study

    return run_study(data, out=out, jobs=jobs, progress=sys.stderr.isatty())


def _simulate(data: str, given: dict[str, Any]) -> Any:
    from querist.engine.bench import simulate as bench
    from querist.engine.bench.conditions import Conditions
    from querist.engine.create import task_settings

    conditions = Conditions(given.pop("label_noise"), {}, given.pop("imbalance"), given.pop("copies"))
    strategies = given.pop("strategies") or ["margin"]
    columns, pair = names(given.pop("columns")), names(given.pop("pair"))
    settings = task_settings(given.pop("set_") or [])
    return bench.simulate(
        data,
        columns=columns,
        pair=pair,
        settings=settings,
        strategies=strategies,
        conditions=conditions,
        progress=sys.stderr.isatty(),
        **given,
    )


@app.command()
def demo(out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("demo-report")) -> None:
    """Run the loop on handwritten digits with their known labels, and write a report."""
    from querist.engine.bench import simulate as bench

    print(bench.demo(out, progress=sys.stderr.isatty()).text())


@app.command()
def strategies(as_json: AsJson = False) -> None:
    """List everything that can choose: scorers, selectors, combinators, policies, presets."""
    from querist.acquire.presets import describe

    found = describe()
    say(
        found,
        as_json,
        lambda: "\n".join(f"{entry['kind']:<11}{entry['name']:<28}{entry['summary']}" for entry in found),
    )


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="my_package.my_module.my_strategy")], as_json: AsJson = False
) -> None:
    """Run the conformance suite on a strategy of your own."""
    from querist.engine import trust

    findings = trust.check_strategy(name)
    wrong = "\n".join(f"{finding['check'].replace('_', ' ')}: {finding['message']}" for finding in findings)
    say({"name": name, "findings": findings}, as_json, lambda: wrong or f"{name}: conforms")
    if findings:
        raise typer.Exit(1)
