"""What is kept of a ledger is what the ledger comes to, or it is not believed."""

import uuid
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist import events as ev
from querist.engine import snapshot, steering, trust, views
from querist.engine.classes import change_classes
from querist.engine.project import Project
from querist.engine.snapshot import Remembered, keep, kept
from querist.store.memory import MemoryStore
from querist.store.protocol import ItemRow

from .test_round import Ledger

SIZE = 8


def opened(folder: Path) -> Remembered:
    """What a process remembers that has just opened the project, and looked at it."""
    project = Project.open(folder)
    project.state()
    return project._remembered


def from_the_beginning(project: Project) -> Remembered:
    remembered = Remembered()
    remembered.follow(list(project.store.events()))
    return remembered


def said(item: str, **more: Any) -> ev.AnswerSubmitted:
    return ev.AnswerSubmitted(item, "single_label", "answered", "3", lane="query", active_ms=900, **more)


@pytest.fixture
def labelled(digits: Project) -> Project:
    """A project with answers, one corrected, one taken back, a class renamed and settings changed."""
    items = digits.pool().items[:12]
    first, second, *_ = (digits.record(f"key {item}", said(item), actor="p_1")[0].seq for item in items)
    digits.record("undo", ev.AnswerWithdrawn(first, "undo"), actor="p_1")
    digits.record("correct", said(items[1], replaces=second), actor="p_1")
    change_classes(digits, "p_1", "add", "add", [], ["unclear"])
    change_classes(digits, "p_1", "rename", "rename", ["unclear"], ["no digit"])
    steering.change_settings(digits, "p_1", {"loop": {"batch": 7}})
    return digits


def test_a_project_opens_with_what_is_kept_and_reads_only_the_rest(
    labelled: Project, answer: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = labelled.folder
    assert folder is not None
    answer(labelled, 40)
    assert labelled.state().model is not None
    monkeypatch.setattr(snapshot, "OUT_OF_DATE", 5)
    assert opened(folder) == from_the_beginning(labelled)
    assert kept(folder, labelled.store) == from_the_beginning(labelled)
    again = Project.open(folder)
    assert again.spec == labelled.spec
    assert again.spec.loop.batch == 7
    assert again.task.classes == labelled.task.classes
    monkeypatch.setattr(snapshot, "OUT_OF_DATE", 10_000)
    answer(labelled, 3)
    assert opened(folder) == from_the_beginning(labelled)
    assert views.status(Project.open(folder))["now"]["counts"] == views.status(labelled)["now"]["counts"]
    assert trust.verify(folder)["ok"]


def test_a_small_project_keeps_nothing(labelled: Project) -> None:
    assert labelled.folder is not None
    Project.open(labelled.folder)
    assert not (labelled.folder / snapshot.NAME).exists()


def change_a_byte(file: Path) -> None:
    told = bytearray(file.read_bytes())
    told[len(told) // 2] ^= 1
    file.write_bytes(told)


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("spoil", [change_a_byte, cut_off, empty])
def test_a_file_that_was_changed_is_not_believed(
    labelled: Project, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    assert labelled.folder is not None
    keep(labelled.folder, opened(labelled.folder), labelled.id)
    spoil(labelled.folder / snapshot.NAME)
    assert kept(labelled.folder, labelled.store) is None
    assert opened(labelled.folder) == from_the_beginning(labelled)


def test_other_code_another_project_and_another_past_are_not_believed(
    labelled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = labelled.folder
    assert folder is not None
    remembered = opened(folder)
    keep(folder, remembered, "another project")
    assert kept(folder, labelled.store) is None
    remembered.head = "f" * 64
    keep(folder, remembered, labelled.id)
    assert kept(folder, labelled.store) is None
    keep(folder, opened(folder), labelled.id)
    assert kept(folder, labelled.store) is not None
    monkeypatch.setattr(snapshot, "_code", lambda: b"a later version of Querist")
    assert kept(folder, labelled.store) is None


def test_verify_names_what_is_kept_and_is_not_so(labelled: Project) -> None:
    folder = labelled.folder
    assert folder is not None
    remembered = opened(folder)
    remembered.timesheet.active_ms += 1
    keep(folder, remembered, labelled.id)
    found = trust.verify(folder)
    assert not found["ok"]
    assert "remembered.json is not what the ledger comes to" in found["lines"][0]


def test_where_nothing_can_be_written_the_project_opens_all_the_same(
    labelled: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = labelled.folder
    assert folder is not None
    (folder / snapshot.NAME).mkdir()  # as good as a full disk, and root meets it too
    monkeypatch.setattr(snapshot, "OUT_OF_DATE", 5)
    assert opened(folder) == from_the_beginning(labelled)
    assert (folder / snapshot.NAME).is_dir()
    assert not list(folder.glob("*.partial"))


actions = st.lists(
    st.tuples(
        st.sampled_from(["answer", "skip", "undo", "correct", "withdraw", "measure", "import", "decide", "more"]),
        st.integers(0, SIZE - 1),
        st.sampled_from(["p_1", "p_2"]),
    ),
    max_size=25,
)


def happened(kind: str, item: str, seqs: list[int]) -> ev.Event | None:
    told: Any = {"outcome": "answered", "value": "a", "lane": "query"}
    match kind:
        case "skip":
            told |= {"outcome": "skipped", "value": None, "reason": "blurred"}
        case "measure":
            told |= {"lane": "evaluation", "active_ms": 40, "round": 1}
        case "import":
            told |= {"lane": "seed", "source": "import"}
        case "undo":
            return ev.AnswerWithdrawn(seqs[0], "undo") if seqs else None
        case "correct" if seqs:
            told |= {"replaces": seqs[0], "shown": {"seen": True, "value": "b", "model": "m"}}
        case "withdraw":
            return ev.ItemWithdrawn(item, "bad")
        case "decide" if seqs:
            return ev.AnswerAdjudicated(item, "b", "", seqs[:2])
        case "more":
            return ev.OpinionsWanted(item, 2, "in doubt", "query", 0)
        case _:
            told |= {"shown": {"seen": False, "value": "b", "model": "m"}}
    return ev.AnswerSubmitted(item, "single_label", **told)


@settings(max_examples=40, deadline=None)
@given(actions, st.integers(0, 30))
def test_the_fold_through_a_file_is_the_fold(steps: list[tuple[str, int, str]], cut: int) -> None:
    store, ledger = MemoryStore(), Ledger()
    store.add_items(ItemRow(f"i{row}", row, row / SIZE, 0.5, None) for row in range(SIZE))
    ledger.pool(SIZE)
    for recorded in ledger.recorded:
        store.append(recorded.key, recorded.event)
    for kind, number, person in steps:
        item = f"i{number}"
        seqs = [answer.seq for answer in store.answers(items=[item]) if answer.person == person]
        event = happened(kind, item, seqs)
        if event is not None:
            store.append(str(uuid.uuid4()), event, actor=person)
    lines = list(store.events())
    cut = max(1, min(cut, len(lines)))
    first, whole = Remembered(), Remembered()
    first.follow(lines[:cut])
    whole.follow(lines)
    with TemporaryDirectory() as folder:
        keep(Path(folder), first, store.project)
        again = kept(Path(folder), store)
    assert again == first
    if lines[cut:]:
        again.follow(lines[cut:])
    assert again == whole
