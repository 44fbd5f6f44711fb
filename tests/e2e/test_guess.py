"""The model's guess on the screen: where it is shown, where it is not, and what each answer says about it."""

from __future__ import annotations

import pytest

from querist.engine import create, steering
from querist.engine.project import Project
from tests.e2e.desk import at_work
from tests.engine.test_prefill import answer

pytestmark = pytest.mark.browser


@pytest.fixture
def desk(chromium, tmp_path):
    signs = ["minus", "plus"]
    lines = ["x,sign", *(f"{x / 100:.2f},{signs[x > 0]}" for x in range(-121, 120, 2))]
    (tmp_path / "points.csv").write_text("\n".join(lines))
    options = {"labels": {"prefill": "shown", "blind_share": 0.5}, "lanes": {"control": 0.1, "evaluation": 0.1}}
    data = str(tmp_path / "points.csv")
    create.init(tmp_path / "points", data=data, columns=["x"], classes=signs, settings=options | {"stop": {"any": []}})
    project = Project.open(tmp_path / "points")
    answer(project, believes=False, n=45)
    assert project.state().model is not None
    with at_work(chromium, tmp_path, {"points": project}) as desk:
        yield desk
    assert desk.complaints == []


def of_the_page(desk):
    return [r.event for r in desk.projects["points"].store.events(kinds=["answer_submitted"]) if r.event.active_ms]


def label(desk, n, shown):
    """Answer n items; whether each showed the guess as it was answered."""
    seen = []
    for _ in range(n):
        number = desk.page.locator("[aria-live=polite]", has_text="Item ").inner_text()
        seen.append(desk.page.locator(".stage", has_text=shown).count() > 0)
        desk.press("Digit2")
        desk.page.locator("[aria-live=polite]", has_text="Item ").filter(has_not_text=number).wait_for()
    desk.page.wait_for_selector("[data-unsent='0']")
    return seen


def test_a_guess_is_on_the_screen_exactly_where_the_answer_says_so(desk):
    desk.sit("points")
    seen = label(desk, 12, "The model says")
    said = [event.shown is not None and event.shown["seen"] for event in of_the_page(desk)[-12:]]
    assert seen == said
    assert len(set(seen)) == 2, "some items are blind"

    steering.change_settings(desk.projects["points"], "boss", {"labels": {"prefill": "after", "blind_share": 0.0}})
    desk.sit("points")
    before = len(of_the_page(desk))
    told = label(desk, 12, "Before this:")
    given = of_the_page(desk)[before:]
    assert [event.shown is not None for event in given[:-1]] == told[1:]
    assert any(told)
    assert not any(event.shown and event.shown["seen"] for event in given)
