"""Verbs by which a project is checked, explained, erased from, copied and moved."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querist.cli.app import HERE, AsJson, Folder, app, say


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
