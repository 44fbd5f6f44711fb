"""The fold and the next step, driven by events alone: no store, no model."""

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist import events as ev
from querist.engine.due import BuildFeatures, Evaluate, Freeze, Select, Stop, Train, Wait
from querist.engine.fold import fold
from querist.engine.round import State, missing_labels, next_beside, next_step
from querist.engine.spec import ProjectSpec


class Ledger:
    """Numbers events, and folds them one at a time and all at once."""

    def __init__(self, **sections: Any) -> None:
        self.recorded: list[ev.Recorded] = []
        self.keys = itertools.count()
        spec = {"project": {"name": "t", "classes": ["a", "b"]}, **sections}
        value = ProjectSpec.from_json(spec).to_json()
        self.add(ev.ProjectCreated(spec=value, spec_hash="", seed=0, versions={}))

    def add(self, event: ev.Event, actor: str = "engine") -> int:
        seq = len(self.recorded) + 1
        self.recorded.append(ev.Recorded(seq, f"k{next(self.keys)}", seq, actor, event, "", ""))
        return seq

    @property
    def state(self) -> State:
        return fold(State(), self.recorded)

    @property
    def due(self) -> Any:
        return next_step(self.state)

    def pool(self, size: int) -> None:
        before = self.state.pool_size
        self.add(ev.PoolImported("x", f"f{size}", "", size - before, 0, size=size, reserve=0.2))
        self.features(size)

    def features(self, rows: int) -> None:
        self.add(ev.FeaturesBuilt("f", "", [], "array", {}, 2, rows, rows))

    def batch(self, number: int, items: list[str], part: int = 0, short: int = 0) -> None:
        self.add(
            ev.BatchSelected(
                number,
                part,
                {"name": "s"},
                "",
                {},
                None,
                None,
                None,
                0,
                None,
                items,
                "",
                len(items) + short,
                len(items),
                short,
            )
        )

    def answer(
        self, item: str, value: str | None = "a", *, lane: Any = "query", person: str = "p_1", **more: Any
    ) -> int:
        outcome = more.pop("outcome", "answered" if value is not None else "skipped")
        return self.add(ev.AnswerSubmitted(item, "single_label", outcome, value, lane=lane, **more), person)

    def freeze(self, number: int, labelled: int, through: int | None = None) -> None:
        self.add(ev.DatasetFrozen(number, f"d{number}", through or len(self.recorded), "", {}, labelled, None))

    def train(self, number: int) -> None:
        self.add(ev.ModelTrained(number, f"m{number}", "", "f", {}, "scratch", None, "", 0, {}, {}, 0.0))

    def evaluate(self, number: int, stop: str | None = None) -> None:
        rules = [{"rule": stop, "fired": True, "evidence": {"x": 1}}] if stop else []
        self.add(ev.ModelEvaluated(number, f"m{number}", None, {}, 0, rules, stop))


def test_a_round_in_order() -> None:
    ledger = Ledger(loop={"mode": "batch", "batch": 2})
    assert ledger.due == Wait("the pool is empty")
    ledger.add(ev.PoolImported("x", "f", "", 9, 0, size=9))
    assert ledger.due == BuildFeatures()
    ledger.features(9)
    assert ledger.due == Select(0, 0)
    ledger.batch(0, ["i1", "i2"])
    assert isinstance(ledger.due, Wait)
    ledger.answer("i1")
    assert isinstance(ledger.due, Wait)
    ledger.answer("i2", None)  # skipped: settled, and nothing to learn from
    assert ledger.due == Freeze(0)
    ledger.freeze(0, 1)
    assert ledger.due == Train(0)
    ledger.train(0)
    assert ledger.due == Evaluate(0)
    ledger.evaluate(0)
    assert ledger.due == Select(1, 0)


