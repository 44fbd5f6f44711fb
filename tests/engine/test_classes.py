"""Class sets that change in mid-project: what is read under another name, and what is asked again."""

import uuid
from collections.abc import Callable

import numpy as np
import pytest

from querist.engine import asking_again, commands, reviewing, steering, trust
from querist.engine.classes import change_classes
from querist.engine.labels import resolve
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.engine.training import prediction
from querist.errors import BadValue, Conflict

PERSON = "p_oracle"
Answer = Callable[..., list[str]]


def named(project: Project, name: str) -> set[str]:
    """The items with a live answer that names a class."""
    return {answer.item for answer in project.store.answers() if answer.value == name}


def say(project: Project, item: str, value: str, person: str = PERSON) -> None:
    commands.submit(project, person, FileAnswer(uuid.uuid4(), item, value))


def test_a_split_asks_again_exactly_the_items_of_the_class(digits: Project, answer: Answer) -> None:
    answer(digits, 40)
    before = digits.state()
    threes = named(digits, "3")
    others = {item for item in before.live if item not in threes}
    assert len(threes) > 1
    told = change_classes(digits, "p_boss", "split", "split", ["3"], ["3 open", "3 closed"])
    assert told == change_classes(digits, "p_boss", "split", "split", ["3"], ["3 open", "3 closed"])
    assert f"{len(threes)} answers named it" in told["sentence"]
    state = digits.state()
    assert state.classes == ("0", "1", "2", "3 open", "3 closed", "4", "5", "6", "7", "8", "9")
    assert set(state.live) == others
    assert state.reopened == threes
    assert state.paid == before.paid, "what was asked again was paid for"
    queue = digits.store.queue()
    assert {entry.item for entry in queue[: len(threes)]} == threes, "before everything else"
    assert all(digits.store.answers(items=[item]) == [] for item in threes)
    # Another batch neither drops them nor chooses them once more.
    steering.retrain(digits, "p_boss", "retrain")
    for item in sorted(others)[:2]:
        say(digits, item, "0", person="p_other")
    run_until_waiting(digits)
    assert threes <= {entry.item for entry in digits.store.queue()}
    served = commands.next_items(digits, PERSON, len(threes), [])["tasks"]
    assert {task["item"] for task in served} == threes, "who answered before may answer again"
    for number, item in enumerate(sorted(threes)):
        say(digits, item, ("3 open", "3 closed")[number % 2])
    state = digits.state()
    assert state.reopened == frozenset()
    assert threes <= set(state.live)
    assert {entry.value for entry in resolve(digits, state, through=state.seq).values()} <= set(state.classes)
    run_until_waiting(digits)
    assert digits.folder is not None
    found = trust.verify(digits.folder)
    assert found["ok"], found["lines"]


def test_a_part_may_keep_the_name_and_a_change_of_settings_brings_no_old_class_back(
    digits: Project, answer: Answer
) -> None:
    answer(digits, 20)
    change_classes(digits, "p_boss", "a", "split", ["3"], ["3", "three"])
    change_classes(digits, "p_boss", "b", "split", ["8"], ["8 round", "8 tall"])
    steering.change_settings(digits, "p_boss", {"cost": {"per_label": 0.5}})
    assert set(digits.state().classes) >= {"3", "three", "8 round", "8 tall"}
    assert "8" not in digits.state().classes
    assert not named(digits, "3")
    with pytest.raises(BadValue, match="not a declared class"):
        say(digits, digits.pool().items[0], "8")


def test_a_decision_for_the_class_is_out_of_force(digits: Project, answer: Answer) -> None:
    items = answer(digits, 20)
    item = next(item for item in items if digits.state().live[item][0].lane in ("seed", "query", "control"))
    reviewing.decide(digits, "p_boss", "decide", item, "3", reason=next(iter(reviewing.REASONS)))
    assert item in digits.state().decided
    change_classes(digits, "p_boss", "split", "split", ["3"], ["3 open", "3 closed"])
    assert item not in digits.state().decided
    assert item not in digits.store.decisions()
    assert item in {entry.item for entry in digits.store.queue()}
    assert digits.folder is not None
    assert trust.verify(digits.folder)["ok"]


def test_a_split_while_a_model_is_to_be_measured(digits: Project, answer: Answer) -> None:
    from querist.engine.due import Evaluate, Train
    from querist.engine.round import next_step
    from querist.engine.steps import run

    answer(digits, 30)
    steering.retrain(digits, "p_boss", "retrain")
    for _ in range(9):
        step = next_step(digits.state())
        if isinstance(step, Train):
            run(digits, step)
            break
        if not hasattr(step, "round"):
            say(digits, digits.store.queue()[0].item, "5")
            continue
        run(digits, step)  # type: ignore[arg-type]
    assert isinstance(next_step(digits.state()), Evaluate)
    change_classes(digits, "p_boss", "split", "split", ["1"], ["1 bar", "1 flag"])
    run_until_waiting(digits)
    assert digits.state().phase == "collect"


def test_what_cannot_be_is_refused_by_name(digits: Project) -> None:
    run_until_waiting(digits)
    for before, after, match in [
        (["3"], ["x"], "two different names"),
        (["3"], ["x", "x"], "two different names"),
        (["3"], ["x", " "], "two different names"),
        (["11"], ["x", "y"], "no such class"),
        (["3", "4"], ["x", "y"], "no such class"),
        ([], ["x", "y"], "no such class"),
        (["3"], ["x", "4"], "there is a class of that name"),
    ]:
        with pytest.raises(BadValue, match=match):
            change_classes(digits, "p_boss", "k", "split", before, after)
    item = next(
        item for item, u in zip(digits.pool().items, digits.pool().u_eval, strict=True) if u > digits.state().reserve
    )
    asking_again.change_gold(digits, "p_boss", "gold", {item: "3"})
    with pytest.raises(Conflict, match="known answer of 1 gold items"):
        change_classes(digits, "p_boss", "k", "split", ["3"], ["x", "y"])


def test_the_last_good_model_speaks_of_the_classes_in_force(digits: Project, answer: Answer) -> None:
    answer(digits, 40)
    rows = digits.features().rows(range(50))  # type: ignore[arg-type]
    before = prediction(digits.model(), rows, digits.target)
    change_classes(digits, "p_boss", "a", "merge", ["1", "7"], ["1 or 7"])
    change_classes(digits, "p_boss", "b", "split", ["3"], ["3 open", "3 closed"])
    change_classes(digits, "p_boss", "c", "add", [], ["none"])
    now = prediction(digits.model(), rows, digits.target)
    column = {name: now[:, k] for k, name in enumerate(digits.state().classes)}
    assert np.allclose(column["1 or 7"], before[:, 1] + before[:, 7])
    assert np.allclose(column["3 open"], before[:, 3] / 2)
    assert np.allclose(column["3 closed"], before[:, 3] / 2)
    assert np.allclose(column["9"], before[:, 9])
    assert not column["none"].any()
    # Trained again, it is the model as it is.
    steering.retrain(digits, "p_boss", "retrain")
    say(digits, sorted(digits.state().reopened)[0], "3 open")
    run_until_waiting(digits)
    assert digits.model() is digits.model(digits.state().model)
