"""What answers cost, by item or by label, and budgets of money."""

from pathlib import Path

import pytest

from querist.engine import create, offline
from querist.engine.classes import change_classes
from querist.engine.commands import undo
from querist.engine.project import Project
from querist.engine.round import budget
from querist.engine.spec_file import read_spec
from querist.engine.spending import price, spent
from querist.engine.views.overview import status
from querist.errors import BadValue


def project(folder: Path, stop: str, *, cost: str | None = "cost") -> Project:
    """A hundred texts that cost 1 to 5, text 0 by the label."""
    cells = "".join(f"good bad number {i},{i % 5 or ''}\n" for i in range(100))
    (folder / "a.csv").write_text(f"body,cost\n{cells}")
    create.init(
        folder / "p",
        data=str(folder / "a.csv"),
        text="body",
        cost=cost,
        classes=["odd", "even"],
        settings={
            "cost": {"per_label": 2.5, "currency": "EUR", "seconds_per_label": 36.0},
            "lanes": {"evaluation": 0.0},
        },
    )
    settings = folder / "p" / "querist.toml"
    settings.write_text(f"{settings.read_text()}\n[stop]\nany = [{stop}]\n")
    return Project.open(folder / "p")


def answer(made: Project, n: int) -> dict[str, float]:
    """Answer n items; returns what each costs."""
    given = {}
    for asked in offline.ask(made, n, person="ann"):
        number = int(asked["content"]["value"]["text"].split()[-1])
        given[asked["item"]] = float(number % 5) or 2.5
        offline.tell_one(made, "ann", asked["item"], ["odd", "even"][number % 2])
    return given


def test_an_item_costs_what_its_row_says_and_else_the_usual(tmp_path: Path) -> None:
    made = project(tmp_path, '{rule = "budget", money = 1000}')
    costs = answer(made, 12)
    state = made.state()
    assert spent(made, state).money == sum(costs.values())
    assert spent(made, state).hours == pytest.approx(12 * 36 / 3600)
    assert price(made) == (1 + 2 + 3 + 4 + 2.5) / 5
    assert status(made)["spent"]["money"] == sum(costs.values())
    assert status(made)["spent"]["of"] == 1000
    ruled = next(rule for rule in status(made)["rules"] if rule["rule"] == "budget")
    assert f"{1000 - sum(costs.values()):g}" in ruled["evidence"]
    assert "EUR" in ruled["evidence"]


def test_what_a_split_puts_out_of_force_was_paid_and_what_is_withdrawn_was_not(tmp_path: Path) -> None:
    made = project(tmp_path, '{rule = "budget", money = 1000}')
    costs = answer(made, 10)
    change_classes(made, "boss", "s", "split", ["odd"], ["odd", "odder"])
    assert spent(made, made.state()).money == sum(costs.values())
    live = next(answer for answer in made.store.answers())
    undo(made, "ann", live.seq, "u")
    assert spent(made, made.state()).money == sum(costs.values()) - costs[live.item]


def test_a_budget_of_money_ends_exactly_where_every_label_costs_the_same(tmp_path: Path) -> None:
    made = project(tmp_path, '{rule = "budget", money = 31}', cost=None)
    assert budget(made.state()) == 12
    answer(made, 50)
    offline.train(made)
    assert made.state().paid == 12
    assert made.state().stopped == "budget"
    assert spent(made, made.state()).money == 30


def test_a_budget_of_money_by_item_stops_after_the_round_in_which_it_is_used_up(tmp_path: Path) -> None:
    made = project(tmp_path, '{rule = "budget", money = 40}')
    for _ in range(12):
        answer(made, 5)
        offline.train(made)
    assert made.state().stopped == "budget"
    assert 40 <= (spent(made, made.state()).money or 0) < 80


def test_money_without_a_price_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path, '{rule = "budget", money = 40}', cost=None).folder
    assert folder is not None
    settings = folder / "querist.toml"
    settings.write_text(settings.read_text().replace("per_label = 2.5", "per_label = 0.0"))
    with pytest.raises(BadValue, match=r"stop.money = 40: needs a price"):
        read_spec(folder)
