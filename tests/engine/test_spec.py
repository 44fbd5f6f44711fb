from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from querist.engine.spec import ProjectSpec
from querist.engine.spec_file import read_spec, write_spec
from querist.errors import BadValue, Damaged, NotFound, UnknownName

MINIMAL = {"project": {"name": "reviews"}}


def test_unknown_key_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"setting in \[loop\] 'bach'; did you mean 'batch'"):
        ProjectSpec.from_json({**MINIMAL, "loop": {"bach": 3}})


def test_unknown_section_is_named() -> None:
    with pytest.raises(UnknownName, match="'stoping'; did you mean 'stop'"):
        ProjectSpec.from_json({**MINIMAL, "stoping": {}})


def test_nested_keys_are_checked() -> None:
    with pytest.raises(UnknownName, match=r"\[loop.retrain_every\] 'most'.*have: hours, least, share"):
        ProjectSpec.from_json({**MINIMAL, "loop": {"retrain_every": {"most": 3}}})


def test_bad_values_name_the_setting() -> None:
    with pytest.raises(BadValue, match=r"lanes\.evaluation = 2: input should be less than"):
        ProjectSpec.from_json({**MINIMAL, "lanes": {"evaluation": 2}})
    with pytest.raises(BadValue, match=r"project\.name = None: must be given"):
        ProjectSpec.from_json({"project": {}})
    with pytest.raises(BadValue, match="class 'a' is named twice"):
        ProjectSpec.from_json({"project": {"name": "x", "classes": ["a", "a"]}})


def test_missing_and_broken_files_say_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="querist init"):
        read_spec(tmp_path)
    (tmp_path / "querist.toml").write_text("[project\n")
    with pytest.raises(Damaged, match="line 1"):
        read_spec(tmp_path)


def test_sizes_follow_budget_and_classes() -> None:
    spec = ProjectSpec.from_json({"project": {"name": "x", "classes": list("abcdefghij")}})
    assert (spec.batch_size, spec.seed_size, spec.budget) == (50, 50, 1000)
    big = spec.changed(stop={"any": [{"rule": "budget", "labels": 10_000}]})
    assert big.batch_size == 200
    assert spec.changed(loop={"batch": 7}).batch_size == 7


@settings(max_examples=40, deadline=None)
@given(
    name=st.text(min_size=1, max_size=30).filter(str.strip),
    classes=st.lists(st.text(min_size=1, max_size=9).filter(str.strip), max_size=4, unique=True),
    seed=st.integers(0, 2**40),
    share=st.floats(0, 1),
    settings_=st.dictionaries(st.text(min_size=1, max_size=5), st.one_of(st.booleans(), st.integers(-9, 9), st.text())),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    classes: list[str],
    seed: int,
    share: float,
    settings_: dict[str, object],
) -> None:
    folder = tmp_path_factory.mktemp("spec")
    spec = ProjectSpec.from_json(
        {
            "project": {"name": name, "classes": classes, "seed": seed},
            "loop": {"retrain_every": {"share": share}},
            "model": {"settings": settings_},
        }
    )
    write_spec(folder, spec)
    assert read_spec(folder) == spec


def test_the_file_holds_only_what_differs(tmp_path: Path) -> None:
    write_spec(tmp_path, ProjectSpec.from_json({**MINIMAL, "lanes": {"control": 0.3}}))
    text = (tmp_path / "querist.toml").read_text()
    assert "control = 0.3" in text
    assert "evaluation" not in text


def test_rules_about_groups_need_groups(tmp_path: Path) -> None:
    rules = {"by_group": True}
    write_spec(tmp_path, ProjectSpec.from_json({**MINIMAL, "pool": {"data": "a.csv"}, "assignment": rules}))
    with pytest.raises(BadValue, match=r"assignment\.by_group = True: the items have no groups"):
        read_spec(tmp_path)
    grouped = {**MINIMAL, "pool": {"data": "a.csv", "group": "language"}, "assignment": rules}
    write_spec(tmp_path, ProjectSpec.from_json(grouped))
    assert read_spec(tmp_path).assignment.by_group
