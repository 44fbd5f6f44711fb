"""`make calls`: schemathesis asks every route of a running server, 100,000 times in all, and counts what it answers.

Three visitors take turns: the owner in a browser, a program with a token that manages, and nobody. Half of the names in
addresses are those of real things. Every answer of 500 and above ends with the exit code 1, and so does a route that
was never asked. The calls are counted by the server, not by who makes them, and kept in `.make/calls.json`: begun
again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.serving import running

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.server.app import ROUTERS, create_app
from querist.server.contents import API
from querist.server.site import Site

FAILED = 500
STREAM = "/projects/{project}/events"
"""Never ends, and has tests of its own."""
ENDS_THE_VISIT = ("/session", "/me/sessions", "/me/password")
"""What would sign the browser out, and leave the rest of its calls to answer 401."""


ROUTES = sorted(
    ((API + route.path_format, tuple(route.methods)) for router in ROUTERS for route in router.routes
     if isinstance(route, APIRoute) and route.path_format != STREAM),
    key=lambda route: (route[0].count("{"), route[0]),
)  # fmt: skip
"""Every path with its methods; the more of it is given, the earlier it is."""
ADDRESSES = [(path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path).encode())) for path, _ in ROUTES]


def route_of(scope: Scope) -> str:
    """The route that an address names, as it was sent: ids of items may hold slashes, which are encoded."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return next((path for path, address in ADDRESSES if address.fullmatch(raw)), "(no route)")


@dataclass
class Counting:
    """The service, with a count of what each route answered."""

    app: ASGIApp
    answers: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answers[scope["method"], route_of(scope), message["status"]] += 1
            await send(message)

        await self.app(scope, receive, counted if scope["type"] == "http" else send)

    @property
    def calls(self) -> int:
        return self.answers.total()


def site(folder: Path) -> Site:
    """A project of digits with a first model's worth of answers nowhere near: a queue, three people, gold."""
    create.init(folder, sample="digits", name="digits", settings=create.settings(sample="digits"))
    run_until_waiting(Project.open(folder))
    found = Site.open(folder)
    found.people.create_first_admin()
    for name, role in (("ann", "annotator"), ("rita", "reviewer"), ("max", "manager")):
        found.people.create_person(name, role=role)  # type: ignore[arg-type]
    return found


def real_things(here: Site, browser: httpx.Client, project: str) -> dict[str, list[str]]:
    """Names of things that are there, for half of the addresses."""
    base = f"{API}/projects/{project}"
    tasks = browser.post(f"{base}/next", json={"n": 10}).json()["tasks"]
    answers = []
    for task in tasks[:5]:
        form = {"key": str(uuid4()), "item": task["item"], "value": "7", "lease": task["lease"], "active_ms": 900}
        answers.append(str(browser.post(f"{base}/answers", json=form).json()["seq"]))
    browser.post(f"{base}/gold", json={"key": str(uuid4()), "values": {tasks[9]["item"]: "3"}})
    return {
        "project": [project],
        "item": [task["item"] for task in tasks],
        "lease": [task["lease"] for task in tasks[5:]],
        "seq": answers,
        "person": [person.id for person in here.people.people() if person.name != "admin"],
        "command": ["retrain", "resume", "settle"],
    }


def settings(things: dict[str, list[str]]) -> str:
    """The configuration of schemathesis: half of the names in addresses are real."""
    lines = ["[dictionaries]"]
    lines += [f"{name} = {{ values = {json.dumps(values)} }}" for name, values in things.items()]
    lines.append("[parameters]")
    lines += [f'"path.{name}" = {{ dictionary = "{name}", probability = 0.5 }}' for name in things]
    return "\n".join(lines) + "\n"