def test_continuous_mode_trains_when_enough_is_new_whatever_is_out() -> None:
    ledger = Ledger(loop={"retrain_every": {"least": 3}})
    ledger.pool(500)
    ledger.batch(0, [f"i{n}" for n in range(100)])
    for n in range(2):
        ledger.answer(f"i{n}")
    assert ledger.due == Wait("labels", missing=1)
    ledger.answer("i50", lane="evaluation")
    assert ledger.due == Wait("labels", missing=1), "answers that measure do not train"
    ledger.answer("i2")
    assert ledger.due == Freeze(0)


def test_triggers_coalesce_and_later_answers_count_for_the_next_training() -> None:
    ledger = Ledger(loop={"retrain_every": {"least": 2, "share": 0.0}})
    ledger.pool(500)
    ledger.batch(0, [f"i{n}" for n in range(100)])
    for n in range(7):
        ledger.answer(f"i{n}")
    through = len(ledger.recorded)
    ledger.answer("i7")
    ledger.freeze(0, 7, through)
    assert missing_labels(ledger.state) == 1
    assert ledger.due == Train(0)


def test_a_late_correction_never_sends_the_engine_backwards() -> None:
    ledger = Ledger(loop={"retrain_every": {"least": 1}})
    ledger.pool(50)
    ledger.batch(0, ["i1", "i2"])
    seq = ledger.answer("i1")
    ledger.freeze(0, 1)
    ledger.answer("i1", "b", replaces=seq)
    assert ledger.due == Train(0)
    ledger.train(0)
    ledger.evaluate(0)
    ledger.batch(1, ["i3"])
    assert ledger.due == Freeze(1), "the correction is new since the freeze"


def test_one_class_goes_on_with_coverage() -> None:
    ledger = Ledger(loop={"mode": "batch"})
    ledger.pool(50)
    ledger.batch(0, ["i1"])
    ledger.answer("i1")
    ledger.freeze(0, 1)
    ledger.add(ev.Fallback(0, "train", "a model", "coverage", "one class"))
    assert ledger.due == Select(1, 0)
    assert ledger.state.model is None


def test_failed_training_keeps_the_last_good_model() -> None:
    ledger = Ledger(loop={"mode": "batch"})
    ledger.pool(50)
    for number in (0, 1):
        ledger.batch(number, [f"i{number}"])
        ledger.answer(f"i{number}")
        ledger.freeze(number, number + 1)
        if number == 0:
            ledger.train(0)
            ledger.evaluate(0)
    ledger.add(ev.ModelFailed(1, "d1", "singular"))
    assert ledger.state.model == "m0"
    assert ledger.due == Select(2, 0)


def test_a_rule_stops_a_person_overrules_and_it_keeps_quiet_for_a_while() -> None:
    ledger = Ledger(loop={"mode": "batch", "retrain_every": {"least": 1}})
    ledger.pool(500)
    ledger.batch(0, ["i0", "i1"])
    ledger.answer("i0")
    ledger.answer("i1", "b")
    ledger.freeze(0, 2)
    ledger.train(0)
    ledger.evaluate(0, stop="settled")
    assert ledger.due == Stop(0, "settled", {"x": 1})
    ledger.add(ev.Stopped(0, "settled", {"x": 1}, "engine"))
    assert ledger.due == Wait("stopped: settled")
    ledger.answer("i9")
    assert ledger.due == Wait("stopped: settled"), "answers after the stop are kept, and move nothing"
    ledger.add(ev.Resumed("more money", "p_1"), "p_1")
    assert ledger.due == Select(1, 0)
    ledger.batch(1, ["i2"])
    ledger.answer("i2")
    ledger.freeze(1, 4)
    ledger.train(1)
    ledger.evaluate(1, stop="settled")
    assert ledger.due == Select(2, 0), "4 labels are fewer than 1.5 times the 3 at the time"
    ledger.batch(2, ["i3"])
    ledger.answer("i3")
    ledger.freeze(2, 5)
    ledger.train(2)
    ledger.evaluate(2, stop="settled")
    assert isinstance(ledger.due, Stop)


