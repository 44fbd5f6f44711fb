"""The overview: how good, how sure, what now; and what moves while it is looked at."""

from __future__ import annotations

from typing import Literal

from querist.server.schemas.wire import Estimate, Micros, Reply
from querist.types import Lane, Phase


class Verdict(Reply):
    """The one sentence of the page."""

    headline: str
    """"90 % correct," or "Too early to say"."""
    between: str
    """"between 87 % and 93 %", or nothing."""
    lead: str
    """What it was measured on, and what may be promised."""
    early: bool
    """Fewer evaluation answers than a sentence about accuracy needs."""


class Advice(Reply):
    """Stop or go on: Querist advises, people decide."""

    kind: Literal["early", "go_on", "stop", "stopped", "failed"]
    """`stopped`: it has been stopped, by a rule or a person."""
    sentence: str
    """"Querist would stop here."."""
    detail: str
    """The reasons in one or two sentences."""


class Counts(Reply):
    """Answers and items, as running sums of the ledger."""

    items: int
    """In the pool, withdrawn ones left out."""
    labelled: int
    """Training items with a label."""
    evaluation: int
    """Evaluation items with a label, or rows of the evaluation file."""
    answers: int
    """Live answers that cost a person time: imports and oracles left out."""
    imported: int
    """Labels that came with the data."""
    skipped: int
    """Live skips."""
    unanswerable: int
    """Items that nobody could answer."""
    disputed: int = 0
    """Items that wait for a decision."""
    today: int
    """Answers since midnight UTC, by all."""
    rejected: int = 0
    """Rows set aside at import."""
    duplicates: int = 0
    """Exact duplicates merged at import."""
    budget: int | None = None
    """Labels at most."""


class Spent(Reply):
    """What the answers cost so far; money is null while no price is set."""

    currency: str
    """ISO 4217."""
    per_label: float
    """Price of one label; 0: not set."""
    seconds_per_label: float
    """As set, else measured; 0: unknown."""
    money: float | None
    """`answers` times price, evaluation included."""
    of: float | None
    """Price of the whole budget."""
    hours: float | None
    """Active time of all answers; estimated from `seconds_per_label` where it was not measured."""


class LaneShare(Reply):
    """How the labels are shared out."""

    lane: Lane
    """Which."""
    name: str
    """In words: "query", "second opinion"."""
    share: float
    """Of the answers so far."""
    wanted: float
    """As the settings have it now."""
    answers: int
    """So many answers."""


class Queue(Reply):
    """What waits for people."""

    ready: int
    """Items in the queue that nobody has."""
    out: int
    """Items out with people."""
    people: int
    """Persons who hold any."""
    filled_at: Micros | None
    """When the last batch was chosen."""
    sentence: str
    """"Refilled 2 min ago, lasts about 6 min"."""


class ModelNow(Reply):
    """The model in service."""

    name: str
    """As people see it: `m31`."""
    id: str
    """Its hash."""
    number: int
    """31."""
    labels: int
    """Trained on so many."""
    trained_at: Micros
    """When."""
    seconds: float
    """How long training took."""


class Doing(Reply):
    """What the engine does at this moment."""

    step: Literal["idle", "features", "select", "freeze", "train", "evaluate", "decide", "stopped", "failed"]
    """`idle`: waits for answers."""
    sentence: str
    """"Training number 32", "Waiting for 8 more answers"."""
    detail: str
    """"About 9 s left. People go on with model 31."."""
    progress: float | None
    """0 to 1; of the step, or of the answers to the next training."""
    seconds: float | None
    """Estimated time left."""


class Worker(Reply):
    """The process that trains."""

    alive: bool
    """A heartbeat came within 30 s."""
    heartbeat_at: Micros | None
    """The last one."""
    sentence: str
    """"Worker running", or what to do when it is not."""


class Now(Reply):
    """The part of the status that moves: also the data of each live event."""

    seq: int
    """Head of the ledger."""
    phase: Phase
    """Where the loop stands."""
    round: int
    """Round that is being labelled."""
    doing: Doing
    """What the engine does."""
    model: ModelNow | None
    """None before the first one."""
    queue: Queue
    """What waits for people."""
    worker: Worker
    """The process that trains."""
    counts: Counts
    """Answers and items."""


