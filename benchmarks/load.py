"""A hundred people label at once: how long `next` and `answers` take, and whether anything is lost.

python -m benchmarks.load --folder F --prepare         makes the full form's project: 1,000,000 items, 100,000 labels
python -m benchmarks.load --folder F                   the full form, on a copy of it: 100 people, one minute and five
python -m benchmarks.load --items 20000 --labels 2000 --people 20 --seconds 20 --warm-up 5      a short form

Each person sends an answer, asks for the next items, and thinks for an exponential time (2 s on average). The service
and its worker run as `querist serve` runs them, on the same machine as this generator, whose share of the processors is
printed; answers are durable before they are acknowledged; a training is asked for as soon as the last one is done. At
the end every acknowledged answer is looked for in the ledger, and the other way round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

API = "/api/v1"
CLASSES = ["north", "east", "south", "west"]
RETRAIN_SECONDS = 10.0
PATIENCE = 60.0
FLUSH_SECONDS, FLUSHED = 0.2, 12_288
WINDOW, CALM = 5.0, 0.05
PROCESSORS = ("the generator", "the server", "the worker", "other programs", "kept by the host")
SERVE = """
import sys
from pathlib import Path
from querist.server.serve import serve
serve(Path(sys.argv[1]), port=0, browser=False)
"""


def make_project(folder: Path, *, items: int, labels: int, batch: int) -> str:
    """Make a project of points in four classes, some of them labelled; return its id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from querist.engine import create
    from querist.engine.project import Project
    from querist.engine.run import run_until_waiting

    rng = np.random.default_rng(0)
    points = rng.normal(size=(items, 8)).astype(np.float32)
    names = np.array(CLASSES)[(points[:, 0] > 0) * 2 + (points[:, 1] > 0)].astype(object)
    names[labels:] = None
    columns: dict[str, Any] = {f"x{k}": points[:, k] for k in range(8)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    data = folder.parent / "points.parquet"
    pq.write_table(pa.table({"id": np.arange(items).astype(str), **columns, "label": names}), data)
    create.init(
        folder,
        data=str(data),
        id="id",
        label="label",
        columns=list(columns),
        classes=CLASSES,
        settings={"stop": {"any": []}, "loop": {"batch": batch}},
    )
    project = Project.open(folder)
    run_until_waiting(project)
    project.store.close()
    return project.id


def copy_of(folder: Path, to: Path, *, batch: int) -> str:
    """Copy a project that `--prepare` made, so that each run begins with the same one; return its id.

    A larger batch than it was made with is chosen before anybody comes.
    """
    from querist.engine.project import Project
    from querist.engine.run import run_until_waiting

    shutil.copytree(folder, to)
    settings = to / "querist.toml"
    settings.write_text(re.sub(r"(?m)^batch = \d+$", f"batch = {batch}", settings.read_text()))
    project = Project.open(to)
    run_until_waiting(project)
    project.store.close()
    return project.id


def sign_in_links(folder: Path, people: int) -> list[str]:
    """Make the accounts, and return a one-time token for each: the owner's first."""
    from querist.server.site import Site

    site = Site.open(folder)
    site.people.create_person("owner", role="owner")
    names = [f"labeller{n}" for n in range(people)]
    for name in names:
        site.people.create_person(name, role="annotator")
    tokens = [site.people.create_link_token(name) for name in ("owner", *names)]
    site.close()
    return tokens


class Service:
    """`serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-c", SERVE, str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = ""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line

    def address(self) -> str:
        while (found := re.search(r"(http://\S+)/sign-in", self.said)) is None:
            if self.process.poll() is not None:
                raise SystemExit(self.said)
            time.sleep(0.1)
        return found[1]

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=60)


class Connection:
    """One person's connection: as much of HTTP as it takes, for the service has the same processors."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        self.host, self.port = str(parts.hostname), parts.port
        self.headers = {"Host": parts.netloc, "Content-Type": "application/json"}
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and JSON of the reply."""
        async with asyncio.timeout(PATIENCE):
            if self.streams is None or self.streams[0].at_eof():
                self.streams = await asyncio.open_connection(self.host, self.port)
            reader, writer = self.streams
            text = json.dumps(body)
            lines = [f"POST {API}{path} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers.items())]
            writer.write("\r\n".join([*lines, f"Content-Length: {len(text)}", "", text]).encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = re.search(r"(?i)content-length: (\d+)", head)
            assert length is not None, head
            reply = json.loads(await reader.readexactly(int(length[1])))
        if (cookie := re.search(r"(?i)set-cookie: ([^;]+)", head)) is not None:
            self.headers["Cookie"] = cookie[1]
        return int(head.split(maxsplit=2)[1]), reply

    async def sign_in(self, token: str) -> None:
        _, me = await self.post("/session", {"token": token})
        self.headers["X-CSRF-Token"] = me["csrf"]


class Load:
    """What the people did: latencies after the warm-up, errors, and the keys of acknowledged answers."""

    def __init__(self, base: str, project: str, *, think: float, until: float, warm: float) -> None:
        self.base, self.project = base, project
        self.think, self.until, self.warm = think, until, warm
        self.took: dict[str, list[tuple[float, float]]] = {"next": [], "answers": []}
        self.errors: Counter[str] = Counter()
        self.acknowledged: list[str] = []

    async def person(self, token: str) -> None:
        rng = random.Random(token)
        connection = Connection(self.base)
        await connection.sign_in(token)
        held: list[dict[str, Any]] = []
        while time.monotonic() < self.until:
            await asyncio.sleep(rng.expovariate(1 / self.think))
            if held:
                await self.answer(connection, held.pop(0), rng)
            reply = await self.ask(connection, "next", {"n": 5, "held": [task["lease"] for task in held]})
            held += reply["tasks"] if reply is not None else []

    async def keep_training(self, token: str) -> None:
        """Ask for a training again and again: one that runs already takes the wish with it."""
        connection = Connection(self.base)
        await connection.sign_in(token)
        while True:
            await connection.post(f"/projects/{self.project}/commands/retrain", {"key": str(uuid.uuid4())})
            await asyncio.sleep(RETRAIN_SECONDS)

    async def answer(self, connection: Connection, task: dict[str, Any], rng: random.Random) -> None:
        key = str(uuid.uuid4())
        value = rng.choice(CLASSES)
        form = {"key": key, "item": task["item"], "value": value, "lease": task["lease"], "active_ms": 1500}
        if await self.ask(connection, "answers", form) is not None:
            self.acknowledged.append(key)

    async def ask(self, connection: Connection, what: str, body: dict[str, Any]) -> Any:
        began = time.perf_counter()
        try:
            status, reply = await connection.post(f"/projects/{self.project}/{what}", body)
        except (OSError, asyncio.IncompleteReadError) as error:
            self.errors[type(error).__name__] += 1
            connection.streams = None
            return None
        if (now := time.monotonic()) > self.warm:
            self.took[what].append((now, 1000 * (time.perf_counter() - began)))
        if status >= 400:
            self.errors[str(status)] += 1
            return None
        return reply


class Machine(threading.Thread):
    """What the machine does meanwhile: how long a bare flush of its disk takes, and what its host keeps from it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.file = folder / "flushes"
        self.flushes: list[float] = []
        self.kept: list[tuple[float, float]] = []
        self.ended = threading.Event()

    def run(self) -> None:
        with self.file.open("wb", buffering=0) as file:
            while not self.ended.wait(FLUSH_SECONDS):
                self.kept.append((time.monotonic(), machine_seconds()[1]))
                file.seek(0)
                file.write(os.urandom(FLUSHED))
                began = time.perf_counter()
                os.fdatasync(file)
                self.flushes.append(1000 * (time.perf_counter() - began))

    def calm(self, took: list[tuple[float, float]]) -> list[float]:
        """Return the times that fall into windows in which the host kept next to nothing."""
        when, kept = np.array(self.kept).T
        ends = np.arange(when[0] + WINDOW, when[-1], WINDOW)
        shares = (np.interp(ends, when, kept) - np.interp(ends - WINDOW, when, kept)) / WINDOW
        calm = ends[shares < CALM]
        return [took_ms for at, took_ms in took if ((calm - WINDOW <= at) & (at < calm)).any()]


def lost(folder: Path, acknowledged: list[str]) -> dict[str, int]:
    """Compare the ledger with what was acknowledged."""
    from querist.engine.project import Project

    project = Project.open(folder)
    kept = [r.key for r in project.store.events(kinds=["answer_submitted"]) if r.actor.startswith("p_")]
    project.store.close()
    both = set(kept) & set(acknowledged)
    return {
        "acknowledged": len(acknowledged),
        "in_ledger": len(kept),
        "lost": len(set(acknowledged) - both),
        "twice": len(kept) - len(set(kept)),
        "not_acknowledged": len(set(kept) - both),
    }


async def run(load: Load, tokens: list[str], manager: str) -> None:
    training = asyncio.create_task(load.keep_training(manager))
    await asyncio.gather(*(load.person(token) for token in tokens))
    training.cancel()


def cpu_seconds(process: int) -> tuple[float, float]:
    """Return the processor time of a process, and that of its children that live, from the kernel's table."""
    own = children = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks = int(fields[11]) + int(fields[12])
        own += ticks * (int(path.parent.name) == process)
        children += ticks * (int(fields[1]) == process)
    return own / os.sysconf("SC_CLK_TCK"), children / os.sysconf("SC_CLK_TCK")


def machine_seconds() -> tuple[float, float]:
    """Return the processor time that all programs of the machine have had, and what its host kept from it."""
    user, nice, system, _, _, interrupts, soft, stolen, *_ = Path("/proc/stat").read_text().split()[1:]
    used = sum(map(int, (user, nice, system, interrupts, soft)))
    return used / os.sysconf("SC_CLK_TCK"), int(stolen) / os.sysconf("SC_CLK_TCK")


def table(found: dict[str, Any]) -> str:
    """Return the figures as the documentation shows them."""
    lines = ["| | times | p50 | p95 | p99 | slowest |", "|---|---|---|---|---|---|"]
    rows = {f"`{what}`": took for what, took in found["requests"].items()}
    rows |= {f"`{what}` while the host keeps less than {CALM:.0%}": took for what, took in found["calm"].items()}
    for what, took in {**rows, "a bare flush of 12 kB": found["flush"]}.items():
        figures = " | ".join(f"{took[name]:.1f} ms" for name in ("p50", "p95", "p99", "slowest"))
        lines.append(f"| {what} | {took['n']:,} | {figures} |")
    said = found["settings"]
    lines[:0] = [
        f"{said['people']} people, one answer every {said['think']:g} s each, {said['seconds']:g} s after "
        f"{said['warm_up']:g} s of warm-up; {said['items']:,} items, {said['labels']:,} labels to begin with, "
        f"{said['batch']:,} items chosen at a time.",
        "",
    ]
    errors = ", ".join(f"{count} × {name}" for name, count in found["errors"].items()) or "none"
    answers = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found["answers"].items())
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found["processors"].items())
    lines += [
        "",
        f"Errors: {errors}. Answers: {answers}.",
        f"Of one processor: {shares}. Trainings: {found['models']}.",
    ]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("items", 1_000_000), ("labels", 100_000), ("people", 100), ("batch", 5_000)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, seconds in (("seconds", 300.0), ("warm-up", 60.0), ("think", 2.0)):
        parser.add_argument(f"--{name}", type=float, default=seconds)
    parser.add_argument("--folder", type=Path, help="of the project; without it, one is made and thrown away")
    parser.add_argument("--prepare", action="store_true", help="make the project in --folder, and no more")
    parser.add_argument("--out", type=Path, help="where the figures go, as JSON")
    parser.add_argument("--docs", type=Path, help="page that shows the figures")
    chosen = parser.parse_args()
    if chosen.prepare:
        make_project(chosen.folder, items=chosen.items, labels=chosen.labels, batch=chosen.batch)
        return 0
    with tempfile.TemporaryDirectory(dir=chosen.folder and chosen.folder.parent) as place:
        folder = Path(place) / "load"
        if chosen.folder is None:
            project = make_project(folder, items=chosen.items, labels=chosen.labels, batch=chosen.batch)
        else:
            project = copy_of(chosen.folder, folder, batch=chosen.batch)
        found = measured(folder, project, chosen)
    print(table(found))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=2))
    if chosen.docs is not None:
        write_into(chosen.docs, "load", table(found))
    return 1 if found["answers"]["lost"] or found["answers"]["twice"] else 0


