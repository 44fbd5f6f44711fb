"""What a person gets to label, and what they say."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from querist.server.schemas.wire import Ask, Micros, Reply, Token
from querist.types import ItemKind, Outcome


class Content(Reply):
    """What a person sees of an item, by `kind`; shown as text, never as HTML.

    text {"text"} · audio {"url"} · pair {"first", "second", "prompt"} of contents · row {"fields": {column: value}} ·
    image {"url"} (the server puts it in the place of a path) or {"pixels", "width", "height"} with rows of grey values
    0 (black) to 255, or of ink where "ink" is true, or of [red, green, blue].
    """

    kind: ItemKind
    """Kind of the item."""
    value: dict[str, Any]
    """As above."""


class WhyShort(Reply):
    """The line under an item. For evaluation items it says only that they measure the model."""

    sentence: str
    """"Asked because the model's two likeliest digits are only 2 points apart." Never names a class."""
    detail: str = ""
    """"margin · rank 1 of 1,296 · round 5"; empty for evaluation items."""


class Guess(Reply):
    """The model's guess, as a controlled variable: never on items that measure; a share of items is always blind."""

    value: Any
    """A label in the form of its kind."""
    when: Literal["shown", "after"]
    """Before the person answers, or after."""
    model: str
    """Whose guess it is."""
    likely: list[str] = []
    """The likeliest classes, where the guess is shown beforehand; empty for kinds that predict no class."""


class Task(Reply):
    """An item that is out with this person until `expires_at`."""

    lease: str
    """Goes back with the answer."""
    expires_at: Micros
    """Renewed by heartbeats; an answer that comes later is still kept."""
    item: str
    """Item id."""
    content: Content
    """What to show."""
    why: WhyShort | None = None
    """None when the project hides reasons."""
    prefill: Guess | None = None
    """The model's guess where this project shows it, and this item is not blind; else null."""


class NextRequest(Ask):
    """`POST /projects/P/next`: give me up to n items in all, these I still hold."""

    n: Annotated[int, Field(ge=1, le=20)] = 5
    """Items wanted in all, held ones included."""
    held: Annotated[list[Token], Field(max_length=50)] = []
    """Leases that the client still has; they are renewed."""


class AlikeRequest(Ask):
    """`POST /projects/P/items/I/alike`: items to be answered at a stroke with this one."""

    n: Annotated[int, Field(ge=1, le=40)] = 11
    """How many at most."""


class Alike(Reply):
    """Free items that are most like one item; they are out with this person."""

    tasks: list[Task]
    """The nearest first, without the item itself."""


class Waiting(Reply):
    """Why there is nothing more to label just now."""

    reason: Literal["training", "selecting", "stopped", "finished", "others", "failed"]
    """`finished`: the whole pool is labelled; `others`: the rest is for other people."""
    sentence: str
    """"Model 32 is training: about 9 s"."""
    detail: str = ""
    """"The next 40 items depend on it."."""
    seconds: float | None = None
    """Estimated; None when nobody can know."""
    progress: float | None = None
    """0 to 1."""


class NextReply(Reply):
    """New items only: those held already are not repeated."""

    tasks: list[Task]
    """In the order to be shown."""
    waiting: Waiting | None = None
    """Set when fewer came than were asked for, and nothing is held."""
    answered_today: int
    """Answers of this person since midnight UTC."""
    labelled: int
    """Items of the project with an answer that trains."""
    to_first_model: int | None = None
    """Answers still missing to the first model, 0 while it learns; None when there is one."""


class LeaseReply(Reply):
    """`POST /projects/P/leases/L/heartbeat` and `DELETE /projects/P/leases/L`."""

    lease: str
    """The lease."""
    expires_at: Micros | None
    """None when it has been given back, or somebody else has the item by now."""


class AnswerForm(Ask):
    """`POST /projects/P/answers`: 201, or 200 with the first result when the key is known.

    A correction is an answer with `replaces`. 409 when the key is known with another content. 422 with `choices` when
    the value is no class any more.
    """

    key: UUID
    """Made by the client: the same answer sent twice is one."""
    item: Annotated[str, Field(min_length=1, max_length=500)]
    """Item id."""
    outcome: Outcome = "answered"
    """`skipped` and `unanswerable` have no value."""
    value: Any = None
    """The label in the form of its kind: a class for `single_label`, a list of marks for `spans`."""
    confidence: Literal["unsure"] | None = None
    """Set when the person said so."""
    reason: Annotated[str, Field(max_length=500)] | None = None
    """Why it was skipped or cannot be answered."""
    active_ms: Annotated[int, Field(ge=0, le=86_400_000)] | None = None
    """Time with the item in view and the person active, by the client's monotonic clock."""
    lease: Token | None = None
    """The lease it was shown under; need not live any more."""
    guideline: Annotated[int, Field(ge=0)] | None = None
    """Version that was in view."""
    replaces: Annotated[int, Field(ge=1)] | None = None
    """Seq of the person's own answer that this one corrects (of anybody's, for reviewers)."""
    shown: dict[str, Any] | None = None
    """The guess that came with the item, as it came."""
    bulk: bool = False
    """Given to several items at a stroke."""


class Lesson(Reply):
    """The known answer to a gold item, for who has just answered it in training."""

    value: Any
    """The known answer."""
    reason: str
    """Why it is; empty where nobody said."""
    right: bool
    """The person gave it."""


class AnswerReceipt(Reply):
    """The answer is in the ledger."""

    key: UUID
    """The client's key."""
    seq: int
    """Its place in the ledger: what undo and correction name."""
    item: str
    """Item id."""
    late: bool = False
    """The lease had run out; the answer counts all the same."""
    answered_today: int
    """Answers of this person since midnight UTC."""
    lesson: Lesson | None = None
    """In training, after a gold item: what the answer is."""


class Undone(Reply):
    """`DELETE /projects/P/answers/SEQ?key=UUID`: the answer is withdrawn, the item is this person's again."""

    seq: int
    """Place of the withdrawal."""
    answer: int
    """The answer that was taken back."""
    task: Task | None = None
    """The item under a new lease; None when somebody else has it by now."""
