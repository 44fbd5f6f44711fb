"""From a strategy and arrays to a batch: filters → scorer → shortlist → selector, with rules and a random share.

`required_signals` says what to ask of the model, `choose` makes the batch.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from querist import registry
from querist.acquire import constraints
from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.combine import parts_of
from querist.acquire.draws import highest
from querist.acquire.scoring import EVERYTHING, score, scorer_of
from querist.acquire.supply import Given, arguments, pool_size
from querist.errors import BadValue, MissingSignal, QueristError
from querist.types import Array, Rng, Strategy


class BadPicks(QueristError):
    """A selector returned rows that do not exist, or the same row twice."""


class Required(NamedTuple):
    """Names of signals: `needs` must be given; `can_use` are worth asking for where the model offers them."""

    needs: tuple[str, ...]
    can_use: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What to ask, and why.

    `rows` (k,) numbers of pool rows in the order to ask; `scores` (k,), NaN without a scorer; `probabilities` (k,) of
    each pick among what was left when it was drawn (the random share is drawn first), NaN where the pick was determined
    or where a filter or rule bent the chances; `random` (k,) marks the random share; `short` is how many rows are
    missing; `removed` counts the rows that each filter and rule kept out at the end; `everywhere` says
    that every eligible row had a positive chance at every pick, without which no weighted estimate is unbiased.
    """

    rows: Array
    scores: Array
    probabilities: Array
    random: Array
    short: int = 0
    removed: Mapping[str, int] = field(default_factory=dict)
    everywhere: bool = False


def required_signals(strategy: Strategy) -> Required:
    """Return what the strategy's filters, scorer, selector and rules need, and what else they can use.

    >>> required_signals(Strategy("wkm", scorer="margin", selector="weighted_kmeans"))
    Required(needs=('embed', 'proba'), can_use=('labelled_embed', 'pending_embed'))
    """
    parts = list(entries(strategy))
    needs = {name for entry in parts for name in entry.needs}
    can_use = {name for entry in parts for name in entry.can_use}
    if strategy.quotas:
        needs.add("proba")
    if strategy.group_limit:
        needs.add("group")
        can_use.add("pending_group")
    return Required(tuple(sorted(needs)), tuple(sorted(can_use - needs)))


def entries(strategy: Strategy) -> Iterator[registry.Entry]:
    """Yield what the strategy is made of: filters, scorer or combinator with its parts, selector or combinator, too.

    Raises:
        UnknownName: the registry does not have one of them.
    """
    for text in strategy.filters:
        yield registry.find("filter", _filter(text)[0])
    if strategy.scorer is not None:
        yield (scorer := scorer_of(strategy.scorer))
        if scorer.kind == "combinator":
            yield from (registry.find("scorer", part) for part in parts_of(strategy.scorer_settings))
    yield (selector := selector_of(strategy.selector))
    if selector.kind == "combinator":
        for part in refined_by(selector, strategy.selector_settings):
            yield from entries(part)


def selector_of(name: str) -> registry.Entry:
    """Return the selector of that name, or the combinator of strategies."""
    return registry.find("combinator" if registry.has("combinator", name) else "selector", name)


