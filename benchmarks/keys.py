"""From the key to the next item, in a real browser: how long a person looks at what they have answered.

python -m benchmarks.keys                          300 answers, one every 0.4 s, desktop and phone size
python -m benchmarks.keys --answers 50             a short form

The time is taken in the page: from the key's event to the first frame in which the next item is drawn. The service runs
with its worker, which trains meanwhile, as `querist serve` runs them; the web app must be built.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.load import Service, percentiles, sign_in_links, write_into

from querist.engine import create
from querist.engine.project import Project
from querist.engine.run import run_until_waiting

SIZES = {"1280 × 800": (1280, 800), "390 × 844": (390, 844)}
WATCH = """() => {
  window.took = []
  let pressed = null
  const shown = () => document.querySelector('.item')?.textContent
  let last = shown()
  addEventListener('keydown', () => { pressed = performance.now() }, true)
  new MutationObserver(() => {
    const now = shown()
    if (!now || now === last) return
    last = now
    if (pressed === null) return
    const began = pressed
    pressed = null
    requestAnimationFrame(() => setTimeout(() => window.took.push(performance.now() - began)))
  }).observe(document.body, { subtree: true, childList: true, characterData: true })
}"""


def make_project(folder: Path, *, items: int) -> str:
    """Make a project of short letters in four classes; return its id."""
    topics = ("refund", "delivery", "app", "other")
    rows = "".join(f'{{"text": "Letter {k}: a question about {topics[k % 4]} and {k % 97}"}}\n' for k in range(items))
    data = folder.parent / "letters.jsonl"
    data.write_text(rows, encoding="utf-8")
    create.init(folder, data=str(data), text="text", classes=topics, settings={"stop": {"any": []}})
    project = Project.open(folder)
    run_until_waiting(project)
    project.store.close()
    return project.id


def pressed(base: str, token: str, project: str, *, size: tuple[int, int], answers: int, pause: float) -> list[float]:
    """Answer in a browser, a key at a time; return the milliseconds from each key to the next item."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        page = browser.new_page(viewport={"width": size[0], "height": size[1]})
        page.goto(f"{base}/sign-in?token={token}")
        page.wait_for_url("**/p/**", timeout=60_000)
        page.goto(f"{base}/p/{project}/label")
        page.wait_for_selector(".answer:not([disabled])", timeout=60_000)
        page.evaluate(WATCH)
        for number in range(answers):
            page.keyboard.press("1234"[number % 4])
            page.wait_for_timeout(1000 * pause)
        page.wait_for_selector("[data-unsent='0']", timeout=60_000)
        took: list[float] = page.evaluate("() => window.took")
        browser.close()
    return took


def table(found: dict[str, dict[str, float]]) -> str:
    """Return the figures as the documentation shows them."""
    lines = ["| screen | answers | p50 | p95 | p99 | slowest |", "|---|---|---|---|---|---|"]
    for size, took in found.items():
        figures = " | ".join(f"{took[name]:.0f} ms" for name in ("p50", "p95", "p99", "slowest"))
        lines.append(f"| {size} | {took['n']:,} | {figures} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.4, help="seconds between two keys")
    parser.add_argument("--docs", type=Path, help="page that shows the figures")
    chosen = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "keys"
        project = make_project(folder, items=4 * chosen.answers + 200)
        tokens = sign_in_links(folder, len(SIZES))[1:]
        service = Service(folder)
        try:
            base = service.address()
            for token, (name, size) in zip(tokens, SIZES.items(), strict=True):
                took = pressed(base, token, project, size=size, answers=chosen.answers, pause=chosen.pause)
                found[name] = percentiles(took)
        finally:
            service.end()
    print(table(found))
    if chosen.docs is not None:
        write_into(chosen.docs, "keys", table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
