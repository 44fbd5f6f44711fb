import re
from pathlib import Path

import pytest

from querist import registry
from querist.acquire.catalogue import fill
from querist.acquire.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "strategies.md"


def test_the_page_is_what_the_registry_says():
    """Write it anew with `make docs`, or `PAGE.write_text(fill(PAGE.read_text()))`."""
    assert PAGE.read_text() == fill(PAGE.read_text())


@pytest.mark.parametrize("kind", ["scorer", "selector", "combinator", "filter", "policy"])
def test_everything_registered_is_on_the_page(kind):
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE))
    assert {
        entry.name for entry in registry.entries(kind) if entry.function.__module__.startswith("querist.")
    } <= listed
    assert set(PRESETS) <= listed


def test_filling_twice_changes_nothing():
    assert fill(fill(PAGE.read_text())) == fill(PAGE.read_text())
