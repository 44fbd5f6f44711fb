"""The tables of a database. `docs/ledger.md` says what they are for; `migrations/` brings old ones forward.

All projects of a database share the tables; `project` is the small number that `PROJECT` maps a project's id to.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

VERSION: Final = "0003"
"""The last migration: what `create` makes at once, and `migrate` step by step."""

METADATA: Final = MetaData()

TEXT: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""Ordered by code points in every database, whatever its locale: as SQLite and Python order it."""


def _project(**options: Any) -> Column[int]:
    return Column("project", Integer, ForeignKey("project.number"), nullable=False, **options)


def _text(name: str, **options: Any) -> Column[str]:
    return Column(name, TEXT, **{"nullable": False, **options})


def _number(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, **{"nullable": False, **options})


# Facts: appended, never changed.

PROJECT: Final = Table(
    "project",
    METADATA,
    Column("number", Integer, primary_key=True),
    _text("id", unique=True),
    _text("name", unique=True),
    _number("created"),
)

HEAD: Final = Table(
    "head",
    METADATA,
    _project(primary_key=True),
    _number("seq"),
    _text("hash"),
    _number("size"),
    _text("moved", nullable=True),
)

LEDGER: Final = Table(
    "ledger",
    METADATA,
    _project(primary_key=True),
    _number("seq", primary_key=True),
    _text("kind"),
    Column("v", Integer, nullable=False),
    _text("key"),
    _number("at"),
    _text("actor"),
    _text("body"),
    _text("prev"),
    _text("hash"),
    UniqueConstraint("project", "key"),
    Index("ledger_by_kind", "project", "kind", "seq"),
)

# What the pool holds. Content is the one thing that can be erased.

ITEM: Final = Table(
    "item",
    METADATA,
    _project(primary_key=True),
    _number("row", primary_key=True),
    _text("id"),
    _text("state", server_default="unlabelled"),
    Column("u_eval", Float, nullable=False),
    Column("u_control", Float, nullable=False),
    Column("copies", Integer, nullable=False, server_default="1"),
    Column("group", TEXT),
    Column("cost", Float),
    UniqueConstraint("project", "id"),
    # With a row id, also below: without one, and without statistics, SQLite would rather read all of a project by the
    # primary key than a few rows by another index.
)
# Most of a pool is unlabelled: an index of the rest answers every count and filter.
Index(
    "item_by_state",
    ITEM.c.project,
    ITEM.c.state,
    ITEM.c.row,
    sqlite_where=ITEM.c.state != "unlabelled",
    postgresql_where=ITEM.c.state != "unlabelled",
)

CONTENT: Final = Table(
    "content",
    METADATA,
    _project(primary_key=True),
    _number("row", primary_key=True),
    _text("kind"),
    _text("body"),
)

# Views: folds over the ledger.

ANSWER: Final = Table(
    "answer",
    METADATA,
    _project(primary_key=True),
    _number("seq", primary_key=True),
    _text("item"),
    _text("person"),
    _text("outcome"),
    _text("value"),
    _text("lane", nullable=True),
    Column("round", Integer),
    _number("until", nullable=True),
    Index("answer_by_item", "project", "item", "person"),
)

DECISION: Final = Table(
    "decision",
    METADATA,
    _project(primary_key=True),
    _number("seq", primary_key=True),
    _text("item"),
    _text("person"),
    _text("value"),
    _number("until", nullable=True),
    Index("decision_by_item", "project", "item"),
)

QUEUE: Final = Table(
    "queue",
    METADATA,
    _project(primary_key=True),
    _text("item", primary_key=True),
    Column("round", Integer, nullable=False),
    Column("part", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    _text("lane"),
    Column("score", Float),
    Column("wanted", Integer, nullable=False),
    Column("opinions_left", Integer, nullable=False),
)
Index(
    "queue_by_place",
    QUEUE.c.project,
    QUEUE.c.round,
    QUEUE.c.part,
    QUEUE.c.rank,
    sqlite_where=QUEUE.c.opinions_left > 0,
    postgresql_where=QUEUE.c.opinions_left > 0,
)

PICK: Final = Table(
    "pick",
    METADATA,
    _project(primary_key=True),
    _text("item", primary_key=True),
    _number("seq", primary_key=True),
    Column("round", Integer, nullable=False),
    _text("lane"),
    Column("rank", Integer, nullable=False),
    Column("score", Float),
    Column("probability", Float),
)

ROUND: Final = Table(
    "round",
    METADATA,
    _project(primary_key=True),
    Column("round", Integer, primary_key=True),
    _number("selected", nullable=True),
    _number("frozen", nullable=True),
    _number("trained", nullable=True),
    _number("evaluated", nullable=True),
    Column("asked", Integer, nullable=False),
    Column("chosen", Integer, nullable=False),
    _text("dataset", nullable=True),
    _text("model", nullable=True),
)

# May be lost without harm.

LEASE: Final = Table(
    "lease",
    METADATA,
    _text("id", primary_key=True),
    _project(),
    _text("item"),
    _text("person"),
    _number("expires_at"),
    _text("lane"),
    Column("round", Integer, nullable=False),
    Column("rank", Integer, nullable=False),
    UniqueConstraint("project", "item", "person"),
    Index("lease_by_person", "project", "person"),
)

JOB: Final = Table(
    "job",
    METADATA,
    _project(primary_key=True),
    _text("step", primary_key=True),
    _text("owner"),
    _number("heartbeat_at"),
)

# People. Their names and addresses stand nowhere else, and nothing here is in the ledger.

PERSON: Final = Table(
    "person",
    METADATA,
    _text("id", primary_key=True),
    _text("name", unique=True),
    _text("email", nullable=True),
    _text("password", nullable=True),
    _text("role"),
    Column("must_change_password", Boolean, nullable=False),
    Column("active", Boolean, nullable=False),
    _number("created"),
)

SESSION: Final = Table(
    "session",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", TEXT, ForeignKey("person.id"), nullable=False, index=True),
    _text("csrf"),
    Column("by_link", Boolean, nullable=False),
    _number("created"),
    _number("expires_at"),
)

TOKEN: Final = Table(
    "token",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    Column("person", TEXT, ForeignKey("person.id"), nullable=False, index=True),
    _text("purpose"),
    _text("name"),
    _number("created"),
    _number("expires_at", nullable=True),
    _text("scope", nullable=True),
    _text("project", nullable=True),
)

MEMBER: Final = Table(
    "member",
    METADATA,
    Column("person", TEXT, ForeignKey("person.id"), primary_key=True),
    _text("project", primary_key=True),
    _text("role"),
)

INVITATION: Final = Table(
    "invitation",
    METADATA,
    Column("hash", LargeBinary, primary_key=True),
    _text("role"),
    _text("project", nullable=True),
    _text("email", nullable=True),
    _text("invited_by"),
    _number("created"),
    _number("expires_at"),
)

IDENTITY: Final = Table(
    "identity",
    METADATA,
    _text("issuer", primary_key=True),
    _text("subject", primary_key=True),
    Column("person", TEXT, ForeignKey("person.id"), nullable=False, index=True),
)

ATTEMPT: Final = Table(
    "attempt",
    METADATA,
    _text("key", primary_key=True),
    Column("uses", Integer, nullable=False),
    _number("since"),
)

REBUILDABLE: Final = (ANSWER, DECISION, QUEUE, PICK, ROUND)
"""Views that a replay of the ledger makes anew; so is ITEM, from the artefacts of the imports."""
