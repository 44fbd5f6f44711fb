"""What travels over HTTP: one model for each request and response, the single source of the UI's types.

Rules of the wire. Shares and accuracies are fractions in [0, 1]; `at` and other instants are UTC microseconds;
durations say their unit in the name. A figure that was estimated is an `Estimate` and always wears its interval. What
a person reads as a sentence is written here, in Python (`measure/words.py`), so that browser, CLI and report say the
same; the UI's own catalogue holds only labels of controls. Requests refuse unknown fields. Each model names its route
(under `/api/v1`) where it is the body of one.

>>> Estimate(value=0.9, low=0.87, high=0.93, n=420).n
420
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from querist.types import ItemKind, Lane, Outcome, Phase, Source

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


# --- shared parts ----------------------------------------------------------------------------------------------------


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


# --- people ----------------------------------------------------------------------------------------------------------


class SignIn(Ask):
    """`POST /session`: name and password, or a one-time token from a sign-in link; answers with `Me`."""

    name: Token = ""
    """Account name; the first one is `admin`."""
    password: Token = ""
    """Its password."""
    token: Token = ""
    """One-time token; then name and password stay empty."""


class PasswordChange(Ask):
    """`PUT /me/password`: answers with `Me`; other sessions end. 204 is never used, bodies are always JSON."""

    old: Token
    """Present password; empty is accepted in a session that began with a one-time link."""
    new: Annotated[str, Field(min_length=10, max_length=200)]
    """New password, at least 10 characters."""


class Me(Reply):
    """`GET /me`: who is signed in."""

    id: str
    """Pseudonym, `p_…`, as it stands in the ledger."""
    name: str
    """Name for people to read."""
    role: Role
    """What the person may do in this installation."""
    csrf: str
    """Goes back in the header `X-CSRF-Token` of every POST, PUT, PATCH and DELETE."""
    must_change_password: bool = False
    """The first password is still in force."""
    version: str = ""
    """Version of Querist."""


# --- projects --------------------------------------------------------------------------------------------------------


class Point(Reply):
    """One point of a learning curve."""

    labels: int
    """Training labels."""
    value: float
    """The metric at that size."""
    low: float
    """Lower end of its interval."""
    high: float
    """Upper end of its interval."""
    model: str | None = None
    """The model that people see as `m7`; None for shadow models."""


class ProjectRow(Reply):
    """One project of the list."""

    id: str
    """Project id."""
    name: str
    """Project name."""
    kind: ItemKind
    """Kind of its items."""
    task: str
    """Kind of label, `single_label` say."""
    classes: int
    """How many classes it has."""
    accuracy: Estimate | None = None
    """Of the last model; None while it is too early to say."""
    quality: str
    """"90 % correct", or "Accuracy: too early. 32 of 50 evaluation labels."."""
    between: str = ""
    """"between 87 and 93 %", or nothing."""
    curve: list[Point] = []
    """At most 40 points of the active curve, for the small picture."""
    labelled: int
    """Training labels."""
    happening: str
    """"Querist would stop here", "8 more answers to the first model", …"""
    tone: Literal["good", "act", "warn", "bad", "mute"] = "mute"
    """Colour of that state."""
    last_answer_at: Micros | None = None
    """When the last answer came."""


class Projects(Reply):
    """`GET /projects`: the projects that the person may open, the last used first."""

    projects: list[ProjectRow]
    """One row each."""
    may_create: bool = False
    """Whether the person may make new ones."""


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


class Example(Ask):
    """An example in the guidelines."""

    text: Annotated[str, Field(max_length=1000)]
    """A quotation; empty when it is an item of the project."""
    item: str | None = None
    """The item that is shown instead of a quotation."""
    good: bool = True
    """False: looks like this class and is not."""
    instead: str | None = None
    """The class it really is, where `good` is false."""


class ClassGuide(Ask):
    """What belongs into a class."""

    definition: Annotated[str, Field(max_length=2000)] = ""
    """In one or two sentences."""
    examples: Annotated[list[Example], Field(max_length=20)] = []
    """Few are read, many are not."""


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


class Guidelines(Reply):
    """What people are told."""

    version: int
    """0 as created; goes into each answer."""
    text: str
    """The rule in general, plain text."""
    classes: dict[str, ClassGuide]
    """By class."""
    changed_at: Micros | None = None
    """When this version came into force."""


class GuidelinesChange(Ask):
    """`PUT /projects/P/guidelines`: answers with `Guidelines`."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    text: Text
    """The rule in general, plain text."""
    classes: dict[str, ClassGuide]
    """By class; a class that is not declared is refused."""


