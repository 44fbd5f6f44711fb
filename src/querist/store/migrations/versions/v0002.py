"""A head remembers where its project was moved to, so that nobody writes to the old place any more."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from querist.store.schema import TEXT

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add `head.moved`."""
    op.add_column("head", sa.Column("moved", TEXT, nullable=True))
