"""Does the health watch keep its word? Whole projects on the engine itself: quiet ones, and ones with a planted change.

    python -m benchmarks.health --quiet 200 --changed 50 --out health.jsonl

Each project labels 160 items; then 500 items join, and 240 more are labelled. Items of the random lanes have two
opinions. In a quiet project all of it is as it was. Interrupted, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.evidence import Ridge, World, worlds

from querist.engine.bench.rehearsal import begin, join
from querist.engine.health import CHECKS
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.events import AnswerSubmitted, HealthChecked
from querist.measure.intervals import wilson
from querist.store.protocol import NewEvent
from querist.types import Array, Rng

POOL, JOINING = 1_500, 500
BEFORE, LABELS = 160, 400
CHUNK = 20
RANDOM_LANES = ("evaluation", "control")


@dataclass(frozen=True)
class Case:
    """What changes when the items join: which of them, what the first person says, how often the second is wrong."""

    name: str
    joining: Callable[[Array], Array] = np.ones_like
    said: Callable[[int, Rng], int] = lambda target, rng: target
    slips: float = 0.05


def _mostly_first(target: Array) -> Array:
    return np.where(target == 0, 5.0, 1.0)


CASES = (
    Case("nothing"),
    Case("half of the items that join are of one class of six", joining=_mostly_first),
    Case("what was c1 is called c0", said=lambda target, rng: 0 if target == 1 else target),
    Case(
        "a quarter of the answers is a guess",
        said=lambda target, rng: rng.integers(6) if rng.random() < 0.25 else target,
    ),
    Case("a second opinion is wrong in a quarter, not in a twentieth", slips=0.25),
)


def run_project(world: World, case: Case, seed: int) -> dict[str, Any]:
    """Return which checks were made after the change, and which of them ever were an alarm."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(world.pool))
    first, rest = order[:POOL], order[POOL:]
    chance = case.joining(world.target[rest]).astype(float)
    second = rng.choice(rest, JOINING, replace=False, p=chance / chance.sum())
    rows = np.concatenate([first, second])
    project = begin(
        world.pool[first],
        world.classes,
        strategy="margin",
        learner=Ridge(),
        seed=seed,
        loop={"batch": CHUNK, "retrain_every": {"least": 2 * CHUNK, "share": 0.0}},
        lanes={"evaluation": 0.35, "control_after": 0.2},
        model={"name": "ridge", "calibrate": "off"},
        stop={"any": []},
    )
    target = world.target[rows]
    label(project, target, world.classes, Case("before"), rng, labels=BEFORE)
    join(project, world.pool[second])
    label(project, target, world.classes, case, rng, labels=LABELS)
    looks = [e.event for e in project.store.events(kinds=["health_checked"]) if isinstance(e.event, HealthChecked)]
    tested = {check["check"] for look in looks for check in look.checks if check["state"] != "not_tested"}
    alarms = {name.removeprefix("health:") for look in looks for name in look.alarms}
    return {"case": case.name, "seed": seed, "looks": len(looks), "tested": sorted(tested), "alarms": sorted(alarms)}


def label(project: Project, target: Array, classes: Sequence[str], case: Case, rng: Rng, *, labels: int) -> None:
    """Answer what the queue asks until so many items are labelled."""
    while True:
        run_until_waiting(project)
        due = project.store.queue()[: min(CHUNK, labels - len(project.state().live))]
        if not due:
            return
        for entry in due:
            right = int(target[int(entry.item)])
            said = [case.said(right, rng)]
            if entry.lane in RANDOM_LANES:
                slip = rng.random() < case.slips
                said.append((right + 1) % len(classes) if slip else said[0])
            # Who differ are told apart by a third.
            said += [right] if len(set(said)) > 1 else []
            project.store.append_many(
                NewEvent(f"{entry.item}/{person}", _answer(entry, classes[number]), f"p_{person}")
                for person, number in enumerate(said)
            )


def _answer(entry: Any, value: str) -> AnswerSubmitted:
    return AnswerSubmitted(entry.item, "single_label", "answered", value, lane=entry.lane, round=entry.round)


def rates(records: Sequence[dict[str, Any]]) -> list[str]:
    """Return a Markdown table: of the projects of each case, the share in which each check was ever an alarm."""
    lines = [f"| what changes | projects | looks | {' | '.join(CHECKS)} | any |", "|---" * (len(CHECKS) + 4) + "|"]
    for case in CASES:
        own = [record for record in records if record["case"] == case.name]
        if own:
            looks = np.mean([record["looks"] for record in own])
            cells = [_share([name in r["alarms"] for r in own if name in r["tested"]]) for name in CHECKS]
            any_ = _share([bool(set(record["alarms"]) - {"balance"}) for record in own])
            lines.append(f"| {case.name} | {len(own)} | {looks:.1f} | {' | '.join(cells)} | {any_} |")
    return lines


def _share(fired: Sequence[bool]) -> str:
    if not fired:
        return "–"
    share = wilson(sum(fired), len(fired))
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"


def main() -> None:
    """Run the projects that are missing, and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quiet", type=int, default=200, help="projects in which nothing changes")
    options.add_argument("--changed", type=int, default=50, help="projects of each change")
    options.add_argument("--out", type=Path, default=Path("health.jsonl"))
    given = options.parse_args()
    have = [json.loads(line) for line in given.out.read_text().splitlines()] if given.out.exists() else []
    done = {(record["case"], record["seed"]) for record in have}
    world = worlds()[0]
    with given.out.open("a") as file:
        for seed in range(max(given.quiet, given.changed)):
            for case in CASES:
                wanted = given.quiet if case.name == "nothing" else given.changed
                if seed < wanted and (case.name, seed) not in done:
                    have.append(run_project(world, case, seed))
                    file.write(json.dumps(have[-1]) + "\n")
                    file.flush()
    print("\n".join(rates(have)))


if __name__ == "__main__":
    main()
