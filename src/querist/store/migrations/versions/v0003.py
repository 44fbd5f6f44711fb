"""People belong to projects, are invited, and may sign in elsewhere; tokens have a scope; `admin` is now `owner`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from querist.store.schema import TEXT

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the tables of a team."""
    op.add_column("token", sa.Column("scope", TEXT, nullable=True))
    op.add_column("token", sa.Column("project", TEXT, nullable=True))
    op.create_table(
        "member",
        sa.Column("person", TEXT, nullable=False),
        sa.Column("project", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("person", "project"),
    )
    op.create_table(
        "invitation",
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.Column("project", TEXT, nullable=True),
        sa.Column("email", TEXT, nullable=True),
        sa.Column("invited_by", TEXT, nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_table(
        "identity",
        sa.Column("issuer", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("person", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["person"], ["person.id"]),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_identity_person", "identity", ["person"], unique=False)
    op.execute("UPDATE person SET role = 'owner' WHERE role = 'admin'")
