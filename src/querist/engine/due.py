"""The steps that may be due, and the wait for people: what `round.next_step` answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from querist.types import Json


@dataclass(frozen=True, slots=True)
class BuildFeatures:
    """Turn the pool's items into arrays: all of them, or those that joined."""


@dataclass(frozen=True, slots=True)
class Select:
    """Choose a batch and put it into the queue."""

    round: int
    part: int


@dataclass(frozen=True, slots=True)
class Freeze:
    """Make a data set of the answers so far."""

    round: int


@dataclass(frozen=True, slots=True)
class Train:
    """Fit a model on the round's data set."""

    round: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Measure the round's model and look at the stopping rules."""

    round: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Record that a rule stops the project."""

    round: int
    rule: str
    evidence: Json


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do until people have done something; `missing` training labels start the next training."""

    reason: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Sound:
    """Record an alarm that the last evaluation found due."""

    round: int
    name: str
    evidence: Json


@dataclass(frozen=True, slots=True)
class DrawDuel:
    """Queue the items that would settle whether the active model is better than random; `asked` is who wanted it."""

    round: int
    asked: int


@dataclass(frozen=True, slots=True)
class SettleDuel:
    """Say what the answers to a duel amount to."""

    drawn: int


@dataclass(frozen=True, slots=True)
class CheckHealth:
    """Look whether something has changed."""

    look: int


Step: TypeAlias = (
    BuildFeatures | Select | Freeze | Train | Evaluate | Stop | Sound | DrawDuel | SettleDuel | CheckHealth
)
