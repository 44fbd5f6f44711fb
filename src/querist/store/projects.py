"""The projects of a database: making one, finding one, and the head that stands for all of it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, insert, or_, select, update

from querist.errors import BadValue, Conflict, NotFound
from querist.events import GENESIS
from querist.store.dialect import insert_if_new
from querist.store.prepared import Prepared
from querist.store.schema import HEAD, PROJECT
from querist.types import Sha256

_THE_HEAD: Final = select(HEAD.c.seq, HEAD.c.hash, HEAD.c.size, HEAD.c.moved).where(HEAD.c.project == bindparam("of"))
_HEAD: Final = Prepared(_THE_HEAD)
_LOCKED_HEAD: Final = Prepared(_THE_HEAD.with_for_update())
_NEW_HEAD: Final = Prepared(
    update(HEAD)
    .where(HEAD.c.project == bindparam("of"))
    .values(seq=bindparam("last"), hash=bindparam("its_hash"), size=bindparam("items"))
)


def head(connection: Connection, project: int) -> Any:
    """Return the last seq, its hash, the size that the imports have announced, and where the project moved to."""
    return _HEAD.one(connection, {"of": project})


def set_head(connection: Connection, project: int, seq: int, its_hash: Sha256, size: int) -> None:
    """Move the head to a new last line."""
    _NEW_HEAD.run(connection, {"of": project, "last": seq, "its_hash": its_hash, "items": size})


def lock(connection: Connection, project: int) -> Any:
    """Let one at a time append, until the transaction ends; return the head."""
    return _LOCKED_HEAD.one(connection, {"of": project})


def make(connection: Connection, name: str, project: str, now: int) -> Row[Any]:
    """Make a project; one of that name or id in which nothing happened yet is taken up.

    Raises:
        Conflict: there is one in which something happened.
    """
    made = insert_if_new(connection, PROJECT, {"id": project, "name": name, "created": now})
    same = or_(PROJECT.c.name == name, PROJECT.c.id == project)
    found = connection.execute(select(PROJECT).where(same)).all()
    if made:
        connection.execute(insert(HEAD).values(project=found[0].number, seq=0, hash=GENESIS, size=0, moved=None))
    elif len(found) > 1 or head(connection, found[0].number).seq > 0:
        raise Conflict(f"there is a project {name!r} already", field="name", value=name)
    return found[0]


def find(connection: Connection, project: str | None) -> Row[Any]:
    """Return a project by its id or name; without either, the only one.

    Raises:
        NotFound: there is none.
        BadValue: there are several, and none was named.
    """
    query = select(PROJECT).order_by(PROJECT.c.number)
    if project is not None:
        query = query.where(or_(PROJECT.c.id == project, PROJECT.c.name == project))
    found = connection.execute(query).all()
    if len(found) == 1:
        return found[0]
    names = list(connection.execute(select(PROJECT.c.name)).scalars())
    if not found:
        raise NotFound(f"there is no project {project!r} here", field="project", value=project, choices=names)
    raise BadValue("project", project, "there are several: name one", choices=names)


def refuse_moved(moved: str | None) -> None:
    """Raise Conflict where a project was moved to another database."""
    if moved is not None:
        raise Conflict(
            f"the project was moved to {moved}; querist.toml must say so: `querist move` again finishes it",
            field="store.url",
            value=moved,
        )
