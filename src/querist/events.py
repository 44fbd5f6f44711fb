"""The closed list of ledger events: one frozen dataclass each, with its JSON form and version.

An event says what happened; the ledger adds `seq` (its place, gapless from 1), `key` (unique in a project, so that a
repeated step changes nothing), `at` (for reading only), `actor`, and the hash that chains it to the one before. Fields
whose comment is `→ artefact` hold the SHA-256 of a stored file.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from querist.errors import Damaged, UnknownName
from querist.types import ItemId, Json, Lane, Outcome, Sha256, ShortHash, Source, canonical_json


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events; `kind` and `version` are written to the ledger."""

    kind: ClassVar[str]
    version: ClassVar[int] = 1

    def to_json(self) -> Json:
        """Return the body."""
        return {name.name: getattr(self, name.name) for name in dataclasses.fields(self)}


@dataclass(frozen=True, slots=True)
class ProjectCreated(Event):
    """The project began. Key `created`."""

    kind: ClassVar[str] = "project_created"
    spec: Json
    spec_hash: ShortHash
    seed: int
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class SpecChanged(Event):
    """Settings changed. Key `spec/{spec_hash}/{seq of the spec before}`."""

    kind: ClassVar[str] = "spec_changed"
    spec: Json
    spec_hash: ShortHash


@dataclass(frozen=True, slots=True)
class PoolImported(Event):
    """Items joined. Key `import/{fingerprint}`. `role` is `pool` or `validation`."""

    kind: ClassVar[str] = "pool_imported"
    source: str
    fingerprint: ShortHash
    items: Sha256  # → artefact: Parquet of item, row, u_eval, u_control, copies, group, cost
    added: int
    duplicates: int
    rejected: Sha256 | None = None  # → artefact: JSON list of {line, reason, raw}
    rejected_count: int = 0
    size: int = 0  # items in the pool after this import, withdrawn ones included
    reserve: float = 0.0  # items with u_eval below this are the evaluation reserve
    role: str = "pool"


@dataclass(frozen=True, slots=True)
class ItemWithdrawn(Event):
    """An item leaves the pool; `erased` when its content was removed as well. Key: the client's."""

    kind: ClassVar[str] = "item_withdrawn"
    item: ItemId
    reason: str
    erased: bool = False


@dataclass(frozen=True, slots=True)
class ClassesChanged(Event):
    """The class set changed: `operation` is `add`, `rename`, `merge`, `split` or `remove`. Key: the client's."""

    kind: ClassVar[str] = "classes_changed"
    operation: str
    before: list[str]
    after: list[str]


@dataclass(frozen=True, slots=True)
class GuidelineChanged(Event):
    """New guidelines are in force. Key: the client's."""

    kind: ClassVar[str] = "guideline_changed"
    guideline: int
    text: Sha256  # → artefact: JSON {text, classes: {class: {definition, examples}}}


@dataclass(frozen=True, slots=True)
class QuestionAsked(Event):
    """Somebody who labels asked a question on an item. Key: the client's."""

    kind: ClassVar[str] = "question_asked"
    item: ItemId
    text: str
    guideline: int | None = None  # version that was in force


@dataclass(frozen=True, slots=True)
class QuestionAnswered(Event):
    """A question was answered. Key: the client's."""

    kind: ClassVar[str] = "question_answered"
    question: int  # seq
    text: str
    guideline: int | None = None  # version that has the item as an example, if it became one


@dataclass(frozen=True, slots=True)
class FeaturesBuilt(Event):
    """Rows became arrays. Key `features/{features}/{size}`."""

    kind: ClassVar[str] = "features_built"
    features: ShortHash
    pipeline: Sha256  # → artefact: JSON manifest of the fitted pipeline's files
    arrays: list[Sha256]  # → artefacts: JSON manifests of .npy shards, one per import, in row order
    method: str
    settings: Json
    dim: int
    rows: int
    fitted_on: int


@dataclass(frozen=True, slots=True)
class BatchSelected(Event):
    """Items were put into the queue. Key `r{round}/select/{part}`."""

    kind: ClassVar[str] = "batch_selected"
    round: int
    part: int
    strategy: Json
    strategy_hash: ShortHash
    evidence: Json
    model: ShortHash | None
    dataset: ShortHash | None
    features: ShortHash | None
    through_seq: int
    pending: Sha256 | None  # → artefact: JSON list of item ids that were out with people
    items: list[ItemId]  # in order of rank
    picks: Sha256  # → artefact: Parquet of item, lane, rank, score, probability
    asked: int
    chosen: int
    short: int = 0
    pool: ShortHash = ""
    lanes: dict[str, int] = field(default_factory=dict)
    opinions: int = 1


