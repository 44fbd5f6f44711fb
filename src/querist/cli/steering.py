"""Verbs that steer a running project: stop, resume, retrain, settle, classes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from querist.cli.app import HERE, AsJson, Folder, app, say


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


@app.command()
def health(
    project: Folder = HERE,
    now: Annotated[
        bool, typer.Option("--now", help="Look now; after a stop this asks for a few labels first.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell whether something has changed: items, predictions, labels, calibration, disagreement."""
    from querist.engine.project import Project
    from querist.engine.run import run_until_waiting
    from querist.engine.views.health import health as found_by
    from querist.engine.views.health import health_text

    opened = Project.open(project)
    if now:
        _steer("check", project, "")
        run_until_waiting(opened)
    found = found_by(opened, opened.state())
    say(found, as_json, lambda: health_text(found))


def _steer(verb: str, project: Path, reason: str) -> None:
    import uuid

    from querist.engine import steering
    from querist.engine.project import Project

    done = getattr(steering, verb)(Project.open(project), "cli", str(uuid.uuid4()), reason)
    print(done["sentence"])


@app.command("rename-class")
def rename_class(project: Folder, before: str, after: str) -> None:
    """Rename a class everywhere; old answers are read under the new name."""
    import uuid

    from querist.engine import steering
    from querist.engine.project import Project

    steering.change_classes(Project.open(project), "cli", str(uuid.uuid4()), "rename", [before], [after])
    print(f"{before} is now {after}")
