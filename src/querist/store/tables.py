"""The views in a database: load the rows that some events touch, and write back what the events changed."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    select,
    update,
)

from querist.events import BatchSelected, DatasetFrozen, Event, ModelEvaluated, ModelFailed, ModelTrained
from querist.store.dialect import batches, insert_rows, upsert
from querist.store.prepared import Prepared
from querist.store.protocol import Picked
from querist.store.schema import ANSWER, DECISION, ITEM, METADATA, PICK, QUEUE, ROUND
from querist.store.views import AnswerRow, Attached, DecisionRow, QueueRow, RoundRow, Standing, Tables, touched
from querist.types import ItemId, canonical_json

_ROUND_EVENTS: Final = (BatchSelected, DatasetFrozen, ModelTrained, ModelFailed, ModelEvaluated)


@dataclasses.dataclass(slots=True)
class Changes(Tables):
    """A part of the views that remembers what was changed."""

    new_answers: list[AnswerRow] = dataclasses.field(default_factory=list)
    ended_answers: list[AnswerRow] = dataclasses.field(default_factory=list)
    new_decisions: list[DecisionRow] = dataclasses.field(default_factory=list)
    ended_decisions: list[DecisionRow] = dataclasses.field(default_factory=list)
    new_states: dict[ItemId, Standing] = dataclasses.field(default_factory=dict)
    new_queue: set[ItemId] = dataclasses.field(default_factory=set)
    dropped: set[ItemId] = dataclasses.field(default_factory=set)
    new_rounds: set[int] = dataclasses.field(default_factory=set)

    # Named calls instead of super(): dataclasses with slots make a new class, which super() does not know.

    def add_answer(self, row: AnswerRow) -> None:
        Tables.add_answer(self, row)
        self.new_answers.append(row)

    def end_answer(self, row: AnswerRow, seq: int) -> None:
        Tables.end_answer(self, row, seq)
        self.ended_answers.append(row)

    def add_decision(self, row: DecisionRow) -> None:
        before = self.decided.get(row.item)
        if before is not None:
            self.ended_decisions.append(before)
        Tables.add_decision(self, row)
        self.new_decisions.append(row)

    def end_decision(self, item: ItemId, seq: int) -> None:
        self.ended_decisions.append(self.decided[item])
        Tables.end_decision(self, item, seq)

    def set_state(self, item: ItemId, state: Standing) -> None:
        Tables.set_state(self, item, state)
        self.new_states[item] = state

    def put_queue(self, row: QueueRow) -> None:
        Tables.put_queue(self, row)
        self.new_queue.add(row.item)
        # What was dropped may come again in the same batch.

    def drop_queue(self, item: ItemId) -> None:
        if item in self.queue:
            self.dropped.add(item)
            self.new_queue.discard(item)
        Tables.drop_queue(self, item)

    def change_round(self, number: int) -> RoundRow:
        self.new_rounds.add(number)
        return Tables.change_round(self, number)


_SET_STATE: Final = Prepared(
    update(ITEM).where(ITEM.c.project == bindparam("of"), ITEM.c.id == bindparam("item")).values(state=bindparam("is"))
)
_DROP_QUEUE: Final = Prepared(
    delete(QUEUE).where(QUEUE.c.project == bindparam("of"), QUEUE.c.item == bindparam("gone"))
)
_WHOLE_QUEUE: Final = Prepared(select(QUEUE).where(QUEUE.c.project == bindparam("of")))


@functools.cache
def _rows_where(table: str, column: str) -> Prepared:
    columns = METADATA.tables[table].c
    wanted = columns[column].in_(bindparam("wanted", expanding=True))
    return Prepared(select(METADATA.tables[table]).where(columns.project == bindparam("of"), wanted))


@functools.cache
def _end_in(table: str) -> Prepared:
    columns = METADATA.tables[table].c
    ended = and_(columns.project == bindparam("of"), columns.seq == bindparam("ended"))
    return Prepared(update(METADATA.tables[table]).where(ended).values(until=bindparam("at")))


@functools.cache
def _overwrite(dialect: str, table: str) -> Prepared:
    return Prepared(upsert(dialect, METADATA.tables[table]))


def load(connection: Connection, project: int, size: int, events: Sequence[tuple[Event, Attached]]) -> Changes:
    """Return the rows that the events touch; `size` is the pool's, from the head."""
    tables = Changes(size=size)
    items, seqs = touched(events)
    for row in _where_in(connection, project, ANSWER, "seq", seqs):
        items.add(row.item)
    for row in _where_in(connection, project, ANSWER, "item", items):
        Tables.add_answer(tables, read_answer(row))
    for rows in tables.by_item.values():
        rows.sort(key=lambda row: row.seq)
    for row in _where_in(connection, project, DECISION, "item", items):
        if row.until is None:
            Tables.add_decision(tables, read_decision(row))
    for row in _where_in(connection, project, ITEM, "id", items):
        if row.state != "unlabelled":
            tables.states[row.id] = row.state
    if any(isinstance(event, BatchSelected) for event, _ in events):
        queued: Iterable[Any] = _WHOLE_QUEUE.all(connection, {"of": project})
    else:
        queued = _where_in(connection, project, QUEUE, "item", items)
    for row in queued:
        tables.queue[row.item] = read_queue(row)
    rounds = {event.round for event, _ in events if isinstance(event, _ROUND_EVENTS)}
    for row in _where_in(connection, project, ROUND, "round", rounds):
        tables.rounds[row.round] = read_round(row)
    return tables


