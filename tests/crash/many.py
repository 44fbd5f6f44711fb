"""`make crash`: kill server, worker and people a thousand times on each database, and count what went wrong.

Each run of a project is a line of `.make/crash.jsonl`; begun again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests import postgres
from tests.crash.world import Findings, Made, World, random_deaths

AT_ONCE = 50
"""Kills in one run of a project; then it ends undisturbed, is verified, and compared."""

COUNTED = ("lost", "doubled", "broken", "different")
WORDS = {"lost": "answers lost", "doubled": "doubled", "broken": "chain breaks", "different": "different batches"}


def commit() -> str:
    """Return the commit that is tried, with a + where the tree differs from it."""
    told = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def runs(kind: str, wanted: int, kept: Path) -> None:
    """Kill until so many kills are on record, one run of a project after the other."""
    done = records(kept, kind)
    kills, number = sum(sum(one["kills"].values()) for one in done), len(done)
    if kills >= wanted:
        return
    with tempfile.TemporaryDirectory(prefix="querist-crash-") as home:
        made = Made(Path(home), kind)
        made.measure()
        while kills < wanted:
            number += 1
            began = time.monotonic()
            with World(made, seed=number) as world:
                world.run(random_deaths(kind, number, min(AT_ONCE, wanted - kills)))
                found = world.findings
                if not found.nothing:
                    world.keep(kept.with_name(f"crash-{kind}-{number}.jsonl"))
                    print(world.told())
            kills += sum(found.kills.values())
            line = _line(kind, number, found, time.monotonic() - began)
            with kept.open("a") as file:
                file.write(json.dumps(line) + "\n")
            bad = ", ".join(f"{WORDS[name]}: {line[name]}" for name in COUNTED if line[name]) or "nothing wrong"
            print(f"{kind}: {kills:,} of {wanted:,} kills, {bad}", flush=True)


def again(kind: str, seed: int) -> bool:
    """Repeat one run of a project, say what came of it, and return whether nothing went wrong."""
    with tempfile.TemporaryDirectory(prefix="querist-crash-") as home:
        made = Made(Path(home), kind)
        made.measure()
        with World(made, seed=seed) as world:
            world.run(random_deaths(kind, seed, AT_ONCE))
            print(world.told())
            return world.findings.nothing


def _line(kind: str, number: int, found: Findings, seconds: float) -> dict[str, object]:
    told = {name: len(getattr(found, name)) for name in COUNTED}
    which = {name: getattr(found, name)[:5] for name in COUNTED if getattr(found, name)}
    return {
        "database": kind,
        "run": number,
        "kills": dict(found.kills),
        "answers": found.answers,
        **told,
        "which": which,
        "seconds": round(seconds, 1),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
    }


def records(kept: Path, kind: str) -> list[dict[str, object]]:  # type: ignore[type-arg]
    """Return what is on record for a database."""
    if not kept.exists():
        return []
    return [one for one in map(json.loads, kept.read_text().splitlines()) if one["database"] == kind]


def summary(kept: Path, kind: str) -> tuple[str, bool]:
    """Return what all runs on a database came to, and whether nothing went wrong."""
    done = records(kept, kind)
    kills: Counter[str] = Counter()
    for one in done:
        kills.update(one["kills"])  # type: ignore[arg-type]
    wrong = {name: sum(int(str(one[name])) for one in done) for name in COUNTED}
    told = ", ".join(f"{count:,} {WORDS[name]}" for name, count in wrong.items())
    answers = sum(int(str(one["answers"])) for one in done)
    each = ", ".join(f"{part} {count:,}" for part, count in sorted(kills.items()))
    commits = ", ".join(sorted({str(one["commit"]) for one in done}))
    dates = " to ".join(dict.fromkeys((str(done[0]["date"]), str(done[-1]["date"])))) if done else ""
    line = f"{kind}: {sum(kills.values()):,} kills ({each}), {answers:,} answers: {told}; {dates}, commit {commits}"
    return line, not any(wrong.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000, help="on each database")
    parser.add_argument("--record", type=Path, default=Path(".make/crash.jsonl"))
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--again", type=int, metavar="SEED", help="repeat one run, and record nothing")
    wanted = parser.parse_args()
    wanted.record.parent.mkdir(parents=True, exist_ok=True)
    kinds = [wanted.only] if wanted.only else ["sqlite", "postgresql"]
    if "postgresql" in kinds and (reason := postgres.why_not()):
        print(f"postgresql is left out: {reason}")
        kinds.remove("postgresql")
    try:
        if wanted.again is not None:
            sys.exit(not all(again(kind, wanted.again) for kind in kinds))
        for kind in kinds:
            runs(kind, wanted.kills, wanted.record)
    finally:
        postgres.stop_server()
    lines = [summary(wanted.record, kind) for kind in kinds]
    print("\n".join(line for line, _ in lines))
    sys.exit(0 if all(good for _, good in lines) else 1)


if __name__ == "__main__":
    main()
