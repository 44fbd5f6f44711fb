"""`/team`, `/review`, `/gold`: agreement, people's own numbers, disagreements and their decision."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from querist.engine import asking_again, reviewing
from querist.engine.views import team as views
from querist.server.access import InProject, Visit
from querist.server.contents import with_content
from querist.server.schemas.team import Decision, Gold, GoldChange, Review, TeamView
from querist.server.schemas.wire import Done

router = APIRouter(prefix="/projects/{project}", tags=["team"])

Looking = Annotated[Visit, Depends(InProject("annotator"))]
Reviewing = Annotated[Visit, Depends(InProject("reviewer"))]
Managing = Annotated[Visit, Depends(InProject("manager"))]
ItemId = Annotated[str, Path(min_length=1, max_length=500)]


@router.get("/team")
def team(visit: Looking) -> TeamView:
    """Tell how far people agree, and how each works; who only labels sees their own row."""
    return TeamView.model_validate(views.team(visit.project, viewer=visit.person, everybody=visit.reviews))


@router.get("/review")
def review(
    visit: Reviewing,
    cursor: Annotated[str, Query(max_length=20)] = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Review:
    """List the items about which people disagree, the most contested first."""
    found = reviewing.review(visit.project, viewer=visit.person, cursor=cursor, limit=limit)
    items = [with_content(visit.project.id, item) for item in found["items"]]
    return Review.model_validate({**found, "items": items})


@router.post("/items/{item:id}/decision", status_code=201)
def decide(item: ItemId, form: Decision, visit: Reviewing) -> Done:
    """Settle an item; the answers stay, and the decision outweighs them."""
    key, who = str(form.key), visit.person
    recorded, _ = reviewing.decide(visit.project, who, key, item, form.value, reason=form.reason, note=form.note)
    return Done(seq=recorded.seq, sentence="Settled. The decision outweighs the answers, which stay.")


@router.get("/gold")
def gold(visit: Reviewing) -> Gold:
    """List the items whose answer is known."""
    return _gold(visit, [])


@router.post("/gold")
def change_gold(form: GoldChange, visit: Managing) -> Gold:
    """Name items whose answer is known, or take them off the list."""
    key, who = str(form.key), visit.person
    return _gold(
        visit, asking_again.change_gold(visit.project, who, key, form.values, form.removed, reasons=form.reasons)
    )


def _gold(visit: Visit, left_out: list[str]) -> Gold:
    known = asking_again.known_answers(visit.project)
    return Gold(
        values={item: answer.value for item, answer in known.items()},
        reasons={item: answer.reason for item, answer in known.items() if answer.reason},
        left_out=left_out,
    )