class Cost(Reply):
    """What a label costs; turns every count into money and hours."""

    per_label: float
    """0: not set."""
    currency: str
    """ISO 4217."""
    seconds_per_label: float
    """As set in the project, else the measured median of active time; 0: unknown."""


class Project(Reply):
    """`GET /projects/P`: what does not change while people label."""

    id: str
    """Project id."""
    name: str
    """Project name."""
    kind: ItemKind
    """Kind of its items."""
    task: str
    """Kind of label, `single_label` say."""
    task_settings: dict[str, Any] = {}
    """Those of the kind of label: unit and range of a number, say."""
    classes: list[str]
    """In the order of their keys."""
    frequent: list[str] = []
    """Classes that people gave most often, the most frequent first."""
    question: str
    """Stands above the answers."""
    mode: Literal["batch", "continuous"]
    """Whether people wait for the model between batches."""
    opinions: int
    """How many people answer each item."""
    guidelines: Guidelines
    """Those in force."""
    cost: Cost
    """Price and time of a label."""
    budget: int | None = None
    """Labels at most."""
    target: float | None = None
    """Accuracy at which to stop."""
    strategy: str
    """As set: a name or `auto`."""
    learner: str
    """The model's recipe."""
    break_minutes: int = 45
    """When the labelling screen proposes a break; 0: never."""
    skip_reasons: list[str]
    """Offered when an item is skipped."""
    may: list[Literal["label", "review", "manage"]]
    """What this person may do here."""
    settings: dict[str, Any] = {}
    """The whole spec as `querist.toml` has it, for reading; secrets left out."""


class Filter(Ask):
    """One filter of `rules.where`: what it leaves out does not bind."""

    column: Name
    """A field of the items, `group`, `cost`, `length` of a text, `cluster`, or `predicted_class`."""
    is_: Annotated[list[str] | None, Field(alias="is", max_length=200)] = None
    """Any of these values."""
    not_: Annotated[list[str] | None, Field(alias="not", max_length=200)] = None
    """None of these."""
    at_least: float | None = None
    """Numbers from here."""
    at_most: float | None = None
    """Numbers up to here."""


class ProjectChange(Ask):
    """`PATCH /projects/P`: what is left out stays; answers with `Project`."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    name: Name | None = None
    """New name."""
    question: Annotated[str, Field(max_length=300)] | None = None
    """What people are asked."""
    budget: Annotated[int, Field(ge=0)] | None = None
    """Labels at most; 0 takes the rule away."""
    target: Annotated[float, Field(ge=0, le=1)] | None = None
    """Accuracy at which to stop; 0 takes the rule away."""
    cost_per_label: Annotated[float, Field(ge=0)] | None = None
    """Price of one label; 0 hides money."""
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None
    """ISO 4217."""
    seconds_per_label: Annotated[float, Field(ge=0)] | None = None
    """0 takes the measured time."""
    strategy: Name | None = None
    """A registered name or `auto`."""
    opinions: Annotated[int, Field(ge=1, le=20)] | None = None
    """How many people answer each item."""
    prefill: Literal["off", "shown", "after"] | None = None
    """When people see the model's guess."""
    blind_share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the items that never show a guess."""
    show_reasons: bool | None = None
    """Whether people are told why an item was asked."""
    break_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    """When a break is proposed; 0: never."""
    where: Annotated[list[Filter], Field(max_length=20)] | None = None
    """Filters on what the strategy may ask, all of which must pass; an empty list takes them away."""


class ClassChange(Ask):
    """`POST /projects/P/classes`: rename, add or merge; answers with `Project`. Old answers are untouched."""

    key: UUID
    """Client's UUID: the same change twice is one."""
    operation: Literal["rename", "add", "merge", "split"]
    """`merge` reads the answers of several classes as one; `split` asks again about what was of one class."""
    before: Annotated[list[Name], Field(max_length=200)] = []
    """The class as it is called now; empty for `add`, two or more for `merge`."""
    after: Annotated[list[Name], Field(min_length=1, max_length=200)]
    """As it shall be called; two or more names for `split`."""


