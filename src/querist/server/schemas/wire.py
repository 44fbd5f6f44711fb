"""What every request and response is made of, and the shapes that belong to no noun."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Role = Literal["owner", "manager", "reviewer", "annotator", "member"]
ItemState = Literal["unlabelled", "queued", "leased", "labelled", "unsure", "disputed", "skipped", "withdrawn"]
TaskName = Literal[
    "boxes",
    "multi_label",
    "numeric",
    "pairwise",
    "polygons",
    "ranking",
    "relations",
    "single_label",
    "spans",
    "text",
]
Micros = Annotated[int, Field(ge=0, description="UTC in microseconds since 1970")]
Text = Annotated[str, Field(max_length=20_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Token = Annotated[str, Field(max_length=200)]


class Reply(BaseModel):
    """Base of what the server says: every field is always present."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, json_schema_serialization_defaults_required=True, protected_namespaces=()
    )


class Ask(BaseModel):
    """Base of what a client says: a field that is not known is refused, and so is a number that is none."""

    model_config = ConfigDict(
        use_attribute_docstrings=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False
    )


class Error(Reply):
    """Every refusal: the thing, its value, the choices. 400 401 403 404 409 413 422 429 500."""

    error: str
    """One line that names the thing, its value and what to do."""
    field: str | None = None
    """The setting, column or argument that is wrong."""
    value: str | None = None
    """The value it had."""
    choices: list[str] = []
    """The values that would have been accepted."""


class Estimate(Reply):
    """A measured figure with its 95 % interval."""

    value: float
    """Best guess."""
    low: float
    """Lower end; never above `value`."""
    high: float
    """Upper end; never below `value`."""
    n: int
    """How many items it was measured on."""


class Done(Reply):
    """A command was recorded."""

    seq: int
    """Its place in the ledger."""
    sentence: str
    """What happens now."""


class Health(Reply):
    """`GET /health`: 200 while requests can be served."""

    status: Literal["ok"]
    """Always so; a server that cannot say it does not answer."""
    version: str
    """Version of Querist."""
    worker: bool
    """Whether a worker's heartbeat is fresh."""
