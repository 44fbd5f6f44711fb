"""The command line: `querist VERB PROJECT`. Each verb imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="querist",
    help="Choose what to label next, label it, learn, prove that it beats random labelling, stop.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="The project's folder.", show_default="the current folder")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
HERE = Path()


def main() -> None:
    """Run the command line; an error is one line and the exit code that it asks for."""
    from querist.errors import QueristError

    try:
        app()
    except QueristError as error:
        print(f"querist: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); that is not our error.
        sys.stderr.close()
        sys.exit(0)


def say(value: Any, as_json: bool, text: Callable[[], str]) -> None:
    """Print the value as JSON, or its text."""
    print(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text())


def names(value: str | None) -> list[str]:
    """Return the names of a comma-separated list."""
    return [name.strip() for name in value.split(",") if name.strip()] if value else []


# --- projects


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
    batch: Annotated[int, typer.Option(help="Items in a batch; 0: by the budget.")] = 0,
    budget: Annotated[int | None, typer.Option(help="Stop after so many labels.")] = None,
    cost_per_label: Annotated[float, typer.Option(help="Price of one label.")] = 0.0,
    currency: Annotated[str, typer.Option(help="ISO code of the price's currency.")] = "USD",
    question: Annotated[str, typer.Option(help="What people are asked.")] = "",
    seed: Annotated[int, typer.Option(help="Seed of all chance.")] = 0,
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
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any.")] = 8765,
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


# --- the loop without a server


@app.command()
def ask(
    project: Folder = HERE,
    n: Annotated[int, typer.Option("-n", help="How many items.")] = 10,
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
    as_json: AsJson = False,
) -> None:
    """Record answers from a file; the same file twice changes nothing."""
    from querist.engine import offline
    from querist.engine.project import Project

    told = offline.tell(Project.open(project), answers, person=person)
    say(told, as_json, lambda: offline.told_text(told))


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
    format: Annotated[str, typer.Option(help="csv, jsonl or parquet.")] = "csv",
    model: Annotated[Path | None, typer.Option(help="Write the last good model to this folder instead.")] = None,
) -> None:
    """Write all labels (item, label, who, when, lane, round), or the model."""
    from querist.engine import exporting
    from querist.engine.project import Project

    opened = Project.open(project)
    if model is not None:
        exporting.export_model(opened, model)
        print(f"model {opened.state().model} in {model}", file=sys.stderr)
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


# --- trust


@app.command()
def verify(project: Folder = HERE, as_json: AsJson = False) -> None:
    """Recompute the hash chain and replay the ledger; name the first thing that does not hold."""
    from querist.engine import trust

    found = trust.verify(project)
    say(found, as_json, lambda: "\n".join(found["lines"]))
    if not found["ok"]:
        raise typer.Exit(1)


@app.command()
def replay(
    project: Folder = HERE,
    round: Annotated[int | None, typer.Option("--round", help="Which round; default: all.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute past batches from ledger and artefacts, and say where they differ."""
    from querist.engine import trust
    from querist.engine.project import Project

    found = trust.replay(Project.open(project), round)
    say(found, as_json, lambda: "\n".join(line["sentence"] for line in found["rounds"]))
    if not found["ok"]:
        raise typer.Exit(1)


@app.command()
def explain(
    project: Folder, item: Annotated[str, typer.Argument(help="The item's id.")], as_json: AsJson = False
) -> None:
    """Tell an item's whole story: why it was asked, who answered what, which data sets hold it."""
    from querist.engine import trust
    from querist.engine.project import Project

    found = trust.explain(Project.open(project), item)
    say(found, as_json, lambda: "\n".join(found["lines"]))


@app.command()
def versions(project: Folder = HERE, as_json: AsJson = False) -> None:
    """List the data sets that were frozen, each named by its content."""
    from querist.engine import datasets as sets
    from querist.engine.project import Project

    found = sets.listed(Project.open(project))
    say(found, as_json, lambda: "\n".join(found["lines"]))


