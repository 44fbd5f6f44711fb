"""`/projects`: the list, one project, its settings, classes and guidelines, and what steers it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request

from querist.engine import classes, interchange, steering, views
from querist.engine import project as engine
from querist.engine.rules import known_column
from querist.engine.spec import ProjectSpec
from querist.exchange import labels
from querist.server.access import Allowed, InProject, Visit, Visitor, site_of
from querist.server.schemas.projects import (
    ClassChange,
    Command,
    Guidelines,
    GuidelinesChange,
    Project,
    ProjectChange,
    Projects,
)
from querist.server.schemas.wire import Done
from querist.types import Json

router = APIRouter(prefix="/projects", tags=["projects"])

AnyVisitor = Annotated[Visitor, Depends(Allowed("member"))]
Looking = Annotated[Visit, Depends(InProject("annotator"))]
Managing = Annotated[Visit, Depends(InProject("manager"))]

COMMANDS: Final[dict[str, Callable[[engine.Project, str, str, str], Json]]] = {
    "retrain": steering.retrain,
    "stop": steering.stop,
    "resume": steering.resume,
    "settle": steering.settle,
    "check": steering.check,
}


@router.get("")
def projects(visitor: AnyVisitor, request: Request) -> Projects:
    """List the projects that the person may open, the last used first."""
    rows = [
        views.project_row(project)
        for project in site_of(request).projects_of(visitor.person)
        if visitor.only in (None, project.id)
    ]
    rows.sort(key=lambda row: row["last_answer_at"] or 0, reverse=True)
    return Projects.model_validate(
        {"projects": rows, "may_create": visitor.is_at_least("manager") and site_of(request).home is not None}
    )


@router.get("/{project}")
def project(visit: Looking) -> Project:
    """Show what does not change while people label."""
    return shown(visit)


def shown(visit: Visit) -> Project:
    """Return a project as the visitor may see it."""
    found = views.project(visit.project)
    may = [word for word, least in _MAY.items() if visit.is_at_least(least)]
    settings = found["settings"] if "manage" in may else {}
    formats = [*labels.FORMATS, *interchange.formats(visit.project)] if "manage" in may else []
    return Project.model_validate({**found, "may": may, "settings": settings, "formats": formats})


@router.patch("/{project}")
def change_project(form: ProjectChange, visit: Managing) -> Project:
    """Change settings; what is left out stays."""
    for rule in form.where or ():
        known_column(visit.project, rule.column)
    sections = changed_sections(visit.project.spec, form.model_dump(exclude_none=True, exclude={"key"}, by_alias=True))
    steering.change_settings(visit.project, visit.person, sections)
    return shown(visit)


@router.post("/{project}/classes")
def change_classes(form: ClassChange, visit: Managing) -> Project:
    """Add a class, rename one, merge several or split one; old answers stay in the ledger."""
    classes.change_classes(visit.project, visit.person, str(form.key), form.operation, form.before, form.after)
    return shown(visit)


@router.get("/{project}/guidelines")
def guidelines(visit: Looking) -> Guidelines:
    """Show what people are told."""
    return Guidelines.model_validate(steering.guidelines(visit.project))


@router.put("/{project}/guidelines")
def change_guidelines(form: GuidelinesChange, visit: Managing) -> Guidelines:
    """Put new guidelines into force, as the next version."""
    classes = {name: guide.model_dump(mode="json") for name, guide in form.classes.items()}
    steering.change_guidelines(visit.project, visit.person, str(form.key), form.text, classes)
    return guidelines(visit)


@router.post("/{project}/commands/{command}")
def command(command: Literal["retrain", "stop", "resume", "settle", "check"], form: Command, visit: Managing) -> Done:
    """Train now, stop asking, go on, settle whether it is better than random, or look whether something has changed."""
    return Done.model_validate(COMMANDS[command](visit.project, visit.person, str(form.key), form.reason))


_MAY: Final[dict[Literal["label", "review", "manage"], Any]] = {
    "label": "annotator",
    "review": "reviewer",
    "manage": "manager",
}


def changed_sections(spec: ProjectSpec, change: Json) -> dict[str, Json]:
    """Return the sections of `querist.toml` that a change of the settings page replaces.

    >>> spec = ProjectSpec.from_json({"project": {"name": "a"}})
    >>> changed_sections(spec, {"target": 0.9, "currency": "EUR"})["stop"]["any"][-1]
    {'rule': 'target', 'at_least': 0.9}
    """
    sections: dict[str, Json] = {}
    for name, value in change.items():
        section, setting = _SETTINGS.get(name, ("stop", "any"))
        if section != "stop":
            sections.setdefault(section, {})[setting] = value
    rules = [dict(rule) for rule in spec.stop.any]
    if "budget" in change:
        rules = _with_rule(rules, {"rule": "budget", "labels": change["budget"]}, keep=change["budget"] > 0)
    if "target" in change:
        rule = {"rule": "target", "at_least": change["target"]}
        rules = _with_rule(rules, rule, keep=change["target"] > 0)
    if {"budget", "target"} & set(change):
        sections["stop"] = {"any": rules}
    return sections


_SETTINGS: Final = {
    "name": ("project", "name"),
    "question": ("labels", "question"),
    "cost_per_label": ("cost", "per_label"),
    "currency": ("cost", "currency"),
    "seconds_per_label": ("cost", "seconds_per_label"),
    "strategy": ("strategy", "name"),
    "opinions": ("labels", "opinions"),
    "prefill": ("labels", "prefill"),
    "blind_share": ("labels", "blind_share"),
    "show_reasons": ("labels", "show_reasons"),
    "break_minutes": ("labels", "break_minutes"),
    "where": ("rules", "where"),
}


def _with_rule(rules: list[Json], rule: Json, *, keep: bool) -> list[Json]:
    others = [other for other in rules if other.get("rule") != rule["rule"]]
    return [*others, rule] if keep else others
