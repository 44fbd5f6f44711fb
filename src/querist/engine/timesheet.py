"""What people's work comes to, read from the ledger as it grows: answers of the day, time at it, time in all."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from querist.events import AnswerSubmitted, AnswerWithdrawn, Recorded

DAY: Final = 86_400 * 1_000_000
"""Microseconds."""

PAUSE: Final = 15 * 60 * 1_000_000
"""Microseconds without an answer that are a break."""


@dataclass(slots=True)
class Timesheet:
    """Follows the answers that people gave on the page or through the interface; those that came with data are no work.

    Attributes:
        active_ms: milliseconds of attention in all.
        times: number of the answer → its round and its milliseconds of attention.
        day: of the last answer, in days since 1970.
        given: number of each answer of that day → who gave it.
        counts: who → how many answers of that day.
        working: who → when the first and the last answer since a break were given, in µs.
    """

    active_ms: int = 0
    times: dict[int, tuple[int | None, int]] = field(default_factory=dict)
    day: int = 0
    given: dict[int, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    working: dict[str, tuple[int, int]] = field(default_factory=dict)

    def follow(self, recorded: Recorded) -> None:
        """Take the next event of the ledger into account."""
        match recorded.event:
            case AnswerSubmitted(source="ui" | "api", active_ms=active_ms, round=number, replaces=replaces):
                self._take_back(replaces)
                self._give(recorded)
                began, last = self.working.get(recorded.actor, (recorded.at, recorded.at))
                began = recorded.at if recorded.at - last > PAUSE else began
                self.working[recorded.actor] = (began, recorded.at)
                if active_ms is not None:
                    self.active_ms += active_ms
                    self.times[recorded.seq] = (number, active_ms)
            case AnswerWithdrawn(answer=seq):
                self._take_back(seq)
            case _:
                pass

    def _give(self, recorded: Recorded) -> None:
        day = recorded.at // DAY
        if day > self.day:
            self.day = day
            self.given.clear()
            self.counts.clear()
        self.given[recorded.seq] = recorded.actor
        self.counts[recorded.actor] += 1

    def _take_back(self, seq: int | None) -> None:
        if seq in self.given:
            self.counts[self.given.pop(seq)] -= 1

    def answers_today(self, person: str | None = None) -> int:
        """Return how many answers a person, or all, have given since midnight UTC and not taken back or replaced."""
        if time.time_ns() // 1000 // DAY > self.day:
            return 0
        return self.counts[person] if person is not None else len(self.given)

    def working_minutes(self, person: str, now: int) -> float:
        """Return for how long a person has been answering without a break of a quarter of an hour; `now` in µs."""
        began, last = self.working.get(person, (now, now))
        return 0.0 if now - last > PAUSE else (last - began) / 60e6