@contextlib.contextmanager
def served(home: Path) -> Iterator[tuple[Site, Counting, str]]:
    here = site(home / "digits")
    pages = home / "pages"
    pages.mkdir()
    (pages / "index.html").write_text("<!doctype html><title>Querist</title>")
    counting = Counting(create_app(here, pages_folder=pages))
    with running(counting) as address:
        yield here, counting, address


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=7_200.0, help="stop after so long, to go on another time")
    parser.add_argument("--turn", type=int, default=60, help="seconds of one visitor at a time")
    parser.add_argument("--kept", type=Path, default=Path(".make/calls.json"))
    given = parser.parse_args()
    program = shlex.split(os.environ.get("SCHEMATHESIS", "")) or [shutil.which("schemathesis") or "schemathesis"]
    ends = time.monotonic() + given.seconds
    while (before := read(given.kept)).total() < given.calls and time.monotonic() < ends:
        # Each turn has a project of its own: what was stopped, ended or renamed would narrow what can be reached.
        with tempfile.TemporaryDirectory(prefix="querist-calls-") as home, served(Path(home)) as (here, counting, base):
            for visitor in visitors(here, base, Path(home)):
                ask(program, base, visitor, seconds=given.turn, seed=before.total() + counting.calls)
                keep(given.kept, before + counting.answers)
                print(f"{before.total() + counting.calls:,} calls", flush=True)
    report(read(given.kept))


def read(kept: Path) -> Counter[tuple[str, str, int]]:
    """Return the count of answers so far, by method, route and status."""
    rows = json.loads(kept.read_text()) if kept.exists() else []
    return Counter({(method, path, status): n for method, path, status, n in rows})


def keep(kept: Path, answers: Counter[tuple[str, str, int]]) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps([[*key, n] for key, n in sorted(answers.items())]))


@dataclass(frozen=True)
class Visitor:
    """Headers of the calls, the configuration, and what is left out."""

    headers: dict[str, str]
    config: Path | None
    without: tuple[str, ...] = ()


def visitors(here: Site, base: str, home: Path) -> Iterator[Visitor]:
    project = next(iter(here.projects_of(here.admin()))).id
    with httpx.Client(base_url=base) as browser:
        signed = browser.post(f"{API}/session", json={"token": here.people.create_link_token("admin")}).json()
        browser.headers["X-CSRF-Token"] = signed["csrf"]
        config = home / "schemathesis.toml"
        config.write_text(settings(real_things(here, browser, project)))
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        yield Visitor({"X-CSRF-Token": signed["csrf"], "Cookie": cookie}, config, ENDS_THE_VISIT)
    token = here.tokens.create(here.admin(), "calls", scope="manage")
    yield Visitor({"Authorization": f"Bearer {token}"}, config)
    yield Visitor({}, None)


def ask(program: list[str], base: str, visitor: Visitor, *, seconds: int, seed: int) -> None:
    """Let schemathesis call every route for some time."""
    command = [*program, *(["--config-file", str(visitor.config)] if visitor.config else []), "run"]
    command += [f"{base}/openapi.json", "--phases", "coverage,fuzzing", "--checks", "not_a_server_error"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off", "--seed", str(seed)]
    command += ["--max-time", str(seconds), "--exclude-path", API + STREAM]
    for path in visitor.without:
        command += ["--exclude-path", API + path]
    for name, value in visitor.headers.items():
        command += ["-H", f"{name}:{value}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tempfile.gettempdir())
    if done.returncode not in (0, 1):
        sys.exit(done.stdout + done.stderr)


def report(answers: Counter[tuple[str, str, int]]) -> None:
    """Print how often each route gave each answer; exit with 1 where one failed or was not asked."""
    routes = {(method, path) for path, methods in ROUTES for method in methods}
    for method, path in sorted(routes, key=lambda route: route[::-1]):
        own = {status: n for (m, p, status), n in sorted(answers.items()) if (m, p) == (method, path)}
        print(f"{method:6} {path:60} {' '.join(f'{status}:{n:,}' for status, n in own.items())}")
    failed = sum(n for (_, _, status), n in answers.items() if status >= FAILED)
    for method, path, status in sorted(key for key in answers if key[2] >= FAILED):
        print(f"SERVER ERROR {status}: {method} {path}")
    unasked = routes - {(method, path) for method, path, _ in answers}
    print(f"{answers.total():,} calls, {len(routes)} routes, {failed} server errors, {len(unasked)} routes not asked")
    sys.exit(1 if failed or unasked else 0)


if __name__ == "__main__":
    main()
