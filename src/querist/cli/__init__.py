"""The command line: `querist VERB PROJECT`. Each verb imports what it needs when it runs, so that `--help` is quick."""

# Verbs stand in the help in the order of these imports.
# isort: off
from querist.cli.app import app, main
from querist.cli import projects, loop, trust, datasets, people, steering, comparing  # noqa: F401  (each adds its verbs to `app`)
# isort: on

__all__ = ["app", "main"]
