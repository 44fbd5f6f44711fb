"""Several people, one target: overlap, further opinions, consensus, gold, second looks, decisions."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from querist.engine import asking_again, commands, opinions, reviewing, steering
from querist.engine.classes import change_classes
from querist.engine.labels import training_rows
from querist.engine.lanes import keyed_numbers
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.round import next_step
from querist.engine.run import run_until_waiting
from querist.engine.spec import ProjectSpec
from querist.engine.views import team as team_view
from querist.errors import BadValue, Conflict, NotFound
from querist.events import AnswerSubmitted, BatchSelected, PoolImported, ProjectCreated
from querist.models import learner
from querist.store.memory import MemoryStore
from querist.store.protocol import ItemRow
from querist.types import Content, Features

IMAGES, DIGITS = load_digits(n_class=3, return_X_y=True)
SIZE = 300


def make(folder: Path | None = None, **sections: Any) -> Project:
    """A project of small digits 0, 1 and 2 in memory: every label is known, and a model is fitted in milliseconds."""
    spec = {
        "project": {"name": "team", "classes": ["0", "1", "2"]},
        "strategy": {"name": "margin"},
        "loop": {"batch": 20, "seed_set": {"least": 15, "per_class": 5}},
        "lanes": {"reserve": 30, "evaluation": 0.1, "control": 0.1},
        **sections,
    }
    checked = ProjectSpec.from_json(spec)
    store = MemoryStore("team")
    array = IMAGES[:SIZE] / 16
    project = Project(
        checked, store, folder=folder, learner=learner("logistic_regression"), arrays=Features(array, array)
    )
    project.record("created", ProjectCreated(spec=checked.to_json(), spec_hash="", seed=0, versions={}))
    names = [f"i{number}" for number in range(SIZE)]
    u_eval, u_control = (keyed_numbers(0, lane, names).tolist() for lane in ("evaluation", "control"))
    store.add_items(
        ItemRow(name, row, u_eval[row], u_control[row], Content("text", {"text": name}))
        for row, name in enumerate(names)
    )
    table = {"item": names, "row": list(range(SIZE)), "u_eval": u_eval, "u_control": u_control}
    items = store.artefacts.put_table({**table, "copies": [1] * SIZE, "group": [None] * SIZE, "cost": [None] * SIZE})
    project.record("import", PoolImported("memory", "f", items, SIZE, 0, size=SIZE, reserve=0.1), actor="import")
    run_until_waiting(project)
    return project


def truth(item: str) -> str:
    return str(DIGITS[int(item[1:])])


def give(project: Project, person: str, item: str, value: str | None = None, **more: Any) -> int:
    form = FileAnswer(uuid.uuid4(), item, value if value is not None else truth(item), **more)
    receipt, _ = commands.submit(project, person, form)
    return int(receipt["seq"])


def take(project: Project, person: str, n: int = 1) -> list[str]:
    return [task["item"] for task in commands.next_items(project, person, n, [])["tasks"]]


def label(project: Project, person: str, n: int, say: Callable[[str], str] = truth) -> list[str]:
    """A person answers n items, while the worker goes on."""
    done = []
    for _ in range(n):
        run_until_waiting(project)
        for item in take(project, person):
            give(project, person, item, say(item))
            done.append(item)
    run_until_waiting(project)
    return done


# --- overlap


def test_each_item_gets_as_many_opinions_as_asked_for_by_different_people() -> None:
    project = make(labels={"opinions": 2})
    first = label(project, "ann", 12)
    second = label(project, "bob", 12)
    assert set(second) == set(first), "begun items are finished before new ones"
    third = label(project, "cyd", 12)
    assert not set(third) & set(first)
    assert len(training_rows(project, project.state(), through=project.state().seq)) > 0


def test_an_item_with_too_few_opinions_trains_nothing_and_outlives_a_new_batch() -> None:
    project = make(labels={"opinions": 2}, lanes={"evaluation": 0.0, "control": 0.0, "reserve": 0})
    begun = label(project, "ann", 5)
    state = project.state()
    assert training_rows(project, state, through=state.seq) == {}
    assert state.fresh == ()
    last = project.last("batch_selected")
    assert last is not None
    assert isinstance(last.event, BatchSelected)
    project.record("r9/select/0", _batch(project, last.event, number=9, items=["i200"]))
    assert {entry.item for entry in project.store.queue()} == {*begun, "i200"}


def _batch(
    project: Project, like: BatchSelected, *, number: int, items: list[str], lane: str = "query"
) -> BatchSelected:
    columns = {"item": items, "lane": ["query"] * len(items), "rank": list(range(len(items)))}
    nothing: list[None] = [None] * len(items)
    picks = project.store.artefacts.put_table({**columns, "score": nothing, "probability": nothing})
    known = like.to_json() | {"round": number, "part": 0, "items": items, "picks": picks, "asked": 1, "chosen": 1}
    return BatchSelected(**known)


def test_one_person_alone_is_never_left_without_items() -> None:
    project = make(labels={"opinions": 2})
    assert len(set(label(project, "ann", 60))) == 60


def test_people_who_differ_bring_one_more_person_until_it_is_settled_or_enough() -> None:
    project = make(labels={"opinions": 2, "most_opinions": 4})
    [item] = take(project, "ann")
    give(project, "ann", item, "0")
    give(project, "bob", item, "1")
    assert project.state().wanted[item] == 3
    assert item in take(project, "cyd", 3)
    give(project, "cyd", item, "2")
    assert project.state().wanted[item] == 4
    give(project, "dan", item, "2")
    assert project.state().wanted[item] == 4, "four people are enough"
    assert [name for name, _ in reviewing.contested(project, project.state())] == [item]
    assert item not in [entry.item for entry in project.store.queue()]
    resolved = training_rows(project, project.state(), through=project.state().seq)
    assert item not in resolved, "1 × 0, 1 × 1, 2 × 2 is no majority"


def test_agreement_asks_nobody_else() -> None:
    project = make(labels={"opinions": 2, "most_opinions": 4})
    [item] = take(project, "ann")
    for person in ("ann", "bob"):
        give(project, person, item)
    assert project.state().wanted[item] == 2
    assert project.state().settled(item)


def test_the_worker_makes_good_for_a_crash_between_an_answer_and_its_follow_up() -> None:
    project = make(labels={"opinions": 2, "most_opinions": 3})
    [item] = take(project, "ann")
    for person, value in (("ann", "0"), ("bob", "1")):
        project.record(
            str(uuid.uuid4()), AnswerSubmitted(item, "single_label", "answered", value, lane="query"), actor=person
        )
    assert project.state().wanted[item] == 2
    assert opinions.ask_further(project, [item]) == 1
    assert opinions.ask_further(project, [item]) == 0
    assert project.state().wanted[item] == 3


def test_labels_that_came_with_the_data_need_no_second_opinion() -> None:
    project = make(labels={"opinions": 3})
    event = AnswerSubmitted("i7", "single_label", "answered", truth("i7"), lane="query", source="import")
    project.record("import/i7", event, actor="import")
    assert project.state().fresh
    assert training_rows(project, project.state(), through=project.state().seq)["i7"].value == truth("i7")


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        ({"opinions": 3, "most_opinions": 2}, "less than opinions"),
        ({"sure": 0.8}, "needs consensus"),
        ({"opinions": 0}, "greater than or equal to 1"),
        ({"consensus": "loudest"}, "majority"),
    ],
)
def test_settings_that_cannot_be_are_refused(labels: dict[str, Any], why: str) -> None:
    with pytest.raises(BadValue, match=why):
        make(labels=labels)


# --- consensus

SKILLS = {"ann": 0.95, "bob": 0.95, "cyd": 0.4, "dan": 0.4, "eve": 0.4}


def crowd_of_five(method: str, **labels: Any) -> Project:
    """Two people who know and three who mostly guess: votes alone go wrong."""
    project = make(labels={"opinions": 5, "consensus": method, **labels}, lanes={"reserve": 0, "control": 0.0})
    rng = np.random.default_rng(0)
    for item in _asked(project, 80):
        for person, skill in SKILLS.items():
            wrong = str((int(truth(item)) + rng.integers(1, 3)) % 3)
            give(project, person, item, truth(item) if rng.random() < skill else wrong)
    return project


def _asked(project: Project, n: int) -> list[str]:
    """Put the first n items into the queue, whatever the strategy would choose."""
    names = [f"i{number}" for number in range(n)]
    last = project.last("batch_selected")
    assert last is not None
    assert isinstance(last.event, BatchSelected)
    project.record("r9/select/0", _batch(project, last.event, number=9, items=names))
    return names


@pytest.mark.parametrize("method", ["dawid_skene", "crowdlab"])
def test_people_are_weighed_by_their_skill(method: str) -> None:
    def right(project: Project) -> int:
        found = training_rows(project, project.state(), through=project.state().seq)
        return sum(found[item].value == truth(item) for item in found)

    assert right(crowd_of_five(method)) > right(crowd_of_five("majority")) + 5


def test_too_little_overlap_counts_votes_and_says_so() -> None:
    project = make(labels={"opinions": 1, "consensus": "dawid_skene"})
    label(project, "ann", 40)
    told = [event.event for event in project.store.events(kinds=["fallback"])]
    assert ("consensus", "dawid_skene", "votes") in {(event.what, event.wanted, event.used) for event in told}  # type: ignore[attr-defined]


def test_a_change_of_mind_about_overlap_leaves_older_labels_as_they_are() -> None:
    project = make(lanes={"evaluation": 0.0, "control": 0.0, "reserve": 0})
    done = label(project, "ann", 10)
    steering.change_settings(project, "boss", {"labels": {"opinions": 2}})
    assert set(training_rows(project, project.state(), through=project.state().seq)) == set(done)


def test_an_unsure_consensus_asks_one_more() -> None:
    project = crowd_of_five("dawid_skene", sure=0.95, most_opinions=6)
    run_until_waiting(project)
    reasons = [event.event.reason for event in project.store.events(kinds=["opinions_wanted"])]  # type: ignore[attr-defined]
    assert any("sure" in reason for reason in reasons)
    assert any(entry.opinions_left == 1 for entry in project.store.queue() if entry.item in project.state().wanted)


# --- second looks


def test_one_person_is_asked_again_about_labels_that_the_model_doubts_without_being_told() -> None:
    project = make(lanes={"relabel": 0.4, "reserve": 0, "control": 0.0, "evaluation": 0.0})
    wrong = {f"i{number}" for number in range(0, SIZE, 12)}

    def careless(item: str) -> str:
        return str((int(truth(item)) + 1) % 3) if item in wrong else truth(item)

    done: list[str] = []
    for _ in range(110):
        run_until_waiting(project)
        task = commands.next_items(project, "ann", 1, [])["tasks"][0]
        again = task["item"] in done
        give(project, "ann", task["item"], truth(task["item"]) if again else careless(task["item"]))
        if again:
            assert task["why"] == {"sentence": "One of the items that check model and labels.", "detail": ""}
            assert task["item"] not in [entry.item for entry in project.store.queue()], "asked once more, and no more"
        done.append(task["item"])
    twice = {item for item in done if done.count(item) == 2}
    assert len(twice) >= 3
    assert len(twice & wrong) > len(twice) / 2, "most second looks go to the planted errors (8 % of the items)"
    assert max(done.count(item) for item in done) == 2
    assert project.state().lanes["recheck"] == len(twice)


def test_with_several_people_a_second_opinion_is_asked_where_it_outranks_new_items() -> None:
    project = make(lanes={"relabel": 0.3, "reserve": 0, "control": 0.0, "evaluation": 0.0})
    rng = np.random.default_rng(1)

    def noisy(item: str) -> str:
        return str(rng.integers(3)) if rng.random() < 0.3 else truth(item)

    for _ in range(60):
        label(project, "ann", 1, noisy)
        label(project, "bob", 1, noisy)
    state = project.state()
    again = [item for item, live in state.live.items() if len(live) > 1]
    assert again
    assert all(len({answer.person for answer in state.live[item]}) == len(state.live[item]) for item in again)
    evidence = [event.event.evidence.get("relabel") for event in project.store.events(kinds=["batch_selected"])]  # type: ignore[attr-defined]
    assert any(isinstance(found, dict) and found["method"] == "ActiveLab" for found in evidence)


# --- gold


@pytest.fixture
def golden() -> Project:
    project = make(lanes={"gold": 0.3, "reserve": 30, "control": 0.0, "evaluation": 0.1})
    outside = [f"i{row}" for row in range(SIZE) if project.pool().u_eval[row] >= project.state().reserve][:6]
    asking_again.change_gold(project, "boss", "g", {item: truth(item) for item in outside})
    return project


def test_gold_items_measure_everybody_and_train_nothing(golden: Project) -> None:
    for person in ("ann", "bob"):
        label(golden, person, 25)
    state = golden.state()
    lanes = {item: {answer.lane for answer in state.live.get(item, ())} for item in state.gold}
    assert all(found <= {"gold"} for found in lanes.values())
    assert sum(len(state.live.get(item, ())) for item in state.gold) >= 6
    assert not training_rows(golden, state, through=state.seq).keys() & state.gold
    assert {answer.person for item in state.gold for answer in state.live.get(item, ())} == {"ann", "bob"}


def test_gold_looks_like_any_other_item_to_who_labels(golden: Project) -> None:
    label(golden, "ann", 3)
    for item in golden.state().gold:
        from querist.engine import reasons

        assert reasons.short(golden, item, "gold") == reasons.short(golden, item, "evaluation")
        assert reasons.record(golden, item)["hidden"]


def test_what_cannot_be_gold_is_refused_or_left_out(golden: Project) -> None:
    reserve = [f"i{row}" for row in range(SIZE) if golden.pool().u_eval[row] < golden.state().reserve]
    assert asking_again.change_gold(golden, "boss", "r", {reserve[0]: "1"}) == [reserve[0]]
    done = [item for item in label(golden, "ann", 4) if item not in golden.state().gold and item not in reserve]
    with pytest.raises(BadValue, match="has answers that train"):
        asking_again.change_gold(golden, "boss", "t", {done[0]: "1"})
    with pytest.raises(BadValue, match="not a declared class"):
        asking_again.change_gold(golden, "boss", "v", {"i250": "9"})
    with pytest.raises(NotFound):
        asking_again.change_gold(golden, "boss", "n", {"nowhere": "1"})
    with pytest.raises(NotFound, match="not gold"):
        asking_again.change_gold(golden, "boss", "x", {}, removed=["i250"])


def test_gold_can_be_taken_back(golden: Project) -> None:
    item = min(golden.state().gold)
    asking_again.change_gold(golden, "boss", "back", {}, removed=[item])
    assert item not in golden.state().gold
    assert item not in asking_again.known_answers(golden)


def in_training(training: bool) -> tuple[Project, str]:
    project = make(lanes={"gold": 0.5, "reserve": 30}, labels={"training": training})
    item = next(f"i{row}" for row in range(SIZE) if project.pool().u_eval[row] >= project.state().reserve)
    asking_again.change_gold(project, "boss", "g", {item: truth(item)}, reasons={item: "it closes at the top"})
    return project, item


def answer(project: Project, person: str, item: str, value: str) -> Any:
    return commands.submit(project, person, FileAnswer(uuid.uuid4(), item, value))[0]["lesson"]


def test_in_training_the_known_answer_is_told_after_a_gold_item_and_only_then() -> None:
    project, item = in_training(True)
    wrong = next(name for name in project.task.classes if name != truth(item))
    assert answer(project, "ann", item, wrong) == {
        "value": truth(item),
        "reason": "it closes at the top",
        "right": False,
    }
    assert answer(project, "bob", item, truth(item))["right"] is True
    other = next(name for name in label(project, "ann", 3) if name not in project.state().gold)
    assert answer(project, "ann", other, truth(other)) is None


def test_without_training_a_gold_item_says_nothing() -> None:
    project, item = in_training(False)
    assert answer(project, "ann", item, truth(item)) is None


@pytest.mark.parametrize(("training", "right"), [(True, 0.0), (False, 1.0)])
def test_in_training_the_first_answer_counts_since_the_second_knows(training: bool, right: float) -> None:
    project, item = in_training(training)
    wrong = next(name for name in project.task.classes if name != truth(item))
    for value in (wrong, truth(item)):
        answer(project, "ann", item, value)
    known = asking_again.known_answers(project)
    given = team_view._given(project)["ann"]
    live = {seq for answers in project.state().live.values() for seq in (answer.seq for answer in answers)}
    counted = given if training else [one for one in given if one.seq in live]
    assert team_view._right_on_gold(project, counted, known) == [right]


def test_a_class_that_is_renamed_is_renamed_in_what_is_known() -> None:
    project, item = in_training(True)
    change_classes(project, "boss", "k", "rename", [truth(item)], ["renamed"])
    assert asking_again.known_answers(project)[item].value == "renamed"
    assert answer(project, "ann", item, "renamed")["right"] is True


def test_kappa_is_not_said_of_who_always_says_the_same() -> None:
    project = make(labels={"opinions": 2})
    label(project, "ann", 12)
    label(project, "bob", 12, lambda _: "1")
    (pair,) = team_view.team(project, viewer="ann", everybody=True)["pairs"]
    assert (pair["items"], pair["kappa"]) == (12, None), "0 by arithmetic, with an interval from 0 to 0"


# --- decisions


@pytest.fixture
def disputed() -> tuple[Project, str]:
    project = make(labels={"opinions": 2})
    [item] = take(project, "ann")
    give(project, "ann", item, "0")
    give(project, "bob", item, "1")
    return project, item


def test_a_decision_outweighs_the_answers_which_stay(disputed: tuple[Project, str]) -> None:
    project, item = disputed
    shown = reviewing.review(project, viewer="bob")
    [entry] = shown["items"]
    assert (entry["item"], entry["tally"], shown["total"]) == (item, "1 × 0, 1 × 1", 1)
    assert [opinion["letter"] for opinion in entry["opinions"]] == ["A", "B"]
    assert [opinion["value"] for opinion in entry["opinions"] if opinion["mine"]] == ["1"]
    assert "ann" not in str(entry)
    assert "person" not in str(entry)
    recorded, is_new = reviewing.decide(project, "rev", "d1", item, "2", reason="ambiguous", note="a loop")
    again, twice = reviewing.decide(project, "rev", "d1", item, "2", reason="ambiguous", note="a loop")
    assert (is_new, twice, again.seq) == (True, False, recorded.seq)
    assert training_rows(project, project.state(), through=project.state().seq)[item].value == "2"
    assert len(project.store.answers(items=[item])) == 2
    assert reviewing.review(project, viewer="bob")["total"] == 0


def test_decisions_that_cannot_be_are_refused(disputed: tuple[Project, str]) -> None:
    project, item = disputed
    with pytest.raises(BadValue, match="must be one of slip"):
        reviewing.decide(project, "rev", "a", item, "1", reason="because")
    with pytest.raises(BadValue, match="not a declared class"):
        reviewing.decide(project, "rev", "b", item, "nine", reason="slip")
    with pytest.raises(NotFound):
        reviewing.decide(project, "rev", "c", "nowhere", "1", reason="slip")
    with pytest.raises(Conflict, match="nobody has answered"):
        reviewing.decide(project, "rev", "d", "i299", "1", reason="slip")


def test_the_most_contested_comes_first(disputed: tuple[Project, str]) -> None:
    project, item = disputed
    other = next(name for name in take(project, "ann", 5) if name != item)
    for person, value in (("ann", "0"), ("bob", "1"), ("cyd", "1")):
        give(project, person, other, value)
    assert [name for name, _ in reviewing.contested(project, project.state())] == [item, other]


def test_replay_still_makes_the_same_batches(tmp_path: Path) -> None:
    project = make(tmp_path, lanes={"relabel": 0.3, "gold": 0.1, "reserve": 30, "control": 0.1, "evaluation": 0.1})
    label(project, "ann", 40)
    label(project, "bob", 20)
    from querist.engine.trust import replay

    assert all(part["same"] for part in replay(project)["rounds"]), next_step(project.state())
