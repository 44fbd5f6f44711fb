"""Somebody at a labelling screen in a real browser, and the service that answers them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from querist.server import pages
from querist.server.app import create_app
from querist.server.site import Site
from tests.serving import running

SAVED = "[data-unsent='0']"
DONE = ".done:not([disabled])"


class Desk:
    """Somebody at a labelling screen, one project after the other."""

    def __init__(self, browser, base: str, site: Site, projects, **options) -> None:
        self.projects, self.base = projects, base
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        self.page.goto(f"{base}/sign-in?token={site.people.create_link_token(site.admin().id)}")
        self.page.wait_for_url(re.compile(r"/(p/|projects$)"), timeout=60_000)

    def sit(self, name: str, ready: str = ".answer:not([disabled]), .done") -> None:
        self.name = name
        self.page.goto(f"{self.base}/p/{self.projects[name].id}/label")
        self.page.wait_for_selector(ready, timeout=60_000)
        self.page.wait_for_timeout(150)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def answers(self, n: int):
        """What the ledger keeps of the page, once it keeps n answers."""
        store = self.projects[self.name].store
        for _ in range(2400):
            kept = [r.event for r in store.events(kinds=["answer_submitted"]) if r.event.source == "ui"]
            if len(kept) >= n:
                break
            self.page.wait_for_timeout(25)
        assert len(kept) == n, self.complaints
        return kept

    @contextlib.contextmanager
    def answers_on_the_way(self):
        """The network holds the answers back until the block ends."""
        held: list = []
        self.page.route("**/answers", lambda route: held.append(route))  # noqa: PLW0108
        yield
        self.page.wait_for_function("() => document.querySelector('[data-unsent]').dataset.unsent !== '0'")
        self.page.unroute("**/answers")  # what was held goes on

    def content(self, item: str):
        return self.projects[self.name].store.contents([item])[0].value


@contextlib.contextmanager
def at_work(chromium, home: Path, projects, **options) -> Iterator[Desk]:
    """Serve the projects of a folder to somebody at a desk; `options` are those of the browser's context."""
    if not (pages.BUILT / "index.html").is_file():
        pytest.skip("the web app is not built: `npm ci && npm run build` in ui/ does that")
    site = Site.open(home)
    site.people.create_person("admin", role="owner")
    with running(create_app(site)) as base:
        desk = Desk(chromium, base, site, projects, **options)
        yield desk
        desk.context.close()
    site.close()
