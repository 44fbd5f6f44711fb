"""Many people at once: does anybody ever get an item that another one has?

python -m benchmarks.together                                  SQLite, one server, one opinion an item
python -m benchmarks.together --opinions 2
python -m benchmarks.together --store env:LABELS_DB --servers 2    PostgreSQL, which several servers may share

Everybody answers as fast as the service lets them, three items in hand, while the worker trains and ranks the queue
anew. Nothing is given back and no lease runs out, so an item that went to more people than it has opinions went to two
at once. Exit code 1 if one did, or if an answer was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import time
import uuid
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from benchmarks.load import API, CLASSES, Service, lost, sign_in_links

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting

HELD = 3


def make(folder: Path, *, items: int, opinions: int, store: str) -> str:
    """Make a project of points in four classes; return its id."""
    rows = (f"{n},{(n * 7919) % items / items},{(n * 104729) % items / items}" for n in range(items))
    (folder.parent / "points.csv").write_text("id,x,y\n" + "\n".join(rows) + "\n")
    create.init(
        folder,
        data=str(folder.parent / "points.csv"),
        id="id",
        columns=["x", "y"],
        classes=CLASSES,
        store=store,
        settings={"stop": {"any": []}, "loop": {"batch": 100}, "labels": {"opinions": opinions}},
    )
    project = Project.open(folder)
    run_until_waiting(project)
    project.store.close()
    return project.id


class People:
    """Who got what, and what was acknowledged."""

    def __init__(self, project: str, *, until: float) -> None:
        self.project, self.until = f"{API}/projects/{project}", until
        self.given: defaultdict[str, set[int]] = defaultdict(set)
        self.acknowledged: list[str] = []
        self.refused: defaultdict[int, int] = defaultdict(int)

    async def person(self, number: int, base: str, token: str) -> None:
        async with httpx.AsyncClient(base_url=base, timeout=120) as client:
            me = await client.post(f"{API}/session", json={"token": token})
            client.headers["X-CSRF-Token"] = me.json()["csrf"]
            held: list[dict[str, str]] = []
            while time.monotonic() < self.until:
                form = {"n": HELD, "held": [task["lease"] for task in held]}
                tasks = (await client.post(f"{self.project}/next", json=form)).raise_for_status().json()["tasks"]
                known = {task["lease"] for task in held}
                held += [task for task in tasks if task["lease"] not in known]
                for task in held:
                    self.given[task["item"]].add(number)
                if held:
                    await self.answer(client, held.pop(0))
                else:
                    await asyncio.sleep(0.2)

    async def answer(self, client: httpx.AsyncClient, task: dict[str, str]) -> None:
        key, value = str(uuid.uuid4()), CLASSES[int(task["item"]) % 4]
        form = {"key": key, "item": task["item"], "value": value, "lease": task["lease"], "active_ms": 900}
        reply = await client.post(f"{self.project}/answers", json=form)
        if reply.is_success:
            self.acknowledged.append(key)
        else:
            self.refused[reply.status_code] += 1


async def all_at_once(people: People, bases: list[str], tokens: list[str]) -> None:
    await asyncio.gather(*(people.person(n, bases[n % len(bases)], token) for n, token in enumerate(tokens)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("items", 20_000), ("people", 40), ("seconds", 60), ("opinions", 1), ("servers", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--store", default="sqlite:///querist.db")
    chosen = parser.parse_args()
    with TemporaryDirectory(prefix="querist-together-") as place:
        folder = Path(place) / "points"
        project = make(folder, items=chosen.items, opinions=chosen.opinions, store=chosen.store)
        _, *tokens = sign_in_links(folder, chosen.people)
        services = [Service(folder) for _ in range(chosen.servers)]
        try:
            bases = [service.address() for service in services]
            people = People(project, until=time.monotonic() + chosen.seconds)
            asyncio.run(all_at_once(people, bases, tokens))
        finally:
            for service in services:
                service.end()
        found = lost(folder, people.acknowledged)
    counts = [len(who) for who in people.given.values()]
    too_many = sum(count > chosen.opinions for count in counts)
    print(
        f"{chosen.store.partition(':')[0]}, {chosen.servers} server(s), {chosen.people} people, {chosen.seconds} s, "
        f"{chosen.opinions} opinion(s): {sum(counts):,} given of {len(counts):,} items, "
        f"{too_many} items to more people than opinions; {found}, refused {dict(people.refused)}"
    )
    return 1 if too_many or found["lost"] or found["twice"] or people.refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
