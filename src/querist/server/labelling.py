"""`/next`, `/leases`, `/answers`: what the labelling screen talks to all day."""

from __future__ import annotations

from typing import Annotated, Final, cast
from uuid import UUID

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Request, Response

from querist.engine import commands
from querist.errors import NotFound
from querist.server.access import InProject, Visit
from querist.server.contents import with_content
from querist.server.schemas.labelling import AnswerForm, AnswerReceipt, LeaseReply, NextReply, NextRequest, Undone
from querist.server.schemas.wire import Reply

router = APIRouter(prefix="/projects/{project}", tags=["labelling"])

Labelling = Annotated[Visit, Depends(InProject("annotator"))]
LeaseId = Annotated[str, Path(max_length=200)]

ABREAST: Final = 6
"""Answers and calls for items that are worked on at a time, the others in line: there is one interpreter and one turn
to write, and forty that share them by half milliseconds are all as late as the last. More than there are processors,
because an answer also waits for the disk."""


def line() -> CapacityLimiter:
    """Return the line that answers and calls for items stand in, one for each service."""
    return CapacityLimiter(ABREAST)


@router.post("/next", response_model=NextReply)
async def next_items(form: NextRequest, visit: Labelling, request: Request) -> Response:
    """Give the person up to n items in all, those they still hold included."""
    return await to_thread.run_sync(_next_items, form, visit, limiter=request.app.state.line)


def _next_items(form: NextRequest, visit: Visit) -> Response:
    reply = commands.next_items(visit.project, visit.person, form.n, form.held)
    tasks = [with_content(visit.project.id, task) for task in reply["tasks"]]
    return _json(NextReply.model_validate({**reply, "tasks": tasks}))


@router.post("/leases/{lease}/heartbeat")
def heartbeat(lease: LeaseId, visit: Labelling) -> LeaseReply:
    """Keep an item a while longer; `expires_at` is null when somebody else has it by now."""
    try:
        expires_at = visit.project.store.renew(lease, visit.person).expires_at
    except NotFound:
        expires_at = None
    return LeaseReply(lease=lease, expires_at=expires_at)


@router.delete("/leases/{lease}")
def release(lease: LeaseId, visit: Labelling) -> LeaseReply:
    """Give an item back unanswered; giving back twice is no error."""
    visit.project.store.release(lease, visit.person)
    return LeaseReply(lease=lease, expires_at=None)


@router.post("/answers", status_code=201, response_model=AnswerReceipt, responses={200: {"model": AnswerReceipt}})
async def submit(form: AnswerForm, visit: Labelling, request: Request) -> Response:
    """Keep an answer: 201, or 200 with the first receipt when its key is known."""
    return await to_thread.run_sync(_submit, form, visit, limiter=request.app.state.line)


def _submit(form: AnswerForm, visit: Visit) -> Response:
    answer = cast(commands.Form, form)
    receipt, is_new = commands.submit(visit.project, visit.person, answer, may_correct_others=visit.reviews)
    return _json(AnswerReceipt.model_validate(receipt), status=201 if is_new else 200)


@router.delete("/answers/{seq}")
def undo(seq: Annotated[int, Path(ge=1)], key: UUID, visit: Labelling) -> Undone:
    """Take back one's own answer; the item is the person's again."""
    undone = commands.undo(visit.project, visit.person, seq, str(key))
    if undone["task"] is not None:
        undone = {**undone, "task": with_content(visit.project.id, undone["task"])}
    return Undone.model_validate(undone)


def _json(reply: Reply, *, status: int = 200) -> Response:
    """Return the finished response: FastAPI would check the reply a second time, in a thread that it waits for."""
    return Response(reply.model_dump_json(), status, media_type="application/json")
