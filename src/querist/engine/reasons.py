"""Why was I asked this? In words, and never naming a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from querist.engine.project import Project
from querist.events import BatchSelected, DuelDrawn
from querist.measure.words import many
from querist.store.protocol import Picked
from querist.types import ItemId, Json, Lane

MEASURES: Final = "One of the items that check model and labels."

HIDDEN: Final[frozenset[str]] = frozenset({"evaluation", "duel", "gold", "relabel", "recheck"})
"""Lanes whose items check something: why they were asked, and what the model says, would sway the answer."""

CHOSEN: Final[frozenset[str]] = frozenset({"query", "seed"})
"""Lanes whose items the strategy of the batch chose."""

BY_SCORER: Final[dict[str, Callable[[float], str]]] = {
    "margin": lambda score: f"the model's two likeliest classes are only {_points(1 - score)} apart",
    "least_confidence": lambda score: f"the model is only {_percent(1 - score)} certain",
    "entropy": lambda _: "the model's certainty is spread over several classes",
    "ratio": lambda score: f"the second likeliest class is {_percent(score)} as likely as the first",
}

BY_NAME: Final = {
    "random": "Drawn at random.",
    "uncertainty_herding": "The model is unsure of this item and of others that resemble it.",
    "max_herding": "Typical of items that are unlike those with a label.",
}

DIVERSE: Final = frozenset({"weighted_kmeans", "kmeans_plus_plus", "badge", "k_center", "kmeans", "max_herding"})


def short(project: Project, item: ItemId, lane: Lane) -> Json:
    """Return the line under an item: a sentence and a detail; for evaluation items no more than that they measure."""
    if lane in HIDDEN:
        return {"sentence": MEASURES, "detail": ""}
    picked = project.store.picked(item)
    if not picked:
        return {"sentence": "Asked by a person.", "detail": ""}
    pick = picked[-1]
    batch = batch_of(project, pick)
    name = str(batch.strategy["name"]) if lane in CHOSEN else lane
    detail = f"{name} · rank {pick.rank} of {batch.chosen} · round {pick.round}"
    return {"sentence": sentence(batch, pick, lane), "detail": detail}


def sentence(batch: BatchSelected | DuelDrawn, pick: Picked, lane: Lane) -> str:
    """Return why an item was asked, in one sentence."""
    match lane:
        case "evaluation" | "duel":
            return MEASURES
        case "control":
            return "Picked at random: such items show whether the program picks the others well."
        case "gold":
            return "Its answer is known: it measures people."
        case "recheck":
            return "The model, which did not learn from it, doubts the label."
        case "relabel":
            return "A second opinion is worth more here than a new item."
        case "seed":
            return "Typical of a group of items: shows the model more of the whole."
        case _:
            assert isinstance(batch, BatchSelected)
            return _by_strategy(batch, pick)


def _by_strategy(batch: BatchSelected, pick: Picked) -> str:
    scorer = batch.strategy.get("scorer")
    if scorer in BY_SCORER and pick.score is not None:
        unlike = ", and it is unlike the others" if batch.strategy["selector"] in DIVERSE else ""
        return f"Asked because {BY_SCORER[scorer](pick.score)}{unlike}."
    name = str(batch.strategy["name"])
    return BY_NAME.get(name, f"Chosen by {name}.")


def batch_of(project: Project, pick: Picked) -> BatchSelected:
    """Return the event that put the item into the queue."""
    known = project.cache.get(("batch", pick.seq))
    if not isinstance(known, BatchSelected):
        known = next(iter(project.store.events(pick.seq - 1, through=pick.seq))).event
        project.cache["batch", pick.seq] = known
    assert isinstance(known, BatchSelected)
    return known


def record(project: Project, item: ItemId) -> Json:
    """Return everything that is known of why an item was asked last; hidden for evaluation items.

    Raises:
        NotFound: no such item.
    """
    from querist.engine.commands import lane_of

    project.store.rows([item])
    nothing = dict.fromkeys(
        ("lane", "strategy", "score", "rank", "of", "probability", "round", "model", "dataset", "at")
    )
    lane = lane_of(project, project.state(), item)
    if lane in HIDDEN:
        return {"item": item, "sentence": MEASURES, "hidden": True, "evidence": "", **nothing}
    picked = project.store.picked(item)
    if not picked:
        return {"item": item, "sentence": "Not asked yet.", "hidden": False, "evidence": "", **nothing}
    pick = picked[-1]
    batch = batch_of(project, pick)
    recorded = next(iter(project.store.events(pick.seq - 1, through=pick.seq)))
    chosen = pick.lane in CHOSEN
    return {
        "item": item,
        "sentence": sentence(batch, pick, pick.lane),
        "hidden": False,
        "lane": pick.lane,
        "strategy": batch.strategy["name"] if chosen else None,
        "score": pick.score,
        "rank": pick.rank,
        "of": batch.chosen,
        "probability": pick.probability,
        "round": pick.round,
        "model": batch.model,
        "dataset": batch.dataset,
        "at": recorded.at,
        "evidence": str(batch.evidence.get("reason", "")) if chosen else "",
    }


def _points(share: float) -> str:
    return many(round(100 * share), "point")


def _percent(share: float) -> str:
    return f"{round(100 * share)} %"
