"""The application, what all verbs share, and how errors are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="querist",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Folder = Annotated[Path, typer.Argument(help="The project's folder.", show_default="the current folder")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
HERE = Path()


def _version(asked: bool) -> None:
    from querist import __version__

    if asked:
        print(f"querist {__version__}")
        raise typer.Exit


@app.callback()
def _every_verb(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Choose what to label next, label it, learn, prove that it beats random labelling, stop."""


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
