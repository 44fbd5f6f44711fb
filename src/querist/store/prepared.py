"""Statements of the hot path: put together once, then run straight through the driver.

A person's answer runs thirty small statements. SQLite takes a few microseconds for each of them, SQLAlchemy's execution
ten times as long; so the words come from SQLAlchemy, once for each database, and the rest is the driver's.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.sql.compiler import SQLCompiler

Values: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Words:
    """A statement in the words of one database, for so many values in each of its lists."""

    text: str
    constants: Values
    order: Sequence[str] | None
    lists: Mapping[str, Sequence[str]]

    def filled(self, values: Values) -> Any:
        given = {**self.constants, **values}
        for name, places in self.lists.items():
            some = given.pop(name)
            # The last one again in the places left over: to stand in an IN twice changes nothing.
            given.update(zip(places, [*some, *some[-1:] * (len(places) - len(some))], strict=True))
        return given if self.order is None else [given[name] for name in self.order]


class Prepared:
    """A statement with named parameters; a list of values takes the place of an expanding one.

    Values and rows are those of the driver: SQLite has no booleans, it gives 0 and 1.

    Args:
        statement: its parameters are named (`bindparam`); each run gives all of them.

    >>> from sqlalchemy import bindparam, create_engine, insert, select
    >>> from querist.store.schema import MEMBER, METADATA
    >>> wanted = bindparam("wanted", expanding=True)
    >>> roles = Prepared(select(MEMBER.c.person, MEMBER.c.role).where(MEMBER.c.person.in_(wanted)))
    >>> with create_engine("sqlite://").begin() as connection:
    ...     METADATA.create_all(connection)
    ...     Prepared(insert(MEMBER)).run(connection, {"person": "p_1", "project": "x", "role": "owner"})
    ...     [row.role for row in roles.all(connection, {"wanted": ["p_1", "p_2", "p_3"]})]
    ['owner']
    """

    def __init__(self, statement: Select[Any] | Insert | Update | Delete) -> None:
        self.statement = statement
        self._words: dict[tuple[Any, ...], _Words] = {}
        columns = statement.exported_columns.keys() if isinstance(statement, Select) else []
        make: Any = namedtuple
        self._row = make("Row", columns)._make

    def all(self, connection: Connection, values: Values) -> list[Any]:
        """Return the rows; their columns are attributes."""
        return list(map(self._row, self._run(connection, values).fetchall()))

    def first(self, connection: Connection, values: Values) -> Any:
        """Return the first row, or None."""
        row = self._run(connection, values).fetchone()
        return None if row is None else self._row(row)

    def one(self, connection: Connection, values: Values) -> Any:
        """Return the row that is known to be there."""
        row = self.first(connection, values)
        assert row is not None
        return row

    def run(self, connection: Connection, *rows: Values) -> None:
        """Run a statement that returns nothing, once for each set of values; all of them have the same names."""
        if len(rows) == 1:
            self._run(connection, rows[0])
        elif rows:
            words = self._words_for(connection.dialect, rows[0])
            connection.connection.cursor().executemany(words.text, [words.filled(values) for values in rows])

    def _run(self, connection: Connection, values: Values) -> Any:
        words = self._words_for(connection.dialect, values)
        cursor = connection.connection.cursor()
        cursor.execute(words.text, words.filled(values))
        return cursor

    def _words_for(self, dialect: Dialect, values: Values) -> _Words:
        counts = [(name, _places(len(some))) for name, some in values.items() if isinstance(some, list)]
        known = self._words.get((dialect.name, *counts))
        if known is None:
            lists = {name: [""] * places for name, places in counts}
            known = self._words[dialect.name, *counts] = self._put_together(dialect, {**values, **lists})
        return known

    def _put_together(self, dialect: Dialect, values: Values) -> _Words:
        compiled = self.statement.compile(dialect=dialect, column_keys=list(values))
        assert isinstance(compiled, SQLCompiler)
        constants = {name: value for name, value in compiled.params.items() if name not in values}
        expanded = compiled.construct_expanded_state({**constants, **values})
        lists = {name: expanded.parameter_expansion[name] for name, some in values.items() if isinstance(some, list)}
        return _Words(expanded.statement, constants, expanded.positiontup, lists)


def _places(count: int) -> int:
    """Return the least power of two that is enough: a statement is put together for a few lengths of its lists only.

    >>> [_places(count) for count in (0, 1, 2, 3, 5, 5_000)]
    [0, 1, 2, 4, 8, 8192]
    """
    return count if count < 2 else 1 << (count - 1).bit_length()
