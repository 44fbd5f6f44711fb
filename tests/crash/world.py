"""A project under load whose server, worker and people are killed; and what must not come of it."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from querist.engine import create
from querist.engine.project import open_store
from querist.engine.spec import FILE_NAME
from querist.engine.spec_file import read_spec
from querist.store.people import People
from querist.store.tokens import Tokens
from querist.store.verify import verify
from tests import postgres
from tests.crash import parts
from tests.crash.parts import ACKNOWLEDGED, WRITES, Death

Part: TypeAlias = Literal["server", "worker", "people"]
PARTS: Final[tuple[Part, ...]] = ("server", "worker", "people")
ROUNDS: Final = 3
NAMES: Final = ("p1", "p2", "p3")
LONGEST: Final = 240.0
"""Seconds without any news after which something has gone wrong."""

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        # What each fork imports again, because it is the program that we are.
        *(["pytest"] if "pytest" in sys.modules else []),
        "tests.crash.world",
        "uvicorn.protocols.http.h11_impl",
        "uvicorn.lifespan.on",
        "querist.server.app",
        "querist.server.site",
        "querist.store.people",
        "querist.models.sklearn",
        "querist.models.features",
        "querist.measure.evidence",
        "sklearn.linear_model",
        "sklearn.model_selection",
        "pyarrow.parquet",
        "skops.io",
        "psycopg",
    ]
)


@dataclass
class Findings:
    """What went wrong; all of it must stay empty."""

    kills: Counter[str] = field(default_factory=Counter)
    answers: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not (self.lost or self.doubled or self.broken or self.different)

    def __str__(self) -> str:
        """Five of each: a batch that differs is followed by a hundred others."""
        kinds = {"lost": self.lost, "doubled": self.doubled, "broken": self.broken, "different": self.different}
        told = [f"{name} {len(found)}: {'; '.join(found[:5])}" for name, found in kinds.items() if found]
        return ", ".join(told) or "nothing wrong"


class Made:
    """A new project of wines, to be copied for each run; in a file or in PostgreSQL."""

    def __init__(self, home: Path, kind: str, *, rounds: int = ROUNDS, batch: int = 12) -> None:
        self.rounds = rounds
        self.home = home
        self.kind = kind
        self.folder = home / "made"
        self.data = home / "wine.csv"
        _write_wine(self.data)
        self.url = postgres.server().database() if kind == "postgresql" else "sqlite:///querist.db"
        columns = [name for name in self.data.read_text().splitlines()[0].split(",") if name not in ("id", "class")]
        create.init(
            self.folder,
            data=str(self.data),
            columns=columns,
            id="id",
            classes=["class 0", "class 1", "class 2"],
            seed=7,
            store=self.url,
            settings={
                "loop": {"mode": "batch", "batch": batch, "seed_set": {"least": 12, "per_class": 4}},
                "lanes": {"control": 0.25, "evaluation": 0.25},
                "stop": {"any": [{"rule": "budget", "labels": 10_000}]},
            },
        )
        store = open_store(self.folder, read_spec(self.folder))
        people = People(store.database)
        self.project = store.project
        self.tokens = {
            name: Tokens(people).create(people.create_person(name, role="annotator"), "crash", scope="label")
            for name in NAMES
        }
        store.close()
        with self.data.open(newline="") as file:
            self.truth = {row["id"]: row["class"] for row in csv.DictReader(file)}
        self.undisturbed: dict[str, Any] = {}
        self.boundaries: list[tuple[Part, Death]] = []

    def copy(self) -> Path:
        """Return the folder of a copy with a database of its own."""
        folder = Path(os.path.join(self.home, f"run{len(list(self.home.iterdir()))}"))
        shutil.copytree(self.folder, folder)
        if self.kind == "postgresql":
            name = self.url.partition("@/")[2].partition("?")[0]
            url = postgres.server().empty_database(template=name)
            toml = folder / FILE_NAME
            toml.write_text(toml.read_text().replace(self.url, url))
        return folder

    def forget(self, folder: Path) -> None:
        """Remove a copy."""
        if self.kind == "postgresql":
            postgres.server().drop(read_spec(folder).store.url)
        shutil.rmtree(folder)

    def measure(self) -> None:
        """Let a copy run undisturbed: what it does is what every other run must do."""
        with World(self) as world:
            world.run(iter(()))
            self.undisturbed = world.record()
            most: dict[str, int] = {}
            for line in (world.folder / WRITES).read_text().splitlines():
                step, writes = line.split()
                most[step] = max(most.get(step, 0), int(writes))
        order = ("BuildFeatures", "Select", "Freeze", "Train", "Evaluate")
        self.boundaries = [("worker", Death(step, n)) for step in order[:2] for n in range(1, most[step] + 1)]
        self.boundaries += [("server", Death(name, n)) for name in ("lease", "append") for n in (1, 2, 3, 4)]
        self.boundaries += [("people", Death("answer", n)) for n in (1, 2, 3, 4)]
        self.boundaries += [("worker", Death(step, n)) for step in order[2:] for n in range(1, most[step] + 1)]


class World:
    """One copy of a project with its server, its worker and its people, each a process of its own."""

    def __init__(self, made: Made, *, seed: int = 0, bug: str = "") -> None:
        self.made = made
        self.folder = made.copy()
        self.seed = seed
        self.bug = bug
        self.deaths: list[str] = []
        self.lives: Counter[str] = Counter()
        self.processes: dict[Part, Any] = {}
        self.rivals: list[Any] = []
        self.findings = Findings()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.store = open_store(self.folder, read_spec(self.folder))

    def __enter__(self) -> World:
        for part in PARTS:
            self.start(part)
        return self

    def __exit__(self, kind: object, error: object, *_: object) -> None:
        if error is not None:
            print(self.told())
        for process in [*self.processes.values(), *self.rivals]:
            process.kill()
            process.join()
        self.listening.close()
        self.store.close()
        self.made.forget(self.folder)

    def start(self, part: Part, death: Death | None = None) -> None:
        """Fork a part; with a death it dies by itself."""
        self.lives[part] += 1
        ready = self._ready(part)
        address = self.listening.getsockname()
        seed = hash((self.seed, self.lives[part]))
        target, arguments = {
            "server": (parts.serve, (self.folder, ready, self.listening, death, self.bug)),
            "worker": (parts.work, (self.folder, ready, death, self.bug)),
            "people": (
                parts.annotate,
                (self.folder, ready, address, self.made.project, self.made.tokens, self.made.truth, seed, death),
            ),
        }[part]
        process = FORKS.Process(target=target, args=arguments, daemon=True)  # type: ignore[arg-type]
        process.start()
        self.processes[part] = process

    def _ready(self, part: Part) -> Path:
        return self.folder / f"ready-{part}-{self.lives[part]}"

    def start_rival(self) -> None:
        """Start a second worker; in a world with the bug `no claims` both run every step at once."""
        process = FORKS.Process(
            target=parts.work, args=(self.folder, self.folder / "ready-rival", None, self.bug), daemon=True
        )
        process.start()
        self.rivals.append(process)

    def kill(self, part: Part, after: float) -> None:
        """SIGKILL a part a while after it has begun to work, and start it again."""
        process = self.processes[part]
        for _ in patiently(f"{part} never began", every=0.005):
            if self._ready(part).exists():
                break
            assert process.exitcode is None, f"{part} ended with {process.exitcode}"
        time.sleep(after)
        self.deaths.append(f"{part} {1000 * after:.0f} ms after its start, event {self.store.head()[0]:,}")
        os.kill(process.pid, signal.SIGKILL)
        self._bury(part)

    def die(self, part: Part, death: Death) -> bool:
        """Start a part anew so that it dies at a boundary; False when the rounds were over before it came there."""
        self.processes[part].kill()
        self.processes[part].join()
        self.deaths.append(f"{part} at {death.where} {death.number}, after event {self.store.head()[0]:,}")
        self.start(part, death)
        for _ in patiently(f"{part} never came to {death}", every=0.01):
            if self.processes[part].exitcode is not None or self.over():
                break
        if self.processes[part].exitcode is None:
            return False
        self._bury(part)
        return True

    def _bury(self, part: Part) -> None:
        process = self.processes[part]
        process.join(timeout=LONGEST)
        assert process.exitcode == -signal.SIGKILL, f"{part} ended with {process.exitcode}"
        self.findings.kills[part] += 1
        self.look()
        self.start(part)

    def told(self) -> str:
        """What is needed to look into it: which project, its deaths, what was found, how to repeat it."""
        again = f"python -m tests.crash.many --only {self.made.kind} --again {self.seed}"
        last = "; ".join(self.deaths[-5:]) or "none"
        lines = [
            f"{self.made.kind}, seed {self.seed}, {len(self.deaths)} deaths, the last: {last}",
            f"found: {self.findings}",
            f"the same deaths again (where they were random): {again}",
        ]
        return "\n".join(lines)

    def over(self) -> bool:
        """Whether the rounds that are compared have been evaluated."""
        return self.store.find(f"r{self.made.rounds - 1}/evaluate") is not None

    def run(self, deaths: Iterator[tuple[Part, Death | float]]) -> int:
        """Let the project run its rounds, with these deaths on the way; return how many boundaries were not met."""
        missed = 0
        for part, death in deaths:
            if self.over():
                if isinstance(death, Death):
                    missed += 1
                    continue
                break
            if isinstance(death, Death):
                missed += not self.die(part, death)
            else:
                self.kill(part, death)
        while not self.over():
            self._wait_for_news()
        self.look(thoroughly=True)
        return missed

    def _wait_for_news(self) -> None:
        head = self.store.head()[0]
        for _ in patiently("the project stands still"):
            if self.store.head()[0] > head or self.over():
                return
            for part, process in self.processes.items():
                assert process.exitcode is None, f"{part} ended with {process.exitcode}"

    def look(self, *, thoroughly: bool = False) -> None:
        """Compare what was acknowledged with what is there; thoroughly also the chain, the files and the views."""
        file = self.folder / ACKNOWLEDGED
        acknowledged = file.read_text().split() if file.exists() else []
        lines = list(self.store.events())
        keys = Counter(line.key for line in lines)
        self._add(self.findings.lost, (key for key in acknowledged if key not in keys))
        self._add(self.findings.doubled, (key for key, count in keys.items() if count > 1))
        said = Counter(
            (line.actor, line.event.item, line.event.active_ms)  # type: ignore[attr-defined]
            for line in lines
            if line.event.kind == "answer_submitted"
        )
        self._add(self.findings.doubled, (str(answer) for answer, count in said.items() if count > 1))
        done = Counter(
            (line.event.kind, line.event.round, getattr(line.event, "part", 0))  # type: ignore[attr-defined]
            for line in lines
            if line.event.kind in ("batch_selected", "dataset_frozen", "model_trained", "model_evaluated")
        )
        self._add(self.findings.doubled, (str(step) for step, count in done.items() if count > 1))
        self.findings.answers = sum(said.values())
        if thoroughly:
            self._add(self.findings.broken, map(str, verify(self.store).problems))
            if self.made.undisturbed:
                self._compare()

    @staticmethod
    def _add(found: list[str], more: Any) -> None:
        found.extend(one for one in more if one not in found)

    def _compare(self) -> None:
        ours, theirs = self.record(), self.made.undisturbed
        for name, wanted in theirs.items():
            pairs = zip(ours[name], wanted, strict=False)
            self._add(self.findings.different, (f"{name} {a[0]}" for a, b in pairs if a != b))
            if len(ours[name]) < len(wanted):
                self._add(self.findings.different, [f"{name}: {len(ours[name])} of {len(wanted)}"])

    def keep(self, file: Path) -> None:
        """Write the ledger down, to find out afterwards what went wrong."""
        with file.open("w") as out:
            for line in self.store.events():
                told = {"seq": line.seq, "at": line.at, "key": line.key, "kind": line.event.kind, "actor": line.actor}
                out.write(json.dumps({**told, "body": line.event.to_json()}) + "\n")

    def record(self) -> dict[str, Any]:
        """What must not depend on deaths and on the order of answers: batches, data sets, models."""
        batches, datasets, models = [], [], []
        for line in self.store.events():
            event: Any = line.event
            number = getattr(event, "round", None)
            if number is None or number >= self.made.rounds:
                continue
            match event.kind:
                case "batch_selected":
                    batches.append((event.round, event.part, event.items))
                case "dataset_frozen":
                    datasets.append((event.round, event.dataset))
                case "model_trained":
                    models.append((event.round, event.model))
        return {"batches": batches, "datasets": datasets, "models": models}


def patiently(wrong: str, *, every: float = 0.05) -> Iterator[None]:
    """Yield now and then until something has gone wrong.

    Looks are counted, not seconds: who is given no processor for a while, with all that it waits for, loses no time.
    """
    for _ in range(round(LONGEST / every)):
        yield
        time.sleep(every)
    raise AssertionError(f"{wrong} in {LONGEST:g} seconds")


def random_deaths(kind: str, seed: int, count: int) -> Iterator[tuple[Part, float]]:
    """Yield parts to kill, each so many seconds after it has begun; a seed gives the same ones each time."""
    chance = random.Random(f"{kind} {seed}")
    for _ in range(count):
        yield chance.choice(PARTS), chance.uniform(0, 0.4)


def _write_wine(path: Path) -> None:
    from sklearn.datasets import load_wine

    data = load_wine()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *data.feature_names, "class"])
        for number, (row, target) in enumerate(zip(data.data.tolist(), data.target.tolist(), strict=True)):
            writer.writerow([f"w{number}", *row, f"class {target}"])
