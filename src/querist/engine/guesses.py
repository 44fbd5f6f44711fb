"""How often people said what the model says, where they saw its guess and where not; counted as the ledger grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from querist.events import AnswerSubmitted, Recorded
from querist.types import canonical_json


@dataclass(slots=True)
class Guesses:
    """Follows the answers that recorded a guess; corrections are not counted.

    Attributes:
        told: canonical JSON of [seen, answer, guess] → [what it is of, how many answers].
    """

    told: dict[str, tuple[tuple[bool, Any, Any], int]] = field(default_factory=dict)

    def follow(self, recorded: Recorded) -> None:
        """Take the next event of the ledger into account."""
        match recorded.event:
            case AnswerSubmitted(outcome="answered", replaces=None, value=value, shown={"seen": seen, "value": guess}):
                pair = (bool(seen), value, guess)
                key = canonical_json(pair)
                self.told[key] = (pair, self.told.get(key, (pair, 0))[1] + 1)
            case _:
                pass

    def agreed(self, same: Callable[[Any, Any], bool]) -> dict[bool, tuple[int, int]]:
        """Return, of the answers that saw a guess (True) and of the others, how many agreed with it, and how many."""
        agreed, of = {True: 0, False: 0}, {True: 0, False: 0}
        for (seen, own, guess), count in list(self.told.values()):
            of[seen] += count
            agreed[seen] += count * same(own, guess)
        return {seen: (agreed[seen], of[seen]) for seen in (True, False)}
