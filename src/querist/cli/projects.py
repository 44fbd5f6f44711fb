"""Verbs that make a project, run it, and tell how it stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from querist.cli.app import HERE, AsJson, Folder, app, names, say


@app.command()
def init(
    project: Annotated[Path, typer.Argument(help="The folder to make.")],
    data: Annotated[str | None, typer.Option(help="CSV, JSONL, Parquet, .npz, or a folder of images.")] = None,
    sample: Annotated[str | None, typer.Option(help="Data that come with Querist instead: digits.")] = None,
    text: Annotated[str | None, typer.Option(help="Column with the text.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns of a table, comma-separated; default all.")] = None,
    image: Annotated[str | None, typer.Option(help="Column with paths of images, relative to the data.")] = None,
    label: Annotated[
        str | None, typer.Option(help="Column with labels that are known; empty cells are the pool.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="The classes, comma-separated, in the order of their keys.")
    ] = None,
    id: Annotated[str | None, typer.Option(help="Column with ids; default: from the content.")] = None,
    group: Annotated[str | None, typer.Option(help="Column that says which rows belong together.")] = None,
    cost: Annotated[str | None, typer.Option(help="Column with what a row costs to label.")] = None,
    about: Annotated[
        str | None, typer.Option(help="Columns kept beside the items, for rules alone, comma-separated.")
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(help="Column with scores of a class that somebody gave, as CLASS=COLUMN; several times."),
    ] = None,
    validation: Annotated[str | None, typer.Option(help="Your own held-out file, never trained on.")] = None,
    name: Annotated[str | None, typer.Option(help="The project's name; default: the folder's.")] = None,
    strategy: Annotated[str, typer.Option(help="How batches are chosen.")] = "auto",
    features: Annotated[
        str, typer.Option(help="How items become arrays: svd, minilm, efficientnet_lite0, timm:NAME …")
    ] = "auto",
    model: Annotated[str, typer.Option(help="What learns; default: by the kind of label.")] = "",
    task: Annotated[
        str,
        typer.Option(
            help="Kind of label: single_label, multi_label, numeric, pairwise, ranking, spans, relations, boxes, "
            "polygons, text."
        ),
    ] = "single_label",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the kind of label, as name=value; several times.")
    ] = None,
    pair: Annotated[str | None, typer.Option(help="The two columns that are compared, comma-separated.")] = None,
    audio: Annotated[str | None, typer.Option(help="Column with paths of sounds, relative to the data.")] = None,
    mode: Annotated[str, typer.Option(help="continuous: nobody waits; batch: as in papers.")] = "continuous",
    batch: Annotated[int, typer.Option(min=0, help="Items in a batch; 0: by the budget.")] = 0,
    budget: Annotated[int | None, typer.Option(min=1, help="Stop after so many labels.")] = None,
    cost_per_label: Annotated[float, typer.Option(min=0, help="Price of one label.")] = 0.0,
    currency: Annotated[str, typer.Option(help="ISO code of the price's currency.")] = "USD",
    question: Annotated[str, typer.Option(help="What people are asked.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all chance.")] = 0,
    keep_duplicates: Annotated[
        bool, typer.Option(help="Exact duplicates stay apart, each with an id of its own.")
    ] = False,
    store: Annotated[
        str | None, typer.Option(help="Where it is remembered: postgresql://…, or env:NAME; default: in the folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a project from your data: nothing is copied but text and table rows."""
    from querist.engine import create

    made = create.init(
        project,
        data=data,
        sample=sample,
        text=text,
        columns=names(columns),
        image=image,
        label=label,
        classes=names(labels),
        id=id,
        group=group,
        cost=cost,
        about=names(about),
        prior=create.pairs("prior", prior or [], "CLASS=COLUMN"),
        validation=validation,
        name=name,
        seed=seed,
        keep_duplicates=keep_duplicates,
        store=store,
        task=task,
        task_settings=create.task_settings(set_ or []),
        pair=names(pair),
        audio=audio,
        settings=create.settings(
            strategy=strategy,
            model=model,
            features=features,
            mode=mode,
            batch=batch,
            budget=budget,
            cost_per_label=cost_per_label,
            currency=currency,
            question=question,
            sample=sample,
        ),
    )
    say(made.to_json(), as_json, lambda: made.text(project))


@app.command("import")
def import_(
    project: Folder,
    data: Annotated[str, typer.Option(help="A file or folder of the same form.")],
    as_json: AsJson = False,
) -> None:
    """Add items to a project; those it has already are passed over."""
    from querist.engine.importing import import_data
    from querist.engine.project import Project

    made = import_data(Project.open(project), data)
    say(made.to_json(), as_json, lambda: made.text(project))


@app.command()
def serve(
    project: Folder = HERE,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any.")] = 8765,
    allow_host: Annotated[
        str | None, typer.Option(help="Names by which browsers may call it, comma-separated.")
    ] = None,
    proxy: Annotated[str, typer.Option(help="Address of the proxy in front, whose word on TLS is believed.")] = "",
    open_browser: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser where there is one.")] = True,
) -> None:
    """Label in the browser: starts the server and its worker."""
    from querist.server.serve import serve as run

    run(project, host=host, port=port, browser=open_browser, allow_hosts=names(allow_host), proxy=proxy)


@app.command()
def worker(project: Folder = HERE) -> None:
    """Train and choose for a project, without a server."""
    import logging
    import signal
    import threading

    from querist.engine.project import Project
    from querist.engine.run import work_forever

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    work_forever(Project.open(project), stop)


@app.command()
def status(project: Folder = HERE, as_json: AsJson = False) -> None:
    """Tell how good the model is, whether to go on, and what is due."""
    from querist.engine import views
    from querist.engine.project import Project

    found = views.status(Project.open(project))
    say(found, as_json, lambda: views.status_text(found))