# --- labelling -------------------------------------------------------------------------------------------------------


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


# --- items -----------------------------------------------------------------------------------------------------------


class AnswerView(Reply):
    """One answer as reviewers see it."""

    seq: int
    """Its place in the ledger."""
    at: Micros
    """When it was recorded."""
    person: str
    """Name, or A, B, C while opinions are blind."""
    mine: bool
    """Whether it is the reader's own."""
    outcome: Outcome
    """What it amounts to."""
    value: Any
    """The label, or null."""
    unsure: bool
    """The person said "not sure"."""
    reason: str | None
    """Of a skip."""
    source: Source
    """Where it came from."""
    active_ms: int | None
    """Active time."""
    guideline: int | None
    """Version that was in view."""
    bulk: bool = False
    """Given to several items at a stroke."""
    live: bool
    """Neither withdrawn nor replaced."""


class ItemRow(Reply):
    """One item of a list."""

    item: str
    """Item id."""
    content: Content
    """Texts are cut to 300 characters."""
    state: ItemState
    """Where it stands."""
    value: Any = None
    """Its label, if it has one."""
    answers: int
    """Live answers."""
    unsure: bool = False
    """Somebody was not sure."""
    person: str | None = None
    """Who answered last."""
    at: Micros | None = None
    """When."""


class ItemPage(Reply):
    """`GET /projects/P/items?q=&state=&class=&person=me&cursor=&limit=`: newest answers first."""

    items: list[ItemRow]
    """At most `limit` (default 50, at most 200)."""
    next: str | None
    """Cursor of the next page."""
    total: int | None
    """Matches in all, where that is cheap to know."""


class Item(Reply):
    """`GET /projects/P/items/I`."""

    item: str
    """Item id."""
    content: Content
    """Whole."""
    state: ItemState
    """Where it stands."""
    value: Any = None
    """Its label, if it has one."""
    group: str | None = None
    """Document, patient, video … that it belongs to."""
    copies: int = 1
    """Exact duplicates that were merged into it."""
    answers: list[AnswerView]
    """All of them, the newest first; withdrawn ones too."""


class WhyRecord(Reply):
    """`GET /projects/P/items/I/why`: the whole record of why the item was chosen. Hidden for evaluation items."""

    item: str
    """Item id."""
    sentence: str
    """As on the labelling screen."""
    hidden: bool
    """True: an evaluation item, everything below is null."""
    lane: Lane | None = None
    """Which share of the labels it belongs to."""
    strategy: str | None = None
    """Name of the strategy that chose it; null for items drawn by lot."""
    score: float | None = None
    """Higher means: ask sooner."""
    rank: int | None = None
    """Place in its batch, from 1."""
    of: int | None = None
    """Items that could have been chosen."""
    probability: float | None = None
    """Chance of selection; null where the strategy draws no lots, and for items drawn by lot (the same for each)."""
    round: int | None = None
    """Round of the batch."""
    model: str | None = None
    """Model that scored it."""
    dataset: str | None = None
    """Data set that the model was trained on."""
    at: Micros | None = None
    """When the batch was chosen."""
    evidence: str = ""
    """Why this strategy, where a policy chose it."""


class HistoryEntry(Reply):
    """One thing that happened to an item."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    kind: str
    """Kind of event."""
    who: str
    """Person's name, or "Querist"."""
    sentence: str
    """"Anna answered Refund, not sure"."""


class History(Reply):
    """`GET /projects/P/items/I/history`: oldest first."""

    item: str
    """Item id."""
    entries: list[HistoryEntry]
    """Everything that the ledger says of it."""


# --- the overview ----------------------------------------------------------------------------------------------------


