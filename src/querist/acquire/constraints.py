"""Rules about a batch, all by one mechanism: ask, drop what breaks a rule, ask again for what is missing.

No selector knows a rule. Kept picks count as pending when the selector is asked again, so a batch stays as spread as it
would be without rules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from querist.errors import BadValue, UnknownName
from querist.types import Array

Ask = Callable[[Array, Array, int], Array]
"""(rows still allowed, rows kept so far, how many) → rows in the order of choice."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A resource that runs out: each row of the pool uses an amount of one resource, and each has a capacity.

    A quota of a class, a limit per group and a budget of money are all of this form. `resource` (n,) int and `amount`
    (n,) describe all rows of the pool; `capacity` (r,) is what may be used.
    """

    name: str
    resource: Array
    amount: Array
    capacity: Array

    def open(self, taken: Array) -> Array:
        """Return (n,) bool: which rows could still be added to those that are taken."""
        used = np.bincount(self.resource[taken], weights=self.amount[taken], minlength=len(self.capacity))
        left = self.capacity - used
        # A hair of tolerance: ten rows at 0.1 fit into a budget of 1.
        return np.asarray(self.amount <= left[self.resource] * (1 + 1e-9) + 1e-12)


@dataclass(frozen=True, slots=True)
class Apart:
    """No two rows of a batch point in almost the same direction: near-duplicates teach the same thing twice.

    `embed` (n, d) describes all rows of the pool; `most` is the cosine from which two rows count as one. A row of zeros
    has no direction, and is near nothing.
    """

    name: str
    embed: Array
    most: float

    def open(self, taken: Array) -> Array:
        """Return (n,) bool: which rows are near none of those that are taken."""
        return ~near(self.embed, self.embed[taken], self.most)


def near(embed: Array, others: Array, most: float) -> Array:
    """Return (n,) bool: which rows have a cosine of `most` or more with one of the others.

    >>> near(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[2.0, 0.0]]), 0.9)
    array([ True, False])
    """
    found = np.zeros(len(embed), bool)
    if not len(others):
        return found
    points = _directions(others)
    rows = max(1, 2**22 // max(len(points), embed.shape[1]))
    for start in range(0, len(embed), rows):
        block = _directions(embed[start : start + rows])
        found[start : start + rows] = (block @ points.T).max(axis=1) >= most
    return found


def _directions(embed: Array) -> Array:
    given = np.asarray(embed, np.float32)
    norms = np.linalg.norm(given, axis=1, keepdims=True)
    directions: Array = given / np.where(norms > 0, norms, 1)
    return directions


Constraint = Rule | Apart


@dataclass(frozen=True, slots=True)
class Kept:
    """What is left of a batch: `rows` in order, how many are missing, and rows that each rule has closed."""

    rows: Array
    short: int
    closed: Mapping[str, int]


def at_most(name: str, value: Array, limit: int | Mapping[int, int], *, taken: Array | None = None) -> Rule:
    """Return the rule that a batch holds at most `limit` rows of a value; or of each value its own, others unlimited.

    Args:
        name: how a shortage is reported.
        value: (n,) integers: predicted class, group.
        limit: for every value, or by value.
        taken: (q,) values of rows that are pending, which count too.

    >>> at_most("group_limit", np.array([4, 4, 9]), 1).open(np.array([0]))
    array([False, False,  True])
    """
    values, resource = np.unique(value, return_inverse=True)
    if isinstance(limit, Mapping):
        capacity = np.array([limit.get(int(v), len(value)) for v in values], np.float64)
    else:
        capacity = np.full(len(values), limit, np.float64)
    if taken is not None and len(taken) and len(values):
        at = np.minimum(np.searchsorted(values, taken), len(values) - 1)
        known = values[at] == taken
        capacity = np.maximum(capacity - np.bincount(at[known], minlength=len(values)), 0)
    return Rule(name, resource, np.ones(len(value)), capacity)


def budget(cost: Array, total: float) -> Rule:
    """Return the rule that a batch costs at most `total`.

    >>> budget(np.array([5.0, 1.0, 4.0]), 6.0).open(np.array([0]))
    array([False,  True, False])
    """
    cost = np.asarray(cost, np.float64)
    if len(cost) and not (np.isfinite(cost).all() and cost.min() >= 0):
        raise BadValue("cost", float(np.min(cost)), "must be finite and not negative in every row")
    return Rule("budget", np.zeros(len(cost), np.int64), cost, np.array([float(total)]))


def quota_limits(quotas: Mapping[str, int], classes: Sequence[str]) -> dict[int, int]:
    """Return the quotas by class number; the key `*` holds for every class that has none of its own.

    >>> quota_limits({"cat": 3, "*": 5}, ["cat", "dog"])
    {0: 3, 1: 5}
    """
    unknown = [name for name in quotas if name != "*" and name not in classes]
    if unknown:
        raise UnknownName("class", unknown[0], [*classes, "*"])
    limits = {i: quotas.get(name, quotas.get("*")) for i, name in enumerate(classes)}
    return {i: limit for i, limit in limits.items() if limit is not None}


def ask_again(ask: Ask, allowed: Array, n: int, rules: Sequence[Constraint], *, kept: Array | None = None) -> Kept:
    """Return n rows that keep every rule, by asking until the batch is full or no row is allowed.

    Each round keeps at least its first pick, so it ends after at most n rounds. Rows that are `kept` from the start
    count towards n and stay in front.

    >>> first = lambda rows, kept, n: rows[:n]
    >>> ask_again(first, np.arange(4), 3, [at_most("group_limit", np.array([1, 1, 1, 2]), 1)])
    Kept(rows=array([0, 3]), short=1, closed={'group_limit': 2})
    """
    kept = np.empty(0, np.int64) if kept is None else kept
    while len(kept) < n:
        picks = ask(_still_open(allowed, kept, rules), kept, n - len(kept))
        if not len(picks):
            break
        kept = _admit(kept, picks, rules)
        if not rules:
            break
    rest = _still_open(allowed, kept, ()) if rules else allowed
    closed = {rule.name: int(np.count_nonzero(~rule.open(kept)[rest])) for rule in rules}
    return Kept(kept, n - len(kept), closed)


def _still_open(allowed: Array, kept: Array, rules: Sequence[Constraint]) -> Array:
    if not len(kept) and not rules:
        return allowed
    open_rows = np.isin(allowed, kept, invert=True)
    for rule in rules:
        open_rows &= rule.open(kept)[allowed]
    return allowed[open_rows]


def _admit(kept: Array, picks: Array, rules: Sequence[Constraint]) -> Array:
    """Return kept and those of the picks, in order, that fit beside all before them."""
    if not rules:
        return np.concatenate([kept, picks])
    rooms = [_Room(rule, kept) if isinstance(rule, Rule) else _Clear(rule, kept) for rule in rules]
    admitted = []
    for row in picks:
        if all(room.fits(row) for room in rooms):
            admitted.append(row)
            for room in rooms:
                room.take(row)
    return np.concatenate([kept, np.array(admitted, np.int64)])


class _Room:
    """What is left of a resource while a batch grows."""

    def __init__(self, rule: Rule, kept: Array) -> None:
        self.rule = rule
        used = np.bincount(rule.resource[kept], weights=rule.amount[kept], minlength=len(rule.capacity))
        self.left = rule.capacity - used

    def fits(self, row: int) -> bool:
        return bool(self.rule.amount[row] <= self.left[self.rule.resource[row]] * (1 + 1e-9) + 1e-12)

    def take(self, row: int) -> None:
        self.left[self.rule.resource[row]] -= self.rule.amount[row]


class _Clear:
    """The directions that a growing batch has taken."""

    def __init__(self, rule: Apart, kept: Array) -> None:
        self.rule = rule
        self.taken = list(kept)

    def fits(self, row: int) -> bool:
        return not near(self.rule.embed[[row]], self.rule.embed[self.taken], self.rule.most)[0]

    def take(self, row: int) -> None:
        self.taken.append(row)
