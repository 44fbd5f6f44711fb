"""A hundred people label at once: how long `next` and `answers` take, and whether anything is lost.

python -m benchmarks.load                              the full form: a million items, 100,000 labels, five minutes
python -m benchmarks.load --items 20000 --labels 2000 --people 20 --seconds 20 --warm-up 5      a short form

Each person sends an answer, asks for the next items, and thinks for an exponential time (2 s on average). The service
and its worker run as `querist serve` runs them, on the same machine as this generator, whose share of the processors is
printed; answers are durable before they are acknowledged. At the end every acknowledged answer is looked for in the
ledger, and the other way round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np

API = "/api/v1"
SERVE = """
import sys
from pathlib import Path
from querist.server.serve import serve
serve(Path(sys.argv[1]), port=0, browser=False)
"""


def make_project(folder: Path, *, items: int, labels: int) -> str:
    """Make a project of points in four classes, some of them labelled; return its id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from querist.engine import create
    from querist.engine.project import Project
    from querist.engine.run import run_until_waiting

    rng = np.random.default_rng(0)
    points = rng.normal(size=(items, 8)).astype(np.float32)
    names = np.array(["north", "east", "south", "west"])[(points[:, 0] > 0) * 2 + (points[:, 1] > 0)].astype(object)
    names[labels:] = None
    columns: dict[str, Any] = {f"x{k}": points[:, k] for k in range(8)}
    data = folder.parent / "points.parquet"
    pq.write_table(pa.table({"id": np.arange(items).astype(str), **columns, "label": names}), data)
    create.init(
        folder,
        data=str(data),
        id="id",
        label="label",
        columns=list(columns),
        settings={"stop": {"any": []}, "loop": {"batch": 500}},
    )
    project = Project.open(folder)
    run_until_waiting(project)
    project.store.close()
    return project.id


def sign_in_links(folder: Path, people: int) -> list[str]:
    """Make the accounts, and return a one-time token for each."""
    from querist.server.site import Site

    site = Site.open(folder)
    names = [f"labeller{n}" for n in range(people)]
    for name in names:
        site.people.create_person(name, role="annotator")
    tokens = [site.people.create_link_token(name) for name in names]
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


class Load:
    """What the people did: latencies after the warm-up, errors, and the keys of acknowledged answers."""

    def __init__(self, base: str, project: str, *, think: float, until: float, warm: float) -> None:
        self.base, self.project = f"{base}{API}", project
        self.think, self.until, self.warm = think, until, warm
        self.took: dict[str, list[float]] = {"next": [], "answers": []}
        self.errors: Counter[str] = Counter()
        self.acknowledged: list[str] = []

    async def person(self, token: str) -> None:
        rng = random.Random(token)
        async with httpx.AsyncClient(base_url=self.base, timeout=60) as client:
            me = await client.post("/session", json={"token": token})
            client.headers["X-CSRF-Token"] = me.json()["csrf"]
            held: list[dict[str, Any]] = []
            while time.monotonic() < self.until:
                await asyncio.sleep(rng.expovariate(1 / self.think))
                if held:
                    await self.answer(client, held.pop(0), rng)
                reply = await self.ask(client, "next", {"n": 5, "held": [task["lease"] for task in held]})
                held += reply.json()["tasks"] if reply is not None else []

    async def answer(self, client: httpx.AsyncClient, task: dict[str, Any], rng: random.Random) -> None:
        key = str(uuid.uuid4())
        value = rng.choice(["north", "east", "south", "west"])
        form = {"key": key, "item": task["item"], "value": value, "lease": task["lease"], "active_ms": 1500}
        if await self.ask(client, "answers", form) is not None:
            self.acknowledged.append(key)

    async def ask(self, client: httpx.AsyncClient, what: str, body: dict[str, Any]) -> httpx.Response | None:
        began = time.perf_counter()
        try:
            reply = await client.post(f"/projects/{self.project}/{what}", json=body)
        except httpx.HTTPError as error:
            self.errors[type(error).__name__] += 1
            return None
        if time.monotonic() > self.warm:
            self.took[what].append(1000 * (time.perf_counter() - began))
        if reply.status_code >= 400:
            self.errors[str(reply.status_code)] += 1
            return None
        return reply


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


async def run(load: Load, tokens: list[str]) -> None:
    await asyncio.gather(*(load.person(token) for token in tokens))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("items", 1_000_000), ("labels", 100_000), ("people", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("seconds", 300.0), ("warm-up", 60.0), ("think", 2.0)):
        parser.add_argument(f"--{name}", type=float, default=value)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()

    folder = Path(tempfile.mkdtemp()) / "load"
    began = time.monotonic()
    project = make_project(folder, items=chosen.items, labels=chosen.labels)
    tokens = sign_in_links(folder, chosen.people)
    made = time.monotonic() - began
    service = Service(folder)
    base = service.address()
    start, own = time.monotonic(), time.process_time()
    warm = start + chosen.warm_up
    load = Load(base, project, think=chosen.think, until=warm + chosen.seconds, warm=warm)
    asyncio.run(run(load, tokens))
    elapsed, share = time.monotonic() - start, time.process_time() - own
    service.end()

    found: dict[str, Any] = {
        "settings": {**vars(chosen), "out": None},
        "setting_up_s": round(made, 1),
        "generator_cpu": round(share / elapsed, 3),
        "errors": dict(load.errors),
        "answers": lost(folder, load.acknowledged),
        "models": service.said.count("trained"),
    }
    print(f"{'':10}{'n':>8}{'p50':>9}{'p95':>9}{'p99':>9}  ms")
    for what, took in load.took.items():
        p = np.percentile(took, [50, 95, 99]) if took else [float("nan")] * 3
        found[what] = {"n": len(took), "p50": float(p[0]), "p95": float(p[1]), "p99": float(p[2])}
        print(f"{what:10}{len(took):8,}{p[0]:9.1f}{p[1]:9.1f}{p[2]:9.1f}")
    print(f"errors: {dict(load.errors) or 'none'}; the generator took {found['generator_cpu']:.0%} of one processor")
    print("answers: " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found["answers"].items()))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(found, indent=2))
    wrong = found["answers"]["lost"] or found["answers"]["twice"]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