class Verdict(Reply):
    """The one sentence of the page."""

    headline: str
    """"90 % correct," or "Too early to say"."""
    between: str
    """"between 87 % and 93 %", or nothing."""
    lead: str
    """What it was measured on, and what may be promised."""
    early: bool
    """Fewer evaluation answers than a sentence about accuracy needs."""


class Advice(Reply):
    """Stop or go on: Querist advises, people decide."""

    kind: Literal["early", "go_on", "stop", "stopped", "failed"]
    """`stopped`: it has been stopped, by a rule or a person."""
    sentence: str
    """"Querist would stop here."."""
    detail: str
    """The reasons in one or two sentences."""


class Counts(Reply):
    """Answers and items, as running sums of the ledger."""

    items: int
    """In the pool, withdrawn ones left out."""
    labelled: int
    """Training items with a label."""
    evaluation: int
    """Evaluation items with a label, or rows of the evaluation file."""
    answers: int
    """Live answers that cost a person time: imports and oracles left out."""
    imported: int
    """Labels that came with the data."""
    skipped: int
    """Live skips."""
    unanswerable: int
    """Items that nobody could answer."""
    disputed: int = 0
    """Items that wait for a decision."""
    today: int
    """Answers since midnight UTC, by all."""
    rejected: int = 0
    """Rows set aside at import."""
    duplicates: int = 0
    """Exact duplicates merged at import."""
    budget: int | None = None
    """Labels at most."""


class Spent(Reply):
    """What the answers cost so far; money is null while no price is set."""

    currency: str
    """ISO 4217."""
    per_label: float
    """Price of one label; 0: not set."""
    seconds_per_label: float
    """As set, else measured; 0: unknown."""
    money: float | None
    """`answers` times price, evaluation included."""
    of: float | None
    """Price of the whole budget."""
    hours: float | None
    """Active time of all answers; estimated from `seconds_per_label` where it was not measured."""


class LaneShare(Reply):
    """How the labels are shared out."""

    lane: Lane
    """Which."""
    name: str
    """In words: "query", "second opinion"."""
    share: float
    """Of the answers so far."""
    wanted: float
    """As the settings have it now."""
    answers: int
    """So many answers."""


class Queue(Reply):
    """What waits for people."""

    ready: int
    """Items in the queue that nobody has."""
    out: int
    """Items out with people."""
    people: int
    """Persons who hold any."""
    filled_at: Micros | None
    """When the last batch was chosen."""
    sentence: str
    """"Refilled 2 min ago, lasts about 6 min"."""


class ModelNow(Reply):
    """The model in service."""

    name: str
    """As people see it: `m31`."""
    id: str
    """Its hash."""
    number: int
    """31."""
    labels: int
    """Trained on so many."""
    trained_at: Micros
    """When."""
    seconds: float
    """How long training took."""


class Doing(Reply):
    """What the engine does at this moment."""

    step: Literal["idle", "features", "select", "freeze", "train", "evaluate", "decide", "stopped", "failed"]
    """`idle`: waits for answers."""
    sentence: str
    """"Training number 32", "Waiting for 8 more answers"."""
    detail: str
    """"About 9 s left. People go on with model 31."."""
    progress: float | None
    """0 to 1; of the step, or of the answers to the next training."""
    seconds: float | None
    """Estimated time left."""


class Worker(Reply):
    """The process that trains."""

    alive: bool
    """A heartbeat came within 30 s."""
    heartbeat_at: Micros | None
    """The last one."""
    sentence: str
    """"Worker running", or what to do when it is not."""


class Now(Reply):
    """The part of the status that moves: also the data of each live event."""

    seq: int
    """Head of the ledger."""
    phase: Phase
    """Where the loop stands."""
    round: int
    """Round that is being labelled."""
    doing: Doing
    """What the engine does."""
    model: ModelNow | None
    """None before the first one."""
    queue: Queue
    """What waits for people."""
    worker: Worker
    """The process that trains."""
    counts: Counts
    """Answers and items."""