@dataclass(frozen=True, slots=True)
class AnswerSubmitted(Event):
    """A person, an import or an oracle answered. Key: the client's UUID."""

    kind: ClassVar[str] = "answer_submitted"
    item: ItemId
    task: str
    outcome: Outcome
    value: Any
    confidence: str | None = None  # "unsure", or None
    reason: str | None = None  # why it was skipped or cannot be answered
    lane: Lane | None = None
    round: int | None = None
    model: ShortHash | None = None
    shown: Any = None
    guideline: int | None = None
    active_ms: int | None = None
    replaces: int | None = None  # seq of the answer that this one corrects
    source: Source = "ui"
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class AnswerWithdrawn(Event):
    """An answer was taken back. Key: the client's."""

    kind: ClassVar[str] = "answer_withdrawn"
    answer: int
    reason: str


@dataclass(frozen=True, slots=True)
class AnswerAdjudicated(Event):
    """A reviewer decided. Key: the client's."""

    kind: ClassVar[str] = "answer_adjudicated"
    item: ItemId
    value: Any
    reason: str
    answers: list[int]


@dataclass(frozen=True, slots=True)
class OpinionsWanted(Event):
    """People differ, or the consensus is unsure: one more opinion is asked for. Key `opinions/{item}/{wanted}`."""

    kind: ClassVar[str] = "opinions_wanted"
    item: ItemId
    wanted: int  # answers in all
    reason: str
    lane: Lane
    round: int


@dataclass(frozen=True, slots=True)
class GoldChanged(Event):
    """Items whose answer is known were named, or are no longer gold. Key: the client's."""

    kind: ClassVar[str] = "gold_changed"
    added: list[ItemId]
    removed: list[ItemId]
    values: Sha256  # → artefact: JSON {item: value} of those added


@dataclass(frozen=True, slots=True)
class DatasetFrozen(Event):
    """Answers up to `through_seq` became a data set. Key `r{round}/freeze`."""

    kind: ClassVar[str] = "dataset_frozen"
    round: int
    dataset: ShortHash
    through_seq: int
    rows: Sha256  # → artefact: Parquet of item, row, target (JSON), weight, answers, lane, round; ordered by item
    counts: dict[str, int]  # training items by class
    labelled: int
    parent: ShortHash | None


@dataclass(frozen=True, slots=True)
class ModelTrained(Event):
    """A model was fitted. Key `r{round}/train`."""

    kind: ClassVar[str] = "model_trained"
    round: int
    model: ShortHash
    dataset: ShortHash
    features: ShortHash
    learner: Json
    how: str
    parent: ShortHash | None
    files: Sha256  # → artefact: JSON manifest {file name: SHA-256}
    labelled: int
    calibration: Json  # {method, parameters, ece_before, ece_after} or {}
    oof_skill: Json  # {skill, low, high, majority, n} or {}
    seconds: float
    notes: list[str] = field(default_factory=list)  # what the library warned of
    pseudo: Json = field(default_factory=dict)  # {count, counts, rows → artefact: item, target, sure}; never labels
    moved: float | None = None  # share of a sample of the pool that the last model gave another class


@dataclass(frozen=True, slots=True)
class ModelFailed(Event):
    """Fitting failed; the last good model stays. Key `r{round}/train`."""

    kind: ClassVar[str] = "model_failed"
    round: int
    dataset: ShortHash
    error: str


@dataclass(frozen=True, slots=True)
class ModelEvaluated(Event):
    """A model was measured. Key `r{round}/evaluate`."""

    kind: ClassVar[str] = "model_evaluated"
    round: int
    model: ShortHash
    predictions: Sha256 | None  # → artefact: .npz manifest of item ids and probabilities over the whole reserve
    metrics: Json  # {name: {value, low, high, n}}
    answers_seq: int
    rules: list[Json]  # every stopping rule: {rule, fired, evidence, sentence}
    stop: str | None = None  # the rule by which Querist would stop here
    baseline: Sha256 | None = None  # → artefact: cross-fitted random arm, if it was made at this look
    evidence: Json = field(default_factory=dict)  # {metric, comparison, saved, watch, alarms}: against random labelling
    watch: Sha256 | None = None  # → artefact: what the alarm has looked at so far, block by block


