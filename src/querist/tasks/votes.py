"""Who has a vote, and what the votes amount to: shared by every kind of label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from querist.types import Answer, Disputed, Resolved, Unsure


def votes(answers: Sequence[Answer], *, opinions: int) -> list[Answer] | Unsure:
    """Return the answers that count: of each person the latest, if it is a label; or why there are too few.

    >>> votes([Answer(1, "i", "p_1", "skipped", None)], opinions=1)
    Unsure(reason='no answer yet')
    """
    last = {answer.person: answer for answer in sorted(answers, key=lambda answer: answer.seq)}
    found = sorted((answer for answer in last.values() if answer.outcome == "answered"), key=lambda answer: answer.seq)
    if not found:
        unanswerable = any(answer.outcome == "unanswerable" for answer in last.values())
        return Unsure("said to be unanswerable" if unanswerable else "no answer yet")
    if len(found) < opinions:
        return Unsure(f"{len(found)} of {opinions} opinions")
    return found


def resolved(value: Any, counted: Sequence[Answer]) -> Resolved:
    """Return the target with the answers behind it."""
    return Resolved(value, tuple(answer.seq for answer in counted))


def undecided(reason: str, counted: Sequence[Answer], *, opinions: int) -> Unsure | Disputed:
    """Return that one more opinion is wanted; or, when one more was already given, that a person must decide."""
    return Unsure(reason) if len(counted) <= max(opinions, 2) else Disputed(reason)


def majority(
    answers: Sequence[Answer], *, opinions: int, key: Callable[[Any], Hashable] = lambda value: value
) -> Resolved | Unsure | Disputed:
    """Return the value that more than half of the people gave.

    Args:
        answers: those in force, in any order.
        opinions: how many people the project asks for each item.
        key: values with equal keys are the same answer.
    """
    counted = votes(answers, opinions=opinions)
    if isinstance(counted, Unsure):
        return counted
    if len(counted) == 1:
        return resolved(counted[0].value, counted)
    counts = Counter(key(answer.value) for answer in counted)
    winner, most = counts.most_common(1)[0]
    if 2 * most > len(counted):
        return resolved(next(answer.value for answer in counted if key(answer.value) == winner), counted)
    tally = "no majority: " + ", ".join(f"{count} × {name}" for name, count in sorted(counts.items(), key=str))
    return undecided(tally, counted, opinions=opinions)


def by_element(
    answers: Sequence[Answer],
    *,
    opinions: int,
    elements: Callable[[Any], Sequence[Hashable]],
    build: Callable[[list[Any]], Any],
) -> Resolved | Unsure | Disputed:
    """Return what more than half of the people gave, each element of their answers judged for itself.

    An element that exactly half of them gave leaves the item open.

    Args:
        answers: those in force.
        opinions: how many people the project asks for each item.
        elements: the parts of a value, distinct.
        build: makes a value of the parts that won.
    """
    counted = votes(answers, opinions=opinions)
    if isinstance(counted, Unsure):
        return counted
    counts = Counter(part for answer in counted for part in elements(answer.value))
    tied = sorted(str(part) for part, count in counts.items() if 2 * count == len(counted))
    if tied:
        return undecided(f"half of {len(counted)} say {', '.join(tied[:3])}", counted, opinions=opinions)
    return resolved(build([part for part, count in counts.items() if 2 * count > len(counted)]), counted)
