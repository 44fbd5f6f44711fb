"""Every kind of label: what is said survives checking, merging, export and import; what cannot be is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.engine.offline import answer_rows
from querist.errors import BadValue, QueristError, UnknownName
from querist.exchange.labels import LabelRow, write
from querist.pools.table import Record
from querist.tasks import BUILTINS, names, task_type
from querist.tasks.polygons import overlap
from querist.types import Answer, Content, Disputed, Resolved, Unsure

CLASSES = ["drug", "dose", "find|ing, or =so"]
TEXT = "Ein 😀 cafe\u0301, تناول المريض: ασπιρίνη 300 mg!"
SETTINGS: dict[str, dict[str, Any]] = {
    "numeric": {"low": -10, "high": 90, "step": 0.5},
    "relations": {"relations": ["of", "=with"], "overlap": True},
    "spans": {"overlap": True},
}


def task_of(name: str):
    kind = task_type(name, classes=CLASSES) if name not in SETTINGS and name in WITH_CLASSES else None
    return kind or task_type(name, classes=CLASSES if name in WITH_CLASSES else (), settings=SETTINGS.get(name, {}))


WITH_CLASSES = ("boxes", "multi_label", "polygons", "relations", "single_label", "spans")
label = st.sampled_from(CLASSES)
pixel = st.integers(0, 4000).map(lambda n: n / 8)


@st.composite
def span(draw) -> dict[str, Any]:
    start = draw(st.integers(0, len(TEXT) - 2))
    end = draw(st.integers(start + 1, len(TEXT)))
    return {"start": start, "end": end, "label": draw(label)}


spans = st.lists(span(), max_size=5, unique_by=lambda s: tuple(s.values())).filter(
    lambda found: all(TEXT[s["start"] : s["end"]].strip() for s in found)
)
box = st.builds(
    lambda name, x, y, w, h: {"label": name, "x": x, "y": y, "width": w + 1, "height": h + 1},
    label, pixel, pixel, pixel, pixel,
)  # fmt: skip
outline = st.builds(
    lambda name, x, y, w, h: {"label": name, "points": [[x, y], [x + w + 1, y], [x + w / 2, y + h + 1]]},
    label, pixel, pixel, pixel, pixel,
)  # fmt: skip


@st.composite
def related(draw) -> dict[str, Any]:
    marked = draw(spans)
    n = len(marked)
    arrow = st.builds(
        lambda a, b, name: {"from": a, "to": b, "label": name},
        st.integers(0, n - 1), st.integers(0, n - 1), st.sampled_from(["of", "=with"]),
    )  # fmt: skip
    arrows = st.lists(arrow, max_size=4, unique_by=lambda r: tuple(r.values()))
    found = draw(arrows) if n > 1 else []
    return {"spans": marked, "relations": [a for a in found if a["from"] != a["to"]]}


VALUES: dict[str, st.SearchStrategy] = {
    "boxes": st.lists(box, max_size=4, unique_by=lambda b: tuple(b.values())),
    "multi_label": st.lists(label, unique=True),
    "numeric": st.integers(-20, 180).map(lambda n: n / 2),
    "pairwise": st.sampled_from(["first", "second", "tie", "bad"]),
    "polygons": st.lists(outline, max_size=4, unique_by=json.dumps),
    "ranking": st.permutations(["A", "B", "=C"]),
    "relations": related(),
    "single_label": label,
    "spans": spans,
    "text": st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip),
}
CONTENT = {"spans": Content("text", {"text": TEXT}), "relations": Content("text", {"text": TEXT})}
every = pytest.mark.parametrize("name", sorted(VALUES))
few = settings(max_examples=25, deadline=None)


def answer(seq: int, value: Any, person: str | None = None) -> Answer:
    return Answer(seq, "item", person or f"p_{seq}", "answered", value)


def test_every_kind_is_looked_at():
    assert names() == sorted(VALUES) == sorted(BUILTINS)


@every
@few
@given(data=st.data())
def test_what_is_said_survives_everything(name, data, tmp_path_factory):
    task = task_of(name)
    value = task.check(data.draw(VALUES[name]), CONTENT.get(name))
    assert task.check(value, CONTENT.get(name)) == value, "checking twice is checking once"
    assert json.loads(json.dumps(value)) == value, "JSON holds it"

    merged = task.merge([answer(1, value)], opinions=1)
    assert isinstance(merged, Resolved)
    assert (merged.value, merged.answers) == (value, (1,)), "one opinion is the label"
    three = task.merge([answer(n, value) for n in (1, 2, 3)], opinions=3)
    assert isinstance(three, Resolved)
    assert three.value == value, "three who say the same agree"
    assert task.disagreement(value, value) == 0
    if name == "pairwise":
        assert task.decode(task.encode([value])) == [value if value in ("first", "second") else "tie"]
    else:
        assert task.decode(task.encode([value])) == [value]
    assert isinstance(task.describe(value), str)
    assert all(kind in (*CLASSES, "first", "second", "tie", "bad", "A", "B", "=C") for kind in task.tally(value))

    folder = tmp_path_factory.mktemp("export")
    for ending in ("csv", "jsonl", "parquet"):
        path = folder / f"labels.{ending}"
        write([LabelRow("item", value, "p_1", 0, "query", 1, 7)], path)
        (row,) = answer_rows(path)
        assert isinstance(row, Record), f"{ending} is read"
        assert task.read(row.cells["label"]) == value, f"{ending} brings it back"


@every
@few
@given(data=st.data())
def test_disagreement_is_symmetric_and_between_0_and_1(name, data):
    task = task_of(name)
    a, b = (task.check(data.draw(VALUES[name]), CONTENT.get(name)) for _ in range(2))
    assert 0 <= task.disagreement(a, b) <= 1
    assert task.disagreement(a, b) == pytest.approx(task.disagreement(b, a), abs=0.35 if name == "text" else 1e-9)
    merged = task.merge([answer(1, a), answer(2, b)], opinions=2)
    if a == b:
        assert isinstance(merged, Resolved)
    assert isinstance(merged, Resolved | Unsure | Disputed)


@every
def test_too_few_opinions_and_no_answer_are_unsure_and_a_correction_counts_once(name):
    task = task_of(name)
    assert task.merge([], opinions=1) == Unsure("no answer yet")
    assert task.merge([Answer(1, "item", "p", "unanswerable", None)], opinions=1).reason == "said to be unanswerable"
    value = task.check(find_example(name), CONTENT.get(name))
    assert task.merge([answer(1, value)], opinions=2) == Unsure("1 of 2 opinions")
    again = [answer(1, value, "p"), answer(2, value, "p")]
    assert task.merge(again, opinions=2) == Unsure("1 of 2 opinions")


def find_example(name: str) -> Any:
    return {
        "boxes": [{"label": "drug", "x": 1, "y": 2, "width": 3, "height": 4}],
        "multi_label": ["dose"],
        "numeric": 4.5,
        "pairwise": "tie",
        "polygons": [{"label": "drug", "points": [[0, 0], [4, 0], [0, 4]]}],
        "ranking": ["A", "B"],
        "relations": {"spans": [{"start": 0, "end": 3, "label": "drug"}], "relations": []},
        "single_label": "drug",
        "spans": [{"start": 0, "end": 3, "label": "drug"}],
        "text": "so",
    }[name]


BAD: dict[str, list[tuple[Any, str]]] = {
    "boxes": [
        ("x", "must be a list"),
        ([{"label": "drug", "x": 1, "y": 1, "width": 2}], "needs a number of pixels as height"),
        ([{"label": "drug", "x": -1, "y": 1, "width": 2, "height": 2}], "leaves the image"),
        ([{"label": "nose", "x": 1, "y": 1, "width": 2, "height": 2}], "is not a declared class; did you mean 'dose'"),
        ([{"label": "drug", "x": float("nan"), "y": 1, "width": 2, "height": 2}], "as x"),
    ],
    "multi_label": [("drug", "must be a list"), (["drug", "drug"], "twice"), (["drog"], "did you mean 'drug'")],
    "numeric": [
        (91, "between -10 and 90"),
        ("many", "must be a number"),
        (float("inf"), "number"),
        (4.3, "multiple of 0.5"),
    ],
    "pairwise": [("both", "have: first, second, tie, bad"), (None, "have: first"), (["first"], "have: first")],
    "polygons": [
        ([{"label": "drug", "points": [[0, 0], [1, 1]]}], "3 to 2000 points"),
        ([{"label": "drug", "points": [[0, 0], [1, 1], [2, 2]]}], "has no area"),
        ([{"label": "drug", "points": [[0, 0], [1], [2, 0]]}], "is not [x, y]"),
    ],
    "ranking": [("A", "must be a list"), (["A", "A"], "twice"), ([], "must be a list")],
    "relations": [
        ([], 'must be {"spans"'),
        ({"spans": [], "relations": [{"from": 0, "to": 0, "label": "of"}]}, "there is no span 0"),
        ({"spans": [], "relations": [], "more": 1}, 'must be {"spans"'),
    ],
    "single_label": [("drog", "did you mean 'drug'"), (None, "is not a declared class")],
    "spans": [
        ([{"start": 0, "end": 999, "label": "drug"}], f"the text has {len(TEXT)} characters"),
        ([{"start": 3, "end": 4, "label": "drug"}], "nothing but blanks"),
        ([{"start": 0.5, "end": 4, "label": "drug"}], "whole number as start"),
        ([{"start": 0, "label": "drug"}], "whole number as end"),
        ([{"start": 0, "end": 2}], "is not a declared class"),
    ],
    "text": [("   ", "is empty"), (4, "must be a text"), ("\ud800", "half a character")],
}  # fmt: skip


@every
def test_what_cannot_be_is_refused_in_a_line_that_says_why(name):
    for value, why in BAD[name]:
        with pytest.raises(QueristError) as caught:
            task_of(name).check(value, CONTENT.get(name))
        assert why in str(caught.value), (value, str(caught.value))
        assert "\n" not in str(caught.value)


def test_settings_and_classes_that_cannot_be_are_refused():
    for name, classes, chosen, why in (
        ("numeric", (), {}, "give the range of the numbers"),
        ("numeric", (), {"low": "a", "high": 3}, "must be of the type number"),
        ("numeric", ("a",), {"low": 0, "high": 3}, "has no classes"),
        ("relations", ("a",), {}, "name at least one relation"),
        ("spans", (), {}, "name at least one class"),
        ("boxes", ("a",), {"same": 0.0}, "more than 0"),
        ("multi_label", ("a",), {"at_least": 2}, "between 0 and the 1 classes"),
        ("text", (), {"start": "nowhere"}, "have: item, empty"),
    ):
        with pytest.raises(BadValue, match=why):
            task_type(name, classes=classes, settings=chosen)
    with pytest.raises(UnknownName, match="setting of spans 'overlaps'; did you mean 'overlap'"):
        task_type("spans", classes=["a"], settings={"overlaps": True})


def test_people_who_draw_nearly_the_same_mean_the_same():
    task = task_of("boxes")
    ours, theirs, far = ({"label": "drug", "x": x, "y": 0.0, "width": 10.0, "height": 10.0} for x in (0.0, 2.0, 50.0))
    merged = task.merge([answer(1, [ours]), answer(2, [theirs, far]), answer(3, [ours])], opinions=3)
    assert isinstance(merged, Resolved)
    assert [(b["x"], b["width"]) for b in merged.value] == [(0.67, 10.0)]
    level = task.merge([answer(1, [ours]), answer(2, [far])], opinions=2)
    assert isinstance(level, Unsure)


@few
@given(st.lists(pixel, min_size=8, max_size=8))
def test_the_overlap_of_outlines_is_that_of_a_fine_grid(numbers):
    a, b = (
        {"label": "drug", "points": [[x, y], [x + 200, y + 20], [x + 90, y + 80], [x + 150, y + 260]]}
        for x, y in (numbers[:2], numbers[2:4])
    )
    grid = np.stack(np.meshgrid(np.arange(0.5, 800, 4), np.arange(0.5, 800, 4)), axis=-1).reshape(-1, 2)
    one, other = (inside(grid, np.array(shape["points"])) for shape in (a, b))
    slow = (one & other).sum() / max(1, (one | other).sum())
    assert overlap(a, b) == pytest.approx(slow, abs=0.04)


def inside(grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    found = np.zeros(len(grid), dtype=bool)
    for (ax, ay), (bx, by) in zip(points, np.roll(points, -1, axis=0), strict=True):
        crosses = (ay > grid[:, 1]) != (by > grid[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            found ^= crosses & (grid[:, 0] < (bx - ax) * (grid[:, 1] - ay) / (by - ay) + ax)
    return found


def test_majorities_that_go_in_a_circle_are_disputed():
    task = task_of("ranking")
    circle = [answer(1, ["A", "B", "C"]), answer(2, ["B", "C", "A"]), answer(3, ["C", "A", "B"])]
    assert task.merge(circle, opinions=2) == Disputed("the majorities go in a circle")


def test_figures_of_structured_predictions():
    task = task_of("spans")
    target = task.encode([[{"start": 0, "end": 3, "label": "drug"}], []])
    found = task.measure(target, task.encode([[{"start": 0, "end": 3, "label": "dose"}], []]))
    assert (found["f1"], found["accuracy"]) == (0.0, 0.5)
    assert task.measure(target, target) == {"f1": 1.0, "precision": 1.0, "recall": 1.0, "accuracy": 1.0}


def test_label_sets_and_numbers_are_right_where_a_slow_count_says_so():
    rng = np.random.default_rng(0)
    task = task_of("multi_label")
    target, proba = rng.integers(0, 2, (40, 3)).astype(np.int8), rng.random((40, 3))
    kind = task.target
    assert kind.right(target, proba).tolist() == [
        [int(p >= 0.5) for p in row] == t.tolist() for row, t in zip(proba, target, strict=True)
    ]
    assert ((kind.codes(target) == kind.said(proba, target)) == kind.right(target, proba)).all()
    numbers = task_of("numeric").target
    truth, said = rng.random(40) * 50, rng.random((40, 2)) * 50
    slow = [abs(t - s) <= numbers.tolerance for t, s in zip(truth, said[:, 0], strict=True)]
    assert numbers.right(truth, said).tolist() == slow
    assert ((numbers.codes(truth) == numbers.said(said, truth)) == numbers.right(truth, said)).all()
    figures = numbers.figures(truth, said)
    assert figures["rmse"]["low"] <= figures["rmse"]["value"] <= figures["rmse"]["high"]
    assert figures["rmse"]["value"] == pytest.approx(float(np.sqrt(np.mean((truth - said[:, 0]) ** 2))))
