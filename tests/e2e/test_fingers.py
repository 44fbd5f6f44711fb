"""A phone: what a finger does on the labelling screen, in a real browser with touch."""

from __future__ import annotations

import pytest

from tests.e2e import every_task
from tests.e2e.desk import SAVED, at_work

pytestmark = pytest.mark.browser

INTENTS = [f"{verb} {thing}" for verb in ("change", "cancel", "find", "pay", "send") for thing in range(30)]


@pytest.fixture(scope="module")
def desk(chromium, tmp_path_factory):
    home = tmp_path_factory.mktemp("fingers")
    projects = every_task.make(home, "pairwise")
    projects |= {
        "two": every_task.mails(home, "two", ["yes", "no"]),
        "three": every_task.mails(home, "three", ["yes", "no", "perhaps"]),
    }
    projects["many"] = every_task.mails(home, "many", INTENTS)
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with at_work(chromium, home, projects, **phone) as desk:
        yield desk


@pytest.fixture(autouse=True)
def no_complaints(desk):
    yield
    assert desk.complaints == []


def swipe(desk, dx, dy=0):
    """Draw a finger across the item."""
    frame = desk.page.locator(".stage").bounding_box()
    x, y = frame["x"] + frame["width"] / 2 - dx / 2, frame["y"] + frame["height"] / 2
    finger = desk.context.new_cdp_session(desk.page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + dx / 2, "y": y + dy / 2}]),
        ("touchMove", [{"x": x + dx, "y": y + dy}]),
        ("touchEnd", []),
    ):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    finger.detach()


def test_with_two_classes_a_swipe_answers(desk):
    desk.sit("two")
    swipe(desk, -200)
    assert desk.answers(1)[-1].value == "yes"
    swipe(desk, 200)
    assert desk.answers(2)[-1].value == "no"
    swipe(desk, 40)  # not far enough
    swipe(desk, 100, 300)  # that was scrolling
    desk.page.tap(".answer >> text=no")
    assert [event.value for event in desk.answers(3)] == ["yes", "no", "no"]
    desk.page.get_by_role("button", name="Undo").tap()
    desk.page.wait_for_selector("text=You had answered no")


def test_with_more_classes_a_swipe_to_the_left_skips_and_one_to_the_right_does_nothing(desk):
    desk.sit("three")
    swipe(desk, 200)
    swipe(desk, -200)
    desk.page.locator("dialog .reasons .answer").first.tap()
    [skipped] = desk.answers(1)
    assert skipped.outcome == "skipped"
    desk.page.wait_for_selector(SAVED)


def test_a_swipe_takes_the_side_of_the_pair_that_it_points_to(desk):
    desk.sit("pairwise", ".pair section")
    left = desk.page.locator(".pair section").first.inner_text().split("\n")[-1]
    swipe(desk, -200)
    [event] = desk.answers(1)
    assert desk.content(event.item)[event.value]["value"]["text"] == left


def test_of_a_hundred_and_fifty_classes_any_is_two_touches_away(desk):
    desk.sit("many", "[role=option]")
    assert desk.page.locator("[role=option]").count() == 150
    desk.page.get_by_role("option", name="pay 17", exact=True).tap()  # the list scrolls to it
    assert desk.answers(1)[-1].value == "pay 17"
    desk.page.fill("[data-search]", "send 29")
    desk.page.get_by_role("option", name="send 29").tap()
    assert desk.answers(2)[-1].value == "send 29"
    desk.page.get_by_role("button", name="send 29").tap()  # just used
    assert desk.answers(3)[-1].value == "send 29"