def choose(
    strategy: Strategy,
    given: Given,
    *,
    n: int,
    rng: Rng,
    scores: Array | None = None,
    eligible: Array | None = None,
    size: int | None = None,
    classes: Sequence[str] = (),
    budget: float | None = None,
    rules: Sequence[constraints.Constraint] = (),
    preferences: Sequence[constraints.Constraint] = (),
    model: str = "given",
    memory_limit: int = MEMORY_LIMIT,
) -> Batch:
    """Return the strategy's batch of n rows, or of as many as there are.

    Args:
        strategy: what to do.
        given: arrays by name of the vocabulary; those without a role describe all rows of the pool.
        n: how many rows to ask.
        rng: the only source of chance.
        scores: (pool,) scores, where `score` has been called already.
        eligible: (pool,) bool, the rows that may be asked; None means all.
        size: rows of the pool, where neither signals nor scores tell (`random`).
        classes: names of the classes, in the order of `proba`, for quotas; without them, their numbers.
        budget: what the batch may cost at most, by the signal `cost`.
        rules: more rules about the batch, beside those of the strategy.
        preferences: rules that give way where they would leave places empty.
        model: how the model is called in errors.
        memory_limit: bytes of working memory.

    Raises:
        MissingSignal: a signal that the strategy needs is not given.
        NotFinite: a score is NaN or infinite.
        BadPicks: a selector returned rows that do not exist, or one twice.

    >>> proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    >>> choose(Strategy("margin", scorer="margin"), {"proba": proba}, n=2, rng=np.random.default_rng(0)).rows
    array([1, 2])
    """
    if n < 1:
        raise BadValue("n", n, "a batch has at least 1 row")
    total = pool_size(given, scores, eligible, size)
    removed: dict[str, int] = {}
    allowed = _filtered(strategy, given, eligible, total, removed, model)
    if scores is None:
        part = (
            score(
                strategy, given, rows=None if len(allowed) == total else allowed, model=model, memory_limit=memory_limit
            )
            if strategy.scorer
            else None
        )
        scores = _spread(part, allowed, total)
    rules = [*_rules(strategy, given, total, classes, budget, model), *rules]
    plan = _Plan(strategy, given, scores, rng, model, memory_limit)
    share = int(n * strategy.random_share + (rng.random() if strategy.random_share else 0))
    drawn = constraints.ask_again(plan.draw, allowed, share, rules).rows
    kept = constraints.ask_again(plan.ask, allowed, n, [*rules, *preferences], kept=drawn)
    if preferences and kept.short:
        removed |= {rule.name: kept.closed[rule.name] for rule in preferences}
        kept = constraints.ask_again(plan.ask, allowed, n, rules, kept=kept.rows)
    order = _interleave(len(drawn), len(kept.rows))
    rows = kept.rows[order]
    bent = bool(rules or preferences or strategy.filters)
    chances = np.concatenate(plan.chances) if plan.chances and not bent else np.full(len(rows), np.nan)
    return Batch(
        rows=rows,
        scores=np.asarray(scores[rows], np.float64),
        probabilities=chances[order],
        random=(np.arange(len(rows)) < len(drawn))[order],
        short=kept.short,
        removed={name: count for name, count in (removed | dict(kept.closed)).items() if count},
        everywhere=not bent and _everywhere(strategy, scores[allowed]),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """One batch in the making; `chances` holds the probabilities of the picks, ask by ask."""

    strategy: Strategy
    given: Given
    scores: Array
    rng: Rng
    model: str
    memory_limit: int
    chances: list[Array] = field(default_factory=list)

    def draw(self, rows: Array, kept: Array, n: int) -> Array:  # noqa: ARG002 - the form of `constraints.Ask`
        n = min(n, len(rows))
        self.chances.append(1 / (len(rows) - np.arange(n)))
        return self.rng.choice(rows, size=n, replace=False)

    def ask(self, rows: Array, kept: Array, n: int) -> Array:
        n = min(n, len(rows))
        if not n:
            return rows[:0]
        entry = selector_of(self.strategy.selector)
        if entry.kind == "combinator":
            self.chances.append(np.full(n, np.nan))
            refined: Array = entry.function(self._propose, rows, n, rng=self.rng, **self._refine_settings(entry))
            return refined
        near = self._shortlist(entry, rows, n)
        everything = len(near) == len(self.scores)
        call = arguments(
            self.strategy.name, entry, self.given, EVERYTHING if everything else near, kept=kept, model=self.model
        )
        call |= self.strategy.selector_settings
        own = {"n": n, "rng": self.rng, "memory_limit": self.memory_limit, "probabilities": True}
        call |= {name: value for name, value in own.items() if name in entry.reserved}
        if "scores" in entry.reserved:
            call["scores"] = np.nan_to_num(self.scores[near]) if self.strategy.scorer is None else self.scores[near]
        result = entry.function(**call)
        picks, chances = result if "probabilities" in entry.reserved else (result, np.full(len(result), np.nan))
        self.chances.append(chances)
        chosen: Array = near[_checked(picks, len(near), self.strategy)]
        return chosen

    def _propose(self, strategy: Strategy, rows: Array, n: int) -> Array:
        """Return the batch that another strategy would choose among some rows."""
        eligible = np.zeros(len(self.scores), bool)
        eligible[rows] = True
        batch = choose(
            strategy, self.given, n=n, rng=self.rng, eligible=eligible, model=self.model, memory_limit=self.memory_limit
        )
        return batch.rows

    def _refine_settings(self, entry: registry.Entry) -> dict[str, Any]:
        strategies = refined_by(entry, self.strategy.selector_settings)
        own = {key: v for key, v in self.strategy.selector_settings.items() if key not in ("parts", "final")}
        return {**own, "proposers": strategies[:-1], "final": strategies[-1]}

    def _shortlist(self, entry: registry.Entry, rows: Array, n: int) -> Array:
        """Return the best rows by score, unless the selector draws: its probabilities need the whole pool."""
        wanted = max(self.strategy.shortlist, n)
        if not self.strategy.shortlist or entry.sampling or wanted >= len(rows) or self.strategy.scorer is None:
            return rows
        best: Array = rows[np.sort(highest(self.scores[rows], wanted))]
        return best


def _everywhere(strategy: Strategy, scores: Array) -> bool:
    """Say whether the selector gives every row a positive chance at every pick."""
    entry = selector_of(strategy.selector)
    if not entry.sampling:
        return strategy.random_share >= 1
    how = strategy.selector_settings.get("how", entry.settings.get("how"))
    return how != "power" or strategy.scorer is None or bool((scores > 0).all())


def refined_by(entry: registry.Entry, settings: Mapping[str, Any]) -> list[Strategy]:
    """Return the strategies that propose, and last the one that chooses among what they proposed."""
    from querist.acquire.presets import strategy

    names = [*settings.get("parts", entry.settings["parts"]), settings.get("final", entry.settings["final"])]
    return [strategy(name) for name in names]


def _checked(given: Any, size: int, strategy: Strategy) -> Array:
    picks: Array = np.asarray(given, np.int64)
    if len(picks) and (picks.min() < 0 or picks.max() >= size or len(np.unique(picks)) < len(picks)):
        raise BadPicks(
            f"selector {strategy.selector!r} returned rows that do not exist, or one twice: {picks.tolist()}"
        )
    return picks


def _filter(text: str) -> tuple[str, dict[str, Any]]:
    """Return name and settings of a filter written as `name` or `name:{"setting": value}`."""
    name, _, settings = text.partition(":")
    return name, json.loads(settings) if settings else {}


def _filtered(
    strategy: Strategy, given: Given, eligible: Array | None, total: int, removed: dict[str, int], model: str
) -> Array:
    """Return the rows that may be asked and pass all filters; counts what each filter takes away."""
    allowed = np.arange(total) if eligible is None else np.flatnonzero(eligible)
    for text in strategy.filters:
        name, settings = _filter(text)
        entry = registry.find("filter", name)
        passed = entry.function(**arguments(strategy.name, entry, given, allowed, model=model), **settings)
        removed[f"filter {name}"] = int(np.count_nonzero(~passed))
        allowed = allowed[passed]
    return allowed


def _spread(part: Array | None, allowed: Array, total: int) -> Array:
    """Return (pool,) scores, NaN for rows that have none."""
    if part is not None and len(part) == total:
        return part
    scores = np.full(total, np.nan, np.float64 if part is None else part.dtype)
    if part is not None:
        scores[allowed] = part
    return scores


def _rules(
    strategy: Strategy, given: Given, total: int, classes: Sequence[str], budget: float | None, model: str
) -> list[constraints.Rule]:
    rules = []
    if strategy.quotas:
        proba = _needed(given, "proba", strategy, model)
        names = list(classes) or [str(i) for i in range(proba.shape[1])]
        predicted = np.concatenate([np.argmax(proba[span], axis=1) for span in spans(total, 1, 2**16)])
        limits = constraints.quota_limits(strategy.quotas, names)
        rules.append(constraints.at_most("quotas", predicted, limits))
    if strategy.group_limit:
        group, pending = _needed(given, "group", strategy, model), given.get("pending_group")
        rules.append(constraints.at_most("group_limit", np.asarray(group), strategy.group_limit, taken=pending))
    if budget is not None:
        rules.append(constraints.budget(_needed(given, "cost", strategy, model), budget))
    return rules


def _needed(given: Given, name: str, strategy: Strategy, model: str) -> Any:
    if given.get(name) is None:
        raise MissingSignal(strategy.name, name, model)
    return given[name]


def _interleave(random: int, total: int) -> Array:
    """Return the order in which the random share (the first rows) is spread evenly over the batch."""
    rest = total - random
    place = np.concatenate([(np.arange(random) + 0.5) / max(random, 1), (np.arange(rest) + 0.5) / max(rest, 1)])
    return np.argsort(place, kind="stable")
