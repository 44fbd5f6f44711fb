"""Photograph the pages of the mock server at both sizes and in both themes, and report what the browser complained of.

python ui/dev/shots.py OUT [NAME ...]     with ui/dev/mock.py running on port 8799
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

BASE = "http://127.0.0.1:8799"
SIZES = {"": (1280, 800), "-phone": (390, 844)}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


def answer(keys: str, wait: int = 400):
    def act(page: Page) -> None:
        page.wait_for_selector(".answer:not([disabled]), [data-search]:not([disabled])")
        for key in keys:
            page.keyboard.press(key)
            page.wait_for_timeout(60)
        page.wait_for_timeout(wait)

    return act


def press(key: str):
    def act(page: Page) -> None:
        page.wait_for_timeout(500)
        page.keyboard.press(key)
        page.wait_for_timeout(300)

    return act


SHOTS = {
    "label-image": ("/p/digits/label", answer("384")),
    "label-text": ("/p/topics/label", answer("31")),
    "label-row": ("/p/wine/label", answer("12")),
    "label-many": ("/p/intents/label", answer("ref")),
    "label-fresh": ("/p/fresh/label", answer("")),
    "label-waiting": ("/p/waiting/label", press("Shift")),
    "keys": ("/p/digits/label", press("?")),
    "skip": ("/p/topics/label", press(" ")),
    "why": ("/p/topics/label", press("w")),
    "login": ("/sign-in", None),
    "projects": ("/projects", None),
    "create": ("/projects/new", None),
    "project": ("/p/topics", None),
    "project-early": ("/p/digits", None),
    "project-fresh": ("/p/fresh", None),
    "project-stopped": ("/p/stopped", None),
    "project-failed": ("/p/failed", None),
    "items": ("/p/topics/items/i3", None),
    "settings": ("/p/topics/settings", None),
}


def main(out: Path, wanted: list[str]) -> int:
    out.mkdir(parents=True, exist_ok=True)
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for theme in ("light", "dark"):
            for suffix, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=theme,
                    has_touch=suffix != "",
                )
                context.add_cookies([{"name": "session", "value": "1", "url": BASE}])
                for name, (path, act) in SHOTS.items():
                    if wanted and name not in wanted:
                        continue
                    page = context.new_page()
                    page.on("console", lambda m, n=name: said.append(f"{n}: {m.text}") if m.type != "log" else None)
                    page.on("pageerror", lambda e, n=name: said.append(f"{n}: {e}"))
                    page.goto(BASE + path)
                    page.wait_for_timeout(500)
                    if act:
                        act(page)
                    file = out / f"{name}{suffix}{'-dark' if theme == 'dark' else ''}"
                    page.screenshot(path=f"{file}.png")
                    if theme == "light" and name in {"project", "settings", "project-early", "create"}:
                        page.screenshot(path=f"{file}-full.png", full_page=True)
                    page.close()
                context.close()
        browser.close()
    for line in dict.fromkeys(said):
        print(line)
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