@app.command()
def diff(
    project: Folder,
    before: Annotated[str, typer.Argument(help="A version: v3, or the beginning of its id.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    as_json: AsJson = False,
) -> None:
    """Compare two data sets: labels added, corrected, withdrawn, by whom, in which round."""
    from querist.engine import datasets as sets
    from querist.engine.project import Project

    found = sets.diff(Project.open(project), before, after)
    say(found, as_json, lambda: "\n".join(found["lines"]))


@app.command()
def checkout(
    project: Folder,
    version: Annotated[str, typer.Argument(help="v3, or the beginning of its id.")],
    out: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
    as_json: AsJson = False,
) -> None:
    """Write a data set with its items' content for training elsewhere; labelled and unlabelled apart."""
    from querist.engine import datasets as sets
    from querist.engine.project import Project

    found = sets.check_out(Project.open(project), version, out)
    files = ", ".join(f"{name} ({count:,})" for name, count in found["files"].items())
    say(found, as_json, lambda: f"{found['version']} ({found['dataset']}) in {out}: {files}")


@app.command()
def erase(
    project: Folder, item: Annotated[str, typer.Argument(help="The item's id.")], reason: str = "erased on request"
) -> None:
    """Remove an item's content for good; the ledger still verifies."""
    from querist.engine import trust
    from querist.engine.project import Project

    print(trust.erase(Project.open(project), item, reason=reason))


@app.command()
def backup(project: Folder, out: Annotated[Path, typer.Argument(help="A folder that is not there yet.")]) -> None:
    """Copy a project while people work."""
    from querist.engine import trust

    print(trust.backup(project, out))


@app.command()
def move(
    project: Folder,
    to: Annotated[str, typer.Option("--to", help="sqlite:///querist.db, postgresql://…, or env:NAME.")],
    as_json: AsJson = False,
) -> None:
    """Move a project to another database, with its people; the same command again finishes a move that was cut off."""
    from querist.engine import trust

    found = trust.move(project, to)
    say(found, as_json, lambda: "\n".join(found["lines"]))


@app.command()
def gc(project: Folder = HERE) -> None:
    """Remove files that nothing refers to any more."""
    from querist.engine import trust

    print(trust.collect(project))


# --- people


people_app = typer.Typer(help="Accounts: list, invite, change, end.", no_args_is_help=True)
app.add_typer(people_app, name="people")
Name = Annotated[str, typer.Argument(help="Name or pseudonym of the account.")]


def _team(folder: Path) -> Any:
    from querist.server.site import Site
    from querist.store.team import Team

    return Team(Site.open(folder).people)


def _operator() -> Any:
    """Whoever may read the project's folder owns it."""
    from querist.store.people import Person

    return Person("cli", "Command line", "owner")


@people_app.command("list")
def people_list(project: Folder = HERE, as_json: AsJson = False) -> None:
    """List who may sign in, and open invitations."""
    team = _team(project)
    rows = [
        {"id": person.id, "name": person.name, "role": person.role, "active": person.active}
        for person in team.people.people()
    ]
    invited = [{"id": one.id, "role": one.role, "project": one.project} for one in team.invitations(everywhere=True)]

    def text() -> str:
        lines = [f"{row['name']:24} {row['role']:10} {row['id']}{'' if row['active'] else '  ended'}" for row in rows]
        return "\n".join(lines + [f"(invited)                {one['role']:10} {one['id']}" for one in invited])

    say({"people": rows, "invitations": invited}, as_json, text)


@people_app.command("invite")
def people_invite(project: Folder = HERE, role: str = "annotator") -> None:
    """Print a link by which somebody makes an account, once, within a week."""
    from typing import cast

    from querist.store.people import Role

    team = _team(project)
    token, _ = team.invite(_operator(), role=cast("Role", role))
    print(f"/join?token={token}\nPut the server's address in front; the link works once, within a week.")


@people_app.command("role")
def people_role(project: Folder, name: Name, role: Annotated[str, typer.Argument()]) -> None:
    """Change what somebody may do; their sessions end."""
    from typing import cast

    from querist.store.people import Role

    team = _team(project)
    changed = team.change(_operator(), name, role=cast("Role", role))
    print(f"{changed.name} is {changed.role}")


@people_app.command("end")
def people_end(project: Folder, name: Name) -> None:
    """End somebody's access: sessions and tokens stop at once, answers stay."""
    team = _team(project)
    print(f"{team.change(_operator(), name, active=False).name} may not sign in any more")


@people_app.command("sign-out")
def people_sign_out(project: Folder, name: Name) -> None:
    """End all sessions of somebody."""
    team = _team(project)
    print(f"{team.end_sessions(team.people.find(name))} sessions ended")


@people_app.command("link")
def people_link(project: Folder, name: Name) -> None:
    """Print a one-time sign-in link for somebody who lost their password."""
    team = _team(project)
    print(f"/sign-in?token={team.people.create_link_token(team.people.find(name).id)}")


@people_app.command("token")
def people_token(project: Folder, name: Name, label: str, scope: str = "read", days: int = 90) -> None:
    """Print an API token, which is shown this once; scope: read, label, review, manage."""
    team = _team(project)
    print(team.create_token(team.people.find(name), label, scope=scope, seconds=days * 86_400))


@app.command()
def gold(
    project: Folder, answers: Annotated[Path, typer.Argument(help="CSV with the columns item and label.")]
) -> None:
    """Name items whose answer is known: they measure people, and train nothing."""
    import csv

    from querist.engine.asking_again import change_gold
    from querist.engine.project import Project
    from querist.errors import UnknownName
    from querist.types import short_hash

    with answers.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for column in ("item", "label"):
            if column not in (reader.fieldnames or ()):
                raise UnknownName("column", column, reader.fieldnames or ())
        values = {row["item"]: row["label"] for row in reader}
    opened = Project.open(project)
    left_out = change_gold(opened, "cli", f"gold/{short_hash(values)}", values)
    print(
        f"{len(values) - len(left_out)} gold items"
        + (f"; {len(left_out)} measure the model and were left out" if left_out else "")
    )


# --- steering


@app.command()
def stop(project: Folder = HERE, reason: str = "") -> None:
    """Stop asking; answers are still taken."""
    _steer("stop", project, reason)


@app.command()
def resume(project: Folder = HERE, reason: str = "") -> None:
    """Go on after a stop."""
    _steer("resume", project, reason)


@app.command()
def retrain(project: Folder = HERE, reason: str = "") -> None:
    """Train as soon as a worker is free."""
    _steer("retrain", project, reason)


@app.command()
def settle(project: Folder = HERE, reason: str = "") -> None:
    """Ask for the labels that settle whether the model is better than random: where the two disagree."""
    _steer("settle", project, reason)


def _steer(verb: str, project: Path, reason: str) -> None:
    import uuid

    from querist.engine import commands
    from querist.engine.project import Project

    done = getattr(commands, verb)(Project.open(project), "cli", str(uuid.uuid4()), reason)
    print(done["sentence"])


@app.command("rename-class")
def rename_class(project: Folder, before: str, after: str) -> None:
    """Rename a class everywhere; old answers are read under the new name."""
    import uuid

    from querist.engine.project import Project
    from querist.engine.steering import change_classes

    change_classes(Project.open(project), "cli", str(uuid.uuid4()), "rename", [before], [after])
    print(f"{before} is now {after}")


# --- comparing strategies


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
Model = Annotated[str, typer.Option(help="What learns.")]
Features = Annotated[str, typer.Option(help="How rows become arrays.")]
Batch = Annotated[int, typer.Option(help="Labels a round.")]
Budget = Annotated[int, typer.Option(help="Training labels in all, first labels included.")]
SeedSet = Annotated[int | None, typer.Option(help="Random labels to begin with; default max(20, 5 per class).")]
Seeds = Annotated[int, typer.Option(help="Repetitions, each with its own split.")]
HoldOut = Annotated[float, typer.Option(help="Share that only measures, and is not counted.")]
Metric = Annotated[str, typer.Option(help="accuracy, balanced_accuracy, macro_f1, roc_auc or average_precision.")]
Calibrate = Annotated[bool, typer.Option(help="Fit a temperature, as projects do.")]
LabelNoise = Annotated[float, typer.Option(help="Share of the training labels that are wrong.")]
Imbalance = Annotated[float, typer.Option(help="Commonest to rarest class in the pool, 1 to 1000; 1: as it is.")]
Copies = Annotated[int, typer.Option(help="How often each item of the pool occurs.")]
Price = Annotated[float | None, typer.Option(help="Price of one label, or of one unit of cost.")]
Currency = Annotated[str, typer.Option(help="Its currency.")]
TargetScore = Annotated[float | None, typer.Option(help="Value of the metric to count labels to.")]
Jobs = Annotated[int | None, typer.Option(help="Processes; default: the cores.")]
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
    strategies: Strategies = None,
    model: Model = "logistic_regression",
    features: Features = "auto",
    batch: Batch = 20,
    budget: Budget = 400,
    seed_set: SeedSet = None,
    seeds: Seeds = 5,
    hold_out: HoldOut = 0.3,
    metric: Metric = "accuracy",
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


def _bench(data: str, out: Path | None, jobs: int | None) -> Any:
    from querist.engine.bench.study import run_study

    return run_study(data, out=out, jobs=jobs, progress=sys.stderr.isatty())


def _simulate(data: str, given: dict[str, Any]) -> Any:
    from querist.engine.bench import simulate as bench
    from querist.engine.bench.conditions import Conditions

    conditions = Conditions(given.pop("label_noise"), {}, given.pop("imbalance"), given.pop("copies"))
    strategies = given.pop("strategies") or ["margin"]
    columns = names(given.pop("columns"))
    return bench.simulate(
        data, columns=columns, strategies=strategies, conditions=conditions, progress=sys.stderr.isatty(), **given
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
def check(name: Annotated[str, typer.Argument(help="my_package.my_module.my_strategy")]) -> None:
    """Run the conformance suite on a strategy of your own."""
    from querist.engine import trust

    findings = trust.check_strategy(name)
    for finding in findings:
        print(finding)
    if findings:
        raise typer.Exit(1)
    print(f"{name}: conforms")


if __name__ == "__main__":
    main()
