"""The words that the layers share: ids, frozen dataclasses, protocols. The page to read first.

An *item* is a thing to label; a *row* is its number in the project's pool (never leaves the machine room: people and
files see ids). A *strategy* is a value. A *learner* is a recipe that `fit` turns into a *model*; both see arrays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias, get_args, runtime_checkable

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
Rng: TypeAlias = np.random.Generator
Json: TypeAlias = dict[str, Any]

ItemId: TypeAlias = str
"""Given by the id column, else the first 20 hex digits of SHA-256 over the canonical content."""
Sha256: TypeAlias = str
"""64 hex digits: the name of an artefact."""
ShortHash: TypeAlias = str
"""16 hex digits: a model, data set, features or strategy, named by the SHA-256 of its manifest."""

Lane: TypeAlias = Literal["seed", "query", "control", "evaluation", "gold", "relabel", "recheck", "duel"]
Outcome: TypeAlias = Literal["answered", "skipped", "unanswerable"]
Source: TypeAlias = Literal["ui", "api", "import", "oracle"]
ItemKind: TypeAlias = Literal["text", "image", "row", "audio", "pair"]
ITEM_KINDS: Final[frozenset[ItemKind]] = frozenset(get_args(ItemKind))
Phase: TypeAlias = Literal["seed", "collect", "freeze", "train", "evaluate", "decide", "select", "stopped", "maintain"]


# Made once: `json.dumps` with options makes an encoder for each call.
_CANONICAL: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(value: object) -> str:
    """Return the one JSON form that hashes are taken of: sorted keys, no blanks, UTF-8, shortest floats, no NaN.

    >>> canonical_json({"b": 1.0, "a": ["é", None]})
    '{"a":["é",null],"b":1.0}'
    """
    return _CANONICAL.encode(value)


def short_hash(manifest: object) -> ShortHash:
    """Return the first 16 hex digits of the SHA-256 of a manifest's canonical JSON.

    >>> short_hash({"name": "margin"})
    '4d01042229c3c7a5'
    """
    return hashlib.sha256(canonical_json(manifest).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Strategy:
    """How a batch is chosen: filters → scorer (or none) → shortlist → selector, with settings. A value, not a class.

    `shortlist` 0 means the whole pool. `random_share` of each batch is drawn uniformly, with its probability.
    """

    name: str
    scorer: str | None = None
    selector: str = "top"
    scorer_settings: Mapping[str, Any] = field(default_factory=dict)
    selector_settings: Mapping[str, Any] = field(default_factory=dict)
    shortlist: int = 0
    random_share: float = 0.0
    filters: tuple[str, ...] = ()
    quotas: Mapping[str, int] = field(default_factory=dict)
    group_limit: int = 0

    def to_json(self) -> Json:
        """Return the JSON form; equal strategies have equal forms."""
        return {
            "name": self.name,
            "scorer": self.scorer,
            "selector": self.selector,
            "scorer_settings": dict(self.scorer_settings),
            "selector_settings": dict(self.selector_settings),
            "shortlist": self.shortlist,
            "random_share": self.random_share,
            "filters": list(self.filters),
            "quotas": dict(self.quotas),
            "group_limit": self.group_limit,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Strategy:
        """Return the strategy whose `to_json` gave the value."""
        return cls(**{**value, "filters": tuple(value.get("filters", ()))})

    @property
    def hash(self) -> ShortHash:
        """The hash that every round records; the name is not part of it."""
        return short_hash({key: value for key, value in self.to_json().items() if key != "name"})


@dataclass(frozen=True, slots=True)
class Content:
    """What a person sees of an item.

    `value` by kind: text {"text"}, image {"path"} (relative to the pool's media root) or {"pixels", "width", "height"}
    (rows of grey values 0–255; with "ink": true, 0 is paper and 255 is ink), row {"fields": {column: value}},
    pair {"first": …, "second": …} of contents. Beside it may stand "about": {column: value}, which rules may look at,
    and neither people nor models see.
    """

    kind: ItemKind
    value: Json

    def to_json(self) -> Json:
        """Return {"kind": …, "value": …}: what people see, without what stands beside it."""
        return {"kind": self.kind, "value": {name: part for name, part in self.value.items() if name != "about"}}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to label, as a pool reads it; `copies` counts exact duplicates that were folded into it."""

    id: ItemId
    content: Content
    label: Any = None
    group: str | None = None
    cost: float | None = None
    copies: int = 1


@dataclass(frozen=True, slots=True)
class Rejected:
    """A source row that could not be read: kept aside with its line number and the reason, never lost."""

    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Pick:
    """One row of a batch, and why: its lane, its rank in the batch, its score, its probability of selection.

    `probability` is None where the strategy is deterministic.
    """

    item: ItemId
    lane: Lane
    rank: int
    score: float | None = None
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer in force, as merging sees it."""

    seq: int
    item: ItemId
    person: str
    outcome: Outcome
    value: Any
    lane: Lane | None = None


@dataclass(frozen=True, slots=True)
class Features:
    """Rows as a learner sees them: `input` (n, p), dense or CSR, to fit on; `embed` (n, d), dense, to measure in.

    Where both are one space, `embed` is `input`, and a linear model on it offers `head_*`.
    """

    input: Any
    embed: Array

    @classmethod
    def of(cls, rows: Any) -> Features:
        """Return rows that are numbers already as features: (n, p) dense or sparse; (n, …) is flattened to measure in.

        >>> Features.of(np.zeros((5, 3, 8, 8))).embed.shape
        (5, 192)
        """
        matrix = rows.tocsr() if hasattr(rows, "tocsr") else rows
        return cls(matrix, matrix.reshape(len(matrix), -1) if matrix.ndim > 2 else matrix)

    @property
    def one_space(self) -> bool:
        """Whether the model's input and the embedding are the same array."""
        return self.input is self.embed

    def __len__(self) -> int:
        return int(self.embed.shape[0])

    def rows(self, rows: Array) -> Features:
        """Return the features of some rows, in the order given."""
        embed = self.embed[rows]
        return Features(embed if self.one_space else self.input[rows], embed)


@runtime_checkable
class Model(Protocol):
    """A fitted learner: rows in, signals out; `classes` is the number of classes of its probabilities."""

    @property
    def name(self) -> str:
        """The learner's name."""

    @property
    def classes(self) -> int:
        """How many classes its probabilities have."""

    @property
    def offers(self) -> frozenset[str]:
        """The base signals and `head_*` that `signals` can give for these features."""

    def signals(self, wanted: Collection[str], features: Features, *, rng: Rng) -> dict[str, Array]:
        """Return the wanted signals of the rows; `head_*` do not depend on the rows."""

    def save(self) -> dict[str, bytes]:
        """Return the files that `models.load_model` needs; never a pickle of our classes."""


@runtime_checkable
class SparesLabels(Model, Protocol):
    """A model whose training may keep labels back, to know when to stop; they calibrate it as well."""

    @property
    def held_out(self) -> tuple[Array, Array] | None:
        """What it says of the labels that it was not trained on, (v, classes), and their (v,) class numbers."""


@runtime_checkable
class Learner(Protocol):
    """A recipe for a model: name, settings, and what a model fitted by it would offer."""

    @property
    def name(self) -> str:
        """The name it is found under, or the class of the estimator."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What can be written to JSON of its settings."""

    def fit(
        self, features: Features, target: Array, *, classes: int, weight: Array | None = None, seed: int = 0
    ) -> Model:
        """Fit on (l,) int class numbers in [0, classes), not all of which need occur.

        Raises:
            ModelFailure: the library raised; its message is passed on.
        """


@dataclass(frozen=True, slots=True)
class Resolved:
    """The answers to an item agree enough: this is its target."""

    value: Any
    answers: tuple[int, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Unsure:
    """One more opinion is wanted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disputed:
    """The answers contradict each other, and a person must decide."""

    reason: str


class TargetKind(Protocol):
    """What a model learns for a task and how its predictions are read; see `querist.tasks.targets`.

    A prediction of n rows is a matrix (n, len(columns)): probabilities of classes or labels, or mean and deviation.
    """

    @property
    def signal(self) -> str:
        """The base signal that a model must offer: `proba`, `label_proba` or `mean`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of a prediction stand for."""

    @property
    def means(self) -> str:
        """What "correct" means here, where it is more than naming the class."""

    @property
    def unit(self) -> str:
        """Unit of the target, where it has one."""

    def unknown(self, n: int) -> Array:
        """Return n targets that are not known."""

    def known(self, target: Array) -> Array:
        """Return (n,) whether there is a target."""

    def predicted(self, matrix: Array) -> Array:
        """Return what is predicted, in the form of targets."""

    def right(self, target: Array, matrix: Array) -> Array:
        """Return (n,) whether each prediction is correct."""

    def codes(self, target: Array) -> Array:
        """Return (n,) whole numbers ≥ 0 that stand for the targets; −1 where there is none."""

    def said(self, matrix: Array, target: Array) -> Array:
        """Return (n,) whole numbers that equal `codes(target)` exactly where the prediction is correct."""

    def certainty(self, matrix: Array) -> Array:
        """Return (n,) how likely each prediction is correct, by the model's own word."""

    def decisions(self, matrix: Array) -> Array:
        """Return (n,) whole numbers, equal where predictions amount to the same."""

    def entropy(self, matrix: Array) -> float | None:
        """Return the mean entropy as a share of the largest possible, where there is one."""

    def lacks(self, target: Array) -> str:
        """Return why nothing can be learnt from these targets yet, or an empty text."""

    def constant(self, target: Array, n: int) -> Array:
        """Return what would be predicted for n rows without looking at them."""

    def has(self, target: Array, column: int) -> Array:
        """Return (n,) whether the targets name a column."""

    def losses(self, target: Array, matrix: Array) -> Array:
        """Return (n,) losses."""

    def strata(self, target: Array) -> Array | None:
        """Return (n,) what folds keep in proportion, if anything."""

    def figures(self, target: Array, matrix: Array, *, seed: int = 0, resample: bool = False) -> Json:
        """Return further figures {name: {value, low, high, n}} beside the share that is right."""


class TaskType(Protocol):
    """A kind of label: a frozen dataclass with these members; `tasks/single_label.py` is the pattern."""

    name: ClassVar[str]
    """The word on both sides of the wire."""
    settings_schema: ClassVar[Mapping[str, Any]]
    """JSON schema of its settings."""
    example: ClassVar[Mapping[str, Any]]
    """An item and a value, for forms and docs."""
    model: ClassVar[str]
    """The learner that a new project gets; `none` where it is still to come."""
    features: ClassVar[str]
    """How items become arrays, if the project does not say; `auto` is by the kind of item."""
    question: ClassVar[str]
    """What people are asked, if the project does not say."""
    has_classes: ClassVar[bool]
    """Whether classes are declared."""
    items: ClassVar[frozenset[ItemKind]]
    """The kinds of item that it can be asked about."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The declared classes, in the order of their numbers."""

    @property
    def target(self) -> TargetKind | None:
        """What a model learns; None where the learner is still to come."""

    def check(self, value: Any, content: Content | None = None) -> Any:
        """Return the value in its canonical form; raise BadValue when it is not a label of this task, or this item."""

    def read(self, cell: Any) -> Any:
        """Return the value that a cell of a file holds; raise BadValue like `check`."""

    @classmethod
    def classes_in(cls, cell: Any) -> list[str]:
        """Return the classes that a cell of a file declares."""

    def tally(self, value: Any) -> tuple[str, ...]:
        """Return the classes that a value is counted under."""

    def renamed(self, value: Any, names: Mapping[str, str]) -> Any:
        """Return the value under the class names now in force."""

    def describe(self, value: Any) -> str:
        """Return the value in a few words."""

    def merge(self, answers: Sequence[Answer], *, opinions: int) -> Resolved | Unsure | Disputed:
        """Return what the live answers to one item amount to."""

    def encode(self, values: Sequence[Any]) -> Array:
        """Return the target array of canonical values."""

    def decode(self, target: Array) -> list[Any]:
        """Return the values of a target array."""

    def measure(self, target: Array, prediction: Array) -> dict[str, float]:
        """Return the task's figures of merit."""

    def disagreement(self, a: Any, b: Any) -> float:
        """Return how far two values are apart: 0 equal, 1 contradictory."""


class Pool(Protocol):
    """A place where items come from."""

    @property
    def source(self) -> str:
        """Where it reads from, for messages and the ledger."""

    def read(self) -> Iterable[Item | Rejected]:
        """Yield items and rejected rows in the order of the source, once."""
