"""One of several classes: checking, merging, numbers, figures."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, log_loss, recall_score

from querist import tasks
from querist.errors import BadValue, UnknownName
from querist.tasks.single_label import SingleLabel
from querist.types import Answer, Disputed, Resolved, TaskType, Unsure

TASK = SingleLabel(("a", "b", "c"))


def answers(*values: str | None, people: str = "") -> list[Answer]:
    """One answer a person, in order; None is a skip."""
    names = people or "pqrstuvw"
    return [
        Answer(seq, "item", names[seq - 1], "skipped" if value is None else "answered", value)
        for seq, value in enumerate(values, start=1)
    ]


def test_found_by_name_with_its_classes() -> None:
    task: TaskType = tasks.task_type("single_label", classes=["ham", "spam"])
    assert (task.name, task.classes) == ("single_label", ("ham", "spam"))


def test_unknown_task_type_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'single_label'"):
        tasks.task_type("single_lable", classes=["a"])


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(UnknownName, match="setting of single_label 'colour'"):
        tasks.task_type("single_label", classes=["a"], settings={"colour": "red"})


@pytest.mark.parametrize("classes", [[], ["a", "a"], ["a", " "], "ab"])
def test_classes_that_cannot_be_used(classes: list[str]) -> None:
    with pytest.raises(BadValue, match="classes"):
        tasks.task_type("single_label", classes=classes)


@pytest.mark.parametrize("value", [3, 3.0, np.int64(3), np.float32(3), "3"])
def test_numbers_name_the_class_that_is_written_like_them(value: object) -> None:
    assert SingleLabel(("3", "4")).check(value) == "3"


@pytest.mark.parametrize("value", [True, np.bool_(True), "true"])
def test_truth_values_are_written_small(value: object) -> None:
    assert SingleLabel(("true", "false")).check(value) == "true"


@pytest.mark.parametrize("value", [None, "", "A", 3.5, ["a"]])
def test_what_is_no_class_is_refused_with_the_choices(value: object) -> None:
    with pytest.raises(BadValue, match="have: a, b, c") as caught:
        TASK.check(value)
    assert caught.value.choices == ("a", "b", "c")


@pytest.mark.parametrize(
    ("values", "opinions", "expected"),
    [
        ([], 1, Unsure("no answer yet")),
        ([None], 1, Unsure("no answer yet")),
        (["a"], 1, Resolved("a", (1,))),
        (["a"], 2, Unsure("1 of 2 opinions")),
        (["a", None], 2, Unsure("1 of 2 opinions")),
        (["a", "a"], 2, Resolved("a", (1, 2))),
        (["a", "b"], 1, Unsure("no majority: 1 × a, 1 × b")),
        (["a", "b", "a"], 1, Resolved("a", (1, 2, 3))),
        (["a", "b", "c"], 2, Disputed("no majority: 1 × a, 1 × b, 1 × c")),
        (["a", "b", "c"], 3, Unsure("no majority: 1 × a, 1 × b, 1 × c")),
        (["a", "a", "b", "c"], 3, Disputed("no majority: 2 × a, 1 × b, 1 × c")),
    ],
)
def test_merge(values: list[str | None], opinions: int, expected: object) -> None:
    assert TASK.merge(answers(*values), opinions=opinions) == expected


def test_one_person_has_one_vote_the_latest() -> None:
    assert TASK.merge(answers("a", "b", people="pp"), opinions=1) == Resolved("b", (2,))


def test_unanswerable_is_said_so() -> None:
    merged = TASK.merge([Answer(1, "item", "p", "unanswerable", None)], opinions=1)
    assert merged == Unsure("said to be unanswerable")


def test_the_order_of_answers_changes_nothing() -> None:
    given_answers = answers("b", "a", "b", None)
    results = {TASK.merge(order, opinions=2) for order in itertools.permutations(given_answers)}
    assert results == {Resolved("b", (1, 2, 3))}


@given(st.lists(st.sampled_from(TASK.classes)))
def test_decode_undoes_encode(values: list[str]) -> None:
    assert TASK.decode(TASK.encode(values)) == values
    assert TASK.encode(values).dtype == np.int64


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_figures_equal_scikit_learns(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 3, n)
    proba = rng.dirichlet(np.ones(3), n)
    guess = proba.argmax(axis=1)
    figures = TASK.measure(target, proba)
    assert figures["accuracy"] == pytest.approx(accuracy_score(target, guess))
    assert figures["macro_f1"] == pytest.approx(f1_score(target, guess, average="macro", zero_division=0))
    assert figures["log_loss"] == pytest.approx(log_loss(target, proba, labels=[0, 1, 2]))
    for number in np.unique(target):
        recall = recall_score(target, guess, labels=[number], average="macro")
        assert figures[f"recall/{TASK.classes[number]}"] == pytest.approx(recall)
    without_proba = TASK.measure(target, guess)
    assert {name: value for name, value in figures.items() if name != "log_loss"} == without_proba


def test_a_prediction_without_rows_is_refused() -> None:
    with pytest.raises(BadValue, match="needs one row"):
        TASK.measure(np.array([], dtype=int), np.array([], dtype=int))


def test_disagreement() -> None:
    assert (TASK.disagreement("a", "a"), TASK.disagreement("a", "b")) == (0.0, 1.0)


def test_the_example_is_a_valid_answer() -> None:
    example = SingleLabel.example
    assert SingleLabel(tuple(example["classes"])).check(example["value"]) == example["value"]