def test_the_budget_ends_with_a_last_training() -> None:
    ledger = Ledger(loop={"retrain_every": {"least": 10}}, stop={"any": [{"rule": "budget", "labels": 3}]})
    ledger.pool(50)
    ledger.batch(0, [f"i{n}" for n in range(3)])
    for n in range(3):
        ledger.answer(f"i{n}")
    assert ledger.due == Freeze(0)
    ledger.freeze(0, 3)
    ledger.train(0)
    ledger.evaluate(0, stop="budget")
    assert ledger.due == Stop(0, "budget", {"x": 1})


def test_an_exhausted_pool_waits_and_new_items_wake_it() -> None:
    ledger = Ledger(loop={"mode": "batch", "batch": 5})
    ledger.pool(2)
    ledger.batch(0, ["i0", "i1"], short=3)
    ledger.answer("i0", None)
    ledger.answer("i1", None)
    assert ledger.due == Wait("every item of the pool has been asked")
    ledger.pool(4)
    assert ledger.due == Select(0, 1)


def test_imported_labels_train_at_once() -> None:
    ledger = Ledger(loop={"retrain_every": {"least": 2}})
    ledger.pool(50)
    ledger.answer("i0", lane="seed", source="import")
    assert ledger.due == Select(0, 0)
    ledger.answer("i1", "b", lane="seed", source="import")
    assert ledger.due == Freeze(0)
    assert ledger.state.paid == 0, "what came with the data is no budget"


def test_stop_in_mid_training_finishes_the_round_first() -> None:
    ledger = Ledger(loop={"mode": "batch"})
    ledger.pool(50)
    ledger.batch(0, ["i0"])
    ledger.answer("i0")
    ledger.freeze(0, 1)
    ledger.add(ev.Stopped(0, "person", {}, "p_1"), "p_1")
    assert ledger.due == Train(0)
    ledger.train(0)
    ledger.evaluate(0)
    assert ledger.due == Wait("stopped: person")
    ledger.answer("i5", "b")
    ledger.add(ev.Requested("retrain", "p_1"), "p_1")
    assert ledger.due == Freeze(1)


def in_training(**loop: Any) -> Ledger:
    """Ten items are out, three are answered, and a training has begun."""
    ledger = Ledger(loop={"batch": 4, "retrain_every": {"least": 3, "share": 0.0}, **loop})
    ledger.pool(500)
    ledger.batch(0, [f"i{n}" for n in range(10)])
    for n in range(3):
        ledger.answer(f"i{n}")
    ledger.freeze(0, 3)
    return ledger


def test_more_items_are_chosen_beside_a_training_when_people_would_run_out() -> None:
    ledger = in_training()
    assert ledger.due == Train(0)
    assert next_beside(ledger.state) is None, "seven are left"
    for n in range(3, 7):
        ledger.answer(f"i{n}")
    assert next_beside(ledger.state) == Select(0, 1), "less than a batch is left"
    ledger.batch(0, [f"j{n}" for n in range(8)], part=1)
    assert next_beside(ledger.state) is None
    assert ledger.due == Train(0), "the round goes on where it was"
    ledger.train(0)
    for n in range(8):
        ledger.answer(f"j{n}")
    assert next_beside(ledger.state) == Select(0, 2), "also while the model is measured"
    ledger.batch(0, ["k1", "k2"], part=2)
    assert ledger.due == Evaluate(0)
    ledger.evaluate(0, stop="settled")
    assert ledger.due == Stop(0, "settled", {"x": 1}), "what was found is not forgotten"


def test_more_items_that_come_after_the_next_round_was_chosen_only_join() -> None:
    ledger = in_training()
    ledger.train(0)
    ledger.evaluate(0)
    ledger.batch(1, ["n1", "n2"])
    ledger.batch(0, ["late"], part=1)
    assert (ledger.state.round, ledger.state.batch.items) == (1, {"n1", "n2", "late"})
    assert ledger.due == Select(1, 2), "under a key that is not taken"


