"""Tables that make reading quick, as folds over the ledger: what is answered, what waits, what each round did.

The logic is written once, over rows in dictionaries. `MemoryStore` keeps the whole `Tables`; `SqlStore` loads the few
rows that an event touches, applies the event to them, and writes back what changed, in the event's own transaction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

from querist.errors import Conflict, NotFound
from querist.events import (
    AnswerAdjudicated,
    AnswerSubmitted,
    AnswerWithdrawn,
    BatchSelected,
    ClassesChanged,
    DatasetFrozen,
    DuelDrawn,
    Event,
    ItemWithdrawn,
    ModelEvaluated,
    ModelFailed,
    ModelTrained,
    OpinionsWanted,
    PoolImported,
    Recorded,
)
from querist.store.protocol import Decision, Picked, QueueEntry
from querist.types import Answer, ItemId, Lane, Outcome, Sha256, ShortHash

Standing: TypeAlias = Literal["unlabelled", "labelled", "skipped", "unanswerable", "withdrawn"]

ONE_MORE: Final = frozenset({"relabel", "recheck", "gold"})
"""Lanes that ask for one more opinion, however many there are."""

ASKED_FOR: Final = -1
"""The part of a round for what a person asked for: it comes before what the round has queued."""


@dataclass(slots=True)
class AnswerRow:
    """An answer; `until` is the seq of the event that withdrew or replaced it."""

    seq: int
    item: ItemId
    person: str
    outcome: Outcome
    value: Any
    lane: Lane | None
    round: int | None
    until: int | None = None
    _answer: Answer | None = field(default=None, init=False, repr=False, compare=False)

    def answer(self) -> Answer:
        """Return the answer as merging sees it; made once, a simulation asks for all of them in each round."""
        if self._answer is None:
            self._answer = Answer(self.seq, self.item, self.person, self.outcome, self.value, self.lane)
        return self._answer

    def in_force(self, through: int | None) -> bool:
        """Return whether the answer counted when the ledger's head was `through` (None: now)."""
        if through is None:
            return self.until is None
        return self.seq <= through and (self.until is None or self.until > through)


@dataclass(slots=True)
class DecisionRow:
    """What a reviewer decided about an item; `until` is the seq of the next decision about it."""

    seq: int
    item: ItemId
    person: str
    value: Any
    until: int | None = None

    def decision(self) -> Decision:
        """Return the decision as freezing sees it."""
        return Decision(self.seq, self.item, self.person, self.value)


@dataclass(slots=True)
class QueueRow:
    """A place in the queue; it stays, with no opinions left, until the next batch: the answer may be undone."""

    item: ItemId
    round: int
    part: int
    rank: int
    lane: Lane
    score: float | None
    wanted: int
    opinions_left: int

    @property
    def place(self) -> tuple[int, int, int]:
        """The order of serving: the earliest batch first, and there the best first."""
        return self.round, self.part, self.rank

    @property
    def begun(self) -> bool:
        """Whether somebody has answered since it was put here, and more opinions are wanted."""
        return self.lane not in ONE_MORE and 0 < self.opinions_left < self.wanted

    def entry(self) -> QueueEntry:
        """Return what waits for a person."""
        return QueueEntry(self.item, self.rank, self.lane, self.round, self.score, self.opinions_left)


@dataclass(slots=True)
class RoundRow:
    """What a round did: the seqs of its events (of the last part of its batch), and what it made."""

    round: int
    selected: int | None = None
    frozen: int | None = None
    trained: int | None = None
    evaluated: int | None = None
    asked: int = 0
    chosen: int = 0
    dataset: ShortHash | None = None
    model: ShortHash | None = None


