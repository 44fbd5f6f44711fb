"""What a newcomer does in the first hour, in a real browser, with the worker killed in the middle of a training."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Error as PlaywrightError
from sklearn.datasets import load_digits

from querist.engine.project import Project
from querist.server import pages
from querist.server.contents import API

pytestmark = [pytest.mark.browser, pytest.mark.crash]


class Truth:
    """Knows the digit on any picture of the sample."""

    def __init__(self) -> None:
        self.images, self.target = load_digits(return_X_y=True)

    def __call__(self, content: dict) -> str:
        picture = np.asarray(content["value"]["pixels"], dtype=float).reshape(8, 8)
        scaled = (picture * (16 / 255)).ravel()
        return str(self.target[np.abs(self.images - scaled).sum(axis=1).argmin()])


class Labeller:
    """Sits before the page: reads what the page was given, presses the key, and looks that all is saved."""

    def __init__(self, page, truth: Truth) -> None:
        self.page = page
        self.truth = truth
        self.shown: dict[str, str] = {}
        self.order: list[str] = []
        self.sent: list[dict] = []
        self.acknowledged: list[str] = []
        self._responses: list = []
        page.on("response", self._hear)

    def _hear(self, response) -> None:
        self._responses.append(response)

    def _read(self) -> None:
        while self._responses:
            response = self._responses.pop(0)
            path = response.url.split(API)[-1]
            if path.endswith("/next") and response.ok:
                try:
                    tasks = response.json()["tasks"]
                except PlaywrightError:
                    continue  # of the page before this one, which was left meanwhile: its items come again
                for task in tasks:
                    if task["item"] not in self.shown:
                        self.order.append(task["item"])
                    self.shown[task["item"]] = self.truth(task["content"])
            if path.endswith("/answers") and response.status in {200, 201}:
                self.sent.append(response.request.post_data_json)
                self.acknowledged.append(response.json()["key"])

    def rise(self) -> None:
        """Look no more."""
        self._read()
        self.page.remove_listener("response", self._hear)

    def label(self, n: int) -> None:
        """Answer n items by keyboard alone."""
        for _ in range(n):
            done = len(self.acknowledged)
            self.page.wait_for_selector(".answer:not([disabled])", timeout=60_000)
            self._until(lambda done=done: len(self.order) > done, "nothing to label came")
            # The page shows items in the order in which they came; the answer's item is checked against it below.
            item = self.order[done]
            self.page.keyboard.press(f"Digit{self.shown[item]}")
            self._until(lambda done=done: len(self.acknowledged) > done, "an answer was never acknowledged")
            assert (self.sent[-1]["item"], self.sent[-1]["value"]) == (item, self.shown[item])

    def _until(self, condition, otherwise: str) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, otherwise
            self.page.wait_for_timeout(10)
            self._read()


class KillsInTraining(threading.Thread):
    """Watches the ledger, and kills the worker with SIGKILL once it has frozen a data set and is training on it."""

    def __init__(self, folder: Path, worker: int) -> None:
        super().__init__(daemon=True)
        self.store = Project.open(folder).store
        self.worker = worker
        self.killed = threading.Event()
        self.giving_up = False

    def run(self) -> None:
        while not self.giving_up:
            kinds = [recorded.event.kind for recorded in self.store.events(kinds=["dataset_frozen", "model_trained"])]
            if kinds and kinds[-1] == "dataset_frozen":
                os.kill(self.worker, signal.SIGKILL)
                self.killed.set()
                return
            time.sleep(0.002)


@pytest.fixture
def page(chromium):
    if not (pages.BUILT / "index.html").is_file():
        pytest.skip("the web app is not built: `npm ci && npm run build` in ui/ does that")
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    yield page
    context.close()


def test_sixty_digits_by_keyboard_with_the_worker_killed_in_mid_training(serve, new_project, page):
    folder = new_project()
    served = serve(folder)
    link = served.read_until(r"(http://\S+)/sign-in\?token=\S+")
    page.goto(link[0])
    page.wait_for_url("**/p/**", timeout=60_000)
    project = Project.open(folder)
    labeller = Labeller(page, Truth())
    page.goto(f"{link[1]}/p/{project.id}/label")

    killer = KillsInTraining(folder, served.worker())
    killer.start()
    labeller.label(30)
    assert killer.killed.wait(60), "no training began"
    labeller.label(15)
    served.read_until("SIGKILL")

    served.end()
    again = serve(folder, port=int(link[1].rsplit(":", 1)[1]))
    again.read_until("sign-in")
    labeller.label(15)
    page.wait_for_function("() => document.querySelector('[data-unsent]')?.dataset.unsent === '0'")
    labeller.rise()

    kept = {recorded.key: recorded.event for recorded in project.store.events(kinds=["answer_submitted"])}
    assert len(labeller.acknowledged) == len(set(labeller.acknowledged)) == 60
    assert set(kept) == set(labeller.acknowledged)
    assert all(event.value == labeller.shown[event.item] for event in kept.values())

    page.goto(f"{link[1]}/p/{project.id}")
    for curve in ("active", "random"):
        # A curve of a single point is a path without length, which no browser calls visible.
        page.wait_for_selector(f"[data-curve={curve}]", state="attached", timeout=60_000)
    curves = page.request.get(f"{link[1]}{API}/projects/{project.id}/curves").json()
    for curve in (curves["active"], curves["random"]):
        assert curve["points"], "no curve"
        assert all(point["low"] < point["value"] < point["high"] for point in curve["points"])
    # While the server was restarted it could not be reached; nothing else went wrong.
    assert [problem for problem in page.problems if "net::" not in problem] == []
