"""A project moves to another database, both ways; interrupted at any instant, the same command finishes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select, update

from querist.errors import BadValue, Damaged
from querist.store.copying import copy_project, same_history
from querist.store.database import Database
from querist.store.dialect import alone, shown, take_your_time
from querist.store.lock import lock
from querist.store.schema import HEAD, PROJECT
from querist.store.sql import SqlStore
from querist.store.verify import Report, verify


@dataclass(frozen=True, slots=True)
class Moved:
    """What `verify` says of both ends, and what somebody should know."""

    project: str
    before: Report
    after: Report
    told: tuple[str, ...]


def move(folder: Path, store: SqlStore, url: str) -> Moved:
    """Copy a project with its people to another database, and close it at the old place. Artefacts stay in the folder.

    The order makes it safe to be cut off: the copy is one transaction; only then the old place is marked, in the
    transaction that has kept writers off; the settings, which name the new place, are the caller's to change last.

    Args:
        folder: the project's folder.
        store: the project where it is now, opened with `moved=True`: an earlier attempt may have marked it.
        url: the new database, which is made where there is none.

    Raises:
        BadValue: it is there already.
        Busy: a server has the project.
        Conflict: the new place knows the project with another history.
        Damaged: the old or the new end does not verify; nothing was changed.
    """
    target = Database(url, root=folder, create=True)
    try:
        if target.engine.url == store.database.engine.url:
            raise BadValue("to", shown(url), "is where the project is already")
        with lock(folder):
            return _move(folder, store, target, shown(url))
    finally:
        target.close()


def _move(folder: Path, store: SqlStore, target: Database, where: str) -> Moved:
    before = verify(store)
    _check(before, "the project")
    told: list[str] = []
    with store.database.writing() as old:
        take_your_time(old)
        store.lock(old)
        marked = old.execute(select(HEAD.c.moved).where(HEAD.c.project == store.number)).scalar_one()
        with target.writing() as new:
            alone(new)
            if marked is None or not _went_on(old, store, new):
                told = copy_project(old, store.number, new)
        after = _verified(folder, store, target)
        old.execute(update(HEAD).where(HEAD.c.project == store.number).values(moved=where))
    return Moved(store.project, before, after, tuple(told))


def _went_on(old: Connection, store: SqlStore, new: Connection) -> bool:
    """Whether people have gone on at the new place since the old one was marked: nothing may be copied over that."""
    there = new.execute(
        select(HEAD.c.project, HEAD.c.seq)
        .join(PROJECT, PROJECT.c.number == HEAD.c.project)
        .where(PROJECT.c.id == store.project)
    ).one_or_none()
    if there is None:
        return False
    head = old.execute(select(HEAD).where(HEAD.c.project == store.number)).one()
    return bool(there.seq >= head.seq) and same_history(new, there.project, head.seq, head.hash)


def _verified(folder: Path, store: SqlStore, target: Database) -> Report:
    report = verify(SqlStore.open(target, root=folder, project=store.project, moved=True))
    _check(report, "the copy")
    return report


def _check(report: Report, what: str) -> None:
    if not report.ok:
        raise Damaged(f"{what} does not verify, and nothing was changed: {report.problems[0]}", field="project")
