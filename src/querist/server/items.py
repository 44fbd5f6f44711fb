"""`/items`: finding an item, seeing it whole, why it was chosen, and what became of it."""

from __future__ import annotations

import re
from typing import Annotated, get_args
from urllib.parse import quote, unquote

from fastapi import APIRouter, Depends, Path, Query
from starlette.convertors import Convertor, register_url_convertor
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from querist.engine import alike as like_one
from querist.engine import views
from querist.errors import NotFound, UnknownName
from querist.server import media
from querist.server.access import InProject, Visit
from querist.server.contents import API, cut, with_content
from querist.server.schemas.items import History, Item, ItemPage, WhyRecord
from querist.server.schemas.labelling import Alike, AlikeRequest
from querist.server.schemas.wire import ItemState


class IdConvertor(Convertor[str]):
    """Takes one segment of an address that is still encoded, so that an item's id may hold slashes."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the id that the segment stands for."""
        return unquote(value)

    def to_string(self, value: str) -> str:
        """Return the segment that stands for an id."""
        return quote(value, safe="")


class EncodedIds:
    """ASGI middleware: addresses of items are matched before they are decoded; `a%2Fwhy` is an id, `a/why` a route."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = scope.get("raw_path") or b""
        if scope["type"] == "http" and _ITEM.match(raw):
            scope = {**scope, "path": raw.decode("ascii", errors="replace")}
        await self.app(scope, receive, send)


_ITEM = re.compile(rf"{API}/projects/[^/]+/items/.".encode())

register_url_convertor("id", IdConvertor())
router = APIRouter(prefix="/projects/{project}/items", tags=["items"])

Looking = Annotated[Visit, Depends(InProject("annotator"))]
Reviewing = Annotated[Visit, Depends(InProject("reviewer"))]
ItemId = Annotated[str, Path(min_length=1, max_length=500)]
Text = Annotated[str, Query(max_length=200)]


@router.get("")
def items(
    visit: Looking,
    q: Text = "",
    state: Text = "",
    class_: Annotated[str, Query(alias="class", max_length=200)] = "",
    person: Text = "",
    cursor: Text = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> ItemPage:
    """List items, the newest answers first; who only labels finds what they answered themselves."""
    if state and state not in get_args(ItemState):
        raise UnknownName("state", state, get_args(ItemState))
    if person not in {"", "me"}:
        raise UnknownName("person", person, ["me"])
    mine = person == "me" or not visit.reviews
    found = views.items(
        visit.project,
        query=q,
        state=state or None,
        label=class_ or None,
        person=visit.person if mine else None,
        cursor=cursor or None,
        limit=limit,
    )
    rows = [with_content(visit.project.id, {**row, "content": cut(row["content"])}) for row in found["items"]]
    return ItemPage.model_validate({**found, "items": rows})


@router.post("/{item:id}/alike")
def alike(item: ItemId, form: AlikeRequest, visit: Looking) -> Alike:
    """Give the person items that are like this one, to be answered at a stroke; none that measure the model."""
    found = like_one.alike(visit.project, visit.person, item, form.n)
    return Alike.model_validate({"tasks": [with_content(visit.project.id, task) for task in found["tasks"]]})


@router.get("/{item:id}/why")
def why(item: ItemId, visit: Looking) -> WhyRecord:
    """Tell the whole record of why the item was chosen; hidden for evaluation items."""
    return WhyRecord.model_validate(views.why(visit.project, item))


@router.get("/{item:id}/history")
def history(item: ItemId, visit: Reviewing) -> History:
    """Tell everything that the ledger says of the item."""
    return History.model_validate(views.history(visit.project, item))


@router.get("/{item:id}/content", response_class=Response)
def content(item: ItemId, visit: Looking) -> Response:
    """Send the item's picture or sound from the media folder."""
    found = visit.project.store.contents([item])[0]
    if found is None or "path" not in found.value:
        raise NotFound(f"item {item!r} has no file", field="item", value=item)
    return media.serve(visit.project.media_root(), str(found.value["path"]))


@router.get("/{item:id}")
def item(item: ItemId, visit: Looking) -> Item:
    """Show an item whole, with the answers that the person may see."""
    found = views.item(visit.project, item, viewer=visit.person)
    answers = [answer for answer in found["answers"] if visit.reviews or answer["mine"]]
    if not any(answer["live"] for answer in answers):
        found = {**found, "value": None}
    return Item.model_validate(with_content(visit.project.id, {**found, "answers": answers}))