@pytest.mark.parametrize(
    "why", ["batch mode", "the budget is spent", "people said stop", "the pool is asked", "items joined"]
)
def test_nothing_is_chosen_beside_a_training(why: str) -> None:
    ledger = in_training(mode="batch") if why == "batch mode" else in_training()
    for n in range(3, 10):
        ledger.answer(f"i{n}")
    assert (next_beside(ledger.state) is None) == (why == "batch mode")
    match why:
        case "the budget is spent":
            spec = {**ledger.state.spec, "stop": {"any": [{"rule": "budget", "labels": 10}], "all": []}}  # type: ignore[dict-item]
            ledger.add(ev.SpecChanged(spec, "other"))
        case "people said stop":
            ledger.add(ev.Stopped(0, "a person", {}, "p_1"))
        case "the pool is asked":
            ledger.batch(0, ["last"], part=1, short=7)
            ledger.answer("last")
        case "items joined":
            ledger.add(ev.PoolImported("y", "f2", "", 100, 0, size=600))
    assert next_beside(ledger.state) is None


def test_classes_keep_their_place_when_renamed() -> None:
    ledger = Ledger()
    ledger.add(ev.ClassesChanged("rename", ["a"], ["alpha"]))
    ledger.add(ev.ClassesChanged("add", [], ["c"]))
    ledger.add(ev.ClassesChanged("rename", ["alpha"], ["first"]))
    assert ledger.state.classes == ("first", "b", "c")
    assert ledger.state.renamed == {"a": "first", "alpha": "first"}


def test_a_gap_is_refused() -> None:
    ledger = Ledger()
    ledger.pool(3)
    with pytest.raises(ValueError, match="event 3 cannot follow event 1"):
        fold(State(), [ledger.recorded[0], ledger.recorded[2]])


actions = st.lists(
    st.tuples(
        st.sampled_from(["answer", "skip", "undo", "correct", "withdraw", "measure"]),
        st.integers(0, 7),
        st.sampled_from(["p_1", "p_2"]),
    ),
    max_size=30,
)


@settings(max_examples=50, deadline=None)
@given(actions, st.integers(1, 30))
def test_running_counts_equal_counting_from_scratch(steps: list[tuple[str, int, str]], cut: int) -> None:
    ledger = Ledger()
    ledger.pool(8)
    answers: dict[int, tuple[str, str, str]] = {}  # seq → item, lane, outcome
    for kind, number, person in steps:
        item = f"i{number}"
        match kind:
            case "answer" | "measure" | "skip":
                lane = "evaluation" if kind == "measure" else "query"
                seq = ledger.answer(item, None if kind == "skip" else "a", lane=lane, person=person)
                answers[seq] = (item, lane, "skipped" if kind == "skip" else "answered")
            case "undo" if answers:
                seq = sorted(answers)[number % len(answers)]
                ledger.add(ev.AnswerWithdrawn(seq, "undo"), person)
                del answers[seq]
            case "correct" if answers:
                seq = sorted(answers)[number % len(answers)]
                item, lane, _ = answers.pop(seq)
                answers[ledger.answer(item, "b", lane=lane, person=person, replaces=seq)] = (item, lane, "answered")
            case "withdraw":
                ledger.add(ev.ItemWithdrawn(item, "bad"), person)
    state = ledger.state
    assert state.paid == len(answers)
    assert state.training == len(
        {item for item, lane, outcome in answers.values() if (lane, outcome) == ("query", "answered")}
    )
    assert {lane: n for lane, n in state.lanes.items() if n} == {
        lane: n for lane in ("query", "evaluation") if (n := sum(answer[1] == lane for answer in answers.values()))
    }
    assert {outcome: n for outcome, n in state.answers.items() if n} == Counter(
        outcome for _, _, outcome in answers.values()
    )
    cut = min(cut, len(ledger.recorded))
    assert fold(fold(State(), ledger.recorded[:cut]), ledger.recorded[cut:]) == state, "folding in two is folding once"
