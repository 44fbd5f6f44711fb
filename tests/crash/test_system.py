"""Server, worker and people are killed at every boundary and at random: the project ends where an undisturbed one does.

`make crash` does the same a thousand times on each database.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import postgres
from tests.crash import twenty
from tests.crash.parts import Death
from tests.crash.world import Made, World, random_deaths

pytestmark = pytest.mark.crash

KILLS = 40


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A new project, and what it does when nobody disturbs it."""
    if request.param == "postgresql" and (reason := postgres.why_not()):
        pytest.skip(reason)
    made = Made(tmp_path_factory.mktemp(request.param), request.param)
    made.measure()
    assert len(made.undisturbed["models"]) == 3
    return made


def test_killed_once_at_every_boundary(made: Made) -> None:
    with World(made) as world:
        missed = world.run(iter(made.boundaries))
        assert world.findings.nothing, str(world.findings)
        assert missed == 0
        assert sum(world.findings.kills.values()) == len(made.boundaries) > 40


def test_killed_at_random_instants_under_load(made: Made) -> None:
    kills, seed = 0, 0
    while kills < KILLS:
        seed += 1
        with World(made, seed=seed) as world:
            world.run(random_deaths(made.kind, seed, KILLS - kills))
            assert world.findings.nothing, str(world.findings)
            assert world.findings.answers > 30
            kills += sum(world.findings.kills.values())


def test_two_workers_that_race_for_every_step_do_it_once(made: Made) -> None:
    """Claims only save work: without them both workers run each step, and the ledger has one of each."""
    with World(made, bug="no claims") as world:
        world.start_rival()
        world.run(iter(()))
        assert world.findings.nothing, str(world.findings)


def test_every_batch_of_twenty_rounds_replays_after_ten_kills(tmp_path: Path) -> None:
    with twenty.twenty_rounds(tmp_path, "sqlite") as world:
        assert world.findings.kills["worker"] == twenty.KILLS
        assert world.findings.nothing, str(world.findings)
        result = twenty.replayed(world)
        assert result.exit_code == 0, result.output
        for number in range(twenty.ROUNDS):
            assert f"round {number}: the same" in result.output


def test_an_event_before_its_artefact_is_caught(made: Made) -> None:
    """The first planted bug: killed between the two, the ledger names a file that is not there."""
    with World(made, bug="event before artefact") as world:
        assert world.die("worker", Death("Freeze", 2))
        world.look(thoroughly=True)
        assert any("no artefact" in line for line in world.findings.broken), world.findings


def test_an_event_without_a_unique_key_is_caught(made: Made) -> None:
    """The second planted bug: what was acknowledged cannot be found again under the key that the person holds.

    It is not doubled: an answer that says what is in force already is the one in force, whatever its key.
    """
    with World(made, bug="event without unique key") as world:
        assert world.die("server", Death("append", 2))
        world.run(iter(()))
        assert world.findings.lost
