"""Claims on steps in a database: they save work, and may be lost without harm."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, or_, select, update

from querist.store.dialect import insert_if_new
from querist.store.memory import CLAIM_SECONDS, taken_over
from querist.store.protocol import Job
from querist.store.schema import JOB


def claim(connection: Connection, project: int, step: str, owner: str, *, now: int) -> bool:
    """Take a step if nobody else has a live claim."""
    row = {"project": project, "step": step, "owner": owner, "heartbeat_at": now}
    if insert_if_new(connection, JOB, row):
        return True
    patience = CLAIM_SECONDS * 1_000_000
    # A heartbeat of the future is one from before the clock went back.
    stale = or_(JOB.c.owner == owner, JOB.c.heartbeat_at <= now - patience, JOB.c.heartbeat_at >= now + patience)
    return connection.execute(update(JOB).where(_job(project, step), stale).values(row)).rowcount == 1


def heartbeat(connection: Connection, project: int, step: str, owner: str, *, now: int) -> None:
    """Say that the owner is still at it.

    Raises:
        Busy: somebody else took it over.
    """
    mine = update(JOB).where(_job(project, step), JOB.c.owner == owner)
    if connection.execute(mine.values(heartbeat_at=now)).rowcount == 0:
        raise taken_over(step, owner)


def unclaim(connection: Connection, project: int, step: str, owner: str) -> None:
    """Let go of a step, if the owner still has it."""
    connection.execute(delete(JOB).where(_job(project, step), JOB.c.owner == owner))


def all_claims(connection: Connection, project: int) -> list[Job]:
    """Return all claims."""
    query = select(JOB.c.step, JOB.c.owner, JOB.c.heartbeat_at).where(JOB.c.project == project)
    return [Job(*row) for row in connection.execute(query)]


def _job(project: int, step: str) -> Any:
    return (JOB.c.project == project) & (JOB.c.step == step)