@dataclass(slots=True)
class Tables:
    """The views in dictionaries; `states` holds only items that are not plainly unlabelled."""

    size: int = 0
    answers: dict[int, AnswerRow] = field(default_factory=dict)
    by_item: dict[ItemId, list[AnswerRow]] = field(default_factory=dict)
    decisions: dict[int, DecisionRow] = field(default_factory=dict)
    decided: dict[ItemId, DecisionRow] = field(default_factory=dict)
    states: dict[ItemId, Standing] = field(default_factory=dict)
    queue: dict[ItemId, QueueRow] = field(default_factory=dict)
    picks: dict[tuple[ItemId, int], Picked] = field(default_factory=dict)
    rounds: dict[int, RoundRow] = field(default_factory=dict)

    def add_answer(self, row: AnswerRow) -> None:
        """Keep a new answer."""
        self.answers[row.seq] = row
        self.by_item.setdefault(row.item, []).append(row)

    def end_answer(self, row: AnswerRow, seq: int) -> None:
        """Take an answer out of force."""
        row.until = seq

    def add_decision(self, row: DecisionRow) -> None:
        """Keep a new decision in place of the one before."""
        if row.item in self.decided:
            self.decided[row.item].until = row.seq
        self.decisions[row.seq] = self.decided[row.item] = row

    def end_decision(self, item: ItemId, seq: int) -> None:
        """Take the decision about an item out of force."""
        self.decided.pop(item).until = seq

    def set_state(self, item: ItemId, state: Standing) -> None:
        """Note what became of an item."""
        self.states[item] = state

    def put_queue(self, row: QueueRow) -> None:
        """Add or change a place in the queue."""
        self.queue[row.item] = row

    def drop_queue(self, item: ItemId) -> None:
        """Remove an item from the queue, if it is there."""
        self.queue.pop(item, None)

    def add_pick(self, pick: Picked) -> None:
        """Remember why an item was asked."""
        self.picks[pick.item, pick.seq] = pick

    def change_round(self, number: int) -> RoundRow:
        """Return the row of a round, to be changed."""
        return self.rounds.setdefault(number, RoundRow(number))

    def given(self, item: ItemId) -> int:
        """Return how many answers to an item are in force."""
        return sum(row.until is None for row in self.by_item.get(item, ()))


class Readable(Protocol):
    """The part of the artefacts that views read."""

    def get_json(self, name: Sha256) -> Any: ...
    def get_table(self, name: Sha256) -> dict[str, list[Any]]: ...


@dataclass(frozen=True, slots=True)
class Attached:
    """What an event's artefacts say, read before the transaction begins."""

    picks: Sequence[Mapping[str, Any]] = ()
    pending: frozenset[ItemId] = frozenset()


NOTHING: Final = Attached()


def attached(event: Event, artefacts: Readable) -> Attached:
    """Return what `apply` needs of the event's artefacts."""
    if not isinstance(event, BatchSelected | DuelDrawn):
        return NOTHING
    table = artefacts.get_table(event.picks)
    picks = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    if isinstance(event, DuelDrawn):
        return Attached(picks)
    pending = frozenset(artefacts.get_json(event.pending)) if event.pending else frozenset()
    return Attached(picks, pending)


def touched(events: Iterable[tuple[Event, Attached]]) -> tuple[set[ItemId], set[int]]:
    """Return the items, and the seqs of answers, whose rows must be loaded before the events are applied."""
    items: set[ItemId] = set()
    seqs: set[int] = set()
    for event, extra in events:
        match event:
            case AnswerSubmitted(item=item, replaces=replaces):
                items.add(item)
                seqs.update(() if replaces is None else (replaces,))
            case AnswerWithdrawn(answer=seq):
                seqs.add(seq)
            case AnswerAdjudicated(item=item, answers=answers):
                items.add(item)
                seqs.update(answers)
            case ItemWithdrawn(item=item) | OpinionsWanted(item=item):
                items.add(item)
            case ClassesChanged(ended=ended, undecided=undecided):
                seqs.update(ended)
                items.update(undecided)
            case BatchSelected() | DuelDrawn():
                items.update(pick["item"] for pick in extra.picks)
            case _:
                pass
    return items, seqs


def apply(tables: Tables, recorded: Recorded, extra: Attached = NOTHING) -> None:
    """Change the tables as the event says.

    Raises:
        Conflict: the event speaks of an answer to another item.
        NotFound: the event speaks of an answer that is not there.
    """
    change = _CHANGES.get(type(recorded.event))
    if change is not None:
        change(tables, recorded.seq, recorded.actor, recorded.event, extra)


