"""What the engine remembers of a ledger, kept beside it: a large project opens without reading every event again.

A cache and nothing more. It counts only where the very code that made it reads it, where no byte of it changed, and
where the event that it stands on has the same hash in the chain; else the ledger is read from its beginning.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from querist.engine.fold import fold
from querist.engine.guesses import Guesses
from querist.engine.round import State
from querist.engine.timesheet import Timesheet
from querist.events import GENESIS, Recorded
from querist.store.protocol import Store
from querist.types import Sha256

if TYPE_CHECKING:
    from pydantic import TypeAdapter

NAME: Final = "remembered.json"

OUT_OF_DATE: Final = 10_000
"""Events that whoever opens a project reads in a third of a second; from so many on what they come to is kept."""

CODE: Final = ("fold.py", "guesses.py", "layered.py", "round.py", "snapshot.py", "timesheet.py", "../events.py")
"""The modules that say what is remembered."""


@dataclass(slots=True)
class Remembered:
    """What the events up to `state.seq` come to; `head` is the hash of the last one."""

    state: State = field(default_factory=State)
    timesheet: Timesheet = field(default_factory=Timesheet)
    guesses: Guesses = field(default_factory=Guesses)
    head: Sha256 = GENESIS

    def follow(self, events: Sequence[Recorded]) -> None:
        """Take the next events of the ledger into account."""
        self.state = fold(self.state, events)
        for recorded in events:
            self.timesheet.follow(recorded)
            self.guesses.follow(recorded)
        self.head = events[-1].hash


def keep(folder: Path, remembered: Remembered, project: str) -> None:
    """Write what is remembered into a project's folder, in the place of what was kept there."""
    body = _form().dump_json(remembered)
    partial = folder / f"{NAME}.partial"
    try:
        partial.write_bytes(_seal(body, project) + b"\n" + body)
        partial.replace(folder / NAME)
    except OSError:
        # A full disk, a folder that may only be read: whoever opens the project reads all events, as before.
        partial.unlink(missing_ok=True)


def kept(folder: Path, store: Store) -> Remembered | None:
    """Return what is kept in a project's folder; None where nothing is, or it does not stand on this ledger."""
    path = folder / NAME
    if not path.is_file():
        return None
    seal, _, body = path.read_bytes().partition(b"\n")
    if seal != _seal(body, store.project):
        return None
    found: Remembered = _form().validate_json(body)
    last = next(iter(store.events(found.state.seq - 1, through=found.state.seq)), None)
    return found if last is not None and last.hash == found.head else None


def _seal(body: bytes, project: str) -> bytes:
    """The first line of the file: a hash of the code that wrote it, of the project, and of the rest."""
    return hashlib.sha256(b"\n".join((_code(), project.encode(), body))).hexdigest().encode()


@functools.cache
def _code() -> bytes:
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / name).read_bytes() for name in CODE)).digest()


@functools.cache
def _form() -> TypeAdapter[Remembered]:
    from pydantic import TypeAdapter

    return TypeAdapter(Remembered)
