"""What people do, through the verbs that routes and command line call."""

import uuid
from collections.abc import Callable

import pytest

from querist.engine import commands, steering, views
from querist.engine.classes import change_classes
from querist.engine.labels import resolve
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.errors import BadValue, Conflict, Denied, NotFound
from querist.server.schemas import projects
from querist.server.schemas.figures import Calibration, Classes, Curves, Rounds, Timing
from querist.server.schemas.items import History, Item, ItemPage, WhyRecord
from querist.server.schemas.status import Status

Answer = Callable[..., list[str]]


def form(item: str, value: str | None = "3", **more: object) -> FileAnswer:
    return FileAnswer(uuid.uuid4(), item, value, **more)  # type: ignore[arg-type]


@pytest.fixture
def first(digits: Project) -> str:
    run_until_waiting(digits)
    return str(commands.next_items(digits, "p_1", 1, [])["tasks"][0]["item"])


def test_the_same_key_twice_is_one_answer(digits: Project, first: str) -> None:
    given = form(first)
    receipt, is_new = commands.submit(digits, "p_1", given)
    again, is_new_again = commands.submit(digits, "p_1", given)
    assert (is_new, is_new_again) == (True, False)
    assert receipt["seq"] == again["seq"]
    assert digits.state().paid == 1
    with pytest.raises(Conflict, match="another answer"):
        commands.submit(digits, "p_1", FileAnswer(given.key, first, "4"))
    with pytest.raises(Conflict):
        commands.submit(digits, "p_2", given)


def test_values_and_items_are_checked(digits: Project, first: str) -> None:
    with pytest.raises(BadValue, match="eleven"):
        commands.submit(digits, "p_1", form(first, "eleven"))
    with pytest.raises(NotFound, match="nowhere"):
        commands.submit(digits, "p_1", form("nowhere"))
    with pytest.raises(BadValue, match="must be empty"):
        commands.submit(digits, "p_1", form(first, "3", outcome="skipped"))
    assert digits.state().paid == 0


def test_a_second_answer_of_the_same_person_corrects_the_first(digits: Project, first: str) -> None:
    commands.submit(digits, "p_1", form(first, "3"))
    commands.submit(digits, "p_1", form(first, "5"))
    assert [answer.value for answer in digits.store.answers(items=[first])] == ["5"]
    assert digits.state().paid == 1


def test_only_reviewers_correct_others(digits: Project, first: str) -> None:
    receipt, _ = commands.submit(digits, "p_1", form(first))
    with pytest.raises(Denied):
        commands.submit(digits, "p_2", form(first, "5", replaces=receipt["seq"]))
    commands.submit(digits, "p_2", form(first, "5", replaces=receipt["seq"]), may_correct_others=True)
    with pytest.raises(Conflict, match="not in force"):
        commands.submit(digits, "p_2", form(first, "6", replaces=receipt["seq"]), may_correct_others=True)
    assert [answer.value for answer in digits.store.answers(items=[first])] == ["5"]


def test_undo_gives_the_item_back_to_any_depth(digits: Project) -> None:
    run_until_waiting(digits)
    done = []
    for _ in range(5):
        task = commands.next_items(digits, "p_1", 1, [])["tasks"][0]
        receipt, _ = commands.submit(digits, "p_1", form(task["item"]))
        done.append((task["item"], receipt["seq"]))
    for item, seq in reversed(done):
        key = str(uuid.uuid4())
        undone = commands.undo(digits, "p_1", seq, key)
        assert undone["task"]["item"] == item
        assert commands.undo(digits, "p_1", seq, key)["seq"] == undone["seq"], "the same undo twice is one"
    assert digits.state().paid == 0
    with pytest.raises(NotFound):
        commands.undo(digits, "p_1", done[0][1], str(uuid.uuid4()))


def test_nobody_undoes_for_another(digits: Project, first: str) -> None:
    receipt, _ = commands.submit(digits, "p_1", form(first))
    with pytest.raises(Denied):
        commands.undo(digits, "p_2", receipt["seq"], str(uuid.uuid4()))


def test_two_people_never_hold_the_same_item(digits: Project) -> None:
    run_until_waiting(digits)
    mine = {task["item"] for task in commands.next_items(digits, "p_1", 10, [])["tasks"]}
    yours = {task["item"] for task in commands.next_items(digits, "p_2", 10, [])["tasks"]}
    assert len(mine) == len(yours) == 10
    assert not mine & yours


def test_reserve_items_measure_whoever_answers_them(digits: Project) -> None:
    run_until_waiting(digits)
    pool = digits.pool()
    reserve = next(item for item, u in zip(pool.items, pool.u_eval, strict=True) if u < digits.state().reserve)
    commands.submit(digits, "p_1", form(reserve, "3"))
    assert digits.state().lanes["evaluation"] == 1
    assert digits.state().training == 0


def test_stop_and_resume_and_what_people_are_told(digits: Project, answer: Answer) -> None:
    answer(digits, 12)
    steering.stop(digits, "p_1", str(uuid.uuid4()), "enough")
    run_until_waiting(digits)
    assert views.status(digits)["advice"]["kind"] == "stopped"
    steering.resume(digits, "p_1", str(uuid.uuid4()))
    run_until_waiting(digits)
    assert digits.state().stopped is None


