"""A stand-in for the server, for working on the pages: no engine, no store, invented figures. Never shipped.

    python ui/dev/mock.py --port 8799          serve the built pages and a pretended API
    python ui/dev/mock.py --openapi FILE       write the API description that the pages' types are made from

Projects: `digits` (images), `topics` (text, with everything measured), `intents` (77 classes), `wine` (table rows),
`fresh` (no answer yet), `stopped`, `failed`, `waiting` (the queue is empty). `--fail 0.3` refuses requests by chance,
`--slow 0.5` answers late.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Query, Request, Response, UploadFile
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from sklearn.datasets import load_digits, load_wine

from querist.server.schemas.accounts import Me, PasswordChange, SignIn
from querist.server.schemas.creation import Column, Inspection, ProjectCreate, Rejected
from querist.server.schemas.figures import (
    Bin,
    Calibration,
    Classes,
    ClassRow,
    Comparison,
    Curve,
    Curves,
    Round,
    Rounds,
    Saved,
    Settle,
    TimeBin,
    Timing,
)
from querist.server.schemas.items import AnswerView, History, HistoryEntry, Item, ItemPage, ItemRow, WhyRecord
from querist.server.schemas.labelling import (
    AnswerForm,
    AnswerReceipt,
    Content,
    LeaseReply,
    NextReply,
    NextRequest,
    Task,
    Undone,
    Waiting,
    WhyShort,
)
from querist.server.schemas.projects import (
    ClassChange,
    ClassGuide,
    Command,
    Cost,
    Example,
    Guidelines,
    GuidelinesChange,
    Point,
    Project,
    ProjectChange,
    ProjectRow,
    Projects,
)
from querist.server.schemas.status import (
    Advice,
    Counts,
    Default,
    Doing,
    FeedEntry,
    LaneShare,
    LiveEvent,
    ModelNow,
    Notice,
    Now,
    Queue,
    Spent,
    Status,
    Stopped,
    StopRule,
    Verdict,
    Worker,
)
from querist.server.schemas.wire import Done, Error, Estimate, Health, ItemState

STATIC = Path(__file__).parents[2] / "src/querist/server/static"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ERRORS: dict[int | str, dict[str, Any]] = {n: {"model": Error} for n in (400, 401, 403, 404, 409, 413, 422, 429)}
CHANCE = {"fail": 0.0, "slow": 0.0}

TOPICS = ["Card payment", "Cash withdrawal", "Transfer", "Refund", "Top-up", "Exchange rate", "Identity check"]
TOPICS.append("Something else")
TEXTS = [
    "I paid the hotel on Friday and the money left my account straight away, but they tell me nothing has arrived. In "
    "the app it still says pending. Do I have to pay again, or will it come back by itself?",
    "Why was I charged twice at the petrol station?",
    "How do I change my PIN abroad?",
    "Is my money safe if you close down?",
    "لماذا تم رفض بطاقتي في المتجر أمس؟",
    "The passport photo is refused every single time. <b>I am at my wits' end</b> & the branch is closed.",
    "My sister sent me 200 and it says reversed, can I get it back to her without paying the fee a second time?",
    "Why did the machine give me 80 when I asked for 100?",
    "You charged me in dollars although the shop is in Lyon.",
    "Can my son have his own card?",
]
INTENTS = """Activate my card|Age limit|Apple Pay or Google Pay|ATM support|Automatic top up|Balance not updated after
bank transfer|Balance not updated after cheque or cash deposit|Beneficiary not allowed|Cancel transfer|Card about to
expire|Card acceptance|Card arrival|Card delivery estimate|Card linking|Card not working|Card payment fee charged|Card
payment not recognised|Card payment wrong exchange rate|Card swallowed|Cash withdrawal charge|Cash withdrawal not
recognised|Change PIN|Compromised card|Contactless not working|Country support|Declined card payment|Declined cash
withdrawal|Declined transfer|Direct debit payment not recognised|Disposable card limits|Edit personal details|Exchange
charge|Exchange rate|Exchange via app|Extra charge on statement|Failed transfer|Fiat currency support|Get disposable
virtual card|Get physical card|Getting spare card|Getting virtual card|Lost or stolen card|Lost or stolen phone|Order
physical card|Passcode forgotten|Pending card payment|Pending cash withdrawal|Pending top up|Pending transfer|PIN
blocked|Receiving money|Refund not showing up|Request refund|Reverted card payment|Supported cards and
currencies|Terminate account|Top up by bank transfer charge|Top up by card charge|Top up by cash or cheque|Top up
failed|Top up limits|Top up reverted|Topping up by card|Transaction charged twice|Transfer fee charged|Transfer into
account|Transfer not received by recipient|Transfer timing|Unable to verify identity|Verify my identity|Verify source
of funds|Verify top up|Virtual card not working|Visa or Mastercard|Why verify identity|Wrong amount of cash
received|Wrong exchange rate for cash withdrawal"""
QUESTIONS = {"digits": "Which digit is this?", "topics": "What is this customer asking about?"}
QUESTIONS |= {"intents": "Which of the 77 intents is this?", "wine": "Which cultivar is this?"}
CLASSES = {
    "digits": [str(i) for i in range(10)],
    "topics": TOPICS,
    "intents": [" ".join(name.split()) for name in INTENTS.split("|")],
    "wine": ["class 0", "class 1", "class 2"],
}
NAMES = {"digits": "Handwritten digits", "topics": "Support topics", "intents": "Intents", "wine": "Wine"}
NAMES |= {"fresh": "New reviews", "stopped": "Discharge letters", "failed": "Chest notes", "waiting": "Better replies"}
KINDS: dict[str, Any] = {"digits": "image", "wine": "row"}


def now() -> int:
    return time.time_ns() // 1000


class Pretence:
    """What the pretended server remembers of one project."""

    def __init__(self, name: str) -> None:
        self.id = name
        self.kind = KINDS.get(name, "text")
        self.classes = list(CLASSES.get(name, TOPICS))
        self.question = QUESTIONS.get(name, "Which class is this?")
        self.name = NAMES[name]
        self.seq = 4_000
        self.by_key: dict[str, AnswerReceipt] = {}
        self.answers: dict[int, tuple[str, AnswerForm]] = {}
        self.given: set[str] = set()
        self.leases: dict[str, str] = {}
        self.before = {"digits": 87, "topics": 212, "intents": 53, "fresh": 0}.get(name, 20)
        self.guide = guidelines(self)
        self.cost = Cost(per_label=1.2 if name == "topics" else 0, currency="USD", seconds_per_label=4.6)
        self.stopped = name == "stopped"
        self.fell = name != "fresh"

    @property
    def today(self) -> int:
        return self.before + len(self.answers)

    def content(self, item: str) -> Content:
        number = int(item[1:])
        if self.kind == "image":
            grey = 255 - (DIGITS[number % len(DIGITS)] * 255 / 16)
            value = {"pixels": grey.round().astype(int).tolist(), "width": 8, "height": 8}
            return Content(kind="image", value=value)
        if self.kind == "row":
            row = WINE.data[number % len(WINE.data)]
            return Content(kind="row", value={"fields": dict(zip(WINE.feature_names, row.tolist(), strict=True))})
        return Content(kind="text", value={"text": TEXTS[number % len(TEXTS)]})

    def why(self, item: str) -> WhyShort:
        number = int(item[1:])
        if self.id == "fresh":
            sentence = "Typical of a group of 310 similar messages."
            return WhyShort(sentence=sentence, detail="coverage · rank 3 of 5,120 · round 1")
        if number % 4 == 3:
            return WhyShort(sentence="One of the items that check model and labels.")
        sentence = "Asked because the model’s two likeliest classes are only 3 points apart."
        return WhyShort(sentence=sentence, detail=f"margin · rank {number + 1} of 9,214 · round 32")

    def task(self, item: str) -> Task:
        lease = f"l{item}-{random.randrange(10**6)}"
        self.leases[lease] = item
        content, why = self.content(item), self.why(item)
        return Task(lease=lease, expires_at=now() + 600_000_000, item=item, content=content, why=why)

    def next(self, ask: NextRequest) -> list[Task]:
        if self.id in {"waiting", "stopped"}:
            return []
        wanted = max(0, ask.n - len(ask.held))
        answered = {form.item for _, form in self.answers.values()}
        held = {self.leases.get(lease) for lease in ask.held}
        fresh = (f"i{n}" for n in range(100_000) if f"i{n}" not in answered | held)
        return [self.task(next(fresh)) for _ in range(wanted)]


DIGITS = load_digits().images
WINE = load_wine()


def guidelines(project: Pretence) -> Guidelines:
    if project.id != "topics":
        text = "What did the writer mean? If two are equally likely, answer with the likelier one as “not sure”."
        return Guidelines(version=1, text=text if project.id == "digits" else "", classes={})
    definitions = [
        "A payment at a shop, hotel or site: pending, refused, charged twice or not recognised.",
        "Money taken, or not given, by a cash machine.",
        "Money sent to or received from another account.",
        "The customer asks for money back, or waits for it.",
        "Adding money to the own account.",
        "Rates and fees between currencies.",
        "Documents, proof of address, verification.",
        "None of the above; say what in a note.",
    ]
    classes = {name: ClassGuide(definition=text) for name, text in zip(TOPICS, definitions, strict=True)}
    good = Example(text="I paid the hotel on Friday and it is still pending.")
    bad = Example(text="Please send my money back.", good=False, instead="Refund")
    classes["Card payment"].examples = [good, bad]
    text = "Decide by what the customer wants done, not by the words they use."
    return Guidelines(version=3, text=text, classes=classes, changed_at=now() - 2 * 86_400_000_000)


PROJECTS = {name: Pretence(name) for name in NAMES}
app = FastAPI(title="Querist", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
API = "/api/v1"
P = API + "/projects/{project}"


class Refusal(Exception):
    def __init__(self, status: int, error: str, **more: Any) -> None:
        self.status, self.body = status, Error(error=error, **more)


@app.exception_handler(Refusal)
async def refuse(_: Request, error: Refusal) -> JSONResponse:
    return JSONResponse(error.body.model_dump(mode="json"), error.status)


@app.middleware("http")
async def pretend(request: Request, call_next: Any) -> Response:
    if request.url.path.startswith(API):
        await asyncio.sleep(CHANCE["slow"])
        if random.random() < CHANCE["fail"] and "/events" not in request.url.path:
            return JSONResponse({"error": "by chance", "field": None, "value": None, "choices": []}, 503)
        if "session=1" not in request.headers.get("cookie", "") and not request.url.path.endswith("/session"):
            return JSONResponse({"error": "not signed in", "field": None, "value": None, "choices": []}, 401)
    response: Response = await call_next(request)
    response.headers["Content-Security-Policy"] = CSP
    return response


def find(project: str) -> Pretence:
    if project not in PROJECTS:
        raise Refusal(404, f"no project {project!r}", field="project", value=project, choices=list(PROJECTS))
    return PROJECTS[project]


ME = Me(id="p_1", name="Ines Moreau", role="owner", csrf="token", version="0.1.0")


@app.post(API + "/session", responses=ERRORS)
def sign_in(form: SignIn, response: Response) -> Me:
    if not (form.token == "good" or form.password == "querist"):
        raise Refusal(401, "name or password is not right", field="password")
    response.set_cookie("session", "1", httponly=True, samesite="lax")
    return ME


@app.delete(API + "/session", responses=ERRORS)
def sign_out(response: Response) -> Health:
    response.delete_cookie("session")
    return Health(status="ok", version="0.1.0", worker=True)


@app.get(API + "/me", responses=ERRORS)
def me() -> Me:
    return ME


@app.put(API + "/me/password", responses=ERRORS)
def password(form: PasswordChange) -> Me:
    return ME


@app.get(API + "/projects", responses=ERRORS)
def projects() -> Projects:
    return Projects(projects=[project_row(p) for p in PROJECTS.values()], may_create=True)


def project_row(p: Pretence) -> ProjectRow:
    early = p.id in {"fresh", "waiting"}
    curve = [] if early else active_curve(p)
    return ProjectRow(
        id=p.id,
        name=p.name,
        kind=p.kind,
        task="single_label",
        classes=len(p.classes),
        accuracy=None if early else Estimate(value=0.9, low=0.87, high=0.93, n=420),
        quality="Accuracy: too early. 12 of 50 evaluation labels." if early else "90 % correct",
        between="" if early else "between 87 and 93 %",
        curve=curve,
        labelled=p.today if early else 1240 + len(p.answers),
        happening="8 more answers to the first model" if early else "Querist would stop here",
        tone="mute" if early else "good",
        last_answer_at=None if p.id == "fresh" else now() - 240_000_000,
    )


@app.post(API + "/projects/inspect", responses=ERRORS)
def inspect(file: UploadFile) -> Inspection:
    return Inspection(
        upload="u1",
        filename=file.filename or "",
        rows=12_480,
        duplicates=37,
        rejected=[Rejected(line=418, reason="3 cells, expected 4"), Rejected(line=9077, reason="empty text")],
        rejected_count=2,
        columns=[
            Column(name="body", kind="text", distinct=12_443, missing=0, examples=["Arrived late"]),
            Column(name="stars", kind="number", distinct=5, missing=12, examples=["3", "5"]),
            Column(name="date", kind="date", distinct=310, missing=0, examples=["2026-03-04"]),
        ],
        preview=[
            {"body": "Arrived late and the box was open, but the lamp works.", "stars": "3", "date": "2026-03-04"},
            {"body": "Third one I buy. Still the best for reading.", "stars": "5", "date": "2026-03-04"},
        ],
        text="body",
        labels=["positive", "negative", "mixed"],
    )


@app.post(API + "/projects", status_code=201, responses=ERRORS)
def create(form: ProjectCreate) -> Project:
    if not form.sample and len(form.classes) < 2:
        raise Refusal(422, "classes: a project needs at least 2", field="classes", value=str(form.classes))
    return detail(PROJECTS["fresh"])


@app.get(P, responses=ERRORS)
def project(project: str) -> Project:
    return detail(find(project))


def detail(p: Pretence) -> Project:
    return Project(
        id=p.id,
        name=p.name,
        kind=p.kind,
        task="single_label",
        classes=p.classes,
        question=p.question,
        mode="batch" if p.id == "waiting" else "continuous",
        opinions=1,
        guidelines=p.guide,
        cost=p.cost,
        budget=2000,
        target=0.85,
        strategy="auto",
        learner="logistic_regression",
        skip_reasons=["Not in a language I read", "I need to ask somebody", "Too long for now", "Looks broken"],
        may=["label", "review", "manage"],
        settings={"loop": {"mode": "continuous", "batch": 50}, "lanes": {"evaluation": 0.25, "control": 0.2}},
    )


@app.patch(P, responses=ERRORS)
def change(project: str, form: ProjectChange) -> Project:
    p = find(project)
    p.name, p.question = form.name or p.name, form.question or p.question
    if form.cost_per_label is not None:
        p.cost = p.cost.model_copy(update={"per_label": form.cost_per_label})
    return detail(p)


@app.post(P + "/classes", responses=ERRORS)
def classes_change(project: str, form: ClassChange) -> Project:
    p = find(project)
    if form.before and form.before[0] not in p.classes:
        raise Refusal(422, f"unknown class {form.before[0]!r}", field="before", choices=p.classes)
    if form.after[0] in p.classes:
        raise Refusal(409, f"there is a class {form.after[0]!r} already", field="after", value=form.after[0])
    p.classes = [form.after[0] if name in form.before else name for name in p.classes]
    if form.operation == "add":
        p.classes.append(form.after[0])
    return detail(p)


@app.get(P + "/guidelines", responses=ERRORS)
def get_guidelines(project: str) -> Guidelines:
    return find(project).guide


@app.put(P + "/guidelines", responses=ERRORS)
def put_guidelines(project: str, form: GuidelinesChange) -> Guidelines:
    p = find(project)
    p.guide = Guidelines(version=p.guide.version + 1, text=form.text, classes=form.classes, changed_at=now())
    return p.guide


@app.post(P + "/next", responses=ERRORS)
def next_items(project: str, form: NextRequest) -> NextReply:
    p = find(project)
    waiting = None
    if p.id == "waiting":
        waiting = Waiting(
            reason="training",
            sentence="Model 32 is training: about 9 s",
            detail="The next 40 items depend on it.",
            seconds=9,
            progress=0.62,
        )
    if p.id == "stopped":
        waiting = Waiting(reason="stopped", sentence="Stopped at 1,240 labels", detail="On the target rule.")
    first = 8 if p.id == "fresh" else None
    return NextReply(
        tasks=p.next(form), waiting=waiting, answered_today=p.today, labelled=p.today, to_first_model=first
    )


@app.post(P + "/leases/{lease}/heartbeat", responses=ERRORS)
def heartbeat(project: str, lease: str) -> LeaseReply:
    return LeaseReply(lease=lease, expires_at=now() + 600_000_000 if lease in find(project).leases else None)


@app.delete(P + "/leases/{lease}", responses=ERRORS)
def release(project: str, lease: str) -> LeaseReply:
    find(project).leases.pop(lease, None)
    return LeaseReply(lease=lease, expires_at=None)


@app.post(P + "/answers", status_code=201, responses={**ERRORS, 200: {"model": AnswerReceipt}})
def answer(project: str, form: AnswerForm, response: Response) -> AnswerReceipt:
    p = find(project)
    if str(form.key) in p.by_key:
        response.status_code = 200
        return p.by_key[str(form.key)]
    if form.outcome == "answered" and form.value not in p.classes:
        raise Refusal(422, f"“{form.value}” is no longer a class", field="value", value=str(form.value),
                      choices=p.classes)  # fmt: skip
    p.seq += 1
    p.answers[p.seq] = ("Ines", form)
    receipt = AnswerReceipt(key=form.key, seq=p.seq, item=form.item, answered_today=p.today)
    p.by_key[str(form.key)] = receipt
    return receipt


@app.delete(P + "/answers/{seq}", responses=ERRORS)
def undo(project: str, seq: int, key: UUID) -> Undone:
    p = find(project)
    if seq not in p.answers:
        raise Refusal(404, f"no answer {seq}", field="answer", value=str(seq))
    _, form = p.answers.pop(seq)
    p.seq += 1
    return Undone(seq=p.seq, answer=seq, task=p.task(form.item))


@app.get(P + "/items", responses=ERRORS)
def items(
    project: str,
    q: str = "",
    state: ItemState | None = None,
    label: Annotated[str, Query(alias="class")] = "",
    person: str = "",
    cursor: str = "",
    limit: int = 50,
) -> ItemPage:
    p = find(project)
    start = int(cursor or 0)
    rows = [item_row(p, n) for n in range(140)]
    rows = [row for row in rows if q.lower() in json.dumps(row.content.value).lower() or q == row.item]
    rows = [row for row in rows if (not state or row.state == state) and (not label or row.value == label)]
    more = str(start + limit) if start + limit < len(rows) else None
    return ItemPage(items=rows[start : start + limit], next=more, total=len(rows))


def item_row(p: Pretence, number: int) -> ItemRow:
    item = f"i{number}"
    mine = next((f for _, f in reversed(p.answers.values()) if f.item == item), None)
    value = mine.value if mine else (p.classes[number % len(p.classes)] if number % 5 else None)
    return ItemRow(
        item=item,
        content=p.content(item),
        state="labelled" if value else "unlabelled",
        value=value,
        answers=int(value is not None),
        unsure=number % 7 == 1,
        person="Anna" if value else None,
        at=now() - number * 60_000_000 if value else None,
    )


@app.get(P + "/items/{item}", responses=ERRORS)
def item(project: str, item: str) -> Item:
    p = find(project)
    row = item_row(p, int(item[1:]))
    answers = [
        AnswerView(
            seq=seq, at=now(), person="Ines", mine=True, outcome=form.outcome, value=form.value,
            unsure=form.confidence == "unsure", reason=form.reason, source="ui", active_ms=form.active_ms,
            guideline=form.guideline, live=True,
        )
        for seq, (_, form) in p.answers.items()
        if form.item == item
    ]  # fmt: skip
    if row.value and not answers:
        older = AnswerView(
            seq=12, at=now() - 10**9, person="Anna", mine=False, outcome="answered", value=row.value, unsure=row.unsure,
            reason=None, source="ui", active_ms=4100, guideline=3, live=True,
        )  # fmt: skip
        answers = [older]
    return Item(item=item, content=p.content(item), state=row.state, value=row.value, answers=answers[::-1])


@app.get(P + "/items/{item}/why", responses=ERRORS)
def why(project: str, item: str) -> WhyRecord:
    short = find(project).why(item)
    if not short.detail:
        return WhyRecord(item=item, sentence=short.sentence, hidden=True)
    return WhyRecord(
        item=item, sentence=short.sentence, hidden=False, lane="query", strategy="margin", score=0.97, rank=3, of=9214,
        round=32, model="m31", dataset="9f3a51c07e22d8b4", at=now() - 120_000_000,
        evidence="auto: margin since round 2, the model is 41 points better than the largest class",
    )  # fmt: skip


@app.get(P + "/items/{item}/history", responses=ERRORS)
def history(project: str, item: str) -> History:
    entries = [
        HistoryEntry(seq=1, at=now() - 10**10, kind="pool_imported", who="Querist", sentence="Imported"),
        HistoryEntry(seq=9, at=now() - 10**9, kind="batch_selected", who="Querist", sentence="Chosen by margin"),
        HistoryEntry(seq=12, at=now() - 10**8, kind="answer_submitted", who="Anna", sentence="Anna answered"),
    ]
    return History(item=item, entries=entries)


@app.get(P + "/items/{item}/content", responses=ERRORS, response_class=Response)
def media(project: str, item: str) -> Response:
    return Response(b"", 404)


def curve(top: float, start: float, rate: float, sizes: list[int], width: float, seed: int) -> list[Point]:
    noise = random.Random(seed)
    points = []
    for n in sizes:
        value = top - (top - start) * math.exp(-n / rate) + noise.uniform(-0.006, 0.006)
        half = width * math.sqrt(value * (1 - value) / 0.1)
        points.append(Point(labels=n, value=value, low=value - half, high=min(1, value + half)))
    return points


def active_curve(p: Pretence) -> list[Point]:
    return curve(0.9, 0.35, 150, list(range(40, 1241, 40)), 0.028, 1)


def headroom(p: Pretence) -> Now:
    fresh, failed = p.id == "fresh", p.id == "failed"
    training = Doing(
        step="train",
        sentence="Training number 32",
        detail="About 9 s left. People go on with model 31.",
        progress=0.62,
        seconds=9,
    )
    idle = Doing(
        step="idle", sentence="Waiting for 8 more answers", detail="Then the first model trains.", progress=0.6,
        seconds=None,
    )  # fmt: skip
    broken = Doing(
        step="failed", sentence="Model 32 could not be trained",
        detail="Out of memory at 11.2 GB of 12. People go on with model 31; no label is lost.", progress=None,
        seconds=None,
    )  # fmt: skip
    model = ModelNow(name="m31", id="9f3a51c07e22d8b4", number=31, labels=1240, trained_at=now() - 10**9, seconds=3.8)
    return Now(
        seq=p.seq,
        phase="stopped" if p.stopped else "collect",
        round=32,
        doing=idle if fresh else broken if failed else training,
        model=None if fresh else model,
        queue=Queue(
            ready=48, out=9, people=3, filled_at=now() - 120_000_000, sentence="Refilled 2 min ago, lasts about 6 min"
        ),
        worker=Worker(alive=True, heartbeat_at=now(), sentence="Worker running"),
        counts=Counts(
            items=9214, labelled=p.today if fresh else 1240 + len(p.answers), evaluation=0 if fresh else 420,
            answers=1660 + len(p.answers), imported=0, skipped=12, unanswerable=3, disputed=0, today=p.today,
            rejected=2, duplicates=37, budget=2000,
        ),
    )  # fmt: skip


def feed(p: Pretence) -> list[FeedEntry]:
    lines = [
        ("Anna answered", "Transfer"),
        ("Jonas answered", "Refund, not sure"),
        ("Training 32 began", "data set 9f3a"),
        ("Anna answered", "Card payment"),
    ]
    return [
        FeedEntry(seq=p.seq - n, at=now() - n * 3_000_000, sentence=text, detail=more)
        for n, (text, more) in enumerate(lines)
    ]


@app.get(P + "/status", responses=ERRORS)
def status(project: str) -> Status:
    p = find(project)
    fresh = p.id == "fresh"
    verdict = Verdict(
        headline="90 % correct,",
        between="between 87 % and 93 %",
        lead="Measured on 420 messages drawn at random and never trained on. Your target of 85 % is reached: at least "
        "85 %, and this holds however often you look.",
        early=False,
    )
    if fresh:
        lead = "Accuracy: too early. 0 of 50 evaluation labels. The first model trains after 20 answers."
        verdict = Verdict(headline="Too early to say", between="", lead=lead, early=True)
    stopped = None
    if p.stopped:
        stopped = Stopped(
            by="Ines Moreau",
            at=now() - 10**11,
            sentence="Stopped at 1,240 labels by Ines Moreau on 22 November, on the target rule. 90 % correct, between "
            "87 % and 93 %.",
        )
    rules = [
        ("target", "Target 85 %", "stop", "At least 85 % are correct. This holds however often you look."),
        ("settled", "Settled", "stop", "Three rounds in a row changed under 1 % of the predictions. More labels of "
         "this kind will hardly change the model."),
        ("gain", "Last doubling", "go_on", "From 620 to 1,240 labels gained 4.2 points (between 1.5 and 6.9): still "
         "learning."),
        ("classes", "Every class", "look", "Refund is found 78 % of the time (between 61 % and 89 %) and has 65 "
         "labels."),
        ("budget", "Budget", "go_on", "760 labels are left, worth $912."),
    ]  # fmt: skip
    advice = Advice(
        kind="stopped" if p.stopped else "early" if fresh else "failed" if p.id == "failed" else "stop",
        sentence={"fresh": "Go on labelling.", "stopped": "Stopped at 1,240 labels."}.get(
            p.id, "Querist would stop here."
        ),
        detail="Eight more answers, and the first model trains."
        if fresh
        else "The target is reached and the predictions have settled. It still learns a little: the next doubling "
        "would cost $1,488.",
    )
    money = p.cost.per_label
    lanes: list[tuple[Any, str, float, int]] = [("query", "query", 0.58, 963), ("control", "control", 0.15, 249)]
    lanes += [("evaluation", "evaluation", 0.22, 365), ("relabel", "second opinion", 0.05, 83)]
    notice = Notice(
        seq=31, at=now() - 10**10, kind="fallback", round=3, live=p.id == "digits",
        sentence="Asked at random: the model gives no probabilities.",
    )  # fmt: skip
    return Status(
        project=p.id,
        name=p.name,
        verdict=verdict,
        accuracy=None if fresh else Estimate(value=0.9, low=0.87, high=0.93, n=420),
        advice=advice,
        stopped=stopped,
        rules=[StopRule(rule=r, name=n, verdict=v, evidence=e, decides=True) for r, n, v, e in rules],  # type: ignore
        spent=Spent(
            currency="USD", per_label=money, seconds_per_label=4.6, money=1660 * money if money else None,
            of=2420 * money if money else None, hours=2.1,
        ),
        lanes=[LaneShare(lane=l, name=n, share=x, wanted=x, answers=a) for l, n, x, a in lanes],
        now=headroom(p),
        feed=feed(p),
        notices=[notice],
        defaults=[
            Default(name="loop.batch", value="50 items", sentence="2 % of the budget is less."),
            Default(name="loop.seed_set", value="40 items", sentence="5 for each of the 8 classes."),
            Default(name="loop.retrain_every", value="124 answers", sentence="10 % of the labels so far."),
        ],
        strategy="margin",
    )  # fmt: skip


@app.get(P + "/curves", responses=ERRORS)
def curves(project: str) -> Curves:
    p = find(project)
    needed: dict[Any, int] = {"curve": 10, "accuracy": 50, "comparison": 100}
    common = {"metric": "accuracy", "axis": "Correct on the evaluation items, %", "needed": needed}
    nothing = {
        "at": None,
        "difference": None,
        "active": None,
        "random": None,
        "visible": None,
        "settle": Settle(state="none", sentence="", done=0, of=0),
    }
    unsaved = {"gross": None, "net": None, "random_labels": None, "active_labels": None, "accuracy": None}
    if p.id in {"fresh", "digits"}:
        have = 0 if p.id == "fresh" else 18
        some = p.id == "digits"
        return Curves(
            **common,
            active=Curve(
                name="Active model", points=curve(0.9, 0.3, 60, [20, 32, 45, 60], 0.1, 3) if some else [], ends=""
            ),
            random=Curve(
                name="Random labelling", points=curve(0.82, 0.3, 60, [12, 20, 29], 0.12, 4) if some else [],
                ends="random is measured to here, from 18 control and 18 evaluation labels",
            ),
            comparison=Comparison(
                state="missing", sentence=f"Too early to say: {100 - have} more evaluation answers.", detail="",
                missing=100 - have, **nothing,
            ),
            saved=Saved(
                state="missing", sentence="Labels saved: too early to say.", detail="", net_sentence="", proof=have,
                **unsaved,
            ),
            evaluation=have,
            missing=f"Accuracy: too early. {have} of 50 evaluation labels.",
        )  # fmt: skip
    return Curves(
        **common,
        active=Curve(name="Active model", points=active_curve(p), ends=""),
        random=Curve(
            name="Random labelling",
            points=curve(0.82, 0.3, 180, list(range(40, 486, 37)), 0.033, 2),
            ends="random is measured to here, from 186 control and 420 evaluation labels; beyond it nothing is claimed",
        ),
        comparison=Comparison(
            state="better",
            sentence="Yes. With 485 labels each: 84 % against 80 %, 3.3 points more (between 0.4 and 6.2).",
            detail="",
            missing=0,
            at=485,
            difference=Estimate(value=0.033, low=0.004, high=0.062, n=420),
            active=0.84,
            random=0.80,
            visible=0.03,
            settle=Settle(state="none", sentence="", done=0, of=0),
        ),
        saved=Saved(
            state="saved",
            sentence="Random labelling needed 485 labels for 80 %; this project needed about 309: 176 saved (at least 104). "
            "Measured up to 485 labels; you now have 1,240, and the comparison cannot reach that far.",
            detail="",
            gross=Estimate(value=176, low=90, high=260, n=420),
            net=-244,
            net_sentence="Net of the evaluation labels: −244 so far.",
            proof=420,
            random_labels=485,
            active_labels=309,
            accuracy=0.8,
        ),
        evaluation=420,
        missing="",
    )


@app.get(P + "/rounds", responses=ERRORS)
def rounds(project: str, cursor: str = "") -> Rounds:
    if project == "fresh":
        return Rounds(rounds=[], next=None)
    rows = [
        Round(
            round=n, at=now() - (31 - n) * 10**9, labels=40 * n, strategy="margin" if n > 2 else "coverage",
            reason="the model is 41 points better than the largest class",
            accuracy=Estimate(value=0.9 - (31 - n) / 200, low=0.87 - (31 - n) / 180, high=0.93 - (31 - n) / 220,
                                n=420) if n > 4 else None,
            calibration_error=0.021 + (31 - n) / 1000, median_ms=4700 - n * 10, train_seconds=3.8, model=f"m{n}",
            dataset="9f3a51c07e22d8b4", lanes={"query": 23, "control": 6, "evaluation": 11},
            notices=["asked at random: the model gives no probabilities"] if n == 27 else [],
        )
        for n in range(31, 0, -1)
    ]  # fmt: skip
    return Rounds(rounds=rows, next=None)


@app.get(P + "/classes", responses=ERRORS)
def classes(project: str) -> Classes:
    p = find(project)
    counts = [231, 158, 214, 65, 151, 96, 122, 203]
    shares = [0.21, 0.12, 0.17, 0.04, 0.1, 0.05, 0.07, 0.24]
    if p.id == "fresh":
        rows = [ClassRow(name=n, labels=0, share=0, pool=None, recall=None, sentence="no label yet") for n in p.classes]
        return Classes(sentence="No label yet.", classes=rows)
    rows = [
        ClassRow(
            name=name, labels=counts[i % 8], share=counts[i % 8] / 1240,
            pool=Estimate(value=shares[i % 8], low=shares[i % 8] - 0.02, high=shares[i % 8] + 0.03, n=420),
            recall=Estimate(value=0.9 - i % 8 / 50, low=0.8 - i % 8 / 40, high=0.95 - i % 8 / 90, n=40),
            sentence="",
        )
        for i, name in enumerate(p.classes)
    ]  # fmt: skip
    return Classes(sentence="Refund is thin: 65 labels.", classes=rows)


@app.get(P + "/calibration", responses=ERRORS)
def calibration(project: str) -> Calibration:
    if project in {"fresh", "digits"}:
        return Calibration(
            state="missing", sentence="Too early to say: 32 more evaluation answers.", bins=[], before=None, after=None,
            method="none yet", parameters={}, n=18,
        )  # fmt: skip
    bins = [(0.35, 0.3, 40), (0.45, 0.42, 50), (0.55, 0.57, 60), (0.65, 0.62, 70), (0.75, 0.77, 90), (0.85, 0.84, 110)]
    bins.append((0.96, 0.97, 180))
    return Calibration(
        state="good",
        sentence="Yes. What it says is 2 points off on average (9 before calibration).",
        bins=[
            Bin(certainty=x, correct=Estimate(value=y, low=y - 1 / n**0.5, high=min(1, y + 1 / n**0.5), n=n))
            for x, y, n in bins
        ],
        before=0.09,
        after=0.021,
        method="temperature",
        parameters={"temperature": 1.7},
        n=420,
    )


@app.get(P + "/timing", responses=ERRORS)
def timing(project: str) -> Timing:
    if project == "fresh":
        return Timing(sentence="Too early to say.", n=0, median_ms=None, per_hour=None, bins=[])
    counts = [4, 18, 44, 62, 72, 60, 48, 34, 24, 18, 12, 8, 6, 4, 4, 2]
    bins = [TimeBin(low=i, high=None if i == 15 else i + 1, n=n) for i, n in enumerate(counts)]
    sentence = "About 780 labels an hour of active time."
    return Timing(sentence=sentence, n=sum(counts), median_ms=4600, per_hour=780, bins=bins)


@app.get(P + "/events", responses={**ERRORS, 200: {"model": LiveEvent}}, response_class=StreamingResponse)
def events(project: str) -> StreamingResponse:
    p = find(project)

    async def stream() -> AsyncIterator[str]:
        while True:
            live = LiveEvent(now=headroom(p), feed=[], changed=[])
            yield f"id: {p.seq}\nevent: now\ndata: {live.model_dump_json()}\n\n"
            await asyncio.sleep(2)

    return StreamingResponse(stream(), media_type="text/event-stream")


@app.post(P + "/commands/{command}", responses=ERRORS)
def command(project: str, command: str, form: Command) -> Done:
    p = find(project)
    p.stopped = {"stop": True, "resume": False}.get(command, p.stopped)
    return Done(seq=p.seq, sentence=f"{command} was recorded")


@app.get(P + "/export", responses=ERRORS, response_class=StreamingResponse)
def export(project: str, format: str = "csv") -> StreamingResponse:
    headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
    return StreamingResponse(iter(["item,label\n"]), media_type="text/csv", headers=headers)


@app.get("/health")
def health() -> Health:
    return Health(status="ok", version="0.1.0", worker=True)


@app.get("/{path:path}", include_in_schema=False)
def page(path: str) -> FileResponse:
    file = (STATIC / path).resolve()
    return FileResponse(file if path and file.is_file() and STATIC in file.parents else STATIC / "index.html")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8799)
    parser.add_argument("--fail", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--openapi", type=Path)
    given = parser.parse_args()
    CHANCE.update(fail=given.fail, slow=given.slow)
    if given.openapi:
        given.openapi.write_text(json.dumps(app.openapi(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        uvicorn.run(app, port=given.port, log_level="warning")
