"""Rules of the settings: held in every batch, counted, and never dropped without a word."""

from pathlib import Path

import numpy as np
import pytest

from querist.engine import create
from querist.engine.bench.rehearsal import rehearse
from querist.engine.importing import import_data
from querist.engine.project import Project
from querist.engine.run import run_until_waiting
from querist.engine.spec import ProjectSpec
from querist.engine.trust import replay
from querist.errors import BadValue, UnknownName
from querist.events import BatchSelected, Fallback

RNG = np.random.default_rng(4)
N = 240
X = RNG.normal(size=(N, 2))
X[120:] = X[:120] * 1.001  # the second half nearly repeats the first
TARGET = (X[:, 0] > 0.8).astype(int)


def project(tmp_path: Path, **sections) -> Project:
    lines = ["a,b,language,patient,price"]
    for row, (a, b) in enumerate(X):
        language = "en" if row % 3 else "de"
        lines.append(f"{a:.5f},{b:.5f},{language},p{row % 40},{1 + row % 5}")
    source = tmp_path / "data.csv"
    source.write_text("\n".join(lines))
    settings = {
        "strategy": {"name": "margin"},
        "loop": {"batch": 12, "mode": "batch", "retrain_every": {"least": 5, "share": 0.0}},
        "lanes": {"evaluation": 0.1, "control": 0.1},
        "stop": {"any": []},
        "model": {"calibrate": "off"},
        **sections,
    }
    create.init(
        tmp_path / "p",
        data=str(source),
        columns=["a", "b", "language"],
        classes=["no", "yes"],
        group="patient",
        cost="price",
        settings=settings,
    )
    return Project.open(tmp_path / "p")


def truth(made: Project) -> dict[str, str]:
    names = list(made.pool().items)
    contents = made.store.contents(names)
    return {
        name: "yes" if float(content.value["fields"]["a"]) > 0.8 else "no"
        for name, content in zip(names, contents, strict=True)
        if content is not None
    }


def batches(made: Project, labels: int) -> list[BatchSelected]:
    rehearse(made, truth(made).__getitem__, labels=labels, chunk=12)
    return [e.event for e in made.store.events(kinds=["batch_selected"]) if isinstance(e.event, BatchSelected)]


def chosen(made: Project, batch: BatchSelected) -> list[str]:
    """The items that the strategy itself chose."""
    table = made.store.artefacts.get_table(batch.picks)
    return [item for item, lane in zip(table["item"], table["lane"], strict=True) if lane in ("query", "seed")]


def fields(made: Project, items: list[str]) -> list[dict]:
    return [content.value["fields"] for content in made.store.contents(items) if content is not None]


def fallbacks(made: Project) -> list[Fallback]:
    found = [e.event for e in made.store.events(kinds=["fallback"])]
    return [event for event in found if isinstance(event, Fallback) and event.what == "rule"]


def test_filters_hold_for_the_strategy_and_count_what_they_removed(tmp_path: Path) -> None:
    rules = {"where": [{"column": "language", "is": ["en"]}, {"column": "a", "at_least": -1.0, "at_most": 2.0}]}
    made = project(tmp_path, rules=rules)
    for batch in batches(made, 60):
        rows = fields(made, chosen(made, batch))
        assert rows
        assert all(row["language"] == "en" and -1 <= float(row["a"]) <= 2 for row in rows)
        removed = batch.evidence["rules"]
        assert removed["where language is en"] > 0
        assert removed["where a at least -1.0 and at most 2.0"] > 0


def test_a_batch_of_every_rule_is_replayed(tmp_path: Path) -> None:
    where = [{"column": "language", "is": ["en"]}, {"column": "cluster", "not": ["9"]}]
    made = project(
        tmp_path,
        rules={"where": where, "near_duplicates": 0.99999, "balance": "soft", "batch_cost": 40.0},
        strategy={"name": "margin", "quotas": {"*": 8}, "group_limit": 3},
        features={"method": "columns"},
        # A seed set of even shares looks at the contents as well.
        loop={"batch": 12, "mode": "batch", "seed_set": {"least": 20, "per_class": 5, "stratify": "language"}},
    )
    assert len(batches(made, 60)) > 3
    more = tmp_path / "more.csv"
    more.write_text("a,b,language,patient,price\n3.5,3.5,en,p1,2\n")
    import_data(made, str(more))
    found = replay(made)
    assert found["ok"], found