@dataclass(frozen=True, slots=True)
class Fallback(Event):
    """Something wanted could not be had, and something else was used. Key `r{round}/{step}/{what}`."""

    kind: ClassVar[str] = "fallback"
    round: int
    what: str
    wanted: str
    used: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm(Event):
    """A watch fired. Key `r{round}/{step}/{name}`."""

    kind: ClassVar[str] = "alarm"
    round: int
    name: str
    evidence: Json


@dataclass(frozen=True, slots=True)
class HealthChecked(Event):
    """It was looked at whether something has changed. Key `health/{look}`."""

    kind: ClassVar[str] = "health_checked"
    look: int
    round: int
    model: ShortHash
    checks: list[Json]  # {check, state, sentence} and, where it was tested, the fields of `measure.drift.Change`
    level: float  # what this look could spend of 5 %; 0 where nothing was tested
    rows: int  # of the pool, up to which items have been looked at
    random: int  # random answers up to which labels have been looked at
    seen: Sha256  # → artefact: JSON list of the random items with a label that have been looked at
    alarms: Json = field(default_factory=dict)  # name: evidence


@dataclass(frozen=True, slots=True)
class DuelDrawn(Event):
    """Items on which the active and a random-arm model disagree were queued to settle it. Key `settle/{seq asked}`."""

    kind: ClassVar[str] = "duel_drawn"
    round: int
    model: ShortHash  # the active model
    active_labels: int
    random_labels: int
    items: list[ItemId]
    picks: Sha256  # → artefact: Parquet of item, lane, rank, score, probability
    predictions: Sha256  # → artefact: JSON {active: [class], shadow: [class]} of the items, in their order
    share: float  # of the unlabelled reserve on which the two disagree
    disagreements: int
    reserve: int  # items of the unlabelled reserve


@dataclass(frozen=True, slots=True)
class DuelSettled(Event):
    """The items of a duel have their answers. Key `settle/{seq drawn}/settled`."""

    kind: ClassVar[str] = "duel_settled"
    drawn: int  # seq of the duel
    value: float  # accuracy of the active model less that of the other
    low: float
    high: float
    n: int  # items with an answer
    finding: str  # better, worse or undecided
    sentence: str


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """Labelling need not go on. Key `r{round}/decide`, or the client's."""

    kind: ClassVar[str] = "stopped"
    round: int
    rule: str
    evidence: Json
    by: str


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """A person went on after a stop. Key: the client's."""

    kind: ClassVar[str] = "resumed"
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Requested(Event):
    """A person asked for a training, new features, a check, or to settle it (`settle`). Key: the client's."""

    kind: ClassVar[str] = "requested"
    what: str
    by: str


@dataclass(frozen=True, slots=True)
class TimerFired(Event):
    """A due time passed. Key `timer/{due}`."""

    kind: ClassVar[str] = "timer_fired"
    name: str
    due: int


KINDS: Final[dict[str, type[Event]]] = {cls.kind: cls for cls in Event.__subclasses__()}


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event in its place in the ledger. `at` is UTC in microseconds and orders nothing."""

    seq: int
    key: str
    at: int
    actor: str
    event: Event
    prev: Sha256
    hash: Sha256


GENESIS: Final = "0" * 64


def chain_hash(prev: Sha256, *, seq: int, kind: str, version: int, key: str, at: int, actor: str, body: Json) -> Sha256:
    """Return sha256(previous hash || canonical JSON of [seq, kind, version, key, at, actor, body]).

    >>> chain_hash(GENESIS, seq=1, kind="a", version=1, key="k", at=0, actor="engine", body={})[:12]
    '2bb36d86aa44'
    """
    line = canonical_json([seq, kind, version, key, at, actor, body])
    return hashlib.sha256(prev.encode() + line.encode()).hexdigest()


def from_json(kind: str, body: Mapping[str, Any], *, version: int = 1) -> Event:
    """Return the event that a ledger row describes.

    Raises:
        UnknownName: the kind is not in the closed list.
        Damaged: the version is newer, or the body does not fit the kind.
    """
    if kind not in KINDS:
        raise UnknownName("event kind", kind, KINDS)
    cls = KINDS[kind]
    if version > cls.version:
        raise Damaged(f"event kind {kind!r} has version {version}, this Querist reads up to {cls.version}")
    try:
        return cls(**body)
    except TypeError as error:
        raise Damaged(f"event of kind {kind!r} does not fit: {error}") from error
