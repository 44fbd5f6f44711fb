"""What managers do: stop and go on, ask for a training, change settings, guidelines and classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from querist.engine.project import Project
from querist.engine.round import watch_setting
from querist.errors import BadValue, NotReady
from querist.events import (
    GuidelineChanged,
    Requested,
    Resumed,
    SpecChanged,
    Stopped,
)
from querist.types import Json


def stop(project: Project, person: str, key: str, reason: str = "") -> Json:
    """Stop asking; answers are still taken."""
    state = project.state()
    event = Stopped(round=state.round, rule="person", evidence={"reason": reason, "labels": state.paid}, by=person)
    recorded, _ = project.record(key, event, actor=person)
    return {"seq": recorded.seq, "sentence": "Labelling has stopped. The labels and the last good model stay."}


def resume(project: Project, person: str, key: str, reason: str = "") -> Json:
    """Go on after a stop; the rule that stopped keeps quiet until there are half as many labels again."""
    recorded, _ = project.record(key, Resumed(reason=reason, by=person), actor=person)
    return {"seq": recorded.seq, "sentence": "Labelling goes on."}


def retrain(project: Project, person: str, key: str, reason: str = "") -> Json:  # noqa: ARG001 - one form for all
    """Train as soon as the worker is free, however few labels are new."""
    state = project.state()
    recorded, _ = project.record(key, Requested(what="retrain", by=person), actor=person)
    sentence = "A training begins now." if state.fresh else "Nothing is new since the last training."
    return {"seq": recorded.seq, "sentence": sentence}


def check(project: Project, person: str, key: str, reason: str = "") -> Json:  # noqa: ARG001 - one form for all
    """Look whether something has changed; in a project that has stopped, ask for a few random labels first.

    Raises:
        NotReady: there is no model yet that could be watched.
    """
    state = project.state()
    if state.choosing_model is None:
        raise NotReady("nothing can have changed yet: no model has been trained")
    recorded, _ = project.record(key, Requested(what="check", by=person), actor=person)
    labels = watch_setting(state, "labels")
    with_labels = f"{labels} random items are asked first, then it is checked." if state.checks_with_labels else ""
    return {"seq": recorded.seq, "sentence": with_labels or "It is checked now."}


def refit_features(project: Project, person: str, key: str) -> Json:
    """Fit the features anew on the pool as it is now."""
    recorded, _ = project.record(key, Requested(what="refit", by=person), actor=person)
    return {"seq": recorded.seq, "sentence": "The features are fitted anew, then a model is trained on them."}


def settle(project: Project, person: str, key: str, reason: str = "") -> Json:  # noqa: ARG001 - one form for all
    """Ask for the labels that settle whether the active model is better than random: 40 items where two models differ.

    Raises:
        Conflict: a duel is out already, labelling has stopped, or nothing measures in this project.
        NotReady: there is no comparison yet that could be settled.
    """
    from querist.engine.settling import why_not

    if project.store.find(key) is None:
        why_not(project, project.state())
    recorded, _ = project.record(key, Requested(what="settle", by=person), actor=person)
    return {"seq": recorded.seq, "sentence": "The items on which the two models disagree come next."}


def change_settings(project: Project, person: str, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Change settings of the project, in the ledger and in `querist.toml`.

    Raises:
        UnknownName: no such setting, strategy, model or features.
        BadValue: a value that cannot be.
    """
    from querist.engine.spec_file import check_names, write_spec

    state = project.state()
    spec = project.spec.changed(**sections)
    if spec.says(state.spec):
        return
    check_names(spec, state.spec)
    event = SpecChanged(spec=spec.to_json(), spec_hash=spec.hash)
    project.record(f"spec/{spec.hash}/{state.spec_seq}", event, actor=person)
    project.state()
    if project.folder is not None:
        write_spec(project.folder, spec)


def change_guidelines(project: Project, person: str, key: str, text: str, classes: Mapping[str, Json]) -> None:
    """Put new guidelines into force, as the next version.

    Raises:
        BadValue: a class that is not declared.
    """
    known = project.state().classes
    unknown = next((name for name in classes if name not in known), None)
    if unknown is not None:
        raise BadValue("classes", unknown, f"no such class; have: {', '.join(known)}", choices=known)
    if project.store.find(key) is not None:
        return
    name = project.store.artefacts.put_json({"text": text, "classes": dict(classes)})
    event = GuidelineChanged(guideline=guidelines(project)["version"] + 1, text=name)
    project.record(key, event, actor=person)


def guidelines(project: Project) -> Json:
    """Return the guidelines in force: version, text, by class, when they changed."""
    recorded = project.last("guideline_changed")
    if recorded is None:
        return {"version": 0, "text": project.spec.labels.guidelines, "classes": {}, "changed_at": None}
    assert isinstance(recorded.event, GuidelineChanged)
    kept = project.store.artefacts.get_json(recorded.event.text)
    return {"version": recorded.event.guideline, **kept, "changed_at": recorded.at}
