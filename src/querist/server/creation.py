"""From a file in the browser to a project, with every guess shown first; and more items for one that is there."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, UploadFile

from querist import pools, tasks
from querist.engine import create as engine
from querist.engine.importing import import_data
from querist.engine.project import Project as Opened
from querist.errors import BadValue, Conflict
from querist.pools.inspection import ColumnInfo, Inspection
from querist.pools.reader import label_text
from querist.server.access import Allowed, InProject, Visit, Visitor, site_of
from querist.server.contents import API
from querist.server.projects import shown
from querist.server.schemas import creation as schemas
from querist.server.schemas.projects import Project
from querist.server.uploads import Uploads
from querist.types import Json, Rejected

router = APIRouter(prefix="/projects", tags=["projects"])

Managing = Annotated[Visitor, Depends(Allowed("manager"))]

ManagingOne = Annotated[Visit, Depends(InProject("manager"))]

REJECTED: Final = 20
CELL: Final = 300
COLUMNS: Final = ("text", "image", "audio", "label", "id")
"""The roles that one column each may have."""
_FILES: Final = re.compile(rf"{API}/projects/(inspect|[^/]+/items)")
_KINDS: Final = {"identifier": "id", "list": "text", "empty": "text"}


@router.post("/inspect")
def inspect_file(file: UploadFile, visitor: Managing, request: Request) -> schemas.Inspection:  # noqa: ARG001
    """Say what a file holds and which columns to use, before anything is made of it."""
    site = site_of(request)
    site.home_of_new_projects()
    name = site.uploads.keep(file.filename or "", file.file)
    return inspection(site.uploads.path(name), upload=name, filename=file.filename or "")


@router.post("", status_code=201)
def create_project(form: schemas.ProjectCreate, visitor: Managing, request: Request) -> Project:
    """Make a project of an uploaded file, or of the sample that comes with Querist."""
    site = site_of(request)
    folder = new_folder(site.home_of_new_projects(), form.name)
    if (form.upload is None) == (form.sample is None):
        raise BadValue("upload", form.upload, "name an uploaded file, or the sample")
    options = engine.settings(
        budget=form.budget,
        cost_per_label=form.cost_per_label,
        currency=form.currency,
        question=form.question,
        sample=form.sample,
    )
    if form.target is not None:
        rules = options.get("stop", {"any": [{"rule": "settled"}]})["any"]
        options["stop"] = {"any": [*rules, {"rule": "target", "at_least": form.target}]}
    try:
        folder.mkdir(parents=True)
        engine.init(
            folder,
            data=str(site.uploads.copy(form.upload, folder)) if form.upload else None,
            name=form.name,
            task=form.task,
            task_settings=form.settings,
            **form.model_dump(include={*COLUMNS, "sample", "columns", "pair", "classes"}),
            settings=options,
        )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return shown(Visit(visitor, site.add(Opened.open(folder)), visitor.role))


@router.post("/{project}/items")
def add_items(file: UploadFile, visit: ManagingOne, request: Request) -> schemas.Added:
    """Let the items of a file of the same form join the project; those that it has already are passed over."""
    uploads = site_of(request).uploads
    name = uploads.keep(file.filename or "", file.file)
    made = import_data(visit.project, str(_joining(visit.project, uploads, name)), actor=visit.person)
    uploads.drop(name)
    rejected = [schemas.Rejected(line=row.line, reason=row.reason) for row in made.rejected[:REJECTED]]
    return schemas.Added(
        added=made.added,
        known=made.known,
        duplicates=made.duplicates,
        labelled=made.labelled,
        in_validation=made.in_validation,
        no_class=dict(made.no_class),
        rejected=rejected,
        rejected_count=len(made.rejected),
    )


def _joining(project: Opened, uploads: Uploads, name: str) -> Path:
    """What is to be imported: pictures of an archive lie beside those that the project has."""
    data = uploads.path(name)
    if not uploads.is_archive(name):
        return data
    root = project.media_root()
    assert project.folder is not None
    if not data.is_dir() or not (project.folder / project.spec.pool.data).is_dir():
        raise BadValue("file", data.name, "an archive can join a project that was made of a folder of pictures only")
    shutil.copytree(data, root / f"added-{name[:8]}")
    return root


def takes_files(path: str) -> bool:
    """Say whether a path takes a file, and with it a body of more than a form's size.

    >>> takes_files(f"{API}/projects/inspect"), takes_files(f"{API}/projects/9e3a/items"), takes_files("/health")
    (True, True, False)
    """
    return bool(_FILES.fullmatch(path))


def inspection(path: Path, *, upload: str, filename: str) -> schemas.Inspection:
    """Return what a file holds: its columns, its first rows, what would be set aside, and a guess at the roles."""
    found = pools.inspect(path)
    guess = found.suggestion
    roles = {role: getattr(guess, role) for role in COLUMNS}
    reader = pools.read_pool(path, columns=guess.columns, **roles)
    rejected: list[schemas.Rejected] = []
    kinds: Counter[str] = Counter()
    for entry in reader.read():
        kinds["rejected" if isinstance(entry, Rejected) else "kept"] += 1
        if isinstance(entry, Rejected) and len(rejected) < REJECTED:
            rejected.append(schemas.Rejected(line=entry.line, reason=entry.reason))
    return schemas.Inspection(
        upload=upload,
        filename=filename[:CELL],
        rows=kinds["kept"],
        duplicates=reader.summary.duplicates,
        rejected=rejected,
        rejected_count=kinds["rejected"],
        columns=[_column(column) for column in found.columns],
        preview=[_cells(row) for row in found.preview],
        item=found.item,
        **roles,
        kinds=[_offered(task, _possible(found)) for task in tasks.names()],
        labels=list(islice(guess.classes, 1000)),
    )


def _possible(found: Inspection) -> frozenset[str]:
    """The kinds of item that can be made of a file, whatever columns are chosen."""
    if found.item in ("image", "audio"):
        return frozenset({found.item})
    return frozenset({"text", "row"} | ({"pair"} if len(found.columns) > 1 else set()))


def _offered(task: str, possible: frozenset[str]) -> schemas.KindOffered:
    kind = tasks.kind_of_label(task)
    fits = bool(kind.items & possible)
    return schemas.KindOffered.model_validate({"task": task, "fits": fits, "learns": kind.model != "none"})


def _column(column: ColumnInfo) -> schemas.Column:
    return schemas.Column.model_validate(
        {
            "name": column.name,
            "kind": _KINDS.get(column.kind, column.kind),
            "distinct": column.distinct,
            "missing": column.missing,
            "examples": [sample[:CELL] for sample in column.samples[:5]],
        }
    )


def _cells(row: Json) -> dict[str, str]:
    return {name: "" if value is None else label_text(value)[:CELL] for name, value in row.items()}


def new_folder(home: Path, name: str) -> Path:
    """Return a folder for a project of that name: inside the home, and not there yet.

    >>> new_folder(Path("/nowhere"), "../Card reviews, 2026").name
    'card-reviews-2026'
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "project"
    folder = home / plain
    if folder.exists():
        raise Conflict(f"there is a folder {plain!r} already; take another name", field="name", value=name)
    return folder
