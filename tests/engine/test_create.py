"""Projects from files: what comes in, what is set aside, what is said about it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from querist.engine import create, offline, trust, views
from querist.engine.importing import import_data
from querist.engine.project import Project
from querist.errors import BadValue, Conflict, NotFound, UnknownName

HEADER = "id,body,label\n"


def write(path: Path, rows: list[tuple[str, str, str]], extra: str = "") -> str:
    path.write_text(HEADER + "".join(f"{a},{b},{c}\n" for a, b, c in rows) + extra)
    return str(path)


def texts(n: int, *, labelled: int = 0, start: int = 0) -> list[tuple[str, str, str]]:
    words = ["good fine happy", "bad awful sad"]
    label = ["pos", "neg"]
    return [
        (f"d{i}", f"{words[i % 2]} text number {i}", label[i % 2] if i - start < labelled else "")
        for i in range(start, start + n)
    ]


def test_filled_cells_are_labels_and_empty_ones_the_pool(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", texts(100, labelled=30))
    made = create.init(tmp_path / "p", data=data, text="body", label="label", id="id")
    assert (made.added, made.labelled) == (100, 30)
    project = Project.open(tmp_path / "p")
    offline.train(project)
    state = project.state()
    assert state.model is not None, "labels that come with the data train at once"
    assert state.paid == 0
    assert state.classes == ("neg", "pos")


def test_bad_rows_are_kept_aside_with_their_line(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", texts(20), extra="only one cell\n")
    made = create.init(tmp_path / "p", data=data, text="body", classes=["pos", "neg"])
    assert [row.line for row in made.rejected] == [22]
    assert "line 22" in made.text(tmp_path / "p")
    assert made.added == 20


def test_duplicates_are_one_item_unless_asked_otherwise(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", [*texts(10), *texts(3)])
    made = create.init(tmp_path / "p", data=data, text="body", classes=["pos", "neg"])
    assert (made.added, made.duplicates) == (10, 3)
    apart = create.init(tmp_path / "q", data=data, text="body", classes=["pos", "neg"], keep_duplicates=True)
    assert apart.added == 13


def test_own_validation_takes_the_place_of_the_evaluation_lane(tmp_path: Path) -> None:
    data = write(tmp_path / "train.csv", texts(100, labelled=40))
    held = write(tmp_path / "test.csv", texts(60, labelled=60, start=80))
    made = create.init(tmp_path / "p", data=data, text="body", label="label", validation=held)
    assert (made.validation, made.in_validation, made.added) == (60, 20, 80)
    project = Project.open(tmp_path / "p")
    offline.train(project)
    status = views.status(project)
    assert status["accuracy"]["n"] == 60
    assert "your own held-out file" in status["verdict"]["lead"]
    (tmp_path / "test.csv").unlink()
    assert views.status(Project.open(tmp_path / "p"))["accuracy"]["n"] == 60, "the file is kept with the project"


def test_pools_grow(tmp_path: Path) -> None:
    create.init(tmp_path / "p", data=write(tmp_path / "a.csv", texts(40)), text="body", id="id", classes=["pos", "neg"])
    project = Project.open(tmp_path / "p")
    offline.train(project)
    more = write(tmp_path / "b.csv", texts(40, start=30))
    made = import_data(project, more)
    assert (made.added, made.known) == (30, 10)
    assert import_data(project, more).added == 0, "the same file twice changes nothing"
    offline.train(project)
    assert project.state().features_rows == project.state().pool_size == 70
    assert len(project.features()) == 70
    assert trust.verify(tmp_path / "p")["ok"]


def test_folders_of_images(tmp_path: Path) -> None:
    for number in range(12):
        Image.new("L", (10, 8), color=20 * number).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    made = create.init(tmp_path.parent / "scans", data=str(tmp_path), classes=["dark", "light"])
    assert made.added == 12
    assert len(made.rejected) == 1
    project = Project.open(tmp_path.parent / "scans")
    offline.train(project)
    asked = offline.ask(project, 3, person="p_1")
    assert all(task["content"]["kind"] == "image" for task in asked)


def test_tables_with_gaps(tmp_path: Path) -> None:
    rows = "".join(
        f"{i},{'red' if i % 3 else ''},{i * 1.5 if i % 4 else ''},2026-01-{i % 28 + 1:02}\n" for i in range(50)
    )
    (tmp_path / "t.csv").write_text("n,colour,size,day\n" + rows)
    made = create.init(tmp_path / "p", data=str(tmp_path / "t.csv"), classes=["yes", "no"])
    project = Project.open(tmp_path / "p")
    offline.train(project)
    assert made.added == 50
    assert project.features().embed.shape[0] == 50


def test_misuse_is_one_clear_line(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", texts(10))
    with pytest.raises(UnknownName, match="'bdy'; did you mean 'body'"):
        create.init(tmp_path / "p", data=data, text="bdy", classes=["a", "b"])
    with pytest.raises(BadValue, match="--labels"):
        create.init(tmp_path / "p", data=data, text="body")
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        create.init(tmp_path / "p", data=str(tmp_path / "nowhere.csv"), text="body", classes=["a", "b"])
    with pytest.raises(UnknownName, match="did you mean 'margin'"):
        create.settings(strategy="margn")
    with pytest.raises(UnknownName, match="model"):
        create.settings(model="resnet")
    assert not (tmp_path / "p").exists(), "a refused project leaves nothing behind"
    create.init(tmp_path / "p", data=data, text="body", classes=["a", "b"])
    with pytest.raises(Conflict, match="querist import"):
        create.init(tmp_path / "p", data=data, text="body", classes=["a", "b"])


def test_labels_that_are_no_class_are_named_and_stay_in_the_pool(tmp_path: Path) -> None:
    data = write(tmp_path / "a.csv", [("x", "one text", "maybe"), ("y", "two text", "pos"), ("z", "three", "neg")])
    made = create.init(tmp_path / "p", data=data, text="body", label="label", classes=["pos", "neg"])
    assert made.no_class == {"maybe": 1}
    assert made.labelled == 2


def test_ask_and_tell_with_files(tmp_path: Path) -> None:
    create.init(tmp_path / "p", data=write(tmp_path / "a.csv", texts(60)), text="body", id="id", classes=["pos", "neg"])
    project = Project.open(tmp_path / "p")
    asked = offline.ask(project, 5, person="cli")
    assert [task["item"] for task in offline.ask(project, 5, person="cli")] == [task["item"] for task in asked]
    offline.write_form(tmp_path / "form.csv", asked)
    lines = (tmp_path / "form.csv").read_text().splitlines()
    filled = [
        lines[0],
        *(line.replace(",,", ",pos,", 1) for line in lines[1:5]),
        "nowhere,pos,",
        f"{asked[4]['item']},odd,",
    ]
    (tmp_path / "form.csv").write_text("\n".join(filled))
    told = offline.tell(project, tmp_path / "form.csv", person="cli")
    assert told["told"] == 4
    assert [problem["line"] for problem in told["problems"]] == [6, 7]
    again = offline.tell(project, tmp_path / "form.csv", person="cli")
    assert (again["told"], again["known"]) == (0, 4)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b'item,label\nd0,pos\n"d1,neg\n', "opens a quote that is never closed"),
        ("a.csv", b"item,label\nd0,pos\nd1,neg,more\n", "has 3 cells where the header names 2 columns"),
        ("a.csv", b"item,label\nd0,pos\n\xff,neg\n", "holds bytes that are not UTF-8"),
        ("a.jsonl", b'{"item": "d0", "label": "pos"}\n\nnot json\n', "is not valid JSON"),
    ],
)
def test_a_row_of_answers_that_cannot_be_read_is_named_and_the_others_count(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    create.init(tmp_path / "p", data=write(tmp_path / "b.csv", texts(60)), text="body", id="id", classes=["pos", "neg"])
    project = Project.open(tmp_path / "p")
    (tmp_path / name).write_bytes(content)
    told = offline.tell(project, tmp_path / name, person="cli")
    assert told["told"] == 1
    assert [problem["line"] for problem in told["problems"]] == [3]
    assert reason in told["problems"][0]["reason"]
    with pytest.raises(BadValue, match="line 3"):
        offline.tell_gold(project, tmp_path / name, person="cli")


def test_erased_content_is_gone_and_the_ledger_verifies(tmp_path: Path) -> None:
    create.init(tmp_path / "p", data=write(tmp_path / "a.csv", texts(40)), text="body", id="id", classes=["pos", "neg"])
    project = Project.open(tmp_path / "p")
    offline.train(project)
    trust.erase(project, "d7", reason="asked for")
    assert project.store.contents(["d7"]) == [None]
    assert b"text number 7 " not in (tmp_path / "p" / "querist.db").read_bytes()
    assert trust.verify(tmp_path / "p")["ok"]
    offline.train(project)
    assert all(task["item"] != "d7" for task in offline.ask(project, 39, person="p"))


def test_one_changed_byte_is_found_and_named(tmp_path: Path) -> None:
    create.init(
        tmp_path / "p", data=write(tmp_path / "a.csv", texts(40, labelled=9)), text="body", id="id", label="label"
    )
    project = Project.open(tmp_path / "p")
    offline.train(project)
    project.store.close()
    with closing(sqlite3.connect(tmp_path / "p" / "querist.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = tmp_path / "p" / "querist.db"
    data = bytearray(path.read_bytes())
    data[data.index(b'"task":"single_label","value":"neg"') + 31] ^= 1
    path.write_bytes(bytes(data))
    found = trust.verify(tmp_path / "p")
    assert not found["ok"]
    assert "oeg" in found["lines"][0] or "body" in found["lines"][0], found["lines"]


@pytest.mark.parametrize(
    ("edited", "message"),
    [
        ('[strategy]\nname = "magrin"', "unknown strategy 'magrin'; did you mean 'margin'"),
        ('[strategy]\nname = "atuo"', "unknown strategy 'atuo'; did you mean 'auto'"),
        ('[strategy]\nname = "margin"\nsettings = {beta = 2}', "unknown setting of strategy 'margin': 'beta'"),
        ('[model]\nname = "svn"', "unknown model 'svn'; did you mean 'svm'"),
        ('[features]\nmethod = "sdv"', "unknown features 'sdv'; did you mean 'svd'"),
    ],
)
def test_an_edited_name_that_there_is_not_is_refused_and_never_recorded(
    tmp_path: Path, edited: str, message: str
) -> None:
    data = write(tmp_path / "a.csv", texts(20))
    create.init(tmp_path / "p", data=data, text="body", classes=["pos", "neg"])
    settings = tmp_path / "p" / "querist.toml"
    before = settings.read_text()
    settings.write_text(f"{before}\n{edited}\n")
    with pytest.raises(UnknownName, match=message):
        Project.open(tmp_path / "p")
    settings.write_text(before)
    assert Project.open(tmp_path / "p").last("spec_changed") is None
