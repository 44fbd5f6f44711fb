"""Data sets by version: what changed, by whom; and a version for training elsewhere."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import uuid4

import pytest

from querist.engine import commands, create, datasets, steering
from querist.engine.classes import change_classes
from querist.engine.offline import FileAnswer
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.errors import BadValue, UnknownName
from querist.events import ItemWithdrawn


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three versions: 20 labels; four corrected, one taken back, one skipped, one withdrawn and ten more; five more."""
    data = tmp_path / "a.csv"
    data.write_text("id,body\n" + "".join(f"d{n},text about thing number {n} and {n % 5}\n" for n in range(80)))
    lanes = {"evaluation": 0.0, "control": 0.2}
    create.init(
        tmp_path / "p",
        data=str(data),
        text="body",
        id="id",
        classes=["pos", "neg"],
        settings={"lanes": lanes, "loop": {"retrain_every": {"least": 5}}},
    )
    project = Project.open(tmp_path / "p")
    answer(project, "p_ann", 20)
    answers = sorted(project.store.answers(), key=lambda one: one.item)
    for one in answers[:4]:
        said(project, "p_eve", one.item, "neg" if one.value == "pos" else "pos", replaces=one.seq)
    commands.undo(project, "p_ann", answers[4].seq, str(uuid4()))
    said(project, "p_ann", answers[5].item, None, outcome="skipped", replaces=answers[5].seq)
    project.record(str(uuid4()), ItemWithdrawn(item=answers[6].item, reason="broken"), actor="p_boss")
    answer(project, "p_bob", 10)
    answer(project, "p_bob", 5)
    return project


def said(project: Project, person: str, item: str, value: str | None, **more: object) -> None:
    form = FileAnswer(uuid4(), item, value, **more)  # type: ignore[arg-type]
    commands.submit(project, person, form, may_correct_others=True)


def answer(project: Project, person: str, n: int) -> None:
    for _ in range(n):
        run_until_waiting(project)
        task = commands.next_items(project, person, 1, [])["tasks"][0]
        said(project, person, task["item"], "pos" if int(task["item"][1:]) % 5 < 2 else "neg")
    steering.retrain(project, "p_boss", str(uuid4()))
    run_until_waiting(project)


def test_versions_are_named_by_their_content(project: Project) -> None:
    found = datasets.listed(project)["versions"]
    assert [row["version"] for row in found] == [f"v{n + 1}" for n in range(len(found))]
    assert len({row["dataset"] for row in found}) == len(found) >= 3
    assert found[-1]["parent"] == found[-2]["dataset"]
    assert found[-1]["models"]
    last = datasets.find(project, found[-1]["dataset"][:8])
    assert last.name == found[-1]["version"]
    assert sum(last.event.counts.values()) == last.event.labelled
    with pytest.raises(UnknownName, match=r"unknown version 'v99'.*have: v1"):
        datasets.find(project, "v99")


def test_what_changed_by_whom_in_which_round(project: Project) -> None:
    known = datasets.versions(project)
    first = next(version for version in known if version.event.labelled >= 20)
    last = known[-1]
    found = datasets.diff(project, first.name, last.name)
    assert len(found["corrected"]) == 4
    assert {tuple(entry["by"]) for entry in found["corrected"]} == {("p_eve",)}
    assert all(entry["before"] != entry["after"] for entry in found["corrected"])
    reasons = sorted(entry["reason"] for entry in found["withdrawn"])
    assert reasons == ["the answer was taken back (undo)", "the item is skipped", "the item was withdrawn (broken)"]
    assert len(found["added"]) == last.event.labelled - first.event.labelled + 3
    assert {name for entry in found["added"] for name in entry["by"]} <= {"p_bob", "p_ann"}
    # Each change stands in the version that is said to have taken it in, and not in the one before.
    for entry in found["added"] + found["corrected"]:
        number = int(entry["version"][1:])
        holds = [datasets.dataset_rows(project, known[n - 1].event) for n in (number - 1, number)]
        labels = [dict(zip(rows["item"], rows["target"], strict=True)).get(entry["item"]) for rows in holds]
        assert labels == [entry["before"], entry["after"]]
        assert known[number - 1].event.round == entry["round"]
    assert found["lines"][0].startswith(
        f"{first.name} → {last.name}: {len(found['added'])} added, 4 corrected, 3 withd"
    )
    back = datasets.diff(project, last.name, first.name)
    assert len(back["added"]) == 3
    assert datasets.diff(project, last.name, last.name)["lines"][0].startswith(f"{last.name} → {last.name}: 0 added")


def test_a_renamed_class_is_no_correction(project: Project) -> None:
    change_classes(project, "p_boss", str(uuid4()), "rename", ["pos"], ["positive"])
    found = datasets.diff(project, "v1", "v2")
    assert not any({entry["before"], entry["after"]} == {"pos", "positive"} for entry in found["corrected"])
    assert "pos" not in {entry["after"] for entry in found["added"]}


def test_a_version_is_checked_out_with_labelled_and_unlabelled_apart(project: Project, tmp_path: Path) -> None:
    last = datasets.versions(project)[-1]
    told = datasets.check_out(project, last.name, tmp_path / "out")
    labelled, unlabelled = (
        [json.loads(line) for line in (tmp_path / "out" / name).read_text().splitlines()]
        for name in (datasets.LABELLED, datasets.UNLABELLED)
    )
    assert len(labelled) == told["files"][datasets.LABELLED] == last.event.labelled
    assert not {row["item"] for row in labelled} & {row["item"] for row in unlabelled}
    assert all(row["text"].startswith(f"text about thing number {row['item'][1:]} ") for row in labelled + unlabelled)
    assert all("label" not in row for row in unlabelled)
    rows = datasets.dataset_rows(project, last.event)
    assert {row["item"]: row["label"] for row in labelled} == dict(zip(rows["item"], rows["target"], strict=True))
    untouched = {answer.item for answer in project.store.answers()} | project.state().withdrawn
    assert not untouched & {row["item"] for row in unlabelled}
    assert json.loads((tmp_path / "out" / datasets.MANIFEST).read_text())["dataset"] == last.event.dataset
    with pytest.raises(BadValue, match="is there already"):
        datasets.check_out(project, last.name, tmp_path / "out")


def test_what_measures_is_never_checked_out(tmp_path: Path, digits: Project, answer: object) -> None:
    answer(digits, 30)  # type: ignore[operator]
    datasets.check_out(digits, "v1", tmp_path / "out")
    shown = (tmp_path / "out" / datasets.LABELLED).read_text() + (tmp_path / "out" / datasets.UNLABELLED).read_text()
    items = {json.loads(line)["item"] for line in shown.splitlines()}
    reserve = set(digits.reserve()[1])
    assert reserve
    assert not reserve & items
