"""How good is the model, by the labels that its own strategy chose? Weighted by their probabilities, or refused.

What a model chose trains the next one, so it measures the model that chose, and nobody else: neither saw the labels.
The weights make up for the hard items that a strategy prefers, if every item that was left could have been drawn.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from querist.acquire.select import spread
from querist.engine.labels import resolve
from querist.engine.project import Project
from querist.engine.round import State
from querist.engine.training import prediction
from querist.errors import NotReady
from querist.events import BatchSelected
from querist.measure.intervals import Estimate, wilson
from querist.measure.unbiased import lure, lure_weights
from querist.types import Array, ItemId, Json

FEWEST: Final = 20
"""Drawn labels below which nothing is said."""


def by_chosen_labels(project: Project, state: State) -> Json:
    """Return the share that the last model that chose is right on, of all items that were unlabelled when it chose.

    {"state": "shown" or "refused", "sentence", "estimate": {value, low, high, n} or None, "model", "of"}

    Farquhar, Gal & Rainforth, ICLR 2021; the interval is Wilson's on the effective number of labels.
    """
    try:
        return _estimated(project, state)
    except NotReady as error:
        sentence = f"No estimate from the labels that the strategy chose: {error}."
        return {"state": "refused", "sentence": sentence, "estimate": None, "model": None, "of": None}


def _estimated(project: Project, state: State) -> Json:
    batch = _last_chosen(project, state)
    items, chances, of = _drawn(project, batch)
    labels = {item: found.value for item, found in resolve(project, state, through=state.seq, items=items).items()}
    answered = next((place for place, item in enumerate(items) if item not in labels), len(items))
    if answered < FEWEST:
        raise NotReady(f"{answered} of the items that it drew have labels without a gap, {FEWEST} are needed")
    kind = project.target
    features = project.features().rows(np.asarray(project.store.rows(items[:answered]), dtype=np.intp))
    matrix = prediction(project.model(batch.model), features, kind, seed=project.seed)
    right = kind.right(project.task.encode([labels[item] for item in items[:answered]]), matrix)
    found = weighted_share(right, chances[:answered], of)
    ends = {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
    return {"state": "shown", "sentence": _sentence(found, of), "estimate": ends, "model": batch.model, "of": of}


def _last_chosen(project: Project, state: State) -> BatchSelected:
    """The first batch of the newest model whose picks have labels: later ones of the same model are drawn from less."""
    chosen = [recorded.event for recorded in project.store.events(kinds=["batch_selected"])]
    batches = [event for event in chosen if isinstance(event, BatchSelected) and event.lanes.get("query")]
    if not batches or batches[-1].model is None:
        raise NotReady("no model has chosen any yet")
    known = [b for b in batches if b.model is not None and sum(i in state.live for i in b.items) >= FEWEST]
    batch = (known or batches)[-1]
    if project.folder is None and batch.model != state.model:
        raise NotReady("a project in memory keeps its last model only")
    name = batch.strategy["name"]
    if not batch.evidence.get("everywhere"):
        raise NotReady(
            f"{name} gives items that are not at the top no chance, or a rule does, and no weight makes up for that; "
            "random and softmax_margin give every item a chance"
        )
    if "drawn_from" not in batch.evidence:
        raise NotReady("the ledger is older than this estimate, and does not tell of how many items it drew")
    return batch


def _drawn(project: Project, batch: BatchSelected) -> tuple[list[ItemId], Array, int]:
    """Items in the order in which they were drawn, the chance of each, and of how many."""
    picks = project.store.artefacts.get_table(batch.picks)
    own = [place for place, lane in enumerate(picks["lane"]) if lane == "query"]
    order = np.argsort(spread(int(batch.evidence["drawn_first"]), len(own)), kind="stable")
    drawn = [own[place] for place in order.tolist()]
    chances = np.array([picks["probability"][place] for place in drawn], dtype=float)
    return [picks["item"][place] for place in drawn], chances, int(batch.evidence["drawn_from"])


def _sentence(found: Estimate, of: int) -> str:
    value, low, high = (f"{100 * share:.0f} %" for share in (found.value, found.low, found.high))
    return (
        f"By the labels that the strategy drew: {value} correct, between {low} and {high}, of the {of:,} items that "
        f"were unlabelled when the model chose; {found.n} labels, weighted by their chances."
    )


def weighted_share(right: Array, chances: Array, n: int) -> Estimate:
    """Return the share of the n items that a model is right on, from draws with known chances.

    Args:
        right: (m,) whether it is right, in the order of drawing.
        chances: (m,) of each draw among what was left.
        n: items at the beginning.

    >>> weighted_share(np.array([1, 1, 0, 1]), np.array([1 / 8, 1 / 7, 1 / 6, 1 / 5]), 8).value
    0.75
    """
    weights = lure_weights(chances, n)
    value = min(max(1 - lure(1 - np.asarray(right, dtype=float), chances, n), 0.0), 1.0)
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    found = wilson(value * effective, effective)
    return Estimate(value, found.low, found.high, len(weights), "weighted")
