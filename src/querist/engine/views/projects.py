"""A project as a whole: what does not change while people label, and its line in the list of projects."""

from __future__ import annotations

from collections import Counter
from typing import Final

from querist.engine import steering
from querist.engine.project import Project
from querist.engine.round import budget
from querist.engine.views.evidence import curves
from querist.engine.views.now import doing
from querist.engine.views.overview import spent, verdict_of
from querist.engine.views.standing import standing
from querist.events import DatasetFrozen
from querist.types import Json

FREQUENT: Final = 20
"""Classes that are named as the most frequent."""

SMALL_PICTURE: Final = 40
"""Points of the curve in the list of projects."""


def project(opened: Project, *, may: tuple[str, ...] = ("label", "review", "manage")) -> Json:
    """Return what does not change while people label."""
    state = opened.state()
    spec = opened.spec
    cost = spent(opened, state)
    target = next((rule.get("at_least") for rule in spec.stop.any if rule.get("rule") == "target"), None)
    settings = spec.to_json()
    settings.pop("store", None)
    return {
        "id": opened.id,
        "name": spec.project.name,
        "kind": kind(opened),
        "task": spec.project.task,
        "classes": list(state.classes),
        "frequent": frequent(opened),
        "question": spec.labels.question or opened.task.question,
        "task_settings": dict(spec.project.settings),
        "mode": spec.loop.mode,
        "opinions": spec.labels.opinions,
        "guidelines": steering.guidelines(opened),
        "cost": {name: cost[name] for name in ("per_label", "currency", "seconds_per_label")},
        "budget": budget(state),
        "target": target,
        "strategy": spec.strategy.name,
        "learner": spec.model.name,
        "break_minutes": spec.labels.break_minutes,
        "skip_reasons": list(spec.labels.skip_reasons),
        "may": list(may),
        "settings": settings,
    }


def frequent(opened: Project) -> list[str]:
    """Return the classes that people gave most often, by the last data set; nothing that a model says."""
    frozen = opened.last("dataset_frozen")
    if frozen is None or not opened.state().classes:
        return []
    assert isinstance(frozen.event, DatasetFrozen)
    counts = Counter({name: n for name, n in frozen.event.counts.items() if n})
    renamed = opened.state().renamed
    return [renamed.get(name, name) for name, _ in counts.most_common(FREQUENT)]


def kind(opened: Project) -> str:
    """Return the kind of the project's items, by the first that was not erased."""
    if "kind" not in opened.cache:
        contents = opened.store.iter_contents(0, opened.state().pool_size)
        opened.cache["kind"] = next((content.kind for content in contents if content is not None), "text")
    found: str = opened.cache["kind"]
    return found


def project_row(opened: Project) -> Json:
    """Return one line of the list of projects."""
    state = opened.state()
    stand = standing(opened, state)
    verdict = verdict_of(stand, own=bool(state.validation))
    last = opened.last("answer_submitted")
    happens = doing(opened, state)
    points = curves(opened)["active"]["points"]
    step = max(1, len(points) // SMALL_PICTURE)
    happening = "Labelling has stopped" if state.stopped is not None else happens["sentence"]
    return {
        "id": opened.id,
        "name": opened.spec.project.name,
        "kind": kind(opened),
        "task": opened.spec.project.task,
        "classes": len(state.classes),
        "accuracy": stand.accuracy() if not verdict["early"] else None,
        "quality": verdict["lead"] if verdict["early"] else verdict["headline"].rstrip(","),
        "between": verdict["between"],
        "curve": points[::step][-SMALL_PICTURE:],
        "labelled": state.training,
        "happening": happening,
        "tone": "bad" if happens["step"] == "failed" else "warn" if state.stopped is not None else "mute",
        "last_answer_at": last.at if last is not None else None,
    }
