"""Verbs that steer a running project: stop, resume, retrain, settle, classes."""

from __future__ import annotations

from pathlib import Path

from querist.cli.app import HERE, Folder, app


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
