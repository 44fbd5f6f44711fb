"""A project: its row in a list, its settings, classes, guidelines and commands."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from querist.server.schemas.wire import Ask, Estimate, Micros, Name, Reply, Text
from querist.types import ItemKind


class Point(Reply):
    """One point of a learning curve."""

    labels: int
    """Training labels."""
    value: float
    """The metric at that size."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    model: str | None = None
    """The model that people see as `m7`; None for shadow models."""


class ProjectRow(Reply):
    """One project of the list."""

    id: str
    """Project id."""
    name: str
    """Project name."""
    kind: ItemKind
    """Kind of its items."""
    task: str
    """Kind of label, `single_label` say."""
    classes: int
    """How many classes it has."""
    accuracy: Estimate | None = None
    """Of the last model; None while it is too early to say."""
    quality: str
    """"90 % correct", or "Accuracy: too early. 32 of 50 evaluation labels."."""
    between: str = ""
    """"between 87 and 93 %", or nothing."""
    curve: list[Point] = []
    """At most 40 points of the active curve, for the small picture."""
    labelled: int
    """Training labels."""
    happening: str
    """"Querist would stop here", "8 more answers to the first model", …"""
    tone: Literal["good", "act", "warn", "bad", "mute"] = "mute"
    """Colour of that state."""
    last_answer_at: Micros | None = None
    """When the last answer came."""


class Projects(Reply):
    """`GET /projects`: the projects that the person may open, the last used first."""

    projects: list[ProjectRow]
    """One row each."""
    may_create: bool = False
    """Whether the person may make new ones."""


class Example(Ask):
    """An example in the guidelines."""

    text: Annotated[str, Field(max_length=1000)]
    """A quotation; empty when it is an item of the project."""
    item: str | None = None
    """The item that is shown instead of a quotation."""
    good: bool = True
    """False: looks like this class and is not."""
    instead: str | None = None
    """The class it really is, where `good` is false."""


class ClassGuide(Ask):
    """What belongs into a class."""

    definition: Annotated[str, Field(max_length=2000)] = ""
    """In one or two sentences."""
    examples: Annotated[list[Example], Field(max_length=20)] = []
    """Few are read, many are not."""


class Guidelines(Reply):
    """What people are told."""

    version: int
    """0 as created; goes into each answer."""
    text: str
    """The rule in general, plain text."""
    classes: dict[str, ClassGuide]
    """By class."""
    changed_at: Micros | None = None
    """When this version came into force."""


class GuidelinesChange(Ask):
    """`PUT /projects/P/guidelines`: answers with `Guidelines`."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    text: Text
    """The rule in general, plain text."""
    classes: dict[str, ClassGuide]
    """By class; a class that is not declared is refused."""


class Cost(Reply):
    """What a label costs; turns every count into money and hours."""

    per_label: float
    """0: not set."""
    currency: str
    """ISO 4217."""
    seconds_per_label: float
    """As set in the project, else the measured median of active time; 0: unknown."""


class Project(Reply):
    """`GET /projects/P`: what does not change while people label."""

    id: str
    """Project id."""
    name: str
    """Project name."""
    kind: ItemKind
    """Kind of its items."""
    task: str
    """Kind of label, `single_label` say."""
    task_settings: dict[str, Any] = {}
    """Those of the kind of label: unit and range of a number, say."""
    classes: list[str]
    """In the order of their keys."""
    frequent: list[str] = []
    """Classes that people gave most often, the most frequent first."""
    question: str
    """Stands above the answers."""
    mode: Literal["batch", "continuous"]
    """Whether people wait for the model between batches."""
    opinions: int
    """How many people answer each item."""
    guidelines: Guidelines
    """Those in force."""
    cost: Cost
    """Price and time of a label."""
    budget: int | None = None
    """Labels at most."""
    target: float | None = None
    """Accuracy at which to stop."""
    strategy: str
    """As set: a name or `auto`."""
    learner: str
    """The model's recipe."""
    break_minutes: int = 45
    """When the labelling screen proposes a break; 0: never."""
    skip_reasons: list[str]
    """Offered when an item is skipped."""
    may: list[Literal["label", "review", "manage"]]
    """What this person may do here."""
    formats: list[str] = []
    """What its labels can be exported as, by this person."""
    settings: dict[str, Any] = {}
    """The whole spec as `querist.toml` has it, for reading; secrets left out."""


class Filter(Ask):
    """One filter of `rules.where`: what it leaves out does not bind."""

    column: Name
    """A field of the items, `group`, `cost`, `length` of a text, `cluster`, or `predicted_class`."""
    is_: Annotated[list[str] | None, Field(alias="is", max_length=200)] = None
    """Any of these values."""
    not_: Annotated[list[str] | None, Field(alias="not", max_length=200)] = None
    """None of these."""
    at_least: float | None = None
    """Numbers from here."""
    at_most: float | None = None
    """Numbers up to here."""


class ProjectChange(Ask):
    """`PATCH /projects/P`: what is left out stays; answers with `Project`."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    name: Name | None = None
    """New name."""
    question: Annotated[str, Field(max_length=300)] | None = None
    """What people are asked."""
    budget: Annotated[int, Field(ge=0)] | None = None
    """Labels at most; 0 takes the rule away."""
    target: Annotated[float, Field(ge=0, le=1)] | None = None
    """Accuracy at which to stop; 0 takes the rule away."""
    cost_per_label: Annotated[float, Field(ge=0)] | None = None
    """Price of one label; 0 hides money."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """ISO 4217."""
    seconds_per_label: Annotated[float, Field(ge=0)] | None = None
    """0 takes the measured time."""
    strategy: Name | None = None
    """A registered name or `auto`."""
    opinions: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many people answer each item."""
    prefill: Literal["off", "shown", "after"] | None = None
    """When people see the model's guess."""
    blind_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the items that never show a guess."""
    show_reasons: bool | None = None
    """Whether people are told why an item was asked."""
    break_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    """When a break is proposed; 0: never."""
    where: Annotated[list[Filter], Field(max_length=20)] | None = None
    """Filters on what the strategy may ask, all of which must pass; an empty list takes them away."""


class ClassChange(Ask):
    """`POST /projects/P/classes`: rename, add or merge; answers with `Project`. Old answers are untouched."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    operation: Literal["rename", "add", "merge", "split"]
    """`merge` reads the answers of several classes as one; `split` asks again about what was of one class."""
    before: Annotated[list[Name], Field(max_length=200)] = []
    """The class as it is called now; empty for `add`, two or more for `merge`."""
    after: Annotated[list[Name], Field(min_length=1, max_length=200)]
    """As it shall be called; two or more names for `split`."""


class Command(Ask):
    """`POST /projects/P/commands/{retrain,stop,resume,settle,check}`: answers with `Done`."""

    key: UUID
    """Client's UUID: the same command twice is one."""
    reason: Annotated[str, Field(max_length=500)] = ""
    """Goes into the ledger."""