class FeedEntry(Reply):
    """One line of the latest events."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    sentence: str
    """"Anna answered"."""
    detail: str
    """"Transfer, not sure"."""


class LiveEvent(Reply):
    """One message of `GET /projects/P/events` (server-sent events, `id:` = seq, `event: now`)."""

    now: Now
    """State after the event, or after a step moved on."""
    feed: list[FeedEntry]
    """What happened since the last message, newest first; at most 20."""
    changed: list[
        Literal["status", "curves", "rounds", "classes", "calibration", "slices", "timing", "project", "questions"]
    ]
    """What is worth reading again."""


class Notice(Reply):
    """A fallback, alarm or failure that must not be silent."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    kind: Literal["fallback", "alarm", "failure"]
    """What it is."""
    round: int
    """Since which round."""
    sentence: str
    """"Asked at random: the model gives no probabilities."."""
    live: bool
    """Still so."""


class Default(Reply):
    """A setting that Querist chose, and why."""

    name: str
    """As in `querist.toml`: `loop.batch`."""
    value: str
    """In words: "50 items"."""
    sentence: str
    """Why."""


class StopRule(Reply):
    """What one stopping rule says."""

    rule: str
    """Registered name."""
    name: str
    """In words: "Target 85 %"."""
    verdict: Literal["stop", "go_on", "look", "early"]
    """`look`: something to be looked at; `early`: too little data."""
    evidence: str
    """The reason with its figures."""
    decides: bool
    """False: shown as evidence only, it would not stop the project."""


class Stopped(Reply):
    """The project has been stopped."""

    by: str
    """A person's name, or the rule in words."""
    at: Micros
    """When."""
    sentence: str
    """"Stopped at 1,240 labels, on the target rule. 90 % correct, between 87 % and 93 %."."""


class Prefill(Reply):
    """How much oftener people say what the model says where they see its guess."""

    mode: Literal["off", "shown", "after"]
    """As set now."""
    seen: Estimate
    """Agreement where the guess was seen before the answer."""
    blind: Estimate
    """Agreement where it was not."""
    shift: Estimate | None
    """The difference; None while it is too early."""
    sentence: str
    """The same in words."""


class Weighted(Reply):
    """How good the last model that chose is, by the labels that it chose."""

    state: Literal["shown", "refused"]
    """`refused`: items had no chance of being chosen, or too few were."""
    sentence: str
    """The estimate, or why there is none."""
    estimate: Estimate | None
    """Share that is right; of `of` items."""
    model: str | None
    """The model that is measured."""
    of: int | None
    """Items that were unlabelled when it chose."""


class HealthCheck(Reply):
    """One thing that may have changed."""

    check: str
    """Its name in the ledger, `labels`."""
    name: str
    """Its name for people."""
    state: Literal["alarm", "quiet", "not_tested"]
    """Alarms are false in fewer than 5 of 100 projects, all together, over their whole life."""
    sentence: str
    """What was found, or why it was not tested."""


class Changes(Reply):
    """Has something changed? The last look."""

    state: Literal["early", "quiet", "alarm"]
    """`early`: nothing could be compared yet."""
    sentence: str
    """All of it in one sentence."""
    at: int | None
    """When it was looked, UTC microseconds."""
    look: int
    """The number of the look; 0 before the first."""
    checks: list[HealthCheck]
    """Alarms first."""
    next_at: int | None
    """When a project that has stopped is checked next."""


class Status(Reply):
    """`GET /projects/P/status`: the first screen of the overview, and `querist status --json`."""

    project: str
    """Project id."""
    name: str
    """Project name."""
    verdict: Verdict
    """How good."""
    accuracy: Estimate | None
    """Of the last model on evaluation items; None while early."""
    advice: Advice
    """Whether it is worth going on."""
    stopped: Stopped | None
    """Set while it is stopped."""
    rules: list[StopRule]
    """All rules, also those that say go on."""
    spent: Spent
    """Money and hours."""
    lanes: list[LaneShare]
    """How the labels are shared out."""
    now: Now
    """What moves."""
    feed: list[FeedEntry]
    """The latest 20 events, newest first."""
    prefill: Prefill | None = None
    """What showing the model's guess does to answers; None where it is not shown."""
    notices: list[Notice]
    """Fallbacks, alarms and failures, newest first."""
    health: Changes
    """Whether something has changed."""
    weighted: Weighted | None
    """Of the labels that the strategy chose; None where nothing learns."""
    defaults: list[Default]
    """Settings that were not set by hand, explained."""
    strategy: str
    """In force now, `margin`; the policy's choice when the setting is `auto`."""
