"""Statements that run straight through the driver say the same as SQLAlchemy's own execution of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import bindparam, create_engine, event, insert, select, update
from sqlalchemy.pool import StaticPool

from querist.errors import StorageFull
from querist.store.database import Database
from querist.store.dialect import insert_rows
from querist.store.prepared import Prepared
from querist.store.schema import MEMBER, METADATA

NAMES = [f"p_{n}" for n in range(12)]
OF_SOME = select(MEMBER.c.person, MEMBER.c.role).where(
    MEMBER.c.project == "x", MEMBER.c.person.in_(bindparam("wanted", expanding=True))
)


@pytest.fixture(scope="module")
def engine():
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        METADATA.create_all(connection)
        insert_rows(connection, MEMBER, [{"person": name, "project": "x", "role": "owner"} for name in NAMES])
    yield engine
    engine.dispose()


@settings(max_examples=40, deadline=None)
@given(wanted=st.lists(st.sampled_from([*NAMES, "nobody"]), max_size=9))
def test_lists_of_any_length_find_what_sqlalchemy_finds(engine, wanted):
    prepared = Prepared(OF_SOME.order_by(MEMBER.c.person))
    with engine.begin() as connection:
        expected = connection.execute(prepared.statement, {"wanted": wanted}).all()
        assert prepared.all(connection, {"wanted": wanted}) == expected
        first = prepared.first(connection, {"wanted": wanted})
        assert first == (expected[0] if expected else None)
        assert first is None or first.role == "owner"


def test_one_row_several_rows_and_none_are_written(engine):
    promote = Prepared(
        update(MEMBER)
        .where(MEMBER.c.person == bindparam("who"), MEMBER.c.project == "y")
        .values(role=bindparam("what"))
    )
    join = Prepared(insert(MEMBER))
    with engine.connect() as connection, connection.begin() as transaction:
        join.run(connection, *[{"person": name, "project": "y", "role": "annotator"} for name in NAMES[:3]])
        promote.run(connection)
        promote.run(connection, {"who": "p_0", "what": "owner"})
        promote.run(connection, {"who": "p_1", "what": "manager"}, {"who": "p_2", "what": "manager"})
        found = connection.execute(select(MEMBER.c.role).where(MEMBER.c.project == "y").order_by(MEMBER.c.person))
        assert list(found.scalars()) == ["owner", "manager", "manager"]
        transaction.rollback()


def test_what_the_driver_refuses_is_said_in_one_line(tmp_path):
    database = Database("sqlite:///querist.db", root=tmp_path, create=True)
    join = Prepared(insert(MEMBER))

    @event.listens_for(database.engine, "begin")
    def forbid(connection):
        connection.connection.cursor().execute("PRAGMA query_only = ON")

    with pytest.raises(StorageFull, match="cannot be written"), database.writing() as connection:
        join.run(connection, {"person": "p_1", "project": "x", "role": "owner"})
    database.close()