class FeedEntry(Reply):
    """One line of the latest events."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    sentence: str
    """"Anna answered"."""
    detail: str
    """"Transfer, not sure"."""


class LiveEvent(Reply):
    """One message of `GET /projects/P/events` (server-sent events, `id:` = seq, `event: now`)."""

    now: Now
    """State after the event, or after a step moved on."""
    feed: list[FeedEntry]
    """What happened since the last message, newest first; at most 20."""
    changed: list[
        Literal["status", "curves", "rounds", "classes", "calibration", "slices", "timing", "project", "questions"]
    ]
    """What is worth reading again."""


class Notice(Reply):
    """A fallback, alarm or failure that must not be silent."""

    seq: int
    """Place in the ledger."""
    at: Micros
    """When."""
    kind: Literal["fallback", "alarm", "failure"]
    """What it is."""
    round: int
    """Since which round."""
    sentence: str
    """"Asked at random: the model gives no probabilities."."""
    live: bool
    """Still so."""


class Default(Reply):
    """A setting that Querist chose, and why."""

    name: str
    """As in `querist.toml`: `loop.batch`."""
    value: str
    """In words: "50 items"."""
    sentence: str
    """Why."""


class StopRule(Reply):
    """What one stopping rule says."""

    rule: str
    """Registered name."""
    name: str
    """In words: "Target 85 %"."""
    verdict: Literal["stop", "go_on", "look", "early"]
    """`look`: something to be looked at; `early`: too little data."""
    evidence: str
    """The reason with its figures."""
    decides: bool
    """False: shown as evidence only, it would not stop the project."""


class Stopped(Reply):
    """The project has been stopped."""

    by: str
    """A person's name, or the rule in words."""
    at: Micros
    """When."""
    sentence: str
    """"Stopped at 1,240 labels, on the target rule. 90 % correct, between 87 % and 93 %."."""


class Prefill(Reply):
    """How much oftener people say what the model says where they see its guess."""

    mode: Literal["off", "shown", "after"]
    """As set now."""
    seen: Estimate
    """Agreement where the guess was seen before the answer."""
    blind: Estimate
    """Agreement where it was not."""
    shift: Estimate | None
    """The difference; None while it is too early."""
    sentence: str
    """The same in words."""


class Weighted(Reply):
    """How good the last model that chose is, by the labels that it chose."""

    state: Literal["shown", "refused"]
    """`refused`: items had no chance of being chosen, or too few were."""
    sentence: str
    """The estimate, or why there is none."""
    estimate: Estimate | None
    """Share that is right; of `of` items."""
    model: str | None
    """The model that is measured."""
    of: int | None
    """Items that were unlabelled when it chose."""


class HealthCheck(Reply):
    """One thing that may have changed."""

    check: str
    """Its name in the ledger, `labels`."""
    name: str
    """Its name for people."""
    state: Literal["alarm", "quiet", "not_tested"]
    """Alarms are false in fewer than 5 of 100 projects, all together, over their whole life."""
    sentence: str
    """What was found, or why it was not tested."""


class Changes(Reply):
    """Has something changed? The last look."""

    state: Literal["early", "quiet", "alarm"]
    """`early`: nothing could be compared yet."""
    sentence: str
    """All of it in one sentence."""
    at: int | None
    """When it was looked, UTC microseconds."""
    look: int
    """The number of the look; 0 before the first."""
    checks: list[HealthCheck]
    """Alarms first."""
    next_at: int | None
    """When a project that has stopped is checked next."""


class Status(Reply):
    """`GET /projects/P/status`: the first screen of the overview, and `querist status --json`."""

    project: str
    """Project id."""
    name: str
    """Project name."""
    verdict: Verdict
    """How good."""
    accuracy: Estimate | None
    """Of the last model on evaluation items; None while early."""
    advice: Advice
    """Whether it is worth going on."""
    stopped: Stopped | None
    """Set while it is stopped."""
    rules: list[StopRule]
    """All rules, also those that say go on."""
    spent: Spent
    """Money and hours."""
    lanes: list[LaneShare]
    """How the labels are shared out."""
    now: Now
    """What moves."""
    feed: list[FeedEntry]
    """The latest 20 events, newest first."""
    prefill: Prefill | None = None
    """What showing the model's guess does to answers; None where it is not shown."""
    notices: list[Notice]
    """Fallbacks, alarms and failures, newest first."""
    health: Changes
    """Whether something has changed."""
    weighted: Weighted | None
    """Of the labels that the strategy chose; None where nothing learns."""
    defaults: list[Default]
    """Settings that were not set by hand, explained."""
    strategy: str
    """In force now, `margin`; the policy's choice when the setting is `auto`."""


