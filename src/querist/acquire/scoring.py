"""The scores of a strategy: in blocks of rows where rows are independent, at once where the whole pool counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from querist import registry
from querist.acquire.blocks import MEMORY_LIMIT, spans
from querist.acquire.combine import parts_of
from querist.acquire.supply import Given, arguments, describes_candidates, pool_size, row_bytes
from querist.errors import QueristError
from querist.types import Array, Strategy

EVERYTHING: Final = slice(None)


class NotFinite(QueristError):
    """A strategy gave a score that is not a finite number; `row` is the first such row of the pool."""

    def __init__(self, strategy: str, row: int, score: float) -> None:
        super().__init__(
            f"strategy {strategy!r} gave row {row} the score {score}; scores must be finite",
            field="scores",
            value=score,
        )
        self.row = row


def scorer_of(name: str) -> registry.Entry:
    """Return the scorer of that name, or the combinator."""
    return registry.find("combinator" if registry.has("combinator", name) else "scorer", name)


def score(
    strategy: Strategy,
    given: Given,
    *,
    rows: Array | None = None,
    model: str = "given",
    memory_limit: int = MEMORY_LIMIT,
) -> Array:
    """Return the scores of all rows that are given, or of some; zeros where the strategy has no scorer.

    Unless the scorer must see the whole pool, rows are treated independently, so that an engine may call this on one
    block of the pool after the other and concatenate; see `shardable`.

    Raises:
        MissingSignal: a signal that the scorer needs is not given.
        NotFinite: a score is NaN or infinite.
    """
    total = pool_size(given) if rows is None else len(rows)
    if strategy.scorer is None:
        return np.zeros(total)
    entry = scorer_of(strategy.scorer)
    settings = dict(strategy.scorer_settings)
    if entry.kind == "combinator":
        names = parts_of(settings)
        settings.pop("parts")
        own = arguments(strategy.name, entry, given, EVERYTHING if rows is None else rows, model=model)
        parts = [
            score(Strategy(strategy.name, scorer=name), given, rows=rows, model=model, memory_limit=memory_limit)
            for name in names
        ]
        scores = np.asarray(entry.function(parts, **own, **settings))
    else:
        if "memory_limit" in entry.reserved:
            settings["memory_limit"] = memory_limit
        # To copy most rows takes longer than to score the few that nobody asked about.
        most = rows is not None and not entry.whole_pool and 2 * total > pool_size(given)
        blocks = [
            entry.function(**arguments(strategy.name, entry, given, part, model=model), **settings)
            for part in _shards(entry, given, None if most else rows, total, memory_limit)
        ]
        scores = np.concatenate(blocks) if len(blocks) != 1 else np.asarray(blocks[0])
        scores = scores[rows] if most else scores
    finite = np.isfinite(scores)
    if not finite.all():
        at = int(finite.argmin())
        raise NotFinite(strategy.name, at if rows is None else int(rows[at]), float(scores[at]))
    return scores


def shardable(strategy: Strategy) -> bool:
    """Say whether `score` may be called on blocks of the pool, one after the other.

    >>> shardable(Strategy("margin", scorer="margin"))
    True
    """
    return strategy.scorer is None or (
        scorer_of(strategy.scorer).kind == "scorer" and not scorer_of(strategy.scorer).whole_pool
    )


def _shards(entry: registry.Entry, given: Given, rows: Array | None, total: int, memory_limit: int) -> Iterator[Any]:
    """Yield what to score at once: slices are views, whereas chosen rows are copied and have to fit into memory."""
    if rows is None:
        yield EVERYTHING
    elif entry.whole_pool or not total:
        yield rows
    else:
        own = {name: given[name] for name in entry.needs if describes_candidates(name) and name in given}
        for span in spans(total, row_bytes(own) if own else 1, memory_limit // 4):
            yield rows[span]
