"""Twenty rounds of a project whose worker is killed ten times; then `querist replay` makes every batch again.

python -m tests.crash.twenty [--on postgresql]
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typer.testing import CliRunner, Result

from querist.cli import app
from tests import postgres
from tests.crash.world import Made, World

ROUNDS = 20
KILLS = 10


@contextmanager
def twenty_rounds(home: Path, kind: str) -> Iterator[World]:
    """Label twenty rounds while the worker is killed ten times; the project can be looked at meanwhile."""
    made = Made(home, kind, rounds=ROUNDS, batch=6)
    chance = random.Random(3)
    with World(made) as world:
        world.run(("worker", chance.uniform(0.2, 1.0)) for _ in range(KILLS))
        yield world


def replayed(world: World) -> Result:
    """Return what `querist replay` says of every round."""
    return CliRunner().invoke(app, ["replay", str(world.folder)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    kind = parser.parse_args().on
    try:
        with tempfile.TemporaryDirectory(prefix="querist-twenty-") as home, twenty_rounds(Path(home), kind) as world:
            found = world.findings
            print(f"{kind}: worker killed {found.kills['worker']} times; {found.answers} answers; {found}")
            result = replayed(world)
            print(result.output, end="")
    finally:
        postgres.stop_server()
    sys.exit(result.exit_code)


if __name__ == "__main__":
    main()
