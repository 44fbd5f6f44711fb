"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from querist.store.dialect import ledger_triggers
from querist.store.schema import TEXT

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of a new database."""
    op.create_table(
        "attempt",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "person",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("password", TEXT, nullable=True),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "project",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "answer",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("outcome", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("lane", TEXT, nullable=True),
        sa.Column("round", sa.Integer(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "seq"),
    )
    op.create_index("answer_by_item", "answer", ["project", "item", "person"], unique=False)
    op.create_table(
        "content",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "row"),
    )
    op.create_table(
        "decision",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("value", TEXT, nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "seq"),
    )
    op.create_index("decision_by_item", "decision", ["project", "item"], unique=False)
    op.create_table(
        "head",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project"),
    )
    op.create_table(
        "item",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("row", sa.BigInteger(), nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("state", TEXT, server_default="unlabelled", nullable=False),
        sa.Column("u_eval", sa.Float(), nullable=False),
        sa.Column("u_control", sa.Float(), nullable=False),
        sa.Column("copies", sa.Integer(), server_default="1", nullable=False),
        sa.Column("group", TEXT, nullable=True),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "row"),
        sa.UniqueConstraint("project", "id"),
    )
    op.create_index(
        "item_by_state",
        "item",
        ["project", "state", "row"],
        unique=False,
        sqlite_where=sa.text("state != 'unlabelled'"),
        postgresql_where=sa.text("state != 'unlabelled'"),
    )
    op.create_table(
        "job",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("step", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "step"),
    )
    op.create_table(
        "lease",
        sa.Column("id", TEXT, nullable=False),
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project", "item", "person"),
    )
    op.create_index("lease_by_person", "lease", ["project", "person"], unique=False)
    op.create_table(
        "ledger",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("v", sa.Integer(), nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("prev", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "seq"),
        sa.UniqueConstraint("project", "key"),
    )
    op.create_index("ledger_by_kind", "ledger", ["project", "kind", "seq"], unique=False)
    op.create_table(
        "pick",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "item", "seq"),
    )
    op.create_table(
        "queue",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("item", TEXT, nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("lane", TEXT, nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("opinions_left", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "item"),
    )
    op.create_index(
        "queue_by_place",
        "queue",
        ["project", "round", "part", "rank"],
        unique=False,
        sqlite_where=sa.text("opinions_left > 0"),
        postgresql_where=sa.text("opinions_left > 0"),
    )
    op.create_table(
        "round",
        sa.Column("project", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("selected", sa.BigInteger(), nullable=True),
        sa.Column("frozen", sa.BigInteger(), nullable=True),
        sa.Column("trained", sa.BigInteger(), nullable=True),
        sa.Column("evaluated", sa.BigInteger(), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("chosen", sa.Integer(), nullable=False),
        sa.Column("dataset", TEXT, nullable=True),
        sa.Column("model", TEXT, nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.number"]),
        sa.PrimaryKeyConstraint("project", "round"),
    )
    op.create_table(
        "session",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("csrf", TEXT, nullable=False),
        sa.Column("by_link", sa.Boolean(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_session_person", "session", ["person"], unique=False)
    op.create_table(
        "token",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.Column("purpose", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_token_person", "token", ["person"], unique=False)
    for statement in ledger_triggers(op.get_bind().dialect.name):
        op.execute(statement)
