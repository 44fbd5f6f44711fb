"""Run axe over the pages of the mock server, in both themes and at both sizes; also looks for sideways scrolling.

python ui/dev/axe.py [NAME ...]     with ui/dev/mock.py running on port 8799
"""

from __future__ import annotations

import shutil
import sys

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from shots import BASE, FLAGS, SHOTS, SIZES


def main(wanted: list[str]) -> int:
    found = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for theme in ("light", "dark"):
            for suffix, (width, height) in {**SIZES, "-small": (320, 640)}.items():
                size = {"width": width, "height": height}
                # axe is put into the page by a script, which the strict policy of the pages would refuse
                context = browser.new_context(
                    viewport=size, color_scheme=theme, bypass_csp=True, reduced_motion="reduce"
                )
                context.add_cookies([{"name": "session", "value": "1", "url": BASE}])
                for name, (path, act) in SHOTS.items():
                    if wanted and name not in wanted:
                        continue
                    page = context.new_page()
                    page.goto(BASE + path)
                    page.wait_for_timeout(500)
                    if act:
                        act(page)
                    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                    if wide > 0:
                        print(f"{name}{suffix} {theme}: {wide} px too wide")
                        found += 1
                    for violation in Axe().run(page).response["violations"]:
                        found += 1
                        for node in violation["nodes"][:3]:
                            print(f"{name}{suffix} {theme}: {violation['id']}: {node['html'][:140]}")
                            print("   ", node["failureSummary"].replace("\n", " ")[:240])
                    page.close()
                context.close()
        browser.close()
    print(f"{found} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
