"""From a file to a project: what it holds, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from querist.server.schemas.wire import Ask, Name, Reply, TaskName, Token
from querist.types import ItemKind


class Column(Reply):
    """One column of an inspected file."""

    name: str
    """Its name."""
    kind: Literal["text", "category", "number", "date", "boolean", "image", "audio", "id"]
    """What it looks like."""
    distinct: int
    """Distinct values among the rows that were read."""
    missing: int
    """Empty cells among them."""
    examples: list[str]
    """Up to five values."""


class Rejected(Reply):
    """A row that could not be read, kept aside."""

    line: int
    """Its line in the file."""
    reason: str
    """Why."""


class KindOffered(Reply):
    """A kind of label, and whether it can be asked about the items of a file."""

    task: TaskName
    """Its name."""
    fits: bool
    """Whether such items can be labelled so."""
    learns: bool
    """Whether a model learns it; otherwise items are chosen by coverage of the pool."""


class Inspection(Reply):
    """`POST /projects/inspect` (multipart, field `file`): what an uploaded file holds, before anything is made."""

    upload: str
    """Names the uploaded file in `ProjectCreate`; kept for one hour."""
    filename: str
    """As the client named it."""
    rows: int
    """Rows that can be used."""
    duplicates: int = 0
    """Exact duplicates that would be merged."""
    rejected: list[Rejected] = []
    """Up to 20 rows that would be set aside."""
    rejected_count: int = 0
    """How many there are in all."""
    columns: list[Column]
    """The columns in order."""
    preview: list[dict[str, str]]
    """The first rows, each cell cut to 300 characters."""
    item: ItemKind
    """What an item is, if nobody says otherwise."""
    text: str | None = None
    """Suggested column with the text."""
    image: str | None = None
    """Suggested column with the names of pictures; None where they are a folder."""
    audio: str | None = None
    """Suggested column with the names of sounds."""
    label: str | None = None
    """Suggested label column."""
    id: str | None = None
    """Suggested id column."""
    labels: list[str] = []
    """Suggested classes: the distinct labels found."""
    kinds: list[KindOffered]
    """Every kind of label."""


class Added(Reply):
    """`POST /projects/P/items` (multipart, field `file`): what joined the project, and what was left out."""

    added: int
    """Items that are new."""
    known: int
    """Items that were there already."""
    duplicates: int
    """Rows that repeat another one of the file."""
    labelled: int
    """Labels that came with the file."""
    in_validation: int
    """Items left out, because they stand in the project's own held-out data."""
    no_class: dict[str, int]
    """Labels that are no class, with how many items have them."""
    rejected: list[Rejected]
    """Up to 20 rows that were set aside."""
    rejected_count: int
    """How many there are in all."""


class ProjectCreate(Ask):
    """`POST /projects`: from an upload, or the sample that comes with Querist; answers with `Project`."""

    name: Name
    """Also the folder's name."""
    upload: Token | None = None
    """From `Inspection`."""
    sample: Literal["digits"] | None = None
    """The handwritten digits instead of an upload."""
    task: TaskName = "single_label"
    """Kind of label."""
    settings: dict[str, str | float | int | bool | list[Name]] = {}
    """Those of the kind of label: range and unit of a number, say."""
    text: str | None = None
    """Column with the text; for pairs, with what both answer."""
    image: str | None = None
    """Column with the names of pictures."""
    audio: str | None = None
    """Column with the names of sounds."""
    columns: Annotated[list[str], Field(max_length=1000)] = []
    """Those that are shown of a row; none: all that have no other role. For orders, the entries."""
    pair: Annotated[list[str], Field(max_length=2)] = []
    """The two columns that are compared."""
    label: str | None = None
    """Column with labels that are known already."""
    id: str | None = None
    """Column with ids."""
    classes: Annotated[list[Name], Field(max_length=1000)] = []
    """The classes in the order of their keys."""
    question: Annotated[str, Field(max_length=300)] = ""
    """What people are asked; empty takes that of the kind of label."""
    budget: Annotated[int, Field(ge=1)] | None = None
    """At most so many labels."""
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    """Or when the accuracy is surely above this."""
    cost_per_label: Annotated[float, Field(ge=0)] = 0.0
    """Price of one label; 0 hides money."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] = "USD"
    """ISO 4217."""