class Curve(Reply):
    """A learning curve; it ends where measuring ends."""

    name: str
    """"Active model", "Random labelling"."""
    points: list[Point]
    """By growing `labels`; empty until there is something to draw."""
    ends: str
    """Why it ends there: "random is measured to here, from 186 control and 420 evaluation labels; …"."""


class Settle(Reply):
    """Labels where the two models disagree, which settle an undecided comparison."""

    state: Literal["none", "offer", "asked", "open", "settled"]
    """`offer`: a manager may ask for them; `asked`: the worker looks for them; `open`: they are out."""
    sentence: str
    """What they settled, or how far they are."""
    done: int
    """Answers so far."""
    of: int
    """Items asked."""


class Comparison(Reply):
    """Better than random? At equal numbers of labels."""

    state: Literal["missing", "undecided", "better", "worse", "no_gain"]
    """`missing`: too few evaluation answers; `no_gain`: no useful gain is visible (amber); `worse`: the alarm."""
    sentence: str
    """"Better than random: +4.1 points (+0.5 to +7.7) at 222 labels."."""
    detail: str
    """What would settle it; what was switched."""
    missing: int
    """Evaluation answers still missing before anything may be said; 0 otherwise."""
    at: int | None
    """The number of labels at which it was compared."""
    difference: Estimate | None
    """Active minus random, as a fraction (0.041 = 4.1 points)."""
    active: float | None
    """Accuracy of the active model there."""
    random: float | None
    """Accuracy of random labelling there."""
    visible: float | None
    """The smallest difference that could have been seen, as a fraction."""
    settle: Settle
    """What would settle it."""


class Saved(Reply):
    """Labels saved at equal accuracy, inside the measured range."""

    state: Literal["missing", "unclear", "saved", "lost"]
    """`unclear`: the interval holds 0."""
    sentence: str
    """"Labels saved: not measurable yet (between 160 lost and 190 saved)."."""
    detail: str
    """Where it was measured, and that nothing is claimed beyond."""
    gross: Estimate | None
    """By the strategy alone, in labels."""
    net: float | None
    """Less the evaluation labels that prove it."""
    net_sentence: str
    """"Net of the evaluation labels: −83 so far."."""
    proof: int
    """Evaluation labels so far."""
    random_labels: int | None
    """Labels that random labelling needed, m*."""
    active_labels: float | None
    """Labels that this project needed for the same accuracy."""
    accuracy: float | None
    """That accuracy."""


class Curves(Reply):
    """`GET /projects/P/curves`: is it better than random labelling?"""

    metric: str
    """Registered name, `accuracy`."""
    axis: str
    """"Correct on the evaluation items, %"."""
    active: Curve
    """Of the project's models, on all evaluation answers so far."""
    random: Curve
    """Of shadow models, cross-fitted over control and evaluation items."""
    comparison: Comparison
    """The answer."""
    saved: Saved
    """Labels saved."""
    evaluation: int
    """Evaluation answers so far."""
    needed: dict[Literal["curve", "accuracy", "comparison"], int]
    """Evaluation answers needed for a curve (10), an accuracy (50), a comparison (100)."""
    missing: str
    """"Too early: 32 of 50 evaluation labels.", or nothing."""


class Round(Reply):
    """One round."""

    round: int
    """Its number."""
    at: Micros
    """When its model was trained, else when its batch was chosen."""
    labels: int
    """Training labels of its data set."""
    strategy: str
    """That chose its batch."""
    reason: str
    """Why this strategy."""
    accuracy: Estimate | None
    """Of its model, re-scored on all evaluation answers so far."""
    calibration_error: float | None
    """After calibration."""
    median_ms: float | None
    """Median active time per answer in this round."""
    train_seconds: float | None
    """How long training took."""
    model: str | None
    """`m31`."""
    dataset: str | None
    """Hash of the data set."""
    lanes: dict[str, int]
    """Picks by lane."""
    notices: list[str]
    """Fallbacks and failures."""