def test_what_measures_stays_a_sample_of_the_whole_pool_unless_excluded(tmp_path: Path) -> None:
    made = project(tmp_path, rules={"where": [{"column": "language", "is": ["en"]}]})
    batches(made, 150)
    answered = fields(made, [i for i, live in made.state().live.items() if live[0].lane in ("evaluation", "control")])
    assert {row["language"] for row in answered} == {"en", "de"}


def test_excluded_items_are_asked_in_no_lane(tmp_path: Path) -> None:
    made = project(tmp_path)
    gone = tuple(list(made.pool().items)[::2])
    made.spec = made.spec.changed(rules={"exclude": gone})
    seen = batches(made, 90)
    assert not set(made.state().live) & set(gone)
    assert seen[-1].evidence["rules"]["exclude"] == len(gone)


def test_near_duplicates_of_each_other_and_of_labelled_items_are_kept_out(tmp_path: Path) -> None:
    made = project(tmp_path, rules={"near_duplicates": 0.99995}, features={"method": "columns"})
    for batch in batches(made, 60):
        embed = np.asarray(made.features().embed)
        unit = embed / np.linalg.norm(embed, axis=1, keepdims=True)
        own = unit[made.store.rows(chosen(made, batch))]
        close = own @ own.T - np.eye(len(own))
        assert close.max() < 0.99995 + 1e-6
    assert any("near_duplicates of labelled items" in batch.evidence.get("rules", {}) for batch in batches(made, 60))


def test_groups_quotas_and_costs_hold_together(tmp_path: Path) -> None:
    strategy = {"name": "margin", "group_limit": 1, "quotas": {"no": 5}}
    made = project(tmp_path, strategy=strategy, rules={"batch_cost": 25.0, "per_cost": True})
    seen = batches(made, 70)
    pool = made.pool()
    assert pool.group is not None
    assert pool.cost is not None
    for batch in seen:
        rows = made.store.rows(chosen(made, batch))
        groups = [pool.group[row] for row in rows]
        assert len(set(groups)) == len(groups)
        assert pool.cost[rows].sum() <= 25 + 1e-9
    learning = [batch for batch in seen if batch.strategy["scorer"] == "per_cost"]
    assert learning
    assert learning[-1].strategy["quotas"] == {"no": 5}
    assert any(event.wanted == "the rule quotas" and "no model yet" in event.reason for event in fallbacks(made))


def test_a_shortage_is_said(tmp_path: Path) -> None:
    made = project(tmp_path, rules={"where": [{"column": "a", "at_least": 2.2}]})
    batches(made, 60)
    assert any("where a at least 2.2 keeps out" in event.reason for event in fallbacks(made))


def test_soft_balance_gives_way_where_it_would_leave_places_empty(tmp_path: Path) -> None:
    made = project(tmp_path, rules={"balance": "soft"})
    assert all(batch.short == 0 for batch in batches(made, 90))


@pytest.mark.parametrize(
    ("rules", "match"),
    [
        ({"where": [{"column": "a"}]}, "compares nothing"),
        ({"where": [{"column": "a", "equals": 1}]}, "equals"),
        ({"where": [{"column": "a", "is": "en"}]}, "list"),
        ({"near_duplicates": 1.5}, "near_duplicates"),
    ],
)
def test_rules_that_say_nothing_are_refused(rules, match) -> None:
    with pytest.raises(BadValue, match=match):
        ProjectSpec.from_json({"project": {"name": "p"}, "rules": rules})


def test_a_column_that_is_not_there_is_named_and_nothing_is_asked(tmp_path: Path) -> None:
    made = project(tmp_path, rules={"where": [{"column": "langage", "is": ["en"]}]})
    with pytest.raises(UnknownName, match="language"):
        run_until_waiting(made)
    assert made.last("batch_selected") is None