def _import(tables: Tables, _seq: int, _actor: str, event: PoolImported, _extra: Attached) -> None:
    if event.role == "pool":
        tables.size = max(tables.size, event.size or tables.size + event.added)


def _withdraw_item(tables: Tables, _seq: int, _actor: str, event: ItemWithdrawn, _extra: Attached) -> None:
    tables.set_state(event.item, "withdrawn")
    tables.drop_queue(event.item)


def _answer(tables: Tables, seq: int, actor: str, event: AnswerSubmitted, _extra: Attached) -> None:
    if event.replaces is not None:
        old = _answer_at(tables, event.replaces)
        if old.item != event.item:
            raise Conflict(
                f"answer {old.seq} is about item {old.item!r} and cannot be replaced by one about {event.item!r}",
                field="replaces",
                value=event.replaces,
            )
        if old.until is None:
            tables.end_answer(old, seq)
    tables.add_answer(AnswerRow(seq, event.item, actor, event.outcome, event.value, event.lane, event.round))
    place = tables.queue.get(event.item)
    if place is not None and place.lane == "recheck" and event.replaces is not None:
        # Who looked at their own answer again has replaced it: there are no more answers than before, and that is all.
        place.wanted = tables.given(event.item)
    _settle(tables, event.item)


def _withdraw_answer(tables: Tables, seq: int, _actor: str, event: AnswerWithdrawn, _extra: Attached) -> None:
    row = _answer_at(tables, event.answer)
    if row.until is None:
        tables.end_answer(row, seq)
        _settle(tables, row.item)


def _decide(tables: Tables, seq: int, actor: str, event: AnswerAdjudicated, _extra: Attached) -> None:
    for number in event.answers:
        row = _answer_at(tables, number)
        if row.item != event.item:
            raise Conflict(
                f"answer {number} is about item {row.item!r}, not {event.item!r}", field="answers", value=number
            )
    tables.add_decision(DecisionRow(seq, event.item, actor, event.value))
    _settle(tables, event.item)


def _want(tables: Tables, _seq: int, _actor: str, event: OpinionsWanted, _extra: Attached) -> None:
    place = tables.queue.get(event.item)
    if place is None:
        place = QueueRow(event.item, event.round, 0, 0, event.lane, None, event.wanted, 0)
    place.wanted = max(place.wanted, event.wanted)
    place.opinions_left = -1  # so that settling writes it
    _settle(tables, event.item, place)


def _select(tables: Tables, seq: int, _actor: str, event: BatchSelected, extra: Attached) -> None:
    # Whatever was out with people when the batch was chosen keeps its place, and so does what some but not yet enough
    # people have answered; the rest of older batches makes room. A further part of a round only joins.
    for row in list(tables.queue.values()) if event.part == 0 else ():
        # What a person asked for, a duel or the items of a split class, waits until it is settled.
        kept = row.item in extra.pending or row.begun or row.part == ASKED_FOR
        if row.round < event.round and (not kept or row.opinions_left == 0):
            tables.drop_queue(row.item)
    for pick in extra.picks:
        item, lane, rank = pick["item"], pick["lane"], pick["rank"]
        score = pick.get("score")
        tables.add_pick(Picked(seq, event.round, item, lane, rank, score, pick.get("probability")))
        given = tables.given(item)
        wanted = given + 1 if lane in ONE_MORE else event.opinions
        settled = given >= wanted or (item in tables.decided and lane not in ONE_MORE)
        if not settled and item not in tables.queue and tables.states.get(item) != "withdrawn":
            tables.put_queue(
                QueueRow(item, event.round, event.part, rank, lane, score, wanted, opinions_left=wanted - given)
            )
    row_of_round = tables.change_round(event.round)
    row_of_round.selected = seq
    row_of_round.asked += event.asked
    row_of_round.chosen += event.chosen


