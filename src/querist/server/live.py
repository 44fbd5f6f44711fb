"""What happens in a project as server-sent events: one look at the ledger for each project, however many listen."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from querist.errors import QueristError
from querist.events import Recorded
from querist.types import Json

log = logging.getLogger(__name__)

PERIOD: Final = 0.5
"""Seconds between two looks at the head of the ledger."""
REFRESH: Final = 5.0
"""Seconds after which the state is read again although the ledger stands still (a worker may have died)."""
BUSY_REFRESH: Final = 1.0
"""The same while a step runs, whose progress is no event."""
SILENCE: Final = 15.0
"""Seconds after which a stream says that it is alive, and looks whether its reader may still listen."""
KEPT: Final = 1000
"""Events that a page which comes back can catch up on; beyond, it is told to read everything again."""

_ANSWERS: Final = ("status", "classes", "timing")
_MEASURED: Final = ("status", "curves", "rounds", "classes", "calibration", "slices")
CHANGES: Final[dict[str, tuple[str, ...]]] = {
    "project_created": ("status", "project"),
    "spec_changed": ("status", "project", "slices"),
    "pool_imported": ("status", "classes"),
    "item_withdrawn": ("status", "classes"),
    "classes_changed": ("status", "project", "classes"),
    "guideline_changed": ("project",),
    "question_asked": ("questions",),
    "question_answered": ("questions", "project"),
    "features_built": ("status",),
    "batch_selected": ("status", "rounds"),
    "answer_submitted": _ANSWERS,
    "answer_withdrawn": (*_ANSWERS, "curves", "calibration", "slices"),
    "answer_adjudicated": (*_ANSWERS, "curves", "calibration", "slices"),
    "opinions_wanted": ("status",),
    "gold_changed": ("status",),
    "dataset_frozen": ("status", "rounds"),
    "model_trained": _MEASURED,
    "model_failed": ("status", "rounds"),
    "model_evaluated": _MEASURED,
    "fallback": ("status", "rounds"),
    "alarm": ("status", "rounds", "curves"),
    "duel_drawn": ("status", "curves"),
    "duel_settled": ("status", "curves"),
    "health_checked": ("status",),
    "stopped": ("status",),
    "resumed": ("status",),
    "requested": ("status", "curves"),
    "timer_fired": (),
}
"""What is worth reading again after an event of a kind."""
ALL: Final = (
    "status",
    "curves",
    "rounds",
    "classes",
    "calibration",
    "slices",
    "timing",
    "project",
    "questions",
)
MEASURING_LANES: Final = frozenset({"evaluation", "control"})


@dataclass(frozen=True, slots=True)
class Change:
    """An event in brief: its place and what is worth reading again after it."""

    seq: int
    parts: tuple[str, ...]

    @classmethod
    def of(cls, recorded: Recorded) -> Change:
        """Return the brief form of an event."""
        parts = CHANGES[recorded.event.kind]
        if getattr(recorded.event, "lane", None) in MEASURING_LANES:
            parts = (*parts, "curves", "calibration", "slices")
        return cls(recorded.seq, parts)


@dataclass(frozen=True, slots=True)
class Moment:
    """The moving state of a project, as its last look found it."""

    number: int = 0
    now: Json = field(default_factory=dict)
    feed: tuple[Json, ...] = ()

    @property
    def seq(self) -> int:
        """The head of the ledger at that look."""
        return int(self.now.get("seq", 0))

    @property
    def is_busy(self) -> bool:
        """Whether the engine is in the middle of a step."""
        return self.now.get("doing", {}).get("step") not in {None, "idle", "stopped", "failed"}


class Feed:
    """The moments of one project, found once and told to all who follow.

    Args:
        head: returns the sequence number of the last event.
        changes: returns the brief events after a sequence number.
        look: returns the moving state `now` and the latest lines of the feed.
        period: seconds between two looks.
    """

    def __init__(
        self,
        head: Callable[[], int],
        changes: Callable[[int], Sequence[Change]],
        look: Callable[[], tuple[Json, Sequence[Json]]],
        *,
        period: float = PERIOD,
    ) -> None:
        self._head = head
        self._changes = changes
        self._look = look
        self._period = period
        self._recent: deque[Change] = deque(maxlen=KEPT)
        self._moment = Moment()
        self._looked_at = 0.0
        self._followers = 0
        self._moved = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self.stopping = False

    async def follow(self, after: int | None) -> AsyncIterator[Json | None]:
        """Yield a message `{now, feed, changed}` at once and after each move; None after a while without any.

        Args:
            after: the last sequence number that the follower has seen; None begins now.
        """
        self._followers += 1
        told, cursor = 0, after
        try:
            self._start()
            while self._runs():
                moved, moment = self._moved, self._moment
                if moment.number > told and moment.now:
                    cursor = moment.seq if cursor is None else cursor
                    message = {**self._since(moment, cursor), "now": moment.now}
                    told, cursor = moment.number, moment.seq
                    yield message
                    continue
                try:
                    await asyncio.wait_for(moved.wait(), SILENCE)
                except TimeoutError:
                    yield None
        finally:
            self._followers -= 1

    def _since(self, moment: Moment, cursor: int) -> Json:
        oldest = self._recent[0].seq if self._recent else moment.seq + 1
        news = [change for change in self._recent if cursor < change.seq <= moment.seq]
        missed = cursor + 1 < oldest and cursor < moment.seq
        parts: Iterable[str] = ALL if missed else {part for change in news for part in change.parts}
        feed = [entry for entry in moment.feed if entry["seq"] > cursor]
        return {"feed": feed, "changed": [part for part in ALL if part in parts]}

    def _runs(self) -> bool:
        return not self.stopping and self._poller is not None and not self._poller.done()

    def _start(self) -> None:
        if self._poller is None or self._poller.done():
            # What was found when somebody last listened may be old by now.
            self._moment = Moment(self._moment.number)
            self._poller = asyncio.get_running_loop().create_task(self._poll())

    async def _poll(self) -> None:
        try:
            while self._followers and not self.stopping:
                began = time.monotonic()
                try:
                    await self._step()
                except QueristError as error:
                    log.warning("the project cannot be followed just now: %s", error)
                # A look that is slow is taken more rarely, so that following never takes over the machine.
                await asyncio.sleep(max(self._period, 3 * (time.monotonic() - began)))
        finally:
            self._wake()

    async def _step(self) -> None:
        head = await asyncio.to_thread(self._head)
        fresh_for = BUSY_REFRESH if self._moment.is_busy else REFRESH
        is_fresh = time.monotonic() - self._looked_at < fresh_for
        if self._moment.now and head == self._moment.seq and is_fresh:
            return
        known = self._recent[-1].seq if self._recent else max(head - KEPT, 0)
        if head > known:
            self._recent.extend(await asyncio.to_thread(self._changes, max(known, head - KEPT)))
        now, feed = await asyncio.to_thread(self._look)
        self._looked_at = time.monotonic()
        if now != self._moment.now:
            self._moment = Moment(self._moment.number + 1, now, tuple(feed))
            self._wake()

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


async def stream(
    feed: Feed, after: int | None, *, may_listen: Callable[[], bool], sees_feed: bool = True
) -> AsyncIterator[str]:
    """Yield the text of an event stream until the feed stops or the reader may no longer listen.

    Args:
        feed: the project's feed.
        after: `Last-Event-ID`.
        may_listen: asked again now and then; False ends the stream.
        sees_feed: False leaves out the lines that tell what others answered.
    """
    yield "retry: 2000\n\n"
    async for message in feed.follow(after):
        if message is None:
            if not await asyncio.to_thread(may_listen):
                return
            yield ": still here\n\n"
        else:
            shown = message if sees_feed else {**message, "feed": []}
            yield f"id: {message['now']['seq']}\nevent: now\ndata: {json.dumps(shown)}\n\n"
