"""Verbs for the versions of the data set: list, compare, check out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querist.cli.app import HERE, AsJson, Folder, app, say


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