def measured(folder: Path, project: str, chosen: argparse.Namespace) -> dict[str, Any]:
    """Let the people label, and return what was found."""
    manager, *tokens = sign_in_links(folder, chosen.people)
    service, machine = Service(folder), Machine(folder)

    def spent() -> np.ndarray:
        return np.array([time.process_time(), *cpu_seconds(service.process.pid), *machine_seconds()])

    try:
        base = service.address()
        machine.start()
        start, before = time.monotonic(), spent()
        warm = start + chosen.warm_up
        load = Load(base, project, think=chosen.think, until=warm + chosen.seconds, warm=warm)
        asyncio.run(run(load, tokens, manager))
        shares = (spent() - before) / (time.monotonic() - start)
    finally:
        machine.ended.set()
        service.end()
    shares[3] -= shares[:3].sum()
    items, labels = size_of(folder)
    said = {name: getattr(chosen, name) for name in ("people", "seconds", "warm_up", "think", "batch")}
    return {
        "settings": {**said, "items": items, "labels": labels},
        "requests": {what: percentiles([took_ms for _, took_ms in took]) for what, took in load.took.items()},
        "calm": {what: percentiles(machine.calm(took)) for what, took in load.took.items()},
        "flush": percentiles(machine.flushes),
        "errors": dict(load.errors),
        "answers": lost(folder, load.acknowledged),
        "processors": dict(zip(PROCESSORS, shares.round(3).tolist(), strict=True)),
        "models": trainings(folder) - 1,
    }


