"""Verbs of the loop without a server: ask, tell, train, predict, export, report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from querist.cli.app import HERE, AsJson, Folder, app, say


@app.command()
def ask(
    project: Folder = HERE,
    n: Annotated[int, typer.Option("-n", min=1, help="How many items.")] = 10,
    person: Annotated[str, typer.Option(help="Who will answer.")] = "cli",
    out: Annotated[Path | None, typer.Option(help="Write a CSV to fill in and `tell`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Give out the items to label next; trains and chooses first, if that is due."""
    from querist.engine import offline
    from querist.engine.project import Project

    asked = offline.ask(Project.open(project), n, person=person)
    if out is not None:
        offline.write_form(out, asked)
    say(asked, as_json, lambda: offline.asked_text(asked, out))


@app.command()
def tell(
    project: Folder,
    answers: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet with the columns item and label; - reads CSV from stdin.")
    ],
    person: Annotated[str, typer.Option(help="Who answered.")] = "cli",
    format: Annotated[
        str, typer.Option(help="table, or what another tool wrote: coco, yolo (a folder) or conll.")
    ] = "table",
    as_json: AsJson = False,
) -> None:
    """Record answers from a file; the same file twice changes nothing. Rows that cannot be taken are named: exit 2."""
    from querist.engine import interchange, offline
    from querist.engine.project import Project

    opened = Project.open(project)
    if format == "table":
        told = offline.tell(opened, answers, person=person)
    else:
        told = interchange.tell_from(opened, answers, format, person=person)
    say(told, as_json, lambda: offline.told_text(told))
    if told["problems"]:
        raise typer.Exit(2)


@app.command()
def train(project: Folder = HERE, as_json: AsJson = False) -> None:
    """Run every step that is due now: features, training, evaluation, the next batch."""
    from querist.engine import offline
    from querist.engine.project import Project

    found = offline.train(Project.open(project))
    say(found, as_json, lambda: found["sentence"])


@app.command()
def predict(
    project: Folder,
    data: Annotated[str, typer.Argument(help="File or folder of the same form as the pool.")],
    out: Annotated[Path, typer.Option(help=".parquet, .csv or .jsonl.")],
    model: Annotated[str | None, typer.Option(help="A model's id; default: the last good one.")] = None,
    as_json: AsJson = False,
) -> None:
    """Predict labels with calibrated probabilities for new data."""
    from querist.engine import offline
    from querist.engine.project import Project

    found = offline.predict(Project.open(project), data, out, model=model)
    lines = [f"{found['rows']:,} predictions by model {found['model']} in {out}"]
    lines += [f"set aside: line {row['line']}: {row['reason']}" for row in found["rejected"]]
    say(found, as_json, lambda: "\n".join(lines))


@app.command()
def export(
    project: Folder = HERE,
    out: Annotated[Path | None, typer.Option(help="File to write; default: stdout.")] = None,
    format: Annotated[
        str | None,
        typer.Option(
            help="csv, jsonl or parquet; coco or yolo of boxes and polygons, conll of spans. Default: as --out ends, or csv."
        ),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Write the last good model to this folder instead.")] = None,
) -> None:
    """Write all labels (item, label, who, when, lane, round), or the model."""
    from querist.engine import exporting, interchange
    from querist.engine.project import Project

    opened = Project.open(project)
    if model is not None:
        exporting.export_model(opened, model)
        print(f"model {opened.state().model} in {model}", file=sys.stderr)
    elif format is not None and format in interchange.FORMATS:
        count = interchange.export_to(opened, out, format)
        print(f"the labels of {count:,} items exported", file=sys.stderr)
    else:
        count = exporting.export_labels(opened, out, format)
        print(f"{count:,} answers exported", file=sys.stderr)


@app.command()
def report(
    project: Folder = HERE,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write what the project's page says as one file that opens from disk."""
    from querist.engine.project import Project
    from querist.report.project import write_project_report

    write_project_report(Project.open(project), out)
    print(out)
