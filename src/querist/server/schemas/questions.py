"""Questions on an item, and their answers."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from querist.server.schemas.labelling import Content
from querist.server.schemas.wire import Ask, Micros, Name, Reply


class QuestionForm(Ask):
    """`POST /projects/P/items/I/questions`."""

    key: UUID
    """Client's UUID: the same question twice is one."""
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    """In one's own words."""


class AsExample(Ask):
    """The item of a question becomes an example in the guidelines."""

    name: Name
    """Of this class."""
    good: bool = True
    """False: it only looks like this class."""
    instead: str | None = None
    """The class it really is, where `good` is false."""


class QuestionReply(Ask):
    """`POST /projects/P/questions/SEQ/answer`."""

    key: UUID
    """Client's UUID: the same answer twice is one."""
    text: Annotated[str, Field(min_length=1, max_length=2000)]
    """What people are to know."""
    example: AsExample | None = None
    """Put into the next version of the guidelines."""


class QuestionAnswer(Reply):
    """What was said to a question."""

    person: str
    """Who said it."""
    at: Micros
    """When."""
    text: str
    """What."""
    guideline: int | None = None
    """The version of the guidelines that has the item as an example."""


class Question(Reply):
    """A question on an item."""

    seq: int
    """Its place in the ledger."""
    item: str
    """Item id."""
    content: Content
    """What the item shows; empty where it was erased."""
    person: str
    """Who asked; empty where that is not the reader's to know."""
    mine: bool
    """Whether it is the reader's own."""
    at: Micros
    """When it was asked."""
    text: str
    """What was asked."""
    guideline: int | None = None
    """Version that was in force."""
    answer: QuestionAnswer | None = None
    """None while it is open."""


class Questions(Reply):
    """`GET /projects/P/questions`."""

    questions: list[Question]
    """The newest first."""
