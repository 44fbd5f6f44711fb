"""A real server on a free port, with a real project on real files, for each test that asks for one."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tests.serving import running

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.events import PoolImported
from querist.server.app import create_app
from querist.server.contents import API
from querist.server.schemas.wire import Role
from querist.server.site import Site
from querist.store.people import People
from querist.store.protocol import ItemRow
from querist.types import Content, short_hash


@pytest.fixture(scope="module")
def run_app() -> Iterator[Callable[[Any], httpx.Client]]:
    """Start applications that live until the module is done, and return a client for each."""
    with contextlib.ExitStack() as stack:

        def start(app: Any) -> httpx.Client:
            address = stack.enter_context(running(app))
            return stack.enter_context(httpx.Client(base_url=address, timeout=60))

        yield start


class House:
    """A project of digits that is served, its first account, and what tests do with it."""

    def __init__(self, untouched: Path, tmp: Callable[[], Path], stack: contextlib.ExitStack) -> None:
        self._untouched = untouched
        self._tmp = tmp
        self.folder = folder = self.copy_to(tmp() / "digits")
        self._stack = stack
        self.site = Site.open(folder)
        self.password = (untouched.parent / "password").read_text()
        self.app = create_app(self.site, pages_folder=folder / "no pages")
        self.address = stack.enter_context(running(self.app))
        self.project = self.open().id

    def open(self) -> Project:
        """The project as the server has it."""
        return next(iter(self.site.projects_of(self.site.admin())))

    def fresh(self) -> House:
        """Another one, as new."""
        return House(self._untouched, self._tmp, self._stack)

    def copy_to(self, folder: Path) -> Path:
        """Copy the untouched project to a folder."""
        return shutil.copytree(self._untouched, folder)

    def client(self, cookies: dict[str, str] | None = None) -> httpx.Client:
        """A browser that has not signed in."""
        return self._stack.enter_context(httpx.Client(base_url=self.address, cookies=cookies, timeout=60))

    def signed_in(self, name: str = "admin") -> httpx.Client:
        """A browser that has, by a link: checking a password takes its time on purpose."""
        client = self.client()
        token = self.site.people.create_link_token(name)
        answer = client.post(f"{API}/session", json={"token": token})
        assert answer.status_code == 200, answer.text
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    def by_password(self) -> httpx.Client:
        """A browser in which the first account has signed in by its password."""
        client = self.client()
        answer = client.post(f"{API}/session", json={"name": "admin", "password": self.password})
        client.headers["X-CSRF-Token"] = answer.json()["csrf"]
        return client

    def person(self, name: str, role: Role = "annotator") -> httpx.Client:
        """A browser of somebody else."""
        self.site.people.create_person(name, role=role)
        return self.signed_in(name)

    def link(self) -> str:
        """A one-time token for the first account."""
        return self.site.people.create_link_token(self.site.admin().id)

    @contextlib.contextmanager
    def behind_tls(self) -> Iterator[httpx.Client]:
        """A browser that comes through a TLS proxy."""
        with (
            running(self.app, proxy_headers=True, forwarded_allow_ips="127.0.0.1") as address,
            httpx.Client(base_url=address, headers={"X-Forwarded-Proto": "https"}) as client,
        ):
            yield client

    def work(self) -> None:
        """Do what the worker would, until people have to do something."""
        run_until_waiting(Project.open(self.folder))

    def truth(self, task: dict[str, Any]) -> str:
        """The digit on a picture."""
        images, target = load_digits(return_X_y=True)
        pixels = np.asarray(task["content"]["value"]["pixels"], dtype=float).ravel() * (16 / 255)
        return str(target[np.abs(images - pixels).sum(axis=1).argmin()])

    def label(self, client: httpx.Client, n: int) -> None:
        """Answer n items truly, one after the other."""
        base = f"{API}/projects/{self.project}"
        for _ in range(n):
            for task in client.post(f"{base}/next", json={"n": 1}).json()["tasks"]:
                form = {"key": str(uuid4()), "item": task["item"], "value": self.truth(task), "active_ms": 1200}
                assert client.post(f"{base}/answers", json={**form, "lease": task["lease"]}).status_code == 201

    def plant_text(self, text: str, *, item: str = "planted text") -> str:
        """Put an item into the store, behind the pool's own."""
        return self._plant(item, Content("text", {"text": text}))

    def plant_image(self, path: str, data: bytes | None = None) -> str:
        """Put an image item into the store, and its file into the media folder if there are bytes."""
        if data is not None:
            file = self.open().media_root() / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return self._plant(f"planted {short_hash(path)}", Content("image", {"path": path}))

    def _plant(self, item: str, content: Content) -> str:
        project = self.open()
        row = project.state().pool_size
        if item in project.pool().items:
            return item
        project.store.add_items([ItemRow(item, row, 0.9, 0.9, content)])
        columns = {"item": [item], "row": [row], "u_eval": [0.9], "u_control": [0.9], "copies": [1]}
        table = project.store.artefacts.put_table({**columns, "group": [None], "cost": [None]})
        event = PoolImported(
            "planted", item, table, added=1, duplicates=0, size=row + 1, reserve=project.state().reserve
        )
        project.record(f"import/{item}", event, actor="import")
        return item


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `querist init --sample digits` makes it, with its first batch chosen and no answer yet."""
    folder = tmp_path_factory.mktemp("untouched") / "digits"
    create.init(folder, sample="digits", name="digits", settings=create.settings(sample="digits"))
    project = Project.open(folder)
    run_until_waiting(project)
    first = People(project.store.database).create_first_admin()
    assert first is not None
    (folder.parent / "password").write_text(first[1])
    project.store.close()
    return folder


@pytest.fixture(scope="module")
def house(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A served project that the tests of a module share; `house.fresh()` is one of one's own."""
    with contextlib.ExitStack() as stack:
        yield House(untouched, lambda: tmp_path_factory.mktemp("house"), stack)


@pytest.fixture
def png() -> bytes:
    """A small picture."""
    file = BytesIO()
    Image.new("RGB", (3, 2), "red").save(file, "PNG")
    return file.getvalue()