def _draw_duel(tables: Tables, seq: int, _actor: str, event: DuelDrawn, extra: Attached) -> None:
    for pick in extra.picks:
        item, rank = pick["item"], pick["rank"]
        tables.add_pick(Picked(seq, event.round, item, "duel", rank, None, pick["probability"]))
        if not tables.given(item) and tables.states.get(item) != "withdrawn":
            tables.put_queue(QueueRow(item, event.round, ASKED_FOR, rank, "duel", None, 1, opinions_left=1))


def _change_classes(tables: Tables, seq: int, _actor: str, event: ClassesChanged, _extra: Attached) -> None:
    ended = [row for number in event.ended if (row := _answer_at(tables, number)).until is None]
    for row in ended:
        tables.end_answer(row, seq)
    for item in event.undecided:
        if item in tables.decided:
            tables.end_decision(item, seq)
    again = Counter(row.item for row in ended)
    lanes = {row.item: row.lane or "query" for row in ended}
    for rank, item in enumerate(dict.fromkeys([*lanes, *event.undecided]), start=1):
        wanted = tables.given(item) + max(1, again[item])
        place = QueueRow(item, event.round, ASKED_FOR, rank, lanes.get(item, "query"), None, wanted, -1)
        _settle(tables, item, place)


def _freeze(tables: Tables, seq: int, _actor: str, event: DatasetFrozen, _extra: Attached) -> None:
    row = tables.change_round(event.round)
    row.frozen, row.dataset = seq, event.dataset


def _train(tables: Tables, seq: int, _actor: str, event: ModelTrained, _extra: Attached) -> None:
    row = tables.change_round(event.round)
    row.trained, row.model = seq, event.model


def _fail(tables: Tables, seq: int, _actor: str, event: ModelFailed, _extra: Attached) -> None:
    tables.change_round(event.round).trained = seq


def _evaluate(tables: Tables, seq: int, _actor: str, event: ModelEvaluated, _extra: Attached) -> None:
    tables.change_round(event.round).evaluated = seq


def _settle(tables: Tables, item: ItemId, place: QueueRow | None = None) -> None:
    """Bring the item's state and its place in the queue up to its answers."""
    rows = [row for row in tables.by_item.get(item, ()) if row.until is None]
    decided = item in tables.decided
    if tables.states.get(item) != "withdrawn":
        state: Standing = "labelled" if decided else standing(rows)
        if tables.states.get(item, "unlabelled") != state:
            tables.set_state(item, state)
    place = place or tables.queue.get(item)
    if place is not None and tables.states.get(item) != "withdrawn":
        left = 0 if decided else max(0, place.wanted - len(rows))
        if left != place.opinions_left:
            place.opinions_left = left
            tables.put_queue(place)


def standing(rows: Sequence[AnswerRow]) -> Standing:
    """Return what the answers in force make of an item; an answer outweighs any number of skips.

    >>> standing([AnswerRow(1, "a", "p_1", "skipped", None, None, 0), AnswerRow(2, "a", "p_2", "answered", 1, None, 0)])
    'labelled'
    """
    outcomes = {row.outcome for row in rows}
    if "answered" in outcomes:
        return "labelled"
    if "unanswerable" in outcomes:
        return "unanswerable"
    return "skipped" if outcomes else "unlabelled"


def _answer_at(tables: Tables, seq: int) -> AnswerRow:
    if seq not in tables.answers:
        raise NotFound(f"no answer has the number {seq}", field="answer", value=seq)
    return tables.answers[seq]


_CHANGES: Final[dict[type[Event], Callable[[Tables, int, str, Any, Attached], None]]] = {
    PoolImported: _import,
    ItemWithdrawn: _withdraw_item,
    AnswerSubmitted: _answer,
    AnswerWithdrawn: _withdraw_answer,
    AnswerAdjudicated: _decide,
    OpinionsWanted: _want,
    BatchSelected: _select,
    ClassesChanged: _change_classes,
    DuelDrawn: _draw_duel,
    DatasetFrozen: _freeze,
    ModelTrained: _train,
    ModelFailed: _fail,
    ModelEvaluated: _evaluate,
}