def test_a_renamed_class_is_read_under_its_new_name(digits: Project, answer: Answer) -> None:
    answer(digits, 15)
    change_classes(digits, "p_1", str(uuid.uuid4()), "rename", ["3"], ["three"])
    run_until_waiting(digits)
    state = digits.state()
    assert state.classes[3] == "three"
    assert "three" in [row["name"] for row in views.classes(digits)["classes"]]
    with pytest.raises(BadValue, match="no such class"):
        change_classes(digits, "p_1", str(uuid.uuid4()), "rename", ["3"], ["drei"])


def test_guidelines_have_versions(digits: Project) -> None:
    assert steering.guidelines(digits)["version"] == 0
    steering.change_guidelines(digits, "p_1", str(uuid.uuid4()), "Look closely.", {"7": {"definition": "a stroke"}})
    found = steering.guidelines(digits)
    assert (found["version"], found["text"]) == (1, "Look closely.")
    with pytest.raises(BadValue, match="twelve"):
        steering.change_guidelines(digits, "p_1", str(uuid.uuid4()), "", {"twelve": {}})


def test_settings_change_in_ledger_and_file(digits: Project) -> None:
    steering.change_settings(digits, "p_1", {"cost": {"per_label": 0.5}})
    assert digits.folder is not None
    again = Project.open(digits.folder)
    assert again.spec.cost.per_label == 0.5
    assert again.last("spec_changed").actor == "p_1"  # type: ignore[union-attr]


def test_the_page_says_that_calibration_is_switched_off(digits: Project) -> None:
    assert views.calibration(digits)["method"] == "none yet"
    steering.change_settings(digits, "p_1", {"model": {"calibrate": "off"}})
    assert views.calibration(digits)["method"] == "none: switched off in the settings"


def test_views_have_the_shapes_of_the_wire(digits: Project, answer: Answer) -> None:
    items = answer(digits, 45, active_ms=1200)
    for model, found in [
        (Status, views.status(digits)),
        (Curves, views.curves(digits)),
        (Rounds, views.rounds(digits)),
        (Classes, views.classes(digits)),
        (Calibration, views.calibration(digits)),
        (Timing, views.timing(digits)),
        (projects.Project, views.project(digits)),
        (projects.ProjectRow, views.project_row(digits)),
        (ItemPage, views.items(digits)),
        (Item, views.item(digits, items[0], viewer="p_oracle")),
        (WhyRecord, views.why(digits, items[0])),
        (History, views.history(digits, items[0])),
    ]:
        model.model_validate(found)
    active, random = views.curves(digits)["active"]["points"], views.curves(digits)["random"]["points"]
    assert active, "10 evaluation answers and a model: the curve is drawn"
    assert random
    assert all(point["low"] <= point["value"] <= point["high"] for point in [*active, *random])
    assert views.status(digits)["verdict"]["early"], "fewer than 50 evaluation answers: nothing is said about accuracy"


def test_evaluation_items_hide_why_they_were_asked(digits: Project, answer: Answer) -> None:
    items = answer(digits, 20)
    state = digits.state()
    measuring = [item for item in items if state.live[item][0].lane == "evaluation"]
    assert measuring
    record = views.why(digits, measuring[0])
    assert record["hidden"]
    assert record["score"] is record["lane"] is record["model"] is None


def test_reserve_items_never_train(digits: Project, answer: Answer) -> None:
    answer(digits, 40)
    pool = digits.pool()
    u_eval = dict(zip(pool.items, pool.u_eval.tolist(), strict=True))
    reserve = digits.state().reserve
    for recorded in digits.store.events(kinds=["dataset_frozen"]):
        rows = digits.store.artefacts.get_table(recorded.event.rows)["item"]  # type: ignore[attr-defined]
        assert all(u_eval[item] >= reserve for item in rows)


def test_items_are_found_by_text_state_class_and_person(digits: Project, answer: Answer) -> None:
    items = answer(digits, 12)
    assert [row["item"] for row in views.items(digits, limit=12)["items"]] == items[::-1]
    page = views.items(digits, limit=5)
    following = views.items(digits, limit=5, cursor=page["next"])
    assert not {row["item"] for row in page["items"]} & {row["item"] for row in following["items"]}
    assert views.items(digits, person="p_nobody")["items"] == []
    assert all(row["state"] == "labelled" for row in views.items(digits, state="labelled")["items"])
    assert [row["item"] for row in views.items(digits, query=items[0])["items"]] == [items[0]]
    with pytest.raises(BadValue, match="cursor"):
        views.items(digits, cursor="; drop table")


def test_merged_classes_are_read_as_one_and_nothing_is_asked_again(digits: Project, answer: Answer) -> None:
    answer(digits, 12)
    before = digits.state()
    change_classes(digits, "p_1", "merge", "merge", ["3", "8"], ["3 or 8"])
    change_classes(digits, "p_1", "merge", "merge", ["3", "8"], ["3 or 8"])
    state = digits.state()
    assert len(state.classes) == 9
    assert state.classes[3] == "3 or 8"
    assert state.fresh == before.fresh
    resolved = resolve(digits, state, through=state.seq)
    assert {entry.value for entry in resolved.values()} <= set(state.classes)
    for given, match in [(["3 or 8", "11"], "no such class"), (["1"], "two classes or more")]:
        with pytest.raises(BadValue, match=match):
            change_classes(digits, "p_1", "again", "merge", given, ["x"])
    with pytest.raises(BadValue, match="must stay"):
        change_classes(digits, "p_1", "again", "merge", list(state.classes), ["x"])
    with pytest.raises(BadValue, match="operation"):
        change_classes(digits, "p_1", "again", "forget", ["1"], ["x"])
