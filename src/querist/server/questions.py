"""`/questions`: what people ask about an item, and what they are told."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from querist.engine import questions as engine
from querist.errors import Denied
from querist.server.access import InProject, Visit
from querist.server.contents import with_content
from querist.server.schemas.questions import QuestionForm, QuestionReply, Questions
from querist.server.schemas.wire import Done

router = APIRouter(prefix="/projects/{project}", tags=["questions"])

Looking = Annotated[Visit, Depends(InProject("annotator"))]
Reviewing = Annotated[Visit, Depends(InProject("reviewer"))]
ItemId = Annotated[str, Path(min_length=1, max_length=500)]


@router.get("/questions")
def questions(visit: Looking, item: Annotated[str, Query(max_length=500)] = "") -> Questions:
    """List questions, the newest first; who only labels sees their own, and what was answered on an item."""
    found = engine.questions(visit.project, viewer=visit.person, everybody=visit.reviews, item=item or None)
    return Questions.model_validate({"questions": [with_content(visit.project.id, entry) for entry in found]})


@router.post("/items/{item:id}/questions", status_code=201)
def ask(item: ItemId, form: QuestionForm, visit: Looking) -> Done:
    """Ask a question on an item."""
    recorded = engine.ask(visit.project, visit.person, str(form.key), item, form.text)
    return Done(seq=recorded.seq, sentence="Asked. The answer comes to this screen.")


@router.post("/questions/{seq}/answer", status_code=201)
def answer(seq: Annotated[int, Path(ge=1)], form: QuestionReply, visit: Reviewing) -> Done:
    """Answer a question; a manager may make its item an example of a class."""
    example = None
    if form.example is not None:
        if not visit.is_at_least("manager"):
            raise Denied("only managers change the guidelines", field="example", value=form.example.name)
        example = engine.Example(form.example.name, form.example.good, form.example.instead)
    recorded = engine.answer(visit.project, visit.person, str(form.key), seq, form.text, example=example)
    return Done(seq=recorded.seq, sentence="Answered.")