class Rounds(Reply):
    """`GET /projects/P/rounds?cursor=`: newest first."""

    rounds: list[Round]
    """At most 100."""
    next: str | None
    """Cursor of the next page."""


class ClassRow(Reply):
    """One class."""

    name: str
    """The class."""
    labels: int
    """Training labels."""
    share: float
    """Of the training labels."""
    pool: Estimate | None
    """Share in the pool, from control and evaluation answers; None while too early."""
    recall: Estimate | None
    """Found by the last model, on evaluation items of this class."""
    sentence: str
    """"No example of fraud among the 200 evaluation items: its recall is unknown.", or nothing."""


class Classes(Reply):
    """`GET /projects/P/classes`."""

    sentence: str
    """"Refund is thin: 65 labels."."""
    classes: list[ClassRow]
    """In the order of their keys."""


class Slice(Reply):
    """Evaluation items that share a value, and how many of them the model gets right."""

    column: str
    """`class` is the true class; else a field, `group`, `cost`, `length` or `cluster`."""
    value: str
    """The value in words."""
    right: Estimate
    """Share that is right; the intervals hold for all slices together."""
    below: bool
    """The whole interval lies under the share over all items."""
    where: Filter | None
    """The filter that asks for more of it."""


class Confusion(Reply):
    """Counts of the measured items; `counts[i][j]` are of true class i and predicted class j."""

    classes: list[str]
    """Their names."""
    counts: list[list[int]]
    """A row for each true class."""


class Slices(Reply):
    """`GET /projects/P/slices`: where is it weak?"""

    sentence: str
    """"Class refund: 41 % right of 22, against 83 % of all."."""
    n: int
    """Evaluation items with an answer."""
    slices: list[Slice]
    """The weakest first; empty while it is too early."""
    confusion: Confusion | None
    """Of one class for each item; null for other kinds of label."""
    where: list[Filter]
    """The filters in force."""


class Bin(Reply):
    """One bar of the reliability diagram."""

    certainty: float
    """What the model said on average."""
    correct: Estimate
    """How often it was right."""


class Calibration(Reply):
    """`GET /projects/P/calibration`: can its certainty be trusted?"""

    state: Literal["missing", "good", "poor"]
    """`missing`: too few answers."""
    sentence: str
    """"Yes. What it says is 2 points off on average (9 before calibration)."."""
    bins: list[Bin]
    """On evaluation items, after calibration; empty when missing."""
    before: float | None
    """Expected calibration error without the temperature."""
    after: float | None
    """With it."""
    method: str
    """"temperature", or why there is none."""
    parameters: dict[str, float]
    """{"temperature": 1.7}."""
    n: int
    """Evaluation items."""


class TimeBin(Reply):
    """One bar of the histogram."""

    low: float
    """Seconds from."""
    high: float | None
    """Seconds to; None: and longer."""
    n: int
    """Answers."""


class Timing(Reply):
    """`GET /projects/P/timing`: seconds per label, by active time."""

    sentence: str
    """"About 780 labels an hour of active time.", or "too early to say"."""
    n: int
    """Answers with a measured time."""
    median_ms: float | None
    """Half take less."""
    per_hour: float | None
    """Answers in an hour of active time."""
    bins: list[TimeBin]
    """The histogram."""


# --- commands --------------------------------------------------------------------------------------------------------


class Command(Ask):
    """`POST /projects/P/commands/{retrain,stop,resume,settle,check}`: answers with `Done`."""

    key: UUID
    """Client's UUID: the same command twice is one."""
    reason: Annotated[str, Field(max_length=500)] = ""
    """Goes into the ledger."""


class Health(Reply):
    """`GET /health`: 200 while requests can be served."""

    status: Literal["ok"]
    """Always so; a server that cannot say it does not answer."""
    version: str
    """Version of Querist."""
    worker: bool
    """Whether a worker's heartbeat is fresh."""
