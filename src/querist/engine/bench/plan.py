"""A bench as a file: data sets × models × batch sizes × first labels × conditions, in one TOML.

Every combination is a *setting*, and within a setting strategies × seeds are cells. Settings are never mixed: each has
a comparison of its own, and across settings only their differences are compared.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field, ValidationError, field_validator, model_validator

from querist.engine.bench.cells import Cell
from querist.engine.bench.conditions import Conditions
from querist.engine.bench.labelled import Labelled, load
from querist.engine.bench.measured import MEASURED
from querist.engine.spec import Section, readable
from querist.errors import BadValue, Damaged, NotFound
from querist.types import Json, Strategy, short_hash

FILE: Final = "the bench's file"


class DataSection(Section):
    """One data set: a file that a pool can read, and which column is what. `most` takes a fixed random part of it."""

    name: str = Field(min_length=1, max_length=100)
    source: str = Field(min_length=1)
    target: str | None = None
    text: str | None = None
    columns: tuple[str, ...] = ()
    image: str | None = None
    cost: str | None = None
    features: str = "auto"
    most: int = Field(0, ge=0)

    def read(self, folder: Path) -> Labelled:
        """Return the labelled rows; a path is relative to the bench's file, and `$NAME` is a variable's value.

        Raises:
            NotFound: the variable is not set, or there is no such file.
        """
        source: str | Path = os.path.expandvars(self.source)
        if "$" in str(source):
            raise NotFound(f"{self.source}: that variable is not set", field="source", value=self.source)
        if not str(source).startswith("sample:") and source != "digits":
            source = folder / source
            if not source.exists():
                raise NotFound(f"there is no file {source}", field="source", value=self.source)
        data = load(
            str(source),
            target=self.target,
            text=self.text,
            columns=self.columns,
            image=self.image,
            features=self.features,
            name=self.name,
            cost=self.cost,
        )
        return data.take(self.most) if self.most else data


class ModelSection(Section):
    """A model with settings of its own; a name alone does where the defaults suit."""

    name: str
    settings: dict[str, Any] = Field(default_factory=dict)

    def made(self) -> Any:
        """Return the name, or the learner with its settings."""
        from querist.models import learner

        return learner(self.name, self.settings) if self.settings else self.name


class ConditionsSection(Section):
    """Each list is one more factor of the bench; see `Conditions`."""

    label_noise: tuple[float, ...] = (0.0,)
    imbalance: tuple[float, ...] = (1.0,)
    copies: tuple[int, ...] = (1,)
    confusion: dict[str, dict[str, float]] = Field(default_factory=dict)

    def combinations(self) -> list[Conditions]:
        """Return every combination of the lists."""
        factors = itertools.product(self.label_noise, self.imbalance, self.copies)
        return [Conditions(noise, self.confusion, imbalance, copies) for noise, imbalance, copies in factors]


@dataclass(frozen=True, slots=True)
class Setting:
    """One combination of everything but strategy and seed."""

    data: str
    model: Any
    batch: int
    seed_set: int
    conditions: Conditions

    @property
    def model_name(self) -> str:
        """The model's name; a learner's own settings tell it from another of the same name."""
        return (
            self.model
            if isinstance(self.model, str)
            else f"{self.model.name} {short_hash(dict(self.model.settings))[:4]}"
        )


class Plan(Section):
    """What a bench compares; the file's keys are these fields.

    >>> plan = Plan.from_json({"strategies": ["margin"], "seeds": 3, "batches": [10, 20], "data": [
    ...     {"name": "digits", "source": "digits"}]})
    >>> len(plan.settings()), len(plan.cells(plan.settings()[0]))
    (2, 6)
    """

    name: str = "bench"
    data: tuple[DataSection, ...] = Field(min_length=1)
    strategies: tuple[str | dict[str, Any], ...] = ("margin",)
    models: tuple[str | ModelSection, ...] = ("logistic_regression",)
    seeds: int | tuple[int, ...] = 5
    batches: tuple[int, ...] = (20,)
    seed_sets: tuple[int, ...] = (20,)
    rounds: int = Field(15, ge=1)
    budget: int | None = Field(None, ge=2)
    hold_out: float = Field(0.3, gt=0, lt=1)
    calibrate: bool = True
    advisers: int = Field(5, ge=0, le=100)
    conditions: ConditionsSection = ConditionsSection()
    baseline: str = "random"
    metric: str = "accuracy"
    target_score: float | None = Field(None, gt=0, lt=1)
    price: float | None = Field(None, gt=0)
    seconds_per_label: float | None = Field(None, gt=0)
    currency: str = Field("USD", min_length=3, max_length=3)
    rope: float = Field(0.005, ge=0, lt=1)
    timeout: float | None = Field(None, gt=0)

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        rising = MEASURED["proba"].rising
        if value not in rising:
            raise ValueError(f"must be one of {', '.join(rising)}")
        return value

    @field_validator("batches", "seed_sets")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not value or min(value) < 1:
            raise ValueError("must be whole numbers of at least 1")
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Plan:
        names = [each.name for each in self.data]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"data set {twice[0]!r} is named twice")
        if not self.listed_seeds:
            raise ValueError("seeds: at least one is needed")
        return self

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Plan:
        """Return the plan of a plain mapping.

        Raises:
            UnknownName: a key that is not a setting, with the nearest one.
            BadValue: a value that cannot be.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise readable(cls, error, file=FILE) from None

    @property
    def listed_seeds(self) -> list[int]:
        """The seeds, one by one."""
        return [*range(self.seeds)] if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def all_strategies(self) -> list[str | Strategy]:
        """The strategies without repeats, the baseline among them: nothing is shown without it."""
        given = [s if isinstance(s, str) else Strategy.from_json(s) for s in self.strategies]
        named = {s if isinstance(s, str) else s.name: s for s in given}
        named.setdefault(self.baseline, self.baseline)
        return list(named.values())

    def settings(self) -> list[Setting]:
        """Return every combination, data set by data set."""
        factors: list[Sequence[Any]] = [
            [each.name for each in self.data],
            [m if isinstance(m, str) else m.made() for m in self.models],
            self.batches,
            self.seed_sets,
            self.conditions.combinations(),
        ]
        return [Setting(*combination) for combination in itertools.product(*factors)]

    def cells(self, setting: Setting) -> list[Cell]:
        """Return the cells of a setting, seed by seed, so that a bench that is cut off has whole pairs."""
        budget = self.budget or setting.seed_set + self.rounds * setting.batch
        if budget <= setting.seed_set:
            raise BadValue("budget", budget, f"must be more than the {setting.seed_set} first labels")
        return [
            Cell(
                strategy,
                seed,
                setting.model,
                setting.batch,
                budget,
                setting.seed_set,
                self.hold_out,
                self.calibrate,
                setting.conditions,
                self.advisers,
            )
            for seed in self.listed_seeds
            for strategy in self.all_strategies
        ]

    def to_json(self) -> Json:
        """Return all settings, defaults included."""
        return self.model_dump(mode="json")


def read_plan(path: Path) -> Plan:
    """Return the plan of a TOML file.

    Raises:
        NotFound: there is no such file.
        Damaged: it is not TOML; names the line.
        UnknownName, BadValue: see `Plan.from_json`.
    """
    try:
        value = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", field="bench", value=str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Damaged(f"{path}: not readable as TOML: {error}") from None
    return Plan.from_json(value)