def write_into(page: Path, name: str, text: str) -> None:
    """Put a text between the two marks of its name in a page of the documentation, with the day and the machine."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{page} has no marks {begin} and {end}")
    day = time.strftime("%Y-%m-%d", time.gmtime())
    page.write_text(
        f"{before}{begin}\nMeasured {day} on {os.cpu_count()} cores:\n\n{text}\n{end}{after}", encoding="utf-8"
    )


def percentiles(took: list[float]) -> dict[str, float]:
    """Return how many requests there were and how long they took, in ms."""
    p50, p95, p99, slowest = np.percentile(took, [50, 95, 99, 100]).tolist() if took else [float("nan")] * 4
    return {"n": len(took), "p50": p50, "p95": p95, "p99": p99, "slowest": slowest}


def trainings(folder: Path) -> int:
    """Return how many models the project has had."""
    from querist.engine.project import Project

    project = Project.open(folder)
    count = len(project.trained())
    project.store.close()
    return count


def size_of(folder: Path) -> tuple[int, int]:
    """Return how many items a project has, and how many labels came with them."""
    from querist.engine.project import Project

    project = Project.open(folder)
    answers = project.store.events(kinds=["answer_submitted"])
    size = project.state().pool_size, sum(1 for recorded in answers if recorded.actor == "import")
    project.store.close()
    return size


if __name__ == "__main__":
    sys.exit(main())
