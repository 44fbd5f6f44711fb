"""`querist.toml`: what a project is. Small, readable, diffable; an unknown key is an error with a suggestion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from querist.errors import BadValue, UnknownName
from querist.measure.metrics import metric
from querist.stop.verdicts import check
from querist.types import Json, ShortHash, short_hash

FILE_NAME = "querist.toml"
COMPARED = ("is", "not", "at_least", "at_most")
"""How a filter may compare a column."""


class Section(BaseModel):
    """One table of the file; frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ProjectSection(Section):
    """What is labelled, and the seed of all chance. `classes` may grow while people label.

    `settings` are those of the kind of label: unit and range of a number, say.
    """

    name: str = Field(min_length=1, max_length=200)
    task: str = "single_label"
    classes: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    seed: int = Field(0, ge=0, lt=2**63)

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"class {twice[0]!r} is named twice")
        if any(not name.strip() for name in value):
            raise ValueError("a class needs a name")
        return value


class PoolSection(Section):
    """Where items come from; names of columns are those of the file.

    `about` are columns kept beside each item: rules and seed sets may look at them, people and models do not see them.
    """

    data: str = ""
    text: str = ""
    columns: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()
    image: str = ""
    audio: str = ""
    label: str = ""
    id: str = ""
    group: str = ""
    cost: str = ""
    about: tuple[str, ...] = ()
    keep_duplicates: bool = False


class StoreSection(Section):
    """Where the project is remembered. A relative SQLite path is in the project's folder.

    `url` may be `env:NAME`: the environment variable NAME holds it. `project` is the id in a database of several.
    """

    url: str = "sqlite:///querist.db"
    project: str = ""


class FeaturesSection(Section):
    """How items become arrays: fitted once, without labels."""

    method: str = "auto"
    settings: dict[str, Any] = {}


class StrategySection(Section):
    """How a batch is chosen."""

    name: str = "auto"
    settings: dict[str, Any] = {}
    shortlist: int = Field(0, ge=0)
    random_share: float = Field(0.0, ge=0, le=1)
    filters: tuple[str, ...] = ()
    quotas: dict[str, int] = {}
    group_limit: int = Field(0, ge=0)


