"""The model's guess beside an item, as a controlled variable: who saw it, who did not, and what seeing it did.

A share of the items is always blind, by a keyed number of the item; items that measure or compare are never shown with
a guess. Each answer records the guess and whether it was seen, so that the shift that showing causes can be measured:
how much oftener people say what the model says when they see it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from querist.engine.lanes import keyed_numbers
from querist.engine.project import Project
from querist.engine.training import prediction
from querist.measure.intervals import normal_quantile, wilson
from querist.types import Array, ItemId, Json, Lane

NEVER: Final[frozenset[str]] = frozenset({"evaluation", "control", "gold", "duel"})
"""Lanes in which nobody sees a guess: it would change what is measured."""
LIKELY: Final = 9
"""Classes that stand first where there are more classes than keys."""
FEWEST: Final = 30
"""Answers on either side from which the shift is told."""


def is_blind(project: Project, item: ItemId, lane: Lane | None) -> bool:
    """Say whether an item is answered without the model's guess: fixed for each item by the project's seed."""
    if project.spec.labels.prefill == "off" or lane in NEVER:
        return True
    return bool(keyed_numbers(project.seed, "blind", [item])[0] < project.spec.labels.blind_share)


def likely(project: Project, items: Sequence[ItemId]) -> list[list[str]]:
    """Return the classes that the last good model finds likeliest for each item; none where it predicts no class."""
    if project.target.signal != "proba":
        return [[] for _ in items]
    best = np.argsort(-_predicted(project, items), axis=1, kind="stable")[:, :LIKELY]
    return [[str(name) for name in project.task.decode(row)] for row in best]


def guesses(project: Project, items: Sequence[ItemId]) -> list[Any]:
    """Return the label that the last good model gives to each item."""
    found = project.task.decode(project.target.predicted(_predicted(project, items)))
    return [_neat(value) for value in found]


def _predicted(project: Project, items: Sequence[ItemId]) -> Array:
    rows = np.asarray(project.store.rows(list(items)), dtype=np.intp)
    return prediction(project.model(), project.features().rows(rows), project.target, seed=project.seed)


def _neat(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def for_tasks(project: Project, items: Sequence[ItemId], lanes: Sequence[Lane]) -> list[Json | None]:
    """Return what goes to a person with each item: the guess, when to show it, whose it is; or None."""
    state = project.state()
    mode = project.spec.labels.prefill
    if mode == "off" or state.choosing_model is None or not project.learns:
        return [None] * len(items)
    shown = [k for k, (item, lane) in enumerate(zip(items, lanes, strict=True)) if not is_blind(project, item, lane)]
    found: list[Json | None] = [None] * len(items)
    values = guesses(project, [items[k] for k in shown]) if shown else []
    first = likely(project, [items[k] for k in shown]) if shown and mode == "shown" else [[] for _ in shown]
    for k, value, names in zip(shown, values, first, strict=True):
        found[k] = {"value": value, "when": mode, "model": state.choosing_model, "likely": names}
    return found


def seen_with(project: Project, item: ItemId, lane: Lane | None, told: Json | None) -> Json | None:
    """Return what an answer records: the guess, and whether it was seen before the answer; None where there was none.

    Args:
        project: the project.
        item: answered.
        lane: of the answer.
        told: what the client says it showed, as `for_tasks` gave it.
    """
    state = project.state()
    mode = project.spec.labels.prefill
    if mode == "off" or state.choosing_model is None or not project.learns or lane in NEVER:
        return None
    if told is not None and not is_blind(project, item, lane):
        return {"seen": told.get("when") == "shown", "value": told.get("value"), "model": told.get("model")}
    return {"seen": False, "value": guesses(project, [item])[0], "model": state.choosing_model}


def shift(project: Project) -> Json | None:
    """Return how much oftener people say what the model says where they saw it; None while nothing was recorded.

    Returns:
        {"mode", "seen", "blind", "shift", "sentence"}: shares of agreement {value, low, high, n}, their difference with
        its 95 % interval, and the sentence for people. `shift` is None below 30 answers on either side.
    """
    renamed, task = project.state().renamed, project.task
    agreed = project.guesses.agreed(
        lambda own, guess: _same(project, task.renamed(own, renamed), task.renamed(guess, renamed))
    )
    answers = {side: of for side, (_, of) in agreed.items()}
    if not any(answers.values()):
        return None
    mode = project.spec.labels.prefill
    seen, blind = (wilson(agreed[side][0], max(1, answers[side])) for side in (True, False))
    shares = {
        name: {"value": share.value, "low": share.low, "high": share.high, "n": answers[side]}
        for name, share, side in (("seen", seen, True), ("blind", blind, False))
    }
    fewest = min(answers.values())
    if fewest < FEWEST:
        sentence = (
            f"What showing the model's guess does: too early to say. {fewest} of {FEWEST} answers on the smaller side."
        )
        return {"mode": mode, **shares, "shift": None, "sentence": sentence}
    value = seen.value - blind.value
    spread = sum(s["value"] * (1 - s["value"]) / s["n"] + 0.25 / s["n"] ** 2 for s in shares.values())
    half = normal_quantile(0.975) * math.sqrt(spread)
    low, high = max(value - half, -1.0), min(value + half, 1.0)
    n = sum(answers.values())
    sentence = (
        f"People say what the model says in {seen.value:.0%} of items where they see it, and in {blind.value:.0%} "
        f"where they do not: a shift of {100 * value:.0f} points (between {100 * low:.0f} and {100 * high:.0f})."
    )
    return {
        "mode": mode,
        **shares,
        "shift": {"value": value, "low": low, "high": high, "n": n},
        "sentence": sentence.replace("%", " %"),
    }


def _same(project: Project, own: Any, guess: Any) -> bool:
    if isinstance(own, float) and isinstance(guess, float):
        return abs(own - guess) <= getattr(project.target, "tolerance", 0.0)
    return bool(own == guess)