def save(connection: Connection, project: int, tables: Changes) -> None:
    """Write what was changed."""
    _insert(connection, project, ANSWER, (write_answer(row) for row in tables.new_answers))
    _end(connection, project, ANSWER, tables.ended_answers)
    _insert(connection, project, DECISION, (write_decision(row) for row in tables.new_decisions))
    _end(connection, project, DECISION, tables.ended_decisions)
    if tables.new_states:
        changed = [{"of": project, "item": item, "is": state} for item, state in tables.new_states.items()]
        _SET_STATE.run(connection, *changed)
    if tables.dropped:
        _DROP_QUEUE.run(connection, *[{"of": project, "gone": item} for item in tables.dropped])
    _upsert(connection, project, QUEUE, (write_queue(tables.queue[item]) for item in tables.new_queue))
    _insert(connection, project, PICK, (write_pick(pick) for pick in tables.picks.values()))
    _upsert(connection, project, ROUND, (dataclasses.asdict(tables.rounds[number]) for number in tables.new_rounds))


def dump(tables: Tables) -> dict[str, Iterator[dict[str, Any]]]:
    """Return the rows of every view as the database should hold them."""
    return {
        "answer": (write_answer(row) for row in tables.answers.values()),
        "decision": (write_decision(row) for row in tables.decisions.values()),
        "queue": (write_queue(row) for row in tables.queue.values()),
        "pick": (write_pick(pick) for pick in tables.picks.values()),
        "round": (dataclasses.asdict(row) for row in tables.rounds.values()),
    }


def read_answer(row: Any) -> AnswerRow:
    """Return the answer of a row."""
    value = json.loads(row.value)
    return AnswerRow(row.seq, row.item, row.person, row.outcome, value, row.lane, row.round, row.until)


def write_answer(row: AnswerRow) -> dict[str, Any]:
    """Return the row of an answer."""
    return {
        "seq": row.seq,
        "item": row.item,
        "person": row.person,
        "outcome": row.outcome,
        "value": canonical_json(row.value),
        "lane": row.lane,
        "round": row.round,
        "until": row.until,
    }


def read_decision(row: Any) -> DecisionRow:
    """Return the decision of a row."""
    return DecisionRow(row.seq, row.item, row.person, json.loads(row.value), row.until)


def write_decision(row: DecisionRow) -> dict[str, Any]:
    """Return the row of a decision."""
    return {**dataclasses.asdict(row), "value": canonical_json(row.value)}


def read_queue(row: Any) -> QueueRow:
    """Return the place of a row."""
    return QueueRow(row.item, row.round, row.part, row.rank, row.lane, row.score, row.wanted, row.opinions_left)


def write_queue(row: QueueRow) -> dict[str, Any]:
    """Return the row of a place."""
    # Written out: thousands come at once while everybody waits, and `asdict` copies each value deeply.
    return {
        "item": row.item,
        "round": row.round,
        "part": row.part,
        "rank": row.rank,
        "lane": row.lane,
        "score": row.score,
        "wanted": row.wanted,
        "opinions_left": row.opinions_left,
    }


def read_pick(row: Any) -> Picked:
    """Return the pick of a row."""
    return Picked(row.seq, row.round, row.item, row.lane, row.rank, row.score, row.probability)


def write_pick(pick: Picked) -> dict[str, Any]:
    """Return the row of a pick."""
    return {
        "seq": pick.seq,
        "round": pick.round,
        "item": pick.item,
        "lane": pick.lane,
        "rank": pick.rank,
        "score": pick.score,
        "probability": pick.probability,
    }


def read_round(row: Any) -> RoundRow:
    """Return the round of a row."""
    return RoundRow(**{name: value for name, value in row._asdict().items() if name != "project"})


def _where_in(
    connection: Connection, project: int, table: Table, column: str, values: Collection[Any]
) -> Iterator[Any]:
    for some in batches(sorted(values)):
        yield from _rows_where(table.name, column).all(connection, {"of": project, "wanted": some})


def _insert(connection: Connection, project: int, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    insert_rows(connection, table, [{"project": project, **row} for row in rows])


def _upsert(connection: Connection, project: int, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    overwrite = _overwrite(connection.dialect.name, table.name)
    overwrite.run(connection, *[{"project": project, **row} for row in rows])


def _end(connection: Connection, project: int, table: Table, rows: Sequence[AnswerRow] | Sequence[DecisionRow]) -> None:
    if rows:
        ended = [{"of": project, "ended": row.seq, "at": row.until} for row in rows]
        _end_in(table.name).run(connection, *ended)
