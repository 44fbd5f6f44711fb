"""`/status`, `/curves` and the rest of the overview page; `/events` tells when to read which again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import StreamingResponse

from querist.engine import views
from querist.errors import BadValue, QueristError
from querist.server import live
from querist.server.access import InProject, Visit, identify, site_of
from querist.server.schemas.figures import Calibration, Classes, Curves, Rounds, Slices, Timing
from querist.server.schemas.status import LiveEvent, Status

router = APIRouter(prefix="/projects/{project}", tags=["overview"])

Looking = Annotated[Visit, Depends(InProject("annotator"))]


@router.get("/status")
def status(visit: Looking) -> Status:
    """Tell how good the model is, whether to go on, and what happens now."""
    found = views.status(visit.project)
    return Status.model_validate(found if visit.reviews else {**found, "feed": []})


@router.get("/curves")
def curves(visit: Looking) -> Curves:
    """Tell whether choosing beats random labelling, on this project's own data."""
    return Curves.model_validate(views.curves(visit.project))


@router.get("/rounds")
def rounds(visit: Looking, cursor: Annotated[str, Query(max_length=20)] = "") -> Rounds:
    """List the rounds, newest first."""
    if cursor and not cursor.isdigit():
        raise BadValue("cursor", cursor, "not one that this server gave")
    return Rounds.model_validate(views.rounds(visit.project, before=int(cursor) if cursor else None))


@router.get("/classes")
def classes(visit: Looking) -> Classes:
    """Tell how the classes stand: labels, share, recall."""
    return Classes.model_validate(views.classes(visit.project))


@router.get("/slices")
def slices(visit: Looking) -> Slices:
    """Tell where the model is weak, with the filter that asks for more of each slice."""
    return Slices.model_validate(views.slices(visit.project))


@router.get("/calibration")
def calibration(visit: Looking) -> Calibration:
    """Tell whether the model's certainty can be trusted."""
    return Calibration.model_validate(views.calibration(visit.project))


@router.get("/timing")
def timing(visit: Looking) -> Timing:
    """Tell how long an answer takes."""
    return Timing.model_validate(views.timing(visit.project))


class EventStream(StreamingResponse):
    """A stream of server-sent events."""

    media_type = "text/event-stream"


@router.get("/events", response_class=EventStream, responses={200: {"model": LiveEvent}})
async def events(
    visit: Looking, request: Request, last_event_id: Annotated[str | None, Header(max_length=20)] = None
) -> EventStream:
    """Stream what happens as server-sent events (`LiveEvent`); `Last-Event-ID` is a seq of the ledger."""
    if last_event_id and not last_event_id.isdigit():
        raise BadValue("Last-Event-ID", last_event_id, "must be a seq of the ledger")

    def may_listen() -> bool:
        try:
            site_of(request).project_for(identify(request).person, visit.project.id)
        except QueristError:
            return False
        return True

    feed = site_of(request).feed(visit.project)
    after = int(last_event_id) if last_event_id else None
    text = live.stream(feed, after, may_listen=may_listen, sees_feed=visit.reviews)
    return EventStream(text, headers={"X-Accel-Buffering": "no"})