class RulesSection(Section):
    """Rules about what may be asked; each shows how many items it removed, and says when it cannot be met.

    `exclude` holds in every lane; the others bind the strategy, since what measures must stay a sample of the pool.
    """

    exclude: tuple[str, ...] = ()
    where: tuple[dict[str, Any], ...] = ()
    near_duplicates: float = Field(0.0, ge=0, le=1)
    balance: Literal["off", "soft"] = "off"
    batch_cost: float = Field(0.0, ge=0)
    per_cost: bool = False

    @field_validator("where")
    @classmethod
    def _says_something(cls, value: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for rule in value:
            unknown = set(rule) - {"column", *COMPARED}
            if unknown:
                raise ValueError(f"{min(unknown)!r} is not known in a filter; have: column, {', '.join(COMPARED)}")
            if not isinstance(rule.get("column"), str) or len(rule) < 2:
                raise ValueError(f'{rule!r} compares nothing; write {{column = "language", is = ["en"]}}')
            for name in ("is", "not"):
                if name in rule and not isinstance(rule[name], list):
                    raise ValueError(f"{name} in {rule!r} must be a list")
            for name in ("at_least", "at_most"):
                if name in rule and not isinstance(rule[name], int | float):
                    raise ValueError(f"{name} in {rule!r} must be a number")
        return value


class RetrainEvery(Section):
    """New training labels that start a training: the larger of a count and a share of the labels so far.

    With `hours`, whatever is new trains when so long has passed since the last training, however little it is.
    """

    least: int = Field(10, ge=1)
    share: float = Field(0.1, ge=0, le=1)
    hours: float = Field(0.0, ge=0)


class SeedSet(Section):
    """Labels chosen by coverage before the strategy takes over: the larger of a count and a number per class.

    `by` is how they cover the pool. `stratify` names a column (a source, or somebody's guess of the class) whose values
    get equal shares as far as the pool allows. `prior` names, class by class, the columns with scores that somebody
    gave (a zero-shot model, a rule of thumb): the classes that they prefer get equal shares.
    """

    least: int = Field(20, ge=1)
    per_class: int = Field(5, ge=0)
    by: Literal["auto", "max_herding", "typiclust", "kmeans", "k_center", "random"] = "auto"
    stratify: str = ""
    prior: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_way(self) -> SeedSet:
        if self.prior and self.stratify:
            raise ValueError("stratify and prior both divide the seed set: name one")
        if len(self.prior) == 1:
            raise ValueError("a prior needs the scores of two classes or more")
        return self


class LoopSection(Section):
    """The rhythm. `batch` 0 means 50, or 2 % of the budget if that is more, at most 500."""

    mode: Literal["continuous", "batch"] = "continuous"
    batch: int = Field(0, ge=0)
    retrain_every: RetrainEvery = RetrainEvery()
    seed_set: SeedSet = SeedSet()


class LanesSection(Section):
    """Shares of what people label; `reserve` items are kept for measuring and never trained on."""

    reserve: int = Field(2000, ge=0)
    evaluation: float = Field(0.25, ge=0, le=0.9)
    evaluation_size: int = Field(200, ge=0)
    control: float = Field(0.2, ge=0, le=0.9)
    control_until: int = Field(200, ge=0)
    control_after: float = Field(0.1, ge=0, le=0.9)
    relabel: float = Field(0.0, ge=0, le=0.9)
    gold: float = Field(0.0, ge=0, le=0.9)

    @model_validator(mode="after")
    def _leaves_room(self) -> LanesSection:
        total = self.evaluation + self.control + self.relabel + self.gold
        if total >= 1:
            raise ValueError(f"the shares of evaluation, control, relabel and gold add up to {total:g}; leave room")
        return self


class EvaluationSection(Section):
    """The user's own held-out set, which takes the place of the evaluation lane; and the metric that is compared."""

    file: str = ""
    metric: str = "accuracy"

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        # UnknownName and BadValue are not ValueErrors: pydantic lets them through as they are.
        metric(value)
        return value


class LabelsSection(Section):
    """How people answer, and what their answers amount to.

    `opinions` people are asked about each item, and up to `most_opinions` where they differ (0: not more). `sure` is
    the certainty below which the consensus of Dawid–Skene or CROWDLAB asks for one more. `scale` is what the order of
    the classes means when agreement is measured. With `training`, who answers a gold item is shown its known answer.
    """

    opinions: int = Field(1, ge=1, le=20)
    most_opinions: int = Field(0, ge=0, le=20)
    consensus: Literal["majority", "dawid_skene", "crowdlab"] = "majority"
    sure: float = Field(0.0, ge=0, lt=1)
    scale: Literal["nominal", "ordinal", "interval"] = "nominal"
    prefill: Literal["off", "shown", "after"] = "off"
    blind_share: float = Field(0.2, ge=0, le=1)
    guidelines: str = ""
    question: str = Field("", max_length=300)
    skip_reasons: tuple[str, ...] = ("cannot decide", "not readable", "belongs to no class")
    break_minutes: int = Field(45, ge=0)
    show_reasons: bool = True
    training: bool = False

    @model_validator(mode="after")
    def _grows(self) -> LabelsSection:
        if 0 < self.most_opinions < self.opinions:
            raise ValueError(f"most_opinions {self.most_opinions} is less than opinions {self.opinions}")
        if self.sure and self.consensus == "majority":
            raise ValueError("sure needs consensus = dawid_skene or crowdlab: a count of votes has no certainty")
        return self


class PersonRules(Section):
    """What one person is asked: `groups` they know, `conflicts` (groups or items) they must not see, their load.

    `weight` is their share of the queue, `daily` how many answers they give a day at most (0: as all others).
    """

    groups: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    weight: float = Field(1.0, gt=0, le=1)
    daily: int = Field(0, ge=0)


class AssignmentSection(Section):
    """Who gets which item. `people` are named by their pseudonym; `group` is the pool's column of that name.

    `by_group`: an item of a group goes only to people who know the group. `once_per_group`: nobody gets two items of
    one group. `rotate`: hard items go round, nobody gets many in a row. `daily`: answers a day that one person gives at
    most (0: any number).
    """

    by_group: bool = False
    once_per_group: bool = False
    rotate: bool = False
    daily: int = Field(0, ge=0)
    people: dict[str, PersonRules] = {}


class CostSection(Section):
    """What a label costs; 0 means unknown, and then pages count labels only."""

    per_label: float = Field(0.0, ge=0)
    currency: str = Field("USD", min_length=1, max_length=8)
    seconds_per_label: float = Field(0.0, ge=0)


class StopSection(Section):
    """Rules that stop the project: one of `any`, or all of `all`; entries may be `{any = […]}` or `{all = […]}`.

    A rule or setting that does not exist is refused when the file is read.
    """

    any: tuple[dict[str, Any], ...] = ({"rule": "budget", "labels": 1000}, {"rule": "settled"})
    all: tuple[dict[str, Any], ...] = ()

    @field_validator("any", "all")
    @classmethod
    def _can_be_asked(cls, value: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for rule in value:
            check(rule)
        return value

    @property
    def rules(self) -> list[dict[str, Any]]:
        """The branches of which one is enough."""
        return [*self.any, *([{"all": list(self.all)}] if self.all else [])]


class WatchSection(Section):
    """Whether something changes. After a stop a check asks for `labels` random labels every so many days; 0: never."""

    drift: bool = True
    every_days: float = Field(7.0, ge=0)
    labels: int = Field(20, ge=0, le=1000)


class Schedule(Section):
    """How a new model begins: `auto` fine-tunes where the learner can, from scratch in every `full_every`-th round."""

    how: Literal["auto", "scratch", "fine_tune"] = "auto"
    full_every: int = Field(5, ge=1)


class CommitteeSection(Section):
    """Several models instead of one; `members` 0 means no committee."""

    members: int = Field(0, ge=0)
    kind: Literal["bootstrap", "trees", "dropout", "ensemble", "models"] = "bootstrap"
    models: tuple[str, ...] = ()


class ModelSection(Section):
    """What learns."""

    name: str = "logistic_regression"
    settings: dict[str, Any] = {}
    calibrate: Literal["auto", "temperature", "platt", "vector", "dirichlet", "isotonic", "off"] = "auto"
    schedule: Schedule = Schedule()
    committee: CommitteeSection = CommitteeSection()


class ProjectSpec(Section):
    """The whole file. Every value has a default, save the name.

    >>> spec = ProjectSpec.from_json({"project": {"name": "reviews", "classes": ["positive", "negative"]}})
    >>> spec.batch_size, spec.seed_size
    (50, 20)
    """

    project: ProjectSection
    pool: PoolSection = PoolSection()
    store: StoreSection = StoreSection()
    features: FeaturesSection = FeaturesSection()
    strategy: StrategySection = StrategySection()
    rules: RulesSection = RulesSection()
    loop: LoopSection = LoopSection()
    lanes: LanesSection = LanesSection()
    evaluation: EvaluationSection = EvaluationSection()
    labels: LabelsSection = LabelsSection()
    assignment: AssignmentSection = AssignmentSection()
    cost: CostSection = CostSection()
    stop: StopSection = StopSection()
    watch: WatchSection = WatchSection()
    model: ModelSection = ModelSection()

    @model_validator(mode="after")
    def _prior_of_the_classes(self) -> ProjectSpec:
        for name in self.loop.seed_set.prior:
            if name not in self.project.classes:
                raise UnknownName("class in loop.seed_set.prior", name, self.project.classes)
        return self

    @model_validator(mode="after")
    def _metric_of_the_task(self) -> ProjectSpec:
        task, named = self.project.task, self.evaluation.metric
        if task == "numeric" and named not in ("accuracy", "rmse"):
            raise ValueError(
                f"evaluation.metric = {named!r} is about classes; numbers are compared by accuracy or rmse"
            )
        if task == "single_label" and named == "rmse":
            raise ValueError(
                "evaluation.metric = 'rmse' is about numbers; classes have accuracy, recall:CLASS and so on"
            )
        if task not in ("single_label", "numeric") and named != "accuracy":
            raise ValueError(
                f"evaluation.metric = {named!r} names one class of several; "
                f"{task} projects compare the share of items that are right: accuracy"
            )
        return self

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> ProjectSpec:
        """Return the spec of a plain mapping.

        Raises:
            UnknownName: a key that is not a setting, with the nearest one.
            BadValue: a setting with a value that cannot be.
        """
        try:
            return cls.model_validate(value)
        except ValidationError as error:
            raise readable(cls, error) from None

    def to_json(self) -> Json:
        """Return all settings that the ledger tells, defaults included.

        Where a project is remembered is none of them: it may change, differ between machines, and hold a password.
        """
        return self.model_dump(mode="json", exclude={"store"})

    def says(self, told: Mapping[str, Any] | None) -> bool:
        """Whether the ledger tells these very settings."""
        return told is not None and {name: told[name] for name in told if name != "store"} == self.to_json()

    def as_told(self, told: Mapping[str, Any]) -> ProjectSpec:
        """Return the settings that the ledger tells, remembered where these are."""
        return ProjectSpec.from_json({**told, "store": self.store.model_dump(mode="json")})

    @property
    def hash(self) -> ShortHash:
        """The hash that the ledger records."""
        return short_hash(self.to_json())

    @property
    def budget(self) -> int | None:
        """The number of labels that a budget rule allows, if there is one."""
        rules = [rule for rule in self.stop.any if rule.get("rule") == "budget" and "labels" in rule]
        labels = [int(rule["labels"]) for rule in rules]
        return min(labels) if labels else None

    @property
    def batch_size(self) -> int:
        """Items in a batch: as set, else 50, or 2 % of the budget if that is more, at most 500."""
        return self.loop.batch or max(50, min(500, (self.budget or 0) // 50))

    @property
    def seed_size(self) -> int:
        """Training labels that are chosen by coverage before the strategy takes over."""
        return max(self.loop.seed_set.least, self.loop.seed_set.per_class * len(self.project.classes))

    def changed(self, **sections: Mapping[str, Any]) -> ProjectSpec:
        """Return a spec with some settings of some sections replaced."""
        value = self.model_dump(mode="json")
        for name, settings in sections.items():
            value[name] = {**value[name], **settings}
        return ProjectSpec.from_json(value)


def readable(cls: type[BaseModel], error: ValidationError, *, file: str = FILE_NAME) -> UnknownName | BadValue:
    """Return the first thing that is wrong with a file of settings, with the choices there are."""
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        known = _keys_at(cls, where[:-1])
        return UnknownName(f"setting in [{'.'.join(where[:-1]) or file}]", where[-1], known)
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "missing":
        return BadValue(".".join(where), None, f"must be given in {file}")
    return BadValue(".".join(where), first["input"], reason[0].lower() + reason[1:])


def _keys_at(cls: type[BaseModel], where: list[str]) -> list[str]:
    for part in where:
        inner = cls.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        cls = inner
    return list(cls.model_fields)
